//! Data points about what seedhook does, for charts and alerts. `docs/operations.md` has their layout: queries depend on it.
//!
//! A point has names of the configuration, words of this file and numbers: nothing of a payload, and nothing secret.

use std::borrow::Cow;

use crate::run::{Run, Stage, Summary};

/// Where data points go. Where there is no such place, nothing happens.
pub trait Metrics {
    /// Writes one data point. It may be lost, and that fails nothing.
    fn write_point(&self, point: &Point<'_>);
}

/// What a data point is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointKind {
    /// A request of a sender was answered.
    Delivery,
    /// A start request was answered, or not.
    Start,
    /// A status request was answered, or not.
    Poll,
    /// A copy of a file ended.
    File,
    /// A run ended.
    End,
    /// A target was notified of a run, or not.
    Notification,
}

impl PointKind {
    /// Its word in the point.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivery => "delivery",
            Self::Start => "start",
            Self::Poll => "poll",
            Self::File => "file",
            Self::End => "end",
            Self::Notification => "notification",
        }
    }
}

macro_rules! outcomes {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// How it went. Which outcomes a kind has is in `docs/operations.md`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum PointOutcome {
            $($(#[$doc])* $name,)*
        }

        impl PointOutcome {
            /// Every outcome.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word in the point.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                }
            }
        }
    };
}

outcomes! {
    /// A delivery: stored now.
    Accepted = "accepted",
    /// A delivery: stored before.
    Duplicate = "duplicate",
    /// A delivery: stored before, and its failed runs are retried.
    Retried = "retried",
    /// A delivery: no rule holds.
    Ignored = "ignored",
    /// A delivery: it was a handshake, and was answered.
    Handshake = "handshake",
    /// A delivery: the caller's mistake, or no caller of ours.
    Rejected = "rejected",
    /// A delivery: over a rate limit, or there was no memory for it.
    Limited = "limited",
    /// A delivery: its hook is paused.
    Paused = "paused",
    /// A delivery: 5xx. A poll or an end: the workflow, or the run, failed. A file or a notification: given up.
    Failed = "failed",
    /// A start: the workflow runs.
    Started = "started",
    /// A start, a file, a notification: tried again later.
    Later = "later",
    /// A start: the run has failed by it. A poll: the API key is not accepted.
    Refused = "refused",
    /// A start: nobody knows whether the workflow runs.
    Unconfirmed = "unconfirmed",
    /// A poll: the task has not ended.
    Unchanged = "unchanged",
    /// A poll, an end: completed.
    Completed = "completed",
    /// A poll, an end: canceled.
    Canceled = "canceled",
    /// A poll: no usable answer.
    NotAnswered = "not_answered",
    /// A file: it is in R2.
    Archived = "archived",
    /// A notification: the target took it.
    Told = "told",
}

/// A detail of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PointDetail<'a> {
    /// None.
    #[default]
    Empty,
    /// An HTTP status.
    HttpStatus(u16),
    /// Where a run failed.
    Stage(Stage),
    /// A name of the configuration.
    Name(&'a str),
}

impl From<Option<u16>> for PointDetail<'_> {
    fn from(status: Option<u16>) -> Self {
        status.map_or(Self::Empty, Self::HttpStatus)
    }
}

impl PointDetail<'_> {
    /// Its text in the point.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => "".into(),
            Self::HttpStatus(status) => status.to_string().into(),
            Self::Stage(stage) => stage.as_str().into(),
            Self::Name(name) => (*name).into(),
        }
    }
}

/// One data point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point<'a> {
    /// What it is about.
    pub kind: PointKind,
    /// How it went.
    pub outcome: PointOutcome,
    /// A detail of it.
    pub detail: PointDetail<'a>,
    /// The hook's name; empty: there is no such hook.
    pub hook: &'a str,
    /// Name of the Fabricate workspace; may be empty.
    pub workspace: &'a str,
    /// Name of the workflow; may be empty.
    pub workflow: &'a str,
    /// How long it took, milliseconds.
    pub duration_ms: i64,
    /// How large it was, bytes.
    pub bytes: u64,
    /// How many start requests were made.
    pub attempts: u32,
}

impl<'a> Point<'a> {
    /// A point about a hook, without a detail and with zeros.
    #[must_use]
    pub fn new(kind: PointKind, outcome: PointOutcome, hook: &'a str) -> Self {
        Self {
            kind,
            outcome,
            detail: PointDetail::Empty,
            hook,
            workspace: "",
            workflow: "",
            duration_ms: 0,
            bytes: 0,
            attempts: 0,
        }
    }

    /// A point about a run.
    #[must_use]
    pub fn of_run(kind: PointKind, outcome: PointOutcome, run: &'a Run) -> Self {
        let (workspace, workflow) = (&run.target.workspace, &run.target.workflow);
        Self { workspace, workflow, ..Self::new(kind, outcome, run.hook.as_str()) }
    }

    /// A point about a listed run, whose names may be cut.
    #[must_use]
    pub fn of_listed(kind: PointKind, outcome: PointOutcome, run: &'a Summary) -> Self {
        Self { workspace: run.workspace(), workflow: run.workflow(), ..Self::new(kind, outcome, run.hook()) }
    }
}
