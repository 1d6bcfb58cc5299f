//! For tests of the HTTP side: an invocation in memory, whose clock moves when somebody sleeps.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::{self, LocalBoxFuture};
use serde_json::Value;
use url::Url;

use super::download::{ByteRange, StoredFile};
use super::isolate::Isolate;
use super::recent::ring::RecentDelivery;
use super::request::{Arrived, Arriving, Body as RequestBody, Request};
use super::response::{Body, Response};
use super::runtime::{
    HandshakeTokens, LimiterError, Limits, OpenedFile, Outbound, RecentDeliveries, Runtime, StoredFiles,
};
use crate::config::Configuration;
use crate::fabricate::Answer;
use crate::hook::HookName;
use crate::log::{Level, Line};
use crate::ports::{Clock, Log, Metrics, Point, StoreError, Version};
use crate::run::tests::at;
use crate::testing::{MemoryWorld, finish, shown};
use crate::timestamp::Timestamp;
use crate::verify::answer::may_have_body;
use crate::verify::crypto::Crypto;
use crate::verify::offered_secret::OfferedSecret;
use crate::verify::rust_crypto::RustCrypto;

/// What the stores of the service's tests lack: files, and the tokens of handshakes.
#[derive(Default)]
pub(crate) struct HttpStores {
    /// Archived files by their keys.
    pub(super) files: RefCell<BTreeMap<String, (StoredFile, Vec<u8>)>>,
    /// How many of the next attempts to open a file find another one.
    pub(super) changes: Cell<u32>,
    pub(super) files_fail: Cell<bool>,
    pub(super) tokens: RefCell<BTreeMap<HookName, (OfferedSecret, Version)>>,
    /// The stored lists of deliveries that were refused or ignored.
    pub(super) recent: RefCell<BTreeMap<u8, (Vec<RecentDelivery>, Version)>>,
    pub(super) recent_fails: Cell<bool>,
}

impl StoredFiles for MemoryWorld {
    type Stream = Vec<u8>;

    async fn head_file(&self, key: &str) -> Result<Option<StoredFile>, StoreError> {
        if self.http.files_fail.get() {
            return Err(StoreError::Busy("FILES"));
        }
        Ok(self.http.files.borrow().get(key).map(|(file, _)| file.clone()))
    }

    async fn open_file(
        &self,
        key: &str,
        etag: &str,
        part: Option<ByteRange>,
    ) -> Result<OpenedFile<Vec<u8>>, StoreError> {
        if let Some(left) = self.http.changes.get().checked_sub(1) {
            self.http.changes.set(left);
            return Ok(OpenedFile::Changed);
        }
        let files = self.http.files.borrow();
        let Some((file, bytes)) = files.get(key) else { return Ok(OpenedFile::Missing) };
        if file.etag != etag {
            return Ok(OpenedFile::Changed);
        }
        let part = part.map_or(0..bytes.len(), |part| {
            let first = usize::try_from(part.first).unwrap();
            first..first + usize::try_from(part.length).unwrap()
        });
        Ok(OpenedFile::Opened(bytes[part].to_vec()))
    }
}

impl HandshakeTokens for MemoryWorld {
    async fn get_token(&self, hook: &HookName) -> Result<Option<(OfferedSecret, Version)>, StoreError> {
        Ok(self.http.tokens.borrow().get(hook).cloned())
    }

    async fn put_token(
        &self,
        hook: &HookName,
        token: &OfferedSecret,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let mut tokens = self.http.tokens.borrow_mut();
        if tokens.get(hook).map(|(_, version)| version) != expected {
            return Ok(false);
        }
        let version = Version { etag: token.token.clone(), at: at(0) };
        tokens.insert(hook.clone(), (token.clone(), version));
        Ok(true)
    }
}

impl RecentDeliveries for MemoryWorld {
    async fn get_recent(&self, shard: u8) -> Result<Option<(Vec<RecentDelivery>, Version)>, StoreError> {
        if self.http.recent_fails.get() {
            return Err(StoreError::Busy("INBOX"));
        }
        Ok(self.http.recent.borrow().get(&shard).cloned())
    }

