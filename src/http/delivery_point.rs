//! The data point of a sender's request: which hook it called, how it was answered, how long that took.

use std::cell::Cell;

use super::context::{Context, Handled};
use super::problem::Problem;
use super::runtime::Runtime;
use super::schema::DeliveryStatus;
use crate::hook::Hook;
use crate::ports::{Point, PointDetail, PointKind, PointOutcome};
use crate::timestamp::Timestamp;

/// What is noted of a request while it is handled.
#[derive(Debug, Default)]
pub(super) struct Noted {
    /// The bytes of the body; 0: it was not read.
    body_bytes: Cell<u64>,
    /// What became of the delivery; `None`: it was rejected, or is a handshake.
    became: Cell<Option<DeliveryStatus>>,
}

impl Noted {
    /// Notes how large the body is.
    pub(super) fn read(&self, body_bytes: usize) {
        self.body_bytes.set(u64::try_from(body_bytes).unwrap_or(u64::MAX));
    }

    /// Notes what became of the delivery.
    pub(super) fn became(&self, status: DeliveryStatus) {
        self.became.set(Some(status));
    }
}

/// Writes the data point of a request that came at `at`. `hook`: the hook that it called, by its name and, where it has no
/// mistakes, as it is configured.
pub(super) fn write_point<R: Runtime>(
    context: &Context<'_, R>,
    at: Timestamp,
    (name, hook): (&str, Option<&Hook>),
    noted: &Noted,
    answered: &Handled<R>,
) {
    let (outcome, status) = match answered {
        Ok(response) => (outcome_of(noted.became.get()), response.status),
        Err(problem) => (outcome_of_problem(problem), problem.kind().status),
    };
    // A name that no hook has is the caller's text.
    let name = if matches!(answered, Err(Problem::NoSuchHook)) { "" } else { name };
    context.runtime.write_point(&Point {
        detail: PointDetail::HttpStatus(status),
        workspace: hook.and_then(|hook| hook.rules.first()).map_or("", |rule| rule.target.workspace.as_str()),
        duration_ms: context.now().since_ms(at),
        bytes: noted.body_bytes.get(),
        ..Point::new(PointKind::Delivery, outcome, name)
    });
}

fn outcome_of(became: Option<DeliveryStatus>) -> PointOutcome {
    match became {
        Some(DeliveryStatus::Accepted) => PointOutcome::Accepted,
        Some(DeliveryStatus::Duplicate) => PointOutcome::Duplicate,
        Some(DeliveryStatus::Retried) => PointOutcome::Retried,
        Some(DeliveryStatus::Ignored) => PointOutcome::Ignored,
        None => PointOutcome::Handshake,
    }
}

fn outcome_of_problem(problem: &Problem) -> PointOutcome {
    match problem {
        Problem::TooOften | Problem::Busy => PointOutcome::Limited,
        Problem::Paused => PointOutcome::Paused,
        problem if problem.kind().status >= 500 => PointOutcome::Failed,
        _ => PointOutcome::Rejected,
    }
}
