//! New runs, of a delivery or of a retry: made, shown, and healed where they were lost on the way to KV.
//!
//! Whoever calls this has claimed them first; it starts nothing.

use std::sync::Arc;

use crate::hook::Hook;
use crate::hook::delivery::DeliveryId;
use crate::journal::{Decision, JournalState};
use crate::mutation::{Mutation, makes};
use crate::ports::{StoreError, World};
use crate::run::{Run, RunId, Stage, Status};
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};

use super::advance::give_up;
use super::decide::{enter, read_journal};
use super::plan::Plan;
use super::record::{TRIES_AT_INTAKE, follow_end, put_done, put_open};

/// A claim younger than this is taken to be in good hands: whoever won it is still writing its records.
pub(super) const CLAIM_YOUNG_MS: i64 = MINUTE_MS;

/// KV is late by a minute or a few; what it does not show an hour after its acceptance is not there.
const KV_LATE_MS_MAX: i64 = HOUR_MS;

/// How often a put that decides is tried while somebody waits, and how many milliseconds lie between two tries.
pub(super) const TRIES_TO_CLAIM: (u32, u32) = (2, 0);

/// A new run as it was planned; one without parameters has failed.
pub(super) fn queued<W: World>(
    world: &W,
    hook: &Hook,
    plan: Plan<'_>,
    delivery_id: &DeliveryId,
    now: Timestamp,
) -> Run {
    let mut run = Run {
        run_id: RunId::new(now, world.random()),
        hook: hook.name.clone(),
        delivery_id: delivery_id.clone(),
        item_id: plan.item_id,
        target: Arc::clone(&plan.rule.target),
        mapped_from: Some(plan.mapped_from),
        params: Arc::default(),
        settings: Arc::clone(&plan.rule.settings),
        status: Status::Queued,
        attempts: 0,
        not_before: None,
        task: None,
        result_in_journal: false,
        unjournalled: false,
        missing: None,
        archiving_since: None,
        files: Vec::new(),
        abandoned: false,
        error: None,
        retry_of: None,
        received_at: now,
        started_at: None,
        finished_at: None,
        written_at: None,
    };
    match plan.params {
        Ok(params) => run.params = Arc::new(params),
        Err(problem) => run.fail(Stage::Mapping, problem, now),
    }
    run
}

/// Puts a new run to KV. What is decided of it already is entered in its journal first: one whose mapping failed has
/// ended, and one that takes over a task has it.
pub(super) async fn show_accepted<W: World>(world: &W, run: &mut Run) -> Result<(), StoreError> {
    // A lost place is no matter: whoever holds it entered the same of the same claim.
    if run.status.is_final() {
        if !makes(Mutation::MappingEndsAreNotEntered) {
            enter(world, run.run_id, 1, Decision::End { run: Box::new(run.clone()) }).await?;
        }
        return put_done(world, run, TRIES_AT_INTAKE).await;
    }
    if let Some(task) = &run.task {
        enter(world, run.run_id, 1, Decision::Task { task_id: task.id.clone() }).await?;
    }
    put_open(world, run, TRIES_AT_INTAKE).await
}

/// What a look at an accepted run's records came to.
#[derive(Debug)]
pub(super) enum Healing {
    /// Nothing is to be done; the run as well as is known.
    Known(Box<Run>),
    /// KV had no record of it: it has one again, and the run is to be settled now.
    Healed(Box<Run>),
}

