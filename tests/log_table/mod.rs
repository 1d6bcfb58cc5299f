//! The table of log messages in `docs/operations.md`, read once for all tests that compare it with the Worker.

use std::collections::BTreeSet;
use std::path::Path;

/// The section with the table.
const SECTION: &str = "\n## Log messages\n";

/// The words by which the section defines the fields of a run, and a row names them.
const DEFINED: &str = "\"The fields of a run\" are ";
const OF_A_RUN: [&str; 2] = ["the fields of a run", "the fields of the new run"];

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) message: String,
    pub(crate) level: String,
    /// The names of the fields that such a line may have, `level` and `message` apart.
    pub(crate) fields: BTreeSet<String>,
}

/// All rows.
pub(crate) fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let page = std::fs::read_to_string(page).unwrap().replace("\r\n", "\n");
    let (_, section) = page.split_once(SECTION).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let (_, definition) = section.split_once(DEFINED).unwrap();
    let of_a_run = quoted(definition.split(". ").next().unwrap());
    let cells = section.lines().filter_map(|line| {
        let (message, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let mut rest = rest.split(" | ");
        let (level, cell) = (rest.next()?.to_owned(), rest.next()?);
        let mut fields = quoted(cell);
        if OF_A_RUN.iter().any(|words| cell.contains(words)) {
            fields.extend(of_a_run.iter().cloned());
        }
        Some(Row { message: message.to_owned(), level, fields })
    });
    cells.collect()
}

/// The texts between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
