//! What stands in the simulated inbox, and what only the simulation knows of it: who wrote it, and whether he knows.

use std::collections::BTreeMap;
use std::rc::Rc;

use seedhook::fabricate::TaskId;
use seedhook::hook::subscription::RunEvent;
use seedhook::journal::{Decision, Recorded};
use seedhook::ports::{Claim, DeliveryKey, ItemClaim, ItemKey, Retry};
use seedhook::run::{Run, RunId};
use seedhook::timestamp::Timestamp;

use crate::weeks::Weeks;

/// A `start` entry that its author hears of so soon must be used: well within the five minutes that it has.
const CONFIRMED_MS_MAX: i64 = 60_000;

/// Claims and journals.
#[derive(Default)]
pub(crate) struct Journals {
    pub(crate) claims: Vec<Claimed>,
    pub(crate) items: Vec<ClaimedItem>,
    /// The latest last.
    pub(crate) retries: Vec<Retried>,
    pub(crate) runs: BTreeMap<RunId, Journal>,
}

/// A claim as it stands.
pub(crate) struct Claimed {
    pub(crate) key: DeliveryKey,
    pub(crate) claim: Rc<Claim>,
    pub(crate) at: Timestamp,
    /// The invocation that created it.
    pub(crate) author: usize,
}

/// The claim of an item as it stands.
pub(crate) struct ClaimedItem {
    pub(crate) key: ItemKey,
    pub(crate) claim: Rc<ItemClaim>,
    pub(crate) at: Timestamp,
    /// The invocation that created it.
    pub(crate) author: usize,
}

/// Runs that were accepted together, by one claim.
pub(crate) struct Accepted<'a> {
    pub(crate) runs: &'a [Run],
    at: Timestamp,
    author: usize,
}

/// The event that a run is for.
pub(crate) fn event_of(run: &Run) -> &str {
    run.item_id.as_ref().unwrap_or(&run.delivery_id).as_str()
}

/// A retry as it stands.
pub(crate) struct Retried {
    /// The run that is retried.
    pub(crate) old: RunId,
    pub(crate) retry: Rc<Retry>,
    pub(crate) at: Timestamp,
}

/// One run's journal.
#[derive(Default)]
pub(crate) struct Journal {
    /// In the order in which runs were first claimed; for names that can be read.
    number: usize,
    /// In the order in which they were created, those that R2 has deleted among them.
    pub(crate) entries: Vec<Placed>,
}

/// An entry and what only the simulation knows of it.
pub(crate) struct Placed {
    pub(crate) place: u32,
    pub(crate) recorded: Recorded,
    /// The invocation that created it.
    pub(crate) author: usize,
    /// Whether its author heard of it, in time to use it.
    pub(crate) confirmed: bool,
    /// Whether the start request that it allows was sent.
    pub(crate) used: bool,
}

/// Whether a start request may be sent, as the journal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// By the last entry, created so long ago.
    Granted {
        /// Milliseconds.
        age_ms: i64,
    },
    /// There is no such entry of this author.
    Missing,
}

impl Journal {
    /// The entry that was created last at a place.
    pub(crate) fn latest_mut(&mut self, place: u32) -> Option<&mut Placed> {
        self.entries.iter_mut().rev().find(|placed| placed.place == place)
    }

    /// What R2 has at a place.
    pub(crate) fn kept(&self, place: u32, weeks: Option<&Weeks>, now: Timestamp) -> Option<&Placed> {
        let latest = self.entries.iter().rev().find(|placed| placed.place == place)?;
        (!latest.is_deleted(weeks, now)).then_some(latest)
    }
}

impl Placed {
    fn is_deleted(&self, weeks: Option<&Weeks>, now: Timestamp) -> bool {
        weeks.is_some_and(|weeks| weeks.has_deleted_entry(self.place, self.recorded.at, now))
    }
}

impl Claimed {
    pub(crate) fn is_deleted(&self, weeks: Option<&Weeks>, now: Timestamp) -> bool {
        weeks.is_some_and(|weeks| weeks.has_deleted_delivery(self.at, now))
    }
}

impl ClaimedItem {
    pub(crate) fn is_deleted(&self, weeks: Option<&Weeks>, now: Timestamp) -> bool {
        weeks.is_some_and(|weeks| weeks.has_deleted_delivery(self.at, now))
    }
}

impl Retried {
    pub(crate) fn is_deleted(&self, weeks: Option<&Weeks>, now: Timestamp) -> bool {
        weeks.is_some_and(|weeks| weeks.has_deleted_retry(self.at, now))
    }
}

