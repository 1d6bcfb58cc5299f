//! Queries: lists of runs, newest first, and one run whole. Nothing is written.

mod waiting;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::rc::Rc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::fabricate::{FileId, TaskId};
use crate::hook::HookName;
use crate::hook::delivery::{Delivery, DeliveryId};
use crate::journal::JournalState;
use crate::log;
use crate::ports::{
    Clock, DeliveryKey, EntryKey, Inbox, ItemKey, Log, Notifier, RetryKey, RunLists, RunRecords, StoreError,
    WholeInbox,
};
use crate::run::{FileState, Run, RunFile, RunId, Status, Summary};
use crate::timestamp::Timestamp;

use super::journals::read_journal;
pub use waiting::{Waits, waits_of};

/// How many runs one list has unless its caller says otherwise.
pub const LIMIT_DEFAULT: usize = 50;
/// The most runs that one list may have.
pub const LIMIT_MAX: usize = 200;

/// The most pages of 1,000 open runs that one call reads.
const OPEN_PAGES_MAX: usize = 50;
/// The most pages of 1,000 final runs that one call reads: a filter may pass over many.
const DONE_PAGES_MAX: usize = 5;
/// How many retries of one run are looked at: each retry is a run that can be retried in turn.
const RETRIES_MAX: usize = 10;
/// How many final runs one page has: a list costs the same for one run or a thousand.
const DONE_PAGE: usize = 1_000;

/// Which runs are listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only runs of one of these statuses; empty: of any.
    pub statuses: Vec<Status>,
    /// Only runs of this hook.
    pub hook: Option<HookName>,
    /// Only runs that were accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Only runs that were accepted before this time.
    pub until: Option<Timestamp>,
    /// Only runs with this task.
    pub task_id: Option<TaskId>,
    /// The most runs of the page.
    pub limit: usize,
    /// Only runs after this position.
    pub after: Option<Position>,
}

/// Where the next page of a list begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last run that was listed, or looked at: the next page has runs after it.
    #[serde(rename = "r")]
    run_id: RunId,
    /// KV's own cursor of the page of final runs to continue with.
    #[serde(rename = "d")]
    done: Option<String>,
}

impl Position {
    /// Reads a cursor that an earlier list returned; `None`: it is none.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64.decode(text).ok()?).ok()
    }

    fn encode(&self) -> String {
        BASE64.encode(serde_json::to_vec(self).unwrap_or_default())
    }
}

/// A page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// Newest first.
    pub runs: Vec<Rc<Summary>>,
    /// The position of the next page; `None`: this is the last.
    pub cursor: Option<String>,
}

/// Lists runs, newest first. A run that has both records is shown by its final one.
///
/// # Errors
/// `StoreError` when KV fails.
pub async fn list_runs<W: RunLists + Notifier + Log>(world: &W, query: &Query) -> Result<Listed, StoreError> {
    let done =
        if query.may_want(Status::is_final) { scan_done(world, query).await? } else { Done::default() };
    // A run that has ended is open until its targets are notified.
    let wants_open = query.may_want(|status| !status.is_final()) || !world.targets().is_empty();
    let open = if wants_open { list_open(world, query).await? } else { Vec::new() };
    let mut found = done.merged_with(open);
    // Runs older than the last one that was scanned are for a later page, or the order would break.
    if let Some(next) = &done.next {
        found.retain(|run| newest_first(run.run_id) <= newest_first(next.run_id));
    }
    let position = if found.len() > query.limit {
        found.truncate(query.limit);
        found.last().map(|last| Position { run_id: last.run_id, done: done.page_of(last.run_id, query) })
    } else {
        done.next
    };
    Ok(Listed { runs: found, cursor: position.as_ref().map(Position::encode) })
}

/// Lists the runs of the delivery `id`, and their retries, newest first, without a list of KV: each hook is asked for its claim of
/// that delivery. At most [`LIMIT_MAX`] runs and ten retries of each are looked at; `query` chooses among them.
///
/// # Errors
/// `StoreError` when a store fails.
pub async fn runs_of_delivery<'h, W: WholeInbox + RunRecords + Clock>(
    world: &W,
    hooks: impl Iterator<Item = &'h HookName>,
    id: &DeliveryId,
    query: &Query,
) -> Result<Listed, StoreError> {
    let mut found = Vec::new();
    for hook in hooks.filter(|hook| query.hook.as_ref().is_none_or(|wanted| wanted == *hook)) {
        let mut next = claimed_runs(world, &DeliveryKey::of(hook, id)).await?;
        for _ in 0..=RETRIES_MAX {
            let mut retries = Vec::new();
            for run in next {
                // A run that has expired is not listed.
                let Some(now) = get_run(world, run).await? else { continue };
                found.extend(Some(Rc::new(now.summary())).filter(|summary| query.wants(summary)));
                retries.extend(world.get(&RetryKey(run)).await?.map(|(retry, _)| retry.run.run_id));
            }
            next = retries;
        }
    }
    found.sort_by_key(|run| newest_first(run.run_id));
    let has_more = found.len() > query.limit;
    found.truncate(query.limit);
    let last = found.last().filter(|_| has_more).map(|last| Position { run_id: last.run_id, done: None });
    Ok(Listed { cursor: last.as_ref().map(Position::encode), runs: found })
}

