//! Reads the answer to a status request piece by piece, so that memory is bounded however large the task's `result` is.
//!
//! At most [`STATUS_BYTES_MAX`] bytes are read. Only the members of a task that a run needs are kept, each up to a bound; a
//! result of more than [`RESULT_BYTES_MAX`] is counted and not kept. It waits for nothing.

use serde_json::Value;

use super::members::{Malformed, Member, Members};
use super::result::{JsonText, RESULT_BYTES_MAX, RESULT_DEPTH_MAX, ResultOmitted};
use super::status_table::StatusMeaning;
use super::{Answer, StatusError, Task};
use crate::timestamp::Timestamp;

/// The most bytes of an answer that are read: at 100 MB/s in wasm, under a second of CPU.
pub const STATUS_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Answers up to this size, bytes, are read at the same time; a larger one is read alone in its isolate.
pub const SMALL_ANSWER_BYTES: u32 = 256 * 1024;

/// The most bytes of a task's `files`: 400 files with 2.6 KB each.
const FILES_BYTES_MAX: usize = 1024 * 1024;

/// The most bytes of a task's `error` that are read; 500 characters of it are kept.
const ERROR_BYTES_MAX: usize = 64 * 1024;

/// The most bytes of each other member.
const FIELD_BYTES_MAX: usize = 4 * 1024;

/// The most bytes of an answer other than 2xx: a longer one is a page and has no message for the operator.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Reads one answer. Push each piece, then call [`finish`](Self::finish).
#[derive(Debug)]
pub struct StatusReader {
    /// The answer's status and headers; for an answer other than 2xx also its body.
    head: Answer,
    task: Members,
    bytes: u64,
}

/// How many bytes of a task's member are kept. Everything else that Fabricate says of a task is passed over.
fn bytes_max(member: &str) -> Option<usize> {
    match member {
        "result" => Some(RESULT_BYTES_MAX),
        "files" => Some(FILES_BYTES_MAX),
        "error" => Some(ERROR_BYTES_MAX),
        "id" | "workflow_id" | "status" | "created_at" | "started_at" | "completed_at" => {
            Some(FIELD_BYTES_MAX)
        }
        _ => None,
    }
}

impl StatusReader {
    /// Begins with an answer's status and headers. Its `body` should be empty.
    #[must_use]
    pub fn new(head: Answer) -> Self {
        Self { head, task: Members::new(bytes_max), bytes: 0 }
    }

    /// Whether the rest of the body makes no difference.
    #[must_use]
    pub fn needs_no_more(&self) -> bool {
        !self.is_success() && self.bytes > MESSAGE_BYTES_MAX as u64
    }

    /// Takes the next piece of the body.
    ///
    /// # Errors
    /// [`StatusError::TooLarge`] beyond [`STATUS_BYTES_MAX`]; [`StatusError::Unavailable`] when a 2xx is no JSON object.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), StatusError> {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if !self.is_success() {
            if self.needs_no_more() {
                self.head.body = Vec::new();
            } else {
                self.head.body.extend_from_slice(piece);
            }
            return Ok(());
        }
        if self.bytes > STATUS_BYTES_MAX {
            let reason = format!("the status answer has more than {STATUS_BYTES_MAX} bytes");
            return Err(StatusError::TooLarge(reason));
        }
        self.task.push(piece).map_err(|error| unreadable(self.head.status, &error))
    }

    /// The task, once the body has ended.
    ///
    /// # Errors
    /// [`StatusError`] for everything that is not a 2xx with a task in it.
    pub fn finish(self, now: Timestamp) -> Result<Task, StatusError> {
        let Self { head, task, .. } = self;
        match StatusMeaning::of(head.status) {
            StatusMeaning::Accepted => {
                let members = task.finish().map_err(|error: Malformed| unreadable(head.status, &error))?;
                read_task(&members, head.status)
            }
            StatusMeaning::KeyRejected => Err(StatusError::Unauthorized),
            StatusMeaning::WorkspaceRejected => Err(StatusError::Forbidden),
            StatusMeaning::NotFound => Err(StatusError::NotFound),
            StatusMeaning::Busy => {
                Err(StatusError::Busy { reason: head.message(), retry_after_ms: head.retry_after_ms(now) })
            }
            StatusMeaning::Redirect
            | StatusMeaning::Rejected
            | StatusMeaning::NotProcessed
            | StatusMeaning::Failed
            | StatusMeaning::Unexpected => Err(StatusError::Unavailable(head.message())),
        }
    }

    fn is_success(&self) -> bool {
        StatusMeaning::of(self.head.status) == StatusMeaning::Accepted
    }
}

fn unreadable(status: u16, error: &dyn std::fmt::Display) -> StatusError {
    StatusError::Unavailable(format!("{status} without a readable task: {error}"))
}

