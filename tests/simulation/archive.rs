//! Simulated files: downloads that fail, lead elsewhere or bring other bytes, and the bucket they are copied to.

use std::collections::BTreeMap;

use seedhook::fabricate::{REDIRECTS_MAX, TaskId};
use seedhook::ports::{Archive, Archived, Copied, CopyError, Destination, Source, StoreError};
use serde_json::{Value, json};
use url::Url;

use crate::breakage::Breakage;
use crate::chance::pick;
use crate::operation::Port;
use crate::promises::Promise;
use crate::world::{Invocation, State};

/// Where Fabricate's redirects lead.
const STORAGE: &str = "https://storage.example/x";

/// The files bucket, by key.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Object>,
}

/// What is in the bucket: bytes, stood for by a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) size: u64,
    pub(crate) content: u64,
}

/// A file of a task as it will go.
pub(crate) struct File {
    pub(crate) object: Object,
    /// Whether the task says how large it is, and whether that is so.
    stated: bool,
    misstated: bool,
    way: Way,
    /// Its download is answered 404.
    broken: bool,
    /// How often other bytes than the stated ones came.
    pub(crate) bad_copies: u32,
}

/// How a download goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// So many redirects to storage, then the bytes.
    Redirects(usize),
    /// A redirect that must not be followed.
    Astray(Option<&'static str>),
}

impl File {
    /// A `clean` one is archived or given up in one pass.
    pub(crate) fn draw(rng: &mut fastrand::Rng, clean: bool) -> Self {
        let astray = [Some("https://10.0.0.1/x"), Some("http://storage.example/x/1/1/1"), None];
        let way = match rng.u8(..24) {
            0 => Way::Astray(*pick(rng, &astray)),
            1 => Way::Redirects(REDIRECTS_MAX + 1),
            2 => Way::Redirects(REDIRECTS_MAX),
            3..8 => Way::Redirects(1),
            _ => Way::Redirects(0),
        };
        Self {
            object: Object { size: rng.u64(0..1_000_000), content: rng.u64(..) },
            stated: rng.u8(..4) > 0,
            misstated: !clean && rng.u8(..24) == 0,
            way,
            broken: rng.u8(..24) == 0,
            bad_copies: 0,
        }
    }

    /// What the task says of it.
    pub(crate) fn listing(&self, index: u32) -> Value {
        let size = self.stated.then(|| self.object.size + u64::from(self.misstated));
        json!({"id": index, "name": format!("../report {index}.csv"), "size": size, "content_type": "text/csv"})
    }

    /// Whether it cannot be copied, ever.
    pub(crate) fn is_hopeless(&self) -> bool {
        let astray = match self.way {
            Way::Redirects(count) => count > REDIRECTS_MAX,
            Way::Astray(_) => true,
        };
        astray || self.broken || (self.misstated && self.stated)
    }

    fn bytes(&mut self, size: Option<u64>, spoilt: bool) -> Result<Object, CopyError> {
        if self.broken {
            return Err(CopyError::Refused("HTTP 404".to_owned()));
        }
        if size.is_some_and(|size| size != self.object.size) || (spoilt && size.is_some()) {
            self.bad_copies += 1;
            return Err(CopyError::BadCopy("another size".to_owned()));
        }
        Ok(self.object.clone())
    }
}

/// Which file an address stands for, and after how many redirects.
fn locate(url: &Url) -> Option<(TaskId, usize, usize)> {
    let parts: Vec<&str> = url.path_segments()?.collect();
    let (task, file, hop) = match parts.as_slice() {
        ["api", "v1", "workflow_tasks", task, file, "download"] => (task, file, "0"),
        ["x", task, file, hop] => (task, file, *hop),
        _ => return None,
    };
    Some((TaskId::try_from((*task).to_owned()).ok()?, file.parse().ok()?, hop.parse().ok()?))
}

impl State {
    fn copy(&mut self, on: &Invocation, from: &Source, to: &Destination) -> Result<Copied, CopyError> {
        let world = &on.world;
        let home = from.url.origin() == world.api.base().origin();
        if from.authorized && !home {
            self.breaks(Promise::TheKeyStaysHome, format!("the key goes to {}", from.url));
        }
        if from.url.scheme() != "https" || from.url.host_str() == Some("10.0.0.1") {
            self.breaks(Promise::TheKeyStaysHome, format!("{} is asked", from.url));
        }
        let noisy = !self.calm && !world.profile.clean;
        let out = noisy && world.is_within(world.profile.outages[2]);
        let fault = if noisy { self.rng.u8(..40) } else { u8::MAX };
        if out || fault < 4 {
            if let (0, Some(size)) = (fault, to.size) {
                // Something else was left behind by an earlier try.
                let other = Object { size: size ^ 1, content: 0 };
                self.bucket.objects.entry(to.key.clone()).or_insert(other);
            }
            return Err(CopyError::Unavailable("HTTP 500".to_owned()));
        }
        let now_ms = world.now_ms();
        let (task_id, index, hop) = locate(&from.url).expect("an address of a file");
        let found = self.workflows.tasks.iter_mut().find(|job| job.id == task_id && now_ms < job.gone_ms);
        let Some(file) = found.and_then(|job| job.files.get_mut(index)) else {
            return Err(CopyError::Refused("HTTP 404".to_owned()));
        };
        match file.way {
            Way::Astray(location) => return Ok(Copied::Redirected(location.map(str::to_owned))),
            Way::Redirects(count) if hop < count => {
                let location = format!("{STORAGE}/{task_id}/{index}/{}", hop + 1);
                return Ok(Copied::Redirected(Some(location)));
            }
            Way::Redirects(_) => {}
        }
        let mut object = file.bytes(to.size, fault == 4)?;
        let archived = Archived { size: object.size, sha256: None };
        if world.breaks(Breakage::CopiesAreCut) {
            object.content ^= 1;
        }
        if !world.breaks(Breakage::CopiesAreMissing) {
            self.tally.files += 1;
            on.tell(self, || format!("R2 file {} := {object:?}", to.key));
            self.bucket.objects.insert(to.key.clone(), object);
        }
        if fault == 5 {
            return Err(CopyError::Unavailable("stored, but the answer was lost".to_owned()));
        }
        Ok(Copied::Stored(archived))
    }
}

impl Archive for Invocation {
    async fn find(&self, key: &str) -> Result<Option<Archived>, StoreError> {
        self.operate(Port::R2, "R2 head file", |state| {
            let found = state.bucket.objects.get(key);
            Ok(found.map(|object| Archived { size: object.size, sha256: None }))
        })
        .await
    }

    async fn copy(&self, from: &Source, to: &Destination) -> Result<Copied, CopyError> {
        self.request("download", |state| {
            let copied = state.copy(self, from, to);
            on_copy(self, state, from, &copied);
            (copied, state.rng.i64(20..2_000))
        })
        .await
    }
}

fn on_copy(on: &Invocation, state: &mut State, from: &Source, copied: &Result<Copied, CopyError>) {
    on.tell(state, || format!("GET {}: {copied:?}", from.url));
}
