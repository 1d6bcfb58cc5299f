//! The verdict over a whole life: what KV and the journals say in the end, held against what really happened.

use seedhook::fabricate::TaskStatus;
use seedhook::hook::OnUnconfirmed;
use seedhook::journal::Decision;
use seedhook::journal::retention::{FIRST_START_MS_MAX, NEXT_START_MS_MAX, UNDECIDED_MS_MAX};
use seedhook::run::{
    ARCHIVE_PATIENCE_MS, BAD_COPIES_MAX, Expiry, FileState, MISSING_MS, Run, RunError, RunId, Stage, Status,
};
use seedhook::timestamp::Timestamp;

use crate::chance::Profile;
use crate::files::File;
use crate::journals::event_of;
use crate::kv::describe;
use crate::life::CRON_MS_MAX;
use crate::promises::Promise;
use crate::receivers::judge_notifications;
use crate::turns::{gave_way, judge_clean};
use crate::weeks::Weeks;
use crate::workflows::Job;
use crate::world::{State, Tally, World};

/// How often a run may take wrong bytes of a file: three times, and by sweeps that overlap or do not see the count.
fn bad_copies_taken_max(world: &World) -> u32 {
    // A queue's batches come within seconds of each other, and places see KV late by minutes.
    if world.profile.stall > 0.0 || world.profile.queue { 24 * BAD_COPIES_MAX } else { 8 * BAD_COPIES_MAX }
}

/// How long before it was seen an end may be dated: an invocation goes by the time at which it began.
fn slack_ms(world: &World) -> i64 {
    if world.profile.stall > 0.0 { 51 * 60_000 } else { 4 * 60_000 }
}

/// Judges a life that is over; says how its runs ended.
pub(crate) fn judge(world: &World) -> Vec<Status> {
    let state = &mut *world.state.borrow_mut();
    let mut found = Vec::new();
    let weeks = world.profile.weeks.as_ref();
    for event in &state.events {
        let runs = state.journals.claims_of(&event.id, weeks);
        if event.acknowledged && event.runs() > 0 && runs.is_empty() {
            found.push((Promise::AcceptedIsDurable, format!("{} is acknowledged, not stored", event.id)));
        }
        if runs.len() > 1 {
            found.push((Promise::OneEventOneRun, format!("{} has runs {runs:?}", event.id)));
        }
        if let (Some(told), Some(stored)) = (&event.told, runs.first())
            && told != stored
        {
            found.push((Promise::OneEventOneRun, format!("told {told:?}, stored {stored:?}")));
        }
    }
    let mut ends = Vec::new();
    for run in state.journals.all_runs() {
        let id = event_of(run);
        let mapped = state.events.iter().any(|event| event.id == id && event.is_mapped());
        ends.push(judge_run(state, run, mapped, world, &mut found));
    }
    judge_told(state, weeks, &mut found);
    judge_bad_copies(state, bad_copies_taken_max(world), &mut found);
    found.extend(state.strangers.judge().map(|how| (Promise::StrangersAreLeftAlone, how)));
    if world.profile.clean && found.is_empty() && state.broken.is_empty() {
        if state.receivers.are_well() {
            judge_costs(state, &mut found);
        }
        judge_soon(state, &mut found);
        judge_clean(world, state, &mut found);
    }
    for (promise, how) in found {
        state.breaks(promise, how);
    }
    ends
}