fn read_task(members: &[Member], status: u16) -> Result<Task, StatusError> {
    let mut fields: Vec<String> = Vec::new();
    let (mut result, mut error) = (Ok(JsonText::default()), None);
    for member in members {
        match (member.name.as_str(), &member.text) {
            ("result", _) => result = read_result(member),
            ("error", _) => error = read_error(member),
            ("files", None) => {
                let reason = format!(
                    "the task's list of files has {} bytes, more than {FILES_BYTES_MAX}",
                    member.bytes
                );
                return Err(StatusError::TooLarge(reason));
            }
            (name, Some(text)) => fields.push(format!("\"{name}\":{}", mend(text))),
            // A member that is too long counts as absent.
            (_, None) => {}
        }
    }
    let object = format!("{{{}}}", fields.join(","));
    let mut task: Task = serde_json::from_str(&object).map_err(|error| unreadable(status, &error))?;
    task.error = error.map(Value::String);
    match result {
        Ok(text) => task.result = text,
        Err(omitted) => task.result_omitted = Some(omitted),
    }
    Ok(task)
}

/// A result as its text, or why it is not kept.
fn read_result(member: &Member) -> Result<JsonText, ResultOmitted> {
    let omitted = |reason: String| ResultOmitted { bytes: member.bytes, reason };
    let too_large = || omitted(format!("the result has more than {RESULT_BYTES_MAX} bytes"));
    let text = member.text.as_ref().ok_or_else(too_large)?;
    if member.depth > RESULT_DEPTH_MAX {
        return Err(omitted(format!("the result is nested more than {RESULT_DEPTH_MAX} levels deep")));
    }
    let text = String::from_utf8_lossy(text);
    // A byte that is no UTF-8 becomes three.
    if text.len() > RESULT_BYTES_MAX {
        return Err(too_large());
    }
    JsonText::parse(&text).map_err(|_| omitted("the result is not valid JSON".to_owned()))
}

/// An error as a text; `None` for `null`. [`Task::error_text`] cuts it.
fn read_error(member: &Member) -> Option<String> {
    let Some(text) = &member.text else {
        return Some(format!("the task's error has {} bytes, more than {ERROR_BYTES_MAX}", member.bytes));
    };
    let text = mend(text);
    match serde_json::from_str(&text) {
        Ok(words) => words,
        // An object or a number.
        Err(_) => Some(text),
    }
}

/// A text with U+FFFD in place of each byte that is no UTF-8 and each escape of a lone surrogate: what a reader of JSON
/// that insists on Unicode would refuse.
fn mend(text: &[u8]) -> String {
    const REPLACEMENT: &str = "\\ufffd";
    let mut text = String::from_utf8_lossy(text).into_owned();
    let mut at = 0;
    // Each turn goes past a backslash.
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let escape = at + found;
        at = match (unit_at(&text, escape), unit_at(&text, escape + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => escape + 12,
            (Some(0xd800..=0xdfff), _) => {
                text.replace_range(escape..escape + 6, REPLACEMENT);
                escape + 6
            }
            _ => escape + 2,
        };
    }
    text
}

