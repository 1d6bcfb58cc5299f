//! The table of what exists: workspaces, databases and workflows. One entry adds one workflow; it
//! must not hold behaviour, which belongs to what an entry names.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::files::{self, Break, Delivery, File, Pace, Pause, Refusal, Target};
use crate::parameter::{Kind, Parameter, Parameters};
use crate::workflow::{Outcome, Reply, Workflow};

/// Workspaces, and the one name that serves as a database and as a project in each.
pub const WORKSPACES: &[(&str, &str)] = &[("acme", "sales-demo"), ("big corp/eu", "démo db")];

/// The most rows of a report: about 600 MB.
const ROWS_MAX: u64 = 10_000_000;
/// The rows of [`ANY`].
const ANY_ROWS: u64 = 100;
/// The size of `big-file`, if the start does not say.
const BIG_FILE_BYTES: u64 = 64 << 20;
/// The rows of `huge-result`.
const HUGE_RESULT_ROWS: u64 = 122_000;
/// The largest `big-file`.
const BIG_FILE_BYTES_MAX: u64 = 2 << 30;

/// How often a text of a result may be repeated: with 1,000 characters, 100 MB.
const REPEATS_MAX: u64 = 100_000;

/// Every workflow of every database.
#[must_use]
pub fn workflows() -> &'static [Workflow] {
    WORKFLOWS
}

/// The workflow of that name.
#[must_use]
pub fn workflow(name: &str) -> Option<&'static Workflow> {
    WORKFLOWS.iter().find(|workflow| workflow.name == name)
}

/// The workflow behind every name and all parameters that are not in the table, where the server takes any.
pub(crate) static ANY: Workflow = Workflow {
    result: |_| json!({ "rows_processed": ANY_ROWS, "success": true }),
    files: |parameters| {
        vec![
            files::report("report.csv", ANY_ROWS, "2024-01-01", "demo"),
            files::summary("summary.pdf", parameters),
        ]
    },
    ..Workflow::plain("any", "completes with report.csv and summary.pdf, for any parameters")
};

