//! Stored records stay readable: each file of this folder has the lines of one shape in one version, as they stand in
//! the stores.
//!
//! The lines of a file never change. `<shape>.v0.jsonl` is what was written before records had a version; its first
//! lines are the oldest, in which fields that came later are absent.
#![expect(clippy::expect_used, reason = "tests fail by panicking")]

mod specimens;

use std::fmt::Debug;
use std::path::Path;

use seedhook::journal::Entry;
use seedhook::ports::{Batch, Claim, ItemClaim, Retry};
use seedhook::run::{Run, Summary};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The lines of a fixture.
fn lines(shape: &str, version: u32) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/records/{shape}.v{version}.jsonl"));
    let text = std::fs::read_to_string(&file).expect("a fixture");
    text.lines().map(str::to_owned).collect()
}

/// Each line is read as its specimen, and, but for the `oldest` ones, is what is written of it.
#[track_caller]
fn check<T: PartialEq + Debug + Serialize + DeserializeOwned>(shape: &str, oldest: usize, specimens: &[T]) {
    let lines = lines(shape, 0);
    assert_eq!(lines.len(), specimens.len(), "{shape}: a line for each specimen");
    for (number, (line, specimen)) in lines.iter().zip(specimens).enumerate() {
        let read: T = serde_json::from_str(line).expect(line);
        assert_eq!(&read, specimen, "{shape}.v0.jsonl, line {}", number + 1);
        if number >= oldest {
            assert_eq!(&serde_json::to_string(specimen).expect("JSON"), line);
        }
    }
}

#[test]
fn records_without_a_version_are_read_as_they_were_written() {
    check::<Run>("run", 1, &specimens::runs());
    check::<Entry>("entry", 2, &specimens::entries());
    check::<Claim>("claim", 1, &specimens::claims());
    check::<ItemClaim>("item", 1, &specimens::item_claims());
    check::<Retry>("retry", 1, &specimens::retries());
    for (line, batch) in lines("batch", 0).iter().zip(specimens::batches()) {
        let read: Batch = serde_json::from_str(line).expect(line);
        assert_eq!(&serde_json::to_string(&read).expect("JSON"), line);
        assert_eq!(&serde_json::to_string(&batch).expect("JSON"), line);
    }
    for (line, summary) in lines("summary", 0).iter().zip(specimens::summaries()) {
        let read = Summary::read(summary.run_id, serde_json::from_str(line).expect(line)).expect(line);
        assert_eq!(read, summary);
        assert_eq!(&serde_json::to_string(&summary).expect("JSON"), line);
    }
}
