//! Data points in Workers Analytics Engine, where a dataset is bound as `METRICS`. Without the binding nothing of this happens.
//!
//! A point is handed to the runtime, which sends it later: nothing waits for it, and one that is not taken is dropped.
//! Source: <https://developers.cloudflare.com/analytics/analytics-engine/get-started/>.

use std::cell::Cell;
use std::rc::Rc;

use worker::{AnalyticsEngineDataPointBuilder, AnalyticsEngineDataset, Env};

use super::http::Invocation;
use super::world::{Cloudflare, dataset};
use crate::ports::{Metrics, Point};

/// The binding.
pub(super) const METRICS: &str = "METRICS";

/// The most points of one invocation; the rest is dropped. It is Cloudflare's limit:
/// <https://developers.cloudflare.com/analytics/analytics-engine/limits/>.
const POINTS_MAX: u32 = 250;

/// Where the points of one invocation go. Clones share its limit.
#[derive(Clone)]
pub(super) struct Points(Option<Rc<Bound>>);

struct Bound {
    dataset: AnalyticsEngineDataset,
    left: Cell<u32>,
}

impl Points {
    /// For an invocation that begins.
    pub(super) fn of_invocation(env: &Env) -> Self {
        Self(dataset(env).map(|dataset| Rc::new(Bound { dataset, left: Cell::new(POINTS_MAX) })))
    }

    fn write(&self, point: &Point<'_>) {
        let Some(bound) = &self.0 else { return };
        let Some(left) = bound.left.get().checked_sub(1) else { return };
        bound.left.set(left);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds and bytes are far below 2^53")]
        let doubles = [point.duration_ms as f64, point.bytes as f64, f64::from(point.attempts)];
        let detail = point.detail.to_text();
        let blobs = [point.kind.as_str(), point.outcome.as_str(), &*detail, point.workspace, point.workflow];
        let point =
            AnalyticsEngineDataPointBuilder::new().indexes([point.hook]).blobs(blobs).doubles(doubles);
        // It throws where the binding is something else. A metric is not worth a failure.
        let _ = point.write_to(&bound.dataset);
    }
}

impl Metrics for Cloudflare {
    fn write_point(&self, point: &Point<'_>) {
        self.points.write(point);
    }
}

impl Metrics for Invocation {
    fn write_point(&self, point: &Point<'_>) {
        self.points.write(point);
    }
}
