//! How a run ends. This is the only place that enters an end in a journal.
//!
//! An end has three steps, in this order: it is entered in the journal, and from then on it is durable; what follows
//! from it is set off ([`after_end`]); KV shows it.

use crate::journal::{Decision, JournalState};
use crate::log;
use crate::ports::{
    Clock, EntryKey, IdleHints, Inbox, Log, Metrics, Point, PointDetail, PointKind, PointOutcome, RunRecords,
    StoreError,
};
use crate::run::{Run, Status};
use crate::timestamp::Timestamp;

use super::journals::{Appended, append, read_journal};
use super::kv_records::{TRIES, follow_end, show_end};
use super::log_run;

/// Enters the end of `run` as entry `number` of its journal. After [`Appended::Ours`] it is durable, and the caller shows
/// it in KV.
///
/// # Errors
/// `StoreError` when R2 fails four times. The end may be entered all the same; the next sweep follows it.
pub(super) async fn close<W: Inbox<EntryKey> + Clock + Log + Metrics>(
    world: &W,
    number: u32,
    run: &Run,
) -> Result<Appended, StoreError> {
    let decision = Decision::End { run: Box::new(run.clone()) };
    let appended = append(world, run.run_id, number, decision).await?;
    if appended == Appended::Ours {
        after_end(world, run);
    }
    Ok(appended)
}

/// [`close`]s a run and shows the end that stands, its own or the one that another invocation entered first.
///
/// # Errors
/// `StoreError` when R2 or KV fails; the next sweep follows what the journal says.
pub(super) async fn close_and_show<W: Inbox<EntryKey> + RunRecords + IdleHints + Clock + Log + Metrics>(
    world: &W,
    number: u32,
    run: &mut Run,
    now: Timestamp,
) -> Result<Appended, StoreError> {
    let closed = close(world, number, run).await?;
    if closed == Appended::Ours {
        show_end(world, run, TRIES).await?;
    } else if let JournalState::Ended(ended) = read_journal(world, run.run_id).await?.state(now) {
        // The invocation that entered it notifies its targets, or a sweep does.
        follow_end(world, &ended).await?;
    }
    // After another decision, such as a task that the operator found, the next sweep follows it.
    Ok(closed)
}

/// Everything that follows from the end of a run starts here, once for each end that this invocation entered.
fn after_end(world: &(impl Log + Metrics), run: &Run) {
    let line = if run.status == Status::Failed { log::RUN_FAILED } else { log::RUN_ENDED };
    log_run(world, line, run);
    let outcome = match run.status {
        Status::Completed => PointOutcome::Completed,
        Status::Canceled => PointOutcome::Canceled,
        _ => PointOutcome::Failed,
    };
    world.write_point(&Point {
        detail: run.error.as_ref().map_or(PointDetail::Empty, |error| PointDetail::Stage(error.stage)),
        duration_ms: run.finished_at.map_or(0, |at| at.since_ms(run.received_at)),
        attempts: run.attempts,
        ..Point::of_run(PointKind::End, outcome, run)
    });
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::run::Stage;
    use crate::run::tests::{at, queued_run};
    use crate::testing::MemoryWorld;

    fn failed(message: &str) -> Run {
        let mut run = queued_run();
        run.fail(Stage::Start, message, at(0));
        run.written_at = Some(at(-2_000));
        run
    }

    fn end_of(run: &Run) -> Decision {
        Decision::End { run: Box::new(run.clone()) }
    }

    #[test]
    fn an_end_is_entered_then_shown_and_logged_once() {
        let run = failed("ours");
        let world = MemoryWorld::with(&queued_run(), &[Decision::Start]);
        assert_eq!(
            close_and_show(&world, 2, &mut run.clone(), at(0)).now_or_never(),
            Some(Ok(Appended::Ours))
        );
        assert_eq!(world.last_decision(run.run_id), Some(end_of(&run)));
        assert_eq!(world.done.borrow().get(&run.run_id), Some(&run));
        assert!(world.open.borrow().is_empty());
        assert_eq!(world.log.take(), ["run failed"]);
    }

    #[test]
    fn an_end_is_a_data_point_once() {
        let points = |run: &Run, faster: Option<Decision>| {
            let world = MemoryWorld::with(&queued_run(), &[Decision::Start]);
            world.faster.replace(faster);
            let closed = close_and_show(&world, 2, &mut run.clone(), at(0)).now_or_never();
            assert!(matches!(closed, Some(Ok(_))), "{closed:?}");
            world.points.take()
        };
        let mut run = failed("no");
        (run.attempts, run.finished_at) = (3, Some(at(4_200)));
        assert_eq!(points(&run, None), ["end failed [start] hook acme seed: 4200 0 3"]);
        for (status, word) in [(Status::Completed, "completed"), (Status::Canceled, "canceled")] {
            let run = Run { status, finished_at: Some(at(7)), ..queued_run() };
            assert_eq!(points(&run, None), [format!("end {word} [] hook acme seed: 7 0 0")]);
        }
        assert!(points(&run, Some(end_of(&failed("another's")))).is_empty());
    }

    #[test]
    fn an_end_that_another_invocation_entered_first_is_shown_and_not_logged_again() {
        let other = failed("another's");
        let world = MemoryWorld::with(&queued_run(), &[Decision::Start]);
        world.faster.replace(Some(end_of(&other)));
        let closed = close_and_show(&world, 2, &mut failed("ours"), at(0)).now_or_never();
        assert_eq!(closed, Some(Ok(Appended::Theirs)));
        assert_eq!(world.done.borrow().get(&other.run_id), Some(&other));
        assert!(world.open.borrow().is_empty() && world.log.take().is_empty());
    }

    #[test]
    fn nothing_follows_from_an_end_that_could_not_be_entered() {
        let world = MemoryWorld::with(&queued_run(), &[Decision::Start]);
        world.inbox_fails.set(true);
        let closed = close(&world, 2, &failed("ours")).now_or_never();
        assert_eq!(closed, Some(Err(StoreError::Busy("INBOX"))));
        assert!(world.log.take().is_empty() && world.done.borrow().is_empty());
    }
}
