//! Abandoning every run of a list, page by page: each call abandons a bounded number and returns where the next goes on.

use crate::log;
use crate::ports::{Clock, EntryKey, Inbox, Log, Metrics, RunLists, RunRecords, StoreError};
use crate::run::{Run, RunId};
use crate::timestamp::Timestamp;

use super::many::{bounded, reason_to_skip};
use super::operator::abandon;
use super::queries::{Query, list_runs};

/// The outcome of one call.
#[derive(Debug, Default)]
pub struct Abandoned {
    /// The runs that are abandoned, by this call or by an earlier one whose record KV did not show yet.
    pub abandoned: Vec<Run>,
    /// Each run that is not, with the reason.
    pub skipped: Vec<(RunId, String)>,
    /// The position for the next call; `None`: no run is left.
    pub cursor: Option<String>,
}

/// Abandons the selected runs, newest first, each as [`abandon`] does. Calling again does no harm.
///
/// # Errors
/// `StoreError` when the runs cannot be listed. A run that cannot be abandoned is skipped; a later call tries it again.
pub async fn abandon_many<W: Inbox<EntryKey> + RunRecords + RunLists + Clock + Log + Metrics>(
    world: &W,
    selection: Query,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<Abandoned, StoreError> {
    let listed = list_runs(world, &bounded(selection)).await?;
    let mut many = Abandoned { cursor: listed.cursor, ..Abandoned::default() };
    for listed in listed.runs {
        let run_id = listed.run_id;
        match abandon(world, run_id, reason, now).await {
            Ok(run) => many.abandoned.push(run),
            Err(refusal) => {
                many.skipped.push((run_id, reason_to_skip(world, log::RUN_NOT_ABANDONED, run_id, refusal)));
            }
        }
    }
    Ok(many)
}
