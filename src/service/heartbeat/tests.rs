//! When heartbeats are written, what that costs, and when sweeps are missing.

use super::*;
use crate::fabricate::{StatusError, TaskId};
use crate::run::tests::{at, queued_run, started_run};
use crate::run::{Run, RunId, Tick};
use crate::service::sweep::sweep;
use crate::testing::{MemoryWorld, finish};
use crate::timestamp::HOUR_MS;

const CRON_MS: i64 = 2 * MINUTE_MS;

/// A world with a run that is in progress.
fn busy() -> MemoryWorld {
    let world = MemoryWorld::default();
    let mut run = Run { run_id: RunId::new(at(0), [1; 16]), ..started_run() };
    run.mark_started(TaskId::try_from("task1".to_owned()).unwrap(), 1, at(0));
    world.open.borrow_mut().insert(run.run_id, run);
    world
}

/// Sweeps as the cron does, so often, and returns how many heartbeats were read and written.
fn sweeps(world: &MemoryWorld, count: i64) -> [usize; 2] {
    world.heartbeat_calls.take();
    for _ in 0..count {
        world.now_ms.set(world.now_ms.get() + CRON_MS);
        let (now, since) = (world.now(), world.now().plus_ms(-CRON_MS));
        let hourly = now.as_millis() / HOUR_MS != since.as_millis() / HOUR_MS;
        finish(sweep(world, Tick { now, since }, 40, hourly));
    }
    world.heartbeat_calls.take()
}

fn stored(world: &MemoryWorld) -> Heartbeat {
    world.heartbeat.borrow().as_ref().expect("a heartbeat").0.clone()
}

fn state(world: &MemoryWorld) -> SweepState {
    finish(pulse(world, world.now())).unwrap().state
}

fn answer(world: &MemoryWorld, error: &StatusError) {
    world.answers.borrow_mut().push_back(Err(error.clone()));
}

#[test]
fn open_runs_cost_six_heartbeats_an_hour() {
    let world = busy();
    assert_eq!(sweeps(&world, 1), [1, 1]);
    assert_eq!((stored(&world).open, stored(&world).at), (1, world.now()));
    assert_eq!(sweeps(&world, 4), [0, 0]);
    assert_eq!(sweeps(&world, 30), [6, 6]);
    // An isolate that begins reads before it writes.
    assert_eq!(sweeps(&world, 1), [1, 1]);
    world.known_heartbeat.take();
    assert_eq!(sweeps(&world, 2), [1, 0]);
}

#[test]
fn idleness_is_said_once_and_then_costs_nothing() {
    let world = busy();
    sweeps(&world, 2);
    world.open.borrow_mut().clear();
    let [_, written] = sweeps(&world, 10);
    assert!((1..=2).contains(&written), "{written}");
    assert_eq!(stored(&world).open, 0);
    assert_eq!(sweeps(&world, 24 * 30), [0, 0]);
    assert_eq!(state(&world), SweepState::Well);
}

#[test]
fn the_last_heartbeat_before_idleness_says_that_nothing_is_open() {
    let world = busy();
    let last = |open| Heartbeat { author: "x".into(), at: at(0), open, refusals: Vec::new(), gap: None };
    let found = |becomes_idle| Some(Found { at: at(1), open: 0, becomes_idle });
    assert!(next(&world, Some(&last(3)), found(true)).is_some());
    assert!(next(&world, Some(&last(0)), found(true)).is_none());
    assert!(next(&world, Some(&last(3)), found(false)).is_none(), "the list may be late");
}

#[test]
fn a_refused_key_is_written_at_once_and_so_is_its_end() {
    for error in [StatusError::Unauthorized, StatusError::Forbidden] {
        let world = busy();
        sweeps(&world, 1);
        answer(&world, &error);
        assert_eq!(sweeps(&world, 1), [1, 1], "{error:?}");
        assert_eq!(stored(&world).refusals.len(), 1);
        assert_eq!(stored(&world).refusals[0].workspace.is_some(), error == StatusError::Forbidden);
        answer(&world, &error);
        assert_eq!(sweeps(&world, 1), [0, 0], "the same");
        assert_eq!(sweeps(&world, 1), [1, 1], "it is accepted");
        assert_eq!(stored(&world).refusals, []);
    }
}

