//! Simulated R2 inbox: strongly consistent, create-only, its own clock; it may fail before or after it wrote.

use std::hash::{Hash, Hasher};
use std::rc::Rc;

use seedhook::journal::{Decision, Entry, Recorded};
use seedhook::ports::{
    Claim, DeliveryKey, EntryKey, Inbox, InboxLists, ItemClaim, ItemKey, Page, Retry, RetryKey, StoreError,
};
use seedhook::records::Record;
use seedhook::run::{Run, RunId};
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::journals::{Claimed, ClaimedItem, Placed, Retried, event_of};
use crate::operation::Port;
use crate::promises::Promise;
use crate::strangers::{self, Strangers};
use crate::world::{Invocation, State, through_json};

/// How many claims one page of the list holds; few, so that lives see more than one page.
const CLAIMS_PER_PAGE: usize = 2;

impl State {
    fn claim(&mut self, on: &Invocation, key: &DeliveryKey, claim: &Claim) -> bool {
        let (weeks, now) = (on.world.profile.weeks.as_ref(), on.world.now());
        let mut before = self.journals.claims.iter().filter(|claimed| claimed.key == *key).peekable();
        let is_first = before.peek().is_none();
        let taken = before.any(|claimed| !claimed.is_deleted(weeks, now));
        if taken && !on.world.breaks(Breakage::ClaimsAreNotConditional) {
            return false;
        }
        self.judge_claim(on, claim);
        if !crate::schedules::is_scheduled(&on.world, claim.delivery.delivery_id.as_str()) {
            self.judge_accepted(&claim.runs);
        }
        if on.world.breaks(Breakage::ClaimsAreLost) {
            return true;
        }
        self.tally.inbox_creates += 1;
        self.journals.register(&claim.runs);
        if !is_first {
            self.renew(claim.delivery.delivery_id.as_str(), taken);
        }
        on.tell(self, || {
            let (id, items) = (&claim.delivery.delivery_id, claim.items.len());
            format!("R2 claim {id} := {} and {items} items", in_words(&claim.runs))
        });
        let claim = self.as_read(on, claim);
        let claimed =
            Claimed { key: key.clone(), claim: Rc::new(claim), at: on.world.now(), author: on.number };
        self.journals.claims.insert(0, claimed);
        true
    }

    fn claim_item(&mut self, on: &Invocation, key: &ItemKey, claim: &ItemClaim) -> bool {
        let (weeks, now) = (on.world.profile.weeks.as_ref(), on.world.now());
        let mut before = self.journals.items.iter().filter(|claimed| claimed.key == *key).peekable();
        let is_first = before.peek().is_none();
        let taken = before.any(|claimed| !claimed.is_deleted(weeks, now));
        if taken && !on.world.breaks(Breakage::ClaimsAreNotConditional) {
            return false;
        }
        self.judge_accepted(&claim.runs);
        if on.world.breaks(Breakage::ClaimsAreLost) {
            return true;
        }
        self.tally.inbox_creates += 1;
        self.journals.register(&claim.runs);
        if let Some(run) = claim.runs.first().filter(|_| !is_first) {
            self.renew(event_of(run), taken);
        }
        on.tell(self, || {
            let id = claim.runs.first().map(event_of).unwrap_or_default();
            format!("R2 claim of item {id} := {}", in_words(&claim.runs))
        });
        let claim = Rc::new(self.as_read(on, claim));
        let claimed = ClaimedItem { key: key.clone(), claim, at: on.world.now(), author: on.number };
        self.journals.items.insert(0, claimed);
        true
    }

    /// An event that is claimed again is a new one once its claim has expired, or the world is wrong.
    fn renew(&mut self, id: &str, taken: bool) {
        if let Some(event) = self.events.iter_mut().find(|event| event.id == id) {
            event.told = event.told.take().filter(|_| taken);
        }
    }

