//! What Fabricate has been asked and what it executes, and whether it may have been asked at all.
//!
//! It answers nothing: that is [`crate::fabricate`]'s.

use std::collections::BTreeMap;

use seedhook::fabricate::{Target, Task, TaskId, TaskStatus};
use seedhook::hook::OnUnconfirmed;
use seedhook::journal::START_FRESH_MS;
use seedhook::ports::Clock;
use seedhook::run::RunId;
use seedhook::timestamp::{HOUR_MS, Timestamp};

use crate::chance::PLACES;
use crate::files::File;
use crate::journals::Leave;
use crate::promises::Promise;
use crate::world::{Invocation, State};

/// An invocation counts from its own beginning, not from the answer; that is so much earlier where nothing is slow.
const PROMPT_MS: i64 = 100_000;

/// A request is sent within [`START_FRESH_MS`], and on its way for so long at the most; and meanwhile a clock may jump.
const ON_ITS_WAY_MS: i64 = 100_000;

/// What Fabricate knows, and what was asked of it.
#[derive(Default)]
pub(crate) struct Workflows {
    pub(crate) tasks: Vec<Job>,
    pub(crate) requests: Vec<StartRequest>,
    known: BTreeMap<RunId, Vec<TaskId>>,
    /// By place: until when Fabricate asked for no more requests, in an answer to a download.
    spared_until: [Option<Timestamp>; PLACES],
}

/// One task as it will go.
pub(crate) struct Job {
    pub(crate) id: TaskId,
    pub(crate) run_id: Option<RunId>,
    pub(crate) ends_ms: i64,
    pub(crate) gone_ms: i64,
    /// How it really ends; not what seedhook makes of it.
    pub(crate) truth: TaskStatus,
    /// What is said of it once it has ended.
    pub(crate) end: Task,
    pub(crate) files: Vec<File>,
    /// When 404 was answered.
    pub(crate) missed_ms: Vec<i64>,
}

/// A start request, and what its author was answered.
pub(crate) struct StartRequest {
    pub(crate) run_id: RunId,
    /// The invocation that sent it.
    pub(crate) author: usize,
    /// When Fabricate asked to be asked again.
    pub(crate) again_ms: i64,
    pub(crate) answered: Answered,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// Not yet, or never.
    Nothing,
    NotStarted,
    Refused,
    Started,
}

impl Workflows {
    /// Seedhook wrote down that a run has this task.
    pub(crate) fn known(&mut self, run_id: RunId, task_id: &TaskId) {
        let known = self.known.entry(run_id).or_default();
        if !known.contains(task_id) {
            known.push(task_id.clone());
        }
    }

    /// The tasks that seedhook wrote down for a run.
    pub(crate) fn known_of(&self, run_id: RunId) -> &[TaskId] {
        self.known.get(&run_id).map_or(&[], Vec::as_slice)
    }

    /// What really became of a task.
    pub(crate) fn job(&self, task_id: &TaskId) -> Option<&Job> {
        self.tasks.iter().find(|job| job.id == *task_id)
    }

    /// Those who were answered that a run is started.
    pub(crate) fn heard_started(&self, run_id: RunId) -> impl Iterator<Item = usize> + '_ {
        let started =
            move |request: &&StartRequest| request.run_id == run_id && request.answered == Answered::Started;
        self.requests.iter().filter(started).map(|request| request.author)
    }

    /// Whether Fabricate said, to whoever asked, that it will not start the run.
    pub(crate) fn was_refused(&self, run_id: RunId) -> bool {
        self.answers(run_id).any(|answered| answered == Answered::Refused)
    }

    /// Whether Fabricate said so, or said to come again.
    pub(crate) fn was_not_started(&self, run_id: RunId) -> bool {
        self.answers(run_id).any(|answered| answered == Answered::NotStarted)
    }

    /// How many start requests were sent for a run.
    pub(crate) fn requests_for(&self, run_id: RunId) -> usize {
        self.answers(run_id).count()
    }

    fn answers(&self, run_id: RunId) -> impl Iterator<Item = Answered> + '_ {
        self.requests.iter().filter(move |request| request.run_id == run_id).map(|request| request.answered)
    }
}

impl Workflows {
    /// A client in a place was answered `Retry-After` by Fabricate. An hour is the most that it has to honour.
    pub(crate) fn spare(&mut self, place: usize, now: Timestamp, seconds: i64) {
        if let Some(until) = self.spared_until.get_mut(place) {
            *until = (*until).max(Some(now.plus_ms((seconds * 1_000).min(HOUR_MS))));
        }
    }
}

impl State {
    /// Whether a download may be requested from Fabricate now.
    pub(crate) fn judge_download(&mut self, on: &Invocation) {
        let early_ms = self.workflows.spared_until[on.place].map_or(0, |until| until.since_ms(on.now()));
        if early_ms > 0 {
            self.breaks(Promise::FabricateIsSpared, format!("{on} downloads {early_ms} ms too soon"));
        }
    }

    /// Whether this start request may be sent at all; says whose it is.
    pub(crate) fn judge_start(&mut self, on: &Invocation, target: &Target, event: &str) -> Option<RunId> {
        let now = on.world.now();
        let runs = self.journals.runs_of(event, &target.workflow);
        let runs: Vec<_> = runs.map(|run| (run.run_id, run.settings.on_unconfirmed)).collect();
        let mut granted = None;
        for (run_id, on_unconfirmed) in &runs {
            if let Leave::Granted { age_ms } = self.journals.use_start(*run_id, on.number, now) {
                granted = Some((*run_id, *on_unconfirmed, age_ms));
                break;
            }
        }
        let Some((run_id, on_unconfirmed, age_ms)) = granted else {
            let how = format!("{on} starts {event} {} without its own entry", target.workflow);
            self.breaks(Promise::StartsAreJournalled, how);
            return runs.first().map(|(run_id, _)| *run_id);
        };
        if age_ms > START_FRESH_MS + ON_ITS_WAY_MS {
            let how = format!("{on} starts {} {} s after its entry", self.name(run_id), age_ms / 1_000);
            self.breaks(Promise::StartsAreJournalled, how);
        }
        if self.told.abandoned.contains(&run_id) {
            let how = format!("{on} starts {}, which was abandoned", self.name(run_id));
            self.breaks(Promise::OperatorsDecide, how);
        }
        self.judge_alone(on, run_id);
        let known = self.workflows.known_of(run_id);
        if !known.is_empty() {
            let how = format!("{on} starts {} although {known:?} is known", self.name(run_id));
            self.breaks(Promise::NoSilentSecondStart, how);
        }
        let unsure = self.workflows.answers(run_id).any(|answered| answered != Answered::NotStarted);
        let asked_ms = self.workflows.requests.iter().filter(|request| request.run_id == run_id);
        let asked_ms = asked_ms.map(|request| request.again_ms).max().unwrap_or(0);
        let profile = &on.world.profile;
        let prompt = profile.slow + profile.stall == 0.0;
        if prompt && on.now_ms() < asked_ms - PROMPT_MS {
            let how = format!("{on} starts {} {} ms too soon", self.name(run_id), asked_ms - on.now_ms());
            self.breaks(Promise::FabricateIsSpared, how);
        }
        if unsure && on_unconfirmed == OnUnconfirmed::Park {
            let how = format!("{on} starts {} again, and nobody asked for it", self.name(run_id));
            self.breaks(Promise::NoSilentSecondStart, how);
        }
        Some(run_id)
    }
}
