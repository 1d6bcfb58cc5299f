//! Which part of its hook and of its event a run is for, so that it can be mapped anew later.

use serde::{Deserialize, Serialize};

/// Where in its hook and its event a run comes from, as both were when it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The rule's place among the hook's, from 0.
    pub rule: usize,
    /// The item's place in the batch, from 0; `None` where the event is no batch.
    #[serde(default)]
    pub item: Option<usize>,
}
