//! Seeing what a delivery would do before it does it. Nothing is started and nothing is stored; what is shown comes from
//! the code that would do it.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::expression::Scope;
use crate::fabricate::{Api, Target};
use crate::hook::admission::Admitted;
use crate::hook::delivery::DeliveryId;
use crate::hook::event::Event;
use crate::hook::{Hook, HookName, Rule};
use crate::request::RawRequest;
use crate::request::body::BodyError;
use crate::timestamp::Timestamp;
use crate::verify::{Verified, VerifyContext, VerifyError};

use super::plan::{holds, map, scopes, with_key};

/// The most items of a batch that are shown.
const ITEMS_SHOWN_MAX: usize = 10;

/// The id of an event that has none of its own.
const NEW_ID: &str = "new for each delivery";

/// What a hook would make of a request: the answer to `POST /api/hooks/{hook}/preview`. It has what the sender sent, and
/// no secret.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Preview {
    /// The hook's name.
    pub hook: HookName,
    /// Whether the hook is paused: a delivery would be answered 503.
    pub paused: bool,
    /// When the hook runs by itself; absent if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<ScheduleTimes>,
    /// What expressions see as `scheduled_at`: present if what the schedule starts is shown, because no sender would send the request. The
    /// next due time; with a body, now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Whether the request is from the sender.
    pub verification: VerificationPreview,
    /// What would become of the request if it is, or were, verified; of a request that no sender would send, what the schedule starts.
    #[serde(flatten)]
    pub result: PreviewResult,
}

/// When a hook runs by itself.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Schedule"))]
pub struct ScheduleTimes {
    /// The five fields of cron.
    pub cron: String,
    /// The offset from UTC in which they are read, such as `+01:00`.
    pub offset: String,
    /// The next three times.
    pub next: Vec<Timestamp>,
}

impl ScheduleTimes {
    /// The schedule of a hook, if it has one.
    #[must_use]
    pub fn of(hook: &Hook, now: Timestamp) -> Option<Self> {
        let schedule = hook.schedule.as_ref()?;
        Some(Self {
            cron: schedule.source().to_owned(),
            offset: schedule.offset(),
            next: schedule.next_three(now),
        })
    }
}

/// Whether a request is from the sender.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Verification"))]
pub struct VerificationPreview {
    /// The scheme or the sender, as the hook names it.
    pub scheme: String,
    /// Whether the request is verified.
    pub verified: bool,
    /// Why not; absent if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Present if the request failed a check.
    #[serde(flatten)]
    pub signed: Option<SignedTextPreview>,
}

/// What a sender signs.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SignedTextPreview {
    /// The text that the signature must cover, cut after 512 bytes; `null` if the check that failed signs no text.
    pub signed_text: Option<String>,
}

/// What would become of a request.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PreviewResult {
    /// The request is a handshake.
    Handshake {
        /// The answer to it.
        handshake: HandshakePreview,
        /// `handshake`
        #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("const" = "handshake")))]
        outcome: OutcomePreview,
        /// Empty.
        runs: Vec<RulePreview>,
    },
    /// The body cannot be parsed.
    NotParsed {
        /// `not parsed`
        #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("const" = "not parsed")))]
        outcome: OutcomePreview,
        /// Why not.
        error: String,
        /// Empty.
        runs: Vec<RulePreview>,
    },
    /// The request is an event.
    Event {
        /// `accepted` if at least one run would be started, else `ignored`.
        #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("enum" = ["accepted", "ignored"])))]
        outcome: OutcomePreview,
        /// The event's id.
        delivery_id: DeliveryId,
        /// Why the hook's `delivery_id` has no usable value; `null` if it has.
        delivery_id_error: Option<String>,
        /// How many items the batch has; `null` if the hook takes no batches.
        items: Option<usize>,
        /// One for each rule; of a batch, one for each rule and each of the first 10 items.
        runs: Vec<RulePreview>,
    },
}

