//! The sample webhook, signed for its hook.

use anyhow::{Context, Result};
use seedhook::hook::{Hook, HookName};
use seedhook::request::RawRequest;

use super::settings::Settings;
use crate::host::Host;
use crate::init::{PAYLOAD, Sample};
use crate::local_config::LocalConfig;
use crate::sign;
use crate::webhook_request::{SAMPLE_HOOK, WebhookRequest};

/// The sample webhook and its hook.
#[derive(Debug)]
pub(super) struct SampleWebhook<'a> {
    config: &'a LocalConfig,
    hook: &'a Hook,
    has_payload: bool,
}

impl<'a> SampleWebhook<'a> {
    /// Finds the hook of the sample: `crm-deal-won`, or the first.
    ///
    /// # Errors
    /// When there is no hook or no payload for it, or a request to it cannot be signed.
    pub(super) fn find(host: &impl Host, settings: &'a Settings) -> Result<Self> {
        let config = &settings.config;
        let names: Vec<&str> = config.configuration.hooks.names().map(HookName::as_str).collect();
        let is_there = names.contains(&SAMPLE_HOOK);
        let name = if is_there { SAMPLE_HOOK } else { names.first().copied().context("there is no hook")? };
        let has_payload = host.entry(PAYLOAD).is_some();
        if !is_there && !has_payload {
            anyhow::bail!("there is no {PAYLOAD}: put what the sender of {name} sends there");
        }
        let sample = Self { config, hook: config.hook(Some(name))?, has_payload };
        sample.delivery(host, "http://localhost").map(|_| sample)
    }

    /// A new event's id, and its delivery to the Worker at `base`, signed now.
    pub(super) fn delivery(&self, host: &impl Host, base: &str) -> Result<(String, RawRequest)> {
        let mut request = WebhookRequest::to(host, base)?;
        if self.has_payload {
            request.add_payload(PAYLOAD, Sample::of(self.hook.sender.as_deref()).headers);
        }
        let draft = request.delivery(host, self.hook)?;
        let delivery = sign::signed(self.config, self.hook, draft, request.id(), request.now)?;
        Ok((request.id().to_owned(), delivery))
    }

    /// The command that sends another one. It signs when it runs, so it contains no secret.
    pub(super) fn shell_line(&self, base: &str) -> String {
        let payload = if self.has_payload {
            format!(" {PAYLOAD}{}", Sample::of(self.hook.sender.as_deref()).options())
        } else {
            String::new()
        };
        format!("npx seedhook sign {}{payload} --url {base} | sh", self.hook.name)
    }
}
