//! Slots: as many turns as runs may be in progress at a time, of a hook and of the whole Worker. A run takes one of each.

use crate::hook::HookName;
use crate::ports::{Clock, EntryKey, Inbox, StoreError, Turns, Version};
use crate::run::{Holder, Run, Turn, TurnKey};

use super::{Admission, TurnMemo, is_held, read};

/// Takes a slot of the hook and one of the Worker, where these are limited. A run that waits for the Worker's slot keeps the hook's: runs
/// in progress wait for neither, so that this ends.
pub(super) async fn take_slots<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    run: &Run,
    entry: u32,
    memo: &TurnMemo,
) -> Result<Admission, StoreError> {
    let limits = run.settings.max_running;
    for (hook, count) in [(Some(&run.hook), limits.hook), (None, limits.worker)] {
        if let Some(count) = count
            && !take_slot(world, run, entry, hook, count, memo).await?
        {
            return Ok(Admission::Waits);
        }
    }
    Ok(Admission::Starts)
}

/// Takes one of `count` slots, if one is free. `false`: none is.
async fn take_slot<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    run: &Run,
    entry: u32,
    hook: Option<&HookName>,
    count: u32,
    memo: &TurnMemo,
) -> Result<bool, StoreError> {
    let all = TurnKey::of_slot(hook, 0);
    if memo.is_full_for(&all, run.run_id) {
        return Ok(false);
    }
    let holder = Holder { run_id: run.run_id, entry, deadline_ms: run.settings.deadline_ms };
    let mut others = Vec::new();
    for slot in 0..count {
        let key = TurnKey::of_slot(hook, slot);
        let Some((turn, version)) = read(world, &key).await? else { continue };
        match turn.holder {
            Some(of) if of == holder => return Ok(true),
            Some(of) if of.run_id == run.run_id => return put(world, &key, holder, version.as_ref()).await,
            of => others.push((key, of, version)),
        }
    }
    // Runs that ask at the same moment begin at different slots.
    let from = usize::try_from(run.run_id.spread(i64::from(count.max(1)))).unwrap_or(0);
    let from = from.min(others.len());
    others.rotate_left(from);
    let holders = others.iter().filter_map(|(_, of, _)| of.map(|of| of.run_id)).collect();
    for (key, of, version) in others {
        let is_free = match &of {
            None => true,
            Some(of) => !is_held(world, of).await?,
        };
        if is_free && put(world, &key, holder, version.as_ref()).await? {
            return Ok(true);
        }
    }
    memo.note_full(all, holders);
    Ok(false)
}

/// Takes a slot; `false`: another run was faster.
async fn put<W: Turns + Clock>(
    world: &W,
    key: &TurnKey,
    holder: Holder,
    version: Option<&Version>,
) -> Result<bool, StoreError> {
    let turn = Turn { author: super::super::author(world), holder: Some(holder), ..Turn::default() };
    world.put_turn(key, &turn, version).await
}
