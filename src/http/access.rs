//! Cloudflare Access in front of `/api/`: who signed in, by the token that Access adds to a request, and which calls a
//! browser may make with it.

use std::rc::Rc;

use serde_json::json;
use url::Url;

use super::access_keys::{ANSWER_MS, Found};
use super::context::Context;
use super::problem::Problem;
use super::request::Request;
use super::runtime::{Limits, Runtime};
use crate::log;
use crate::verify::access::{Access, AccessKey, InvalidAssertion};

/// The header in which Access sends its token to the Worker.
const HEADER: &str = "cf-access-jwt-assertion";

/// The cookie in which a browser keeps the same token.
const COOKIE: &str = "CF_Authorization";

/// The bounds of the answer with a team's keys, which has about 5 KB.
const LIMITS: Limits = Limits { timeout_ms: ANSWER_MS, bytes_max: 64 * 1024 };

/// How often a call looks whether another one has fetched the keys, milliseconds.
const WAIT_MS: u32 = 100;

/// Access's token in a request: that of the header, else that of the cookie.
pub(super) fn token_of(request: &Request) -> Option<&str> {
    request.header(HEADER).or_else(|| cookie(request))
}

fn cookie(request: &Request) -> Option<&str> {
    let mut cookies = request.header("cookie")?.split(';').filter_map(|cookie| cookie.split_once('='));
    cookies.find(|(name, _)| name.trim() == COOKIE).map(|(_, value)| value.trim())
}

/// The user whose token it is; `Ok(None)`: the token names none.
///
/// 401 the token is not accepted; 503 the team's keys cannot be fetched.
pub(super) async fn user_of<R: Runtime>(
    context: &Context<'_, R>,
    access: &Access,
    token: &str,
) -> Result<Option<String>, Problem> {
    let assertion = access.read(token, context.now()).map_err(Problem::NotSignedIn)?;
    let key = find_key(context, access, &assertion.key_id).await?;
    assertion.verify(&key, context.runtime.crypto()).await.map_err(Problem::NotSignedIn)
}

async fn find_key<R: Runtime>(
    context: &Context<'_, R>,
    access: &Access,
    id: &str,
) -> Result<Rc<AccessKey>, Problem> {
    let known = &context.isolate.access_keys;
    // It ends: after a request there is a pause, and a request is awaited for a few seconds.
    loop {
        match known.find(id, context.now()) {
            Found::Key(key) => return Ok(key),
            Found::Unknown => return Err(Problem::NotSignedIn(InvalidAssertion::UnknownKey)),
            Found::Unavailable => return Err(Problem::NotReady),
            Found::Wait => context.runtime.sleep_ms(WAIT_MS).await,
            Found::Fetch => {
                let keys = fetch(context, access).await.map_err(|error| {
                    let fields = json!({"url": access.keys_url(), "error": error});
                    context.log(log::ACCESS_KEYS_NOT_FETCHED, fields);
                });
                known.record(keys.ok(), context.now());
            }
        }
    }
}

/// Fetches the keys of a team. A redirect is not followed: it could lead anywhere.
async fn fetch<R: Runtime>(context: &Context<'_, R>, access: &Access) -> Result<Vec<AccessKey>, String> {
    let url = Url::parse(&access.keys_url()).map_err(|error| error.to_string())?;
    let answer = context.runtime.get(&url, LIMITS).await?;
    if answer.status != 200 {
        return Err(format!("HTTP {}", answer.status));
    }
    let keys = AccessKey::read_all(&answer.body);
    if keys.is_empty() { Err("the answer has no usable key".to_owned()) } else { Ok(keys) }
}

/// Lets a call that may change something pass only where no other site can have made it. A browser sends its cookie along
/// with each call, also one that another site caused, and Access makes a header of the cookie.
///
/// - A browser says where a call comes from (`Sec-Fetch-Site`), and no script can change that: it must be a page of this
///   Worker. A page of a neighbouring host (`same-site`) is not.
/// - Without that header the caller is a program, with a service token for example, or an old browser. An old browser sends
///   `Origin` with every `POST` to another site, and the cookie: a program sends neither.
/// - The type must be JSON, which no form can send: a page of another site would have to ask first, and is not answered.
///
/// 403 the call may come from another site; 415 it has another type.
pub(super) fn require_own_page(request: &Request) -> Result<(), Problem> {
    let is_ours = match request.header("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => request.header("origin").is_none() && cookie(request).is_none(),
    };
    if !is_ours {
        return Err(Problem::CrossSite);
    }
    let stated = request.header("content-type").unwrap_or_default();
    let essence = stated.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/json") {
        let why = "signed in by Cloudflare Access, send this call with Content-Type: application/json, also without a body";
        return Err(Problem::UnsupportedType(why.to_owned()));
    }
    Ok(())
}
