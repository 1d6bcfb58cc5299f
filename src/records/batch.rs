//! The shape of a queue message.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::summary::SummaryShape;
use super::version::Version;
use crate::ports::Batch;
use crate::run::{RunId, Summary, Tick};
use crate::timestamp::Timestamp;

/// A [`Batch`].
#[derive(Serialize, Deserialize)]
pub(super) struct BatchShape {
    #[serde(default)]
    version: Version<1>,
    tick: TickShape,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    followed: Option<u8>,
    runs: Vec<ListedShape>,
}

#[derive(Serialize, Deserialize)]
struct TickShape {
    now: Timestamp,
    since: Timestamp,
}

/// A run's id and its summary, which does not hold the id.
#[derive(Serialize, Deserialize)]
struct ListedShape {
    run_id: RunId,
    summary: SummaryShape,
}

impl From<&Batch> for BatchShape {
    fn from(batch: &Batch) -> Self {
        let Tick { now, since } = batch.tick;
        let listed = |summary: &Rc<Summary>| ListedShape {
            run_id: summary.run_id,
            summary: SummaryShape::from(&**summary),
        };
        Self {
            version: Version,
            tick: TickShape { now, since },
            followed: batch.followed,
            runs: batch.runs.iter().map(listed).collect(),
        }
    }
}

impl From<BatchShape> for Batch {
    fn from(shape: BatchShape) -> Self {
        let TickShape { now, since } = shape.tick;
        let runs = shape.runs.into_iter().map(|listed| Rc::new(listed.summary.into_summary(listed.run_id)));
        Self { tick: Tick { now, since }, followed: shape.followed, runs: runs.collect() }
    }
}
