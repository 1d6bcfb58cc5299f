//! Ending a run that will not be started any more, because its journal expired or nobody decided in time.
//!
//! It starts nothing. The rule is [`crate::journal::retention`].

use crate::journal::Journal;
use crate::ports::{Clock, EntryKey, IdleHints, Inbox, Log, Metrics, RunRecords, StoreError};
use crate::run::Expiry;
use crate::run::Run;
use crate::timestamp::Timestamp;

use super::super::close::close_and_show;
use super::super::kv_records::follow_end;

/// Closes a run that has no task. Returns the run as it ended.
///
/// A run whose `done/` record is still there ended before, and only its `open/` record is removed.
///
/// # Errors
/// `StoreError` when KV or R2 fails; the next sweep tries again.
pub(in crate::service) async fn give_up<W>(
    world: &W,
    mut run: Run,
    journal: &Journal,
    why: Expiry,
    now: Timestamp,
) -> Result<Run, StoreError>
where
    W: Inbox<EntryKey> + RunRecords + IdleHints + Clock + Log + Metrics,
{
    if let Some(done) = world.get_done(run.run_id).await? {
        follow_end(world, &done).await?;
        return Ok(done);
    }
    // When the journal has expired, only the record knows the attempts.
    let attempts = journal.attempts().max(run.attempts);
    run.expire(attempts, why, now);
    close_and_show(world, journal.next_entry_number(), &mut run, now).await?;
    Ok(run)
}

#[cfg(test)]
mod tests;
