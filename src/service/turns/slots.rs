//! Slots: as many turns as runs may be in progress at a time, of a hook and of the whole Worker. A run takes one of each.
//!
//! A slot is held for one start attempt and what comes of it ([`Journal::occupies`]). A run that takes a second one, because the invocation
//! that took the first has died, gives both back by its end.

use crate::hook::HookName;
use crate::journal::Journal;
use crate::ports::{Clock, EntryKey, Inbox, StoreError, Turns, Version};
use crate::run::{Holder, Run, RunId, Turn, TurnKey};

use super::{Admission, TurnMemo, read, still};

/// A slot as an invocation knows it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    holder: Option<Holder>,
    /// What a write expects; `None`: that there is none yet.
    version: Option<Version>,
    /// Whether nobody else may take it. That it was so is enough to wait.
    is_held: bool,
}

/// Takes a slot of the hook and one of the Worker, where these are limited. A run that waits for the Worker's slot keeps the hook's: runs
/// in progress wait for neither, so that this ends.
pub(super) async fn take_slots<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    run: &Run,
    entry: u32,
    memo: &TurnMemo,
) -> Result<Admission, StoreError> {
    let limits = run.settings.max_running;
    let holder = Holder { run_id: run.run_id, entry, deadline_ms: run.settings.deadline_ms };
    for (hook, count) in [(Some(&run.hook), limits.hook), (None, limits.worker)] {
        if let Some(count) = count
            && !take_slot(world, holder, hook, count, memo).await?
        {
            return Ok(Admission::Waits);
        }
    }
    Ok(Admission::Starts)
}

/// Takes one of `count` slots, if one is free. `false`: none is. An invocation reads each slot once, and as few as it needs.
async fn take_slot<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    holder: Holder,
    hook: Option<&HookName>,
    count: u32,
    memo: &TurnMemo,
) -> Result<bool, StoreError> {
    // Runs that ask at the same moment begin at different slots, and each begins where it began before.
    let from = u32::try_from(holder.run_id.spread(i64::from(count.max(1)))).unwrap_or(0);
    for number in (from..count).chain(0..from) {
        let key = TurnKey::of_slot(hook, number);
        let Some(slot) = look_at(world, &key, memo).await? else { continue };
        let own = slot.holder.filter(|of| of.run_id == holder.run_id);
        if let Some(own) = own.filter(|own| own.entry >= holder.entry) {
            // A later attempt of the run has it: the journal that was read is out of date.
            return Ok(own == holder);
        }
        if slot.is_held && own.is_none() {
            continue;
        }
        let turn = Turn { author: super::super::author(world), holder: Some(holder), ..Turn::default() };
        let taken = world.put_turn(&key, &turn, slot.version.as_ref()).await?;
        // Where another run was faster, that one has it.
        let holder = if taken { Some(holder) } else { None };
        memo.note_slot(key, Slot { holder, version: None, is_held: true });
        if taken {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A slot, as it was read by this invocation before, or as it is. `None`: it cannot be read.
async fn look_at<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    key: &TurnKey,
    memo: &TurnMemo,
) -> Result<Option<Slot>, StoreError> {
    if let Some(slot) = memo.slot(key) {
        return Ok(Some(slot));
    }
    let Some((turn, version)) = read(world, key).await? else { return Ok(None) };
    let is_held = match &turn.holder {
        Some(holder) => still(world, holder, Journal::occupies).await?,
        None => false,
    };
    let slot = Slot { holder: turn.holder, version, is_held };
    memo.note_slot(key.clone(), slot.clone());
    Ok(Some(slot))
}

impl Slot {
    /// The run that holds it.
    pub(super) fn held_by(&self) -> Option<RunId> {
        self.holder.filter(|_| self.is_held).map(|holder| holder.run_id)
    }
}
