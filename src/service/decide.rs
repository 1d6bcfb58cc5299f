//! Reading a run's journal, and entering a decision in it: the one place where it is settled who decides.

use crate::journal::{Decision, ENTRIES_MAX, Entry, Journal};
use crate::mutation::{Mutation, makes};
use crate::ports::{StoreError, World};
use crate::run::RunId;

/// How often a put that failed is tried.
const TRIES: u32 = 4;
/// How long to wait between two tries, milliseconds.
const PAUSE_MS: u32 = 500;

/// Whose decision stands at the place that was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entered {
    /// Ours.
    Mine,
    /// Another's: read the journal again and follow it.
    Taken,
}

/// Reads the whole journal of a run.
pub(super) async fn read_journal<W: World>(world: &W, run_id: RunId) -> Result<Journal, StoreError> {
    let mut entries = Vec::new();
    for place in 1..=ENTRIES_MAX {
        match world.get_entry(run_id, place).await? {
            Some(recorded) => entries.push(recorded),
            None => break,
        }
    }
    Ok(Journal::new(entries))
}

/// Enters a decision at `place`. A put that failed, or lost, reads back: it may have been one's own.
pub(super) async fn enter<W: World>(
    world: &W,
    run_id: RunId,
    place: u32,
    decision: Decision,
) -> Result<Entered, StoreError> {
    let entry = &Entry { author: super::author(world), decision };
    let standing = create_once(
        world,
        (TRIES, PAUSE_MS),
        async || {
            let mine = world.create_entry(run_id, place, entry).await?;
            Ok(mine || makes(Mutation::EntriesAreNotConditional))
        },
        async || world.get_entry(run_id, place).await,
        |standing| standing.entry.author == entry.author && !makes(Mutation::EntriesAreNotReadBack),
    );
    Ok(if standing.await?.is_none() { Entered::Mine } else { Entered::Taken })
}

/// Creates a record unless there is one, with so many tries and so many milliseconds between two. `None`: ours stands;
/// `Some`: another's.
pub(super) async fn create_once<W: World, T>(
    world: &W,
    (tries, pause_ms): (u32, u32),
    create: impl AsyncFn() -> Result<bool, StoreError>,
    read: impl AsyncFn() -> Result<Option<T>, StoreError>,
    is_ours: impl Fn(&T) -> bool,
) -> Result<Option<T>, StoreError> {
    let mut error = StoreError::Busy("inbox");
    for attempt in 0..tries {
        if attempt > 0 && pause_ms > 0 {
            world.sleep_ms(pause_ms).await;
        }
        match create().await {
            Ok(true) => return Ok(None),
            Ok(false) => {}
            Err(failed) => error = failed,
        }
        // A put that failed, or lost, reads back: it may have been one's own.
        match read().await {
            Ok(Some(standing)) => return Ok(Some(standing).filter(|standing| !is_ours(standing))),
            Ok(None) => {}
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::operate::tests::{Stores, task_id};
    use super::*;
    use crate::hook::START_ATTEMPTS_MAX;
    use crate::journal::JournalState;
    use crate::run::tests::{at, queued_run};

    #[test]
    fn the_longest_journal_is_read_to_its_end() {
        let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: Some(at(0)) };
        let attempts = (0..START_ATTEMPTS_MAX).flat_map(|_| [Decision::Start, no_answer.clone()]);
        let end = Decision::End { run: Box::new(queued_run()) };
        let decisions: Vec<_> = attempts.chain([Decision::Task { task_id: task_id("found") }, end]).collect();
        let stores = Stores::with(&queued_run(), &decisions);
        let journal = read_journal(&stores, queued_run().run_id).now_or_never().unwrap().unwrap();
        assert_eq!(journal.state(at(0)), JournalState::Ended(Box::new(queued_run())));
    }

    #[test]
    fn a_pause_lies_between_two_tries_and_not_before_the_first() {
        let slept = |tries, pause_ms| {
            let (stores, failure) = (Stores::default(), StoreError::Busy("put"));
            let create = async || Err(failure.clone());
            let created = create_once(&stores, (tries, pause_ms), create, async || Ok(None::<()>), |()| true);
            assert_eq!(created.now_or_never(), Some(Err(failure.clone())));
            stores.slept.take()
        };
        assert!(slept(1, 500).is_empty());
        assert_eq!(slept(4, 500), [500, 500, 500]);
        assert!(slept(4, 0).is_empty(), "where somebody waits for the answer");
    }
}