    /// A claim has runs, or names items; and no credential.
    fn judge_claim(&mut self, on: &Invocation, claim: &Claim) {
        if claim.runs.is_empty() && claim.items.is_empty() {
            let how = format!("claimed nothing for {}", claim.delivery.delivery_id);
            self.breaks(Promise::OnlyTheSenderGetsIn, how);
        }
        if on.world.profile.wire {
            let text = format!("{:?}", claim.delivery);
            if text.contains(crate::hooks::TOKEN) {
                self.breaks(Promise::OnlyTheSenderGetsIn, format!("a credential is stored: {text}"));
            }
        }
    }

    /// What is accepted must be an event that counts, from a sender who is who it says.
    fn judge_accepted(&mut self, runs: &[Run]) {
        for id in runs.iter().map(event_of) {
            let count = runs.iter().filter(|run| event_of(run) == id).count();
            let event = self.events.iter().find(|event| event.id == id);
            if event.is_none_or(|event| event.runs() != count) {
                self.breaks(Promise::OnlyTheSenderGetsIn, format!("claimed {count} runs for {id}"));
                return;
            }
        }
    }

    fn retry(&mut self, on: &Invocation, old: RunId, retry: &Retry) -> bool {
        let (weeks, now) = (on.world.profile.weeks.as_ref(), on.world.now());
        let stands = |retried: &Retried| retried.old == old && !retried.is_deleted(weeks, now);
        let taken = self.journals.retries.iter().any(stands);
        if taken && !on.world.breaks(Breakage::RetriesAreNotConditional) {
            return false;
        }
        self.judge_retry(on, old);
        if on.world.breaks(Breakage::RetriesAreLost) {
            return true;
        }
        self.tally.inbox_creates += 1;
        self.journals.register(std::slice::from_ref(&retry.run));
        self.tell_of(on, old, |name| format!("R2 retry of {name} := {}", retry.run.run_id));
        let retried = Retried { old, retry: Rc::new(self.as_read(on, retry)), at: on.world.now() };
        self.journals.retries.push(retried);
        true
    }

    fn enter(&mut self, on: &Invocation, run_id: RunId, place: u32, entry: &Entry) -> bool {
        self.judge_stranger(on, run_id);
        let world = &on.world;
        let lost = match entry.decision {
            Decision::Start => world.breaks(Breakage::StartEntriesAreLost),
            Decision::End { .. } => world.breaks(Breakage::EndEntriesAreLost),
            _ => world.breaks(Breakage::OutcomeEntriesAreLost),
        };
        let lost = lost || (on.kind == "operator" && world.breaks(Breakage::OperatorsAreForgotten));
        if lost {
            return true;
        }
        let placed = Placed {
            place,
            recorded: Recorded { entry: self.as_read(on, entry), at: world.now() },
            author: on.number,
            confirmed: false,
            used: false,
        };
        let journal = self.journals.runs.entry(run_id).or_default();
        let entries = &journal.entries;
        let highest = entries.iter().map(|placed| placed.place).max().unwrap_or(0);
        if journal.kept(place, world.profile.weeks.as_ref(), world.now()).is_some() {
            if !world.breaks(Breakage::EntriesAreNotConditional) {
                return false;
            }
            if let Some(standing) = journal.latest_mut(place) {
                *standing = placed;
            }
            let name = self.name(run_id);
            self.breaks(Promise::JournalsAreAppendOnly, format!("entry {place} of {name} is replaced"));
            return true;
        }
        journal.entries.push(placed);
        self.tally.inbox_creates += 1;
        if place > highest + 1 {
            let name = self.name(run_id);
            self.breaks(Promise::JournalsAreAppendOnly, format!("entry {place} of {name} leaves a gap"));
        }
        if let Decision::Task { task_id } = &entry.decision {
            self.workflows.known(run_id, task_id);
        }
        self.tell_of(on, run_id, |name| {
            format!("R2 journal {name}/{place} := {}", describe(&entry.decision))
        });
        true
    }

