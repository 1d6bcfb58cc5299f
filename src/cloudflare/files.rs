//! An archived file, back out: streamed from R2 as it lies there. What is answered is decided in [`crate::download`].

use serde_json::json;
use worker::{Bucket, Conditional, Object, Range, Request, Response, ResponseBody, ResponseBuilder};

use super::respond::{self, Problem};
use super::{Cloudflare, WorkerLog};
use crate::download::{self, Answer, Body, Fields, Method, Reply, StoredFile};
use crate::fabricate::FileId;
use crate::hook::archive_key::safe_name;
use crate::ports::{Level, Log};
use crate::run::Run;
use crate::service::look::archived_file;
use crate::timestamp::Timestamp;

/// How often an object is looked at that changes between the look and the read. It is written again only where two
/// sweeps copy it at once, so that a second look is enough.
const LOOKS_MAX: usize = 3;

/// Answers `GET` or `HEAD` of an archived file.
///
/// 200, 206 or 304; 404 the run has no such file, or its object is gone; 412 and 416 as conditions and ranges have it;
/// 503 R2 cannot be read.
pub(super) async fn serve(
    world: &Cloudflare,
    request: &Request,
    run: &Run,
    file_id: &FileId,
) -> Result<worker::Result<Response>, Problem> {
    let Located { key, name } = locate(run, file_id)?;
    let fields = Fields::read(|name| request.headers().get(name).ok().flatten());
    let method = if request.method() == worker::Method::Head { Method::Head } else { Method::Get };
    for _ in 0..LOOKS_MAX {
        let object = head(&world.files, key).await?;
        let reply = match download::answer(&stored_file(&object, &name), method, &fields) {
            Answer::Send(reply) => reply,
            Answer::PreconditionFailed => return Err(Problem::precondition_failed()),
            Answer::RangeNotSatisfiable { size } => return Err(Problem::range_not_satisfiable(size)),
        };
        match read(&world.files, key, &object, reply.body).await? {
            Read::Body(body) => return Ok(builder(&reply).map(|builder| builder.body(body))),
            Read::Changed => {}
        }
    }
    Err(Problem::not_ready())
}

/// Whether the run has such a file and its object is there: 404 otherwise.
pub(super) async fn must_exist(world: &Cloudflare, run: &Run, file_id: &FileId) -> Result<(), Problem> {
    head(&world.files, locate(run, file_id)?.key).await.map(drop)
}

/// Where a file lies, and what it is called.
struct Located<'a> {
    key: &'a str,
    name: String,
}

fn locate<'a>(run: &'a Run, file_id: &FileId) -> Result<Located<'a>, Problem> {
    let file = archived_file(run, file_id).ok_or_else(Problem::no_such_file)?;
    let key = file.key.as_deref().ok_or_else(Problem::no_such_file)?;
    Ok(Located { key, name: safe_name(file.file.name.as_deref()) })
}

async fn head(files: &Bucket, key: &str) -> Result<Object, Problem> {
    files.head(key).await.map_err(|error| unreadable(&error))?.ok_or_else(Problem::no_such_file)
}

fn stored_file(object: &Object, name: &str) -> StoredFile {
    StoredFile {
        name: name.to_owned(),
        content_type: object.http_metadata().content_type,
        etag: object.http_etag(),
        last_modified: Timestamp::from_millis(
            i64::try_from(object.uploaded().as_millis()).unwrap_or_default(),
        ),
        size: object.size(),
    }
}

/// What reading an object came to.
enum Read {
    Body(ResponseBody),
    /// It is another one than was looked at.
    Changed,
}

/// The bytes of just the object that was looked at: the runtime's own stream, which never enters wasm memory.
async fn read(files: &Bucket, key: &str, object: &Object, body: Body) -> Result<Read, Problem> {
    let get = files.get(key);
    let get = match body {
        Body::Empty => return Ok(Read::Body(ResponseBody::Empty)),
        Body::Whole => get,
        Body::Part(part) => get.range(Range::OffsetWithLength { offset: part.first, length: part.length }),
    };
    let same = Conditional { etag_matches: Some(object.etag()), ..Conditional::default() };
    let object = get.only_if(same).execute().await.map_err(|error| unreadable(&error))?;
    let object = object.ok_or_else(Problem::no_such_file)?;
    match object.body() {
        Some(body) => body.response_body().map(Read::Body).map_err(|error| unreadable(&error)),
        None => Ok(Read::Changed),
    }
}

fn builder(reply: &Reply) -> worker::Result<ResponseBuilder> {
    reply
        .headers
        .iter()
        .try_fold(respond::builder(reply.status)?, |builder, (name, value)| builder.with_header(name, value))
}

fn unreadable(error: &worker::Error) -> Problem {
    WorkerLog.log(Level::Error, "file not read from R2", json!({"error": error.to_string()}));
    Problem::not_ready()
}
