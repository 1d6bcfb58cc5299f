//! What changed among the newest runs, list after list.

use std::collections::BTreeMap;

use anyhow::Result;
use serde_json::Value;

use super::runs::{LIMIT_MAX, page};
use crate::host::Host;
use crate::run_text::text;
use crate::worker::Worker;

/// How many runs are remembered; the oldest are forgotten.
const REMEMBERED_MAX: usize = 10_000;

/// The newest runs, of a hook or of all, newest first, and whether there are older ones.
pub(crate) async fn newest<H: Host>(
    worker: &Worker<'_, H>,
    hook: Option<&str>,
) -> Result<(Vec<Value>, bool)> {
    let mut query = vec![("limit".to_owned(), LIMIT_MAX.to_owned())];
    query.extend(hook.map(|hook| ("hook".to_owned(), hook.to_owned())));
    let (runs, cursor) = page(worker, &query).await?;
    Ok((runs, !cursor.is_null()))
}

/// The runs that lists showed.
#[derive(Debug, Default)]
pub(crate) struct SeenRuns {
    /// The last status of each, by its id, which begins with the time.
    statuses: BTreeMap<String, String>,
    /// A run that no list showed is not new unless its id is greater: there were older ones than the first list had room for.
    oldest: Option<String>,
}

impl SeenRuns {
    /// After the first list. What it has is not news.
    pub(crate) fn of((runs, has_more): &(Vec<Value>, bool)) -> Self {
        let mut seen = Self::default();
        for run in runs {
            seen.note(run);
        }
        seen.oldest = seen.statuses.keys().next().filter(|_| *has_more).cloned();
        seen
    }

    /// Whether a run came after the first list, and no list showed it.
    pub(crate) fn is_new(&self, run: &Value) -> bool {
        let id = text(run, "/run_id");
        !self.statuses.contains_key(id) && self.oldest.as_deref().is_none_or(|oldest| id > oldest)
    }

    /// Notes a run as it is. Whether that is news: it is new, or has another status than before.
    pub(crate) fn note(&mut self, run: &Value) -> bool {
        let is_new = self.is_new(run);
        let status = text(run, "/status").to_owned();
        let before = self.statuses.insert(text(run, "/run_id").to_owned(), status.clone());
        if self.statuses.len() > REMEMBERED_MAX {
            let forgotten = self.statuses.pop_first().map(|(id, _)| id);
            self.oldest = self.oldest.take().max(forgotten);
        }
        before.map_or(is_new, |before| before != status)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(number: usize, status: &str) -> Value {
        json!({"run_id": format!("{number:05}"), "status": status})
    }

    #[test]
    fn news_are_new_runs_and_other_statuses() {
        let mut seen = SeenRuns::of(&(vec![run(9, "completed"), run(8, "queued")], false));
        assert!(!seen.note(&run(9, "completed")) && !seen.note(&run(8, "queued")));
        assert!(seen.note(&run(8, "failed")) && !seen.note(&run(8, "failed")));
        assert!(seen.is_new(&run(10, "queued")) && seen.note(&run(10, "queued")));
        assert!(!seen.is_new(&run(10, "queued")));
        assert!(seen.is_new(&run(7, "queued")), "all were listed, so it is a late one");
    }

    #[test]
    fn an_old_run_that_comes_up_is_no_news() {
        let mut seen = SeenRuns::of(&(vec![run(9, "completed"), run(8, "queued")], true));
        assert!(!seen.is_new(&run(7, "queued")) && !seen.note(&run(7, "queued")));
        assert!(seen.note(&run(7, "failed")), "its change is");
        assert!(seen.note(&run(10, "queued")));
    }

    #[test]
    fn a_forgotten_run_is_no_news() {
        let mut seen = SeenRuns::default();
        for number in 0..=REMEMBERED_MAX {
            assert!(seen.note(&run(number, "queued")));
        }
        assert_eq!(seen.statuses.len(), REMEMBERED_MAX);
        assert!(!seen.note(&run(0, "queued")));
    }
}
