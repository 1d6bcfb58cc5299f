//! Which part of its hook and of its event a run was mapped from, so that the event can be mapped anew later.

/// The rule and the item that a run was mapped from, by their positions when the run was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappedFrom {
    /// The rule's position in its hook, from 0.
    pub rule_index: usize,
    /// The item's position in its batch, from 0; `None` where the event is no batch.
    pub item_index: Option<usize>,
}
