//! What a queued run waits for, as far as the inbox names it: lists know less, because they read no turn.

use crate::ports::{Clock, EntryKey, Inbox, StoreError, Turns};
use crate::run::{Run, RunId, TurnKey, WaitingFor};

use super::super::turns;

/// What a queued run waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waits {
    /// What it waits for first.
    pub reason: WaitingFor,
    /// The runs that have to end, or to start, before it starts, as far as they are known.
    pub behind: Vec<RunId>,
}

impl Waits {
    fn alone(reason: WaitingFor) -> Self {
        Self { reason, behind: Vec::new() }
    }
}

/// What a run waits for; `None`: it does not wait, or is about to be started. Where the run has a key, it costs the read of a turn, of
/// the journal of the run that has it, and of the journal of a run that waits longer.
///
/// # Errors
/// `StoreError` when R2 fails.
pub async fn waits_of<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    run: &Run,
) -> Result<Option<Waits>, StoreError> {
    let is_early = run.not_before.is_some_and(|moment| moment > world.now());
    let is_limited = run.is_limited();
    let reason = match run.waiting_for() {
        None => return Ok(None),
        // It has its key since its first attempt; it takes a slot for each.
        Some(WaitingFor::Retry) if !is_early && is_limited => WaitingFor::MaxRunning,
        Some(reason) => reason,
    };
    let is_about_key = matches!(reason, WaitingFor::Debounce | WaitingFor::Concurrency);
    let Some(key) = run.key.as_ref().filter(|_| is_about_key) else {
        return Ok(Some(Waits::alone(reason)));
    };
    Ok(match key_state(world, run, &TurnKey::of_key(key)).await? {
        KeyState::Busy(behind) if is_early => Some(Waits { reason, behind }),
        KeyState::Busy(behind) => Some(Waits { reason: WaitingFor::Concurrency, behind }),
        KeyState::Free | KeyState::Own if is_early => Some(Waits::alone(reason)),
        KeyState::Own if is_limited => Some(Waits::alone(WaitingFor::MaxRunning)),
        KeyState::Free | KeyState::Own => None,
    })
}

/// The turn of a key, as one of its runs finds it.
enum KeyState {
    /// Nobody has it that is known.
    Free,
    /// The run itself has it.
    Own,
    /// These are in its way.
    Busy(Vec<RunId>),
}

