//! Simulated R2: the turns of runs that wait for each other; and whether such runs keep out of each other's way.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use seedhook::hook::Hook;
use seedhook::journal::{Decision, START_LOST_MS};
use seedhook::ports::{StoreError, Turns, Version};
use seedhook::records::Record;
use seedhook::run::{Run, RunId, Turn, TurnKey};
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::journals::Placed;
use crate::operation::Port;
use crate::promises::Promise;
use crate::world::{Invocation, State, World, through_json};

/// By how much clocks differ, and jump, at the most.
const SKEW_MS: i64 = 10_000;

/// In a world that writes turns rarely, this is how rarely.
const RARELY_MS: i64 = 40 * 60_000;

/// How often a run's turn is written where nothing fails: the mark of one that waits, the newest one, and the holder.
const WRITES_EACH_MAX: u32 = 4;

/// The turns as they are stored.
#[derive(Default)]
pub(crate) struct Stored {
    turns: BTreeMap<TurnKey, (Turn, Version)>,
    /// How often any was written.
    writes: u32,
    /// When one was written last, in a world that does that rarely.
    written_ms: i64,
}

/// Whether runs of this hook may wait for each other.
pub(crate) fn has_turns(hook: &Hook) -> bool {
    hook.rules.iter().any(|rule| {
        let limits = rule.settings.max_running;
        rule.concurrency.is_some() || limits.hook.is_some() || limits.worker.is_some()
    })
}

impl State {
    fn get_turn(&mut self, on: &Invocation, key: &TurnKey) -> Option<(Turn, Version)> {
        self.judge_turn_needed(on);
        let mut found = self.turns.turns.get(key).cloned();
        if let (true, Some((turn, _))) = (on.world.breaks(Breakage::TurnsForgetTheNewest), &mut found) {
            turn.newest = None;
        }
        found
    }

    fn put_turn(&mut self, on: &Invocation, key: &TurnKey, turn: &Turn, expected: Option<&Version>) -> bool {
        self.judge_turn_needed(on);
        let etag = |version: &Version| version.etag.clone();
        let stored = self.turns.turns.get(key);
        let holds = stored.map(|(_, version)| etag(version)) == expected.map(etag);
        if !holds && !on.world.breaks(Breakage::TurnsAreNotConditional) {
            return false;
        }
        if on.world.breaks(Breakage::TurnsAreWrittenRarely) {
            if on.now_ms() - self.turns.written_ms < RARELY_MS {
                return false;
            }
            self.turns.written_ms = on.now_ms();
        }
        let before = stored.map(|(turn, _)| turn.clone()).unwrap_or_default();
        self.judge_taken(on, &before, turn);
        if on.world.profile.wire && through_json(turn).as_ref() != Some(turn) {
            self.breaks(Promise::RecordsAreRead, format!("{turn:?}"));
        }
        on.tell(self, || {
            let holder = turn.holder.map(|holder| (holder.run_id, holder.entry));
            format!(
                "R2 turn {:.4} := {holder:?} waiting {:?} newest {:?}",
                key.as_str(),
                turn.waiting,
                turn.newest
            )
        });
        // R2's entity tag is a digest of the bytes: what is written again has the same.
        let mut hasher = std::hash::DefaultHasher::new();
        turn.to_json().ok().hash(&mut hasher);
        let version = Version { etag: format!("{:x}", hasher.finish()), at: on.world.now() };
        self.turns.turns.insert(key.clone(), (turn.clone(), version));
        self.turns.writes += 1;
        true
    }

    /// A hook whose runs wait for nobody costs no operation more.
    fn judge_turn_needed(&mut self, on: &Invocation) {
        if !has_turns(&on.world.hook) {
            self.breaks(Promise::CostsAreAsStated, format!("{on} asks for a turn that no run needs"));
        }
    }

    /// A run that a newer one has replaced does not take a turn.
    fn judge_taken(&mut self, on: &Invocation, before: &Turn, after: &Turn) {
        let Some(holder) = after.holder.filter(|holder| before.holder != Some(*holder)) else { return };
        let (run_id, starts) = (holder.run_id, self.journals.starts(holder.run_id));
        if starts == 0 && before.newest.is_some_and(|newest| newest > run_id) {
            let how = format!("{on} gives its turn to {}, which was replaced", self.name(run_id));
            self.breaks(Promise::ReplacedRunsNeverStart, how);
        }
    }

    /// Whether a start request may be sent beside those of other runs.
    pub(crate) fn judge_alone(&mut self, on: &Invocation, run_id: RunId) {
        if !has_turns(&on.world.hook) {
            return;
        }
        let Some(run) = self.journals.all_runs().find(|run| run.run_id == run_id).cloned() else { return };
        if let Some(Decision::End { run: ended }) = self.journals.last(run_id)
            && ended.replaced_by.is_some()
        {
            let how = format!("{on} starts {}, which was replaced", self.name(run_id));
            self.breaks(Promise::ReplacedRunsNeverStart, how);
        }
        let busy: Vec<&Run> = self
            .journals
            .all_runs()
            .filter(|other| other.run_id != run_id && self.is_between(on, other))
            .collect();
        let same_key = busy.iter().find(|other| run.key.is_some() && other.key == run.key);
        let limit = run.settings.max_running.hook.map_or(usize::MAX, |limit| limit as usize);
        let limited = busy.iter().filter(|other| self.counts_for_limit(other)).count();
        let how = match same_key {
            Some(other) => format!("{} is not over", self.name(other.run_id)),
            None if limited >= limit => format!("{limited} others are not over"),
            None => return,
        };
        let how = format!("{on} starts {}, and {how}", self.name(run_id));
        self.breaks(Promise::OneOfAKeyAtATime, how);
    }

