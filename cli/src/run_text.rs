//! A run, as `GET /api/runs/{run_id}` returns it, as text for the terminal.

use serde_json::Value;

use crate::address::Address;

/// The text at a JSON pointer, or an empty one.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The files of a run.
pub(crate) fn files(run: &Value) -> &[Value] {
    run.get("files").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether the run has ended, or waits for an operator.
pub(crate) fn is_over(run: &Value) -> bool {
    matches!(text(run, "/status"), "completed" | "failed" | "canceled" | "unconfirmed")
}

/// Whether the run completed and every file is archived.
pub(crate) fn is_good(run: &Value) -> bool {
    text(run, "/status") == "completed" && files(run).iter().all(|file| text(file, "/state") == "archived")
}

/// What changed between two states of a run, a line for each change.
pub(crate) fn changes(before: &Value, now: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    if text(before, "/status") != text(now, "/status") && !is_over(now) {
        lines.push(status(now));
    }
    for file in files(now) {
        let same = |old: &&Value| text(old, "/id") == text(file, "/id");
        let old = files(before).iter().find(same).map_or("", |old| text(old, "/state"));
        let state = text(file, "/state");
        let is_change = matches!(state, "archiving" | "archived" | "failed") && state != old;
        if is_change {
            lines.push(format!("{state}: {}, {}", text(file, "/name"), size(file)));
        }
    }
    if text(before, "/status") != text(now, "/status") && is_over(now) {
        lines.push(status(now));
    }
    lines
}

/// The status of a run, with its task, its error or the number of its files.
pub(crate) fn status(run: &Value) -> String {
    let status = text(run, "/status");
    match status {
        "in_progress" => {
            format!(
                "in_progress: Fabricate runs {} as task {}",
                text(run, "/workflow"),
                text(run, "/task/id")
            )
        }
        "failed" | "unconfirmed" => match text(run, "/error/message") {
            "" => status.to_owned(),
            message => format!("{status} at stage {}: {message}", text(run, "/error/stage")),
        },
        // Runs in a list have no files.
        "completed" if run.get("files").is_some() => format!("completed: {}", counted(files(run).len())),
        _ => match because(run) {
            Some(why) => format!("{status}: {why}"),
            None => status.to_owned(),
        },
    }
}

/// Why a run is not started, or never was: what it waits for, or the run that took its place.
pub(crate) fn because(run: &Value) -> Option<String> {
    let (newer, older) = (text(run, "/replaced_by"), text(run, "/skipped_for"));
    if !newer.is_empty() {
        return Some(format!("replaced by {newer}, a newer run of the same key"));
    }
    if !older.is_empty() {
        return Some(format!("skipped, because {older} of the same key had not ended"));
    }
    run.get("waiting").map(|waiting| format!("waits {}", until(waiting)))
}

/// Until when, or for what, a run waits. A list does not look whether others are in its way, and has no `behind`.
fn until(waiting: &Value) -> String {
    let key = match text(waiting, "/key") {
        "" => String::new(),
        key => format!(" of the key {key}"),
    };
    let behind = waiting.get("behind").and_then(Value::as_array);
    let behind: Option<Vec<&str>> = behind.map(|ids| ids.iter().filter_map(Value::as_str).collect());
    let time = text(waiting, "/not_before");
    match (text(waiting, "/for"), behind.as_deref()) {
        ("concurrency", None) => format!("for its turn (key {})", text(waiting, "/key")),
        ("concurrency", Some([])) => format!("until the run before it{key} has ended"),
        ("concurrency", Some([one])) => format!("until {one}{key} has ended"),
        ("concurrency", Some(more)) => format!("until {}{key} have ended", more.join(" and ")),
        ("debounce", _) => format!("until {time} for a newer run{key}"),
        ("retry", _) => format!("until {time} for the next attempt to start it"),
        ("max_running", None) => "for its turn (max_running)".to_owned(),
        ("max_running", _) => "until fewer runs are in progress (max_running)".to_owned(),
        (other, _) => format!("for {other}"),
    }
}

/// What is waited for, for the line of progress.
pub(crate) fn awaited(run: &Value) -> String {
    let waiting = run.get("waiting").map(|waiting| format!("waiting {}", until(waiting)));
    let known = match text(run, "/status") {
        "queued" => "waiting for the workflow to be started",
        "in_progress" => "waiting for Fabricate to finish the workflow",
        "archiving" => "waiting for the files to be copied to R2",
        _ => "waiting",
    };
    waiting.unwrap_or_else(|| known.to_owned())
}

/// Where the archived files are, and, if the Worker keeps running, the commands that show them.
pub(crate) fn where_to_look(run: &Value, worker: Option<&Address>) -> Vec<String> {
    let mut lines = Vec::new();
    for file in files(run) {
        lines.push(format!("{} ({}) is in R2 as", text(file, "/name"), size(file)));
        lines.push(format!("  {}", text(file, "/key")));
        let Some(worker) = worker else { continue };
        let url = text(file, "/url");
        lines.push(format!("  curl -OJ -H \"authorization: Bearer {}\" {}{url}", worker.token, worker.url));
    }
    let Some(worker) = worker else { return lines };
    if let Some(url) = files(run).first().map(|file| text(file, "/url")) {
        let post = format!("curl -X POST -H \"authorization: Bearer {}\"", worker.token);
        lines.push("Create a link to the first file that works for an hour without the token:".to_owned());
        lines.push(format!("  {post} {}{url}/link", worker.url));
    }
    lines.push("Show the whole run, and everything that is stored:".to_owned());
    let url = format!("{}/api/runs/{}", worker.url, text(run, "/run_id"));
    lines.push(format!("  curl -H \"authorization: Bearer {}\" {url}", worker.token));
    lines.push(format!("  {}/cdn-cgi/local/explorer", worker.url));
    lines
}

fn counted(files: usize) -> String {
    match files {
        0 => "no files".to_owned(),
        1 => "1 file archived".to_owned(),
        more => format!("{more} files archived"),
    }
}

/// The size of a file.
pub(crate) fn size(file: &Value) -> String {
    file.get("size").and_then(Value::as_u64).map_or_else(|| "size unknown".to_owned(), bytes)
}

/// A number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} bytes"),
        10_000..10_000_000 => format!("{} KB", count / 1000),
        _ => format!("{} MB", count / 1_000_000),
    }
}

