//! How much work an evaluation may do.
//!
//! Everything that takes time is paid for before it is done: each node of a template, each round of a loop, each item,
//! each piece of text. One unit pays for about 0.2 microseconds of a native build.

use std::cell::Cell;

use super::error::Error;

/// What one evaluation may spend: ten thousand times what an honest parameter does, and a few milliseconds.
pub(crate) const FUEL: u64 = 20_000;

/// What all evaluations over one event may spend, together with what they give out.
pub(crate) const EVENT_FUEL: u64 = 2 * FUEL;

/// What the expressions over one item of a batch may spend beside its share of [`EVENT_FUEL`]: an item's condition and
/// ten parameters take a third of it. A batch of 500 items may so take half a million, some tenths of a second.
pub(crate) const ITEM_FUEL: u64 = FUEL / 20;

/// Bytes of text that one unit pays for.
const BYTES_PER_FUEL: usize = 16;

/// What is left of an evaluation's fuel.
#[derive(Debug)]
pub(crate) struct Fuel {
    left: Cell<u64>,
}

impl Fuel {
    pub(crate) fn new(units: u64) -> Self {
        Self { left: Cell::new(units) }
    }

    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }

    /// Pays for work.
    ///
    /// # Errors
    /// [`Error::OutOfFuel`] when less is left; then nothing is left.
    pub(crate) fn spend(&self, units: u64) -> Result<(), Error> {
        let left = self.left.get().checked_sub(units);
        self.left.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or(Error::OutOfFuel)
    }

    /// Pays for each of `count` items.
    pub(crate) fn spend_on_items(&self, count: usize) -> Result<(), Error> {
        self.spend(count as u64)
    }

    /// Pays for work on text.
    pub(crate) fn spend_on_text(&self, bytes: usize) -> Result<(), Error> {
        self.spend((bytes / BYTES_PER_FUEL) as u64)
    }
}