fn judge_run(
    state: &State,
    accepted: &Run,
    mapped: bool,
    world: &World,
    found: &mut Vec<(Promise, String)>,
) -> Status {
    let (run_id, slack_ms) = (accepted.run_id, slack_ms(world));
    let weeks = world.profile.weeks.as_ref();
    let name = state.name(run_id);
    let mut breaks = |promise, how: String| found.push((promise, format!("{name}: {how}")));
    judge_starts(state, accepted, &mut breaks);
    let known = state.workflows.known_of(run_id);
    match (state.records.open(run_id), state.records.done(run_id)) {
        (None, None) if world.may_lose_records() => accepted.status,
        (None, None) => {
            breaks(Promise::AcceptedIsDurable, "KV has no record of it".to_owned());
            accepted.status
        }
        (Some(open), None) => {
            let parked = open.status == Status::Unconfirmed
                && matches!(state.journals.last(run_id), Some(Decision::Start | Decision::NoAnswer { .. }));
            if open.status.is_final() {
                // Its end is shown, and targets are not told yet.
                judge_notifications(state, world, open, &mut breaks);
            } else if !parked || state.outlived {
                breaks(Promise::EveryRunEnds, format!("stays {}", describe(open)));
            }
            if parked && !known.is_empty() {
                breaks(Promise::KnownTasksAreKept, format!("parked, and had {known:?}"));
            }
            judge_parked(state, run_id, &world.profile, &mut breaks);
            if parked {
                judge_notifications(state, world, open, &mut breaks);
            }
            open.status
        }
        (open, Some(done)) => {
            if let Some(open) = open {
                breaks(Promise::DoneIsNotOpen, format!("open/ still says {}", describe(open)));
            }
            if !state.says_end(done, weeks) {
                let last = state.journals.last(run_id);
                let how = format!("ended as {}, its journal with {last:?}", describe(done));
                breaks(Promise::FinalStatesNeverChange, how);
            }
            let task_id = done.task.as_ref().map(|task| &task.id);
            // An operator may give up what KV knows and has not shown him.
            let given_up = is_abandoned_by_operator(done) && !state.journals.has_task(run_id);
            let expired = has_lost_its_task(state, done, weeks);
            if !given_up
                && !expired
                && !known.is_empty()
                && task_id.is_none_or(|task_id| !known.contains(task_id))
            {
                breaks(Promise::KnownTasksAreKept, format!("had {known:?}, ended as {}", describe(done)));
            }
            let (starts, told) = (state.journals.starts(run_id), done.attempts as usize);
            if starts != told && (starts < told || !state.journals.had_expired(run_id, weeks)) {
                let how = format!("{} starts, ended as {}", state.journals.starts(run_id), describe(done));
                breaks(Promise::TheEndIsWhatHappened, how);
            }
            if mapped == done.error.as_ref().is_some_and(|error| error.stage == Stage::Mapping) {
                breaks(Promise::TheEndIsWhatHappened, format!("mapping: {}", describe(done)));
            }
            judge_end(state, done, slack_ms, weeks, &mut breaks);
            judge_notifications(state, world, done, &mut breaks);
            done.status
        }
    }
}

/// Whether a run had to be parked: nobody who lived on knew better.
fn judge_parked(state: &State, run_id: RunId, profile: &Profile, breaks: &mut impl FnMut(Promise, String)) {
    let lived_on = |author: &usize| !state.dropped.contains(author);
    let (in_time, kv_held) = (profile.stall == 0.0, profile.outages[0].1 == 0);
    if in_time && let Some(author) = state.journals.unused_start(run_id).filter(lived_on) {
        breaks(Promise::OwnWritesAreKnown, format!("parked, but {author} could have started it"));
    }
    if in_time
        && kv_held
        && let Some(author) = state.workflows.heard_started(run_id).find(lived_on)
    {
        breaks(Promise::KnownTasksAreKept, format!("parked, but {author} heard of its task"));
    }
}

/// Wrong bytes are taken so often by each run that has the task: one that was retried for its files alone has counted
/// its own, and the retry asks anew.
fn judge_bad_copies(state: &State, each_max: u32, found: &mut Vec<(Promise, String)>) {
    for job in &state.workflows.tasks {
        let taken = job.files.iter().map(|file| file.bad_copies).max().unwrap_or(0);
        if taken <= each_max {
            continue;
        }
        let runs = state.journals.runs_with(&job.id);
        if u32::try_from(runs).is_ok_and(|runs| taken > each_max * runs) {
            let how = format!("the same wrong bytes are taken {taken} times by {runs} runs");
            found.push((Promise::WorkIsBounded, how));
        }
    }
}

