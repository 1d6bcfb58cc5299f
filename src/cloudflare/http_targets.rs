//! Posts messages to the targets of notifications.

use super::outbound::exchange;
use super::world::{Cloudflare, kept_secret};
use crate::example_secrets::Exposure;
use crate::http::runtime::Limits;
use crate::notify::{Request, Targets};
use crate::ports::{Notifier, Posted};

impl Notifier for Cloudflare {
    fn targets(&self) -> &Targets {
        &self.targets
    }

    fn notifier_secret(&self, name: &str) -> Option<String> {
        kept_secret(name)
    }

    fn exposure(&self) -> Exposure {
        self.exposure.get()
    }

    async fn post(&self, request: &Request, limit_ms: u32) -> Result<Posted, String> {
        let lines: Vec<&str> =
            request.headers.iter().flat_map(|(name, value)| [*name, value.as_str()]).collect();
        let limits = Limits { timeout_ms: limit_ms, bytes_max: 0 };
        let posted = exchange("POST", &request.url, &lines.join("\n"), Some(&request.body), limits).await;
        match posted {
            Ok((answer, _)) => Ok(Posted { status: answer.status, retry_after: answer.retry_after }),
            // The runtime's words may have the address, which may be a secret.
            Err(reason) if reason.contains("no answer within") => {
                Err(format!("no answer within {} s", limit_ms / 1_000))
            }
            Err(_) => Err("no answer: the connection failed".to_owned()),
        }
    }
}
