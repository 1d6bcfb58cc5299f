//! An archived file, back out: streamed from R2 as any good file server does, and never shown on this origin.

use serde_json::json;
use worker::{Method, Range, Request, Response, ResponseBuilder};

use super::respond::{self, Problem};
use super::{Cloudflare, WorkerLog};
use crate::fabricate::FileId;
use crate::hook::archive_key::safe_name;
use crate::ports::{Level, Log};
use crate::run::Run;
use crate::service::look::archived_file;

/// Answers `GET` or `HEAD` of an archived file: 200, 206, 304, 404 or 416.
pub(super) async fn serve(
    world: &Cloudflare,
    request: &Request,
    run: &Run,
    file_id: &FileId,
) -> Result<worker::Result<Response>, Problem> {
    let file = archived_file(run, file_id).ok_or_else(Problem::no_such_file)?;
    let key = file.key.as_deref().ok_or_else(Problem::no_such_file)?;
    let object = world.files.head(key).await.map_err(|error| unreadable(&error))?;
    let object = object.ok_or_else(Problem::no_such_file)?;
    let (etag, size) = (object.http_etag(), object.size());
    let header = |name: &str| request.headers().get(name).ok().flatten();
    let content_type = object.http_metadata().content_type;
    let headers = Headers { name: safe_name(file.file.name.as_deref()), etag, content_type };
    if header("if-none-match").is_some_and(|value| is_match(&value, &headers.etag)) {
        return Ok(headers.builder(304).map(ResponseBuilder::empty));
    }
    // A range of another version of the file would not fit together with what the client has.
    let if_range = header("if-range").is_none_or(|value| value == headers.etag);
    let range = match header("range").filter(|_| if_range && request.method() == Method::Get) {
        Some(value) => read_range(&value, size).map_err(|()| Problem::range_not_satisfiable(size))?,
        None => None,
    };
    let (first, length) = range.unwrap_or((0, size));
    let status = if range.is_some() { 206 } else { 200 };
    let builder = headers.builder(status).and_then(|builder| {
        let builder = builder.with_header("Content-Length", &length.to_string())?;
        match range {
            Some(_) => {
                builder.with_header("Content-Range", &format!("bytes {first}-{}/{size}", first + length - 1))
            }
            None => Ok(builder),
        }
    });
    if request.method() == Method::Head || length == 0 {
        return Ok(builder.map(ResponseBuilder::empty));
    }
    let get = world.files.get(key).range(Range::OffsetWithLength { offset: first, length });
    let object = get.execute().await.map_err(|error| unreadable(&error))?;
    let object = object.ok_or_else(Problem::no_such_file)?;
    let body = object.body().ok_or_else(Problem::no_such_file)?;
    let body = body.response_body().map_err(|error| unreadable(&error))?;
    Ok(builder.map(|builder| builder.body(body)))
}

struct Headers {
    name: String,
    etag: String,
    content_type: Option<String>,
}

impl Headers {
    /// Files are hostile on an origin that also has a token: never rendered, never guessed at, never run.
    fn builder(&self, status: u16) -> worker::Result<ResponseBuilder> {
        let content_type = self.content_type.as_deref().unwrap_or("application/octet-stream");
        respond::builder(status)?
            .with_header("Content-Type", content_type)?
            .with_header("Content-Disposition", &content_disposition(&self.name))?
            .with_header("Content-Security-Policy", "sandbox")?
            .with_header("Accept-Ranges", "bytes")?
            .with_header("ETag", &self.etag)
    }
}

/// RFC 6266: an ASCII name for old clients, the real one percent-encoded beside it.
fn content_disposition(name: &str) -> String {
    let ascii: String = name
        .chars()
        .map(|character| if character.is_ascii_graphic() || character == ' ' { character } else { '_' })
        .collect();
    let encoded = crate::fabricate::encode_path_part(name);
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

/// `If-None-Match` compares weakly (RFC 9110, section 13.1.2).
fn is_match(header: &str, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    header.trim() == "*" || header.split(',').any(|tag| bare(tag) == bare(etag))
}

/// One range of bytes as `(first, length)`; `None` for what may be answered whole (several ranges, other units).
fn read_range(header: &str, size: u64) -> Result<Option<(u64, u64)>, ()> {
    let Some(range) = header.trim().strip_prefix("bytes=").filter(|range| !range.contains(',')) else {
        return Ok(None);
    };
    let Some((first, last)) = range.trim().split_once('-') else { return Ok(None) };
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        text => text.parse::<u64>().ok().map(Some),
    };
    let (Some(first), Some(last)) = (number(first), number(last)) else { return Ok(None) };
    match (first, last) {
        (Some(first), _) if first >= size => Err(()),
        (Some(first), Some(last)) if last < first => Ok(None),
        (Some(first), last) => {
            let last = last.unwrap_or(u64::MAX).min(size - 1);
            Ok(Some((first, last - first + 1)))
        }
        (None, Some(0)) => Err(()),
        (None, Some(_)) if size == 0 => Err(()),
        (None, Some(suffix)) => Ok(Some((size.saturating_sub(suffix), suffix.min(size)))),
        (None, None) => Ok(None),
    }
}

fn unreadable(error: &worker::Error) -> Problem {
    WorkerLog.log(Level::Error, "file not read from R2", json!({"error": error.to_string()}));
    Problem::not_ready()
}