/// What operators were told must be so in the end.
fn judge_told(state: &State, weeks: Option<&Weeks>, found: &mut Vec<(Promise, String)>) {
    for (run_id, task_id) in &state.told.adopted {
        let run = state.records.done(*run_id).or_else(|| state.records.open(*run_id));
        if run.is_some_and(|run| has_lost_its_task(state, run, weeks)) {
            continue;
        }
        if run.and_then(|run| run.task.as_ref()).is_none_or(|task| task.id != *task_id) {
            let how = format!("{} adopted {task_id}, and is {run:?}", state.name(*run_id));
            found.push((Promise::OperatorsDecide, how));
        }
    }
    for run_id in &state.told.abandoned {
        if !state.records.done(*run_id).is_some_and(|run| run.abandoned) {
            found.push((Promise::OperatorsDecide, format!("{} is not abandoned", state.name(*run_id))));
        }
    }
    for (old, new) in &state.told.retried {
        if !is_kept_retry(state, *old, *new) {
            let how = format!("the retry of {} is not stored", state.name(*old));
            found.push((Promise::AcceptedIsDurable, how));
        }
    }
}

/// Whether this retry of a run stands.
pub(crate) fn is_kept_retry(state: &State, old: RunId, new: RunId) -> bool {
    state.journals.retries.iter().any(|retried| retried.old == old && retried.retry.run.run_id == new)
}

/// How many tasks a run may have.
fn judge_starts(state: &State, run: &Run, breaks: &mut impl FnMut(Promise, String)) {
    let jobs = state.workflows.tasks.iter().filter(|job| job.run_id == Some(run.run_id));
    let (count, starts) = (jobs.count(), state.journals.starts(run.run_id));
    let parks = run.settings.on_unconfirmed == OnUnconfirmed::Park;
    if count > starts || (parks && count > 1) {
        breaks(Promise::OneEventOneRun, format!("{count} tasks for {starts} starts"));
    }
}

/// Whether a run ended as its task did, or for the reason that it gives.
fn judge_end(
    state: &State,
    run: &Run,
    slack_ms: i64,
    weeks: Option<&Weeks>,
    breaks: &mut impl FnMut(Promise, String),
) {
    let task_id = run.task.as_ref().map(|task| &task.id);
    let job = task_id.and_then(|task_id| state.workflows.job(task_id));
    let true_end = match (run.status, &run.error, job) {
        (Status::Completed, None, Some(job)) => {
            judge_files(state, run, job, breaks);
            has_ended(job, run, slack_ms, TaskStatus::Completed) && has_its_result(job, run)
        }
        (Status::Canceled, None, None) => gave_way(state, run),
        (Status::Canceled, None, Some(job)) => has_ended(job, run, slack_ms, TaskStatus::Canceled),
        (Status::Failed, Some(error), None) if why_given_up(error).is_some() => {
            is_given_up(state, run, error, slack_ms, weeks)
        }
        (Status::Failed, Some(error), job) => is_failure(state, run, error, job, slack_ms),
        _ => false,
    };
    // A retry for missing files has the task of the run that it repeats.
    let root = |run_id| state.journals.root(run_id);
    let own = job.is_none_or(|job| job.run_id.map(root) == Some(root(run.run_id)));
    if !true_end || !own {
        let job = job.map(|job| (&job.end.status, job.ends_ms, job.gone_ms));
        breaks(Promise::TheEndIsWhatHappened, format!("{}, but the task: {job:?}", describe(run)));
    }
}

fn has_ended(job: &Job, run: &Run, slack_ms: i64, status: TaskStatus) -> bool {
    let late_enough = run.finished_at.is_some_and(|at| at.as_millis() >= job.ends_ms - slack_ms);
    job.truth == status && late_enough
}

/// Whether a run has its task's result to the byte, or the same reason why there is none.
fn has_its_result(job: &Job, run: &Run) -> bool {
    run.task
        .as_ref()
        .is_some_and(|task| task.result == job.end.result && task.result_omitted == job.end.result_omitted)
}

