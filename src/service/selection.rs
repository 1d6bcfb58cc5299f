//! Which runs of a list a call decides about, page by page.

use crate::hook::HookName;
use crate::run::Status;
use crate::timestamp::Timestamp;

use super::queries::{Position, Query};

/// The most runs that one call handles: each takes some ten of the free plan's 1,000 operations in an invocation, and a
/// start is one of its 50 outbound requests.
pub const MANY_MAX: usize = 50;

/// The runs that a call decides about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Of this status.
    pub status: Status,
    /// Only of this hook.
    pub hook: Option<HookName>,
    /// Only runs that were accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Only runs that were accepted before this time.
    pub until: Option<Timestamp>,
    /// The most runs of this call, up to [`MANY_MAX`].
    pub limit: usize,
    /// After this position.
    pub after: Option<Position>,
}

impl Selection {
    /// As many runs of this status as one call may handle, newest first.
    #[must_use]
    pub fn of(status: Status) -> Self {
        Self { status, hook: None, since: None, until: None, limit: MANY_MAX, after: None }
    }

    /// The list that has these runs.
    pub(super) fn query(self) -> Query {
        let Self { status, hook, since, until, limit, after } = self;
        Query { statuses: vec![status], hook, since, until, limit: limit.min(MANY_MAX), after }
    }
}
