//! The overview: how runs went in the last hours, and which need somebody. Nothing is written.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;

use crate::hook::subscription::TargetName;
use crate::notify::Targets;
use crate::notify::ledger::{FailingTarget, Ledger};
use crate::ports::{AlertLedgers, Heartbeats, Log, Notifier, RunLists, StoreError};
use crate::run::{Status, Summary};
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

use super::queries::list_since;

/// The most hours of an overview: a week.
pub const HOURS_MAX: u32 = 7 * 24;

/// How many hours an overview has unless its caller says otherwise.
pub const HOURS_DEFAULT: u32 = 24;

/// The most parked runs that are named.
const PARKED_MAX: usize = 50;

/// How long after its moment a run counts as overdue, milliseconds: three sweeps of the interval that `wrangler.toml` has.
const OVERDUE_MS: i64 = 6 * MINUTE_MS;

/// How runs went.
#[derive(Debug, Clone, PartialEq)]
pub struct Overview {
    /// The beginning of the first hour.
    pub from: Timestamp,
    /// The time of the overview, in its last hour.
    pub until: Timestamp,
    /// The runs of each hour, the oldest first. A run belongs to the hour in which it was accepted.
    pub hours: Vec<Hour>,
    /// How many runs have each status: those accepted since [`from`](Self::from), and all that are open.
    pub totals: BTreeMap<Status, usize>,
    /// From acceptance to completion, seconds, of the runs that completed; `None`: none did.
    pub seconds_to_finish: Option<Quantiles>,
    /// The open run that was accepted first.
    pub oldest_open: Option<Rc<Summary>>,
    /// The `unconfirmed` runs, which wait for the operator, newest first, at most 50.
    pub parked: Vec<Rc<Summary>>,
    /// The runs of these hours, and the open ones of any age, by hook.
    pub hooks: BTreeMap<String, HookRuns>,
    /// Whether sweeps advance the open runs.
    pub sweeps: Sweeps,
    /// The targets of notifications, in the order of the names.
    pub targets: Vec<NotifiedTarget>,
    /// Whether all runs were read: there may be more than one call reads.
    pub is_complete: bool,
}

/// The runs of a hook.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct HookRuns {
    /// How many are completed.
    pub completed: usize,
    /// How many have failed.
    pub failed: usize,
    /// How many were canceled.
    pub canceled: usize,
    /// How many are not final.
    pub open: usize,
    /// When the newest one was accepted.
    pub last_accepted_at: Option<Timestamp>,
}

/// Whether sweeps advance the open runs: which of them should have been advanced long ago.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Sweeps {
    /// How many open runs are overdue: no sweep runs, sweeps cannot keep up, or Fabricate fails or refuses the key. A queued run that may
    /// wait for others is none of them.
    pub overdue: usize,
    /// When the first of them should have been advanced; `null` if none is overdue.
    pub oldest_due_at: Option<Timestamp>,
    /// The last heartbeat: one every ten minutes at most, while runs are open; `null` if there is none, or if it cannot be read.
    pub last_at: Option<Timestamp>,
}

/// A target of notifications, and whether it fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct NotifiedTarget {
    /// Its name in the configuration.
    pub name: TargetName,
    /// How its messages are written; `null` where its configuration has a mistake.
    pub format: Option<&'static str>,
    /// How its last attempt failed; `null` if it did not, or if that cannot be read.
    pub failing: Option<FailingTarget>,
}

/// The runs that were accepted in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Hour {
    /// The beginning.
    pub from: Timestamp,
    /// How many are completed.
    pub completed: usize,
    /// How many have failed.
    pub failed: usize,
    /// How many were canceled.
    pub canceled: usize,
    /// How many are not final.
    pub open: usize,
}

/// What half of the values do not exceed, and what 95 % do not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Quantiles {
    /// The median.
    pub median: f64,
    /// The 95th percentile.
    pub p95: f64,
}

