//! New runs of a delivery or of a retry: made, shown in KV, and healed where KV has no record of them.
//!
//! The caller has claimed the runs in the inbox. Nothing is started here.

use std::sync::Arc;

use crate::hook::Hook;
use crate::hook::delivery::DeliveryId;
use crate::journal::retention::DONE_KEPT_MS;
use crate::journal::{Decision, JournalState};
use crate::ports::{Clock, EntryKey, IdleHints, Inbox, Log, Metrics, RunRecords, StoreError};
use crate::run::{Run, RunId, Stage, Status};
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};
use crate::trace_context::TraceContext;

use super::advance::give_up;
use super::close::close;
use super::create_once::Tries;
use super::journals::{append, read_journal};
use super::kv_records::{TRIES_WHILE_WAITED_FOR, follow_end, put_done, show_open};
use super::plan::Plan;
use super::run_state::align;

/// The author of a claim younger than this is still writing the records of its runs, so that they are not healed yet.
pub(super) const CLAIM_YOUNG_MS: i64 = MINUTE_MS;

/// KV is a few minutes late at most. A record that it does not show an hour after the run was accepted does not exist.
const KV_LATE_MS_MAX: i64 = HOUR_MS;

/// A claim is put twice, without a pause, because a sender or an operator waits for the answer.
pub(super) const TRIES_TO_CLAIM: Tries = Tries { count: 2, pause_ms: 0 };

/// A new run as it was planned; `address` is the Worker's, where targets are notified. It has failed already where its parameters could not be mapped.
pub(super) fn new_run(
    world: &impl Clock,
    hook: &Hook,
    plan: Plan<'_>,
    delivery_id: &DeliveryId,
    address: Option<&str>,
    trace: Option<TraceContext>,
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
        notifications: Vec::new(),
        address: address.map(ToOwned::to_owned),
        retry_of: None,
        key: None,
        replaced_by: None,
        skipped_for: None,
        trace,
        received_at: now,
        started_at: None,
        finished_at: None,
        written_at: None,
    };
    match plan.params {
        Ok(params) => {
            run.params = Arc::new(params);
            run.key = plan.key;
            let debounce_ms = run.settings.debounce_ms.filter(|_| run.key.is_some());
            run.not_before = debounce_ms.map(|debounce_ms| now.plus_ms(debounce_ms));
        }
        Err(problem) => run.fail(Stage::Mapping, problem, now),
    }
    run
}

/// Shows a new run in KV. A decision that the run comes with is entered in its journal first: the end of a run whose
/// mapping failed, and the task of a run that takes one over.
pub(super) async fn show_new<W>(world: &W, run: &mut Run) -> Result<(), StoreError>
where
    W: Inbox<EntryKey> + IdleHints + RunRecords + Clock + Log + Metrics,
{
    // Where another invocation was first, it entered the same decision, because it had the same claim.
    if run.status.is_final() {
        close(world, 1, run).await?;
        if run.has_pending_notifications() {
            return show_open(world, run, TRIES_WHILE_WAITED_FOR).await;
        }
        return put_done(world, run, TRIES_WHILE_WAITED_FOR).await;
    }
    if let Some(task) = &run.task {
        append(world, run.run_id, 1, Decision::Task { task_id: task.id.clone() }).await?;
    }
    show_open(world, run, TRIES_WHILE_WAITED_FOR).await
}

/// What KV and the journal show of a run that was accepted.
#[derive(Debug)]
pub(super) enum Healing {
    /// Nothing had to be healed; the run as well as it is known.
    Known(Box<Run>),
    /// KV had no record of the run and has one again. The caller settles the run now.
    Healed(Box<Run>),
}

