//! Simulated Fabricate: it accepts, refuses, is late, drops answers, forgets tasks; its answers are read as real ones.

use std::sync::LazyLock;

use seedhook::fabricate::{
    Answer, Api, CircuitBreaker, Credentials, FileId, StartOutcome, StatusError, Target, Task, TaskId,
    TaskStatus, read_start, read_status,
};
use seedhook::ports::Fabricate;
use seedhook::run::RunId;
use serde_json::{Map, Value};
use url::Url;

use crate::breakage::Breakage;
use crate::chance::pick;
use crate::files::File;
use crate::workflows::{Answered, Job, StartRequest};
use crate::world::{BEGINNING_MS, Invocation, State, World};

/// How long the edge waits for an answer.
const TIMEOUT_MS: i64 = seedhook::fabricate::ANSWER_TIMEOUT_MS as i64;
const MINUTE_MS: i64 = 60_000;

/// What Fabricate does with a start request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Accepted,
    AcceptedLate,
    AcceptedAnswerLost,
    Lost,
    Unavailable,
    KeyRefused,
    Refused,
}

/// What an unruly Fabricate does; one that is out of order refuses nothing.
const UNRULY: &[Fate] = &[
    Fate::Refused,
    Fate::Lost,
    Fate::AcceptedAnswerLost,
    Fate::AcceptedLate,
    Fate::Unavailable,
    Fate::Unavailable,
];

pub(crate) static API: LazyLock<Api> =
    LazyLock::new(|| Api::new("https://fabricate.example").expect("an address"));

impl State {
    fn fate(&mut self, world: &World) -> Fate {
        if self.calm || world.profile.clean {
            return Fate::Accepted;
        }
        if world.is_within(world.profile.key_refused) {
            return Fate::KeyRefused;
        }
        let out = world.is_within(world.profile.outages[2]);
        if !out && !self.chance(world.profile.unruly) {
            return Fate::Accepted;
        }
        let fates = if out { &UNRULY[1..] } else { UNRULY };
        *pick(&mut self.rng, fates)
    }

