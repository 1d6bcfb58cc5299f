//! Taking a delivery in: decide what it starts, claim it, show its runs; starting them comes after the answer.
//!
//! The claim is one create-only put: of any number of simultaneous redeliveries exactly one wins.

use futures_util::{StreamExt, stream};
use serde_json::json;

use crate::hook::delivery::{DeliveryId, Event};
use crate::hook::expression::Scope;
use crate::hook::{Hook, Rule};
use crate::journal::{Decision, Standing};
use crate::ports::{Claim, DeliveryKey, Level, StoreError, World};
use crate::run::{Run, RunId, Stage, Status};
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

use super::Budget;
use super::advance::settle;
use super::decide::{enter, read_journal};
use super::record::{TRIES_AT_INTAKE, follow_end, put_done, put_open};

/// A claim younger than this is taken to be in good hands: whoever won it is still writing its records.
pub(super) const CLAIM_YOUNG_MS: i64 = MINUTE_MS;

/// KV is late by a minute or a few; what it does not show an hour after its acceptance is not there.
const KV_LATE_MS_MAX: i64 = HOUR_MS;

/// How often a claim whose put failed is tried while the sender waits.
const CLAIM_TRIES: u32 = 2;

/// The largest parameter object, bytes: KV takes records of 25 MiB, but an isolate has 128 MB for everything.
const PARAMS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How many runs of one delivery are started at once, of the six connections that a Worker may have.
const STARTS_AT_ONCE: usize = 4;

/// No further start is begun this long after the answer. The runtime ends everything 30 s after it, and a start that
/// is cut off between its request and its entry would be unconfirmed: it may take 28 s.
const START_WINDOW_MS: i64 = SECOND_MS;

/// Outbound requests that starting the runs of one delivery may take: one each, of the free plan's 50.
const START_REQUESTS: u32 = 40;

/// What became of a delivery.
#[derive(Debug)]
pub enum Received {
    /// No rule's `when` held: nothing is stored.
    Ignored,
    /// Stored; these runs are to be started now ([`start_accepted`]).
    Accepted(Vec<Run>),
    /// Stored before.
    Duplicate {
        /// The runs of the first delivery, as well as is known.
        runs: Vec<Run>,
        /// Those of them that had been lost on the way, to be started now.
        healed: Vec<Run>,
    },
}

/// Takes in a verified and parsed delivery. When it returns `Accepted` or `Duplicate`, the delivery is durable.
///
/// # Errors
/// When a store fails: the sender is to try again, and loses nothing by it.
pub async fn receive<W: World>(
    world: &W,
    hook: &Hook,
    mut event: Event,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let scope = event.scope();
    let id_problem = take_delivery_id(hook, &mut event, &scope);
    let runs = plan(world, hook, &event, &scope, id_problem.as_deref(), now);
    if runs.is_empty() {
        return Ok(Received::Ignored);
    }
    let key = DeliveryKey::of(&hook.name, &event.delivery.delivery_id);
    let claim = Claim { author: super::author(world), delivery: event.delivery, runs };
    match take_claim(world, &key, &claim).await? {
        None => {
            let mut runs = claim.runs;
            for run in &mut runs {
                show_accepted(world, run).await?;
            }
            Ok(Received::Accepted(runs))
        }
        Some((standing, at)) => duplicate(world, standing, at, now).await,
    }
}

/// Starts the runs that [`receive`] accepted or healed, after the sender has its answer. What is not reached, or
/// fails, the next sweep takes up.
pub async fn start_accepted<W: World>(world: &W, runs: Vec<Run>, now: Timestamp) {
    let budget = Budget::new(START_REQUESTS);
    let began = world.now();
    let waiting = runs.into_iter().filter(|run| !run.status.is_final());
    stream::iter(waiting)
        .for_each_concurrent(STARTS_AT_ONCE, |run| async {
            if world.now().since_ms(began) > START_WINDOW_MS {
                return;
            }
            let run_id = run.run_id;
            if let Err(error) = settle(world, run, now, &budget).await {
                let fields = json!({"run_id": run_id, "error": error.to_string()});
                world.log(Level::Warn, "run not started, the next sweep tries again", fields);
            }
        })
        .await;
}

/// Sets the delivery's id where the hook states how; a problem with that fails the mapping, and loses nothing.
fn take_delivery_id(hook: &Hook, event: &mut Event, scope: &Scope) -> Option<String> {
    let template = hook.delivery_id.as_ref()?;
    match hook.expressions.evaluate(template, scope) {
        Ok(serde_json::Value::String(text)) if !text.is_empty() => {
            event.delivery.delivery_id = DeliveryId::from(text.as_str());
            None
        }
        Ok(serde_json::Value::Number(number)) => {
            event.delivery.delivery_id = DeliveryId::from(number.to_string().as_str());
            None
        }
        Ok(_) => Some("delivery_id: neither a text nor a number".to_owned()),
        Err(error) => Some(format!("delivery_id: {error}")),
    }
}

