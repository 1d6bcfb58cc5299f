//! What one isolate keeps from one request to the next: the configuration, the memory in flight, and what it need not
//! ask for again. Losing it loses nothing but time.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;
use url::Url;

use super::access_keys::AccessKeys;
use super::health::LastPulse;
use super::recent::Recent;
use super::request_body::in_flight::InFlight;
use crate::config::Configuration;
use crate::config::mistake::Mistake;
use crate::example_secrets::{self, Exposure, NoSecret};
use crate::hook::{Hook, HookName};
use crate::log;
use crate::ports::Log;
use crate::service::alerts::Heard;
use crate::timestamp::{HOUR_MS, Timestamp};
use crate::verify::offered_secret::KEPT_MS as TOKEN_KEPT_MS;

/// How long a certificate is remembered, milliseconds: AWS changes it once a year.
const CERTIFICATE_KEPT_MS: i64 = HOUR_MS;

/// How many certificates are remembered: one for each region.
const CERTIFICATES_MAX: usize = 8;

/// For how many hooks it is remembered which token is kept.
const TOKENS_MAX: usize = 32;

/// The state of one isolate.
#[derive(Debug)]
pub struct Isolate {
    /// What the variables say.
    pub configuration: Configuration,
    pub(super) in_flight: Rc<InFlight>,
    pub(super) certificates: Certificates,
    pub(super) access_keys: AccessKeys,
    pub(super) kept_tokens: KeptTokens,
    pub(super) recent: Rc<Recent>,
    pub(super) pulse: LastPulse,
    pub(super) heard: Rc<Heard>,
    /// [`Self::exposure`]
    exposure: Rc<Cell<Exposure>>,
    /// The hooks whose mistakes are in the log.
    logged: RefCell<BTreeSet<HookName>>,
    /// Whether the secrets with the value of an example are in the log.
    has_logged_examples: Cell<bool>,
}

impl Isolate {
    /// An isolate that begins.
    #[must_use]
    pub fn new(configuration: Configuration) -> Self {
        Self {
            configuration,
            in_flight: Rc::default(),
            certificates: Certificates::default(),
            access_keys: AccessKeys::default(),
            kept_tokens: KeptTokens::default(),
            recent: Rc::default(),
            pulse: LastPulse::default(),
            heard: Rc::default(),
            exposure: Rc::default(),
            logged: RefCell::default(),
            has_logged_examples: Cell::default(),
        }
    }

    /// Who can call this isolate's Worker, as far as its requests have shown: one at a local address reaches no deployed Worker. What
    /// has no address of its own goes by it: sweeps, and messages of the queue.
    #[must_use]
    pub fn exposure(&self) -> Rc<Cell<Exposure>> {
        Rc::clone(&self.exposure)
    }

    /// Who can call the Worker that answers a request at this address.
    pub(super) fn called_at(&self, url: &Url) -> Exposure {
        let exposure = Exposure::at(url);
        if exposure == Exposure::Local {
            self.exposure.set(exposure);
        }
        exposure
    }

    /// Logs which secrets have the value of an example and are refused, once in an isolate. `secret` is the value of a secret.
    pub fn log_example_secrets(
        &self,
        exposure: Exposure,
        log: &impl Log,
        secret: impl Fn(&str) -> Option<String>,
    ) {
        if exposure == Exposure::Local || self.has_logged_examples.replace(true) {
            return;
        }
        for name in example_secrets::names() {
            if exposure.usable(secret(name)) == Err(NoSecret::Example) {
                log.log(log::EXAMPLE_SECRET, json!({"secret": name}));
            }
        }
    }

    /// The hook of this name, or its mistakes, which are logged once in an isolate; `None`: there is no such hook.
    pub(super) fn hook(&self, name: &HookName, log: &impl Log) -> Option<Result<&Hook, &[Mistake]>> {
        let hook = self.configuration.hooks.get(name)?;
        if let Err(mistakes) = hook {
            self.log_mistakes(name, mistakes, log);
        }
        Some(hook)
    }

    /// Logs the mistakes of every hook, each once in an isolate.
    pub fn log_hook_mistakes(&self, log: &impl Log) {
        for (name, hook) in self.configuration.hooks.iter() {
            if let Err(mistakes) = hook {
                self.log_mistakes(name, mistakes, log);
            }
        }
    }

    fn log_mistakes(&self, name: &HookName, mistakes: &[Mistake], log: &impl Log) {
        if !self.logged.borrow_mut().insert(name.clone()) {
            return;
        }
        for mistake in mistakes {
            log.log(log::CONFIGURATION_MISTAKE, json!({"mistake": mistake.to_string()}));
        }
    }
}

/// The certificates that were fetched within the last hour.
#[derive(Debug, Default)]
pub(super) struct Certificates(RefCell<Vec<Certificate>>);

#[derive(Debug)]
struct Certificate {
    address: String,
    pem: String,
    fetched_at: Timestamp,
}

impl Certificates {
    pub(super) fn get(&self, address: &str, now: Timestamp) -> Option<String> {
        let mut known = self.0.borrow_mut();
        known.retain(|certificate| now.since_ms(certificate.fetched_at) < CERTIFICATE_KEPT_MS);
        known.iter().find(|certificate| certificate.address == address).map(|found| found.pem.clone())
    }

    pub(super) fn remember(&self, address: &str, pem: &str, now: Timestamp) {
        let mut known = self.0.borrow_mut();
        known.truncate(CERTIFICATES_MAX - 1);
        known.insert(0, Certificate { address: address.to_owned(), pem: pem.to_owned(), fetched_at: now });
    }
}

/// The tokens that are known to be kept for their hour. They save a read for each further handshake.
#[derive(Debug, Default)]
pub(super) struct KeptTokens(RefCell<Vec<KeptToken>>);

#[derive(Debug)]
struct KeptToken {
    hook: HookName,
    /// SHA-256 of the token, in hexadecimal.
    digest: String,
    stored_at: Timestamp,
}

impl KeptTokens {
    pub(super) fn digest_of(&self, hook: &HookName, now: Timestamp) -> Option<String> {
        let mut known = self.0.borrow_mut();
        known.retain(|token| now.since_ms(token.stored_at) < TOKEN_KEPT_MS);
        known.iter().find(|token| token.hook == *hook).map(|token| token.digest.clone())
    }

    pub(super) fn remember(&self, hook: &HookName, digest: &str, stored_at: Timestamp) {
        let mut known = self.0.borrow_mut();
        known.retain(|token| token.hook != *hook);
        known.truncate(TOKENS_MAX - 1);
        known.insert(0, KeptToken { hook: hook.clone(), digest: digest.to_owned(), stored_at });
    }
}
