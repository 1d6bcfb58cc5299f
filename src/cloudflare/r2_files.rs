//! R2 `FILES`: a file's bytes go from Fabricate's answer to the bucket. Where a length is known they never enter
//! wasm memory: the runtime's own stream is handed on.

use std::collections::HashMap;
use std::pin::pin;

use futures_util::StreamExt;
use futures_util::future::{Either, join, select};
use wasm_bindgen_futures::JsFuture;
use worker::worker_sys::FixedLengthStream;
use worker::{ByteStream, HttpMetadata, Method, MultipartUpload, Object, Response, ResponseBody};

use super::Cloudflare;
use super::http_fabricate::{Reply, delay, one_line};
use crate::ports::{Archive, Archived, Copied, CopyError, Destination, Source, StoreError};

/// How long one file may take: a cron invocation is ended after 15 minutes.
const COPY_TIMEOUT_MS: u32 = 10 * 60 * 1_000;

/// The size of a multipart upload's parts, of which one is in memory at a time; R2 wants at least 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// The most parts of an upload: R2's own limit, 78 GiB with parts of this size.
const PARTS_MAX: u16 = 10_000;

impl Archive for Cloudflare {
    async fn find(&self, key: &str) -> Result<Option<Archived>, StoreError> {
        let found = self.files.head(key).await;
        let found =
            found.map_err(|error| StoreError::Unavailable { store: "FILES", reason: one_line(&error) })?;
        Ok(found.map(|object| archived(&object)))
    }

    async fn copy(&self, from: &Source, to: &Destination) -> Result<Copied, CopyError> {
        let reply = self.send(Method::Get, &from.url, from.authorized, None).await;
        let Reply { response, abort } = reply.map_err(CopyError::Unavailable)?;
        let status = response.status_code();
        if status != 200 {
            let location = response.headers().get("location").ok().flatten();
            abort.abort();
            return match status {
                301 | 302 | 303 | 307 | 308 => Ok(Copied::Redirected(location)),
                _ => Err(refusal(status)),
            };
        }
        let copying = pin!(self.store(response, to));
        match select(copying, pin!(delay(COPY_TIMEOUT_MS))).await {
            Either::Left((stored, _)) => {
                if stored.is_err() {
                    abort.abort();
                }
                stored.map(Copied::Stored)
            }
            Either::Right(_) => {
                abort.abort();
                Err(CopyError::Unavailable("the download took longer than 10 minutes".to_owned()))
            }
        }
    }
}

/// What an answer without the file means. 401 and 403 may be mended: a key, or a signed address that has expired.
fn refusal(status: u16) -> CopyError {
    let reason = format!("HTTP {status}");
    match status {
        401 | 403 | 408 | 425 | 429 | 500.. => CopyError::Unavailable(reason),
        _ => CopyError::Refused(reason),
    }
}

impl Cloudflare {
    async fn store(&self, mut response: Response, to: &Destination) -> Result<Archived, CopyError> {
        let length = content_length(&response);
        if let (Some(length), Some(size)) = (length, to.size)
            && length != size
        {
            return Err(CopyError::BadCopy(format!("{length} bytes are sent, but the task says {size}")));
        }
        let stored = match response.body() {
            ResponseBody::Stream(stream) => match (length, to.size) {
                (Some(0), _) => self.put(to, Vec::new()).await?,
                (Some(_), _) => self.put(to, stream.clone()).await?,
                (None, Some(size)) => self.put_counted(to, stream, size).await?,
                (None, None) => {
                    let stream = response.stream().map_err(|error| unavailable(&error))?;
                    self.put_in_parts(to, stream).await?
                }
            },
            ResponseBody::Body(bytes) => self.put(to, bytes.clone()).await?,
            ResponseBody::Empty => self.put(to, Vec::new()).await?,
        };
        match to.size {
            Some(size) if size != stored.size => {
                Err(CopyError::BadCopy(format!("{} bytes were sent, but the task says {size}", stored.size)))
            }
            _ => Ok(stored),
        }
    }

    /// One put of a body whose length the runtime knows.
    async fn put(&self, to: &Destination, body: impl Into<worker::Data>) -> Result<Archived, CopyError> {
        let put = self.files.put(to.key.as_str(), body).http_metadata(http_metadata(to));
        match put.custom_metadata(custom_metadata(to)).execute().await {
            Ok(Some(object)) => Ok(archived(&object)),
            Ok(None) => Err(CopyError::Unavailable("R2 did not store the file".to_owned())),
            Err(error) => Err(put_failed(&error)),
        }
    }

