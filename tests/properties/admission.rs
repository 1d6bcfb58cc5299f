//! Admission at every kind of hook: requests of a sender, and what other callers make of them.

use seedhook::hook::admission::{Admitted, Rejection};
use seedhook::hook::event::Event;
use seedhook::timestamp::Timestamp;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use seedhook::verify::{VerifyContext, VerifyError};

use super::case::{Case, Cases};
use super::choices::Choices;
use super::genuine::{Signer, send};
use super::judge::{Statement, is_open_handshake, judge, statements};
use super::mutation::mutate;
use super::recorded::damaged;
use super::request::Request;
use super::values::CANARY;
use super::{NOW_MS, check_event};

/// See [`super::request`].
pub(crate) fn only_what_was_signed_gets_in(choices: &mut Choices<'_>) {
    let case = Cases::all().pick(choices);
    let sent_at = case.recorded.as_ref().map_or(Timestamp::from_millis(NOW_MS), |recorded| recorded.now);
    let genuine = send(case, Signer::Sender, choices, sent_at);
    check_genuine(case, &genuine, sent_at);
    let (mut request, mut said) = (genuine.clone(), said_in(case, &genuine));
    // Another to splice with: later, or a forger's, whose statements nobody with the key made.
    let other = match choices.below(4) {
        _ if case.recorded.is_some() => {
            let another = Cases::all().pick_recorded(choices).request.clone();
            said.extend(said_in(case, &another));
            another
        }
        0 => genuine,
        1 => send(case, Signer::Forger, choices, sent_at),
        _ => {
            let another = send(case, Signer::Sender, choices, sent_at.plus_ms(1_000));
            said.extend(said_in(case, &another));
            another
        }
    };
    let proofs = case.proof_headers();
    for _ in 0..choices.below(4) {
        mutate(&mut request, &other, &proofs, choices);
    }
    let now = match choices.below(8) {
        0 => sent_at.plus_ms(301_000),
        1 => sent_at.plus_ms(-301_000),
        2 => sent_at.plus_ms(i64::from(choices.byte()) * 1_000_000),
        _ => sent_at,
    };
    check_certificate(case, &request, choices, now);
    if let Some(what) = passes(case, &request, now)
        && let Err(problem) = judge(case, &request, &said, now)
    {
        // A handshake that proves nothing is answered, and starts nothing.
        let is_harmless = matches!(what, Passed::Handshake) && is_open_handshake(case, &request);
        assert!(
            is_harmless,
            "{} takes what is not genuine: {problem}\n{request:#?}\nsaid: {said:#?}",
            case.name
        );
    }
}

/// See [`super::forged`].
pub(crate) fn another_key_gets_nowhere(choices: &mut Choices<'_>) {
    let case = Cases::all().pick(choices);
    if case.recorded.is_some() {
        return;
    }
    let now = Timestamp::from_millis(NOW_MS);
    let mut request = send(case, Signer::Forger, choices, now);
    let other = send(case, Signer::Forger, choices, now.plus_ms(1_000));
    let proofs = case.proof_headers();
    for _ in 0..choices.below(4) {
        mutate(&mut request, &other, &proofs, choices);
    }
    if let Some(what) = passes(case, &request, now) {
        let is_harmless = matches!(what, Passed::Handshake) && is_open_handshake(case, &request);
        assert!(is_harmless, "{} takes what another key signed\n{request:#?}", case.name);
    }
    // A hook whose secret is not set, or empty, accepts no request.
    let empty = ["", " ", "\n"][choices.below(3)];
    let secret = |_: &str| choices.clone().one_in(2).then(|| empty.to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now };
    assert!(
        complete(case.hook.verify.check(&request.arrived(), &context)).is_err(),
        "{} needs no secret",
        case.name
    );
}

/// How a request was accepted.
enum Passed {
    Delivery,
    Handshake,
}

/// Whether a request is accepted. Checks the errors and the event too.
fn passes(case: &Case, request: &Request, now: Timestamp) -> Option<Passed> {
    let arrived = request.arrived();
    let certificate_url = case.hook.verify.certificate_url(&arrived).ok().flatten();
    let (checked, outcome) = case.with_context(certificate_url.as_deref(), now, |context| {
        let taken = arrived.clone().with_content_type(case.hook.content_type.as_deref());
        (complete(case.hook.verify.check(&taken, context)), complete(case.hook.admit(arrived, context)))
    });
    match outcome {
        Ok(Admitted::Delivery(verified)) => {
            assert!(checked.is_ok(), "{} takes what does not verify", case.name);
            let delivery = verified.delivery();
            assert!(
                *delivery.body == *request.body && delivery.url == request.url,
                "what was verified is another"
            );
            check_event(&case.hook, verified);
            Some(Passed::Delivery)
        }
        Ok(Admitted::Handshake(reply)) => {
            assert!((200..300).contains(&reply.status) && reply.body.len() < 64 * 1024, "{reply:?}");
            Some(if checked.is_ok() { Passed::Delivery } else { Passed::Handshake })
        }
        Err(why) => {
            check_refusal(case, &why);
            // Rejected for another reason, but verified: the key was right.
            checked.is_ok().then_some(Passed::Delivery)
        }
    }
}

/// An error quotes neither a secret nor the body or the headers.
fn check_refusal(case: &Case, why: &Rejection) {
    let told = why.to_string();
    assert!(!told.contains(CANARY), "{}: {told}", case.name);
    assert!(!case.secrets.iter().any(|secret| told.contains(secret)), "{}: {told}", case.name);
    assert!([400, 401, 403, 503].contains(&why.status()), "{}: {told}", case.name);
}

/// A genuine request is accepted, and the secret that it holds is not stored.
fn check_genuine(case: &Case, request: &Request, now: Timestamp) {
    let arrived = request.arrived();
    let certificate_url = case.hook.verify.certificate_url(&arrived).expect("a certificate's address");
    let outcome = case.with_context(certificate_url.as_deref(), now, |context| {
        complete(case.hook.verify.verify(arrived, context))
    });
    let verified = outcome.unwrap_or_else(|error| {
        panic!("{} refuses what is genuine: {error}, over {:?}\n{request:#?}", case.name, over(&error));
    });
    let shown = ["bearer", "basic", "header", "query"].contains(&case.scheme());
    if shown && let Ok(event) = Event::parse(verified, &case.hook, "fresh") {
        let stored = format!("{:?}", event.delivery);
        assert!(
            !case.secrets.iter().any(|secret| stored.contains(secret)),
            "{} stores its secret: {stored}",
            case.name
        );
    }
}

/// Any text in place of a certificate is accepted as one or rejected.
fn check_certificate(case: &Case, request: &Request, choices: &mut Choices<'_>, now: Timestamp) {
    let arrived = request.arrived();
    let address = case.hook.verify.certificate_url(&arrived).ok().flatten();
    if let Some(pem) = address.and_then(|address| case.certificate(&address)) {
        let damaged = damaged(pem, choices);
        let context =
            VerifyContext { secret: &|_| None, certificate: Some(&damaged), crypto: &RustCrypto, now };
        drop(complete(case.hook.verify.check(&arrived, &context)));
    }
}

fn over(error: &VerifyError) -> Option<&str> {
    match error {
        VerifyError::NotVerified(refusal) => refusal.signed_text(),
        VerifyError::TooComplex(_) | VerifyError::Misconfigured { .. } => None,
    }
}

fn said_in(case: &Case, genuine: &Request) -> Vec<Statement> {
    statements(case, genuine).unwrap_or_else(|error| panic!("{}: {error}\n{genuine:#?}", case.name))
}
