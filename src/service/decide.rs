//! Reading a run's journal, and entering a decision in it: the one place where it is settled who decides.

use crate::journal::{Decision, ENTRIES_MAX, Entry, Journal};
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
    let entry = Entry { author: super::author(world), decision };
    let mut error = StoreError::Busy("journal");
    for attempt in 0..TRIES {
        if attempt > 0 {
            world.sleep_ms(PAUSE_MS).await;
        }
        match world.create_entry(run_id, place, &entry).await {
            Ok(true) => return Ok(Entered::Mine),
            Ok(false) => {}
            Err(failed) => error = failed,
        }
        match world.get_entry(run_id, place).await {
            Ok(Some(standing)) if standing.entry.author == entry.author => {
                return Ok(Entered::Mine);
            }
            Ok(Some(_)) => return Ok(Entered::Taken),
            Ok(None) => {}
            Err(failed) => error = failed,
        }
    }
    Err(error)
}
