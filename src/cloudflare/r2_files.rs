//! R2 `FILES`: a file's bytes go from Fabricate's answer to the bucket, and never enter wasm memory: where a length is
//! known the runtime's own stream is handed on, and else its own pieces are.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, join, select};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use web_sys::ReadableStream;
use worker::worker_sys::FixedLengthStream;
use worker::{Data, HttpMetadata, Object};

use super::body::Body;
use super::http_fabricate::{delay, one_line};
use super::io;
use super::platform_errors::{counted_put_error, put_error};
use super::slots::Filled;
use super::world::Cloudflare;
use crate::fabricate::{Checksum, FileId, Head, Resume};
use crate::http::download::attachment;
use crate::ports::{
    Archived, CopyError, Destination, Download, Downloads, FileBytes, FileStore, Part, Put, Source,
    StoreError, Upload,
};
use crate::timestamp::Timestamp;
use crate::trace_context::TRACEPARENT;

impl FileBytes for Cloudflare {
    type Body = Body;
    type Data = Uint8Array;
}

impl Downloads for Cloudflare {
    async fn download(&self, from: &Source, at: Option<&Resume>) -> Result<Download<Body>, CopyError> {
        let range = at.map(|resume| format!("bytes={}-", resume.from));
        let mut headers = Vec::new();
        if let (Some(resume), Some(range)) = (at, &range) {
            headers.extend([("Range", range.as_str()), ("If-Range", resume.validator.as_str())]);
        }
        headers.extend(from.traceparent.as_deref().map(|header| (TRACEPARENT, header)));
        let reply = self.open(&from.url, from.authorized, &headers).await;
        let reply = reply.map_err(CopyError::Unavailable)?;
        let headers = reply.response.headers().entries();
        let headers: BTreeMap<String, String> =
            headers.map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        let head = Head { status: reply.response.status_code(), headers };
        Ok(Download { head, body: Body::from(reply) })
    }

    async fn next_part(&self, body: &mut Body, bytes: u64) -> Result<Part<Uint8Array>, CopyError> {
        body.next_part(bytes).await
    }
}

impl FileStore for Cloudflare {
    async fn find(&self, key: &str) -> Result<Option<Archived>, StoreError> {
        let found = self.files.head(key).await.map_err(|error| failed(&error))?;
        Ok(found.map(|object| archived(&object)))
    }

    async fn put(&self, to: &Destination, mut body: Body, put: &Put) -> Result<Archived, CopyError> {
        let Some(stream) = body.stream().cloned().filter(|_| put.length > 0) else {
            return match body.next_part(1).await?.bytes {
                0 if put.length == 0 => self.put_object(to, Vec::new(), put.checksum).await,
                sent => Err(CopyError::BadCopy(format!("{sent} or more bytes are sent of {}", put.length))),
            };
        };
        match (put.counted, put.checksum) {
            (false, _) => in_time(put, self.put_object(to, stream, put.checksum)).await,
            (true, Some(_)) => in_time(put, self.put_counted(to, &stream, put)).await,
            (true, None) => self.put_counted_in_one_part(to, &stream, put).await,
        }
    }

    async fn put_data(
        &self,
        to: &Destination,
        data: Uint8Array,
        checksum: Option<Checksum>,
    ) -> Result<Archived, CopyError> {
        self.put_object(to, data.to_vec(), checksum).await
    }

    async fn create_upload(&self, to: &Destination) -> Result<String, StoreError> {
        self.begin_upload(to).await.map_err(|error| failed(&error))
    }

    async fn put_part(&self, upload: &Upload, number: u16, data: Uint8Array) -> Result<String, CopyError> {
        self.upload_part(upload, number, data.into()).await.map_err(|error| put_failed(&error))
    }

    async fn complete_upload(&self, upload: &Upload) -> Result<Archived, CopyError> {
        let completed = self.finish_upload(upload).await;
        completed.map(|object| archived(&object)).map_err(|error| put_failed(&error))
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), StoreError> {
        self.drop_upload(upload).await.map_err(|error| failed(&error))
    }
}

impl Cloudflare {
    /// One put of bytes whose number the runtime knows.
    async fn put_object(
        &self,
        to: &Destination,
        body: impl Into<Data>,
        checksum: Option<Checksum>,
    ) -> Result<Archived, CopyError> {
        let object = self.store(to, body, checksum).await.map_err(|error| put_failed(&error))?;
        stored(object.as_ref())
    }

    async fn store(
        &self,
        to: &Destination,
        body: impl Into<Data>,
        checksum: Option<Checksum>,
    ) -> worker::Result<Option<Object>> {
        let put = self.files.put(to.key.as_str(), body).http_metadata(http_metadata(to));
        let mut metadata = custom_metadata(to);
        if let Some(Checksum::Sha256(hash)) = checksum {
            metadata.insert("sha256".to_owned(), base16ct::lower::encode_string(&hash));
        }
        let put = put.custom_metadata(metadata);
        let put = match checksum {
            Some(Checksum::Sha256(hash)) => put.sha256(hash),
            Some(Checksum::Md5(hash)) => put.md5(hash),
            None => put,
        };
        put.execute().await
    }

