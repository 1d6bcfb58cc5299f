//! Stored records stay readable: each file here has lines of one shape in one version, as they stand in the stores.
//!
//! A line never changes once it is released; new lines are appended, each with its specimen. `<shape>.v0.jsonl` is what was
//! written before records had versions, and its first lines are the oldest, in which fields that came later are absent. The
//! last lines of the newest version say which seedhook wrote them, as every record does by now: they are compared without it,
//! because each release states another.
//! After a change of a shape, `SEEDHOOK_RECORDS=write cargo test --test records` writes the files of the newest version:
//! only appended lines, or a whole new file, may show up in the difference.
#![expect(clippy::expect_used, reason = "tests fail by panicking")]

mod specimens;

use std::fmt::Debug;
use std::path::PathBuf;

use seedhook::journal::Entry;
use seedhook::ports::{Batch, Claim, ItemClaim, Kept, Retry};
use seedhook::records::{Record, read_metadata, to_metadata};
use seedhook::run::{Run, RunId, Summary, Turn};
use serde_json::Value;

/// The newest version of every shape.
const NEWEST: u32 = 1;

fn file(shape: &str, version: u32) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/records", &format!("{shape}.v{version}.jsonl")].iter().collect()
}

fn lines(shape: &str, version: u32) -> Vec<String> {
    let file = file(shape, version);
    if version < NEWEST && !file.exists() {
        // The shape came with a later version.
        return Vec::new();
    }
    let text = std::fs::read_to_string(file).expect("a fixture");
    text.lines().map(str::to_owned).collect()
}

/// What a record begins with: which seedhook wrote it.
const WRITER: &str = concat!("{\"seedhook\":\"", env!("CARGO_PKG_VERSION"), "\",");

/// A record without the seedhook that wrote it.
fn without_writer(line: &str) -> String {
    let rest = line.strip_prefix("{\"seedhook\":\"").and_then(|rest| rest.split_once("\","));
    rest.map_or_else(|| line.to_owned(), |(_, rest)| format!("{{{rest}"))
}

/// What is written of each specimen, with the lines of the fixture that say the same.
fn renewed(shape: &str, written: &[String]) -> String {
    let standing = std::fs::read_to_string(file(shape, NEWEST)).unwrap_or_default();
    let mut standing = standing.lines();
    let lines = written.iter().map(|new| {
        let old = standing.next().filter(|old| without_writer(old) == without_writer(new));
        format!("{}\n", old.unwrap_or(new))
    });
    lines.collect()
}

/// Every line of every version is read as its specimen, and the newest version is what is written of each specimen.
#[track_caller]
fn check<T: PartialEq + Debug>(
    shape: &str,
    specimens: &[T],
    read: impl Fn(&str, &T) -> serde_json::Result<T>,
    write: impl Fn(&T) -> serde_json::Result<String>,
) {
    let written: Vec<String> = specimens.iter().map(|specimen| write(specimen).expect("JSON")).collect();
    if std::env::var("SEEDHOOK_RECORDS").is_ok_and(|word| word == "write") {
        std::fs::write(file(shape, NEWEST), renewed(shape, &written)).expect("a fixture");
    }
    for version in 0..=NEWEST {
        for (number, (line, specimen)) in (1..).zip(lines(shape, version).iter().zip(specimens)) {
            let at = format!("{shape}.v{version}.jsonl, line {number}");
            assert_eq!(&read(line, specimen).expect(&at), specimen, "{at}");
        }
    }
    let compared = |lines: &[String]| lines.iter().map(|line| without_writer(line)).collect::<Vec<_>>();
    assert_eq!(
        compared(&lines(shape, NEWEST)),
        compared(&written),
        "{shape}: what is written, and the newest fixture"
    );
}

#[track_caller]
fn check_record<T: Record + PartialEq + Debug>(shape: &str, specimens: &[T]) {
    check(shape, specimens, |line, _| T::from_json(line), Record::to_json);
    for specimen in specimens {
        let written = specimen.to_json().expect("JSON");
        assert!(written.starts_with(WRITER), "{shape} says which seedhook wrote it: {written}");
        assert_eq!(written.matches("\"seedhook\"").count(), 1, "{shape} says it once: {written}");
    }
    let last = lines(shape, NEWEST).pop().expect("a line");
    assert_ne!(without_writer(&last), last, "{shape} has a line that says which seedhook wrote it");
}

#[test]
fn records_of_every_version_are_read_and_the_newest_is_written() {
    check_record::<Run>("run", &specimens::runs());
    check_record::<Entry>("entry", &specimens::entries());
    check_record::<Claim>("claim", &specimens::claims());
    check_record::<ItemClaim>("item", &specimens::item_claims());
    check_record::<Retry>("retry", &specimens::retries());
    check_record::<Kept>("kept", &specimens::kept());
    check_record::<Turn>("turn", &specimens::turns());
    check_record::<Batch>("batch", &specimens::batches());
    check::<Summary>(
        "summary",
        &specimens::summaries(),
        |line, specimen| read_metadata(specimen.run_id, line),
        to_metadata,
    );
}

/// The newest fixtures say what an older Worker finds after a rollback: it reads them as version 0, because nothing but
/// the versions differs, apart from optional fields that it ignores.
#[test]
fn without_its_versions_a_record_is_one_of_version_0() {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for name in ["version", "v", "http_status"] {
                    members.shift_remove(name);
                }
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    // The first lines of version 0 are older than what was last written without a version.
    for (shape, oldest) in
        [("run", 1), ("entry", 2), ("claim", 1), ("item", 1), ("retry", 1), ("batch", 0), ("summary", 0)]
    {
        for (before, now) in lines(shape, 0).iter().zip(lines(shape, NEWEST)).skip(oldest) {
            let mut now: Value = serde_json::from_str(&now).expect("JSON");
            strip(&mut now);
            assert_eq!(&now.to_string(), before);
        }
    }
}

/// Each number in a line that is a version, raised to 99 one at a time.
fn newer(line: &str, name: &str) -> Vec<String> {
    let (old, new) = (format!("\"{name}\":{NEWEST}"), format!("\"{name}\":99"));
    let places = line.match_indices(&old).map(|(at, _)| at);
    places.map(|at| [&line[..at], &new, &line[at + old.len()..]].concat()).collect()
}

#[track_caller]
fn check_newer<T: Debug>(shape: &str, name: &str, read: impl Fn(&str) -> serde_json::Result<T>) {
    for line in lines(shape, NEWEST) {
        let newer = newer(&line, name);
        assert!(!newer.is_empty(), "{shape} has a version");
        for line in newer {
            let error = read(&line).expect_err(&line).to_string();
            assert!(error.contains("version 99"), "{error}");
        }
    }
}

#[test]
fn a_record_of_a_newer_version_cannot_be_read_nor_one_that_holds_such_a_run() {
    check_newer("run", "version", Run::from_json);
    check_newer("entry", "version", Entry::from_json);
    check_newer("claim", "version", Claim::from_json);
    check_newer("item", "version", ItemClaim::from_json);
    check_newer("retry", "version", Retry::from_json);
    check_newer("kept", "version", Kept::from_json);
    check_newer("batch", "version", Batch::from_json);
    check_newer("batch", "v", Batch::from_json);
    check_newer("summary", "v", |line| read_metadata(RunId::default(), line));
}
