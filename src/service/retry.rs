//! Retrying a run: a new run from the stored delivery, mapped anew with what its hook says now.
//!
//! `retries/{run_id}` is the gate: created once, with the new run whole in it, so that two clicks make one new run. It
//! never starts anything.

use crate::hook::delivery::Delivery;
use crate::hook::event::Event;
use crate::hook::{Hook, HookName};
use crate::journal::Standing;
use crate::mutation::{Mutation, makes};
use crate::ports::{DeliveryKey, ItemKey, Level, Retry, StoreError, World};
use crate::run::{Origin, Run, RunId, Status};
use crate::timestamp::Timestamp;

use super::accept::{CLAIM_YOUNG_MS, Healing, TRIES_TO_CLAIM, heal, queued, show_accepted};
use super::advance::tell;
use super::decide::create_once;
use super::operate::{Refusal, abandon_standing, look_up};
use super::plan::{Plan, map_again, rule_again};

/// The hooks as they are configured now, by name; `None` for one that is not there, or broken.
pub type Hooks<'h> = dyn Fn(&HookName) -> Option<&'h Hook> + 'h;

/// The run that a retry came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Retried {
    /// The new run.
    pub run: Run,
    /// Made now, and not by an earlier call.
    pub is_new: bool,
    /// Whether it is to be started now (`start_accepted`).
    pub starts: bool,
}

/// Makes a new run of one that failed or was canceled, of an `unconfirmed` one after abandoning it, and with `force` of
/// a completed one too: its workflow did its work, and would do it a second time. A run is retried once: every later
/// call answers with the same new run, which can be retried in turn.
///
/// # Errors
/// See [`Refusal`]; nothing was decided then, but where a store failed: calling again is safe.
pub async fn retry<W: World>(
    world: &W,
    hooks: &Hooks<'_>,
    run_id: RunId,
    force: bool,
    now: Timestamp,
) -> Result<Retried, Refusal> {
    retry_if(world, hooks, run_id, &|run| force || run.status != Status::Completed, now).await
}

/// [`retry`], of a run that is `wanted` as its journal has it.
pub(super) async fn retry_if<W: World>(
    world: &W,
    hooks: &Hooks<'_>,
    run_id: RunId,
    wanted: &dyn Fn(&Run) -> bool,
    now: Timestamp,
) -> Result<Retried, Refusal> {
    if let Some((standing, at)) = world.get_retry(run_id).await?
        && !makes(Mutation::RetriesAreNotConditional)
    {
        return Ok(Box::pin(retried_before(world, standing, at, now)).await?);
    }
    let stand = look_up(world, run_id, now).await?;
    let parked = match &stand.standing {
        Standing::Ended(run) if wanted(run) => false,
        Standing::Unconfirmed { .. } | Standing::Expired(_) if wanted(&stand.run) => true,
        Standing::Ended(run) if run.status == Status::Completed => {
            return Err(stand.refuse("the run is completed: ?force=true runs its workflow a second time"));
        }
        _ => return Err(stand.refuse("only a run that has ended, or is unconfirmed, can be retried")),
    };
    // Before anything is decided, so that a run whose retry is refused is not abandoned.
    let new = renew(world, hooks, &stand.run, now).await?;
    let old = if parked && !makes(Mutation::RetriesPrecedeTheEnd) {
        Box::pin(abandon_standing(world, stand, Some("to be retried"), now)).await?
    } else {
        stand.run
    };
    Ok(accept(world, &old, new, now).await?)
}

