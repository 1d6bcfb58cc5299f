//! The certificates that SNS signs with: fetched once an hour for each address, from addresses that
//! [`verify`](crate::verify) allows.

use std::cell::RefCell;

use serde_json::json;
use url::Url;

use super::context::Context;
use super::problem::Problem;
use super::runtime::{Outbound, Runtime};
use crate::log;
use crate::timestamp::{HOUR_MS, Timestamp};

/// How long a certificate is remembered, milliseconds: AWS changes it once a year.
const KEPT_MS: i64 = HOUR_MS;

/// How many certificates are remembered: one for each region.
const KEPT_MAX: usize = 8;

/// The certificates that this isolate remembers.
#[derive(Debug, Default)]
pub(super) struct Certificates(RefCell<Vec<Certificate>>);

#[derive(Debug)]
struct Certificate {
    address: String,
    pem: String,
    fetched_at: Timestamp,
}

/// The certificate at an address. `None`: there is none, so the delivery cannot be genuine.
///
/// 503 the address does not answer, or answers that it is overloaded or broken: the sender is asked to try again.
pub(super) async fn get_certificate<R: Runtime>(
    context: &Context<'_, R>,
    ports: &R::Ports,
    address: &str,
) -> Result<Option<String>, Problem> {
    let (kept, now) = (&context.server.certificates.0, context.now());
    kept.borrow_mut().retain(|certificate| now.since_ms(certificate.fetched_at) < KEPT_MS);
    if let Some(certificate) = kept.borrow().iter().find(|certificate| certificate.address == address) {
        return Ok(Some(certificate.pem.clone()));
    }
    let Ok(url) = Url::parse(address) else { return Ok(None) };
    let answer = ports.get(&url).await.map_err(|error| {
        let fields = json!({"url": address, "error": error});
        context.log(log::CERTIFICATE_NOT_FETCHED, fields);
        Problem::NotReady
    })?;
    match answer.status {
        200 => {
            let pem = String::from_utf8_lossy(&answer.body).into_owned();
            let certificate = Certificate { address: address.to_owned(), pem: pem.clone(), fetched_at: now };
            let mut kept = kept.borrow_mut();
            kept.truncate(KEPT_MAX - 1);
            kept.insert(0, certificate);
            Ok(Some(pem))
        }
        429 | 500.. => Err(Problem::NotReady),
        // A redirect is not followed: it could lead anywhere.
        _ => Ok(None),
    }
}
