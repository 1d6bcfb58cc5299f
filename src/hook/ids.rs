//! Names of events: the id of a delivery and of an item of a batch, as the hook or its sender states them.
//!
//! An id is the same for every redelivery, or it is not given: an expression that cannot be evaluated for another reason
//! than a missing field never leads to a new id, because each redelivery would then be a new event.

use super::Hook;
use super::delivery::DeliveryId;
use crate::expression::{Expressions, Scope, Template};

/// What names a `CloudEvent`: by section "id" of the specification, version 1.0, source and id together are unique for
/// each distinct event. No URI has a space in it.
pub(crate) const CLOUD_EVENT_ID: &str = "{{ event.source }} {{ event.id }}";

/// What names an item of a batch.
#[derive(Debug, Default)]
pub struct ItemIds {
    /// The first that has a value counts. None: a batch is claimed as a whole.
    pub(crate) templates: Vec<Template>,
    /// They hold for batches of `CloudEvents` alone, because neither the hook nor its sender states any.
    pub(crate) of_cloud_events: bool,
}

/// What the expressions for an id come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// An id.
    Id(DeliveryId),
    /// No expression has a value: a field is missing, null or empty.
    Unnamed,
    /// An expression fails for another reason, or its value is neither a text nor a number; says why.
    Unusable(String),
}

impl Hook {
    /// What the hook's own `delivery_id` comes to; `None`: it has none, and the sender's [`stated_id`](Self::stated_id)
    /// counts.
    #[must_use]
    pub fn own_id(&self, scope: &Scope) -> Option<Named> {
        let own = self.delivery_id.as_ref()?;
        Some(named(&self.expressions, std::slice::from_ref(own), scope))
    }

    /// What the sender states as the event's id.
    #[must_use]
    pub fn stated_id(&self, scope: &Scope) -> Named {
        named(&self.expressions, &self.stated_ids, scope)
    }

    /// What names one item of a batch, as its scope has it.
    #[must_use]
    pub fn item_id(&self, scope: &Scope) -> Named {
        named(&self.expressions, &self.item_ids.templates, scope)
    }

    /// Whether each item of a batch that comes with this content type has an id of its own.
    #[must_use]
    pub fn names_items(&self, content_type: Option<&str>) -> bool {
        let is_cloud_events = || content_type.is_some_and(is_cloud_events_batch);
        let applies = !self.item_ids.of_cloud_events || is_cloud_events();
        self.each.is_some() && !self.item_ids.templates.is_empty() && applies
    }
}

/// The first template that has a value decides. One that fails otherwise than for a missing field decides, too: which
/// of several ids an event has must not depend on how much work was left.
fn named(expressions: &Expressions, templates: &[Template], scope: &Scope) -> Named {
    for template in templates {
        match expressions.evaluate_id(template, scope) {
            Ok(None) => {}
            Ok(Some(id)) => return Named::Id(DeliveryId::from(id.as_str())),
            Err(error) if error.missing_field => {}
            Err(error) => return Named::Unusable(error.to_string()),
        }
    }
    Named::Unnamed
}

fn is_cloud_events_batch(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/cloudevents-batch+json")
}

#[cfg(test)]
mod tests;
