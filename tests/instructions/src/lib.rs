//! The pure path of a delivery, as wasm functions whose instructions `cargo xtask instructions` counts: from a request to
//! the runs that it becomes. No function does I/O or calls JavaScript.
//!
//! Each function returns whether the outcome was the expected one. `prepare` makes the inputs, so that the others do not
//! count them.
#![cfg(target_arch = "wasm32")]

mod input;

use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use seedhook::config::{Configuration, Variables};
use seedhook::hook::admission::{Admitted, Rejection};
use seedhook::hook::event::Event;
use seedhook::hook::{Hook, HookName};
use seedhook::ports::Clock;
use seedhook::request::RawRequest;
use seedhook::service::receive::{Unplanned, plan_delivery};
use seedhook::timestamp::Timestamp;
use seedhook::verify::crypto::{Crypto, Hash, PublicSignature, UnusableKey};
use seedhook::verify::signed_bytes::SignedBytes;
use seedhook::verify::{VerifyContext, VerifyError};
use wasm_bindgen::prelude::wasm_bindgen;

use input::{HOOKS, Input, SECRET, hook_table};

const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

thread_local! {
    static PREPARED: Option<Prepared> = Prepared::new();
}

struct Prepared {
    /// [`HOOKS`] hooks that nobody has called yet.
    variables: Variables,
    /// A configuration whose hooks are read when they are first called.
    configuration: Configuration,
    called: HookName,
    small: Input,
    large: Input,
}

impl Prepared {
    fn new() -> Option<Self> {
        let variables = hook_table();
        let configuration = Configuration::of(&variables);
        let called = HookName::try_from(format!("hook-{}", HOOKS / 2)).ok()?;
        Some(Self { variables, configuration, called, small: Input::new(2_048), large: Input::new(65_536) })
    }
}

/// What a request becomes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ignored,
    NotVerified,
    Planned,
    Other,
}

/// Makes the inputs.
#[wasm_bindgen]
#[must_use]
pub fn prepare() -> bool {
    PREPARED.with(Option::is_some)
}

/// A verified delivery of 2 KiB for which no rule holds.
#[wasm_bindgen]
#[must_use]
pub fn ignored_2k() -> bool {
    is_outcome(Outcome::Ignored, |prepared| prepared.small.ignored(NOW))
}

/// A delivery of 2 KiB whose signature does not match.
#[wasm_bindgen]
#[must_use]
pub fn refused_2k() -> bool {
    is_outcome(Outcome::NotVerified, |prepared| prepared.small.forged(NOW))
}

/// A verified delivery of 64 KiB that becomes a run.
#[wasm_bindgen]
#[must_use]
pub fn accepted_plan_64k() -> bool {
    is_outcome(Outcome::Planned, |prepared| prepared.large.accepted(NOW))
}

/// What a new isolate with 50 hooks does for its first delivery, which is ignored: it reads the configuration, and the hook
/// that is called.
#[wasm_bindgen]
#[must_use]
pub fn first_call_50_hooks() -> bool {
    PREPARED.with(|prepared| {
        let Some(prepared) = prepared else { return false };
        let configuration = Configuration::of(&prepared.variables);
        deliver(&configuration, &prepared.called, prepared.small.ignored(NOW)) == Outcome::Ignored
    })
}

fn is_outcome(expected: Outcome, request: fn(&Prepared) -> RawRequest) -> bool {
    PREPARED.with(|prepared| {
        let Some(prepared) = prepared else { return false };
        deliver(&prepared.configuration, &prepared.called, request(prepared)) == expected
    })
}

fn deliver(configuration: &Configuration, name: &HookName, request: RawRequest) -> Outcome {
    match configuration.hooks.get(name) {
        Some(Ok(hook)) => receive(hook, request),
        _ => Outcome::Other,
    }
}

fn receive(hook: &Hook, request: RawRequest) -> Outcome {
    let secret = |_: &str| Some(SECRET.to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &NoCrypto, now: NOW };
    // It waits for nothing, because `NoCrypto` does not.
    let Some(admitted) = hook.admit(request, &context).now_or_never() else { return Outcome::Other };
    let verified = match admitted {
        Ok(Admitted::Delivery(verified)) => verified,
        Err(Rejection::Verify(VerifyError::NotVerified(_))) => return Outcome::NotVerified,
        _ => return Outcome::Other,
    };
    let Ok(event) = Event::parse(verified, hook, "0197f1a2-0000-7000-8000-000000000000") else {
        return Outcome::Other;
    };
    match plan_delivery(&StoppedClock, hook, event, NOW) {
        Ok(planned) if planned.params_bytes() > 0 => Outcome::Planned,
        Err(Unplanned::Ignored(_)) => Outcome::Ignored,
        _ => Outcome::Other,
    }
}

/// A runtime without cryptography: seedhook's own is counted, for a large body too.
struct NoCrypto;

impl Crypto for NoCrypto {
    fn verify<'a>(&'a self, _: PublicSignature<'a>) -> LocalBoxFuture<'a, Result<bool, UnusableKey>> {
        ready(Err(UnusableKey)).boxed_local()
    }

    fn hmac(&self, _: Hash, _: &[u8], _: &SignedBytes<'_>) -> LocalBoxFuture<'static, Option<Vec<u8>>> {
        ready(None).boxed_local()
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn sleep_ms(&self, _: u32) {}

    fn random(&self) -> [u8; 16] {
        [7; 16]
    }
}