#[test]
fn a_batch_of_the_queue_says_whether_the_key_is_refused_and_nothing_of_sweeps() {
    let world = busy();
    finish(record(&world, None));
    assert!(world.heartbeat.borrow().is_none());
    sweeps(&world, 1);
    let swept = stored(&world);
    world.now_ms.set(world.now_ms.get() + MINUTE_MS);
    world.credentials.record("x", crate::fabricate::KeyAnswer::KeyRefused, world.now());
    finish(record(&world, None));
    assert_eq!((stored(&world).at, stored(&world).open), (swept.at, swept.open));
    assert_eq!(stored(&world).refusals.len(), 1);
}

#[test]
fn what_cannot_be_written_fails_no_sweep() {
    let world = busy();
    world.heartbeat_fails.set(true);
    assert_eq!(sweeps(&world, 3), [3, 0]);
    assert_eq!(world.log.borrow().len(), 3);
    assert_eq!(world.polled.borrow().len(), 3);
    world.heartbeat_fails.set(false);
    assert_eq!(sweeps(&world, 1), [1, 1]);
}

#[test]
fn sweeps_are_missing_where_runs_were_open_and_nothing_lists_them() {
    let world = busy();
    assert_eq!(state(&world), SweepState::Awaited, "there is a run, and there was no sweep");
    sweeps(&world, 1);
    for (after_ms, expected) in
        [(0, SweepState::Well), (STALE_MS, SweepState::Well), (1, SweepState::Missing)]
    {
        world.now_ms.set(world.now_ms.get() + after_ms);
        assert_eq!(state(&world), expected);
    }
    sweeps(&world, 1);
    assert_eq!(state(&world), SweepState::Well);
}

#[test]
fn after_an_idle_day_a_sweep_is_awaited_once_a_run_is_opened() {
    let world = MemoryWorld::default();
    sweeps(&world, 24 * 30);
    assert_eq!(state(&world), SweepState::Well);
    let mut run = Run { written_at: None, ..queued_run() };
    finish(crate::service::kv_records::show_open(&world, &mut run, 1)).unwrap();
    assert_eq!(state(&world), SweepState::Awaited);
    sweeps(&world, 1);
    assert_eq!(state(&world), SweepState::Well);
    world.hint_fails.set(true);
    assert_eq!(
        finish(pulse(&world, world.now())).map(|pulse| pulse.state),
        Ok(SweepState::Well),
        "it is not read"
    );
}

#[test]
fn a_heartbeat_says_for_half_an_hour_that_sweeps_were_missing() {
    let world = busy();
    sweeps(&world, 20);
    assert_eq!(stored(&world).gap, None);
    let from = stored(&world).at;
    world.now_ms.set(world.now_ms.get() + HOUR_MS);
    sweeps(&world, 1);
    let gap = SweepGap { from, until: world.now(), open: 1 };
    assert_eq!(stored(&world).gap, Some(gap));
    sweeps(&world, 14);
    assert_eq!(stored(&world).gap, Some(gap));
    sweeps(&world, 5);
    assert_eq!(stored(&world).gap, None);
    world.open.borrow_mut().clear();
    sweeps(&world, 10);
    assert_eq!(stored(&world).open, 0);
    world.now_ms.set(world.now_ms.get() + HOUR_MS);
    world.open.borrow_mut().extend(busy().open.take());
    finish(crate::ports::IdleHints::delete_hint(&world)).unwrap();
    sweeps(&world, 1);
    assert_eq!((stored(&world).open, stored(&world).gap), (1, None), "nothing was open");
}
