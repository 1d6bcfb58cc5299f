//! Archived files over HTTP: for the operator, and for anyone who has a signed link. [`download`](super::download) decides
//! what is answered, and [`link`](crate::link) what is signed.

use serde_json::json;

use super::context::{Context, Handled};
use super::download::{Fields, FileAnswer, FileBody, Method, StoredFile, answer};
use super::problem::Problem;
use super::request::Request;
use super::request_body::read_json;
use super::response::{Body, Response};
use super::runtime::{OpenedFile, Runtime, StoredFiles};
use super::schema::{LinkAnswer, LinkRequest};
use super::secrets::LINK_SECRET;
use crate::example_secrets::NoSecret;
use crate::fabricate::FileId;
use crate::hook::archive_key::safe_name;
use crate::link::{InvalidSecret, LinkSecret};
use crate::log;
use crate::ports::StoreError;
use crate::run::{Run, RunId};
use crate::service::queries::archived_file;

/// The largest body that asks for a link, bytes: it is a number.
const LINK_BODY_BYTES_MAX: u64 = 1024;

/// How often a file is opened that changes between its head and its body. Only two sweeps that copy it at the same time
/// write it again, so that a second attempt is enough.
const ATTEMPTS_MAX: usize = 3;

/// A file, for the operator.
///
/// 200, 206 or 304; 404 there is no such run, the run has no such file, or its object is gone; 412 and 416 by the
/// request's conditions and range; 503 R2 cannot be read.
pub(super) async fn get_file<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
    file_id: &FileId,
) -> Handled<R> {
    let ports = context.ports()?;
    let run = context.run(&ports, run_id).await?;
    let file = Located::find(&run, file_id)?;
    let fields = Fields::read(|name| request.header(name).map(ToOwned::to_owned));
    let method = if request.method == "HEAD" { Method::Head } else { Method::Get };
    for _ in 0..ATTEMPTS_MAX {
        let stored = head_file(context, &ports, &file).await?;
        let reply = match answer(&stored, method, &fields) {
            FileAnswer::Send(reply) => reply,
            FileAnswer::PreconditionFailed => return Err(Problem::PreconditionFailed),
            FileAnswer::RangeNotSatisfiable { size } => return Err(Problem::RangeNotSatisfiable(size)),
        };
        let opened = match reply.body {
            FileBody::Empty => return Ok(Response::new(reply.status, Body::Empty).with_all(reply.headers)),
            FileBody::Whole => ports.open_file(file.key, &stored.etag, None).await,
            FileBody::Part(part) => ports.open_file(file.key, &stored.etag, Some(part)).await,
        };
        match opened.map_err(|error| not_read(context, &error))? {
            OpenedFile::Opened(stream) => {
                return Ok(Response::new(reply.status, Body::Stream(stream)).with_all(reply.headers));
            }
            OpenedFile::Changed => {}
            OpenedFile::Missing => return Err(Problem::NoSuchFile),
        }
    }
    Err(Problem::NotReady)
}

/// Makes a link to a file: 200.
///
/// 400, 408, 413, 415 or 503 the body is not read, or not understood; 404 the run has no such file; 503 there is no
/// usable `LINK_SECRET`, or a store fails.
pub(super) async fn make_link<R: Runtime>(
    context: &Context<'_, R>,
    request: Request,
    run_id: RunId,
    file_id: &FileId,
) -> Handled<R> {
    let secret = link_secret(context)?;
    let here = request.url.clone();
    let LinkRequest { expires_in } = read_json(context, request, LINK_BODY_BYTES_MAX).await?;
    let ports = context.ports()?;
    let run = context.run(&ports, run_id).await?;
    head_file(context, &ports, &Located::find(&run, file_id)?).await?;
    let link = secret.link(run_id, file_id, context.now(), expires_in.unwrap_or_default());
    let url = link.at(&here).ok_or(Problem::NoSuchPage)?;
    context.json(200, &LinkAnswer { url: url.into(), expires_at: link.expires_at })
}

/// A file, for anyone who has a link to it: answered as [`get_file`].
///
/// 403 the link is not valid or has expired, which is seen before any store is read; 503 there is no usable
/// `LINK_SECRET`.
pub(super) async fn follow_link<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
    file_id: &FileId,
) -> Handled<R> {
    let query = request.url.query().unwrap_or_default();
    let verified = link_secret(context)?.verify(run_id, file_id, query, context.now());
    verified.map_err(Problem::BadLink)?;
    get_file(context, request, run_id, file_id).await
}

/// The secret that links are signed with: 503 there is none that is usable.
pub(super) fn link_secret<R: Runtime>(context: &Context<'_, R>) -> Result<LinkSecret, Problem> {
    let secret = context.usable_secret(LINK_SECRET);
    if secret == Err(NoSecret::Example) {
        return Err(Problem::NoLinks(InvalidSecret::Example));
    }
    LinkSecret::new(secret.ok().as_deref()).map_err(Problem::NoLinks)
}

/// Where a file lies, and the name under which it is saved.
struct Located<'a> {
    key: &'a str,
    name: String,
}

impl<'a> Located<'a> {
    /// The archived file of this id: 404 the run has none.
    fn find(run: &'a Run, file_id: &FileId) -> Result<Self, Problem> {
        let file = archived_file(run, file_id).ok_or(Problem::NoSuchFile)?;
        let key = file.key.as_deref().ok_or(Problem::NoSuchFile)?;
        Ok(Self { key, name: safe_name(file.file.name.as_deref()) })
    }
}

/// The file's object as it is now: 404 it is gone, 503 R2 cannot be read.
async fn head_file<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    file: &Located<'_>,
) -> Result<StoredFile, Problem> {
    let stored = ports.head_file(file.key).await.map_err(|error| not_read(context, &error))?;
    let stored = stored.ok_or(Problem::NoSuchFile)?;
    Ok(StoredFile { name: file.name.clone(), ..stored })
}

fn not_read<R: Runtime>(context: &Context<'_, R>, error: &StoreError) -> Problem {
    context.log(log::FILE_NOT_READ, json!({"error": error.to_string()}));
    Problem::NotReady
}