fn is_failure(state: &State, run: &Run, error: &RunError, job: Option<&Job>, slack_ms: i64) -> bool {
    let finished_ms = run.finished_at.map_or(0, Timestamp::as_millis);
    let span_ms = |job: &Job| Some(job.missed_ms.last()? - job.missed_ms.first()?);
    let gone = job.is_some_and(|job| job.missed_ms.len() >= 3 && span_ms(job) >= Some(MISSING_MS - slack_ms));
    match (error.stage, job) {
        // Whether it should have been is known of the event.
        (Stage::Mapping, None) => true,
        (Stage::Start, None) => {
            let exhausted = run.attempts >= run.settings.start_attempts_max;
            // An entry that took too long is not used.
            let unsent = state.workflows.requests_for(run.run_id) < state.journals.starts(run.run_id);
            is_abandoned_by_operator(run)
                || state.workflows.was_refused(run.run_id)
                || (exhausted && (unsent || state.workflows.was_not_started(run.run_id)))
        }
        (Stage::Workflow, Some(job)) => has_ended(job, run, slack_ms, TaskStatus::Failed),
        (Stage::Poll, Some(_)) => {
            let due = run.started_at.map(|at| at.plus_ms(run.settings.deadline_ms).as_millis());
            gone || due.is_some_and(|due_ms| finished_ms >= due_ms)
        }
        (Stage::Archive, Some(job)) => {
            // The last try may have gone on for as long as a sweep may: the run ended when that began.
            let patience_ms = ARCHIVE_PATIENCE_MS - CRON_MS_MAX - slack_ms;
            let mut failing = run.files.iter().filter_map(|file| file.failing_since);
            let out_of_patience = failing.any(|since| finished_ms - since.as_millis() >= patience_ms);
            let hopeless =
                job.files.iter().any(|file| file.is_hopeless() || file.bad_copies >= BAD_COPIES_MAX);
            let vanished = finished_ms >= job.gone_ms - slack_ms;
            has_ended(job, run, slack_ms, TaskStatus::Completed)
                && (out_of_patience || hopeless || vanished || gone)
        }
        _ => false,
    }
}

fn is_abandoned_by_operator(run: &Run) -> bool {
    run.abandoned && run.error.as_ref().is_some_and(|error| why_given_up(error).is_none())
}

/// Why seedhook gave a run up by itself, if it did.
fn why_given_up(error: &RunError) -> Option<Expiry> {
    let all = [
        Expiry::EmptyJournal,
        Expiry::LostAttempts,
        Expiry::StaleAttempt,
        Expiry::Undecided,
        Expiry::NeverStarted,
    ];
    all.into_iter().find(|why| error.stage == Stage::Start && error.message == why.message())
}

/// Whether a run that was given up is as old as it says, and its journal had expired.
fn is_given_up(state: &State, run: &Run, error: &RunError, slack_ms: i64, weeks: Option<&Weeks>) -> bool {
    let ended_ms = error.at.as_millis() + slack_ms;
    let is_older =
        |from: Option<Timestamp>, than_ms| from.is_some_and(|from| ended_ms - from.as_millis() >= than_ms);
    match why_given_up(error) {
        Some(Expiry::EmptyJournal) => is_older(Some(run.received_at), FIRST_START_MS_MAX),
        Some(Expiry::LostAttempts) => state.journals.had_expired(run.run_id, weeks),
        Some(Expiry::StaleAttempt) => is_older(state.journals.first_at(run.run_id), NEXT_START_MS_MAX),
        Some(Expiry::Undecided | Expiry::NeverStarted) => {
            is_older(state.journals.first_at(run.run_id), UNDECIDED_MS_MAX)
        }
        None => false,
    }
}

/// Whether nothing was left of a task when its run was given up: its journal had expired, and KV had not shown it, or
/// had deleted the record of an earlier end.
fn has_lost_its_task(state: &State, run: &Run, weeks: Option<&Weeks>) -> bool {
    let given_up = run.error.as_ref().is_some_and(|error| why_given_up(error).is_some());
    let (journals, run_id) = (&state.journals, run.run_id);
    let unknown = !state.records.has_shown_task(run_id) || journals.had_ended(run_id);
    given_up && unknown && journals.had_expired(run_id, weeks)
}