    /// A value as it comes back from the store.
    fn as_read<T>(&mut self, on: &Invocation, value: &T) -> T
    where
        T: Clone + PartialEq + std::fmt::Debug + Record,
    {
        if on.world.profile.wire && through_json(value).as_ref() != Some(value) {
            self.breaks(Promise::RecordsAreRead, format!("{value:?}"));
        }
        value.clone()
    }
}

fn in_words(runs: &[Run]) -> String {
    let runs = runs.iter().map(|run| format!("{} {}", run.run_id, run.status.as_str()));
    runs.collect::<Vec<_>>().join(", ")
}

fn describe(decision: &Decision) -> String {
    match decision {
        Decision::End { run } => format!("end {}", crate::kv::describe(run)),
        other => format!("{other:?}"),
    }
}

/// Whether something is wrong with an object in these ten minutes.
fn is_stuck(now_ms: i64, run_id: RunId, place: u32) -> bool {
    let mut hasher = std::hash::DefaultHasher::new();
    (now_ms / 600_000, run_id, place).hash(&mut hasher);
    hasher.finish().is_multiple_of(4)
}

impl Inbox<DeliveryKey> for Invocation {
    async fn create(&self, key: &DeliveryKey, claim: &Claim) -> Result<bool, StoreError> {
        self.operate_beside("R2 create claim", |state| Ok(state.claim(self, key, claim))).await
    }

    async fn get(&self, key: &DeliveryKey) -> Result<Option<(Claim, Timestamp)>, StoreError> {
        self.operate_beside("R2 get claim", |state| {
            strangers::check_claim(key)?;
            let (weeks, now) = (self.world.profile.weeks.as_ref(), self.world.now());
            let stands = |claimed: &&Claimed| claimed.key == *key && !claimed.is_deleted(weeks, now);
            let found = state.journals.claims.iter().find(stands);
            let mut found = found.map(|claimed| (Claim::clone(&claimed.claim), claimed.at));
            if let (true, Some((claim, _))) = (self.world.breaks(Breakage::AuthorsAreForgotten), &mut found) {
                claim.author.clear();
            }
            Ok(found)
        })
        .await
    }
}

impl Inbox<ItemKey> for Invocation {
    async fn create(&self, key: &ItemKey, claim: &ItemClaim) -> Result<bool, StoreError> {
        self.operate_beside("R2 create item", |state| Ok(state.claim_item(self, key, claim))).await
    }

    async fn get(&self, key: &ItemKey) -> Result<Option<(ItemClaim, Timestamp)>, StoreError> {
        self.operate_beside("R2 get item", |state| {
            let (weeks, now) = (self.world.profile.weeks.as_ref(), self.world.now());
            let stands = |claimed: &&ClaimedItem| claimed.key == *key && !claimed.is_deleted(weeks, now);
            let found = state.journals.items.iter().find(stands);
            let mut found = found.map(|claimed| (ItemClaim::clone(&claimed.claim), claimed.at));
            if let (true, Some((claim, _))) = (self.world.breaks(Breakage::AuthorsAreForgotten), &mut found) {
                claim.author.clear();
            }
            Ok(found)
        })
        .await
    }
}

impl Inbox<RetryKey> for Invocation {
    async fn create(&self, key: &RetryKey, retry: &Retry) -> Result<bool, StoreError> {
        self.operate(Port::R2, "R2 create retry", |state| Ok(state.retry(self, key.0, retry))).await
    }

    async fn get(&self, key: &RetryKey) -> Result<Option<(Retry, Timestamp)>, StoreError> {
        self.operate(Port::R2, "R2 get retry", |state| {
            let (weeks, now) = (self.world.profile.weeks.as_ref(), self.world.now());
            let stands = |retried: &&Retried| retried.old == key.0 && !retried.is_deleted(weeks, now);
            let found = state.journals.retries.iter().rev().find(stands);
            let mut found = found.map(|retried| (Retry::clone(&retried.retry), retried.at));
            if let (true, Some((retry, _))) = (self.world.breaks(Breakage::AuthorsAreForgotten), &mut found) {
                retry.author.clear();
            }
            Ok(found)
        })
        .await
    }
}

