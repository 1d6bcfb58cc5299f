//! Simulated KV: last write wins, each place sees it late in its own way, one write a second for each key.

use std::collections::BTreeMap;
use std::rc::Rc;

use seedhook::journal::Decision;
use seedhook::ports::{Page, RunLists, RunPage, RunRecords, StoreError};
use seedhook::records::{read_metadata, to_metadata};
use seedhook::run::{Notification, Run, RunId, Status, Summary};

use crate::breakage::Breakage;
use crate::chance::PLACES;
use crate::operation::Port;
use crate::promises::Promise;
use crate::receivers::{may_be_open, without_notifications};
use crate::strangers;
use crate::weeks::{DONE_KEPT_MS, Weeks};
use crate::world::{Invocation, State, through_json};

/// One key may be written this often.
const KEY_INTERVAL_MS: i64 = 1_000;

/// All records.
#[derive(Default)]
pub(crate) struct Records {
    open: Table,
    done: Table,
}

#[derive(Default)]
struct Table {
    keys: BTreeMap<RunId, Key>,
    /// When and as of when each place last read the list.
    listed: [View; PLACES],
    /// An entry that its list will never show again.
    lost: Option<RunId>,
}

#[derive(Default)]
struct Key {
    versions: Vec<(i64, Option<Rc<Version>>)>,
    seen: [View; PLACES],
}

/// What a place sees of a key or a list: it never goes back.
#[derive(Debug, Clone, Copy, Default)]
struct View {
    read_ms: i64,
    as_of_ms: i64,
}

struct Version {
    run: Run,
    summary: Rc<Summary>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prefix {
    Open,
    Done,
}

impl Prefix {
    /// How long a record is kept.
    fn kept_ms(self) -> i64 {
        match self {
            Self::Open => i64::MAX,
            Self::Done => DONE_KEPT_MS,
        }
    }
}

impl Records {
    fn table(&mut self, prefix: Prefix) -> &mut Table {
        match prefix {
            Prefix::Open => &mut self.open,
            Prefix::Done => &mut self.done,
        }
    }

    /// What the `open/` record really says.
    pub(crate) fn open(&self, run_id: RunId) -> Option<&Run> {
        self.open.latest(run_id)
    }

    /// What the `done/` record really says, or said before it expired.
    pub(crate) fn done(&self, run_id: RunId) -> Option<&Run> {
        self.done.latest(run_id)
    }

    fn is_done_kept(&self, run_id: RunId, now_ms: i64) -> bool {
        self.done.keys.get(&run_id).is_some_and(|key| key.as_of(now_ms, DONE_KEPT_MS).is_some())
    }

    /// Whether an `open/` record ever showed a task of a run.
    pub(crate) fn has_shown_task(&self, run_id: RunId) -> bool {
        let versions = self.open.keys.get(&run_id).map_or(&[][..], |key| &key.versions);
        versions.iter().flat_map(|(_, version)| version).any(|version| version.run.task.is_some())
    }
}

impl Records {
    /// Whether there is no `open/` record, and has been none since `since_ms`.
    pub(crate) fn is_still(&self, since_ms: i64) -> bool {
        let still = |key: &Key| {
            key.versions.last().is_none_or(|(at_ms, version)| *at_ms < since_ms && version.is_none())
        };
        self.open.keys.values().all(still)
    }
}

impl Records {
    /// The runs with an `open/` record that was there before this time and ever since.
    pub(crate) fn open_before(&self, at_ms: i64) -> impl Iterator<Item = RunId> {
        let keys = self.open.keys.iter();
        let is_open = move |key: &Key| {
            let since = key.versions.iter().rev().take_while(|(_, version)| version.is_some()).last();
            since.is_some_and(|(since_ms, _)| *since_ms < at_ms)
        };
        keys.filter(move |(_, key)| is_open(key)).map(|(run_id, _)| *run_id)
    }
}

impl Table {
    fn latest(&self, run_id: RunId) -> Option<&Run> {
        let (_, version) = self.keys.get(&run_id)?.versions.last()?;
        version.as_ref().map(|version| &version.run)
    }
}

impl Key {
    fn is_open(&self) -> bool {
        self.versions.last().is_some_and(|(_, version)| version.is_some())
    }

    /// The version of that time, unless it is older than `kept_ms`.
    fn as_of(&self, at_ms: i64, kept_ms: i64) -> Option<&Rc<Version>> {
        let (written_ms, version) =
            self.versions.iter().rev().find(|(written_ms, _)| *written_ms <= at_ms)?;
        version.as_ref().filter(|_| at_ms - written_ms < kept_ms)
    }
}

impl State {
    /// What a place sees of something it last saw so.
    fn sees(&mut self, on: &Invocation, last: View) -> View {
        let profile = &on.world.profile;
        let (now_ms, lag_ms) = (on.now_ms(), profile.lag_ms[on.place]);
        if self.calm || lag_ms == 0 {
            return View { read_ms: now_ms, as_of_ms: now_ms };
        }
        // What is in the cache, be it that there was nothing, is not asked for again so soon.
        if now_ms - last.read_ms < profile.cached_ms {
            return last;
        }
        View { read_ms: now_ms, as_of_ms: last.as_of_ms.max(now_ms - self.rng.i64(0..=lag_ms)) }
    }