/// The runs that a delivery became when it was accepted; of a batch, those of the items that it was the first to bring.
async fn claimed_runs<W: WholeInbox>(world: &W, key: &DeliveryKey) -> Result<Vec<RunId>, StoreError> {
    let Some((claim, _)) = world.get(key).await? else { return Ok(Vec::new()) };
    let mut runs: Vec<RunId> = claim.runs.iter().map(|run| run.run_id).collect();
    for digest in claim.items {
        if runs.len() >= LIMIT_MAX {
            break;
        }
        let item = world.get(&ItemKey { hook: key.hook.clone(), digest }).await?;
        let own = item.map(|(item, _)| item).filter(|item| item.delivery == key.digest);
        runs.extend(own.into_iter().flat_map(|item| item.runs).map(|run| run.run_id));
    }
    runs.truncate(LIMIT_MAX);
    Ok(runs)
}

/// Lists the open runs of any age, and the final ones that were accepted at this time or later, newest first. Whether they are all:
/// there may be more final ones than one call reads.
///
/// # Errors
/// `StoreError` when KV fails.
pub(super) async fn list_since<W: RunLists + Log>(
    world: &W,
    since: Timestamp,
) -> Result<(Vec<Rc<Summary>>, bool), StoreError> {
    let all = Query { limit: usize::MAX, ..Query::default() };
    let done = scan_done(world, &Query { since: Some(since), ..all.clone() }).await?;
    Ok((done.merged_with(list_open(world, &all).await?), done.next.is_none()))
}

/// Reads a run: its final record, else its open one, else the end of its journal, which is never late.
///
/// # Errors
/// `StoreError` when a store fails.
pub async fn get_run<W: Inbox<EntryKey> + RunRecords + Clock>(
    world: &W,
    run_id: RunId,
) -> Result<Option<Run>, StoreError> {
    let done = world.get_done(run_id).await?;
    if done.is_none()
        && let Some(open) = world.get_open(run_id).await?
    {
        return Ok(Some(open));
    }
    match done {
        Some(done) if !done.result_in_journal => Ok(Some(done)),
        done => match read_journal(world, run_id).await?.state(world.now()) {
            JournalState::Ended(run) => Ok(Some(*run)),
            _ => Ok(done),
        },
    }
}

/// Reads a run as its journal has it: [`get_run`] may show the end of a run a minute late, because KV is late.
///
/// # Errors
/// `StoreError` when a store fails.
pub async fn get_decided_run<W: Inbox<EntryKey> + RunRecords + Clock>(
    world: &W,
    run_id: RunId,
) -> Result<Option<Run>, StoreError> {
    match read_journal(world, run_id).await?.state(world.now()) {
        JournalState::Ended(run) => Ok(Some(*run)),
        _ => get_run(world, run_id).await,
    }
}

/// The delivery that a run was accepted with, and the runs that were accepted in the same claim. `None`: it has expired.
///
/// # Errors
/// `StoreError` when a store fails.
pub async fn stored_delivery<W: Inbox<DeliveryKey> + Inbox<ItemKey>>(
    world: &W,
    run: &Run,
) -> Result<Option<(Delivery, Vec<Run>)>, StoreError> {
    let mut key = DeliveryKey::of(&run.hook, &run.delivery_id);
    let mut siblings = None;
    if let Some(item_id) = &run.item_id {
        let Some((item, _)) = world.get(&ItemKey::of(&run.hook, item_id)).await? else {
            return Ok(None);
        };
        key.digest = item.delivery;
        siblings = Some(item.runs);
    }
    let claim = world.get(&key).await?;
    Ok(claim.map(|(claim, _)| (claim.delivery, siblings.unwrap_or(claim.runs))))
}

/// The file of a run that is archived under this id.
#[must_use]
pub fn archived_file<'a>(run: &'a Run, file_id: &FileId) -> Option<&'a RunFile> {
    run.files.iter().find(|file| file.id() == file_id && file.state == FileState::Archived)
}

