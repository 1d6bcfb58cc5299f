//! Requests whose answers are read whole, or at least begun, before they cross into wasm (`outbound.js`).

use js_sys::Uint8Array;
use url::Url;
use wasm_bindgen::prelude::*;

use super::http::Invocation;
use super::http_fabricate::one_line;
use super::io::operation;
use super::world::Cloudflare;
use crate::fabricate;
use crate::http::runtime::{Limits, Outbound};
use crate::trace_context::TRACEPARENT;

#[wasm_bindgen(module = "/src/cloudflare/outbound.js")]
extern "C" {
    fn ask(slot: u32, method: &str, url: &str, head: &str, body: Option<&str>, limit_ms: u32, bytes: u32);
}

#[wasm_bindgen]
extern "C" {
    type Answer;

    #[wasm_bindgen(method, getter)]
    fn head(this: &Answer) -> String;

    #[wasm_bindgen(method, getter)]
    fn body(this: &Answer) -> Vec<u8>;

    #[wasm_bindgen(method, getter, js_name = isWhole)]
    fn is_whole(this: &Answer) -> bool;

    #[wasm_bindgen(method)]
    fn more(this: &Answer, slot: u32);

    #[wasm_bindgen(method)]
    fn cancel(this: &Answer);
}

/// A request.
pub(super) struct Outgoing<'a> {
    pub(super) method: &'static str,
    pub(super) url: &'a Url,
    /// Whether Fabricate's key is sent.
    pub(super) authorized: bool,
    /// JSON.
    pub(super) body: Option<&'a str>,
    /// The header that continues a run's trace.
    pub(super) traceparent: Option<&'a str>,
}

impl Outbound for Invocation {
    async fn get(&self, url: &Url, limits: Limits) -> Result<fabricate::Answer, String> {
        whole(exchange("GET", url, OWN_HEADERS, None, limits).await?, limits.bytes_max)
    }
}

/// An answer that was read to its end.
pub(super) fn whole(
    (answer, rest): (fabricate::Answer, Option<Rest>),
    bytes_max: u32,
) -> Result<fabricate::Answer, String> {
    match rest {
        None => Ok(answer),
        Some(_) => Err(format!("the answer is larger than {bytes_max} bytes")),
    }
}

/// The rest of an answer's body. Dropping it ends the connection.
pub(super) struct Rest(Answer);

impl Drop for Rest {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Rest {
    /// The next piece; `None`: there is none.
    pub(super) async fn next(&self) -> Result<Option<Vec<u8>>, String> {
        let piece = operation(|slot| self.0.more(slot)).await.map_err(reason)?;
        Ok(piece.dyn_into::<Uint8Array>().ok().map(|piece| piece.to_vec()))
    }
}

/// The headers that every request has: names and values, each a line of its own. A compressed body would have no known
/// length, and R2 wants one.
const OWN_HEADERS: &str =
    concat!("user-agent\nseedhook/", env!("CARGO_PKG_VERSION"), "\naccept-encoding\nidentity");

impl Cloudflare {
    /// Sends one request, and reads its answer until more than `bytes` of the body have come.
    pub(super) async fn exchange(
        &self,
        request: Outgoing<'_>,
        bytes: u32,
    ) -> Result<(fabricate::Answer, Option<Rest>), String> {
        let Outgoing { method, url, authorized, body, traceparent } = request;
        let mut head = self.header_lines(authorized, body.is_some());
        if let Some(traceparent) = traceparent {
            head.extend(["\n", TRACEPARENT, "\n", traceparent]);
        }
        let limits = Limits { bytes_max: bytes, ..Limits::USUAL };
        exchange(method, url, &head, body, limits).await
    }

    /// The headers of a request: names and values, each a line of its own.
    pub(super) fn header_lines(&self, authorized: bool, has_body: bool) -> String {
        let mut lines = OWN_HEADERS.to_owned();
        if let (true, Some(key)) = (authorized, &self.key) {
            lines.push_str("\nauthorization\nBearer ");
            lines.push_str(key);
        }
        if has_body {
            lines.push_str("\ncontent-type\napplication/json");
        }
        lines
    }
}

/// Sends one request, and reads its answer until more than `bytes_max` of the body have come.
pub(super) async fn exchange(
    method: &'static str,
    url: &Url,
    head: &str,
    body: Option<&str>,
    limits: Limits,
) -> Result<(fabricate::Answer, Option<Rest>), String> {
    let answer = operation(|slot| {
        ask(slot, method, url.as_str(), head, body, limits.timeout_ms, limits.bytes_max);
    });
    let answer: Answer = answer.await.map_err(reason)?.unchecked_into();
    let head = answer.head();
    let mut lines = head.split('\n');
    let status = lines.next().and_then(|status| status.parse().ok()).unwrap_or_default();
    let mut header = || lines.next().filter(|value| !value.is_empty()).map(ToOwned::to_owned);
    let (content_type, retry_after) = (header(), header());
    let body = answer.body();
    let rest = (!answer.is_whole()).then(|| Rest(answer));
    Ok((fabricate::Answer { status, content_type, retry_after, body }, rest))
}

fn reason(error: JsValue) -> String {
    error.as_string().unwrap_or_else(|| one_line(&worker::Error::from(error)))
}
