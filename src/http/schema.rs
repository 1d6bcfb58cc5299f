//! The JSON bodies of the API, but for a run ([`RunView`]), a preview ([`Preview`]) and a problem ([`ProblemBody`]).
//! Names, order and values are a contract with callers.
//!
//! Times are RFC 3339 in UTC, with milliseconds. A field is always present unless its documentation says when it is
//! absent.
//!
//! [`RunView`]: crate::run::RunView
//! [`Preview`]: crate::service::preview::Preview
//! [`ProblemBody`]: super::ProblemBody

mod deliveries;
mod files;
mod hooks;
mod ignored;
mod many;
mod overview;
mod runs;
mod shared;
mod worker;

pub use deliveries::{BodyView, DeliveryAnswer, DeliveryStatus, DeliveryView, RunOfDelivery, StageOfError};
pub use files::{LinkAnswer, LinkRequest};
pub use hooks::{HookList, HookState, HookView, MistakeView, ReadableHook, RuleView, VerifyView};
pub use ignored::{KeptList, KeptView, RecentList};
pub use many::{AbandonManyAnswer, RetriedRun, RetryManyAnswer, SkippedRun};
pub use overview::OverviewView;
pub use runs::{AbandonRequest, AdoptRequest, RunList, Timeline};
pub use shared::{SharedFile, SharedRun, SharedTask};
pub use worker::{Health, HealthStatus, HealthSweeps, Session};

pub use crate::service::health::{HealthProblem, HealthProblemKind};
