//! Reading a run's journal, and appending a decision to it: the invocation that creates the next entry has decided.

use crate::journal::{Decision, ENTRIES_MAX, Entry, Journal, Recorded};
use crate::ports::{Clock, EntryKey, Inbox, StoreError};
use crate::run::RunId;

use super::create_once::{Tries, create_once};

/// An entry is put up to four times. Nobody waits for an answer here.
const TRIES: Tries = Tries { count: 4, pause_ms: 500 };

/// Whose decision stands at the number that was written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Appended {
    /// This invocation decided.
    Ours,
    /// Another invocation decided first: read the journal again and follow it.
    Theirs,
}

/// Reads the whole journal of a run, at most [`ENTRIES_MAX`] entries.
pub(super) async fn read_journal<W: Inbox<EntryKey>>(
    world: &W,
    run_id: RunId,
) -> Result<Journal, StoreError> {
    let mut entries = Vec::new();
    for number in 1..=ENTRIES_MAX {
        match world.get(&EntryKey { run_id, number }).await? {
            Some((entry, at)) => entries.push(Recorded { entry, at }),
            None => break,
        }
    }
    Ok(Journal::new(entries))
}

/// Appends a decision as entry `number`, the one after the last that was read.
pub(super) async fn append<W: Inbox<EntryKey> + Clock>(
    world: &W,
    run_id: RunId,
    number: u32,
    decision: Decision,
) -> Result<Appended, StoreError> {
    let entry = Entry { author: super::author(world), decision };
    let standing = create_once(world, &EntryKey { run_id, number }, &entry, TRIES).await?;
    Ok(if standing.is_none() { Appended::Ours } else { Appended::Theirs })
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::hook::START_ATTEMPTS_MAX;
    use crate::journal::JournalState;
    use crate::run::tests::{at, queued_run};
    use crate::testing::{MemoryWorld, task_id};

    #[test]
    fn the_longest_journal_is_read_to_its_end() {
        let no_answer = Decision::NoAnswer { reason: "HTTP 500".into(), not_before: Some(at(0)) };
        let attempts = (0..START_ATTEMPTS_MAX).flat_map(|_| [Decision::Start, no_answer.clone()]);
        let end = Decision::End { run: Box::new(queued_run()) };
        let decisions: Vec<_> = attempts.chain([Decision::Task { task_id: task_id("found") }, end]).collect();
        let world = MemoryWorld::with(&queued_run(), &decisions);
        let journal = read_journal(&world, queued_run().run_id).now_or_never().unwrap().unwrap();
        assert_eq!(journal.state(at(0)), JournalState::Ended(Box::new(queued_run())));
    }
}
