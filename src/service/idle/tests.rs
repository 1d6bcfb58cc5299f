//! When sweeps list, what that costs in a day, and who deletes the hint.

use super::*;
use crate::ports::RunRecords;
use crate::run::tests::{at, queued_run};
use crate::run::{Run, Tick};
use crate::service::kv_records::{TRIES, show_open};
use crate::service::sweep::sweep;
use crate::testing::{MemoryWorld, finish};
use crate::timestamp::{HOUR_MS, SECOND_MS};

const DAY_MS: i64 = 24 * HOUR_MS;

/// Sweeps every `cron_ms` until `until_ms`, as the cron does, and returns the number of lists.
fn lists_until(world: &MemoryWorld, cron_ms: i64, until_ms: i64) -> usize {
    let before = world.lists.get();
    while world.now_ms.get() + cron_ms <= until_ms {
        world.now_ms.set(world.now_ms.get() + cron_ms);
        let (now, since) = (world.now(), world.now().plus_ms(-cron_ms));
        let hourly = now.as_millis() / HOUR_MS != since.as_millis() / HOUR_MS;
        finish(sweep(world, Tick { now, since }, 40, hourly));
    }
    world.lists.get() - before
}

/// A world that is idle since its first minutes.
fn idle() -> MemoryWorld {
    let world = MemoryWorld::default();
    lists_until(&world, MINUTE_MS, 20 * MINUTE_MS);
    assert!(is_idle(&world));
    world
}

fn is_idle(world: &MemoryWorld) -> bool {
    world.hint.borrow().as_ref().is_some_and(|(hint, _)| hint.is_idle)
}

#[test]
fn an_idle_day_costs_24_lists_and_no_write() {
    for cron_ms in [MINUTE_MS, 2 * MINUTE_MS, 5 * MINUTE_MS] {
        let world = idle();
        world.hint_calls.take();
        let end_ms = world.now_ms.get() + DAY_MS;
        assert_eq!(lists_until(&world, cron_ms, end_ms), 24);
        let sweeps = usize::try_from(DAY_MS / cron_ms).unwrap();
        assert_eq!(world.hint_calls.take(), [sweeps, 0, 0], "each sweep reads the hint");
    }
}

#[test]
fn a_run_is_listed_from_its_first_sweep_on_and_idleness_returns_ten_minutes_after_its_end() {
    let world = idle();
    let mut run = Run { written_at: None, ..queued_run() };
    finish(show_open(&world, &mut run, TRIES)).unwrap();
    let minutes = |world: &MemoryWorld, count| {
        let until_ms = world.now_ms.get() + count * MINUTE_MS;
        lists_until(world, MINUTE_MS, until_ms)
    };
    assert_eq!(minutes(&world, 10), 10);
    assert!(world.hint.borrow().is_none());
    finish(world.delete_open(run.run_id)).unwrap();
    assert_eq!(minutes(&world, 15), 11, "one leaves word, and one ten minutes later confirms it");
    assert!(is_idle(&world));
}

#[test]
fn a_list_that_shows_a_run_takes_back_what_an_empty_one_said() {
    let world = MemoryWorld::default();
    lists_until(&world, MINUTE_MS, 5 * MINUTE_MS);
    assert!(world.hint.borrow().is_some() && !is_idle(&world));
    world.open.borrow_mut().insert(queued_run().run_id, queued_run());
    lists_until(&world, MINUTE_MS, 6 * MINUTE_MS);
    assert!(world.hint.borrow().is_none());
}

#[test]
fn a_hint_that_cannot_be_read_spares_no_list() {
    let world = idle();
    world.hint_fails.set(true);
    assert_eq!(lists_until(&world, MINUTE_MS, 30 * MINUTE_MS), 10);
    assert!(is_idle(&world));
}

#[test]
fn a_word_that_was_taken_back_and_said_again_is_not_confirmed_for_the_first() {
    let world = MemoryWorld::default();
    finish(SweepHint { stored: Ok(None), read_at: at(0) }.record_list(&world, true));
    let late = SweepHint { read_at: at(CONFIRM_MS), ..finish(SweepHint::load(&world)) };
    finish(world.delete_hint()).unwrap();
    finish(SweepHint { stored: Ok(None), read_at: at(0) }.record_list(&world, true));
    finish(late.record_list(&world, true));
    assert!(!is_idle(&world));
}

#[test]
fn an_isolate_deletes_the_hint_once_a_minute_and_a_new_run_waits_for_it() {
    let world = MemoryWorld::default();
    let deleted = |at_ms| {
        world.now_ms.set(at_ms);
        finish(wake_sweeps(&world)).unwrap();
        world.hint_calls.get()[2]
    };
    let times = [0, SECOND_MS, DELETED_FOR_MS - 1, DELETED_FOR_MS, DELETED_FOR_MS - SECOND_MS];
    // The last: the clock was set back.
    assert_eq!(times.map(deleted), [1, 1, 1, 2, 3]);
    let world = MemoryWorld::default();
    world.hint_fails.set(true);
    let shown = |written_at| finish(show_open(&world, &mut Run { written_at, ..queued_run() }, 1));
    assert_eq!(shown(None), Err(StoreError::Busy("INBOX")));
    assert!(world.open.borrow().is_empty() && world.hint_deleted_at.get().is_none());
    assert_eq!(shown(Some(at(-MINUTE_MS))), Ok(()), "it keeps sweeps awake already");
}
