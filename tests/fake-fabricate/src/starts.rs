//! What was started: the count and the parameters of each workflow's starts, which outlive the
//! tasks; it must not decide whether a start is accepted.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::parameter::Parameters;

/// More starts are counted, but their parameters are not kept.
pub(crate) const STARTS_MAX: usize = 100_000;
/// With more different parameters, all are forgotten and counted anew.
const TURNS_MAX: usize = 10_000;

/// A start that made a task, whatever its caller was told.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Start {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// When its task ends.
    pub ends_ms: u64,
    /// The path's part before the database's name: `databases` or `projects`.
    pub place: &'static str,
    /// The workspace.
    pub workspace: String,
    /// The database or project.
    pub database: String,
    /// The parameters, as they were sent.
    pub params: Arc<Map<String, Value>>,
    /// The task that it made.
    pub task_id: String,
}

/// The starts of one workflow.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorkflowStarts {
    /// Requests with a good key, accepted or not.
    pub attempts: u64,
    /// Tasks made.
    pub count: u64,
    /// The starts that made them, oldest first, as far as they are kept.
    pub starts: Vec<Start>,
}

/// All starts since they were last cleared.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    counts: BTreeMap<&'static str, WorkflowStarts>,
    oldest_first: VecDeque<(&'static str, Start)>,
    turns: HashMap<u64, u32>,
}

impl Starts {
    /// Counts a request.
    pub(crate) fn attempt(&mut self, workflow: &'static str) {
        self.counts.entry(workflow).or_default().attempts += 1;
    }

    /// Counts and keeps a start that made a task.
    pub(crate) fn add(&mut self, workflow: &'static str, start: Start) {
        self.counts.entry(workflow).or_default().count += 1;
        self.oldest_first.push_back((workflow, start));
        if self.oldest_first.len() > STARTS_MAX {
            self.oldest_first.pop_front();
        }
    }

    /// How many times this workflow was asked for with these parameters, this time included.
    pub(crate) fn turn(&mut self, workflow: &'static str, parameters: &Parameters) -> u32 {
        let mut hasher = DefaultHasher::new();
        (workflow, Value::Object(parameters.clone()).to_string()).hash(&mut hasher);
        if self.turns.len() >= TURNS_MAX {
            self.turns.clear();
        }
        let turn = self.turns.entry(hasher.finish()).or_default();
        *turn += 1;
        *turn
    }

    /// The starts by workflow.
    pub(crate) fn by_workflow(&self) -> BTreeMap<&'static str, WorkflowStarts> {
        let mut by_workflow = self.counts.clone();
        for (workflow, start) in &self.oldest_first {
            by_workflow.entry(workflow).or_default().starts.push(start.clone());
        }
        by_workflow
    }

    /// How many tasks were begun in a workspace's database or project while an earlier one of the same was still running. Only
    /// tests of the native server ask.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn overlaps(&self, workspace: &str, database: &str) -> usize {
        let in_place = |start: &&Start| start.workspace == workspace && start.database == database;
        let mut spans: Vec<(u64, u64)> = self
            .oldest_first
            .iter()
            .map(|(_, start)| start)
            .filter(in_place)
            .map(|start| (start.at_ms, start.ends_ms))
            .collect();
        spans.sort_unstable();
        let mut busy_until_ms = 0;
        let mut overlaps = 0;
        for (at_ms, ends_ms) in spans {
            overlaps += usize::from(at_ms < busy_until_ms);
            busy_until_ms = busy_until_ms.max(ends_ms);
        }
        overlaps
    }

    /// Forgets all starts and counts.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start(n: usize) -> Start {
        Start {
            at_ms: 0,
            ends_ms: 0,
            place: "databases",
            workspace: "acme".into(),
            database: "sales-demo".into(),
            params: Arc::default(),
            task_id: n.to_string(),
        }
    }

    #[test]
    fn starts_are_bounded_but_all_are_counted() {
        let mut starts = Starts::default();
        for n in 0..=STARTS_MAX {
            starts.add("fails", start(n));
        }
        let found = starts.by_workflow();
        assert_eq!(found["fails"].count, STARTS_MAX as u64 + 1);
        assert_eq!(found["fails"].starts.len(), STARTS_MAX);
        assert_eq!(found["fails"].starts[0].task_id, "1");
    }

    #[test]
    fn tasks_that_run_at_the_same_time_in_one_database_are_counted() {
        let mut starts = Starts::default();
        let mut add = |at_ms, ends_ms, database: &str| {
            starts.add("fails", Start { at_ms, ends_ms, database: database.into(), ..start(0) });
        };
        add(0, 10, "sales-demo");
        add(10, 20, "sales-demo");
        add(15, 16, "another");
        add(19, 30, "sales-demo");
        add(20, 21, "sales-demo");
        assert_eq!(starts.overlaps("acme", "sales-demo"), 2);
        assert_eq!(starts.overlaps("acme", "another"), 0);
    }

    #[test]
    fn turns_are_counted_per_workflow_and_parameters() {
        let mut starts = Starts::default();
        let (one, two) = (json!({"a": 1}), json!({"a": 2}));
        let (one, two) = (one.as_object().unwrap(), two.as_object().unwrap());
        assert_eq!(starts.turn("x", one), 1);
        assert_eq!(starts.turn("x", one), 2);
        assert_eq!(starts.turn("x", two), 1);
        assert_eq!(starts.turn("y", one), 1);
        starts.clear();
        assert_eq!(starts.turn("x", one), 1);
    }
}
