//! Turns: who takes them, who waits, who ends, and what it costs.

use std::sync::Arc;

use futures_util::FutureExt;

use super::Admission::{Starts, Waits};
use super::*;
use crate::hook::MaxRunning;
use crate::journal::Decision;
use crate::run::tests::{at, queued_run};
use crate::run::{GroupId, Status};
use crate::testing::{MemoryWorld, finish, task_id};
use crate::timestamp::HOUR_MS;

/// A run with a key, accepted so many milliseconds after the others' beginning.
fn run(number: u8, when_busy: WhenBusy) -> Run {
    let mut run = queued_run();
    run.received_at = at(i64::from(number));
    run.run_id = RunId::new(run.received_at, [number; 16]);
    run.key = Some("acme/demo".to_owned());
    Arc::make_mut(&mut run.settings).when_busy = when_busy;
    run
}

fn limited(number: u8, max_running: u32) -> Run {
    let mut run = run(number, WhenBusy::Wait);
    run.key = None;
    Arc::make_mut(&mut run.settings).max_running = MaxRunning { hook: Some(max_running), worker: None };
    run
}

fn take(world: &MemoryWorld, run: &Run) -> Admission {
    take_with(world, run, &Budget::new(40))
}

fn take_with(world: &MemoryWorld, run: &Run, budget: &Budget) -> Admission {
    let journal = read_journal(world, run.run_id).now_or_never().unwrap().unwrap();
    finish(take_turns(world, run, &journal, budget)).unwrap()
}

fn end(world: &MemoryWorld, run: &Run) {
    world.append(run.run_id, Decision::End { run: Box::new(run.clone()) });
}

/// The calls of R2 that an action makes.
fn calls(world: &MemoryWorld, action: impl FnOnce()) -> Vec<&'static str> {
    world.calls.take();
    action();
    world.calls.take()
}

#[test]
fn the_next_run_starts_when_the_one_before_has_ended() {
    let world = MemoryWorld::default();
    let (first, second) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait));
    assert_eq!(take(&world, &first), Admission::Starts);
    assert_eq!(take(&world, &second), Admission::Waits);
    world.append(first.run_id, Decision::Start);
    world.append(first.run_id, Decision::Task { task_id: task_id("t") });
    assert_eq!(take(&world, &second), Admission::Waits);
    end(&world, &first);
    assert_eq!(take(&world, &second), Admission::Starts);
}

#[test]
fn a_run_that_has_its_turn_keeps_it_and_writes_nothing() {
    let world = MemoryWorld::default();
    let first = run(1, WhenBusy::Wait);
    take(&world, &first);
    let made = calls(&world, || assert_eq!(take(&world, &first), Admission::Starts));
    assert_eq!(made, ["R2 get", "R2 get"], "its journal, and the turn");
}

#[test]
fn a_run_that_waits_is_marked_once() {
    let world = MemoryWorld::default();
    let (first, second) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait));
    take(&world, &first);
    take(&world, &second);
    let made = calls(&world, || assert_eq!(take(&world, &second), Admission::Waits));
    assert!(!made.contains(&"R2 put"), "{made:?}");
}

#[test]
fn a_younger_run_does_not_overtake_one_that_is_known_to_wait() {
    let world = MemoryWorld::default();
    let (first, second, third) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait), run(3, WhenBusy::Wait));
    take(&world, &first);
    take(&world, &second);
    end(&world, &first);
    assert_eq!(take(&world, &third), Admission::Waits);
    end(&world, &second);
    assert_eq!(take(&world, &third), Admission::Starts, "the one that waited has ended");
}

#[test]
fn a_sweep_gives_the_turn_to_the_run_that_it_asks() {
    let world = MemoryWorld::default();
    let (first, second, third) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait), run(3, WhenBusy::Wait));
    take(&world, &first);
    take(&world, &second);
    end(&world, &first);
    let budget = Budget::new(40);
    budget.turns().note_list(GroupId::default(), None, None);
    assert_eq!(take_with(&world, &third, &budget), Admission::Starts);
}

#[test]
fn a_newer_run_replaces_those_that_wait_and_not_the_one_that_runs() {
    let world = MemoryWorld::default();
    let (first, second, third) =
        (run(1, WhenBusy::Replace), run(2, WhenBusy::Replace), run(3, WhenBusy::Replace));
    assert_eq!(take(&world, &first), Admission::Starts);
    world.append(first.run_id, Decision::Start);
    assert_eq!(take(&world, &second), Admission::Waits);
    assert_eq!(take(&world, &third), Admission::Waits);
    assert_eq!(take(&world, &second), Admission::ReplacedBy(third.run_id));
    assert_eq!(take(&world, &third), Admission::Waits);
    end(&world, &first);
    assert_eq!(take(&world, &third), Admission::Starts);
}