const WORKFLOWS: &[Workflow] = &[
    Workflow {
        parameters: &[
            Parameter::required("startDate", Kind::Date),
            Parameter::required("rows", Kind::Integer { min: 1, max: ROWS_MAX }),
            Parameter::optional("label", Kind::String),
            Parameter::optional("tables", Kind::Strings),
        ],
        result: |parameters| json!({ "rows_processed": integer(parameters, "rows", 1), "success": true }),
        files: |parameters| {
            vec![
                files::report(
                    "report.csv",
                    integer(parameters, "rows", 1),
                    text(parameters, "startDate"),
                    text(parameters, "label"),
                ),
                files::summary("summary.pdf", parameters),
            ]
        },
        ..Workflow::plain("seed-account", "completes; report.csv with as many rows as asked for, summary.pdf")
    },
    // How a task ends.
    Workflow {
        outcome: Outcome::Fails("Database connection failed"),
        ..Workflow::plain("fails", "fails: Database connection failed")
    },
    Workflow { outcome: Outcome::Cancels, ..Workflow::plain("cancels", "is canceled") },
    Workflow { outcome: Outcome::NeverEnds, ..Workflow::plain("never-ends", "stays in progress") },
    Workflow {
        outcome: Outcome::CompletesWithError("2 of 5 tables could not be written"),
        ..Workflow::plain("completed-with-error", "completes with a file, and with an error")
    },
    Workflow {
        outcome: Outcome::Pauses,
        ..Workflow::plain("unknown-status", "says `paused` while it runs, then completes")
    },
    Workflow { outcome: Outcome::IsForgotten, ..Workflow::plain("forgets", "is in progress once, then 404") },
    Workflow {
        result: large_result,
        ..Workflow::plain("large-result", "completes with a result of about 400 KB")
    },
    Workflow {
        parameters: &[
            Parameter::optional("before", Kind::String),
            Parameter::required("text", Kind::String),
            Parameter::optional("times", Kind::Integer { min: 0, max: REPEATS_MAX }),
            Parameter::optional("after", Kind::String),
            Parameter::optional("after_times", Kind::Integer { min: 0, max: REPEATS_MAX }),
        ],
        result_text: Some(repeated_text),
        ..Workflow::plain(
            "result-text",
            "completes with a result that is `before`, `text` so many times, `after` so many times, as it is",
        )
    },
    Workflow { result: huge_result, ..Workflow::plain("huge-result", "completes with a result of 7.9 MiB") },
    // Which files it makes.
    Workflow { files: |_| vec![], ..Workflow::plain("no-files", "completes without files") },
    Workflow {
        parameters: &[Parameter::optional("bytes", Kind::Integer { min: 0, max: BIG_FILE_BYTES_MAX })],
        files: |parameters| vec![files::noise("big.bin", integer(parameters, "bytes", BIG_FILE_BYTES))],
        ..Workflow::plain("big-file", "one file of 64 MiB, or of as many bytes as asked for")
    },
    Workflow {
        files: |_| vec![files::small("empty.csv", "")],
        ..Workflow::plain("zero-bytes", "one empty file")
    },
    Workflow { files: many_files, ..Workflow::plain("many-files", "20 small files") },
    Workflow { files: odd_names, ..Workflow::plain("odd-names", "files whose names and types need care") },
    Workflow {
        files: |_| {
            vec![files::small_report("short.csv").stated(200), files::small_report("long.csv").stated(20)]
        },
        ..Workflow::plain(
            "wrong-size",
            "two files; the task says more bytes than are sent of one, less of the other",
        )
    },
    // How a file is sent.
    Workflow {
        files: |_| {
            vec![files::noise("report.bin", 300_000).sent(Delivery { chunked: true, ..Delivery::default() })]
        },
        ..Workflow::plain("no-length", "a download without Content-Length")
    },
    Workflow {
        files: |_| vec![files::noise("report.bin", 300_000).redirected(Target::Storage)],
        ..Workflow::plain(
            "redirects",
            "a download that is a 302 to the storage, which refuses the bearer key",
        )
    },
    Workflow {
        files: |_| vec![files::small_report("report.csv").redirected(Target::Relative)],
        ..Workflow::plain(
            "redirect-relative",
            "a download that is a 302 to a relative address on the same origin",
        )
    },
    Workflow {
        files: |_| vec![files::small_report("report.csv").redirected(Target::Loop)],
        ..Workflow::plain("redirect-loop", "a download that redirects without end")
    },
    Workflow {
        files: trickled_file,
        ..Workflow::plain("slow", "a download of 20 chunks with a pause (--tick) before each")
    },
    Workflow {
        files: cut_file,
        ..Workflow::plain("cut-short", "a download whose connection closes half way")
    },
    Workflow {
        files: missing_file,
        ..Workflow::plain("missing-file", "three files; the second answers 404")
    },
    Workflow {
        parameters: &[Parameter::required(
            "files",
            Kind::Objects { max: files::FILES_MAX, fields: files::FIELDS, check: files::check },
        )],
        files: files::described,
        ..Workflow::plain("files", "the files that the start describes, each sent as it says")
    },
    // How a start is answered.
    Workflow {
        start: Reply::Dropped,
        ..Workflow::plain("start-drops", "starts; closes the connection instead of answering")
    },
    Workflow {
        start: Reply::Late,
        ..Workflow::plain("start-slow", "starts; answers after 25 s (--slow-start-seconds)")
    },
    Workflow { start: Reply::Broken, ..Workflow::plain("start-500", "starts; answers 500") },
    Workflow {
        start: Reply::Nameless,
        ..Workflow::plain("start-no-task-id", "starts; answers 200 without a task id")
    },
    Workflow {
        start: Reply::Unavailable { first: None },
        ..Workflow::plain("start-503", "does not start: 503")
    },
    Workflow {
        start: Reply::Unavailable { first: Some(2) },
        ..Workflow::plain(
            "start-503-twice",
            "503 for the first two starts with the same parameters, then starts",
        )
    },
    Workflow {
        start: Reply::RateLimited { retry_after_s: 2 },
        ..Workflow::plain(
            "start-429",
            "429 with Retry-After: 2 for the first start with the same parameters, then starts",
        )
    },
    Workflow { start: Reply::Page, ..Workflow::plain("start-html", "does not start: 502 with an HTML page") },
    Workflow { start: Reply::Refused, ..Workflow::plain("start-refuses", "does not start: 422") },
    Workflow {
        start: Reply::Redirected,
        ..Workflow::plain("start-redirects", "does not start: 307 to the storage")
    },
];