    fn get(&mut self, on: &Invocation, prefix: Prefix, run_id: RunId) -> Option<Run> {
        let last = self.records.table(prefix).keys.entry(run_id).or_default().seen[on.place];
        let view = self.sees(on, last);
        let key = self.records.table(prefix).keys.entry(run_id).or_default();
        key.seen[on.place] = view;
        key.as_of(view.as_of_ms, prefix.kept_ms()).map(|version| version.run.clone())
    }

    fn write(
        &mut self,
        on: &Invocation,
        prefix: Prefix,
        run_id: RunId,
        run: Option<&Run>,
    ) -> Result<(), StoreError> {
        self.judge_stranger(on, run_id);
        let now_ms = on.now_ms();
        let last = self.records.table(prefix).keys.entry(run_id).or_default().versions.last();
        if !self.calm && last.is_some_and(|(at_ms, _)| now_ms - at_ms < KEY_INTERVAL_MS) {
            on.tell(self, || "KV write: 429, more than one a second".to_owned());
            if on.world.profile.clean {
                self.breaks(Promise::CostsAreAsStated, format!("{on} writes too often"));
            }
            return Err(StoreError::Busy("kv"));
        }
        match run {
            Some(_) => self.tally.kv_puts += 1,
            None => self.tally.kv_deletes += 1,
        }
        self.tell_of(on, run_id, |name| match run {
            Some(run) => format!("KV {prefix:?}/{name} := {}", describe(run)),
            None => format!("KV {prefix:?}/{name} deleted"),
        });
        let version = run.map(|run| self.store(on, run));
        self.records.table(prefix).keys.entry(run_id).or_default().versions.push((now_ms, version));
        Ok(())
    }

    /// The record as it will be read.
    fn store(&mut self, on: &Invocation, run: &Run) -> Rc<Version> {
        let run = run.for_kv();
        let summary = run.summary();
        if on.world.profile.wire {
            let mut read_run: Option<Run> = through_json(&run);
            if let (true, Some(read)) = (on.world.breaks(Breakage::RecordsAreMisread), &mut read_run) {
                read.attempts += 1;
            }
            let metadata = to_metadata(&summary).ok();
            let read_summary = metadata.and_then(|metadata| read_metadata(run.run_id, &metadata).ok());
            if read_run.as_ref() != Some(&run) || read_summary.as_ref() != Some(&summary) {
                self.breaks(Promise::RecordsAreRead, format!("{run:?}"));
            }
        }
        Rc::new(Version { run, summary: Rc::new(summary) })
    }

    /// Where nothing fails, a run that is done is not open any more when its sweep is over.
    pub(crate) fn judge_closed(&mut self) {
        let both =
            |run_id: &&RunId| self.records.open(**run_id).is_some() && self.records.done(**run_id).is_some();
        if let Some(run_id) = self.records.done.keys.keys().find(both) {
            let how = format!("{} is left open", self.name(*run_id));
            self.breaks(Promise::DoneIsNotOpen, how);
        }
    }

    fn judge_open(&mut self, run: &Run) {
        if run.status.is_final() && !may_be_open(self, run) {
            self.breaks(Promise::DoneIsNotOpen, format!("open/ record says {}", describe(run)));
        }
        if let Some(task) = &run.task {
            self.workflows.known(run.run_id, &task.id);
        }
    }

    fn judge_done(&mut self, on: &Invocation, run: &Run) {
        if !run.status.is_final() {
            let how = format!("done/{} says {}", self.name(run.run_id), describe(run));
            self.breaks(Promise::FinalStatesNeverChange, how);
        }
        if let Some(before) = self.records.done(run.run_id)
            && self.records.is_done_kept(run.run_id, on.now_ms())
            && without_notifications(before) != without_notifications(&run.for_kv())
        {
            let how = format!("{} was {}, and is {}", self.name(run.run_id), describe(before), describe(run));
            self.breaks(Promise::FinalStatesNeverChange, how);
        }
        if !self.says_end(run, on.world.profile.weeks.as_ref()) {
            let last = self.journals.last(run.run_id);
            let how = format!("done/{} says {}, its journal {last:?}", self.name(run.run_id), describe(run));
            self.breaks(Promise::FinalStatesNeverChange, how);
        }
    }

