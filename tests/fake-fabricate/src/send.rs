//! The answer that has the bytes of a file, or what its delivery puts in their place; the same on
//! both origins. It must not redirect.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName,
    HeaderValue, LAST_MODIFIED, RETRY_AFTER, SERVER,
};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use crate::answer;
use crate::app::App;
use crate::files::{Content, Form, Ranges, Refusal};
use crate::full::Full;
use crate::host;
use crate::range::{Part, Validators};
use crate::stored::{Stored, Turn};
use crate::transfer::Transfer;

/// Counts a download, and answers with the bytes: 200 the file, 206 a part of it, 416 a part that
/// it does not have, else as its delivery says.
pub(crate) async fn send(app: &App, stored: Arc<Stored>, asked: &HeaderMap, full: Full) -> Response {
    let turn = stored.turn();
    if let Some(refusal) = stored.delivery().refusal_of(turn.0) {
        return refused(refusal);
    }
    let digest = digest(&stored, turn).await;
    let head = Head::new(&stored, turn, digest);
    let content = stored.content(turn);
    match head.part(&stored, &content, asked) {
        Part::Unsatisfiable => unsatisfiable(content.len()),
        part => {
            let range = if let Part::Range(range) = &part { range.clone() } else { 0..content.len() };
            let note = format!("{} bytes", range.end - range.start);
            let extra = Content::Zeros(stored.delivery().extra_bytes);
            let chunks = stored.encoded(content.part(range).chain(extra.chunks()));
            let served = stored.delivery().served(turn.0);
            let transfer = Transfer::new(chunks, stored.delivery(), served, app.config.tick, full);
            let mut response = Response::new(transfer.body());
            head.write(&stored, &part, content.len(), &mut response);
            answer::noted(response, note)
        }
    }
}

/// Hashing takes long for a large file, so it has a thread of its own.
async fn digest(stored: &Arc<Stored>, turn: Turn) -> Option<(HeaderName, HeaderValue)> {
    stored.delivery().digest?;
    let stored = stored.clone();
    host::run_blocking(move || stored.digest(turn)).await?
}

fn refused(refusal: Refusal) -> Response {
    let message = format!("the download is refused on purpose: {}", refusal.status.as_u16());
    let mut response = answer::error(refusal.status, message);
    if let Some(seconds) = refusal.retry_after_s {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

fn unsatisfiable(length: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    insert(response.headers_mut(), CONTENT_RANGE, HeaderValue::try_from(format!("bytes */{length}")).ok());
    answer::noted(response, "no such range")
}

/// What the head of one answer says about the whole file.
struct Head {
    etag: Option<HeaderValue>,
    digest: Option<(HeaderName, HeaderValue)>,
}

impl Head {
    fn new(stored: &Stored, turn: Turn, digest: Option<(HeaderName, HeaderValue)>) -> Self {
        match digest {
            Some((ETAG, value)) => Self { etag: Some(value), digest: None },
            digest => Self { etag: stored.etag(turn), digest },
        }
    }

    fn part(&self, stored: &Stored, content: &Content, asked: &HeaderMap) -> Part {
        let delivery = stored.delivery();
        let validators =
            Validators { etag: self.etag.as_ref(), last_modified: delivery.last_modified.as_ref() };
        Part::of(asked, content.len(), delivery.ranges, validators)
    }

    fn write(self, stored: &Stored, part: &Part, length: u64, response: &mut Response) {
        let delivery = stored.delivery();
        let form = delivery.digest.map(|digest| digest.form);
        let mut sent = length;
        if let Part::Range(range) = part {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            sent = range.end - range.start;
        }
        let headers = response.headers_mut();
        if let Part::Range(range) = part {
            let value = format!("bytes {}-{}/{length}", range.start, range.end - 1);
            insert(headers, CONTENT_RANGE, HeaderValue::try_from(value).ok());
        }
        let stated = stored.file.content_type().and_then(|text| HeaderValue::from_str(text).ok());
        let fallback = HeaderValue::from_static("application/octet-stream");
        headers.insert(CONTENT_TYPE, delivery.content_type.clone().or(stated).unwrap_or(fallback));
        if !delivery.chunked && !delivery.is_gzip() {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(sent));
        }
        if delivery.ranges != Ranges::Ignored {
            headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        }
        if form == Some(Form::S3Etag) {
            headers.insert(SERVER, HeaderValue::from_static("AmazonS3"));
        }
        insert(headers, CONTENT_ENCODING, delivery.encoding.clone());
        insert(headers, LAST_MODIFIED, delivery.last_modified.clone());
        insert(headers, ETAG, self.etag);
        if let Some((name, value)) = self.digest
            && (*part == Part::Whole || form.is_some_and(Form::is_of_the_whole))
        {
            headers.insert(name, value);
        }
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        headers.insert(name, value);
    }
}