#[test]
fn a_run_whose_start_was_rejected_is_replaced_too() {
    let world = MemoryWorld::default();
    let (first, second) = (run(1, WhenBusy::Replace), run(2, WhenBusy::Replace));
    take(&world, &first);
    world.append(first.run_id, Decision::Start);
    world.append(first.run_id, Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() });
    assert_eq!(take(&world, &second), Admission::Waits);
    assert_eq!(take(&world, &first), Admission::ReplacedBy(second.run_id));
}

#[test]
fn a_run_that_does_not_wait_is_skipped() {
    let world = MemoryWorld::default();
    let (first, second) = (run(1, WhenBusy::Skip), run(2, WhenBusy::Skip));
    assert_eq!(take(&world, &first), Admission::Starts);
    let made = calls(&world, || assert_eq!(take(&world, &second), Admission::SkippedFor(first.run_id)));
    assert!(!made.contains(&"R2 put"), "{made:?}");
    end(&world, &first);
    assert_eq!(take(&world, &run(3, WhenBusy::Skip)), Admission::Starts);
}

#[test]
fn a_debounced_run_waits_until_no_newer_one_comes() {
    let world = MemoryWorld::default();
    let debounced = |number| {
        let mut run = run(number, WhenBusy::Wait);
        Arc::make_mut(&mut run.settings).debounce_ms = Some(1_000);
        run
    };
    let (first, second) = (debounced(1), debounced(200));
    world.now_ms.set(200);
    let until = |ms| Admission::WaitsUntil(at(ms));
    assert_eq!([&first, &second].map(|run| take(&world, run)), [until(1_001), until(1_200)]);
    world.now_ms.set(1_100);
    assert_eq!(take(&world, &first), Admission::ReplacedBy(second.run_id));
    assert_eq!(take(&world, &second), until(1_200));
    world.now_ms.set(1_200);
    assert_eq!(take(&world, &second), Admission::Starts);
}

#[test]
fn another_invocation_that_is_faster_takes_the_turn() {
    let world = MemoryWorld::default();
    let (ours, theirs) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait));
    let holder = Holder { run_id: theirs.run_id, entry: 1, deadline_ms: HOUR_MS };
    let turn = Turn { author: "another".into(), holder: Some(holder), ..Turn::default() };
    world.other_turn.replace(Some(turn));
    assert_eq!(take(&world, &ours), Admission::Waits);
    assert_eq!(world.slept.take(), [PAUSE_MS]);
}

#[test]
fn a_run_that_is_started_again_takes_its_turn_again() {
    let world = MemoryWorld::default();
    let (mut first, second) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait));
    Arc::make_mut(&mut first.settings).deadline_ms = HOUR_MS;
    take(&world, &first);
    world.append(first.run_id, Decision::Start);
    world.append(first.run_id, Decision::NoAnswer { reason: "HTTP 500".into(), not_before: Some(at(9)) });
    world.now_ms.set(2 * HOUR_MS);
    assert_eq!(take(&world, &first), Admission::Starts);
    assert_eq!(take(&world, &second), Admission::Waits, "it is about to be started again");
    world.append(first.run_id, Decision::Start);
    world.append(first.run_id, Decision::NoAnswer { reason: "HTTP 500".into(), not_before: None });
    assert_eq!(take(&world, &second), Admission::Starts, "it is parked past its deadline");
    assert_eq!(take(&world, &first), Admission::Waits);
}

#[test]
fn ten_thousand_runs_of_one_key_read_its_turn_once() {
    let world = MemoryWorld::default();
    let first = run(1, WhenBusy::Wait);
    take(&world, &first);
    let budget = Budget::new(40);
    take_with(&world, &run(2, WhenBusy::Wait), &budget);
    let empty = Journal::default();
    let made = calls(&world, || {
        for number in 0..10_000_u32 {
            let mut run = run(3, WhenBusy::Wait);
            run.run_id = RunId::new(at(9), number.to_le_bytes().repeat(4).try_into().unwrap());
            let admission = finish(take_turns(&world, &run, &empty, &budget)).unwrap();
            assert_eq!(admission, Admission::Waits);
        }
    });
    assert!(made.is_empty(), "{} calls", made.len());
}

#[test]
fn no_more_runs_start_than_there_are_slots() {
    let world = MemoryWorld::default();
    let runs: Vec<Run> = (1..5).map(|number| limited(number, 2)).collect();
    let admissions: Vec<Admission> = runs.iter().map(|run| take(&world, run)).collect();
    assert_eq!(admissions, [Starts, Starts, Waits, Waits]);
    assert_eq!(take(&world, &runs[0]), Starts, "it has its slot");
    end(&world, &runs[1]);
    assert_eq!([&runs[3], &runs[2]].map(|run| take(&world, run)), [Starts, Waits]);
    assert_eq!(world.turns.borrow().len(), 2);
}