    async fn put_recent(
        &self,
        shard: u8,
        recent: &[RecentDelivery],
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let mut lists = self.http.recent.borrow_mut();
        if lists.get(&shard).map(|(_, version)| version) != expected {
            return Ok(false);
        }
        let etag = lists.get(&shard).map_or(1, |(_, version)| version.etag.parse().unwrap_or(0) + 1);
        lists.insert(shard, (recent.to_vec(), Version { etag: i64::to_string(&etag), at: at(0) }));
        Ok(true)
    }
}

/// A body that arrives so, and then no more: zeros.
pub(super) fn arriving<const N: usize>(steps: [Arrived; N]) -> RequestBody {
    RequestBody::Arriving(Box::new(Steps { steps: steps.into(), bytes: 0 }))
}

struct Steps {
    steps: VecDeque<Arrived>,
    bytes: usize,
}

impl Arriving for Steps {
    fn more(&mut self) -> LocalBoxFuture<'_, Arrived> {
        match self.steps.pop_front() {
            None => future::pending().boxed_local(),
            Some(arrived) => {
                if let Arrived::Bytes(bytes) = arrived {
                    self.bytes += bytes;
                }
                future::ready(arrived).boxed_local()
            }
        }
    }

    fn take(self: Box<Self>) -> Vec<u8> {
        vec![b'0'; self.bytes]
    }
}

/// One isolate, and the invocation of each of its requests.
pub(super) struct Stage {
    pub(super) isolate: Isolate,
    /// `None`: a binding is missing.
    pub(super) stores: Option<Rc<MemoryWorld>>,
    pub(super) secrets: BTreeMap<&'static str, &'static str>,
    /// How many calls each rate-limiting binding lets pass from now on.
    pub(super) limits: RefCell<BTreeMap<&'static str, u32>>,
    pub(super) outside: RefCell<Outside>,
    /// The work that goes on after the answers.
    pub(super) work: RefCell<Vec<LocalBoxFuture<'static, ()>>>,
    /// Where the Worker is called.
    pub(super) base: Cell<&'static str>,
    /// Level and text of each line.
    pub(super) log: RefCell<Vec<(Level, String)>>,
    /// The data points of deliveries; the stores have the others.
    pub(super) points: RefCell<Vec<String>>,
    now_ms: Cell<i64>,
    random: Cell<u8>,
}

/// What is outside.
#[derive(Default)]
pub(super) struct Outside {
    /// Status and body of every answer; `None`: no answer.
    pub(super) answer: Option<(u16, String)>,
    /// The addresses that were asked.
    pub(super) asked: Vec<String>,
}

/// An answer, as its caller gets it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Got {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Stage {
    pub(super) fn new(hooks: &Value) -> Self {
        Self::with_vars(&serde_json::json!({"HOOKS": hooks}))
    }

    pub(super) fn with_vars(vars: &Value) -> Self {
        Self {
            isolate: Isolate::new(Configuration::read(vars.as_object().unwrap())),
            stores: Some(Rc::default()),
            secrets: BTreeMap::from([
                ("FABRICATE_API_KEY", "key"),
                ("OPERATOR_TOKEN", TOKEN),
                ("LINK_SECRET", "0123456789abcdef0123456789abcdef"),
                ("SECRET", "s3cret"),
            ]),
            limits: RefCell::default(),
            outside: RefCell::default(),
            work: RefCell::default(),
            base: Cell::new("https://seedhook.example"),
            log: RefCell::default(),
            points: RefCell::default(),
            now_ms: Cell::default(),
            random: Cell::default(),
        }
    }

    pub(super) fn now_ms(&self) -> i64 {
        self.now_ms.get()
    }

    pub(super) fn pass_ms(&self, millis: i64) {
        self.now_ms.set(self.now_ms.get() + millis);
    }

    pub(super) fn stores(&self) -> &MemoryWorld {
        self.stores.as_ref().unwrap()
    }

    /// Sends a request whose body comes in one piece, and checks that `openapi.json` has the answer.
    #[track_caller]
    pub(super) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        self.send_body(method, path, headers, RequestBody::Whole(body.as_bytes().to_vec()))
    }

    #[track_caller]
    pub(super) fn send_body(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: RequestBody,
    ) -> Got {
        let address = format!("{}{path}", self.base.get());
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let url = Url::parse(&address).unwrap();
        let request = Request { method: method.to_owned(), url, address, headers: headers.collect(), body };
        let answer = finish(super::handle(&self.isolate, self, request));
        let Response { status, headers, body } = answer;
        assert!(
            may_have_body(status) || matches!(body, Body::Empty),
            "a runtime throws for a {status} with a body"
        );
        let headers: Vec<(String, String)> =
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let body = match body {
            Body::Empty => String::new(),
            Body::Text(text) => text,
            Body::Stream(bytes) => String::from_utf8(bytes).unwrap(),
        };
        #[cfg(not(target_arch = "wasm32"))]
        super::openapi::conformance::check(method, path, status, &headers, &body);
        Got { status, headers, body }
    }

    /// Does the work that goes on after the answers.
    #[track_caller]
    pub(super) fn finish_work(&self) {
        for work in self.work.take() {
            finish(work);
        }
    }

    /// Sends a request with the operator's token.
    #[track_caller]
    pub(super) fn operator(&self, method: &str, path: &str, body: &str) -> Got {
        self.send(method, path, &[("authorization", AUTHORIZATION)], body)
    }

    /// Posts a JSON document to a hook.
    #[track_caller]
    pub(super) fn post(&self, hook: &str, body: &str) -> Got {
        self.send("POST", &format!("/hooks/{hook}"), &[("content-type", "application/json")], body)
    }
}

