//! The stored shape of a turn.

use serde::{Deserialize, Serialize};

use super::version::Version;
use crate::run::{Holder, RunId, Turn};
use crate::timestamp::Timestamp;

/// A [`Turn`].
#[derive(Serialize, Deserialize)]
pub(super) struct TurnShape {
    version: Version<1>,
    author: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    holder: Option<HolderShape>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiting: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    newest: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    burst_since: Option<Timestamp>,
}

/// A [`Holder`].
#[derive(Serialize, Deserialize)]
struct HolderShape {
    run_id: RunId,
    entry: u32,
    deadline_ms: i64,
}

impl From<&Turn> for TurnShape {
    fn from(turn: &Turn) -> Self {
        let holder = |holder: Holder| HolderShape {
            run_id: holder.run_id,
            entry: holder.entry,
            deadline_ms: holder.deadline_ms,
        };
        Self {
            version: Version,
            author: turn.author.clone(),
            holder: turn.holder.map(holder),
            waiting: turn.waiting,
            newest: turn.newest,
            burst_since: turn.burst_since,
        }
    }
}

impl From<TurnShape> for Turn {
    fn from(shape: TurnShape) -> Self {
        let TurnShape { version: _, author, holder, waiting, newest, burst_since } = shape;
        let holder =
            holder.map(|HolderShape { run_id, entry, deadline_ms }| Holder { run_id, entry, deadline_ms });
        Self { author, holder, waiting, newest, burst_since }
    }
}