/// Reads the runs of the last `hours`, the current hour included. It costs one list of open runs, up to five of final ones, and a
/// read of R2, or two where there are targets.
///
/// # Errors
/// `StoreError` when KV fails.
pub async fn overview<W: RunLists + Heartbeats + AlertLedgers + Notifier + Log>(
    world: &W,
    hours: u32,
    now: Timestamp,
) -> Result<Overview, StoreError> {
    let hours = hours.clamp(1, HOURS_MAX);
    let this_hour = now.plus_ms(-now.as_millis().rem_euclid(HOUR_MS));
    let from = this_hour.plus_ms(-i64::from(hours - 1) * HOUR_MS);
    let (runs, is_complete) = list_since(world, from).await?;
    // It says no more than `overdue` does: without it the overview is as good.
    let heartbeat = world.get_heartbeat().await.ok().flatten();
    let last_at = heartbeat.map(|(heartbeat, _)| heartbeat.at).filter(|at| at.as_millis() > 0);
    let targets = if world.targets().is_empty() {
        Vec::new()
    } else {
        // As with the heartbeat.
        let ledger = world.get_ledger().await.ok().flatten().map(|(ledger, _)| ledger).unwrap_or_default();
        notified_targets(world.targets(), &ledger)
    };
    let mut overview = Overview {
        from,
        until: now,
        hours: (0..hours).map(|hour| Hour::empty(from.plus_ms(i64::from(hour) * HOUR_MS))).collect(),
        totals: Status::ALL.into_iter().map(|status| (status, 0)).collect(),
        seconds_to_finish: Quantiles::of(runs.iter().filter_map(|run| seconds_to_finish(run)).collect()),
        oldest_open: None,
        parked: Vec::new(),
        hooks: BTreeMap::new(),
        sweeps: Sweeps { last_at, ..Sweeps::default() },
        targets,
        is_complete,
    };
    for run in runs {
        overview.count(run);
    }
    Ok(overview)
}

impl Overview {
    /// The share of the runs that completed among those that completed or failed; `None`: there are none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a list has some thousand runs")]
    pub fn success_rate(&self) -> Option<f64> {
        let of = |status: Status| self.totals.get(&status).copied().unwrap_or_default();
        let (completed, failed) = (of(Status::Completed), of(Status::Failed));
        (completed + failed > 0).then(|| completed as f64 / (completed + failed) as f64)
    }

    /// Counts a run. Runs come newest first.
    fn count(&mut self, run: Rc<Summary>) {
        *self.totals.entry(run.status).or_default() += 1;
        let since = run.run_id.created_at();
        let hour = self.hours.iter_mut().rev().find(|hour| hour.from <= since);
        if let Some(hour) = hour {
            *count_of(
                run.status,
                [&mut hour.completed, &mut hour.failed, &mut hour.canceled, &mut hour.open],
            ) += 1;
        }
        let hook = self.hooks.entry(run.hook().to_owned()).or_default();
        *count_of(run.status, [&mut hook.completed, &mut hook.failed, &mut hook.canceled, &mut hook.open]) +=
            1;
        hook.last_accepted_at.get_or_insert(since);
        if let Some(due_at) = run.settled_by().filter(|due_at| self.until.since_ms(*due_at) > OVERDUE_MS) {
            self.sweeps.overdue += 1;
            self.sweeps.oldest_due_at = Some(self.sweeps.oldest_due_at.unwrap_or(due_at).min(due_at));
        }
        if run.status == Status::Unconfirmed && self.parked.len() < PARKED_MAX {
            self.parked.push(Rc::clone(&run));
        }
        if !run.status.is_final() {
            self.oldest_open = Some(run);
        }
    }
}

fn notified_targets(targets: &Targets, ledger: &Ledger) -> Vec<NotifiedTarget> {
    let target = |name: &TargetName| NotifiedTarget {
        name: name.clone(),
        format: targets.get(name).ok().map(|target| target.format.as_str()),
        failing: ledger.failing.get(name).cloned(),
    };
    targets.names().map(target).collect()
}

/// Which of the counts is that of a status: completed, failed, canceled or open.
fn count_of(status: Status, [completed, failed, canceled, open]: [&mut usize; 4]) -> &mut usize {
    match status {
        Status::Completed => completed,
        Status::Failed => failed,
        Status::Canceled => canceled,
        _ => open,
    }
}

impl Hour {
    fn empty(from: Timestamp) -> Self {
        Self { from, completed: 0, failed: 0, canceled: 0, open: 0 }
    }
}

impl Quantiles {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        // The nearest rank.
        let rank = |percent: usize| values.get((values.len() * percent).div_ceil(100).saturating_sub(1));
        Some(Self { median: *rank(50)?, p95: *rank(95)? })
    }
}

