//! Fabricate inside Node: answers the requests that servers of Node take, without a socket of its own. It must not
//! know what any request is answered.

use std::cell::RefCell;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{self, HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::{Either, LocalBoxFuture, Shared, select};
use futures_util::{FutureExt as _, StreamExt as _};
use js_sys::{Promise, Uint8Array};
use tower_service::Service as _;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

use crate::answer::{self, HangUp};
use crate::app::App;
use crate::config::{Config, Output};
use crate::full::Full;
use crate::{api, storage};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** A request that a server of Node took. Headers are names and values by turns, as in `rawHeaders`. */
export interface FabricateRequest {
  /** Which of the two servers took it. */
  origin: "api" | "storage";
  method: string;
  /** Path and query. */
  url: string;
  headers: string[];
  /** The whole body; of one that is too large, one byte more than is allowed. */
  body: Uint8Array;
  /** Resolves when the client is gone: the answer ends then. */
  gone: Promise<void>;
}
"#;

#[wasm_bindgen]
extern "C" {
    /// A request that a server of Node took.
    #[wasm_bindgen(typescript_type = "FabricateRequest")]
    pub type FabricateRequest;

    #[wasm_bindgen(method, getter)]
    fn origin(this: &FabricateRequest) -> String;
    #[wasm_bindgen(method, getter)]
    fn method(this: &FabricateRequest) -> String;
    #[wasm_bindgen(method, getter)]
    fn url(this: &FabricateRequest) -> String;
    #[wasm_bindgen(method, getter)]
    fn headers(this: &FabricateRequest) -> Vec<String>;
    #[wasm_bindgen(method, getter)]
    fn body(this: &FabricateRequest) -> Vec<u8>;
    #[wasm_bindgen(method, getter)]
    fn gone(this: &FabricateRequest) -> Promise;
}

/// Ready when the client is gone.
type Gone = Shared<LocalBoxFuture<'static, ()>>;

/// A Fabricate with its storage, for as long as it is kept.
#[derive(Debug)]
#[wasm_bindgen]
pub struct LocalFabricate {
    app: Arc<App>,
    api: Router,
    storage: Router,
}

#[wasm_bindgen]
impl LocalFabricate {
    /// A Fabricate that lets one key in, and whose tasks take that long. It takes any names and parameters, because a user's own
    /// hooks have their own. Its storage answers at `storage_url`, an origin without a slash at the end.
    ///
    /// # Errors
    /// An empty key.
    #[wasm_bindgen(constructor)]
    pub fn new(key: &str, task_ms: u32, storage_url: String) -> Result<Self, JsError> {
        let mut config = Config::new(key);
        config.task_duration = Duration::from_millis(task_ms.into());
        config.any_names = true;
        config.output = Output::Requests;
        config.check().map_err(JsError::new)?;
        let app = Arc::new(App::new(config, storage_url));
        Ok(Self { api: api::router(app.clone()), storage: storage::router(app.clone()), app })
    }

    /// Answers a request.
    pub async fn handle(&self, request: FabricateRequest) -> FabricateAnswer {
        let gone = gone(&request);
        let router = if request.origin() == "storage" { &self.storage } else { &self.api };
        let response = match read(&request) {
            Ok(request) => call(router.clone(), request, gone.clone()).await,
            // As hyper answers what it cannot read.
            Err(_) => (StatusCode::BAD_REQUEST, Body::empty()).into_response(),
        };
        // Nothing was awaited since they were written, so they are about this request.
        FabricateAnswer::new(response, self.app.lines.take(), gone)
    }

    /// Puts the clock forward, so that a test need not wait for a task to end.
    pub fn advance(&self, by_ms: u32) {
        self.app.clock.advance(Duration::from_millis(by_ms.into()));
    }
}

/// An answer, whose body is made when it is asked for.
#[derive(Debug)]
#[wasm_bindgen]
pub struct FabricateAnswer {
    status: StatusCode,
    is_hang_up: bool,
    headers: HeaderMap,
    note: String,
    /// `None` after the end, and while a chunk is waited for.
    body: RefCell<Option<BodyDataStream>>,
    gone: Gone,
}

#[wasm_bindgen]
impl FabricateAnswer {
    fn new(response: Response, note: String, gone: Gone) -> Self {
        let (head, body) = response.into_parts();
        let is_bodiless = matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Self {
            status: head.status,
            is_hang_up: head.extensions.get::<HangUp>().is_some(),
            headers: head.headers,
            note,
            body: RefCell::new((!is_bodiless).then(|| body.into_data_stream())),
            gone,
        }
    }

    /// The status.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// Whether the connection is to be closed instead of an answer.
    #[must_use]
    #[wasm_bindgen(getter, js_name = hangUp)]
    pub fn is_hang_up(&self) -> bool {
        self.is_hang_up
    }

    /// Names and values by turns, as `writeHead` takes them.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Vec<String> {
        let pairs = self.headers.iter();
        pairs.flat_map(|(name, value)| [name.as_str().to_owned(), text(value.as_bytes())]).collect()
    }

    /// The line about the request; empty if there is nothing to say.
    #[must_use]
    #[wasm_bindgen(getter)]
    pub fn note(&self) -> String {
        self.note.clone()
    }

    /// The next bytes of the body; nothing after the end, and once the client is gone. To be asked for one at a time,
    /// when those before have left.
    ///
    /// # Errors
    /// The body breaks off, and the connection is to be closed.
    #[wasm_bindgen(unchecked_return_type = "Uint8Array | undefined")]
    pub async fn next(&self) -> Result<Option<Uint8Array>, JsError> {
        let Some(mut body) = self.body.take() else {
            return Ok(None);
        };
        // `gone` first: a body may always be ready.
        let Either::Right((Some(chunk), _)) = select(self.gone.clone(), body.next()).await else {
            return Ok(None);
        };
        let bytes = Uint8Array::from(&*chunk?);
        self.body.replace(Some(body));
        Ok(Some(bytes))
    }
}

/// Calls a router until the client is gone.
async fn call(mut router: Router, request: Request<Body>, gone: Gone) -> Response {
    match select(gone, pin!(router.call(request))).await {
        Either::Right((Ok(response), _)) => response,
        Either::Left(_) => answer::hang_up(""),
    }
}

fn gone(request: &FabricateRequest) -> Gone {
    JsFuture::from(request.gone()).map(drop).boxed_local().shared()
}

/// # Errors
/// A method, an address or a header that is not one of HTTP.
fn read(request: &FabricateRequest) -> Result<Request<Body>, http::Error> {
    let mut read =
        Request::builder().method(&*request.method()).uri(request.url()).body(request.body().into())?;
    for pair in request.headers().as_chunks().0 {
        let [name, value] = pair;
        let name = HeaderName::from_bytes(name.as_bytes())?;
        read.headers_mut().append(name, HeaderValue::from_bytes(&bytes(value))?);
    }
    // Node asks for more bytes when those before have left.
    read.extensions_mut().insert(Full::default());
    Ok(read)
}

/// The bytes of a header as Node shows them: a character each.
fn text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes of a header that Node shows as this text.
fn bytes(text: &str) -> Vec<u8> {
    text.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect()
}
