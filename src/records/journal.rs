//! The stored shape of a journal's entry.

use serde::{Deserialize, Serialize};

use super::run::RunShape;
use super::version::Version;
use crate::fabricate::TaskId;
use crate::journal::{Decision, Entry};
use crate::timestamp::Timestamp;

/// An [`Entry`].
#[derive(Serialize, Deserialize)]
pub(super) struct EntryShape {
    #[serde(default)]
    version: Version<1>,
    author: String,
    decision: DecisionShape,
}

/// A [`Decision`]: `"start"`, or an object of one member that is named after the decision.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DecisionShape {
    Start,
    Task {
        task_id: TaskId,
    },
    #[serde(rename = "retry")]
    StartLater {
        not_before: Timestamp,
        reason: String,
    },
    NoAnswer {
        reason: String,
        #[serde(default)]
        not_before: Option<Timestamp>,
    },
    End {
        run: Box<RunShape>,
    },
}

impl From<&Entry> for EntryShape {
    fn from(entry: &Entry) -> Self {
        let decision = match entry.decision.clone() {
            Decision::Start => DecisionShape::Start,
            Decision::Task { task_id } => DecisionShape::Task { task_id },
            Decision::StartLater { not_before, reason } => DecisionShape::StartLater { not_before, reason },
            Decision::NoAnswer { reason, not_before } => DecisionShape::NoAnswer { reason, not_before },
            Decision::End { run } => DecisionShape::End { run: Box::new(RunShape::from(&*run)) },
        };
        Self { version: Version, author: entry.author.clone(), decision }
    }
}

impl From<EntryShape> for Entry {
    fn from(shape: EntryShape) -> Self {
        let decision = match shape.decision {
            DecisionShape::Start => Decision::Start,
            DecisionShape::Task { task_id } => Decision::Task { task_id },
            DecisionShape::StartLater { not_before, reason } => Decision::StartLater { not_before, reason },
            DecisionShape::NoAnswer { reason, not_before } => Decision::NoAnswer { reason, not_before },
            DecisionShape::End { run } => Decision::End { run: Box::new((*run).into()) },
        };
        Self { author: shape.author, decision }
    }
}
