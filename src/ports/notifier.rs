//! Who is notified, and how a message reaches them.

use crate::example_secrets::{Exposure, NoSecret};
use crate::notify::{Request, Targets};

/// The targets of the configuration, asked over HTTP.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Notifier {
    /// Every target.
    fn targets(&self) -> &Targets;
    /// The value of a secret that a target names, or of the secret that signs links; `None` where it is not set, or blank.
    fn notifier_secret(&self, name: &str) -> Option<String>;
    /// Who can call this Worker, as far as this isolate has seen: a sweep has no address of its own.
    fn exposure(&self) -> Exposure;
    /// The value of a secret that may be used.
    ///
    /// # Errors
    /// [`NoSecret`] when it is not set, or has the value of an example and the Worker is deployed.
    fn usable_secret(&self, name: &str) -> Result<String, NoSecret> {
        self.exposure().usable(self.notifier_secret(name))
    }
    /// Posts a request, and reads the head of its answer within `limit_ms` milliseconds. The body of the answer is not read, and
    /// redirects are not followed.
    ///
    /// # Errors
    /// Why no answer came; no part of the address is in it, because it may be a secret.
    async fn post(&self, request: &Request, limit_ms: u32) -> Result<Posted, String>;
}

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`.
    pub retry_after: Option<String>,
}