/// The new run of `old`. One whose task is completed takes that over, and archives what is missing; any other is mapped
/// anew, and has failed where that fails.
async fn renew<W: World>(world: &W, hooks: &Hooks<'_>, old: &Run, now: Timestamp) -> Result<Run, Refusal> {
    let hook = hooks(&old.hook);
    if old.lacks_files_only() {
        let rule = hook.and_then(|hook| rule_again(hook, old, &[]));
        let settings = rule.map_or(&old.settings, |(_, rule)| &rule.settings).clone();
        return Ok(old.for_missing_files(RunId::new(now, world.random()), settings, now));
    }
    let hook =
        hook.ok_or(Refusal::NotConfigured("the hook of this run is not configured any more, or broken"))?;
    let (delivery, siblings) = stored_delivery(world, old).await?.ok_or(Refusal::NoDelivery)?;
    let plan = plan_again(hook, delivery, &siblings, old)
        .ok_or(Refusal::NotConfigured("no rule of the hook is for this run's workflow any more"))?;
    let mut run = queued(world, hook, plan, &old.delivery_id, now);
    run.retry_of = Some(old.run_id);
    Ok(run)
}

/// The delivery that a run was accepted with, and the runs that were accepted in the same claim. `None`: it has expired.
async fn stored_delivery<W: World>(world: &W, run: &Run) -> Result<Option<(Delivery, Vec<Run>)>, StoreError> {
    let mut key = DeliveryKey::of(&run.hook, &run.delivery_id);
    let mut siblings = None;
    if let Some(item_id) = &run.item_id {
        let Some((item, _)) = world.get_item(&ItemKey::of(&run.hook, item_id)).await? else {
            return Ok(None);
        };
        key.digest = item.delivery;
        siblings = Some(item.runs);
    }
    let claim = world.get_claim(&key).await?;
    Ok(claim.map(|(claim, _)| (claim.delivery, siblings.unwrap_or(claim.runs))))
}

fn plan_again<'h>(hook: &'h Hook, delivery: Delivery, siblings: &[Run], old: &Run) -> Option<Plan<'h>> {
    let (index, rule) = rule_again(hook, old, siblings)?;
    let item = old.origin.and_then(|origin| origin.item);
    let params = Event::from_stored(delivery, hook)
        .map_err(|error| error.to_string())
        .and_then(|event| map_again(hook, rule, &event, item));
    Some(Plan { rule, origin: Origin { rule: index, item }, item_id: old.item_id.clone(), params })
}

/// Takes the gate for `new`, and shows it; or answers with the run of whoever was there first.
async fn accept<W: World>(world: &W, old: &Run, new: Run, now: Timestamp) -> Result<Retried, StoreError> {
    let retry = Retry { author: super::author(world), run: new };
    let standing = create_once(
        world,
        TRIES_TO_CLAIM,
        async || world.create_retry(old.run_id, &retry).await,
        async || world.get_retry(old.run_id).await,
        |(standing, _)| standing.author == retry.author,
    );
    if let Some((standing, at)) = standing.await?
        && !makes(Mutation::RetriesAreNotConditional)
    {
        return Box::pin(retried_before(world, standing, at, now)).await;
    }
    let mut run = retry.run;
    tell(world, Level::Info, "run retried", &run);
    let shown = show_accepted(world, &mut run).await;
    if let Err(error) = &shown {
        // It is accepted all the same: who starts it shows it, and else a reconcile pass does.
        let fields = serde_json::json!({"run_id": run.run_id, "error": error.to_string()});
        world.log(Level::Warn, "retry not shown yet", fields);
    }
    let starts = !run.status.is_final() && (run.status == Status::Queued || shown.is_err());
    Ok(Retried { run, is_new: true, starts })
}

/// The retry that was there already; one that was lost on the way to KV is healed.
pub(super) async fn retried_before<W: World>(
    world: &W,
    standing: Retry,
    at: Timestamp,
    now: Timestamp,
) -> Result<Retried, StoreError> {
    if now.since_ms(at) < CLAIM_YOUNG_MS {
        return Ok(Retried { run: standing.run, is_new: false, starts: false });
    }
    Ok(match heal(world, standing.run, at, now).await? {
        Healing::Known(run) => Retried { run: *run, is_new: false, starts: false },
        Healing::Healed(run) => Retried { run: *run, is_new: false, starts: true },
    })
}

#[cfg(test)]
pub(super) mod tests;
