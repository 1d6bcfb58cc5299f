//! The sample webhook, signed for its hook.

use anyhow::Result;
use seedhook::hook::Hook;
use seedhook::request::RawRequest;

use super::settings::Settings;
use crate::local_config::LocalConfig;
use crate::sign;
use crate::webhook_request::{SAMPLE_HOOK, WebhookRequest};

/// The sample webhook and its hook.
#[derive(Debug)]
pub(super) struct SampleWebhook<'a> {
    config: &'a LocalConfig,
    hook: &'a Hook,
}

impl<'a> SampleWebhook<'a> {
    /// Finds the hook of the sample.
    ///
    /// # Errors
    /// When wrangler.toml does not have the hook, or a request to it cannot be signed.
    pub(super) fn find(settings: &'a Settings) -> Result<Self> {
        let config = &settings.config;
        let sample = Self { config, hook: config.hook(Some(SAMPLE_HOOK))? };
        sample.delivery("http://localhost").map(|_| sample)
    }

    /// A new event's id, and its delivery to the Worker at `base`, signed now.
    pub(super) fn delivery(&self, base: &str) -> Result<(String, RawRequest)> {
        let request = WebhookRequest::to(base)?;
        let draft = request.delivery(self.hook)?;
        let delivery = sign::signed(self.config, self.hook, draft, request.id(), request.now)?;
        Ok((request.id().to_owned(), delivery))
    }

    /// The command that sends another one. It signs when it runs, so it contains no secret.
    pub(super) fn shell_line(base: &str) -> String {
        format!("cargo xtask sign {SAMPLE_HOOK} --url {base} | sh")
    }
}
