//! Where a run comes from: its stored delivery, and the rule that makes its parameters as the hook is configured now.

use crate::hook::delivery::Delivery;
use crate::hook::{Hook, Rule};
use crate::ports::{DeliveryKey, Inbox, ItemKey};
use crate::run::Run;

use super::operator::Refusal;
use super::plan::rule_again;
use super::queries::stored_delivery;
use super::retry::Hooks;

/// Where a run comes from.
pub(super) struct Origin<'h> {
    pub(super) hook: &'h Hook,
    /// The index of the rule.
    pub(super) index: usize,
    pub(super) rule: &'h Rule,
    pub(super) delivery: Delivery,
    /// The index of the item of the batch that the run is for.
    pub(super) item: Option<usize>,
}

impl<'h> Origin<'h> {
    /// Reads the delivery of a run, and finds its hook and its rule.
    ///
    /// # Errors
    /// - [`Refusal::NotConfigured`]: the hook, or its rule for the run, is not there any more.
    /// - [`Refusal::NoDelivery`]: the delivery has expired.
    /// - [`Refusal::Store`] when a store fails.
    pub(super) async fn find<W: Inbox<DeliveryKey> + Inbox<ItemKey>>(
        world: &W,
        hooks: &Hooks<'h>,
        run: &Run,
    ) -> Result<Self, Refusal> {
        let hook = hooks(&run.hook)
            .ok_or(Refusal::NotConfigured("the hook of this run is not configured any more, or broken"))?;
        let (delivery, siblings) = stored_delivery(world, run).await?.ok_or(Refusal::NoDelivery)?;
        let (index, rule) = rule_again(hook, run, &siblings)
            .ok_or(Refusal::NotConfigured("no rule of the hook is for this run's workflow any more"))?;
        let item = run.mapped_from.and_then(|from| from.item_index);
        Ok(Self { hook, index, rule, delivery, item })
    }
}
