//! The sample webhook, signed for the hook that can take it.
//!
//! It makes requests and sends none.

use anyhow::Result;
use seedhook::hook::Hook;
use seedhook::request::RawRequest;

use super::settings::Settings;
use crate::hooks::Hooks;
use crate::request::Request;
use crate::sample::HOOK;
use crate::sign;

/// The sample, and its hook.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    hooks: &'a Hooks,
    hook: &'a Hook,
}

impl<'a> Sample<'a> {
    /// The sample, or why there is none: wrangler.toml may have no hook for it any more, or one that cannot be signed
    /// for.
    pub(super) fn find(settings: &'a Settings) -> Result<Self> {
        let hooks = &settings.hooks;
        let sample = Self { hooks, hook: hooks.find(Some(HOOK))? };
        sample.delivery("http://localhost").map(|_| sample)
    }

    /// A new delivery to the Worker at `base`, signed now, and its id.
    pub(super) fn delivery(&self, base: &str) -> Result<(String, RawRequest)> {
        let request = Request::to(base);
        let id = request.id();
        let draft = request.delivery(self.hook)?;
        Ok((id.clone(), sign::signed(self.hooks, self.hook, draft, &id, request.now)?))
    }

    /// What to type to send one: it is signed when it is typed, and no secret stands on the screen.
    pub(super) fn shell_line(base: &str) -> String {
        format!("cargo xtask sign {HOOK} --url {base} | sh")
    }
}