async fn key_state<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    run: &Run,
    key: &TurnKey,
) -> Result<KeyState, StoreError> {
    // Where it cannot be read, nobody may take it.
    let Some((turn, _)) = turns::read(world, key).await? else { return Ok(KeyState::Busy(Vec::new())) };
    let mut behind = Vec::new();
    if let Some(holder) = turn.holder {
        if holder.run_id == run.run_id {
            return Ok(KeyState::Own);
        }
        if turns::is_held(world, &holder).await? {
            behind.push(holder.run_id);
        }
    }
    let older = turn.waiting.filter(|older| *older < run.run_id && turn.replacement_of(*older).is_none());
    if let Some(older) = older.filter(|older| !behind.contains(older))
        && turns::waits(world, older).await?
    {
        behind.push(older);
    }
    Ok(if behind.is_empty() { KeyState::Free } else { KeyState::Busy(behind) })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::hook::WhenBusy;
    use crate::journal::Decision;
    use crate::ports::Version;
    use crate::run::tests::{at, queued_run};
    use crate::run::{Holder, Turn};
    use crate::testing::{MemoryWorld, finish, task_id};

    const KEY: &str = "acme/sales";

    fn keyed(number: u8) -> Run {
        let mut run = queued_run();
        run.run_id = RunId::new(at(i64::from(number)), [number; 16]);
        run.key = Some(KEY.to_owned());
        run
    }

    fn world_with(turn: Turn) -> MemoryWorld {
        let world = MemoryWorld::default();
        let version = Version { etag: "x".into(), at: at(0) };
        world.turns.borrow_mut().insert(TurnKey::of_key(KEY), (turn, version));
        world
    }

    fn held_by(run: &Run) -> Turn {
        Turn { holder: Some(Holder { run_id: run.run_id, entry: 1, deadline_ms: 1_000 }), ..Turn::default() }
    }

    #[track_caller]
    fn check(world: &MemoryWorld, run: &Run, expected: Option<(WaitingFor, &[RunId])>) {
        let waits = finish(waits_of(world, run)).unwrap();
        assert_eq!(waits.as_ref().map(|waits| (waits.reason, &*waits.behind)), expected);
    }

    #[test]
    fn a_run_waits_for_nobody_where_its_turn_is_free_or_its_own() {
        let run = keyed(5);
        check(&MemoryWorld::default(), &run, None);
        check(&world_with(held_by(&run)), &run, None);
        check(&world_with(Turn::default()), &run, None);
    }

    #[test]
    fn it_waits_for_the_run_that_has_its_turn_until_that_ends() {
        let (first, run) = (keyed(1), keyed(5));
        let world = world_with(held_by(&first));
        check(&world, &run, Some((WaitingFor::Concurrency, &[first.run_id])));
        world.append(first.run_id, Decision::Start);
        world.append(first.run_id, Decision::Task { task_id: task_id("t") });
        check(&world, &run, Some((WaitingFor::Concurrency, &[first.run_id])));
        world.append(first.run_id, Decision::End { run: Box::new(first.clone()) });
        check(&world, &run, None);
    }

    #[test]
    fn it_waits_for_a_run_that_waits_longer_until_that_is_started() {
        let (first, second, run) = (keyed(1), keyed(2), keyed(5));
        let world = world_with(Turn { waiting: Some(second.run_id), ..held_by(&first) });
        let both = [first.run_id, second.run_id];
        check(&world, &run, Some((WaitingFor::Concurrency, &both)));
        world.append(first.run_id, Decision::End { run: Box::new(first.clone()) });
        check(&world, &run, Some((WaitingFor::Concurrency, &both[1..])));
        world.append(second.run_id, Decision::End { run: Box::new(second.clone()) });
        check(&world, &run, None);
    }

    #[test]
    fn a_debounce_that_is_over_is_not_what_it_waits_for() {
        let (first, mut run) = (keyed(1), keyed(5));
        let settings = Arc::make_mut(&mut run.settings);
        (settings.when_busy, settings.debounce_ms) = (WhenBusy::Replace, Some(30_000));
        run.not_before = Some(at(30_005));
        let world = world_with(held_by(&first));
        check(&world, &run, Some((WaitingFor::Debounce, &[first.run_id])));
        check(&MemoryWorld::default(), &run, Some((WaitingFor::Debounce, &[])));
        world.now_ms.set(30_005);
        check(&world, &run, Some((WaitingFor::Concurrency, &[first.run_id])));
        world.append(first.run_id, Decision::End { run: Box::new(first.clone()) });
        check(&world, &run, None);
    }

    #[test]
    fn with_its_key_it_waits_for_a_slot_where_runs_are_limited() {
        let mut run = keyed(5);
        Arc::make_mut(&mut run.settings).max_running.worker = Some(1);
        check(&world_with(held_by(&run)), &run, Some((WaitingFor::MaxRunning, &[])));
        check(&MemoryWorld::default(), &run, None);
        (run.attempts, run.not_before) = (1, Some(at(9)));
        check(&world_with(held_by(&run)), &run, Some((WaitingFor::Retry, &[])));
        let later = world_with(held_by(&run));
        later.now_ms.set(9);
        check(&later, &run, Some((WaitingFor::MaxRunning, &[])));
        run.key = None;
        check(&later, &run, Some((WaitingFor::MaxRunning, &[])));
        run.status = crate::run::Status::InProgress;
        check(&later, &run, None);
    }
}
