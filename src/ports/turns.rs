//! R2 `INBOX`: the turns of runs that wait for each other.

use super::{StoreError, Version};
use crate::run::{Turn, TurnKey};

/// R2 `INBOX`, one [`Turn`] for each key and slot. Strongly consistent, and changed only by compare-and-set on its entity tag.
#[expect(async_fn_in_trait, reason = "a Worker has one thread: futures need not be Send")]
pub trait Turns {
    /// Reads a turn.
    async fn get_turn(&self, key: &TurnKey) -> Result<Option<(Turn, Version)>, StoreError>;
    /// Writes a turn, if the stored one still has the expected version, or if there is none and none is expected. `false`: it was
    /// not written. R2 takes one write a second for each key.
    async fn put_turn(
        &self,
        key: &TurnKey,
        turn: &Turn,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError>;
}