/// A run of a list in one line.
pub(crate) fn line(run: &Value) -> String {
    format!("{} {}: {}", text(run, "/hook"), text(run, "/run_id"), status(run))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(status: &str, of_files: &[&str]) -> Value {
        let file = |(id, state): (usize, &&str)| json!({"id": id.to_string(), "name": "a.csv", "size": 12_345, "state": state});
        let files: Vec<Value> = of_files.iter().enumerate().map(file).collect();
        json!({"status": status, "workflow": "w", "task": {"id": "t1"}, "files": files,
               "error": {"stage": "start", "message": "no such workflow"}})
    }

    #[track_caller]
    fn check(before: &Value, now: &Value, expected: &[&str]) {
        assert_eq!(changes(before, now), expected);
    }

    #[test]
    fn each_change_is_one_line_in_order() {
        check(&Value::Null, &run("queued", &[]), &["queued"]);
        check(&run("queued", &[]), &run("queued", &[]), &[]);
        check(&run("queued", &[]), &run("in_progress", &[]), &["in_progress: Fabricate runs w as task t1"]);
        check(
            &run("in_progress", &[]),
            &run("archiving", &["archived", "pending"]),
            &["archiving", "archived: a.csv, 12 KB"],
        );
        check(
            &run("archiving", &["archived", "pending"]),
            &run("completed", &["archived", "archived"]),
            &["archived: a.csv, 12 KB", "completed: 2 files archived"],
        );
        check(&run("queued", &[]), &run("failed", &[]), &["failed at stage start: no such workflow"]);
    }

    #[track_caller]
    fn check_status(fields: &Value, expected: &str) {
        assert_eq!(status(fields), expected);
    }

    #[test]
    fn a_run_that_is_not_started_says_why() {
        let queued = |waiting: &Value| json!({"status": "queued", "waiting": waiting});
        let keyed = |behind: &Value| {
            queued(&json!({"for": "concurrency", "key": "main", "behind": behind, "not_before": null}))
        };
        check_status(&json!({"status": "queued"}), "queued");
        check_status(&keyed(&Value::Null), "queued: waits for its turn (key main)");
        check_status(&keyed(&json!([])), "queued: waits until the run before it of the key main has ended");
        check_status(&keyed(&json!(["r1"])), "queued: waits until r1 of the key main has ended");
        check_status(
            &keyed(&json!(["r1", "r2"])),
            "queued: waits until r1 and r2 of the key main have ended",
        );
        let until =
            |reason: &str| queued(&json!({"for": reason, "key": null, "behind": [], "not_before": "T"}));
        check_status(&until("debounce"), "queued: waits until T for a newer run");
        check_status(&until("retry"), "queued: waits until T for the next attempt to start it");
        check_status(&until("max_running"), "queued: waits until fewer runs are in progress (max_running)");
        check_status(&queued(&json!({"for": "max_running"})), "queued: waits for its turn (max_running)");
        assert_eq!(awaited(&until("retry")), "waiting until T for the next attempt to start it");
        assert_eq!(awaited(&json!({"status": "queued"})), "waiting for the workflow to be started");
        let canceled = |field: &str| json!({"status": "canceled", field: "r9"});
        check_status(&canceled("replaced_by"), "canceled: replaced by r9, a newer run of the same key");
        check_status(&canceled("skipped_for"), "canceled: skipped, because r9 of the same key had not ended");
        check_status(&json!({"status": "canceled"}), "canceled");
    }

    #[test]
    fn only_a_completed_run_with_all_files_is_good() {
        assert!(is_good(&run("completed", &["archived"])));
        assert!(!is_good(&run("completed", &["archived", "failed"])));
        assert!(!is_good(&run("failed", &["archived"])));
        assert!(is_over(&run("unconfirmed", &[])) && !is_over(&run("archiving", &[])));
    }
}
