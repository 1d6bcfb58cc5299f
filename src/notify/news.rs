//! What messages say: of a run, of a silent hook, of an unhealthy Worker, and of a test.

use std::collections::BTreeMap;

use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

use super::message::{Message, Severity};
use super::target::Include;
use crate::hook::HookName;
use crate::hook::subscription::{RunEvent, TargetName};
use crate::link::{ExpiresIn, LinkSecret};
use crate::run::{FileState, Run};
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// The most that a message may have of what its target asks for, bytes of JSON; what does not fit is left out and named.
const INCLUDED_BYTES_MAX: usize = 256 * 1024;

/// The members of an object, each as it was written.
type Members = BTreeMap<String, Box<RawValue>>;

/// The message about a run. `since` is when the event happened; `links` signs links to files.
#[must_use]
pub fn run_message(
    run: &Run,
    event: RunEvent,
    since: Timestamp,
    include: Include,
    links: Option<&LinkSecret>,
    now: Timestamp,
) -> Message {
    let (event_type, what, severity) = match event {
        RunEvent::Completed => ("run.completed", "Run completed", Severity::Good),
        RunEvent::Failed => ("run.failed", "Run failed", Severity::Bad),
        RunEvent::Canceled => ("run.canceled", "Run canceled", Severity::Notice),
        RunEvent::Unconfirmed => ("run.unconfirmed", "Start is unconfirmed", Severity::Bad),
    };
    let target = &run.target;
    let mut facts = vec![
        ("Workflow", format!("{} / {} / {}", target.workspace, target.place.name(), target.workflow)),
        ("Run", run.run_id.to_string()),
    ];
    if let Some(error) = &run.error {
        facts.push(("Stage", error.stage.as_str().to_owned()));
    }
    if run.attempts > 1 {
        facts.push(("Start requests", run.attempts.to_string()));
    }
    if !run.files.is_empty() {
        let archived = run.files.iter().filter(|file| file.state == FileState::Archived).count();
        facts.push(("Files", format!("{archived} of {} archived", run.files.len())));
    }
    facts.push(("After", duration(since.since_ms(run.received_at))));
    Message {
        id: format!("run_{}_{}", run.run_id, event.as_str()),
        event_type,
        at: since,
        data: data_of(run, include, links, now),
        title: format!("{what}: {}", run.hook),
        reason: reason_of(run, event),
        facts,
        link: run.address.as_ref().map(|address| format!("{address}/#/runs/{}", run.run_id)),
        severity,
        traceparent: run.traceparent(),
    }
}

/// Why an event happened to a run, for people.
fn reason_of(run: &Run, event: RunEvent) -> Option<String> {
    let reason = run.error.as_ref().map(|error| error.message.clone());
    match (event, run.replaced_by, run.skipped_for) {
        (RunEvent::Unconfirmed, ..) => {
            let why = reason.unwrap_or_default();
            Some(format!(
                "{why}. Nobody knows whether the workflow was started: look for it at Fabricate, then adopt its task or abandon the run."
            ))
        }
        (RunEvent::Canceled, Some(newer), _) => {
            Some(format!("Replaced by run {newer}, which is newer and has the same key."))
        }
        (RunEvent::Canceled, _, Some(other)) => {
            Some(format!("Skipped: run {other} with the same key was in progress or waited for its start."))
        }
        _ => reason,
    }
}

/// The run as the API shows it, without what the target does not ask for.
fn data_of(run: &Run, include: Include, links: Option<&LinkSecret>, now: Timestamp) -> Box<RawValue> {
    let view = to_raw_value(&run.view()).ok();
    let mut data: Members = view.as_deref().and_then(members).unwrap_or_default();
    data.remove("notifications");
    let params = data.remove("params");
    let files = data.remove("files");
    let mut task = data.get("task").and_then(|task| members(task));
    let result = task.as_mut().and_then(|task| task.remove("result"));
    let mut left = INCLUDED_BYTES_MAX;
    let mut omitted = Vec::new();
    // Too large for KV, from which the run was read.
    if run.result_in_journal && include.result {
        omitted.push("result");
    }
    let mut fits = |name: &'static str, value: Option<Box<RawValue>>, wanted: bool| {
        let value = value.filter(|_| wanted)?;
        let Some(rest) = left.checked_sub(value.get().len()) else {
            omitted.push(name);
            return None;
        };
        left = rest;
        Some(value)
    };
    let files = files.map(|files| with_links(run, files, links, now));
    let files = fits("files", files, include.files);
    let params = fits("params", params, include.params);
    let result = fits("result", result, include.result);
    data.extend(files.map(|files| ("files".to_owned(), files)));
    data.extend(params.map(|params| ("params".to_owned(), params)));
    if let Some(mut task) = task {
        task.extend(result.map(|result| ("result".to_owned(), result)));
        data.extend(to_raw_value(&task).ok().map(|task| ("task".to_owned(), task)));
    }
    if !omitted.is_empty() {
        data.extend(to_raw_value(&omitted).ok().map(|names| ("omitted".to_owned(), names)));
    }
    to_raw_value(&data).unwrap_or_default()
}

