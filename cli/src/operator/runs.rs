//! `seedhook runs`: lists runs.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::arguments::{Arguments, with_query};
use crate::Exit;
use crate::host::{Host, print_json};
use crate::run_text::{self, text};
use crate::table;
use crate::worker::Worker;
use seedhook::timestamp::Timestamp;

/// How many pages `--all` reads at most: 200,000 runs.
const PAGES_MAX: usize = 1_000;

/// The most runs that the API lists on a page.
pub(super) const LIMIT_MAX: &str = "200";

/// Prints the list.
pub(super) async fn run<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    let query = arguments.query(Timestamp::from_millis(host.now_ms()))?;
    let (runs, cursor) = if arguments.has("all") {
        (all(worker, query).await?, Value::Null)
    } else {
        page(worker, &query).await?
    };
    if arguments.is_json {
        print_json(host, &json!({"runs": runs, "cursor": cursor}))?;
        return Ok(Exit::Good);
    }
    if runs.is_empty() {
        host.print("no runs\n")?;
    } else {
        let terminal = host.terminal();
        host.print(&(lines(&runs, terminal.is_terminal.then_some(terminal.columns)).join("\n") + "\n"))?;
    }
    if let Some(cursor) = cursor.as_str() {
        host.print(&format!("\nmore: --cursor '{cursor}', or --all\n"))?;
    }
    Ok(Exit::Good)
}

/// A page of a list, and the cursor of the next.
pub(super) async fn page<H: Host>(
    worker: &Worker<'_, H>,
    query: &[(String, String)],
) -> Result<(Vec<Value>, Value)> {
    let mut page = worker.get(&with_query("/api/runs", query)).await?;
    let cursor = page.get_mut("cursor").map(Value::take).unwrap_or_default();
    match page.get_mut("runs").map(Value::take) {
        Some(Value::Array(runs)) => Ok((runs, cursor)),
        _ => Err(worker.stranger()),
    }
}

async fn all<H: Host>(worker: &Worker<'_, H>, mut query: Vec<(String, String)>) -> Result<Vec<Value>> {
    let mut all = Vec::new();
    query.push(("limit".to_owned(), LIMIT_MAX.to_owned()));
    for _ in 0..PAGES_MAX {
        let (runs, cursor) = page(worker, &query).await?;
        all.extend(runs);
        let Some(cursor) = cursor.as_str() else { return Ok(all) };
        query.retain(|(name, _)| name != "cursor");
        query.push(("cursor".to_owned(), cursor.to_owned()));
    }
    bail!("there are more than {PAGES_MAX} pages: use --since and --until")
}

/// The table of runs.
pub(super) fn lines(runs: &[Value], columns: Option<usize>) -> Vec<String> {
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            let why = match text(run, "/error/message") {
                "" => run_text::because(run).unwrap_or_else(|| text(run, "/workflow").to_owned()),
                message => format!("{}: {message}", text(run, "/error/stage")),
            };
            let short = text(run, "/received_at").get(..19).unwrap_or_default().replace('T', " ");
            vec![
                text(run, "/run_id").to_owned(),
                text(run, "/status").to_owned(),
                text(run, "/hook").to_owned(),
                short,
                why,
            ]
        })
        .collect();
    table::lines(&["RUN", "STATUS", "HOOK", "ACCEPTED (UTC)", "WORKFLOW, OR WHY"], &rows, columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_column_says_why() {
        let run = |fields: Value| {
            let mut run = json!({"run_id": "r1", "status": "s", "hook": "h", "workflow": "w",
                                 "received_at": "2026-11-24T10:00:00.000Z"});
            for (name, value) in fields.as_object().unwrap() {
                run[name] = value.clone();
            }
            run
        };
        let runs = [
            run(json!({})),
            run(json!({"error": {"stage": "start", "message": "no"}})),
            run(json!({"waiting": {"for": "max_running", "key": null, "not_before": null}})),
            run(json!({"replaced_by": "r2"})),
        ];
        let lines = lines(&runs, None);
        let expected = [
            "  w",
            "  start: no",
            "  waits for its turn (max_running)",
            "  replaced by r2, a newer run of the same key",
        ];
        for (line, end) in lines.iter().skip(1).zip(expected) {
            assert!(line.ends_with(end), "{line}");
        }
    }
}
