//! Why a run without a task ends although nobody ended it: too much time has passed to start it, or to wait on.
//!
//! The messages state the durations that the journal's retention defines.

/// Why a run whose start is not decided ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// The journal is empty, and the run is 7 days old: it has waited for other runs, or entries of its journal have expired.
    EmptyJournal,
    /// The run's record shows a start attempt that the journal lacks.
    LostAttempts,
    /// Another start was to follow, and the last entry of the journal is 8 days old.
    StaleAttempt,
    /// Nobody knows whether the workflow was started, and 30 days have passed since the first attempt.
    Undecided,
    /// The workflow was certainly not started, and 30 days have passed since the first attempt.
    NeverStarted,
}

impl Expiry {
    /// The text for the run's `error.message`.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::EmptyJournal => {
                "not started within 7 days, because other runs of its key or limit were in progress, or Fabricate or the \
                 Worker was not there; after so long, entries of an earlier start may have expired, too"
            }
            Self::LostAttempts => {
                "not started again: the record shows a start attempt that the journal lacks, because its entries \
                 have expired; whether the workflow ran is not known"
            }
            Self::StaleAttempt => {
                "not started again: the last attempt is more than 8 days old, and its journal may have lost later \
                 entries, so another start could run the workflow twice"
            }
            Self::Undecided => {
                "nobody decided within 30 days; whether the workflow ran is not known, because the start request was \
                 never answered"
            }
            Self::NeverStarted => "not started within 30 days of the first attempt",
        }
    }

    /// Whether the workflow may have run: then only the operator may retry the run, one run at a time.
    #[must_use]
    pub fn may_have_run(self) -> bool {
        self != Self::NeverStarted
    }
}