/// The UTF-16 code unit that an escape `\uXXXX` at this place stands for.
fn unit_at(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at.checked_add(6)?)?.strip_prefix("\\u")?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::TaskStatus;

    const NOW: Timestamp = Timestamp::from_millis(0);

    fn head(status: u16) -> Answer {
        let content_type = Some("application/json".into());
        Answer { status, content_type, retry_after: None, body: Vec::new() }
    }

    fn read<'a>(status: u16, pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Task, StatusError> {
        let mut reader = StatusReader::new(head(status));
        for piece in pieces {
            reader.push(piece)?;
        }
        reader.finish(NOW)
    }

    /// A completed task with this result and a file.
    fn with_result(result: &[u8]) -> Vec<u8> {
        let before = br#"{"id":"t","status":"completed","result":"#;
        [before, result, br#","files":[{"id":7,"name":"a.csv","size":3}],"error":null}"#].concat()
    }

    /// How the result of a completed task is read: its text, or the reason why it is left out.
    #[track_caller]
    fn check(result: &[u8], expected: Result<&str, &str>) {
        let body = with_result(result);
        let task = read(200, [&*body]).unwrap();
        assert_eq!(read(200, body.chunks(7)), Ok(task.clone()));
        assert_eq!((task.status(), task.files.len()), (TaskStatus::Completed, 1));
        match (&task.result_omitted, expected) {
            (None, Ok(text)) => assert_eq!(task.result.as_str(), text),
            (Some(omitted), Err(reason)) => {
                assert!(task.result.is_null());
                assert!(omitted.reason.contains(reason), "{omitted:?}");
                assert_eq!(omitted.bytes, result.len() as u64);
            }
            (omitted, _) => panic!("{omitted:?} {:?}", task.result.as_str().get(..100)),
        }
    }

    #[test]
    fn a_result_is_kept_byte_for_byte() {
        for text in [
            "null",
            "1e400",
            "340282366920938463463374607431768211455",
            r#""cut \ud83d""#,
            r#"{"b" : [1.0, 1.00],  "a":"é", "a":null}"#,
        ] {
            check(text.as_bytes(), Ok(text));
        }
        let deep = "[".repeat(120) + &"]".repeat(120);
        check(deep.as_bytes(), Ok(&deep));
        let most = format!("\"{}\"", "x".repeat(RESULT_BYTES_MAX - 2));
        check(most.as_bytes(), Ok(&most));
    }

    #[test]
    fn bytes_that_are_no_utf8_become_replacement_characters() {
        check(b"\"a\xff\xc3b\"", Ok("\"a\u{fffd}\u{fffd}b\""));
    }

    #[test]
    fn a_result_that_cannot_be_kept_is_left_out_with_a_reason_and_the_files_stay() {
        let large = format!("\"{}\"", "x".repeat(RESULT_BYTES_MAX - 1));
        check(large.as_bytes(), Err("more than 1048576 bytes"));
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        check(deep(121).as_bytes(), Err("more than 120 levels"));
        check(deep(10_000).as_bytes(), Err("more than 120 levels"));
        check(b"NaN", Err("not valid JSON"));
        check(b"[1,]", Err("not valid JSON"));
        let spoilt = [b"\"".as_slice(), &vec![0xff; 500_000], b"\""].concat();
        check(&spoilt, Err("more than 1048576 bytes"));
        let rows = format!("[{}0]", r#"{"id":1,"note":"seeded with orders"},"#.repeat(600_000));
        assert!(rows.len() > 20 << 20);
        check(rows.as_bytes(), Err("more than 1048576 bytes"));
    }

    #[test]
    fn an_answer_is_read_the_same_wherever_it_is_cut() {
        let body = with_result(br#"{"a":"\\\" ]}","b":[1,2,{"c":null}]}"#);
        let whole = read(200, [&*body]).unwrap();
        assert_eq!(whole.result.as_str(), r#"{"a":"\\\" ]}","b":[1,2,{"c":null}]}"#);
        for at in 0..=body.len() {
            let (first, second) = body.split_at(at);
            assert_eq!(read(200, [first, second]).as_ref(), Ok(&whole), "cut at {at}");
            assert!(at == body.len() || read(200, [first]).is_err(), "broken off at {at}");
        }
    }

    #[test]
    fn more_than_is_read_is_too_large() {
        let mut reader = StatusReader::new(head(200));
        reader.push(br#"{"id":"t","status":"completed","result":[""#).unwrap();
        let piece = vec![b'x'; 1 << 20];
        let pushed = (0..100).find_map(|at| reader.push(&piece).err().map(|error| (at, error)));
        let Some((63, StatusError::TooLarge(reason))) = pushed else { panic!("{pushed:?}") };
        assert!(reason.contains("67108864 bytes"));
    }

    #[test]
    fn a_list_of_files_beyond_its_bound_is_too_large() {
        let files = vec![r#"{"id":1,"name":"a.csv"}"#; 60_000].join(",");
        let body = format!(r#"{{"id":"t","status":"completed","files":[{files}]}}"#);
        assert!(matches!(read(200, [body.as_bytes()]), Err(StatusError::TooLarge(_))));
    }

    #[test]
    fn an_error_of_any_kind_is_a_text() {
        let error = |error: &str| {
            let body = format!(r#"{{"id":"t","status":"completed","error":{error}}}"#);
            read(200, [body.as_bytes()]).unwrap().error_text()
        };
        assert_eq!(error("null"), None);
        assert_eq!(error("\"\""), None);
        assert_eq!(error(r#""no \ud83d \ud83d\ude00 \\ud83d""#).unwrap(), "no \u{fffd} \u{1f600} \\ud83d");
        assert_eq!(error(r#"{"code":7}"#).unwrap(), r#"{"code":7}"#);
        assert_eq!(error("1e400").unwrap(), "1e400");
        assert_eq!(error("false").unwrap(), "false");
        assert_eq!(error(&("[".repeat(9_000) + &"]".repeat(9_000))).unwrap().len(), 500);
        assert_eq!(
            error(&format!("\"{}\"", "x".repeat(70_000))).unwrap(),
            "the task's error has 70002 bytes, more than 65536"
        );
    }

    #[test]
    fn ill_formed_text_in_a_name_does_not_lose_the_task() {
        let body = b"{\"id\":\"t\",\"status\":\"completed\",\"more\":1e400,\"files\":[{\"id\":1,\"name\":\"\\udc00\xff.csv\"}]}";
        let task = read(200, [&body[..]]).unwrap();
        assert_eq!(task.files[0].name.as_deref(), Some("\u{fffd}\u{fffd}.csv"));
    }

    #[test]
    fn an_error_page_of_any_size_is_read_by_its_status() {
        let page = vec![b'x'; 100_000];
        let mut reader = StatusReader::new(head(503));
        reader.push(&page).unwrap();
        assert!(reader.needs_no_more());
        let busy = StatusError::Busy { reason: "HTTP 503".into(), retry_after_ms: None };
        assert_eq!(reader.finish(NOW), Err(busy));
        assert_eq!(
            read(500, [&br#"{"error":"#[..], br#""down"}"#]),
            Err(StatusError::Unavailable("down (HTTP 500)".into()))
        );
    }
}