/// The order of lists, which is that of the keys of final runs: by time, the newest first, and then by id.
fn newest_first(run_id: RunId) -> (Reverse<Timestamp>, RunId) {
    (Reverse(run_id.created_at()), run_id)
}

impl Query {
    fn wants(&self, run: &Summary) -> bool {
        let accepted_at = run.run_id.created_at();
        self.wants_status(run.status)
            && self.since.is_none_or(|since| accepted_at >= since)
            && self.until.is_none_or(|until| accepted_at < until)
            && self.hook.as_ref().is_none_or(|hook| run.hook() == hook.as_str())
            && self.task_id.as_ref().is_none_or(|task_id| run.task_id.as_ref() == Some(task_id))
            && self.after.as_ref().is_none_or(|after| newest_first(run.run_id) > newest_first(after.run_id))
    }

    /// Whether runs of this status are wanted.
    pub(super) fn wants_status(&self, status: Status) -> bool {
        self.may_want(|wanted| wanted == status)
    }

    /// Whether a status for which `is` holds is among those that are wanted.
    fn may_want(&self, is: impl Fn(Status) -> bool) -> bool {
        self.statuses.is_empty() || self.statuses.iter().any(|status| is(*status))
    }

    fn first_page(&self) -> Option<String> {
        self.after.as_ref().and_then(|after| after.done.clone())
    }
}

/// Final runs found so far.
#[derive(Default)]
struct Done {
    /// Each with the KV cursor of its page.
    found: Vec<(Rc<Summary>, Option<String>)>,
    /// Where the scan stopped before the end: the oldest run that it looked at, whether it is listed or not.
    next: Option<Position>,
}

impl Done {
    /// These and the open runs, newest first. A run that has both records is shown by its final one.
    fn merged_with(&self, open: Vec<Rc<Summary>>) -> Vec<Rc<Summary>> {
        let finished: BTreeSet<RunId> = self.found.iter().map(|(run, _)| run.run_id).collect();
        let mut runs = open;
        runs.retain(|run| !finished.contains(&run.run_id));
        runs.extend(self.found.iter().map(|(run, _)| Rc::clone(run)));
        runs.sort_by_key(|run| newest_first(run.run_id));
        runs
    }

    /// The page that has the last listed run, or the nearest page before it.
    fn page_of(&self, last: RunId, query: &Query) -> Option<String> {
        let shown = self.found.iter().rev().find(|(run, _)| newest_first(run.run_id) <= newest_first(last));
        shown.map_or_else(|| query.first_page(), |(_, page)| page.clone())
    }
}

async fn scan_done<W: RunLists + Log>(world: &W, query: &Query) -> Result<Done, StoreError> {
    let mut done = Done::default();
    let mut page_cursor = query.first_page();
    for _ in 0..DONE_PAGES_MAX {
        let page = world.list_done(page_cursor.as_deref(), DONE_PAGE).await?;
        let runs = readable(world, page.items);
        let oldest = runs.last().map(|run| run.run_id);
        let wanted = runs.into_iter().filter(|run| query.wants(run));
        done.found.extend(wanted.map(|run| (run, page_cursor.clone())));
        let before = done.next.take().map(|position| position.run_id);
        // After the oldest that may be wanted, only older ones follow.
        let is_past = oldest.zip(query.since).is_some_and(|(oldest, since)| oldest.created_at() < since);
        let Some(next) = page.cursor.filter(|_| !is_past) else {
            return Ok(done);
        };
        page_cursor = Some(next);
        done.next = oldest.or(before).map(|run_id| Position { run_id, done: page_cursor.clone() });
        if done.found.len() > query.limit {
            break;
        }
    }
    Ok(done)
}

async fn list_open<W: RunLists + Log>(world: &W, query: &Query) -> Result<Vec<Rc<Summary>>, StoreError> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..OPEN_PAGES_MAX {
        let page = world.list_open(cursor.as_deref()).await?;
        found.extend(readable(world, page.items).into_iter().filter(|run| query.wants(run)));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(found)
}

/// The runs of a page that can be read. The others are logged and left alone.
fn readable<W: Log>(world: &W, items: Vec<Result<Rc<Summary>, StoreError>>) -> Vec<Rc<Summary>> {
    let log_unreadable = |error: StoreError| {
        world.log(log::LISTED_RUN_UNREADABLE, json!({"error": error.to_string()}));
    };
    items.into_iter().filter_map(|item| item.map_err(log_unreadable).ok()).collect()
}

#[cfg(test)]
mod tests;