    /// One put of a body that does not say its length, and whose hash R2 checks.
    async fn put_counted(
        &self,
        to: &Destination,
        stream: &ReadableStream,
        put: &Put,
    ) -> Result<Archived, CopyError> {
        let (counted, piped) = counted(stream, put.length)?;
        match join(self.store(to, counted, put.checksum), piped).await {
            (Ok(object), _) => stored(object.as_ref()),
            (Err(error), piped) => Err(miscounted(&error, piped.err(), put.length)),
        }
    }

    /// An upload of one part, of a body that does not say its length. Not a put: that is done once so many bytes have
    /// come, and an object with the first of too many would be there before anybody knew.
    async fn put_counted_in_one_part(
        &self,
        to: &Destination,
        stream: &ReadableStream,
        put: &Put,
    ) -> Result<Archived, CopyError> {
        let upload_id = self.begin_upload(to).await.map_err(|error| put_failed(&error))?;
        let mut upload = Upload::new(to, upload_id, put.length);
        let uploaded = in_time(put, async {
            let (counted, piped) = counted(stream, put.length)?;
            let (etag, piped) = join(self.upload_part(&upload, 1, counted.into()), piped).await;
            match (etag, piped) {
                (Ok(etag), Ok(_)) => Ok(etag),
                (Ok(_), Err(error)) => Err(miscounted(&error.into(), None, put.length)),
                (Err(error), piped) => Err(miscounted(&error, piped.err(), put.length)),
            }
        });
        match uploaded.await {
            Ok(etag) => {
                upload.etags.push(etag);
                self.complete_upload(&upload).await
            }
            Err(error) => {
                // Best effort: R2 itself does after seven days.
                let _ = self.drop_upload(&upload).await;
                Err(error)
            }
        }
    }
}

/// A body through the runtime's `FixedLengthStream`, and the end of that: more or fewer bytes make it fail.
fn counted(stream: &ReadableStream, length: u64) -> Result<(ReadableStream, Filled<io::Outcome>), CopyError> {
    // A BigInt: a file may have more bytes than a JavaScript number can count.
    let fixed = FixedLengthStream::new_big_int(length.into())
        .map_err(|error| put_failed(&worker::Error::from(error)))?;
    let piped = io::wait_for(&stream.pipe_to(&fixed.writable()));
    Ok((fixed.readable(), piped))
}

fn miscounted(stored: &worker::Error, pipe: Option<JsValue>, length: u64) -> CopyError {
    let pipe = pipe.map(|error| one_line(&worker::Error::from(error)));
    counted_put_error(one_line(stored), pipe, length)
}

async fn in_time<T>(put: &Put, storing: impl Future<Output = Result<T, CopyError>>) -> Result<T, CopyError> {
    match select(pin!(storing), pin!(delay(put.limit_ms))).await {
        Either::Left((stored, _)) => stored,
        Either::Right(_) => Err(CopyError::TooSlow(put.limit_ms / 1_000)),
    }
}

pub(super) fn http_metadata(to: &Destination) -> HttpMetadata {
    let usable = |kind: &String| {
        kind.len() <= 255 && kind.contains('/') && kind.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let content_type = to.content_type.clone().filter(usable);
    HttpMetadata {
        content_type: Some(content_type.unwrap_or_else(|| "application/octet-stream".to_owned())),
        content_disposition: Some(attachment(&to.name)),
        ..HttpMetadata::default()
    }
}

/// Whose file it is: by these, and not by its key alone, it is known again.
pub(super) fn custom_metadata(to: &Destination) -> HashMap<String, String> {
    HashMap::from([
        ("run_id".to_owned(), to.run_id.to_string()),
        ("task_id".to_owned(), to.task_id.to_string()),
        ("hook".to_owned(), to.hook.to_string()),
        ("file_id".to_owned(), to.file_id.to_string()),
    ])
}

fn stored(object: Option<&Object>) -> Result<Archived, CopyError> {
    object.map(archived).ok_or_else(|| CopyError::Unavailable("R2 did not store the file".to_owned()))
}

fn archived(object: &Object) -> Archived {
    let metadata = object.custom_metadata().unwrap_or_default();
    Archived {
        size: object.size(),
        sha256: object.checksum().sha256.map(|hash| base16ct::lower::encode_string(&hash)),
        run_id: metadata.get("run_id").and_then(|text| text.parse().ok()),
        file_id: metadata.get("file_id").map(|text| FileId::from(text.as_str())),
    }
}

pub(super) fn uploaded(object: &Object) -> Timestamp {
    Timestamp::from_millis(i64::try_from(object.uploaded().as_millis()).unwrap_or(i64::MAX))
}

fn put_failed(error: &worker::Error) -> CopyError {
    put_error(one_line(error))
}

fn failed(error: &worker::Error) -> StoreError {
    StoreError::Unavailable { store: "FILES", reason: one_line(error) }
}
