//! What the calls that decide about many runs share: how many one call handles, and what is said of those that it skips.

use crate::log::Line;
use crate::ports::Log;
use crate::run::{RunId, Status};

use super::operator::Refusal;
use super::queries::Query;

/// The most runs that one call handles: each takes some ten of the free plan's 1,000 operations in an invocation, and a
/// start is one of its 50 outbound requests.
pub const MANY_MAX: usize = 50;

/// The newest runs of a status, as many as one call may handle.
#[must_use]
pub fn newest_of(status: Status) -> Query {
    Query { statuses: vec![status], limit: MANY_MAX, ..Query::default() }
}

/// The same, of no more runs than one call may handle.
pub(super) fn bounded(query: Query) -> Query {
    Query { limit: query.limit.min(MANY_MAX), ..query }
}

/// Why a run is skipped, for people. The text of a store's error is for the log only, as `line`.
pub(super) fn reason_to_skip(world: &impl Log, line: Line, run_id: RunId, refusal: Refusal) -> String {
    match refusal {
        Refusal::WrongState { run, .. } => format!("it is {} by now", run.status.as_str()),
        Refusal::Store(error) => {
            world.log(line, serde_json::json!({"run_id": run_id, "error": error.to_string()}));
            "storage failed: call again".to_owned()
        }
        refusal => refusal.to_string(),
    }
}
