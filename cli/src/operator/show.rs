//! `seedhook run`: shows a run, or waits for its end.

use anyhow::{Result, bail};
use serde_json::Value;

use super::arguments::Arguments;
use crate::Exit;
use crate::exit::Usage;
use crate::host::{Host, HttpAnswer, Interrupted, fetch, header, print_json};
use crate::run_text::{self, text};
use crate::table::plain;
use crate::worker::Worker;

/// How often `--wait` asks at most: each question waits for up to 25 s, so this is a day.
const QUESTIONS_MAX: usize = 24 * 60 * 60 / 25;

/// How long one question of `--wait` may wait, seconds: the Worker's longest.
const WAIT_S: u32 = 25;

/// The pause after an answer without a wait, or without an answer, milliseconds.
const PAUSE_MS: u32 = 2_000;

/// How many questions in a row may fail: the network may be gone for some minutes.
const FAILURES_MAX: usize = 20;

/// What is shown in place of the run, or once it has ended.
const VIEWS: [&str; 4] = ["timeline", "mapping", "delivery", "wait"];

/// Prints the run.
pub(super) async fn run<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    let path = arguments.run_path();
    if VIEWS.iter().filter(|view| arguments.has(view)).count() > 1 {
        bail!(Usage(format!("only one of --{} can be shown at a time", VIEWS.join(", --"))));
    }
    for part in ["timeline", "mapping", "delivery"] {
        if arguments.has(part) {
            let shown = worker.get(&format!("{path}/{part}")).await?;
            match part {
                "timeline" if !arguments.is_json => host.print(&timeline(worker.list(&shown, "events")?))?,
                _ => print_json(host, &shown)?,
            }
            return Ok(Exit::Good);
        }
    }
    let run =
        if arguments.has("wait") { wait(host, worker, &path).await? } else { worker.run(&path).await? };
    if arguments.is_json {
        print_json(host, &run)?;
    } else {
        host.print(&(lines(&run).join("\n") + "\n"))?;
    }
    Ok(if arguments.has("wait") { Exit::good_if(run_text::is_good(&run)) } else { Exit::Good })
}

/// Waits until a run has ended, or waits for an operator.
async fn wait<H: Host>(host: &H, worker: &Worker<'_, H>, path: &str) -> Result<Value> {
    host.catch_interrupts()?;
    let (mut tag, mut last, mut failures) = (None, Value::Null, 0);
    for _ in 0..QUESTIONS_MAX {
        let mut request = worker.request("GET", path);
        if let Some(tag) = &tag {
            request.headers.push(("if-none-match".to_owned(), String::clone(tag)));
            request.headers.push(("prefer".to_owned(), format!("wait={WAIT_S}")));
        }
        let answer: HttpAnswer = match fetch(host, &request).await {
            Ok(answer) => answer,
            // The first question must succeed: an address that is wrong does not become right.
            Err(error) if last.is_null() || failures >= FAILURES_MAX || error.is::<Interrupted>() => {
                return Err(worker.unreachable(&error));
            }
            Err(_) => {
                failures += 1;
                host.sleep(PAUSE_MS).await?;
                continue;
            }
        };
        match answer.status {
            200 => {
                last = serde_json::from_slice(&answer.body).unwrap_or_default();
                worker.must_be_run(&last)?;
            }
            304 => {}
            500.. if failures < FAILURES_MAX && !last.is_null() => {
                failures += 1;
                host.sleep(PAUSE_MS).await?;
                continue;
            }
            _ => return Err(worker.refusal(&answer)),
        }
        failures = 0;
        tag = header(&answer.headers, "etag").map(ToOwned::to_owned).or(tag);
        if run_text::is_over(&last) {
            host.show_progress(None);
            return Ok(last);
        }
        host.show_progress(Some(&run_text::awaited(&last)));
        if header(&answer.headers, "preference-applied").is_none() {
            host.sleep(if tag.is_some() { 0 } else { PAUSE_MS }).await?;
        }
    }
    bail!("the run is still {} after a day", text(&last, "/status"))
}

/// A run as text.
fn lines(run: &Value) -> Vec<String> {
    let mut rows = vec![
        ("run", text(run, "/run_id").to_owned()),
        ("status", run_text::status(run)),
        ("hook", text(run, "/hook").to_owned()),
        ("delivery", text(run, "/delivery_id").to_owned()),
        ("target", target(run)),
        ("accepted", text(run, "/received_at").to_owned()),
    ];
    let optional = [
        ("started", "/started_at"),
        ("finished", "/finished_at"),
        ("task", "/task/id"),
        ("key", "/key"),
        ("retry of", "/retry_of"),
        ("trace", "/trace_id"),
    ];
    rows.extend(optional.iter().map(|(label, at)| (*label, text(run, at).to_owned())));
    if let Some(params) = run.get("params") {
        rows.push(("params", params.to_string()));
    }
    let notified = run.get("notifications").and_then(Value::as_array).into_iter().flatten();
    rows.extend(notified.map(|target| {
        let error = text(target, "/error");
        let why = if error.is_empty() { String::new() } else { format!(" ({error})") };
        ("notified", format!("{}: {}{why}", text(target, "/target"), text(target, "/state")))
    }));
    let rows = rows.into_iter().filter(|(_, content)| !content.is_empty());
    let mut lines: Vec<String> =
        rows.map(|(label, content)| format!("{label:9} {}", plain(&content))).collect();
    if !run_text::files(run).is_empty() {
        lines.push(String::new());
        lines.extend(super::files::lines(run));
    }
    lines
}

fn target(run: &Value) -> String {
    let place = [text(run, "/database"), text(run, "/project"), text(run, "/place/name")];
    let place = place.into_iter().find(|name| !name.is_empty()).unwrap_or_default();
    [text(run, "/workspace"), place, text(run, "/workflow")].join("/")
}

fn timeline(events: &[Value]) -> String {
    let lines = events.iter().map(|event| {
        let rest = event.as_object().into_iter().flatten();
        let rest = rest.filter(|(name, value)| !matches!(name.as_str(), "at" | "event") && !value.is_null());
        let rest = rest
            .map(|(name, value)| format!("  {name}={}", plain(value.as_str().unwrap_or(&value.to_string()))));
        let rest = rest.collect::<Vec<_>>().concat();
        plain(&format!("{}  {}{rest}", text(event, "/at"), text(event, "/event"))) + "\n"
    });
    lines.collect()
}
