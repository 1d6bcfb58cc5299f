//! Signed links over HTTP: the operator makes one, and whoever has it follows it. What is signed is decided in
//! [`crate::link`].

use serde_json::json;
use worker::{Env, Request, Response};

use super::clock::WorkerClock;
use super::request_body::read_body;
use super::respond::{self, Problem};
use super::settings::{LINK_SECRET, Settings, secret};
use super::{Cloudflare, api, files};
use crate::fabricate::FileId;
use crate::link::{ExpiresIn, LinkSecret};
use crate::ports::Clock;
use crate::run::RunId;

/// A body of such a call is a number, bytes.
const BODY_BYTES_MAX: u64 = 1024;

/// Makes a link to an archived file: 200 `{"url", "expires_at"}`.
///
/// 400, 408, 413, 415 or 503 the body is not read, or not understood; 404 the run has no such file; 503 there is no
/// usable `LINK_SECRET`, or a store fails.
pub(super) async fn make(
    mut request: Request,
    env: &Env,
    settings: &Settings,
    run_id: RunId,
    file_id: &FileId,
) -> Result<worker::Result<Response>, Problem> {
    let secret = link_secret(env)?;
    let here = request.url().map_err(|_| Problem::no_such_page())?;
    let (body, _lease) = read_body(&mut request, BODY_BYTES_MAX).await?;
    let expires_in = ExpiresIn::read(&body).map_err(|error| Problem::bad_body(error.to_string()))?;
    let world = Cloudflare::new(env, settings)?;
    files::must_exist(&world, &api::find(&world, run_id).await?, file_id).await?;
    let link = secret.link(run_id, file_id, WorkerClock.now(), expires_in);
    let url = here.join(&link.reference).map_err(|_| Problem::no_such_page())?;
    Ok(respond::json(200, &json!({"url": url.as_str(), "expires_at": link.expires_at})))
}

/// Answers `GET` or `HEAD` of a link as [`files::serve`] does, to whoever has it.
///
/// 403 the link is not valid or has expired, which is found out before any store is read; 503 there is no usable
/// `LINK_SECRET`.
pub(super) async fn follow(
    request: &Request,
    env: &Env,
    settings: &Settings,
    run_id: RunId,
    file_id: &FileId,
) -> Result<worker::Result<Response>, Problem> {
    let secret = link_secret(env)?;
    let url = request.url().map_err(|_| Problem::no_such_page())?;
    let verified = secret.verify(run_id, file_id, url.query().unwrap_or_default(), WorkerClock.now());
    verified.map_err(Problem::bad_link)?;
    let world = Cloudflare::new(env, settings)?;
    files::serve(&world, request, &api::find(&world, run_id).await?, file_id).await
}

fn link_secret(env: &Env) -> Result<LinkSecret, Problem> {
    LinkSecret::new(secret(env, LINK_SECRET).as_deref()).map_err(Problem::no_links)
}
