//! Which part of its hook and of its event a run is for, so that it can be mapped anew later.

/// Where in its hook and its event a run comes from, as both were when it was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The rule's place among the hook's, from 0.
    pub rule: usize,
    /// The item's place in the batch, from 0; `None` where the event is no batch.
    pub item: Option<usize>,
}