impl PreviewResult {
    fn not_parsed(error: &BodyError) -> Self {
        Self::NotParsed { outcome: OutcomePreview::NotParsed, error: error.to_string(), runs: Vec::new() }
    }
}

/// The outcome in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomePreview {
    /// The request is a handshake.
    Handshake,
    /// The body cannot be parsed.
    #[serde(rename = "not parsed")]
    NotParsed,
    /// At least one run would be started.
    Accepted,
    /// No rule's `when` holds.
    Ignored,
}

/// The answer to a handshake.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct HandshakePreview {
    /// HTTP status.
    pub status: u16,
    /// The body; may be empty.
    pub body: String,
}

/// What one rule makes of the event, or of one item of it.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RulePreview {
    /// Whether a run would be accepted. A run whose `error` is not `null` would fail at stage `mapping`.
    pub starts: bool,
    /// The workflow.
    pub target: Target,
    /// The rule's condition; `null` if it has none.
    pub when: Option<ConditionPreview>,
    /// The parameters by their names; `null` if no run would be accepted, or if they cannot be mapped.
    pub params: Option<Named<TypedValue>>,
    /// Why the parameters cannot be mapped; `null` if they can.
    pub error: Option<String>,
    /// The request that Fabricate would get; `null` if there would be none.
    pub request: Option<RequestPreview>,
    /// The key of the run: runs with the same key run one at a time; absent if it would have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The rule's index, from 0.
    pub rule: usize,
    /// Present if the hook takes batches.
    #[serde(flatten)]
    pub item: Option<ItemPreview>,
}

/// An item of a batch.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct ItemPreview {
    /// The item's index, from 0.
    pub item: usize,
    /// The item's own id; `null` if it has none.
    pub item_id: Option<DeliveryId>,
}

/// A rule's condition.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Condition"))]
pub struct ConditionPreview {
    /// The expression, as it is configured.
    pub expression: String,
    /// Whether it is true; `null` if it cannot be evaluated.
    pub holds: Option<bool>,
    /// Why it cannot be evaluated; `null` if it can.
    pub error: Option<String>,
    /// The values that the expression reads, by their paths.
    pub values: Named<ValueSeen>,
}

impl ConditionPreview {
    /// `None`: the rule has no condition.
    pub(super) fn of(hook: &Hook, rule: &Rule, scope: &Scope) -> Option<Self> {
        let when = rule.when.as_ref()?;
        let held = holds(hook, rule, scope);
        let values = hook.expressions.values_seen(when, scope).into_iter();
        let seen =
            |value: Option<Value>| value.map_or(ValueSeen::Missing { missing: true }, ValueSeen::Present);
        Some(Self {
            expression: when.source().to_owned(),
            holds: held.as_ref().ok().copied(),
            error: held.as_ref().err().map(ToString::to_string),
            values: Named(values.map(|(path, value)| (path, seen(value))).collect()),
        })
    }
}

/// A value that an expression reads.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ValueSeen {
    /// The event has it.
    Present(Value),
    /// The event does not have it.
    Missing {
        /// `true`
        #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("const" = true)))]
        missing: bool,
    },
}

/// A parameter.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct TypedValue {
    /// The value.
    pub value: Value,
    /// `null`, `boolean`, `number`, `string`, `list` or `object`.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("enum" = ["null", "boolean", "number", "string", "list", "object"])))]
    pub r#type: &'static str,
}

/// Values by their names, in their order: a JSON object.
#[derive(Debug)]
pub struct Named<V>(pub Vec<(String, V)>);

impl<V: Serialize> Serialize for Named<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// A request to Fabricate.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RequestPreview {
    /// `POST`
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("const" = "POST")))]
    pub method: &'static str,
    /// The address.
    pub url: String,
    /// The body.
    pub body: Map<String, Value>,
}