/// The runs that an event becomes: one for each rule that holds, `failed` already where the mapping has no value.
fn plan<W: World>(
    world: &W,
    hook: &Hook,
    event: &Event,
    scope: &Scope,
    id_problem: Option<&str>,
    now: Timestamp,
) -> Vec<Run> {
    let mut runs = Vec::new();
    for rule in &hook.rules {
        let held = match &rule.when {
            None => Ok(true),
            Some(when) => hook.expressions.holds(when, scope).map_err(|error| format!("when: {error}")),
        };
        if held == Ok(false) {
            continue;
        }
        let mut run = queued(world, hook, rule, event, now);
        let params = match (id_problem, held) {
            (Some(problem), _) => Err(problem.to_owned()),
            (None, Err(problem)) => Err(problem),
            (None, Ok(_)) => {
                rule.params.evaluate(&hook.expressions, scope).map_err(|error| error.to_string())
            }
        };
        match params {
            Ok(params) if size_of_json(&params) > PARAMS_BYTES_MAX => {
                let problem = format!("params: more than {PARAMS_BYTES_MAX} bytes");
                run.failed(Stage::Mapping, problem, now);
            }
            Ok(params) => run.params = params,
            Err(problem) => run.failed(Stage::Mapping, problem, now),
        }
        runs.push(run);
    }
    runs
}

fn size_of_json(params: &serde_json::Map<String, serde_json::Value>) -> usize {
    serde_json::to_string(params).map_or(0, |text| text.len())
}

fn queued<W: World>(world: &W, hook: &Hook, rule: &Rule, event: &Event, now: Timestamp) -> Run {
    Run {
        run_id: RunId::new(now, world.random()),
        hook: hook.name.clone(),
        delivery_id: event.delivery.delivery_id.clone(),
        target: rule.target.clone(),
        params: serde_json::Map::new(),
        settings: rule.settings.clone(),
        status: Status::Queued,
        attempts: 0,
        not_before: None,
        task: None,
        result_in_journal: false,
        unjournalled: false,
        missing: None,
        archiving_since: None,
        files: Vec::new(),
        error: None,
        retry_of: None,
        received_at: now,
        started_at: None,
        finished_at: None,
        written_at: None,
    }
}

/// `None`: the claim is ours. `Some`: the one that stands, and when R2 took it.
async fn take_claim<W: World>(
    world: &W,
    key: &DeliveryKey,
    claim: &Claim,
) -> Result<Option<(Claim, Timestamp)>, StoreError> {
    let mut error = StoreError::Busy("inbox");
    for _ in 0..CLAIM_TRIES {
        match world.create_claim(key, claim).await {
            Ok(true) => return Ok(None),
            Ok(false) => {}
            Err(failed) => error = failed,
        }
        // A put that failed, or lost, reads back: it may have been one's own.
        match world.get_claim(key).await {
            Ok(Some((standing, _))) if standing.author == claim.author => return Ok(None),
            Ok(Some(standing)) => return Ok(Some(standing)),
            Ok(None) => {}
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

/// Puts a new run to KV. One whose mapping failed has ended: that is entered in its journal first.
async fn show_accepted<W: World>(world: &W, run: &mut Run) -> Result<(), StoreError> {
    if !run.status.is_final() {
        return put_open(world, run, TRIES_AT_INTAKE).await;
    }
    // A lost place is no matter: whoever holds it entered the end of the same claim.
    enter(world, run.run_id, 1, Decision::End { run: Box::new(run.clone()) }).await?;
    put_done(world, run, TRIES_AT_INTAKE).await
}

async fn duplicate<W: World>(
    world: &W,
    claim: Claim,
    at: Timestamp,
    now: Timestamp,
) -> Result<Received, StoreError> {
    let mut runs = Vec::new();
    let mut healed = Vec::new();
    for run in claim.runs {
        if now.since_ms(at) < CLAIM_YOUNG_MS {
            runs.push(run);
            continue;
        }
        match heal(world, run, at, now).await? {
            Healing::Known(run) => runs.push(*run),
            Healing::Healed(run) => {
                runs.push((*run).clone());
                healed.push(*run);
            }
        }
    }
    Ok(Received::Duplicate { runs, healed })
}

/// What a look at an accepted run's records came to.
#[derive(Debug)]
pub(super) enum Healing {
    /// Nothing is to be done; the run as well as is known.
    Known(Box<Run>),
    /// KV had no record of it: it has one again, and the run is to be settled now.
    Healed(Box<Run>),
}

/// Gives a run that was accepted at `at` and that KV has no record of one; what its journal says follows.
///
/// KV may just be late, and then this writes an old status over a newer one. That does no harm, for the status
/// decides nothing and the next sweep copies the journal's again; with one exception. While the journal ends with a
/// `start`, the record may hold the only word of a task, because its author could not write the journal. It is not
/// written over until KV cannot be late any more.
pub(super) async fn heal<W: World>(
    world: &W,
    mut run: Run,
    at: Timestamp,
    now: Timestamp,
) -> Result<Healing, StoreError> {
    if let Some(done) = world.get_done(run.run_id).await? {
        return Ok(Healing::Known(Box::new(done)));
    }
    if let Some(open) = world.get_open(run.run_id).await? {
        return Ok(Healing::Known(Box::new(open)));
    }
    let journal = read_journal(world, run.run_id).await?;
    if let Standing::Ended(ended) = journal.standing(now) {
        follow_end(world, &ended).await?;
        return Ok(Healing::Known(ended));
    }
    if journal.ends_with_start() && now.since_ms(at) < KV_LATE_MS_MAX {
        return Ok(Healing::Known(Box::new(run)));
    }
    show_accepted(world, &mut run).await?;
    let run = Box::new(run);
    Ok(if run.status.is_final() { Healing::Known(run) } else { Healing::Healed(run) })
}