pub(super) const TOKEN: &str = "an-operator-token-of-at-least-32-characters";
pub(super) const AUTHORIZATION: &str = "Bearer an-operator-token-of-at-least-32-characters";

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The last part of a problem's type; empty where the answer states none.
    pub(super) fn problem(&self) -> String {
        if self.header("content-type") != Some("application/problem+json") {
            return String::new();
        }
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let kind = problem["type"].as_str().unwrap().strip_prefix("urn:seedhook:problem:");
        kind.unwrap().to_owned()
    }
}

impl Runtime for Stage {
    type Ports = MemoryWorld;

    fn ports(&self) -> Option<Rc<MemoryWorld>> {
        self.stores.clone()
    }

    fn secret(&self, name: &str) -> Option<String> {
        self.secrets.get(name).map(|value| (*value).to_owned())
    }

    fn crypto(&self) -> &dyn Crypto {
        &RustCrypto
    }

    async fn count_call(&self, binding: &str, _: &str) -> Result<bool, LimiterError> {
        let mut limits = self.limits.borrow_mut();
        let left = limits.get_mut(binding).ok_or_else(|| LimiterError::NotBound(binding.to_owned()))?;
        let is_within = *left > 0;
        *left = left.saturating_sub(1);
        Ok(is_within)
    }

    fn wait_until(&self, work: impl Future<Output = ()> + 'static) {
        self.work.borrow_mut().push(work.boxed_local());
    }
}

impl Outbound for Stage {
    async fn get(&self, url: &Url, limits: Limits) -> Result<Answer, String> {
        let mut outside = self.outside.borrow_mut();
        outside.asked.push(url.to_string());
        let seconds = limits.timeout_ms / 1_000;
        let (status, body) = outside.answer.clone().ok_or_else(|| format!("no answer within {seconds} s"))?;
        if body.len() > limits.bytes_max.try_into().unwrap() {
            return Err(format!("the answer is larger than {} bytes", limits.bytes_max));
        }
        Ok(Answer { status, content_type: None, retry_after: None, body: body.into_bytes() })
    }
}

impl Clock for Stage {
    fn now(&self) -> Timestamp {
        at(self.now_ms.get())
    }

    async fn sleep_ms(&self, millis: u32) {
        self.now_ms.set(self.now_ms.get() + i64::from(millis));
    }

    fn random(&self) -> [u8; 16] {
        self.random.set(self.random.get() + 1);
        [self.random.get(); 16]
    }
}

impl Metrics for Stage {
    fn write_point(&self, point: &Point<'_>) {
        self.points.borrow_mut().push(shown(point));
    }
}

impl Log for Stage {
    fn log(&self, line: Line, fields: Value) {
        self.log.borrow_mut().push((line.level, format!("{} {fields}", line.message)));
    }
}
