//! `seedhook runs`: lists runs.

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::arguments::{Arguments, with_query};
use crate::Exit;
use crate::host::{Host, print_json};
use crate::run_text::text;
use crate::table;
use crate::worker::Worker;
use seedhook::timestamp::Timestamp;

/// How many pages `--all` reads at most: 200,000 runs.
const PAGES_MAX: usize = 1_000;

/// The runs on a page of `--all`: the API's longest.
const PAGE: &str = "200";

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
    if query.iter().all(|(name, _)| name != "limit") {
        query.push(("limit".to_owned(), PAGE.to_owned()));
    }
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
                "" => text(run, "/workflow").to_owned(),
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
    table::lines(&["RUN", "STATUS", "HOOK", "ACCEPTED (UTC)", "WORKFLOW OR ERROR"], &rows, columns)
}