/// Gives a run that was accepted at `at` and that KV has no record of one; what its journal says follows.
///
/// KV may just be late, and then this writes over a newer record. So the new record shows what the journal says of the
/// task and the attempts: should no sweep come until the journal has expired, the record is all that is left. While the journal ends with a
/// `start`, the record may hold the only word of a task, because its author could not write the journal. It is not
/// written over until KV cannot be late any more.
pub(super) async fn heal<W: World>(
    world: &W,
    mut run: Run,
    at: Timestamp,
    now: Timestamp,
) -> Result<Healing, StoreError> {
    if let Some(done) = world.get_done(run.run_id).await? {
        return Ok(Healing::Known(Box::new(done)));
    }
    if let Some(open) = world.get_open(run.run_id).await? {
        return Ok(Healing::Known(Box::new(open)));
    }
    let journal = read_journal(world, run.run_id).await?;
    match journal.state(now) {
        JournalState::Ended(ended) => {
            follow_end(world, &ended).await?;
            return Ok(Healing::Known(ended));
        }
        JournalState::Started { task_id, at } => {
            run.mark_started(task_id, journal.attempts().max(run.attempts), at);
            put_open(world, &mut run, TRIES_AT_INTAKE).await?;
            return Ok(Healing::Healed(Box::new(run)));
        }
        _ => {}
    }
    let late_ms_max = if makes(Mutation::HealingIsHasty) { 0 } else { KV_LATE_MS_MAX };
    if journal.ends_with_start() && now.since_ms(at) < late_ms_max {
        return Ok(Healing::Known(Box::new(run)));
    }
    // One that was accepted with its end, or with its task, is shown as that: it starts nothing.
    if run.status == Status::Queued
        && let Some(why) = journal.expiry(&journal.state_for(&run, now), now)
    {
        let ended = give_up(world, run, &journal, why, now).await?;
        return Ok(Healing::Known(Box::new(ended)));
    }
    run.attempts = run.attempts.max(journal.attempts());
    show_accepted(world, &mut run).await?;
    let run = Box::new(run);
    Ok(if run.status.is_final() { Healing::Known(run) } else { Healing::Healed(run) })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::operate::tests::Stores;
    use super::*;
    use crate::run::tests::{at, queued_run};

    /// Whether a run that KV does not show has its record again, `age_ms` after its acceptance.
    #[track_caller]
    fn check(decisions: &[Decision], age_ms: i64, expected: bool) {
        let run = queued_run();
        let stores = Stores::with(&run, decisions);
        stores.open.borrow_mut().clear();
        let healing = heal(&stores, run, at(0), at(age_ms)).now_or_never().unwrap().unwrap();
        assert_eq!(matches!(healing, Healing::Healed(_)), expected);
        assert_eq!(stores.open.borrow().len(), usize::from(expected));
    }

    #[test]
    fn a_record_that_is_made_again_shows_the_task_and_the_attempts_of_the_journal() {
        let task_id = super::super::operate::tests::task_id("t");
        let retry = Decision::StartLater { not_before: at(0), reason: "HTTP 503".into() };
        for (last, status, task) in [
            (Decision::Task { task_id: task_id.clone() }, Status::InProgress, Some(task_id)),
            (retry, Status::Queued, None),
        ] {
            let run = queued_run();
            let stores = Stores::with(&run, &[Decision::Start, last]);
            stores.open.borrow_mut().clear();
            heal(&stores, run.clone(), at(0), at(KV_LATE_MS_MAX)).now_or_never().unwrap().unwrap();
            let shown = stores.open.borrow()[&run.run_id].clone();
            assert_eq!((shown.status, shown.attempts), (status, 1));
            assert_eq!(shown.task.map(|task| task.id), task);
        }
    }

    #[test]
    fn a_record_that_may_hold_the_only_word_of_a_task_is_not_written_over() {
        let retry = Decision::StartLater { not_before: at(0), reason: "HTTP 503".into() };
        check(&[], CLAIM_YOUNG_MS, true);
        check(&[Decision::Start, retry.clone()], CLAIM_YOUNG_MS, true);
        for decisions in [&[Decision::Start][..], &[Decision::Start, retry, Decision::Start]] {
            check(decisions, CLAIM_YOUNG_MS, false);
            check(decisions, KV_LATE_MS_MAX - 1, false);
            check(decisions, KV_LATE_MS_MAX, true);
        }
    }
}