    /// One put of a body that does not say its length, through the runtime's `FixedLengthStream`: more or fewer
    /// bytes than the task states make it fail.
    async fn put_counted(
        &self,
        to: &Destination,
        stream: &web_sys::ReadableStream,
        size: u64,
    ) -> Result<Archived, CopyError> {
        // A BigInt: a file may have more bytes than a JavaScript number can count.
        let fixed = FixedLengthStream::new_big_int(size.into())
            .map_err(|error| unavailable(&worker::Error::from(error)))?;
        let piped = JsFuture::from(stream.pipe_to(&fixed.writable()));
        let (piped, stored) = join(piped, self.put(to, fixed.readable())).await;
        // A put that R2 refuses breaks the pipe as well: only where it does not, the bytes are to blame.
        match (stored, piped) {
            (Err(CopyError::BadCopy(_)), Err(error)) => {
                let reason = one_line(&worker::Error::from(error));
                Err(CopyError::BadCopy(format!("not the {size} bytes that the task says: {reason}")))
            }
            (stored, _) => stored,
        }
    }

    /// A body of unknown length: parts of equal size, one in memory at a time.
    async fn put_in_parts(&self, to: &Destination, mut stream: ByteStream) -> Result<Archived, CopyError> {
        let mut carry = Vec::new();
        let first = next_part(&mut stream, &mut carry).await?;
        if first.len() < PART_BYTES {
            return self.put(to, first).await;
        }
        let create = self.files.create_multipart_upload(to.key.as_str()).http_metadata(http_metadata(to));
        let upload = create.custom_metadata(custom_metadata(to)).execute().await;
        let upload = upload.map_err(|error| unavailable(&error))?;
        match upload_parts(&upload, first, &mut stream, &mut carry).await {
            Ok(parts) => match upload.complete(parts).await {
                Ok(object) => Ok(archived(&object)),
                Err(error) => Err(unavailable(&error)),
            },
            Err(error) => {
                // Best effort: an upload that stays open is ended by R2 itself after seven days.
                let _ = upload.abort().await;
                Err(error)
            }
        }
    }
}

async fn upload_parts(
    upload: &MultipartUpload,
    mut part: Vec<u8>,
    stream: &mut ByteStream,
    carry: &mut Vec<u8>,
) -> Result<Vec<worker::UploadedPart>, CopyError> {
    let mut uploaded = Vec::new();
    for number in 1..=PARTS_MAX {
        let last = part.len() < PART_BYTES;
        if !part.is_empty() {
            let done = upload.upload_part(number, part).await;
            uploaded.push(done.map_err(|error| unavailable(&error))?);
        }
        if last {
            return Ok(uploaded);
        }
        part = next_part(stream, carry).await?;
    }
    Err(CopyError::Refused(format!("the file has more than {PARTS_MAX} parts of {PART_BYTES} bytes")))
}

/// The next `PART_BYTES` of the body, fewer at its end; what was read beyond stays in `carry`.
async fn next_part(stream: &mut ByteStream, carry: &mut Vec<u8>) -> Result<Vec<u8>, CopyError> {
    let mut part = std::mem::take(carry);
    while part.len() < PART_BYTES {
        match stream.next().await {
            None => break,
            Some(Ok(chunk)) => part.extend_from_slice(&chunk),
            Some(Err(error)) => return Err(CopyError::BadCopy(one_line(&error))),
        }
    }
    if part.len() > PART_BYTES {
        *carry = part.split_off(PART_BYTES);
    }
    Ok(part)
}

/// The length that the answer states; `None` for a compressed one, whose length is not the file's.
fn content_length(response: &Response) -> Option<u64> {
    let header = |name: &str| response.headers().get(name).ok().flatten();
    let encoded =
        header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity"));
    if encoded { None } else { header("content-length")?.parse().ok() }
}

fn http_metadata(to: &Destination) -> HttpMetadata {
    let usable = |kind: &String| {
        kind.len() <= 255 && kind.contains('/') && kind.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    let content_type = to.content_type.clone().filter(usable);
    HttpMetadata {
        content_type: Some(content_type.unwrap_or_else(|| "application/octet-stream".to_owned())),
        ..HttpMetadata::default()
    }
}

fn custom_metadata(to: &Destination) -> HashMap<String, String> {
    HashMap::from([
        ("run_id".to_owned(), to.run_id.to_string()),
        ("task_id".to_owned(), to.task_id.to_string()),
    ])
}

fn archived(object: &Object) -> Archived {
    Archived { size: object.size(), sha256: object.checksum().sha256.map(hex::encode) }
}

/// R2's own refusals carry a code such as `(10001)`; anything else is the sender's stream that broke.
fn put_failed(error: &worker::Error) -> CopyError {
    let reason = one_line(error);
    if reason.contains("(10") { CopyError::Unavailable(reason) } else { CopyError::BadCopy(reason) }
}

fn unavailable(error: &worker::Error) -> CopyError {
    CopyError::Unavailable(one_line(error))
}
