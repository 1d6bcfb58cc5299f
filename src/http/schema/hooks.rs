//! Hooks, without their secrets.

use serde::Serialize;

use crate::config::mistake::Mistake;
use crate::config::setup::setup_steps;
use crate::fabricate::Target;
use crate::hook::archive_key::KeyTemplate;
use crate::hook::subscription::TargetName;
use crate::hook::{Hook, HookName, OnRedelivery, OnUnconfirmed, Rule, Share, WhenBusy};
use crate::service::preview::ScheduleTimes;
use crate::timestamp::{SECOND_MS, Timestamp};

/// The answer to `GET /api/hooks`.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct HookList<'a> {
    /// The hooks, by name.
    pub hooks: Vec<HookView<'a>>,
    /// The mistakes of the configuration that belong to no hook.
    pub mistakes: Vec<MistakeView>,
}

/// A hook.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Hook"))]
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct ReadableHook<'a> {
    /// The hook's name.
    pub hook: &'a HookName,
    /// Whether it takes deliveries.
    pub state: HookState,
    /// The path to which its sender posts; without a sender, it is answered 404.
    pub url: String,
    /// When it runs by itself; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleTimes>,
    /// How many of its runs may be in progress at the same time; absent if there is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_running: Option<u32>,
    /// Who may call.
    pub verify: VerifyView<'a>,
    /// The known sender; `null` if the hook describes its sender itself.
    pub sender: Option<&'a str>,
    /// The steps that connect the sender, with the hook's whole address and the names of its secrets.
    pub setup: Vec<String>,
    /// What senders may see of their runs.
    pub share: Share,
    /// Whether deliveries that no rule counts are kept for seven days.
    pub keep_ignored: bool,
    /// After how long without a verified delivery its targets are told that it is silent, seconds; `null`: never.
    pub silence_seconds: Option<i64>,
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "HookVerify"))]
pub struct VerifyView<'a> {
    /// The scheme or the sender.
    pub scheme: &'a str,
    /// The names of the secrets, never their values; empty if the scheme has none.
    pub secret: &'a [String],
}

/// One of the things that a hook may run.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Rule"))]
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
    /// The names of the targets that are told of its runs.
    pub notify: Vec<&'a TargetName>,
    /// The template of its runs' keys: runs with the same key run one at a time; absent if they have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<&'a str>,
    /// What a run does while another one of its key is started, or waits; absent if its runs have no keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_busy: Option<WhenBusy>,
    /// How long a run waits for a newer one of its key, seconds; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub debounce_seconds: Option<i64>,
}

/// A mistake in the configuration.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Mistake"))]
pub struct MistakeView {
    /// Where: table and field names with dots between them, such as `HOOKS.crm.params.rows`.
    pub path: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub remedy: String,
}

impl<'a> ReadableHook<'a> {
    /// A hook as it is shown; `origin` is the Worker's (`https://seedhook.example`), `mistakes` are those of its secrets.
    pub(in crate::http) fn of(
        hook: &'a Hook,
        origin: &str,
        verification_token: Option<String>,
        mistakes: Vec<MistakeView>,
        now: Timestamp,
    ) -> Self {
        let url = format!("/hooks/{}", hook.name);
        Self {
            hook: &hook.name,
            state: match (mistakes.is_empty(), hook.paused) {
                (false, _) => HookState::Broken,
                (true, true) => HookState::Paused,
                (true, false) => HookState::Ready,
            },
            schedule: ScheduleTimes::of(hook, now),
            max_running: hook.rules.iter().find_map(|rule| rule.settings.max_running.hook),
            verify: VerifyView { scheme: &hook.verify.scheme, secret: &hook.verify.secret_names },
            sender: hook.sender.as_deref(),
            setup: setup_steps(hook, &format!("{origin}{url}")),
            share: hook.share,
            keep_ignored: hook.keeps_ignored,
            silence_seconds: hook.silence_ms.map(|millis| millis / SECOND_MS),
            url,
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
            notify: rule.settings.notify.iter().map(|subscription| &subscription.target).collect(),
            concurrency: rule.concurrency.as_ref().map(crate::hook::concurrency::ConcurrencyKey::source),
            when_busy: rule.concurrency.as_ref().map(|_| rule.settings.when_busy),
            debounce_seconds: rule.settings.debounce_ms.map(|millis| millis / SECOND_MS),
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
