//! The response that `POST /hooks/{hook}` would send; for an unverified request also the one to a verified request. Where no sender would
//! send the request, what the hook's schedule starts.

use std::fmt;

use seedhook::hook::Hook;
use seedhook::hook::admission::{Admitted, Rejection};
use seedhook::hook::event::Event;
use seedhook::request::RawRequest;
use seedhook::request::body::BodyError;
use seedhook::service::plan::{RUNS_MAX, plan};
use seedhook::timestamp::Timestamp;
use seedhook::verify::rust_crypto::complete;
use seedhook::verify::{Verified, VerifyContext};

/// The response of the Worker to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExpectedResponse {
    /// What happens to the request before anything comes of it.
    before: Before,
    /// The status of the response to a verified request.
    status: u16,
    /// What the response means.
    meaning: String,
    /// Whether every run starts with all its parameters, and there is at least one, or a handshake is answered.
    pub(super) is_good: bool,
}

/// What happens to a request before anything comes of it.
#[derive(Debug, PartialEq, Eq)]
enum Before {
    /// It is verified, or need not be.
    Verified,
    /// The status of the response, because it is not verified.
    Unverified(u16),
    /// No sender would send it.
    NotSent {
        /// Whether senders can call the hook at all.
        has_address: bool,
        /// When the hook's schedule starts what comes of it; `None`: the operator does, by hand.
        due: Option<Timestamp>,
    },
}

impl ExpectedResponse {
    /// The response of a hook to a request.
    pub(super) fn to(hook: &Hook, request: RawRequest, context: &VerifyContext<'_>) -> Self {
        if hook.has_address() && !hook.methods().split(", ").any(|method| method == request.method) {
            return Self::bad(405, format!("the hook accepts {}, got {}", hook.methods(), request.method));
        }
        if request.body.len() as u64 > hook.body_bytes_max {
            return Self::bad(
                413,
                format!(
                    "the body must have at most {} bytes, got {}",
                    hook.body_bytes_max,
                    request.body.len()
                ),
            );
        }
        let request = request.with_content_type(hook.content_type.as_deref());
        if Event::is_for_schedule(hook, &request) {
            return Self::of_schedule(hook, request);
        }
        match complete(hook.admit(request.clone(), context)) {
            Ok(Admitted::Handshake(reply)) => {
                let body = if reply.body.is_empty() { "an empty body" } else { &reply.body };
                let headers = reply.headers.iter().map(|(name, value)| format!(", {name}: {value}"));
                let headers: String = headers.collect();
                Self::good(reply.status, format!("the answer to a handshake: {body}{headers}"))
            }
            Ok(Admitted::Delivery(verified)) => Self::to_verified(hook, verified),
            Err(error @ Rejection::Verify(_)) => {
                let then = if hook.handshakes.iter().any(|handshake| handshake.is(&request)) {
                    Self::good(200, "the answer to a handshake (--sign shows it)".to_owned())
                } else {
                    Self::to_verified(hook, Verified::assume(request))
                };
                Self { before: Before::Unverified(error.status()), ..then }
            }
            Err(error) => Self::bad(error.status(), error.to_string()),
        }
    }

    /// Whether the request is verified, or need not be.
    pub(super) fn is_verified(&self) -> bool {
        self.before == Before::Verified
    }

    /// What the hook's schedule starts next; with a body, what the operator would start with it.
    fn of_schedule(hook: &Hook, request: RawRequest) -> Self {
        let schedule = hook.schedule.as_ref().filter(|_| request.body.is_empty());
        let due = schedule.and_then(|schedule| schedule.next_after(request.received_at));
        let then = if hook.paused && due.is_some() {
            Self::bad(503, "nothing, because the hook is paused".to_owned())
        } else {
            match Event::of_schedule(hook, request, "") {
                Ok(event) => Self::planned(hook, &event, None, None),
                Err(error) => Self::bad(400, error.to_string()),
            }
        };
        Self { before: Before::NotSent { has_address: hook.has_address(), due }, ..then }
    }

    fn to_verified(hook: &Hook, verified: Verified) -> Self {
        if hook.paused {
            return Self::bad(503, "the hook is paused".to_owned());
        }
        let own = hook.answer_to(verified.delivery()).map(|reply| reply.status);
        let mut event = match Event::parse(verified, hook, "") {
            Ok(event) => event,
            Err(error @ BodyError::UnsupportedType) => return Self::bad(415, error.to_string()),
            Err(error) => return Self::bad(400, error.to_string()),
        };
        let id_problem = event.assign_id(hook).err().map(|error| error.to_string());
        let items = event.item_count(hook);
        if items > RUNS_MAX {
            return Self::bad(413, format!("the batch must have at most {RUNS_MAX} items, got {items}"));
        }
        Self::planned(hook, &event, id_problem.as_deref(), own)
    }

    /// What comes of an event; `own` is the status that the hook states.
    fn planned(hook: &Hook, event: &Event, id_problem: Option<&str>, own: Option<u16>) -> Self {
        let plans = plan(hook, event, id_problem);
        let failing = plans.iter().filter(|plan| plan.params.is_err()).count();
        match plans.len() {
            0 => Self::bad(own.unwrap_or(200), "ignored, no run".to_owned()),
            runs if runs > RUNS_MAX => {
                Self::bad(413, format!("it must become at most {RUNS_MAX} runs, got {runs} or more"))
            }
            1 if failing == 1 => {
                Self::bad(own.unwrap_or(202), "accepted, but the run would fail at stage mapping".to_owned())
            }
            runs if failing > 0 => {
                let meaning = format!("accepted, but {failing} of {runs} runs would fail at stage mapping");
                Self::bad(own.unwrap_or(202), meaning)
            }
            1 => Self::good(own.unwrap_or(202), "accepted, 1 run".to_owned()),
            runs => Self::good(own.unwrap_or(202), format!("accepted, {runs} runs")),
        }
    }

    fn good(status: u16, meaning: String) -> Self {
        Self { is_good: true, ..Self::bad(status, meaning) }
    }

    fn bad(status: u16, meaning: String) -> Self {
        Self { before: Before::Verified, status, meaning, is_good: false }
    }
}

impl fmt::Display for ExpectedResponse {
    /// One line, or two for a request that is not verified, or that no sender would send.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, status, meaning, .. } = self;
        match before {
            Before::Verified => write!(f, "The Worker would answer {status}: {meaning}"),
            Before::Unverified(first) => write!(
                f,
                "The Worker would answer {first}: not verified\nIf verified, it would answer {status}: {meaning}"
            ),
            Before::NotSent { has_address, due } => {
                f.write_str(if *has_address {
                    "There is no payload, so this is what the schedule starts\n"
                } else {
                    "The Worker would answer 404: nobody can call it; its schedule starts it\n"
                })?;
                match due {
                    Some(due) => write!(f, "By its schedule, at {due}: {meaning}"),
                    None => write!(f, "By hand, with this payload: {meaning}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
