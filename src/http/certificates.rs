//! The certificates that SNS signs with: fetched once an hour for each address, from addresses that
//! [`verify`](crate::verify) allows.

use crate::log;
use serde_json::json;
use url::Url;

use super::context::Context;
use super::problem::Problem;
use super::runtime::{Limits, Runtime};

/// The certificate at an address. `None`: there is none, so the delivery cannot be genuine.
///
/// 503 the address does not answer, or answers that it is overloaded or broken: the sender is asked to try again.
pub(super) async fn get_certificate<R: Runtime>(
    context: &Context<'_, R>,
    address: &str,
) -> Result<Option<String>, Problem> {
    let (known, now) = (&context.isolate.certificates, context.now());
    if let Some(pem) = known.get(address, now) {
        return Ok(Some(pem));
    }
    let Ok(url) = Url::parse(address) else { return Ok(None) };
    let answer = context.runtime.get(&url, Limits::USUAL).await.map_err(|error| {
        let fields = json!({"url": address, "error": error});
        context.log(log::CERTIFICATE_NOT_FETCHED, fields);
        Problem::NotReady
    })?;
    match answer.status {
        200 => {
            let pem = String::from_utf8_lossy(&answer.body).into_owned();
            known.remember(address, &pem, now);
            Ok(Some(pem))
        }
        429 | 500.. => Err(Problem::NotReady),
        // A redirect is not followed: it could lead anywhere.
        _ => Ok(None),
    }
}
