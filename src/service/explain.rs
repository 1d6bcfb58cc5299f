//! How the parameters of a run were made: its stored delivery, mapped again by its hook as it is configured now. Nothing is
//! written.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::hook::event::Event;
use crate::ports::{DeliveryKey, Inbox, ItemKey};
use crate::run::Run;

use super::operator::Refusal;
use super::origin::Origin;
use super::plan::{map, scope_again, with_key};
use super::preview::ConditionPreview;
use super::retry::Hooks;

/// How the parameters of a run were made.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Mapping"))]
pub struct Explanation {
    /// The index of the rule, from 0.
    pub rule: usize,
    /// The rule's condition; `null` if it has none, or if the delivery cannot be read.
    pub when: Option<ConditionPreview>,
    /// The rule's `params`, as they are configured.
    pub expressions: Map<String, Value>,
    /// What they are for the delivery; `null` if they, or the run's key, cannot be mapped.
    pub params: Option<Map<String, Value>>,
    /// Why they, or the run's key, cannot be mapped; `null` if they can.
    pub error: Option<String>,
    /// Whether the run has the same parameters: otherwise the configuration was changed since.
    pub is_current: bool,
}

/// Explains the parameters of a run.
///
/// # Errors
/// [`Refusal::NotConfigured`], [`Refusal::NoDelivery`] and [`Refusal::Store`], as for a retry.
pub async fn explain<W: Inbox<DeliveryKey> + Inbox<ItemKey>>(
    world: &W,
    hooks: &Hooks<'_>,
    run: &Run,
) -> Result<Explanation, Refusal> {
    let Origin { hook, index, rule, delivery, item } = Origin::find(world, hooks, run).await?;
    let scope = Event::from_stored(delivery, hook)
        .map_err(|error| error.to_string())
        .and_then(|event| scope_again(hook, &event, item));
    // Where the key cannot be evaluated, the mapping has failed.
    let params = scope
        .as_ref()
        .map_err(Clone::clone)
        .and_then(|scope| with_key(rule, scope, map(hook, rule, scope)).0);
    Ok(Explanation {
        rule: index,
        when: scope.ok().and_then(|scope| ConditionPreview::of(hook, rule, &scope)),
        expressions: rule.params.as_configured(),
        is_current: params.as_ref().is_ok_and(|params| *params == *run.params),
        error: params.as_ref().err().cloned(),
        params: params.ok(),
    })
}
