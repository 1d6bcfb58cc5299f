//! The Worker's name and module, the cron trigger, the bindings and the queue that a Worker needs.

use serde_json::Value as Json;

use super::environment::{Environment, Table, has_own, named, path, tables};
use super::finding::Finding;
use crate::project::PACKAGED_MAIN;

/// The bindings that every Worker needs: the name of the table, and the binding.
const BINDINGS: &[(&str, &str)] =
    &[("kv_namespaces", "RUNS"), ("r2_buckets", "INBOX"), ("r2_buckets", "FILES")];

/// The binding of the dataset that data points are written to.
const METRICS: &str = "METRICS";

/// The binding of the queue that sweeps may send runs to.
const SWEEP_QUEUE: &str = "SWEEP_QUEUE";

/// The keys without which wrangler deploys nothing, and an example. A command line of wrangler may have them instead.
const NEEDED: [(&str, &str); 2] = [("name", "seedhook"), ("main", PACKAGED_MAIN)];

/// Missing names, a missing cron trigger, and environments without anything of their own.
pub(super) fn find_in_file(root: &Table) -> Vec<Finding> {
    let missing = NEEDED.iter().filter(|(key, _)| !root.get(*key).is_some_and(Json::is_string));
    let mut found: Vec<Finding> = missing
        .map(|(key, example)| {
            let remedy = format!("write {key} = \"{example}\": wrangler deploys nothing without it");
            Finding::warning(path(&[key]), "is missing", remedy)
        })
        .collect();
    if !has_cron(root) {
        let remedy = "write [triggers] crons = [\"*/2 * * * *\"]: without it the Worker advances no run";
        found.push(Finding::mistake(path(&["triggers"]), "there is no cron trigger", remedy));
    }
    for (name, _) in named(root).into_iter().filter(|(_, table)| !has_own(table)) {
        let remedy =
            format!("an environment inherits neither: repeat [vars], RUNS, INBOX and FILES in [env.{name}]");
        let problem = "has no variables and no bindings of its own";
        found.push(Finding::mistake(path(&["env", name]), problem, remedy));
    }
    found
}

/// Missing bindings, a queue without a consumer, and a dataset of another name.
pub(super) fn find(environment: &Environment<'_>) -> Vec<Finding> {
    let has = |kind: &str, name: &str| {
        let mut tables = tables(environment.table.get(kind)).into_iter();
        tables.any(|table| table.get("binding").and_then(Json::as_str) == Some(name))
    };
    let missing = BINDINGS.iter().filter(|(kind, name)| !has(kind, name)).map(|(kind, name)| {
        let header = environment.header(kind);
        let remedy = format!("write [[{header}]] binding = \"{name}\"; `wrangler deploy` creates it");
        Finding::mistake(environment.at(&[kind]), format!("the binding {name} is missing"), remedy)
    });
    missing.chain(queue_without_consumer(environment)).chain(dataset_without_use(environment)).collect()
}

fn has_cron(root: &Table) -> bool {
    let crons = root.get("triggers").and_then(|triggers| triggers.get("crons")?.as_array());
    crons.is_some_and(|crons| !crons.is_empty())
}

fn dataset_without_use(environment: &Environment<'_>) -> Option<Finding> {
    const KIND: &str = "analytics_engine_datasets";
    let datasets = tables(environment.table.get(KIND));
    let is_used = |table: &&Table| table.get("binding").and_then(Json::as_str) == Some(METRICS);
    if datasets.is_empty() || datasets.iter().any(is_used) {
        return None;
    }
    let problem = format!("no dataset is bound as {METRICS}, so no data points are written");
    let remedy = format!("write [[{}]] binding = \"{METRICS}\"", environment.header(KIND));
    Some(Finding::warning(environment.at(&[KIND]), problem, remedy))
}

fn queue_without_consumer(environment: &Environment<'_>) -> Option<Finding> {
    let queues = environment.table.get("queues")?;
    let list = |kind: &str| queues.get(kind).and_then(Json::as_array).into_iter().flatten();
    let queue = &list("producers").find(|producer| producer["binding"] == SWEEP_QUEUE)?["queue"];
    if list("consumers").any(|consumer| consumer["queue"] == *queue) {
        return None;
    }
    Some(Finding::warning(
        environment.at(&["queues", "producers"]),
        format!("{SWEEP_QUEUE} has no consumer here, so the runs that sweeps send to it are not advanced"),
        format!(
            "write [[{}]] queue = {queue} (docs/scale.md), unless another Worker consumes it",
            environment.header("queues.consumers")
        ),
    ))
}
