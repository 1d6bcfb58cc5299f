//! Writing a run's KV records: copies for lists and lookups, always after the decision is in the journal.

use crate::journal::{Decision, JournalState};
use crate::mutation::{Mutation, makes};
use crate::ports::{StoreError, World};
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::decide::{Entered, enter, read_journal};

/// How often a write is tried where nobody waits for the answer.
pub(super) const TRIES: u32 = 5;
/// How often a write is tried while a sender waits.
pub(super) const TRIES_AT_INTAKE: u32 = 2;
/// KV takes one write a second for each key: this lies between two, milliseconds.
const KEY_INTERVAL_MS: u32 = 1_100;

/// Writes the `open/` record, not sooner than a second after it was last written.
pub(super) async fn put_open<W: World>(world: &W, run: &mut Run, tries: u32) -> Result<(), StoreError> {
    wait_for_key(world, run).await;
    tried(world, tries, async || {
        run.written_at = Some(world.now());
        world.put_open(run).await
    })
    .await?;
    // The record has the moment before its put; who goes on in this invocation knows the later one.
    run.written_at = Some(world.now());
    Ok(())
}

/// Writes the `done/` record of a final run and removes the `open/` one.
pub(super) async fn finish<W: World>(world: &W, run: &Run) -> Result<(), StoreError> {
    put_done(world, run, TRIES).await?;
    remove_open(world, run).await
}

/// Writes the `done/` record alone, for a run that never had an `open/` one.
pub(super) async fn put_done<W: World>(world: &W, run: &Run, tries: u32) -> Result<(), StoreError> {
    tried(world, tries, async || world.put_done(run).await).await
}

/// Brings KV in line with an end that somebody else entered; writes only what is missing.
pub(super) async fn follow_end<W: World>(world: &W, ended: &Run) -> Result<(), StoreError> {
    if world.get_done(ended.run_id).await?.is_none() {
        put_done(world, ended, TRIES).await?;
    }
    remove_open(world, ended).await
}

/// Enters a run's end in its journal at `place`, then copies whatever end stands there to KV.
pub(super) async fn end<W: World>(
    world: &W,
    place: u32,
    run: &Run,
    now: Timestamp,
) -> Result<(), StoreError> {
    let decision = Decision::End { run: Box::new(run.clone()) };
    if makes(Mutation::EndsAreNotEntered) {
        return finish(world, run).await;
    }
    match enter(world, run.run_id, place, decision).await? {
        Entered::Mine => finish(world, run).await,
        Entered::Taken if makes(Mutation::LostEndsAreShown) => finish(world, run).await,
        Entered::Taken => match read_journal(world, run.run_id).await?.state(now) {
            JournalState::Ended(ended) => follow_end(world, &ended).await,
            // Somebody decided otherwise in between: the next sweep follows.
            _ => Ok(()),
        },
    }
}

async fn remove_open<W: World>(world: &W, run: &Run) -> Result<(), StoreError> {
    if makes(Mutation::OpenRecordsStay) {
        return Ok(());
    }
    wait_for_key(world, run).await;
    tried(world, TRIES, async || world.delete_open(run.run_id).await).await
}

/// Writes up to `tries` times, with a pause that the key needs anyway.
async fn tried<W: World>(
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

async fn wait_for_key<W: World>(world: &W, run: &Run) {
    let Some(written_at) = run.written_at else { return };
    let passed_ms = u32::try_from(world.now().since_ms(written_at)).unwrap_or(u32::MAX);
    if passed_ms < KEY_INTERVAL_MS && !makes(Mutation::KeysAreNotWaitedFor) {
        world.sleep_ms(KEY_INTERVAL_MS - passed_ms).await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::operate::tests::Stores;
    use super::*;
    use crate::run::Stage;
    use crate::run::tests::{at, queued_run};

    /// A run that failed, as it is told, `wrote_ago_ms` after its `open/` record was written.
    fn failed(message: &str, wrote_ago_ms: i64) -> Run {
        let mut run = queued_run();
        run.fail(Stage::Start, message, at(0));
        run.written_at = Some(at(-wrote_ago_ms));
        run
    }

    #[test]
    fn an_end_is_shown_as_soon_as_it_is_entered() {
        let run = failed("ours", 2_000);
        let stores = Stores::with(&queued_run(), &[Decision::Start]);
        assert_eq!(end(&stores, 2, &run, at(0)).now_or_never(), Some(Ok(())));
        assert_eq!(stores.last(run.run_id), Some(Decision::End { run: Box::new(run.clone()) }));
        assert_eq!(stores.done.borrow().get(&run.run_id), Some(&run));
        assert!(stores.open.borrow().is_empty());
    }

    #[test]
    fn who_finds_another_end_shows_that() {
        let other = failed("another's", 2_000);
        let stores = Stores::with(&queued_run(), &[Decision::Start]);
        stores.faster.replace(Some(Decision::End { run: Box::new(other.clone()) }));
        assert_eq!(end(&stores, 2, &failed("ours", 2_000), at(0)).now_or_never(), Some(Ok(())));
        assert_eq!(stores.done.borrow().get(&other.run_id), Some(&other));
        assert!(stores.open.borrow().is_empty());
    }

    #[test]
    fn a_key_has_a_second_and_a_bit_between_two_writes() {
        let slept = |wrote_ago_ms| {
            let run = failed("no", wrote_ago_ms);
            let stores = Stores::with(&run, &[]);
            assert_eq!(finish(&stores, &run).now_or_never(), Some(Ok(())));
            stores.slept.take()
        };
        assert_eq!(slept(0), [1_100]);
        assert_eq!(slept(400), [700]);
        assert!(slept(1_100).is_empty());
    }

    #[test]
    fn a_write_that_fails_is_tried_again_after_a_pause() {
        let run = failed("no", 2_000);
        let stores = Stores::with(&run, &[]);
        stores.kv_fails.set(true);
        let failure = Some(Err(StoreError::Busy("kv")));
        assert_eq!(put_done(&stores, &run, 3).now_or_never(), failure);
        assert_eq!(stores.slept.take(), [1_100, 1_100]);
        assert_eq!(put_open(&stores, &mut run.clone(), 1).now_or_never(), failure);
        assert!(stores.slept.take().is_empty());
    }
}
