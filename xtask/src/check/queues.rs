//! The queue that sweeps may hand their runs to: what is put in must be taken out.
//!
//! Whether a sweep uses one is the Worker's to decide.

use serde_json::Value as Json;

use super::finding::Finding;
use super::scope::Scope;
use super::values;

/// The queue that sweeps hand their runs to, where there is one.
const SWEEP_QUEUE: &str = "SWEEP_QUEUE";

/// A warning where nobody takes from the queue: its runs would never be advanced.
pub(super) fn find(scope: &Scope<'_>) -> Option<Finding> {
    let queues = values::read(scope.table, "queues")?;
    let list = |kind: &str| queues.get(kind).and_then(Json::as_array).into_iter().flatten();
    let producer = list("producers").find(|producer| producer["binding"] == SWEEP_QUEUE)?;
    if list("consumers").any(|consumer| consumer["queue"] == producer["queue"]) {
        return None;
    }
    let name = producer["queue"].as_str().unwrap_or_default();
    Some(Finding::warning(
        scope.at(&["queues", "producers"]),
        format!("{SWEEP_QUEUE} has no consumer here, so nobody takes what sweeps hand on"),
        format!(
            "write [[{}]] queue = \"{name}\" (docs/scale.md), unless another Worker takes it",
            scope.header("queues.consumers")
        ),
    ))
}