fn members(value: &RawValue) -> Option<Members> {
    serde_json::from_str(value.get()).ok()
}

/// The files with whole addresses: signed links where they can be signed, and else those of the API.
fn with_links(run: &Run, files: Box<RawValue>, links: Option<&LinkSecret>, now: Timestamp) -> Box<RawValue> {
    let Some(address) = &run.address else { return files };
    let listed: Vec<Members> = serde_json::from_str(files.get()).unwrap_or_default();
    let linked = listed.into_iter().zip(&run.files).map(|(mut view, file)| {
        let link = links.filter(|_| file.state == FileState::Archived);
        let link = link.map(|links| links.link(run.run_id, file.id(), now, ExpiresIn::MAX));
        let path = link.as_ref().map_or_else(
            || view.get("url").and_then(|url| serde_json::from_str(url.get()).ok()).unwrap_or_default(),
            |link| link.reference.clone(),
        );
        view.extend(to_raw_value(&format!("{address}{path}")).ok().map(|url| ("url".to_owned(), url)));
        if let Some(link) = link {
            view.extend(to_raw_value(&link.expires_at).ok().map(|at| ("url_expires_at".to_owned(), at)));
        }
        view
    });
    to_raw_value(&linked.collect::<Vec<_>>()).unwrap_or(files)
}

/// The message that a hook has heard nothing for `silence_ms`. `since` is when it last did, or when it was first watched.
#[must_use]
pub fn silent_message(hook: &HookName, since: Timestamp, silence_ms: i64, now: Timestamp) -> Message {
    let data = json!({"hook": hook, "since": since, "silence_seconds": silence_ms / SECOND_MS});
    Message {
        id: format!("silent_{hook}_{}", since.as_millis()),
        event_type: "hook.silent",
        at: now,
        data: to_raw_value(&data).unwrap_or_default(),
        title: format!("Hook is silent: {hook}"),
        reason: Some(format!(
            "No verified delivery has come since {since}; the hook expects one at least every {}. See whether its sender still \
             calls it, and whether its deliveries are rejected.",
            duration(silence_ms)
        )),
        facts: Vec::new(),
        link: None,
        severity: Severity::Bad,
        traceparent: None,
    }
}

/// The message that seedhook is unhealthy since then. `problems` say what is wrong.
#[must_use]
pub fn unhealthy_message(problems: &[String], since: Timestamp) -> Message {
    Message {
        id: format!("unhealthy_{}", since.as_millis()),
        event_type: "seedhook.unhealthy",
        at: since,
        data: to_raw_value(&json!({"since": since, "problems": problems})).unwrap_or_default(),
        title: "seedhook is unhealthy".to_owned(),
        reason: Some(problems.join("\n")),
        facts: Vec::new(),
        link: None,
        severity: Severity::Bad,
        traceparent: None,
    }
}

/// A message that only shows that the target is reached. `id` is random.
#[must_use]
pub fn test_message(target: &TargetName, id: &str, now: Timestamp) -> Message {
    Message {
        id: format!("test_{id}"),
        event_type: "seedhook.test",
        at: now,
        data: to_raw_value(&json!({"target": target})).unwrap_or_default(),
        title: format!("Test of the target {target}"),
        reason: Some("seedhook can reach this target.".to_owned()),
        facts: Vec::new(),
        link: None,
        severity: Severity::Good,
        traceparent: None,
    }
}

/// A duration for people: its two largest units.
fn duration(millis: i64) -> String {
    let units = [(24 * HOUR_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")];
    let mut left = millis;
    let mut parts = Vec::new();
    for (unit_ms, name) in units {
        let count = left / unit_ms;
        left -= count * unit_ms;
        if count > 0 && parts.len() < 2 {
            parts.push(format!("{count} {name}"));
        }
    }
    if parts.is_empty() { "less than a second".to_owned() } else { parts.join(" ") }
}