fn judge_files(state: &State, run: &Run, job: &Job, breaks: &mut impl FnMut(Promise, String)) {
    if run.files.len() != job.files.len() {
        breaks(Promise::FilesArriveWhole, format!("{} of {} files", run.files.len(), job.files.len()));
    }
    for (kept, file) in run.files.iter().zip(&job.files) {
        let object = kept.key.as_ref().and_then(|key| state.bucket.objects.get(key));
        if kept.state != FileState::Archived || !object.is_some_and(|object| file.is(object)) {
            breaks(Promise::FilesArriveWhole, format!("{kept:?} is {object:?}, not {:?}", file.object));
        }
    }
}

/// The longest task that is followed to its end in any case, milliseconds after its start.
const SHORT_MS: i64 = 7_000;
/// How long after the end of a task its run ends: the longest time between two polls of such a task, and what the answers take.
const SOON_MS: i64 = 5_000;
/// A delivery starts its runs within this time.
const FOLLOWED_MS: i64 = 30_000;
/// So many runs of a delivery are followed.
const FOLLOWED: usize = 3;

/// When the runs of a life without faults ended, where their tasks were short.
fn judge_soon(state: &State, found: &mut Vec<(Promise, String)>) {
    let followed = state.journals.claims.iter().map(|claimed| &claimed.claim.runs);
    for run in followed.filter(|runs| runs.len() <= FOLLOWED).flatten() {
        let Some(done) = state.records.done(run.run_id) else { continue };
        let Some(job) = done.task.as_ref().and_then(|task| state.workflows.job(&task.id)) else { continue };
        let (Some(started), Some(finished)) = (done.started_at, done.finished_at) else { continue };
        if started.since_ms(done.received_at) > FOLLOWED_MS {
            // A sweep started it, because it waited for others.
            continue;
        }
        let short = job.ends_ms - started.as_millis() <= SHORT_MS && job.gone_ms == i64::MAX;
        let late_ms = finished.as_millis() - job.ends_ms;
        if short && late_ms > SOON_MS && job.files.iter().all(File::is_measured) {
            found.push((Promise::ResultsAreSoon, format!("{} ended {late_ms} ms late", run.run_id)));
        }
    }
}

/// Whether a target was told of the end of a run, which costs one write more.
fn is_told(state: &State, run: &Run) -> bool {
    state.records.done(run.run_id).is_some_and(|done| !done.notifications.is_empty())
}

/// Whether a run gave way to another one before it was started.
fn is_unstarted(state: &State, run: &Run) -> bool {
    let done = state.records.done(run.run_id);
    done.is_some_and(|done| done.attempts == 0 && (done.replaced_by.is_some() || done.skipped_for.is_some()))
}

/// What the runs of a life without faults cost, by the design's own words.
fn judge_costs(state: &State, found: &mut Vec<(Promise, String)>) {
    let mut due = Tally { files: state.tally.files, requests: state.tally.requests, ..Tally::default() };
    // A delivery is one object, and so is each item that is claimed by itself.
    due.inbox_creates += u32::try_from(state.journals.claims.len() + state.journals.items.len()).unwrap_or(0);
    for accepted in state.journals.accepted() {
        for run in accepted.runs {
            if is_unstarted(state, run) {
                due.kv_puts += 2 + u32::from(is_told(state, run));
                due.kv_deletes += 1;
                due.inbox_creates += 1;
                continue;
            }
            let started = !run.status.is_final();
            let is_told = is_told(state, run);
            due.kv_puts += u32::from(is_told) + if started { 3 } else { 1 };
            due.kv_deletes += u32::from(started || is_told);
            due.inbox_creates += if started { 3 } else { 1 };
        }
    }
    for retried in &state.journals.retries {
        let run = &retried.retry.run;
        let (kv_puts, inbox_creates) = match (run.status.is_final(), &run.task) {
            (true, _) => (1, 1),
            (false, Some(_)) => (2, 2),
            (false, None) => (3, 3),
        };
        let is_told = is_told(state, run);
        due.kv_puts += u32::from(is_told) + kv_puts;
        due.kv_deletes += u32::from(!run.status.is_final() || is_told);
        due.inbox_creates += 1 + inbox_creates;
    }
    if due != state.tally {
        found.push((Promise::CostsAreAsStated, format!("{:?} instead of {due:?}", state.tally)));
    }
}
