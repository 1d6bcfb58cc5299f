//! The documentation against the project: links lead to files and headings, the README stays short, and
//! `docs/operations.md` has a row for each message that the Worker logs.
//!
//! It reads files and judges no prose.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod log_table;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use seedhook::log::{self, Line};

/// The README fits a few screens.
const README_LINES_MAX: usize = 149;

/// Folders without documentation of ours.
const PASSED_OVER: [&str; 6] = ["target", "node_modules", "build", "corpus", "artifacts", "vectors"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .replace("\r\n", "\n")
}

/// Every file below a folder with this extension, without hidden ones.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with('.') || PASSED_OVER.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// A page without its blocks of code, in which nothing is a link or a heading.
fn prose(page: &str) -> String {
    let mut is_code = false;
    let mut prose = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if !is_code {
            prose.push_str(line);
            prose.push('\n');
        }
    }
    prose
}

/// The targets of all links of a page.
fn links(page: &str) -> Vec<String> {
    let targets = prose(page);
    let targets = targets.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.replace('\n', "")).collect()
}

/// The fragments by which GitHub knows the headings of a page.
fn fragments(page: &str) -> BTreeSet<String> {
    let page = prose(page);
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|line| {
            let heading = line.trim_start_matches('#').trim().to_lowercase();
            let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Why a link of `page` leads nowhere; `None` where it leads somewhere, or out of the project.
fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_path_buf() } else { page.parent().unwrap().join(path) };
    if !file.exists() {
        return Some(format!("{}: {target}: there is no such file", page.display()));
    }
    let is_known = fragment.is_empty() || fragments(&read(&file)).contains(fragment);
    (!is_known).then(|| format!("{}: {target}: there is no such heading", page.display()))
}

#[test]
fn every_relative_link_leads_to_a_file_and_its_heading() {
    let pages = files(&root(), "md");
    for expected in ["README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md", "docs/api.md"] {
        assert!(pages.contains(&root().join(expected)), "{expected} is missing");
    }
    // Their links are those of docs/senders.md, which is made of it, and of the package, where README.md is at the root.
    let elsewhere = [root().join("cli/src/senders/page.md"), root().join("cli/npm/README.md")];
    let broken: Vec<String> = pages
        .iter()
        .filter(|page| !elsewhere.contains(page))
        .flat_map(|page| links(&read(page)).into_iter().filter_map(|target| broken(page, &target)))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= README_LINES_MAX, "README.md has {lines} lines: move details to docs/");
}

/// A row of the table of log messages: level and message.
type Row = (String, String);

/// The lines that the Worker logs.
fn logged() -> BTreeSet<Row> {
    let row = |line: &Line| (line.level.as_str().to_owned(), line.message.to_owned());
    log::ALL.iter().map(row).collect()
}

/// What the table says.
fn documented() -> BTreeSet<Row> {
    log_table::rows().into_iter().map(|row| (row.level, row.message)).collect()
}

#[test]
fn the_table_of_log_messages_has_each_message_and_no_other() {
    let (logged, documented) = (logged(), documented());
    let shown = |rows: Vec<&Row>| {
        rows.iter()
            .map(|(level, message)| format!("| `{message}` | {level} |"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    let missing = shown(logged.difference(&documented).collect());
    let stale = shown(documented.difference(&logged).collect());
    assert!(
        missing.is_empty() && stale.is_empty(),
        "docs/operations.md, \"Log messages\"\nlacks:\n{missing}\nhas, but the Worker does not log it:\n{stale}"
    );
}

#[test]
fn the_fields_of_a_log_message_are_read() {
    let rows = log_table::rows();
    let fields = |message: &str| {
        let row = rows.iter().find(|row| row.message == message).unwrap();
        row.fields.iter().map(String::as_str).collect::<Vec<_>>()
    };
    assert_eq!(fields("delivery accepted"), ["hook", "runs", "trace_id"]);
    let of_a_run = [
        "attempts",
        "error",
        "hook",
        "replaced_by",
        "run_id",
        "skipped_for",
        "stage",
        "status",
        "task_id",
        "trace_id",
    ];
    assert_eq!((fields("run failed"), fields("run retried")), (of_a_run.to_vec(), of_a_run.to_vec()));
    assert!(fields("inbox too large for the hourly pass: shorten its retention").is_empty());
}

#[test]
fn every_problem_of_the_api_page_is_one_of_the_worker() {
    let page = read(&root().join("docs/api.md"));
    let (_, section) = page.split_once("\n## Problems\n").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names: Vec<&str> =
        rows.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`')).collect();
    assert!(names.len() > 20, "{names:?}");
    let source: String = files(&root().join("src"), "rs").iter().map(|path| read(path)).collect();
    let unknown: Vec<_> = names.iter().filter(|name| !source.contains(&format!("\"{name}\""))).collect();
    assert!(unknown.is_empty(), "docs/api.md lists problems that the Worker does not have: {unknown:?}");
}

#[test]
fn a_broken_link_is_found() {
    let page = root().join("docs/mapping.md");
    assert_eq!(broken(&page, "senders.md#batches"), None);
    assert!(broken(&page, "nowhere.md").is_some() && broken(&page, "senders.md#nowhere").is_some());
    assert_eq!(links("a [b](c.md) and\n```\n[d](e.md)\n```\n[f](g.md#h)"), ["c.md", "g.md#h"]);
    assert!(fragments("## The `a` and B_c: d").contains("the-a-and-b_c-d"));
}