    /// Whether the journal ends with this end. While targets are told, for days, the entry of the end may expire, and others follow.
    pub(crate) fn says_end(&self, run: &Run, weeks: Option<&Weeks>) -> bool {
        match self.journals.last(run.run_id) {
            Some(Decision::End { run: ended }) if is_same_end(ended, run) => true,
            _ => {
                let was_told = !run.settings.notify.is_empty();
                was_told
                    && self.journals.had_expired(run.run_id, weeks)
                    && self.journals.ends(run.run_id).any(|ended| is_same_end(ended, run))
            }
        }
    }
}

/// Whether a record shows this end. A run that was read from KV has no result that is too large for KV.
fn is_same_end(ended: &Run, shown: &Run) -> bool {
    let (ended, shown) = (without_notifications(ended), without_notifications(shown));
    ended == shown || ended.for_kv() == shown
}

/// A run in a few words.
pub(crate) fn describe(run: &Run) -> String {
    let task = run.task.as_ref().map(|task| format!(" {}", task.id)).unwrap_or_default();
    let error = run.error.as_ref().map(|error| format!(" [{:?}: {}]", error.stage, error.message));
    let mut told = String::new();
    for Notification { target, state, attempts, .. } in &run.notifications {
        told = format!("{told} {target} {state:?} {attempts}");
    }
    let mark = if run.unjournalled { " UNJOURNALLED" } else { "" };
    let error = error.unwrap_or_default();
    format!("{}{task} attempts={}{error}{mark}{told}", run.status.as_str(), run.attempts)
}

impl RunRecords for Invocation {
    async fn put_open(&self, run: &Run) -> Result<(), StoreError> {
        self.operate(Port::Kv, "KV put open/", |state| {
            state.judge_open(run);
            if self.world.breaks(Breakage::OpenPutsAreLost) {
                return Ok(());
            }
            if self.world.breaks(Breakage::OpenPutsAreDoubled) {
                state.tally.kv_puts += 1;
            }
            state.write(self, Prefix::Open, run.run_id, Some(run))?;
            if self.world.breaks(Breakage::ListLosesAnEntry) {
                state.records.open.lost.get_or_insert(run.run_id);
            }
            Ok(())
        })
        .await
    }

    async fn get_open(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.operate(Port::Kv, "KV get open/", |state| {
            strangers::check(run_id)?;
            Ok(state.get(self, Prefix::Open, run_id))
        })
        .await
    }

    async fn delete_open(&self, run_id: RunId) -> Result<(), StoreError> {
        self.operate(Port::Kv, "KV delete open/", |state| {
            if self.world.breaks(Breakage::DeletesAreLost) {
                state.tally.kv_deletes += 1;
                return Ok(());
            }
            state.write(self, Prefix::Open, run_id, None)
        })
        .await
    }

    async fn put_done(&self, run: &Run) -> Result<(), StoreError> {
        self.operate(Port::Kv, "KV put done/", |state| {
            let mut run = run.clone();
            if self.world.breaks(Breakage::DonePutsAreLost) {
                return Ok(());
            }
            if self.world.breaks(Breakage::DoneRecordsAreGarbled) {
                run.status = Status::Canceled;
                run.error = None;
            }
            state.judge_done(self, &run);
            state.write(self, Prefix::Done, run.run_id, Some(&run))
        })
        .await
    }

    async fn get_done(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.operate(Port::Kv, "KV get done/", |state| Ok(state.get(self, Prefix::Done, run_id))).await
    }
}

impl RunLists for Invocation {
    async fn list_open(&self, cursor: Option<&str>) -> Result<RunPage, StoreError> {
        self.lists.set(self.lists.get() + 1);
        let limit = self.world.profile.page;
        self.operate(Port::Kv, "KV list open/", |state| Ok(state.list(self, Prefix::Open, cursor, limit)))
            .await
    }

    async fn list_done(&self, cursor: Option<&str>, limit: usize) -> Result<RunPage, StoreError> {
        self.operate(Port::Kv, "KV list done/", |state| Ok(state.list(self, Prefix::Done, cursor, limit)))
            .await
    }
}

impl State {
    /// A page of a list as a place sees it; one may be empty although more follows, and an entry may be left out.
    fn list(&mut self, on: &Invocation, prefix: Prefix, cursor: Option<&str>, limit: usize) -> RunPage {
        let last = self.records.table(prefix).listed[on.place];
        let View { as_of_ms, read_ms } = self.sees(on, last);
        let mut items = Vec::new();
        if on.world.profile.strangers && cursor.is_none() {
            items.extend(self.strangers.list());
        }
        let left_out = if self.calm { 0 } else { self.rng.usize(..60) };
        let table = self.records.table(prefix);
        table.listed[on.place] = View { read_ms, as_of_ms };
        let after: Option<RunId> = cursor.and_then(|cursor| cursor.parse().ok());
        let rest = table.keys.iter().filter(|(run_id, _)| after.is_none_or(|after| **run_id > after));
        let mut last = None;
        for (index, (run_id, key)) in rest.enumerate() {
            if index == limit {
                return Page { items, cursor: last.map(|run_id: RunId| run_id.to_string()) };
            }
            last = Some(*run_id);
            let shown = table.lost != Some(*run_id) && left_out != index + 1;
            self.left_out += u32::from(prefix == Prefix::Open && !shown && key.is_open());
            items.extend(
                key.as_of(as_of_ms, prefix.kept_ms())
                    .filter(|_| shown)
                    .map(|version| Ok(Rc::clone(&version.summary))),
            );
        }
        Page { items, cursor: None }
    }
}