fn integer(parameters: &Parameters, name: &str, default: u64) -> u64 {
    parameters.get(name).and_then(Value::as_u64).unwrap_or(default)
}

fn text<'a>(parameters: &'a Parameters, name: &str) -> &'a str {
    parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn large_result(_: &Parameters) -> Value {
    let row = |id: u64| json!({ "id": id, "note": format!("account {id:05}, seeded with its orders, invoices and payments") });
    json!({ "rows_processed": 5_000, "success": true, "rows": (0..5_000).map(row).collect::<Vec<_>>() })
}

fn repeated_text(parameters: &Parameters) -> String {
    let times = |name| usize::try_from(integer(parameters, name, 1)).unwrap_or_default();
    let text = text(parameters, "text").repeat(times("times"));
    let after = self::text(parameters, "after").repeat(times("after_times"));
    [self::text(parameters, "before"), &text, &after].concat()
}

/// Just below what a client may want to read: 8 MiB.
fn huge_result(_: &Parameters) -> Value {
    let row =
        |id: u64| json!({ "id": id, "name": format!("account {id:06}"), "amount": 12.5, "tags": ["a", "b"] });
    json!({ "rows": (0..HUGE_RESULT_ROWS).map(row).collect::<Vec<_>>() })
}

fn many_files(_: &Parameters) -> Vec<File> {
    let file = |n: u64| files::small(&format!("part-{n:02}.csv"), &format!("part,of\n{n},20\n"));
    (1..=20).map(file).collect()
}

fn trickled_file(_: &Parameters) -> Vec<File> {
    let pace = Pace { chunk_bytes: Some(1 << 10), pause: Some(Pause::Tick), bytes_per_s: None };
    vec![files::noise("report.bin", 20 << 10).sent(Delivery { pace, ..Delivery::default() })]
}

fn cut_file(_: &Parameters) -> Vec<File> {
    let cut = Some(Break::always(150_000));
    vec![files::noise("report.bin", 300_000).sent(Delivery { cut, ..Delivery::default() })]
}

fn missing_file(_: &Parameters) -> Vec<File> {
    let refusal = Some(Refusal { status: StatusCode::NOT_FOUND, times: None, retry_after_s: None });
    vec![
        files::small("first.csv", "n\n1\n"),
        files::small("second.csv", "n\n2\n").sent(Delivery { refusal, ..Delivery::default() }),
        files::small("third.csv", "n\n3\n"),
    ]
}

fn odd_names(_: &Parameters) -> Vec<File> {
    let text = |n: u64| format!("file\n{n}\n");
    vec![
        files::small("../../etc/passwd", &text(1)),
        files::small(&format!("{}.csv", "n".repeat(296)), &text(2)),
        files::small("démo – données.csv", &text(3)),
        files::small("a\"b\r\nX: y.csv", &text(4)),
        files::small("", &text(5)),
        files::small("unnamed", &text(6)).named(None),
        files::small("untyped.csv", &text(7)).typed(None),
        files::small("absurd.csv", &text(8)).typed(Some("text/csv\r\nX-Injected: 1")),
        files::small("long-type.csv", &text(9)).typed(Some(&format!("text/{}", "x".repeat(2_000)))),
        files::small("page.html", "<script>alert(document.domain)</script>").typed(Some("text/html")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (at, workflow) in WORKFLOWS.iter().enumerate() {
            assert!(WORKFLOWS[at + 1..].iter().all(|other| other.name != workflow.name), "{}", workflow.name);
        }
    }

    #[test]
    fn a_large_result_is_about_400_kilobytes() {
        let bytes = large_result(&Parameters::new()).to_string().len();
        assert!((380_000..460_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_huge_result_is_7_9_mebibytes() {
        let bytes = huge_result(&Parameters::new()).to_string().len();
        assert!((8_200_000..8_360_000).contains(&bytes), "{bytes}");
    }

    #[test]
    fn a_long_name_has_300_characters() {
        let names: Vec<_> =
            odd_names(&Parameters::new()).iter().filter_map(|file| file.name().map(str::len)).collect();
        assert!(names.contains(&300), "{names:?}");
    }
}
