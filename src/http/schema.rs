//! The JSON bodies of the API, but for a run ([`RunView`]), a preview ([`Preview`]) and a problem ([`ProblemBody`]).
//! Names, order and values are a contract with callers.
//!
//! Times are RFC 3339 in UTC, with milliseconds. A field is always present unless its documentation says when it is
//! absent.
//!
//! [`RunView`]: crate::run::RunView
//! [`Preview`]: crate::service::preview::Preview
//! [`ProblemBody`]: super::ProblemBody

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api_token::Role;
use super::caller::SignedInBy;
use super::link::ExpiresIn;
use crate::config::mistake::Mistake;
use crate::fabricate::{FileId, Target, TaskId};
use crate::hook::archive_key::KeyTemplate;
use crate::hook::delivery::{Delivery, DeliveryId, StoredBody};
use crate::hook::{Hook, HookName, OnRedelivery, OnUnconfirmed, Rule};
use crate::run::{FileState, Run, RunBrief, RunId, Stage, Status};
use crate::service::overview::{Hour, Overview, Quantiles};
use crate::service::timeline::Event;
use crate::timestamp::{SECOND_MS, Timestamp};

/// The answer to `GET /health`.
#[derive(Debug, Serialize)]
pub struct Health {
    /// `ok`
    pub status: &'static str,
}

/// The answer to `GET /api/session`.
#[derive(Debug, Serialize)]
pub struct Session<'a> {
    /// What the caller may do.
    pub role: Role,
    /// The version of seedhook.
    pub version: &'static str,
    /// Whether links to files can be made.
    #[serde(rename = "links")]
    pub has_links: bool,
    /// What says who calls.
    pub signed_in_by: SignedInBy,
    /// Who signed in by Cloudflare Access, at most 256 characters: an address of e-mail, or the common name of a service
    /// token. `None` with one of our tokens.
    pub user: Option<&'a str>,
}

/// The answer to a delivery.
#[derive(Debug, Serialize)]
pub struct DeliveryAnswer {
    /// What became of the delivery.
    pub status: DeliveryStatus,
    /// The delivery's runs; of a duplicate, those of the first delivery.
    pub runs: Vec<RunOfDelivery>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// 202: stored now; of a batch, at least one item is new.
    Accepted,
    /// 200: stored before.
    Duplicate,
    /// 202: stored before, and at least one failed run is retried.
    Retried,
    /// 200: no rule's `when` holds. Nothing is stored.
    Ignored,
}

/// A run as its sender sees it.
#[derive(Debug, Clone, Serialize)]
pub struct RunOfDelivery {
    /// UUID of version 7.
    pub run_id: RunId,
    /// The run's status.
    pub status: Status,
    /// Where the run is shown: the path of the operator's call, or the whole address of a signed link where the hook shares its
    /// runs ([`SharedRun`]).
    pub status_url: String,
    /// Fabricate's id of the task; absent unless the sender waited (`Prefer: wait=N`) and the workflow was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    /// Where the run failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<StageOfError>,
}

/// Where a run failed. The reason is for the operator alone.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StageOfError {
    /// The stage.
    pub stage: Stage,
}

impl RunOfDelivery {
    pub(super) fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id,
            status: run.status,
            status_url: format!("/api/runs/{}", run.run_id),
            task_id: None,
            error: run.error.as_ref().map(|error| StageOfError { stage: error.stage }),
        }
    }

    pub(super) fn with_task(run: &Run) -> Self {
        Self { task_id: run.task.as_ref().map(|task| task.id.clone()), ..Self::of(run) }
    }
}

/// A run as its hook shares it: the answer to `GET /status/{run_id}`.
#[derive(Debug, Serialize)]
pub struct SharedRun<'a> {
    /// UUID of version 7.
    pub run_id: RunId,
    /// The run's status.
    pub status: Status,
    /// Fabricate's task; `null` until the workflow is started.
    pub task: Option<SharedTask<'a>>,
    /// Where the run failed, or why it is `unconfirmed`; `null` otherwise.
    pub error: Option<StageOfError>,
    /// The task's files; absent unless the hook shares files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Vec<SharedFile<'a>>>,
}

/// Fabricate's task, as a hook shares it.
#[derive(Debug, Serialize)]
pub struct SharedTask<'a> {
    /// The status, as Fabricate spells it.
    pub status: &'a str,
}

/// A file, as a hook shares it.
#[derive(Debug, Serialize)]
pub struct SharedFile<'a> {
    /// Fabricate's id of the file.
    pub id: &'a FileId,
    /// The name under which the file is saved.
    pub name: String,
    /// Bytes; `null` if Fabricate does not state them.
    pub size: Option<u64>,
    /// Media type; `null` if Fabricate does not state it.
    pub content_type: Option<&'a str>,
    /// Whether the file is archived.
    pub state: FileState,
    /// The whole address of a signed link to the file; `null` until it is archived.
    pub url: Option<String>,
}