impl Inbox<EntryKey> for Invocation {
    async fn create(&self, key: &EntryKey, entry: &Entry) -> Result<bool, StoreError> {
        let EntryKey { run_id, number: place } = *key;
        let profile = &self.world.profile;
        let stuck = !self.world.state.borrow().calm && is_stuck(self.now_ms(), run_id, place);
        let created = if let (true, Some((least_ms, below_ms))) = (stuck && place > 1, profile.hangs_ms) {
            let hangs_ms = self.world.state.borrow_mut().rng.i64(least_ms..below_ms);
            self.sleep(hangs_ms).await;
            Ok(self.world.state.borrow_mut().enter(self, run_id, place, entry))
        } else {
            self.operate(Port::R2, "R2 create entry", |state| {
                if stuck && profile.stuck {
                    return Err(StoreError::Unavailable { store: "R2", reason: "stuck".to_owned() });
                }
                Ok(state.enter(self, run_id, place, entry))
            })
            .await
        };
        if created == Ok(true) {
            let state = &mut *self.world.state.borrow_mut();
            state.journals.confirm(run_id, place, self.number, self.world.now());
        }
        created
    }

    async fn get(&self, key: &EntryKey) -> Result<Option<(Entry, Timestamp)>, StoreError> {
        let EntryKey { run_id, number: place } = *key;
        let found = self
            .operate(Port::R2, "R2 get entry", |state| {
                let journal = state.journals.runs.get(&run_id);
                let (weeks, now) = (self.world.profile.weeks.as_ref(), self.world.now());
                let placed = journal.and_then(|journal| journal.kept(place, weeks, now));
                let mut found = placed.map(|placed| (placed.recorded.entry.clone(), placed.recorded.at));
                if let (true, Some((entry, _))) =
                    (self.world.breaks(Breakage::AuthorsAreForgotten), &mut found)
                {
                    entry.author.clear();
                }
                if let (true, Some(Decision::End { run })) = (
                    self.world.breaks(Breakage::AbandoningIsForgotten),
                    found.as_mut().map(|(entry, _)| &mut entry.decision),
                ) {
                    run.abandoned = false;
                }
                Ok(found)
            })
            .await;
        if found.is_ok() {
            let state = &mut *self.world.state.borrow_mut();
            state.journals.confirm(run_id, place, self.number, self.world.now());
        }
        found
    }
}

impl InboxLists for Invocation {
    async fn list_claims(&self, cursor: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError> {
        let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        self.operate(Port::R2, "R2 list claims", |state| {
            let claims = &state.journals.claims;
            let (weeks, now) = (self.world.profile.weeks.as_ref(), self.world.now());
            let page = claims.iter().skip(from).take(CLAIMS_PER_PAGE);
            let page = page.filter(|claimed| !claimed.is_deleted(weeks, now));
            let mut items: Vec<_> = page.map(|claimed| (claimed.key.clone(), claimed.at)).collect();
            let next = from + CLAIMS_PER_PAGE;
            if self.world.profile.strangers && cursor.is_none() {
                items.insert(0, Strangers::claim(&self.world));
            }
            Ok(Page { items, cursor: (next < claims.len()).then(|| next.to_string()) })
        })
        .await
    }

    async fn list_retries(&self, cursor: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError> {
        let from: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(0);
        self.operate(Port::R2, "R2 list retries", |state| {
            let retries = &state.journals.retries;
            let (weeks, now) = (self.world.profile.weeks.as_ref(), self.world.now());
            let page = retries.iter().skip(from).take(CLAIMS_PER_PAGE);
            let page = page.filter(|retried| !retried.is_deleted(weeks, now));
            let items: Vec<_> = page.map(|retried| (retried.old, retried.at)).collect();
            let next = from + CLAIMS_PER_PAGE;
            Ok(Page { items, cursor: (next < retries.len()).then(|| next.to_string()) })
        })
        .await
    }
}