#[expect(clippy::cast_precision_loss, reason = "a run takes at most some weeks")]
fn seconds_to_finish(run: &Summary) -> Option<f64> {
    let finished_at = run.finished_at.filter(|_| run.status == Status::Completed)?;
    Some(finished_at.since_ms(run.received_at) as f64 / SECOND_MS as f64)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::FutureExt;

    use super::*;
    use crate::ports::{Heartbeat, Version};
    use crate::run::tests::{at, queued_run};
    use crate::run::{Run, RunId, Stage};
    use crate::testing::MemoryWorld;

    /// The beginning of an hour.
    const HOUR: i64 = 2_000 * HOUR_MS - 1_700_000_000_000 % HOUR_MS;

    fn run(created_ms: i64, end: impl FnOnce(&mut Run)) -> Run {
        let mut run = queued_run();
        run.run_id = RunId::new(at(created_ms), [7; 16]);
        run.received_at = at(created_ms);
        end(&mut run);
        run
    }

    fn completed(created_ms: i64, seconds: i64) -> Run {
        run(created_ms, |run| {
            run.status = Status::Completed;
            run.finished_at = Some(at(created_ms + seconds * SECOND_MS));
        })
    }

    #[test]
    fn runs_are_counted_by_the_hour_in_which_they_were_accepted() {
        let world = MemoryWorld::default();
        let failed = |created_ms: i64| run(created_ms, |run| run.fail(Stage::Start, "no", at(created_ms)));
        let parked = run(HOUR - 90 * HOUR_MS, |run| run.status = Status::Unconfirmed);
        for run in [
            completed(HOUR + 1, 4),
            completed(HOUR + 2, 2),
            completed(HOUR - 1, 60),
            failed(HOUR - HOUR_MS),
            failed(HOUR - HOUR_MS - 1),
        ] {
            world.done.borrow_mut().insert(run.run_id, run);
        }
        for run in [run(HOUR + 3, |_| ()), parked.clone()] {
            world.open.borrow_mut().insert(run.run_id, run);
        }
        let overview = |hours| overview(&world, hours, at(HOUR + 1_000)).now_or_never().unwrap().unwrap();
        let shown = overview(2);
        let hour = |from: i64, [completed, failed, canceled, open]: [usize; 4]| Hour {
            from: at(from),
            completed,
            failed,
            canceled,
            open,
        };
        assert_eq!(shown.hours, [hour(HOUR - HOUR_MS, [1, 1, 0, 0]), hour(HOUR, [2, 0, 0, 1])]);
        assert_eq!((shown.from, shown.until), (at(HOUR - HOUR_MS), at(HOUR + 1_000)));
        let of = |status: Status| shown.totals[&status];
        assert_eq!((of(Status::Completed), of(Status::Failed), of(Status::Queued)), (3, 1, 1));
        assert_eq!((of(Status::Unconfirmed), of(Status::Canceled)), (1, 0), "open ones of any age");
        assert_eq!(shown.success_rate(), Some(0.75));
        assert_eq!(shown.seconds_to_finish, Some(Quantiles { median: 4.0, p95: 60.0 }));
        assert_eq!(shown.oldest_open.as_ref().map(|run| run.run_id), Some(parked.run_id));
        assert_eq!(shown.parked.len(), 1);
        assert!(shown.is_complete);
        let hook =
            HookRuns { completed: 3, failed: 1, canceled: 0, open: 2, last_accepted_at: Some(at(HOUR + 3)) };
        assert_eq!(shown.hooks, BTreeMap::from([("hook".to_owned(), hook)]));
        assert_eq!(overview(1).hours.len(), 1);
        assert_eq!(overview(3).totals[&Status::Failed], 2);
        assert_eq!(overview(HOURS_MAX + 1).hours.len(), HOURS_MAX as usize);
    }

    #[test]
    fn runs_that_no_sweep_advances_are_overdue() {
        let world = MemoryWorld::default();
        let waits = |created_ms: i64, not_before: i64| {
            run(created_ms, |run| run.not_before = Some(at(not_before * MINUTE_MS)))
        };
        let parked = run(2, |run| run.status = Status::Unconfirmed);
        let late = run(4, |run| {
            run.status = Status::InProgress;
            run.started_at = Some(at(-2 * HOUR_MS));
            Arc::make_mut(&mut run.settings).deadline_ms = HOUR_MS;
        });
        for run in [run(1, |_| ()), parked, waits(3, 5), late] {
            world.open.borrow_mut().insert(run.run_id, run);
        }
        let sweeps = |minute: i64| {
            let shown = overview(&world, 1, at(minute * MINUTE_MS + 2)).now_or_never().unwrap().unwrap();
            (shown.sweeps.overdue, shown.sweeps.oldest_due_at)
        };
        assert_eq!(sweeps(5), (1, Some(at(-HOUR_MS))), "the run past its deadline");
        assert_eq!(sweeps(6), (2, Some(at(-HOUR_MS))), "and the one that nobody started");
        assert_eq!(sweeps(11), (3, Some(at(-HOUR_MS))), "and the one that waited for its next attempt");
    }

    #[test]
    fn a_queued_run_that_may_wait_for_others_is_not_overdue() {
        let world = MemoryWorld::default();
        let keyed = run(1, |run| {
            run.key = Some("acme/sales".into());
            Arc::make_mut(&mut run.settings).deadline_ms = HOUR_MS;
        });
        let limited = run(2, |run| Arc::make_mut(&mut run.settings).max_running.hook = Some(1));
        for run in [&keyed, &limited] {
            world.open.borrow_mut().insert(run.run_id, run.clone());
        }
        let overdue = || overview(&world, 1, at(HOUR_MS)).now_or_never().unwrap().unwrap().sweeps.overdue;
        assert_eq!(overdue(), 0);
        let started = Run { status: Status::InProgress, started_at: Some(at(-HOUR_MS)), ..keyed };
        world.open.borrow_mut().insert(started.run_id, started);
        assert_eq!(overdue(), 1, "past its deadline");
    }

    #[test]
    fn it_has_the_time_of_the_last_heartbeat_if_that_can_be_read() {
        let world = MemoryWorld::default();
        let heartbeat = Heartbeat { author: "x".into(), at: at(7), open: 1, refusals: Vec::new(), gap: None };
        world.heartbeat.replace(Some((heartbeat, Version { etag: "x".into(), at: at(9) })));
        let last_at = || overview(&world, 1, at(0)).now_or_never().unwrap().unwrap().sweeps.last_at;
        assert_eq!(last_at(), Some(at(7)));
        world.heartbeat_fails.set(true);
        assert_eq!(last_at(), None);
    }

    #[test]
    fn it_has_each_target_of_the_configuration_and_how_it_fails() {
        let vars = serde_json::json!({"NOTIFY": {
            "ops": {"url": "https://example.com", "secret": "KEY"}, "chat": {"url_secret": "CHAT", "format": "slack"}, "odd": 7,
        }});
        let configuration = crate::config::Configuration::read(vars.as_object().unwrap());
        let crate::config::Configuration { targets, hooks, .. } = configuration;
        drop(hooks);
        let mut world = MemoryWorld::default();
        world.targets = Rc::try_unwrap(targets).unwrap();
        let name = |text: &str| TargetName::try_from(text.to_owned()).unwrap();
        let failing = FailingTarget { since: at(1), last_at: at(2), error: "HTTP 500".into() };
        let failing_targets =
            BTreeMap::from([(name("ops"), failing.clone()), (name("gone"), failing.clone())]);
        let ledger = Ledger { failing: failing_targets, ..Ledger::default() };
        world.ledger.replace(Some((ledger, Version { etag: "x".into(), at: at(3) })));
        let shown = |world: &MemoryWorld| overview(world, 1, at(0)).now_or_never().unwrap().unwrap().targets;
        let target = |text, format, failing| NotifiedTarget { name: name(text), format, failing };
        assert_eq!(
            shown(&world),
            [
                target("chat", Some("slack"), None),
                target("odd", None, None),
                target("ops", Some("standard-webhooks"), Some(failing)),
            ]
        );
        world.ledger_fails.set(true);
        assert!(shown(&world).iter().all(|target| target.failing.is_none()), "it cannot be read");
        world.targets = Targets::default();
        assert_eq!((shown(&world), world.ledger_calls.get()), (vec![], [2, 0]), "nothing is read");
    }

    #[test]
    fn where_nothing_happened_there_is_nothing() {
        let shown = overview(&MemoryWorld::default(), 1, at(0)).now_or_never().unwrap().unwrap();
        assert_eq!((shown.success_rate(), shown.seconds_to_finish, shown.oldest_open), (None, None, None));
    }
}