/// The answer to `GET /api/overview`.
#[derive(Debug, Serialize)]
pub struct OverviewView<'a> {
    /// The beginning of the first hour.
    pub from: Timestamp,
    /// The time of the overview.
    pub until: Timestamp,
    /// The runs of each hour, the oldest first. A run belongs to the hour in which it was accepted.
    pub hours: &'a [Hour],
    /// How many runs have each status: those accepted since `from`, and all that are open.
    pub totals: &'a BTreeMap<Status, usize>,
    /// The share of the runs that completed among those that completed or failed, 0 to 1; `null` if there are none.
    pub success_rate: Option<f64>,
    /// From acceptance to completion, seconds; `null` if none completed.
    pub seconds_to_finish: Option<Quantiles>,
    /// The open run that was accepted first; `null` if there is none.
    pub oldest_open: Option<RunBrief<'a>>,
    /// The `unconfirmed` runs, newest first, at most 50.
    pub parked: Vec<RunBrief<'a>>,
    /// Whether all runs were read: there may be more than one call reads.
    pub is_complete: bool,
}

impl<'a> OverviewView<'a> {
    pub(super) fn of(overview: &'a Overview) -> Self {
        Self {
            from: overview.from,
            until: overview.until,
            hours: &overview.hours,
            totals: &overview.totals,
            success_rate: overview.success_rate(),
            seconds_to_finish: overview.seconds_to_finish,
            oldest_open: overview.oldest_open.as_ref().map(|run| run.view()),
            parked: overview.parked.iter().map(|run| run.view()).collect(),
            is_complete: overview.is_complete,
        }
    }
}

/// The answer to `GET /api/runs`.
#[derive(Debug, Serialize)]
pub struct RunList<'a> {
    /// Newest first.
    pub runs: Vec<RunBrief<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<String>,
}

/// The answer to `GET /api/runs/{run_id}/timeline`.
#[derive(Debug, Serialize)]
pub struct Timeline {
    /// In order of time.
    pub events: Vec<Event>,
}

/// The answer to `GET /api/runs/{run_id}/delivery`: a delivery as it is stored, without credentials.
#[derive(Debug, Serialize)]
pub struct DeliveryView<'a> {
    /// The hook that received it.
    pub hook: &'a HookName,
    /// The id of the event.
    pub delivery_id: &'a DeliveryId,
    /// When the attempt arrived that was accepted.
    pub received_at: Timestamp,
    /// Headers by their names in lower case.
    pub headers: &'a BTreeMap<String, String>,
    /// Decoded query parameters.
    pub query: &'a BTreeMap<String, String>,
    /// The body.
    pub body: BodyView<'a>,
}

/// The body of a delivery: one field, which is named for what it holds.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum BodyView<'a> {
    /// The body, which is UTF-8.
    Text(&'a str),
    /// The body in Base64 (RFC 4648, section 4), where it is not text.
    Base64(&'a str),
}

impl<'a> DeliveryView<'a> {
    pub(super) fn of(delivery: &'a Delivery) -> Self {
        Self {
            hook: &delivery.hook,
            delivery_id: &delivery.delivery_id,
            received_at: delivery.received_at,
            headers: &delivery.headers,
            query: &delivery.query,
            body: match &delivery.body {
                StoredBody::Text(text) => BodyView::Text(text),
                StoredBody::Base64(text) => BodyView::Base64(text),
            },
        }
    }
}

/// The body of `POST /api/runs/{run_id}/adopt`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    /// Fabricate's id of the task: 1 to 128 printable ASCII characters without spaces, quotes or backslashes.
    pub task_id: String,
}

/// The body of `POST /api/runs/{run_id}/abandon` and `POST /api/runs/abandon`; may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbandonRequest {
    /// Why the run is given up: it becomes part of the run's error. May be absent.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The answer to `POST /api/runs/abandon`.
#[derive(Debug, Serialize)]
pub struct AbandonManyAnswer<'a> {
    /// The runs that are abandoned now.
    pub abandoned: Vec<RunBrief<'a>>,
    /// The runs that are not.
    pub skipped: Vec<SkippedRun<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<&'a str>,
}

/// The answer to `POST /api/runs/retry`.
#[derive(Debug, Serialize)]
pub struct RetryManyAnswer<'a> {
    /// The runs that were retried now.
    pub retried: Vec<RetriedRun<'a>>,
    /// The runs that were not.
    pub skipped: Vec<SkippedRun<'a>>,
    /// The parameter `cursor` of the next call; `null` if no run follows.
    pub cursor: Option<&'a str>,
}

/// A run that was retried.
#[derive(Debug, Serialize)]
pub struct RetriedRun<'a> {
    /// The run that was retried.
    pub run_id: RunId,
    /// The new run.
    pub retry: RunBrief<'a>,
}