    /// Whether a run takes up a place of its limit: not while it waits for its next attempt, because Fabricate has certainly not
    /// started it.
    fn counts_for_limit(&self, run: &Run) -> bool {
        let is_later = matches!(self.journals.last(run.run_id), Some(Decision::StartLater { .. }));
        run.settings.max_running.hook.is_some() && !is_later
    }

    /// Whether a run is between its start request and its end, and was never parked for longer than its deadline.
    fn is_between(&self, on: &Invocation, run: &Run) -> bool {
        let Some(journal) = self.journals.runs.get(&run.run_id) else { return false };
        let (weeks, now) = (on.world.profile.weeks.as_ref(), on.world.now());
        let decision = |placed: &Placed| placed.recorded.entry.decision.clone();
        let entries = &journal.entries;
        let has_expired = entries.iter().any(|placed| journal.kept(placed.place, weeks, now).is_none());
        let has_begun = entries.iter().any(|placed| decision(placed) == Decision::Start);
        let has_ended = entries.iter().any(|placed| matches!(decision(placed), Decision::End { .. }));
        has_begun
            && !has_ended
            && !has_expired
            && !was_parked_too_long(entries, run.settings.deadline_ms, now)
    }
}

/// Whether a run was `unconfirmed` for as long as its deadline, or is.
fn was_parked_too_long(entries: &[Placed], deadline_ms: i64, now: Timestamp) -> bool {
    let ends = entries.iter().skip(1).map(|placed| placed.recorded.at).chain([now]);
    entries.iter().zip(ends).any(|(placed, until)| {
        let lasted_ms = until.since_ms(placed.recorded.at);
        let is_unsure = match placed.recorded.entry.decision {
            Decision::NoAnswer { .. } => true,
            Decision::Start => lasted_ms > START_LOST_MS,
            _ => false,
        };
        is_unsure && lasted_ms >= deadline_ms - SKEW_MS
    })
}

/// Whether a run that gave way to another one says so rightly.
pub(crate) fn gave_way(state: &State, run: &Run) -> bool {
    let known = |other: RunId| state.journals.all_runs().find(|known| known.run_id == other);
    let same_key = |other: RunId| known(other).is_some_and(|other| run.key.is_some() && other.key == run.key);
    match (run.replaced_by, run.skipped_for) {
        (Some(newer), None) => newer > run.run_id && same_key(newer),
        (None, Some(other)) => other != run.run_id && same_key(other),
        _ => false,
    }
}

/// Where nothing fails: how often turns were written, and how soon a run that waited went on after the one before it.
pub(crate) fn judge_clean(world: &World, state: &State, found: &mut Vec<(Promise, String)>) {
    let runs: Vec<&Run> =
        state.journals.all_runs().filter_map(|run| state.records.done(run.run_id)).collect();
    let writes_max = WRITES_EACH_MAX * u32::try_from(runs.len()).unwrap_or(0);
    if state.turns.writes > writes_max {
        let how = format!("turns are written {} times for {} runs", state.turns.writes, runs.len());
        found.push((Promise::CostsAreAsStated, how));
    }
    // Two sweeps, and what their requests take.
    let soon_ms = 2 * world.profile.cron_ms + 20_000;
    let is_limited = |run: &Run| run.settings.max_running.hook.is_some();
    for run in runs.iter().filter(|run| run.key.is_some() && !is_limited(run)) {
        let Some(started) = run.started_at else { continue };
        let debounce_ms = run.settings.debounce_ms.unwrap_or(0);
        let others = runs.iter().filter(|other| other.key == run.key && other.run_id != run.run_id);
        let ends = others.filter_map(|other| other.finished_at.filter(|_| other.started_at < run.started_at));
        let free = ends.filter(|at| *at <= started).max().unwrap_or(run.received_at);
        let free = free.max(run.received_at.plus_ms(debounce_ms));
        let late_ms = started.since_ms(free);
        if late_ms > soon_ms {
            let how = format!("{} starts {late_ms} ms after nothing was in its way", state.name(run.run_id));
            found.push((Promise::WaitingRunsGoOn, how));
        }
    }
}

impl Turns for Invocation {
    async fn get_turn(&self, key: &TurnKey) -> Result<Option<(Turn, Version)>, StoreError> {
        self.operate(Port::R2, "R2 get turn", |state| Ok(state.get_turn(self, key))).await
    }

    async fn put_turn(
        &self,
        key: &TurnKey,
        turn: &Turn,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        self.operate(Port::R2, "R2 put turn", |state| Ok(state.put_turn(self, key, turn, expected))).await
    }
}
