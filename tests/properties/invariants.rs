//! What holds for every input: each invariant is a function of any bytes, and panics where it does not hold. The tests
//! call them with bytes at random, `fuzz/` with those that reach new code.
//!
//! [`admission`], [`bodies`], [`expressions`] and [`configurations`] are the invariants; [`choices`] makes decisions of
//! bytes. For admission, [`case`] is every hook ([`generic`], [`recorded`], [`secret`]), [`genuine`] what a sender sends
//! ([`request`]), [`mutation`] what others do to that, and [`judge`] (over [`seen`]) what may still be let in.

mod admission;
mod bodies;
mod case;
mod choices;
mod configurations;
mod expressions;
mod generic;
mod genuine;
mod grammar;
mod judge;
mod mutation;
mod recorded;
mod request;
mod secret;
mod seen;
mod values;

use seedhook::hook::Hook;
use seedhook::hook::event::Event;
use seedhook::ports::Claim;
use seedhook::records::Record;
use seedhook::service::plan::{RUNS_MAX, plan};
use seedhook::verify::Verified;

use choices::Choices;

/// The time of senders and hooks.
const NOW_MS: i64 = 1_760_000_000_000;

/// A caller who has seen genuine requests and has no key can only repeat what they say.
pub(crate) fn request(data: &[u8]) {
    admission::only_what_was_signed_gets_in(&mut Choices::new(data));
}

/// A request that is signed with another key is rejected.
pub(crate) fn forged(data: &[u8]) {
    admission::another_key_gets_nowhere(&mut Choices::new(data));
}

/// Any body is parsed or rejected, within bounds.
pub(crate) fn body(data: &[u8]) {
    bodies::any_is_read_or_refused(&mut Choices::new(data));
}

/// Any text is an expression or a mistake; evaluated it has a value or an error, within its fuel.
pub(crate) fn template(data: &[u8]) {
    expressions::any_has_a_value_or_an_error(&mut Choices::new(data));
}

/// Any variables are hooks or mistakes, and no hook accepts a caller without its secret.
pub(crate) fn configuration(data: &[u8]) {
    configurations::any_is_whole_or_a_mistake(&mut Choices::new(data));
}

/// An accepted request becomes an event and its runs, within bounds.
fn check_event(hook: &Hook, verified: Verified) {
    let Ok(mut event) = Event::parse(verified, hook, "fresh") else { return };
    let id_problem = event.assign_id(hook).err().map(|error| error.to_string());
    assert!(
        event.delivery.delivery_id.digest().len() == 64 && !event.delivery.delivery_id.as_str().is_empty()
    );
    let claim =
        Claim { author: "a".into(), delivery: event.delivery.clone(), runs: Vec::new(), items: Vec::new() };
    assert_eq!(Claim::from_json(&claim.to_json().expect("JSON")).expect("a claim"), claim);
    let plans = plan(hook, &event, id_problem.as_deref());
    assert!(plans.len() <= RUNS_MAX + hook.rules.len());
}