impl Journals {
    /// Whether R2 had deleted an entry of a run when the run's last entry was created.
    pub(crate) fn had_expired(&self, run_id: RunId, weeks: Option<&Weeks>) -> bool {
        let entries = self.runs.get(&run_id).map_or(&[][..], |journal| &journal.entries);
        let Some((last, before)) = entries.split_last() else { return false };
        before.iter().any(|placed| placed.is_deleted(weeks, last.recorded.at))
    }

    /// Whether a run had an end before its last one: that had expired, or else there is no other.
    pub(crate) fn had_ended(&self, run_id: RunId) -> bool {
        let entries = self.runs.get(&run_id).map_or(&[][..], |journal| &journal.entries);
        let ends =
            entries.iter().filter(|placed| matches!(placed.recorded.entry.decision, Decision::End { .. }));
        ends.count() > 1
    }

    /// When the first decision about a run was entered.
    pub(crate) fn first_at(&self, run_id: RunId) -> Option<Timestamp> {
        Some(self.runs.get(&run_id)?.entries.first()?.recorded.at)
    }

    /// The runs of every claim, of deliveries and of items.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = Accepted<'_>> {
        let claims = self.claims.iter().map(|claimed| Accepted {
            runs: &claimed.claim.runs,
            at: claimed.at,
            author: claimed.author,
        });
        let items = self.items.iter().map(|claimed| Accepted {
            runs: &claimed.claim.runs,
            at: claimed.at,
            author: claimed.author,
        });
        claims.chain(items)
    }

    /// The claims by which an event was accepted.
    fn accepted_for(&self, event: &str) -> impl Iterator<Item = Accepted<'_>> {
        self.accepted().filter(move |accepted| accepted.runs.iter().any(|run| event_of(run) == event))
    }

    /// The runs of an event, by the claims that accepted them, the latest first: more than one is a broken promise. Claims
    /// that had expired when the latest was made are of another event.
    pub(crate) fn claims_of(&self, event: &str, weeks: Option<&Weeks>) -> Vec<Vec<RunId>> {
        let mut claims: Vec<_> = self.accepted_for(event).collect();
        claims.sort_by_key(|accepted| std::cmp::Reverse(accepted.at));
        let latest = claims.first().map(|accepted| accepted.at);
        let had_expired =
            |at| weeks.zip(latest).is_some_and(|(weeks, now)| weeks.has_deleted_delivery(at, now));
        let of_event =
            claims.iter().enumerate().filter(|(index, claim)| *index == 0 || !had_expired(claim.at));
        let runs = of_event.map(|(_, accepted)| {
            let own = accepted.runs.iter().filter(|run| event_of(run) == event);
            own.map(|run| run.run_id).collect()
        });
        runs.collect()
    }

    /// Every run that was accepted: those of deliveries and items, then retries.
    pub(crate) fn all_runs(&self) -> impl Iterator<Item = &Run> {
        let retries = self.retries.iter().map(|retried| &retried.retry.run);
        self.accepted().flat_map(|accepted| accepted.runs).chain(retries)
    }

    /// The run of a delivery that a run repeats in the end, or itself.
    pub(crate) fn root(&self, run_id: RunId) -> RunId {
        let mut root = run_id;
        while let Some(retried) = self.retries.iter().find(|retried| retried.retry.run.run_id == root) {
            root = retried.old;
        }
        root
    }

    /// Whether an invocation created the claim of an event.
    pub(crate) fn has_claimed(&self, event: &str, author: usize) -> bool {
        let mut own = self.accepted().filter(|accepted| accepted.author == author);
        own.any(|accepted| accepted.runs.iter().any(|run| event_of(run) == event))
    }

    /// The runs of an event that was claimed by then.
    pub(crate) fn claimed_by<'a>(&'a self, event: &'a str, at: Timestamp) -> impl Iterator<Item = &'a Run> {
        // Those before the latest have expired.
        let latest = self.accepted_for(event).max_by_key(|accepted| accepted.at);
        let claimed = latest.filter(|accepted| accepted.at <= at);
        claimed.into_iter().flat_map(|accepted| accepted.runs).filter(move |run| event_of(run) == event)
    }

    /// The author of a run's last entry, if that is a `start` it knew of in time and yet did not use.
    pub(crate) fn unused_start(&self, run_id: RunId) -> Option<usize> {
        let last = self.runs.get(&run_id)?.entries.last()?;
        let unused = last.recorded.entry.decision == Decision::Start && last.confirmed && !last.used;
        unused.then_some(last.author)
    }

    /// Its author heard that an entry stands.
    pub(crate) fn confirm(&mut self, run_id: RunId, place: u32, author: usize, now: Timestamp) {
        let journal = self.runs.get_mut(&run_id);
        let placed = journal.and_then(|journal| journal.latest_mut(place));
        if let Some(placed) = placed
            && placed.author == author
            && now.since_ms(placed.recorded.at) < CONFIRMED_MS_MAX
        {
            placed.confirmed = true;
        }
    }

    /// A run's name in the history.
    pub(crate) fn name(&self, run_id: RunId) -> String {
        match self.runs.get(&run_id) {
            Some(journal) => format!("run{}", journal.number),
            None => run_id.to_string(),
        }
    }

    /// The last decision about a run.
    pub(crate) fn last(&self, run_id: RunId) -> Option<&Decision> {
        let last = self.runs.get(&run_id)?.entries.last()?;
        Some(&last.recorded.entry.decision)
    }

    /// Every end of a run: more than one only where entries expired.
    pub(crate) fn ends(&self, run_id: RunId) -> impl Iterator<Item = &Run> {
        let entries = self.runs.get(&run_id).map_or(&[][..], |journal| &journal.entries);
        entries.iter().filter_map(|placed| match &placed.recorded.entry.decision {
            Decision::End { run } => Some(&**run),
            _ => None,
        })
    }

    /// Whether an entry ever said that a run ended so.
    pub(crate) fn has_ended_as(&self, run_id: RunId, event: RunEvent) -> bool {
        self.ends(run_id).any(|run| run.event() == Some(event))
    }

    /// Whether a start was ever not answered, or one that was entered before `lost_ms` had no outcome for long.
    pub(crate) fn was_unconfirmed(&self, run_id: RunId, lost_ms: i64) -> bool {
        let entries = self.runs.get(&run_id).map_or(&[][..], |journal| &journal.entries);
        entries.iter().any(|placed| match placed.recorded.entry.decision {
            Decision::NoAnswer { .. } => true,
            Decision::Start => placed.recorded.at.as_millis() <= lost_ms,
            _ => false,
        })
    }

    /// Whether a task was ever decided on.
    pub(crate) fn has_task(&self, run_id: RunId) -> bool {
        let entries = self.runs.get(&run_id).map_or(&[][..], |journal| &journal.entries);
        entries.iter().any(|placed| matches!(placed.recorded.entry.decision, Decision::Task { .. }))
    }

    /// How many runs have this task: that which started it, and those that were made for its missing files.
    pub(crate) fn runs_with(&self, task_id: &TaskId) -> usize {
        let is_theirs = |placed: &Placed| matches!(&placed.recorded.entry.decision, Decision::Task { task_id: theirs } if theirs == task_id);
        self.runs.values().filter(|journal| journal.entries.iter().any(is_theirs)).count()
    }

    /// How many starts were decided on.
    pub(crate) fn starts(&self, run_id: RunId) -> usize {
        let entries = self.runs.get(&run_id).map_or(&[][..], |journal| &journal.entries);
        entries.iter().filter(|placed| placed.recorded.entry.decision == Decision::Start).count()
    }

    /// The runs of an event that run a workflow: more than one is a broken promise, or a retry.
    pub(crate) fn runs_of<'a>(
        &'a self,
        event: &'a str,
        workflow: &'a str,
    ) -> impl Iterator<Item = &'a Run> + 'a {
        self.all_runs().filter(move |run| event_of(run) == event && run.target.workflow == workflow)
    }

    /// Uses the entry that allows an invocation to start a run.
    pub(crate) fn use_start(&mut self, run_id: RunId, author: usize, now: Timestamp) -> Leave {
        let last = self.runs.get_mut(&run_id).and_then(|journal| journal.entries.last_mut());
        match last {
            Some(placed)
                if placed.recorded.entry.decision == Decision::Start
                    && placed.author == author
                    && !placed.used =>
            {
                placed.used = true;
                Leave::Granted { age_ms: now.since_ms(placed.recorded.at) }
            }
            _ => Leave::Missing,
        }
    }

    pub(crate) fn register(&mut self, runs: &[Run]) {
        for run in runs {
            let number = self.runs.len() + 1;
            self.runs.entry(run.run_id).or_default().number = number;
        }
    }
}
