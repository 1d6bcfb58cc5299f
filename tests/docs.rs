//! The documentation against the project: links lead to files and headings, the README stays short, and
//! `docs/operations.md` has a row for each message that the Worker logs.
//!
//! It reads files and judges no prose.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The README fits a few screens.
const README_LINES_MAX: usize = 149;

/// Folders without documentation of ours.
const PASSED_OVER: [&str; 6] = ["target", "node_modules", "build", "corpus", "artifacts", "vectors"];

/// The section of `docs/operations.md` with the table of log messages.
const LOG_SECTION: &str = "\n## Log messages\n";

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
    // Its links are those of docs/senders.md, which is made of it.
    let source = root().join("xtask/src/senders/page.md");
    let broken: Vec<String> = pages
        .iter()
        .filter(|page| **page != source)
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

/// The texts of the string literals in a piece of source.
fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some((_, after)) = rest.split_once('"') {
        let end = after.match_indices('"').map(|(at, _)| at).find(|at| !after[..*at].ends_with('\\'));
        let Some(end) = end else { break };
        // A line that ends in `\` goes on with the first word of the next.
        let lines: Vec<&str> = after[..end].split("\\\n").collect();
        let first = lines[0].to_owned();
        found.push(lines[1..].iter().fold(first, |text, line| text + line.trim_start()));
        rest = &after[end + 1..];
    }
    found
}

/// The text of a definition, from its name to its semicolon.
fn definition<'s>(source: &'s str, beginning: &str) -> Option<&'s str> {
    let (at, _) = source.match_indices(beginning).last()?;
    source[at..].split(';').next()
}

/// The first text at each call of a function, which begins with its name: the message is its parameter.
fn arguments(function: &str, whole_source: &str) -> Vec<String> {
    let name: String = function.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let call = format!("{name}(");
    let calls = whole_source.match_indices(&call).filter(|_| !name.is_empty());
    let first_text = |at: usize| literals(whole_source[at..].split(';').next().unwrap()).into_iter().next();
    calls.filter_map(|(at, _)| first_text(at)).collect()
}

/// What a file logs: `Level::…, "message"`, or a constant, a variable or a parameter in place of the text.
fn messages(source: &str, whole_source: &str) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (at, found) in source.match_indices("Level::") {
        let rest = &source[at + found.len()..];
        let level: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
        let Some(rest) = rest[level.len()..].trim_start().strip_prefix(',') else { continue };
        let rest = rest.trim_start();
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let texts = if rest.starts_with('"') {
            literals(rest).into_iter().take(1).collect()
        } else if name.chars().all(|c| !c.is_lowercase()) {
            literals(definition(whole_source, &format!("const {name}: &str")).unwrap_or_default())
        } else {
            let function = source[..at].rsplit("fn ").next().unwrap();
            let tuple = || definition(function, &format!("let ({name}"));
            match definition(function, &format!("let {name}")).or_else(tuple) {
                Some(definition) => literals(definition),
                None => arguments(function, whole_source),
            }
        };
        if texts.is_empty() {
            let line = source[..at].lines().count();
            return Err(format!(
                "line {line}: the message of this log line is not found; write it as a text"
            ));
        }
        rows.extend(texts.into_iter().map(|text| (level.to_lowercase(), text)));
    }
    Ok(rows)
}

/// What the Worker logs.
fn logged() -> BTreeSet<Row> {
    let is_test = |path: &PathBuf| {
        let names = path.iter().map(|name| name.to_string_lossy());
        names.into_iter().any(|name| name == "tests" || name == "tests.rs" || name.ends_with("_tests.rs"))
    };
    let mut paths = files(&root().join("src"), "rs");
    paths.retain(|path| !is_test(&path.strip_prefix(root().join("src")).unwrap().to_path_buf()));
    let shipped = |path: &PathBuf| read(path).split("#[cfg(test)]\nmod ").next().unwrap().to_owned();
    let sources: Vec<(PathBuf, String)> = paths.iter().map(|path| (path.clone(), shipped(path))).collect();
    let whole: String = sources.iter().map(|(_, source)| source.as_str()).collect();
    let found = sources.iter().flat_map(|(path, source)| {
        messages(source, &whole).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    });
    found.collect()
}

/// What the table says.
fn documented() -> BTreeSet<Row> {
    let page = read(&root().join("docs/operations.md"));
    let (_, section) = page.split_once(LOG_SECTION).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let cells = rows.filter_map(|row| {
        let (message, rest) = row.split_once("` | ")?;
        Some((rest.split(" |").next()?.to_owned(), message.to_owned()))
    });
    cells.collect()
}

#[test]
fn the_table_of_log_messages_has_each_message_and_no_other() {
    let (logged, documented) = (logged(), documented());
    assert!(logged.len() > 30, "only {} messages are found in src/", logged.len());
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
fn a_message_is_found_in_each_of_the_ways_in_which_it_is_written() {
    let source = "const PARKED: &str = \"run is parked\";\n\
        fn a() { let message = \"one \\\n   line\"; log(Level::Info, message, x); tell(w, Level::Warn,\n  \"two\", y); }\n\
        fn b() { log(Level::Error, PARKED, z); match level { Level::Info => 1 } }\n\
        fn c(w: W, message: &str) { log(Level::Info, message, w); }\n\
        fn d() { c(w, \"three\"); c(w, \"four\"); }";
    let row = |level: &str, message: &str| (level.to_owned(), message.to_owned());
    let expected = vec![
        row("info", "one line"),
        row("warn", "two"),
        row("error", "run is parked"),
        row("info", "three"),
        row("info", "four"),
    ];
    assert_eq!(messages(source, source), Ok(expected));
    assert!(messages("log(Level::Info, text(), x)", "").is_err());
}

#[test]
fn a_broken_link_is_found() {
    let page = root().join("docs/mapping.md");
    assert_eq!(broken(&page, "senders.md#batches"), None);
    assert!(broken(&page, "nowhere.md").is_some() && broken(&page, "senders.md#nowhere").is_some());
    assert_eq!(links("a [b](c.md) and\n```\n[d](e.md)\n```\n[f](g.md#h)"), ["c.md", "g.md#h"]);
    assert!(fragments("## The `a` and B_c: d").contains("the-a-and-b_c-d"));
}
