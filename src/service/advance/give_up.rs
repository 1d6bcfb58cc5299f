//! Ending a run that will not be started any more, because its journal expired or nobody decided in time.
//!
//! It starts nothing. The rule is [`crate::journal::retention`].

use crate::journal::Journal;
use crate::ports::{Level, StoreError, World};
use crate::run::Expiry;
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::super::record::{end, follow_end};
use super::tell;

/// Enters the end of a run that has no task, and shows it. Returns the run as it ended.
///
/// A run whose `done/` record is still there ended before, and only its `open/` record is removed.
///
/// # Errors
/// `StoreError` when KV or R2 fails; the next sweep tries again.
pub(in crate::service) async fn give_up<W: World>(
    world: &W,
    mut run: Run,
    journal: &Journal,
    why: Expiry,
    now: Timestamp,
) -> Result<Run, StoreError> {
    if let Some(done) = world.get_done(run.run_id).await? {
        follow_end(world, &done).await?;
        return Ok(done);
    }
    // Of a journal that expired, the record knows how many attempts it had.
    let attempts = journal.attempts().max(run.attempts);
    run.expire(attempts, why, now);
    tell(world, Level::Error, "run failed: seedhook does not start it again", &run);
    end(world, journal.next_entry_number(), &run, now).await?;
    Ok(run)
}

#[cfg(test)]
mod tests;
