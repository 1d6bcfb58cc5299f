//! Ids of events: evaluates the expressions of a hook, or of its sender, for the id of a delivery or of a batch item.
//!
//! An id must be the same for every redelivery. So an expression that fails for another reason than a missing field never
//! leads to a new id, because each redelivery would then be a new event.

use super::Hook;
use super::delivery::DeliveryId;
use crate::expression::{Expressions, Scope, Template};

/// The id of a `CloudEvent`: source and id together are unique for each event (section "id" of the specification, version
/// 1.0). A URI contains no space, so the parts cannot be confused.
pub(crate) const CLOUD_EVENT_ID: &str = "{{ event.source }} {{ event.id }}";

/// The expressions for the id of a batch item.
#[derive(Debug, Default)]
pub struct ItemIds {
    /// The first one with a value decides. Empty: a batch is claimed as a whole.
    pub(crate) templates: Vec<Template>,
    /// Whether they apply to batches of `CloudEvents` only, because neither the hook nor its sender has such expressions.
    pub(crate) of_cloud_events: bool,
}

/// The result of the expressions for an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdOutcome {
    /// The id.
    Id(DeliveryId),
    /// No expression has a value, because a field is missing, null or empty.
    Absent,
    /// An expression failed for another reason, or its value is neither a text nor a number.
    Failed(String),
}

impl Hook {
    /// The id by the hook's own `delivery_id`; `None` where the hook has none, so that [`Self::sender_id`] decides.
    #[must_use]
    pub fn configured_id(&self, scope: &Scope) -> Option<IdOutcome> {
        let template = self.delivery_id_template.as_ref()?;
        Some(evaluate(&self.expressions, std::slice::from_ref(template), scope))
    }

    /// The id that the sender gives the event.
    #[must_use]
    pub fn sender_id(&self, scope: &Scope) -> IdOutcome {
        evaluate(&self.expressions, &self.sender_id_templates, scope)
    }

    /// The id of a batch item; expressions see the item in `scope`.
    #[must_use]
    pub fn item_id(&self, scope: &Scope) -> IdOutcome {
        evaluate(&self.expressions, &self.item_ids.templates, scope)
    }

    /// Whether the items of a batch with this content type have ids, so that each is claimed by itself.
    #[must_use]
    pub fn has_item_ids(&self, content_type: Option<&str>) -> bool {
        let is_cloud_events = || content_type.is_some_and(is_cloud_events_batch);
        let applies = !self.item_ids.of_cloud_events || is_cloud_events();
        self.batch.is_some() && !self.item_ids.templates.is_empty() && applies
    }
}

/// The first template with a value decides. One that fails for another reason than a missing field decides too: the id of
/// an event must not depend on how much of the work bound was left.
fn evaluate(expressions: &Expressions, templates: &[Template], scope: &Scope) -> IdOutcome {
    for template in templates {
        match expressions.evaluate_id(template, scope) {
            Ok(None) => {}
            Ok(Some(id)) => return IdOutcome::Id(DeliveryId::from(id.as_str())),
            Err(error) if error.missing_field => {}
            Err(error) => return IdOutcome::Failed(error.to_string()),
        }
    }
    IdOutcome::Absent
}

fn is_cloud_events_batch(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/cloudevents-batch+json")
}

#[cfg(test)]
mod tests;
