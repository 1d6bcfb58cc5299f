//! Deliveries: how one is answered, and how a stored one is shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::fabricate::TaskId;
use crate::hook::HookName;
use crate::hook::delivery::{Delivery, DeliveryId, StoredBody};
use crate::run::{Run, RunId, Stage, Status};
use crate::timestamp::Timestamp;

/// The answer to a delivery.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct DeliveryAnswer {
    /// What became of the delivery.
    pub status: DeliveryStatus,
    /// The delivery's runs; of a duplicate, those of the first delivery.
    pub runs: Vec<RunOfDelivery>,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RunOfDelivery {
    /// UUID of version 7.
    pub run_id: RunId,
    /// The run's status.
    pub status: Status,
    /// Where the run is shown: the path of the operator's call, or the whole address of a signed link where the hook shares its
    /// runs ([`SharedRun`](super::SharedRun)).
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct StageOfError {
    /// The stage.
    pub stage: Stage,
}

impl RunOfDelivery {
    pub(in crate::http) fn of(run: &Run) -> Self {
        Self {
            run_id: run.run_id,
            status: run.status,
            status_url: format!("/api/runs/{}", run.run_id),
            task_id: None,
            error: run.error.as_ref().map(|error| StageOfError { stage: error.stage }),
        }
    }

    pub(in crate::http) fn with_task(run: &Run) -> Self {
        Self { task_id: run.task.as_ref().map(|task| task.id.clone()), ..Self::of(run) }
    }
}

/// The answer to `GET /api/runs/{run_id}/delivery`: a delivery as it is stored, without credentials.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "Delivery"))]
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
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "DeliveryBody"))]
#[serde(rename_all = "lowercase")]
pub enum BodyView<'a> {
    /// The body, which is UTF-8.
    Text(&'a str),
    /// The body in Base64 (RFC 4648, section 4), where it is not text.
    Base64(&'a str),
}

impl<'a> DeliveryView<'a> {
    pub(in crate::http) fn of(delivery: &'a Delivery) -> Self {
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