/// Previews a request: `api` is the Fabricate that would be asked.
pub async fn preview(
    hook: &Hook,
    api: Option<&Api>,
    request: &RawRequest,
    context: &VerifyContext<'_>,
) -> Preview {
    let request = request.clone().with_content_type(hook.content_type.as_deref());
    let verification = verification(hook, &request, context).await;
    let mut scheduled_at = None;
    let result = if let Ok(Admitted::Handshake(reply)) = hook.admit(request.clone(), context).await {
        PreviewResult::Handshake {
            handshake: HandshakePreview { status: reply.status, body: reply.body },
            outcome: OutcomePreview::Handshake,
            runs: Vec::new(),
        }
    } else {
        let event = if Event::is_for_schedule(hook, &request) {
            let event = Event::of_schedule(hook, request, NEW_ID);
            scheduled_at = event.as_ref().ok().and_then(|event| Timestamp::parse(&event.scheduled_at()?));
            event
        } else {
            Event::parse(Verified::assume(request), hook, NEW_ID)
        };
        match event {
            Ok(event) => event_preview(hook, api, event),
            Err(error) => PreviewResult::not_parsed(&error),
        }
    };
    let (name, schedule) = (hook.name.clone(), ScheduleTimes::of(hook, context.now));
    Preview { hook: name, paused: hook.paused, schedule, scheduled_at, verification, result }
}

async fn verification(hook: &Hook, request: &RawRequest, context: &VerifyContext<'_>) -> VerificationPreview {
    let (reason, signed) = match hook.verify.check(request, context).await {
        Ok(()) => (None, None),
        Err(VerifyError::NotVerified(refusal)) => {
            let signed_text = refusal.signed_text().map(ToOwned::to_owned);
            (Some(refusal.to_string()), Some(SignedTextPreview { signed_text }))
        }
        Err(error) => (Some(error.to_string()), None),
    };
    VerificationPreview { scheme: hook.verify.scheme.clone(), verified: reason.is_none(), reason, signed }
}

fn event_preview(hook: &Hook, api: Option<&Api>, mut event: Event) -> PreviewResult {
    let delivery_id_error = event.assign_id(hook).err().map(|error| error.to_string());
    let items = hook.batch.as_ref().map(|each| event.items(each).len());
    let mut runs = Vec::new();
    for (index, scope) in scopes(hook, &event).enumerate().take(ITEMS_SHOWN_MAX) {
        for (rule_index, rule) in hook.rules.iter().enumerate() {
            let item = hook
                .batch
                .as_ref()
                .map(|_| ItemPreview { item: index, item_id: event.item_id(hook, &scope, index) });
            runs.push(rule_preview(hook, api, (rule_index, rule), &scope, item));
        }
    }
    let is_accepted = runs.iter().any(|run| run.starts);
    PreviewResult::Event {
        outcome: if is_accepted { OutcomePreview::Accepted } else { OutcomePreview::Ignored },
        delivery_id: event.delivery.delivery_id,
        delivery_id_error,
        items,
        runs,
    }
}

fn rule_preview(
    hook: &Hook,
    api: Option<&Api>,
    (index, rule): (usize, &Rule),
    scope: &Scope,
    item: Option<ItemPreview>,
) -> RulePreview {
    let when = ConditionPreview::of(hook, rule, scope);
    let starts = when.as_ref().is_none_or(|when| when.holds != Some(false));
    let mapped = starts.then(|| with_key(rule, scope, map(hook, rule, scope)));
    let (params, key, error) = match mapped {
        Some((Ok(params), key)) => (Some(params), key, None),
        Some((Err(error), _)) => (None, None, Some(error)),
        None => (None, None, None),
    };
    let typed = params.as_ref().map(|params| {
        let typed = |value: &Value| TypedValue { value: value.clone(), r#type: type_of(value) };
        Named(params.iter().map(|(name, value)| (name.clone(), typed(value))).collect())
    });
    let request = params.and_then(|params| {
        Some(RequestPreview { method: "POST", url: api?.start_url(&rule.target).into(), body: params })
    });
    RulePreview {
        starts,
        target: Target::clone(&rule.target),
        when,
        params: typed,
        error,
        request,
        key,
        rule: index,
        item,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
