//! What stands in the simulated inbox, and what only the simulation knows of it: who wrote it, and whether he knows.

use std::collections::BTreeMap;
use std::rc::Rc;

use seedhook::fabricate::TaskId;
use seedhook::journal::{Decision, Recorded};
use seedhook::ports::{Claim, DeliveryKey, ItemClaim, ItemKey, Retry};
use seedhook::run::{Run, RunId};
use seedhook::timestamp::Timestamp;

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
    pub(crate) entries: Vec<Placed>,
}

/// An entry and what only the simulation knows of it.
pub(crate) struct Placed {
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

impl Journals {
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

    /// The runs of an event, by the claims that accepted them: more than one is a broken promise.
    pub(crate) fn claims_of(&self, event: &str) -> Vec<Vec<RunId>> {
        let runs = self.accepted().map(|accepted| {
            let own = accepted.runs.iter().filter(|run| event_of(run) == event);
            own.map(|run| run.run_id).collect::<Vec<_>>()
        });
        runs.filter(|runs| !runs.is_empty()).collect()
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
        let claims = self.accepted().filter(move |accepted| accepted.at <= at);
        claims.flat_map(|accepted| accepted.runs).filter(move |run| event_of(run) == event)
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
        let placed = journal.and_then(|journal| journal.entries.get_mut(place as usize - 1));
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
