//! The KV records of a run: copies for lists and look-ups, always written after the journal has the decision.

use crate::ports::{Clock, IdleHints, RunRecords, StoreError};
use crate::run::Run;

use super::idle::wake_sweeps;

/// How often a record is written where nobody waits for the answer.
pub(super) const TRIES: u32 = 5;
/// How often a record is written while a sender or an operator waits.
pub(super) const TRIES_WHILE_WAITED_FOR: u32 = 2;
/// KV takes one write a second for each key; two writes of one key are at least this far apart, milliseconds.
const KEY_INTERVAL_MS: u32 = 1_100;

/// Writes the `open/` record. The next sweep sees it, or KV is late.
pub(super) async fn show_open<W: RunRecords + IdleHints + Clock>(
    world: &W,
    run: &mut Run,
    tries: u32,
) -> Result<(), StoreError> {
    wait_for_key(world, run).await;
    let is_new = run.written_at.is_none();
    retry(world, tries, async || {
        let woken = wake_sweeps(world).await;
        // A run that is open already keeps sweeps awake, and its record is written also while R2 fails.
        if is_new {
            woken?;
        }
        run.written_at = Some(world.now());
        world.put_open(run).await
    })
    .await?;
    // The record has the time before its put; a later write in this invocation waits from the time after it.
    run.written_at = Some(world.now());
    Ok(())
}

/// Shows the end of a run: writes its `done/` record and removes its `open/` record. While targets are still to be notified, its
/// `open/` record shows the end instead, so that sweeps see the run; the `done/` record is written with what becomes of them, and
/// never again.
pub(super) async fn show_end<W: RunRecords + IdleHints + Clock>(
    world: &W,
    run: &mut Run,
    tries: u32,
) -> Result<(), StoreError> {
    if run.has_pending_notifications() {
        return show_open(world, run, tries).await;
    }
    put_done(world, run, tries).await?;
    delete_open(world, run).await
}

/// Writes the `done/` record of a run that failed as it was accepted. It never had an `open/` record to remove.
pub(super) async fn put_done<W: RunRecords + Clock>(
    world: &W,
    run: &Run,
    tries: u32,
) -> Result<(), StoreError> {
    retry(world, tries, async || world.put_done(run).await).await
}

/// Brings KV in line with an end that another invocation decided; writes only what is missing. `Some`: targets are still to be
/// notified, and nothing is written: whoever notifies them writes what became of it.
pub(super) async fn follow_end<W: RunRecords + Clock>(
    world: &W,
    ended: &Run,
) -> Result<Option<Run>, StoreError> {
    if world.get_done(ended.run_id).await?.is_none() {
        if ended.has_pending_notifications() {
            return Ok(Some(ended.clone()));
        }
        put_done(world, ended, TRIES).await?;
    }
    delete_open(world, ended).await?;
    Ok(None)
}

async fn delete_open<W: RunRecords + Clock>(world: &W, run: &Run) -> Result<(), StoreError> {
    wait_for_key(world, run).await;
    retry(world, TRIES, async || world.delete_open(run.run_id).await).await
}

/// Writes up to `tries` times, with the pause that KV asks for between two writes of a key.
async fn retry<W: Clock>(
    world: &W,
    tries: u32,
    mut write: impl AsyncFnMut() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut result = Ok(());
    for attempt in 0..tries {
        if attempt > 0 {
            world.sleep_ms(KEY_INTERVAL_MS).await;
        }
        result = write().await;
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn wait_for_key<W: Clock>(world: &W, run: &Run) {
    let Some(written_at) = run.written_at else { return };
    let passed_ms = world.now().since_ms(written_at).max(0);
    let left_ms = i64::from(KEY_INTERVAL_MS) - passed_ms;
    if let Ok(left_ms @ 1..) = u32::try_from(left_ms) {
        world.sleep_ms(left_ms).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::run::Stage;
    use crate::run::tests::{at, queued_run};
    use crate::testing::MemoryWorld;

    /// A run that failed, `wrote_ago_ms` after its `open/` record was written.
    fn failed(wrote_ago_ms: i64) -> Run {
        let mut run = queued_run();
        run.fail(Stage::Start, "no", at(0));
        run.written_at = Some(at(-wrote_ago_ms));
        run
    }

    #[test]
    fn two_writes_of_a_key_are_more_than_a_second_apart() {
        let slept = |wrote_ago_ms| {
            let run = failed(wrote_ago_ms);
            let world = MemoryWorld::with(&run, &[]);
            assert_eq!(show_end(&world, &mut run.clone(), TRIES).now_or_never(), Some(Ok(())));
            assert!(world.open.borrow().is_empty());
            world.slept.take()
        };
        assert_eq!(slept(0), [1_100]);
        assert_eq!(slept(400), [700]);
        assert!(slept(1_100).is_empty());
    }

    #[test]
    fn a_write_that_fails_is_repeated_after_a_pause() {
        let run = failed(2_000);
        let world = MemoryWorld::with(&run, &[]);
        world.kv_fails.set(true);
        let failure = Some(Err(StoreError::Busy("kv")));
        assert_eq!(put_done(&world, &run, 3).now_or_never(), failure);
        assert_eq!(world.slept.take(), [1_100, 1_100]);
        assert_eq!(show_open(&world, &mut run.clone(), 1).now_or_never(), failure);
        assert!(world.slept.take().is_empty());
    }
}