/// A run about which a call decided nothing.
#[derive(Debug, Serialize)]
pub struct SkippedRun<'a> {
    /// The run.
    pub run_id: RunId,
    /// Why not.
    pub reason: &'a str,
}

/// The body of `POST /api/runs/{run_id}/files/{file_id}/link`; may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkRequest {
    /// How long the link works, seconds: 1 to 604,800; 3,600 if it is absent or `null`.
    #[serde(default)]
    pub expires_in: Option<ExpiresIn>,
}

/// The answer to `POST /api/runs/{run_id}/files/{file_id}/link`.
#[derive(Debug, Serialize)]
pub struct LinkAnswer {
    /// The whole address of the link.
    pub url: String,
    /// The time from which on the link does not work.
    pub expires_at: Timestamp,
}

/// The answer to `GET /api/hooks`.
#[derive(Debug, Serialize)]
pub struct HookList<'a> {
    /// The hooks, by name.
    pub hooks: Vec<HookView<'a>>,
    /// The mistakes of the configuration that belong to no hook.
    pub mistakes: Vec<MistakeView>,
}

/// A hook.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum HookView<'a> {
    /// A hook whose configuration has mistakes: its deliveries are answered 503.
    Unreadable {
        /// The hook's name.
        hook: &'a HookName,
        /// `broken`
        state: HookState,
        /// What is wrong.
        mistakes: Vec<MistakeView>,
    },
    /// Any other hook.
    Readable(Box<ReadableHook<'a>>),
}

/// A hook whose configuration has no mistakes.
#[derive(Debug, Serialize)]
pub struct ReadableHook<'a> {
    /// The hook's name.
    pub hook: &'a HookName,
    /// Whether it takes deliveries.
    pub state: HookState,
    /// The path to which its sender posts.
    pub url: String,
    /// Who may call.
    pub verify: VerifyView<'a>,
    /// The token that the sender offered in a handshake, and that the operator sets as the hook's secret; `null` if there is none, or
    /// if the secret is set.
    pub verification_token: Option<String>,
    /// The largest body that it takes, bytes.
    pub max_body_bytes: u64,
    /// What it may run; at least one.
    pub rules: Vec<RuleView<'a>>,
    /// What is wrong with its secrets; empty if nothing is.
    pub mistakes: Vec<MistakeView>,
}

/// Whether a hook takes deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookState {
    /// It takes deliveries.
    Ready,
    /// It answers 503 because it is paused.
    Paused,
    /// It answers 503 because of a mistake.
    Broken,
}

/// Who may call a hook.
#[derive(Debug, Serialize)]
pub struct VerifyView<'a> {
    /// The scheme or the sender.
    pub scheme: &'a str,
    /// The names of the secrets, never their values; empty if the scheme has none.
    pub secret: &'a [String],
}

/// One of the things that a hook may run.
#[derive(Debug, Serialize)]
pub struct RuleView<'a> {
    /// The condition; `null` if every event counts.
    pub when: Option<&'a str>,
    /// The workflow.
    pub target: &'a Target,
    /// What happens to a start request whose answer never came.
    pub on_unconfirmed: OnUnconfirmed,
    /// What a redelivery does to a failed run.
    pub on_redelivery: OnRedelivery,
    /// How long the workflow may take, seconds.
    pub deadline_seconds: i64,
    /// The pattern of its files' keys.
    pub archive: &'a KeyTemplate,
}

/// A mistake in the configuration.
#[derive(Debug, Serialize)]
pub struct MistakeView {
    /// Where: table and field names with dots between them, such as `HOOKS.crm.params.rows`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl<'a> ReadableHook<'a> {
    /// A hook as it is shown; `mistakes` are those of its secrets.
    pub(super) fn of(hook: &'a Hook, verification_token: Option<String>, mistakes: Vec<MistakeView>) -> Self {
        Self {
            hook: &hook.name,
            state: match (mistakes.is_empty(), hook.paused) {
                (false, _) => HookState::Broken,
                (true, true) => HookState::Paused,
                (true, false) => HookState::Ready,
            },
            url: format!("/hooks/{}", hook.name),
            verify: VerifyView { scheme: &hook.verify.scheme, secret: &hook.verify.secret_names },
            verification_token,
            max_body_bytes: hook.body_bytes_max,
            rules: hook.rules.iter().map(RuleView::of).collect(),
            mistakes,
        }
    }
}

impl<'a> RuleView<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            when: rule.when.as_ref().map(crate::expression::Condition::source),
            target: &rule.target,
            on_unconfirmed: rule.settings.on_unconfirmed,
            on_redelivery: rule.settings.on_redelivery,
            deadline_seconds: rule.settings.deadline_ms / SECOND_MS,
            archive: &rule.settings.archive,
        }
    }
}

impl From<&Mistake> for MistakeView {
    fn from(mistake: &Mistake) -> Self {
        Self {
            path: mistake.path.join("."),
            problem: mistake.problem.clone(),
            remedy: mistake.remedy.clone(),
        }
    }
}