    /// Takes in a start request; says which one it is, what is answered and after how long.
    fn start(&mut self, on: &Invocation, target: &Target, event: &str) -> ((usize, Option<Answer>), i64) {
        let world = &on.world;
        let run_id = self.judge_start(on, target, event);
        let fate = self.fate(world);
        let accepted = matches!(fate, Fate::Accepted | Fate::AcceptedLate | Fate::AcceptedAnswerLost);
        let task_id = accepted.then(|| self.accept(world, run_id));
        if accepted && world.breaks(Breakage::FabricateStartsTwice) {
            self.accept(world, run_id);
        }
        self.tell_of(on, run_id.unwrap_or_default(), |name| {
            format!("START {name} {event} {}: {fate:?} {task_id:?}", target.workflow)
        });
        let request = self.workflows.requests.len();
        if let Some(run_id) = run_id {
            self.workflows.requests.push(StartRequest {
                run_id,
                author: on.number,
                again_ms: 0,
                answered: Answered::Nothing,
            });
        }
        let (answer, wait_ms) = match fate {
            Fate::Accepted => (Some(started(task_id.as_ref())), self.rng.i64(50..1_000)),
            Fate::AcceptedLate => (Some(started(task_id.as_ref())), self.rng.i64(1_000..25_000)),
            Fate::AcceptedAnswerLost | Fate::Lost if self.rng.bool() => {
                (Some(self.useless_answer()), self.rng.i64(50..5_000))
            }
            Fate::AcceptedAnswerLost | Fate::Lost => (None, TIMEOUT_MS),
            Fate::Unavailable => {
                let mut busy = answer(*pick(&mut self.rng, &[503, 429, 521]), "null");
                busy.retry_after = self.rng.bool().then(|| self.rng.u32(1..400).to_string());
                (Some(busy), self.rng.i64(50..1_000))
            }
            Fate::KeyRefused => (Some(answer(401, "null")), 50),
            Fate::Refused => (Some(answer(404, r#"{"error":"no such workflow"}"#)), 50),
        };
        ((request, answer.filter(|_| wait_ms < TIMEOUT_MS)), wait_ms.min(TIMEOUT_MS))
    }

    /// An answer to a start request that says nothing about whether it was started.
    fn useless_answer(&mut self) -> Answer {
        match self.rng.u8(..8) {
            0 => answer(500, "null"),
            1 => answer(408, "null"),
            2 => answer(307, "null"),
            3 => answer(200, r#"{"status":"in_progress"}"#),
            4 => {
                let (content_type, body) = (Some("text/html".to_owned()), b"<h1>Welcome</h1>".to_vec());
                Answer { content_type, body, ..answer(200, "null") }
            }
            _ => answer(502, "null"),
        }
    }

    /// Takes a start request in; the answer may be that of an earlier one for the same run, whose answer was lost.
    fn accept(&mut self, world: &World, run_id: Option<RunId>) -> TaskId {
        let now_ms = world.now_ms();
        if !self.calm && !world.profile.clean && self.rng.u8(..4) == 0 {
            let earlier = self.workflows.tasks.iter().find(|job| job.run_id == run_id && run_id.is_some());
            if let Some(earlier) = earlier {
                return earlier.id.clone();
            }
        }
        let text = format!("task{}", self.workflows.tasks.len() + 1);
        let id = TaskId::try_from(text).expect("a task id");
        let lasts_ms = match self.rng.u8(..6) {
            0 => 5_000,
            1 => MINUTE_MS,
            2 => 10 * MINUTE_MS,
            3 => self.rng.i64(0..MINUTE_MS * 120),
            4 => self.rng.i64(0..MINUTE_MS * 20),
            _ => self.rng.i64(0..MINUTE_MS * 5),
        };
        let (mut ends_ms, mut gone_ms) = (now_ms + lasts_ms, i64::MAX);
        if !world.profile.clean {
            if let Some(restart_ms) = world.profile.restart_ms.map(|passed_ms| BEGINNING_MS + passed_ms)
                && now_ms < restart_ms
            {
                gone_ms = restart_ms;
            }
            match self.rng.u8(..24) {
                0 => gone_ms = now_ms + self.rng.i64(MINUTE_MS..50 * MINUTE_MS),
                1 => gone_ms = ends_ms + self.rng.i64(MINUTE_MS..10 * MINUTE_MS),
                2 => ends_ms = i64::MAX,
                _ => {}
            }
        }
        let (status, error, truth) = match self.rng.u8(..10) {
            0 => ("failed", r#""out of rows""#, TaskStatus::Failed),
            1 => ("canceled", "null", TaskStatus::Canceled),
            // Fabricate's own clients take an error for what counts.
            2 => ("completed", r#"{"code":7}"#, TaskStatus::Failed),
            _ => ("completed", "null", TaskStatus::Completed),
        };
        let mut files = Vec::new();
        if truth == TaskStatus::Completed {
            let count = *pick(&mut self.rng, &world.profile.files);
            files.extend((0..count).map(|_| File::draw(&mut self.rng, world.profile.clean)));
        }
        let listed: Vec<String> = (0..).zip(&files).map(|(index, file)| file.listing(index)).collect();
        let body = format!(
            r#"{{"id":"{id}","status":"{status}","error":{error},"result":{},"files":[{}]}}"#,
            result(self.workflows.tasks.len()),
            listed.join(",")
        );
        let end = read_status(&answer(200, &body), world.now()).expect("a task");
        let job = Job { id: id.clone(), run_id, ends_ms, gone_ms, truth, end, files, missed_ms: Vec::new() };
        self.workflows.tasks.push(job);
        id
    }

    fn poll(&mut self, on: &Invocation, task_id: &TaskId) -> Result<Task, StatusError> {
        let world = &on.world;
        let now_ms = world.now_ms();
        if !self.calm && !world.profile.clean {
            let status = match self.rng.u16(..200) {
                0 => 403,
                1 => 404,
                // With a body that is no task.
                2 => 203,
                3..8 => 500,
                _ if world.is_within(world.profile.key_refused) => 401,
                _ if world.is_within(world.profile.outages[2]) => 503,
                _ => 200,
            };
            if status != 200 {
                on.tell(self, || format!("STATUS {task_id}: HTTP {status}"));
                if let Some(job) = self.workflows.tasks.iter_mut().find(|job| job.id == *task_id)
                    && status == 404
                {
                    job.missed_ms.push(now_ms);
                }
                return read_status(&answer(status, "null"), world.now());
            }
        }
        let answered = match self.workflows.tasks.iter_mut().find(|job| job.id == *task_id) {
            Some(job) if now_ms < job.gone_ms && now_ms < job.ends_ms => {
                Ok(Task::just_started(task_id.clone()))
            }
            Some(job) if now_ms < job.gone_ms => Ok(job.end.clone()),
            Some(job) => {
                job.missed_ms.push(now_ms);
                Err(StatusError::NotFound)
            }
            None => Err(StatusError::NotFound),
        };
        on.tell(self, || match &answered {
            Ok(task) => format!("STATUS {task_id}: {} error={:?}", task.status, task.error_text()),
            Err(error) => format!("STATUS {task_id}: {error}"),
        });
        if let (true, Ok(task)) = (world.breaks(Breakage::FabricateLies), &answered)
            && task.status() == TaskStatus::Failed
        {
            return Ok(Task { status: "completed".to_owned(), error: None, ..task.clone() });
        }
        answered
    }
}

/// The result of a life's n-th task. Some are what a tree of values could not hold, or no JSON at all.
fn result(number: usize) -> &'static str {
    match number % 8 {
        3 => r#"{"cut":"\ud83d", "wide":340282366920938463463374607431768211455}"#,
        5 => "1e400",
        6 => "NaN",
        _ => r#"{"rows":5}"#,
    }
}

/// An answer of Fabricate.
fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        content_type: Some("application/json".to_owned()),
        retry_after: None,
        body: body.as_bytes().to_vec(),
    }
}

fn started(task_id: Option<&TaskId>) -> Answer {
    let id = task_id.map(TaskId::as_str).unwrap_or_default();
    answer(200, &format!(r#"{{"task_id":"{id}"}}"#))
}

impl Fabricate for Invocation {
    async fn start(
        &self,
        target: &Target,
        params: &Map<String, Value>,
        _traceparent: Option<&str>,
    ) -> StartOutcome {
        let event = params.get("event").and_then(Value::as_str).unwrap_or_default();
        let (request, answer) = self.request("start request", |state| state.start(self, target, event)).await;
        let Some(answer) = answer else {
            return StartOutcome::Unknown { status: None, reason: "no answer".to_owned() };
        };
        let mut outcome = read_start(&answer, self.world.now());
        let state = &mut *self.world.state.borrow_mut();
        if let Some(request) = state.workflows.requests.get_mut(request) {
            request.answered = match &outcome {
                StartOutcome::Started(_) => Answered::Started,
                StartOutcome::NotStarted { retry_after_ms, .. } => {
                    request.again_ms = self.now_ms() + retry_after_ms.unwrap_or(0);
                    Answered::NotStarted
                }
                StartOutcome::Refused { .. } => Answered::Refused,
                StartOutcome::Unknown { .. } => Answered::Nothing,
            };
        }
        if let (true, StartOutcome::NotStarted { retry_after_ms, .. }) =
            (self.world.breaks(Breakage::RetryAfterIsDropped), &mut outcome)
        {
            *retry_after_ms = None;
        }
        outcome
    }

    async fn status(&self, task_id: &TaskId) -> Result<Task, StatusError> {
        self.request("status request", |state| {
            let answered = state.poll(self, task_id);
            (answered, state.rng.i64(20..400))
        })
        .await
    }

    fn download_url(&self, task_id: &TaskId, file_id: &FileId) -> Url {
        if self.world.breaks(Breakage::DownloadsAreElsewhere) {
            return Url::parse(&format!("https://storage.example/x/{task_id}/{file_id}/0")).expect("a URL");
        }
        API.download_url(task_id, file_id)
    }

    fn base(&self) -> &Url {
        API.base()
    }

    fn breaker(&self) -> &CircuitBreaker {
        &self.world.paces[self.place]
    }

    fn credentials(&self) -> &Credentials {
        &self.world.credentials[self.place]
    }
}
