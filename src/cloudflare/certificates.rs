//! The certificates that SNS signs with: asked for once an hour and address, at addresses that the core allows.

use std::cell::RefCell;

use serde_json::json;
use url::Url;
use worker::Method;

use super::Cloudflare;
use super::clock::{WorkerClock, WorkerLog};
use super::respond::Problem;
use crate::ports::{Clock, Level, Log};
use crate::timestamp::{HOUR_MS, Timestamp};

/// How long a certificate is remembered: AWS changes it once a year.
const CACHE_MS: i64 = HOUR_MS;

/// How many are remembered: one a region.
const CACHE_MAX: usize = 8;

thread_local! {
    static CERTIFICATES: RefCell<Vec<(String, String, Timestamp)>> = const { RefCell::new(Vec::new()) };
}

/// The text at an address. `None`: there is none, and the delivery cannot be genuine.
pub(super) async fn get(world: &Cloudflare, address: &str) -> Result<Option<String>, Problem> {
    let now = WorkerClock.now();
    let known = CERTIFICATES.with_borrow_mut(|known| {
        known.retain(|(.., at)| now.since_ms(*at) < CACHE_MS);
        known.iter().find(|(known, ..)| known == address).map(|(_, pem, _)| pem.clone())
    });
    if known.is_some() {
        return Ok(known);
    }
    let Ok(url) = Url::parse(address) else { return Ok(None) };
    let answer = world.ask(Method::Get, &url, false, None).await.map_err(|error| {
        WorkerLog.log(
            Level::Warn,
            "certificate of SNS not to be had",
            json!({"url": address, "error": error}),
        );
        Problem::not_ready()
    })?;
    match answer.status {
        200 => {
            let pem = String::from_utf8_lossy(&answer.body).into_owned();
            CERTIFICATES.with_borrow_mut(|known| {
                known.truncate(CACHE_MAX - 1);
                known.insert(0, (address.to_owned(), pem.clone(), now));
            });
            Ok(Some(pem))
        }
        // SNS has a bad day: its message is to come again.
        429 | 500.. => Err(Problem::not_ready()),
        // A redirect is not followed: it could lead anywhere.
        _ => Ok(None),
    }
}