/// Reworld the KV record of a run that was accepted at `at`, where there is none, and follows its journal.
///
/// KV may just be late, and then this write replaces a newer record. So the restored record has the task and the attempts
/// of the journal: if no sweep comes until the journal has expired, the record is all that is left. While the journal
/// ends with a `start`, the record may be the only place that names the task, because the author of the `start` could
/// not write the journal. Such a record is not replaced until KV cannot be late any more.
pub(super) async fn heal<W>(
    world: &W,
    mut run: Run,
    at: Timestamp,
    now: Timestamp,
) -> Result<Healing, StoreError>
where
    W: Inbox<EntryKey> + IdleHints + RunRecords + Clock + Log + Metrics,
{
    if let Some(done) = world.get_done(run.run_id).await? {
        return Ok(Healing::Known(Box::new(done)));
    }
    if let Some(open) = world.get_open(run.run_id).await? {
        return Ok(Healing::Known(Box::new(open)));
    }
    let journal = read_journal(world, run.run_id).await?;
    let standing = journal.state_for(&run, now);
    match &standing {
        JournalState::Ended(ended) => {
            if let Some(mut run) = follow_end(world, ended).await? {
                // The sweeps notify its targets, and show its end.
                show_open(world, &mut run, TRIES_WHILE_WAITED_FOR).await?;
            }
            return Ok(Healing::Known(ended.clone()));
        }
        JournalState::Started { .. } => {
            align(&mut run, &standing, journal.attempts(), now);
            show_open(world, &mut run, TRIES_WHILE_WAITED_FOR).await?;
            return Ok(Healing::Healed(Box::new(run)));
        }
        _ => {}
    }
    let age_ms = now.since_ms(at);
    // A run that took over a task, and whose `done/` record may have expired, is not followed a second time.
    let may_have_ended = run.task.is_some() && age_ms >= DONE_KEPT_MS;
    if may_have_ended || (journal.ends_with_start() && age_ms < KV_LATE_MS_MAX) {
        return Ok(Healing::Known(Box::new(run)));
    }
    // A run that was accepted with its end or with its task starts nothing, and is shown as that.
    if run.status == Status::Queued
        && let Some(why) = journal.expiry(&standing, now)
    {
        let ended = give_up(world, run, &journal, why, now).await?;
        return Ok(Healing::Known(Box::new(ended)));
    }
    run.attempts = run.attempts.max(journal.attempts());
    show_new(world, &mut run).await?;
    let run = Box::new(run);
    Ok(if run.status.is_final() { Healing::Known(run) } else { Healing::Healed(run) })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::run::tests::{at, queued_run};
    use crate::testing::{MemoryWorld, task_id};

    /// Whether a run that KV does not show has its record again, `age_ms` after its acceptance.
    #[track_caller]
    fn check(decisions: &[Decision], age_ms: i64, expected: bool) {
        let run = queued_run();
        let world = MemoryWorld::with(&run, decisions);
        world.open.borrow_mut().clear();
        let healing = heal(&world, run, at(0), at(age_ms)).now_or_never().unwrap().unwrap();
        assert_eq!(matches!(healing, Healing::Healed(_)), expected);
        assert_eq!(world.open.borrow().len(), usize::from(expected));
    }

    #[test]
    fn a_record_that_is_made_again_shows_the_task_and_the_attempts_of_the_journal() {
        let task_id = task_id("t");
        let retry = Decision::StartLater { not_before: at(0), reason: "HTTP 503".into() };
        for (last, status, task) in [
            (Decision::Task { task_id: task_id.clone() }, Status::InProgress, Some(task_id)),
            (retry, Status::Queued, None),
        ] {
            let run = queued_run();
            let world = MemoryWorld::with(&run, &[Decision::Start, last]);
            world.open.borrow_mut().clear();
            heal(&world, run.clone(), at(0), at(KV_LATE_MS_MAX)).now_or_never().unwrap().unwrap();
            let shown = world.open.borrow()[&run.run_id].clone();
            assert_eq!((shown.status, shown.attempts), (status, 1));
            assert_eq!(shown.task.map(|task| task.id), task);
        }
    }

    #[test]
    fn a_run_that_took_over_a_task_is_not_followed_again_when_its_record_has_expired() {
        let mut run = queued_run();
        run.mark_started(task_id("t"), 0, at(0));
        for (age_ms, expected) in [(DONE_KEPT_MS - 1, true), (DONE_KEPT_MS, false)] {
            let world = MemoryWorld::default();
            let healing = heal(&world, run.clone(), at(0), at(age_ms)).now_or_never().unwrap().unwrap();
            assert_eq!(matches!(healing, Healing::Healed(_)), expected);
            assert_eq!(world.open.borrow().len(), usize::from(expected));
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
