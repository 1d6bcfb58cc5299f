//! Lists over a KV whose pages are small: whatever the filter and the limit, each run is shown once and in order.

use std::cell::RefCell;

use futures_util::FutureExt;

use super::*;
use crate::example_secrets::Exposure;
use crate::log::Line;
use crate::notify::{Request, Targets};
use crate::ports::{Page, Posted, RunPage};
use crate::run::Stage;
use crate::run::tests::{at, queued_run};

/// KV with pages of a few records, and with one that cannot be read.
#[derive(Default)]
struct Pages {
    open: Vec<Run>,
    done: Vec<Run>,
    page: usize,
    logged: RefCell<usize>,
    targets: Targets,
}

impl Pages {
    fn page(&self, runs: &[Run], cursor: Option<&str>) -> RunPage {
        let start = cursor.map_or(0, |cursor| cursor.parse().unwrap());
        let end = (start + self.page).min(runs.len());
        let items = runs[start..end].iter().map(|run| match run.attempts {
            99 => Err(StoreError::Unreadable { key: run.run_id.to_string(), reason: "damaged".into() }),
            _ => Ok(run.summary().into()),
        });
        Page { items: items.collect(), cursor: (end < runs.len()).then(|| end.to_string()) }
    }
}

impl RunLists for Pages {
    async fn list_open(&self, cursor: Option<&str>) -> Result<RunPage, StoreError> {
        Ok(self.page(&self.open, cursor))
    }
    async fn list_done(&self, cursor: Option<&str>, _: usize) -> Result<RunPage, StoreError> {
        Ok(self.page(&self.done, cursor))
    }
}

impl Notifier for Pages {
    fn targets(&self) -> &Targets {
        &self.targets
    }
    fn notifier_secret(&self, _: &str) -> Option<String> {
        None
    }
    fn exposure(&self) -> Exposure {
        Exposure::Public
    }
    async fn post(&self, _: &Request, _: u32) -> Result<Posted, String> {
        Err("a list posts nothing".to_owned())
    }
}

impl Log for Pages {
    fn log(&self, _: Line, _: serde_json::Value) {
        *self.logged.borrow_mut() += 1;
    }
}

/// Some hundred runs of two hooks, open and done, some both.
fn some_runs(chance: &mut fastrand::Rng) -> Pages {
    let mut kv = Pages { page: chance.usize(5..25), ..Pages::default() };
    for index in 0..chance.i64(0..120) {
        let mut run = queued_run();
        // Runs of one delivery share their millisecond.
        run.run_id = RunId::new(at(index / 3), chance.u128(..).to_le_bytes());
        run.hook = HookName::try_from(if chance.bool() { "a" } else { "b" }.to_owned()).unwrap();
        let (open, done) = (chance.bool(), chance.bool());
        if open || !done {
            kv.open.push(run.clone());
        }
        if done {
            run.fail(Stage::Poll, "x", at(0));
            kv.done.push(run);
        }
    }
    kv.open.sort_by_key(|run| run.run_id);
    kv.done.sort_by_key(|run| newest_first(run.run_id));
    kv
}

/// What a query has to show, all of it at once.
fn expected(kv: &Pages, query: &Query) -> Vec<(RunId, Status)> {
    let done = kv.done.iter();
    let open = kv.open.iter().filter(|run| !kv.done.iter().any(|other| other.run_id == run.run_id));
    let mut runs: Vec<&Run> = done.chain(open).collect();
    runs.sort_by_key(|run| newest_first(run.run_id));
    let shown = runs.into_iter().filter(|run| query.wants(&run.summary()));
    shown.map(|run| (run.run_id, run.status)).collect()
}

#[test]
fn every_run_is_listed_once_and_newest_first() {
    for seed in 0..500 {
        let mut chance = fastrand::Rng::with_seed(seed);
        let kv = some_runs(&mut chance);
        let status = [None, Some(Status::Queued), Some(Status::Failed), Some(Status::Completed)];
        let hook = chance.bool().then(|| HookName::try_from("a".to_owned()).unwrap());
        let limit = chance.usize(1..40);
        let statuses = status[chance.usize(0..4)].into_iter().collect();
        let time = |chance: &mut fastrand::Rng| chance.bool().then(|| at(chance.i64(0..40)));
        let (since, until) = (time(&mut chance), time(&mut chance));
        let mut query = Query { statuses, hook, since, until, limit, ..Query::default() };
        let all = expected(&kv, &query);
        // An open record beside a final one is shown where only open ones are asked for: KV alone cannot tell.
        let ids = |runs: &[(RunId, Status)]| runs.iter().map(|(run_id, _)| *run_id).collect::<Vec<_>>();
        let mut listed = Vec::new();
        for _ in 0..500 {
            let page = list_runs(&kv, &query).now_or_never().unwrap().unwrap();
            assert!(page.runs.len() <= limit, "seed {seed}");
            listed.extend(page.runs.iter().map(|run| (run.run_id, run.status)));
            query.after = page.cursor.as_deref().and_then(Position::decode);
            if page.cursor.is_none() {
                break;
            }
        }
        query.after = None;
        if query.statuses == [Status::Queued] {
            assert!(ids(&all).iter().all(|run_id| ids(&listed).contains(run_id)), "seed {seed}");
            assert!(listed.is_sorted_by_key(|(run_id, _)| newest_first(*run_id)), "seed {seed}");
        } else {
            assert_eq!(listed, all, "seed {seed}");
        }
    }
}

#[test]
fn a_record_that_cannot_be_read_is_logged_and_not_in_the_way() {
    let mut kv = some_runs(&mut fastrand::Rng::with_seed(1));
    let all = expected(&kv, &Query { limit: 200, ..Query::default() }).len();
    let mut damaged = queued_run();
    damaged.attempts = 99;
    kv.done.insert(0, damaged.clone());
    kv.open.push(damaged);
    let page = list_runs(&kv, &Query { limit: 200, ..Query::default() }).now_or_never().unwrap().unwrap();
    assert!(page.runs.len() <= all && *kv.logged.borrow() >= 1);
}