#[test]
fn a_full_limit_is_read_once_by_an_invocation() {
    let world = MemoryWorld::default();
    take(&world, &limited(1, 1));
    let budget = Budget::new(40);
    assert_eq!(take_with(&world, &limited(2, 1), &budget), Admission::Waits);
    let journal = Journal::default();
    let made = calls(&world, || {
        let admission = finish(take_turns(&world, &limited(3, 1), &journal, &budget)).unwrap();
        assert_eq!(admission, Admission::Waits);
    });
    assert!(made.is_empty(), "{made:?}");
    assert_eq!(take_with(&world, &limited(1, 1), &budget), Admission::Starts, "it holds the slot");
}

#[test]
fn a_run_that_waits_for_its_next_attempt_keeps_its_turn_and_gives_its_slot_back() {
    let world = MemoryWorld::default();
    let later = |run: &Run| {
        world.append(run.run_id, Decision::Start);
        world.append(run.run_id, Decision::StartLater { not_before: at(9), reason: "HTTP 403".into() });
    };
    let (first, second) = (run(1, WhenBusy::Wait), run(2, WhenBusy::Wait));
    assert_eq!(take(&world, &first), Starts);
    later(&first);
    assert_eq!(take(&world, &second), Waits, "runs of a key keep their order");
    let (first, second) = (limited(3, 1), limited(4, 1));
    assert_eq!(take(&world, &first), Starts);
    later(&first);
    assert_eq!(take(&world, &second), Starts, "Fabricate has nothing to do for the first");
    assert_eq!(take(&world, &first), Waits, "another attempt needs a slot again");
    end(&world, &second);
    assert_eq!(take(&world, &first), Starts);
    world.append(first.run_id, Decision::Start);
    assert_eq!(take(&world, &second), Waits);
}

#[test]
fn an_invocation_that_is_late_does_not_take_the_turn_of_a_later_attempt() {
    for run in [run(1, WhenBusy::Wait), limited(1, 1)] {
        let world = MemoryWorld::default();
        assert_eq!(take(&world, &run), Starts);
        let read_before = Journal::default();
        world.append(run.run_id, Decision::Start);
        world.append(run.run_id, Decision::StartLater { not_before: at(9), reason: "HTTP 503".into() });
        assert_eq!(take(&world, &run), Starts);
        let turns = world.turns.borrow().clone();
        let late = finish(take_turns(&world, &run, &read_before, &Budget::new(40))).unwrap();
        assert_eq!((late, world.turns.borrow().clone() == turns), (Waits, true), "{:?}", run.key);
    }
}

#[test]
fn an_invocation_reads_as_few_slots_as_it_needs() {
    let world = MemoryWorld::default();
    let (budget, journal) = (Budget::new(1_000), Journal::default());
    let made = calls(&world, || {
        for number in 0..40_u8 {
            let admission = finish(take_turns(&world, &limited(number, 50), &journal, &budget)).unwrap();
            assert_eq!(admission, Starts);
        }
    });
    let count = |name: &str| made.iter().filter(|call| **call == name).count();
    assert_eq!(count("R2 put"), 40);
    assert!(count("R2 get") <= 50, "{} reads", count("R2 get"));
}

#[test]
fn a_run_that_may_have_been_started_is_not_skipped() {
    let world = MemoryWorld::default();
    let (mut first, second) = (run(1, WhenBusy::Skip), run(2, WhenBusy::Wait));
    Arc::make_mut(&mut first.settings).deadline_ms = HOUR_MS;
    take(&world, &first);
    world.append(first.run_id, Decision::Start);
    world.append(first.run_id, Decision::NoAnswer { reason: "HTTP 500".into(), not_before: Some(at(9)) });
    world.now_ms.set(2 * HOUR_MS);
    assert_eq!(take(&world, &second), Starts, "the first has no answer for longer than its deadline");
    assert_eq!(take(&world, &first), Waits);
}

#[test]
fn a_run_that_gives_way_ends_canceled_and_says_to_whom() {
    let mut replaced = run(1, WhenBusy::Replace);
    let newer = run(2, WhenBusy::Replace).run_id;
    replaced.replace(newer, at(5));
    assert_eq!(
        (replaced.status, replaced.replaced_by, replaced.finished_at),
        (Status::Canceled, Some(newer), Some(at(5)))
    );
    let mut skipped = run(2, WhenBusy::Skip);
    skipped.skip(run(1, WhenBusy::Skip).run_id, at(5));
    assert_eq!(
        (skipped.status, skipped.skipped_for),
        (Status::Canceled, Some(run(1, WhenBusy::Skip).run_id))
    );
}
