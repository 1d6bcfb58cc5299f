//! The parameter of the workflow `files`: what an entry may say about a file and how it is sent,
//! and the files that the entries describe. It must not say how anything is sent in the end.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::delivery::{Break, Delivery, Pace, Pause, Ranges, Refusal, Target};
use super::digest::{self, Digest, Form};
use super::{Content, File, Listing, Noise};
use crate::parameter::{Kind, Parameter, Parameters};

/// The most files of a task, repeated entries included.
pub(crate) const FILES_MAX: usize = 400;
/// The largest file, larger than anything that is uploaded in parts.
const BYTES_MAX: u64 = 300 << 30;
/// The size of a file whose entry does not say.
const BYTES: u64 = 1_024;
/// Larger files have no digest: it is made before the first byte is sent.
const DIGEST_BYTES_MAX: u64 = 64 << 20;
/// Longer texts are refused: they would be kept once for each file.
const TEXT_CHARS_MAX: usize = 10_000;
/// More redirects are refused.
const REDIRECTS_MAX: usize = 50;
/// Longer pauses are refused: a day.
const PAUSE_MS_MAX: u64 = 86_400_000;

/// What is sent in place of a file by a server that wants somebody to sign in.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n\
                    <body><h1>Sign in</h1><p>Your session has expired.</p></body></html>\n";

const BYTE_COUNT: Kind = Kind::Integer { min: 0, max: BYTES_MAX };
const TIMES: Kind = Kind::Integer { min: 0, max: u32::MAX as u64 };
const FLAG: Kind = Kind::Such("true or false", Value::is_boolean);
const TEXT_OR_NULL: Kind = Kind::Such("a string of at most 10000 characters, or null", |value| {
    value.is_null() || value.as_str().is_some_and(|text| text.chars().count() <= TEXT_CHARS_MAX)
});
const HEADER: Kind = Kind::Such("a string of at most 10000 characters that fits into a header", |value| {
    value.as_str().is_some_and(fits_header)
});

/// What an entry may say.
pub(crate) const FIELDS: &[Parameter] = &[
    // The bytes.
    Parameter::optional("bytes", BYTE_COUNT),
    Parameter::optional("count", Kind::Integer { min: 1, max: FILES_MAX as u64 }),
    Parameter::optional("fill", Kind::OneOf(&["noise", "zeros"])),
    Parameter::optional("page", FLAG),
    // What the task says.
    Parameter::optional(
        "id",
        Kind::Such("a number or a string of at most 10000 characters", |value| {
            value.is_number() || (TEXT_OR_NULL.fits(value) && !value.is_null())
        }),
    ),
    Parameter::optional("name", TEXT_OR_NULL),
    Parameter::optional("content_type", TEXT_OR_NULL),
    Parameter::optional("size", Kind::Such("a number or null", |value| value.is_number() || value.is_null())),
    // The way to the bytes.
    Parameter::optional(
        "redirect",
        Kind::Such("an array of at most 50 strings, each a target or an address", |value| {
            let fits = |target: &Value| target.as_str().is_some_and(fits_header);
            value.as_array().is_some_and(|list| list.len() <= REDIRECTS_MAX && list.iter().all(fits))
        }),
    ),
    Parameter::optional("redirect_status", Kind::Integer { min: 300, max: 399 }),
    Parameter::optional("status", Kind::Integer { min: 200, max: 599 }),
    Parameter::optional("times", TIMES),
    Parameter::optional("retry_after", TIMES),
    // The head of the answer.
    Parameter::optional("length", Kind::OneOf(&["stated", "chunked"])),
    Parameter::optional("encoding", HEADER),
    Parameter::optional("served_type", HEADER),
    Parameter::optional("ranges", FLAG),
    Parameter::optional("wrong_range", FLAG),
    Parameter::optional("etag", HEADER),
    Parameter::optional("last_modified", HEADER),
    Parameter::optional("changes", FLAG),
    Parameter::optional("digest", Kind::OneOf(digest::NAMES)),
    Parameter::optional("wrong_digest", FLAG),
    // The transfer.
    Parameter::optional("extra", BYTE_COUNT),
    Parameter::optional("cut_after", BYTE_COUNT),
    Parameter::optional("cut_times", TIMES),
    Parameter::optional("stall_after", BYTE_COUNT),
    Parameter::optional("stall_times", TIMES),
    Parameter::optional("chunk_bytes", Kind::Integer { min: 1, max: BYTES_MAX }),
    Parameter::optional("pause_ms", Kind::Integer { min: 0, max: PAUSE_MS_MAX }),
    Parameter::optional("rate", Kind::Integer { min: 1, max: BYTES_MAX }),
];

/// Fields that say nothing without another.
const NEEDS: &[(&str, &str)] = &[
    ("redirect_status", "redirect"),
    ("times", "status"),
    ("retry_after", "status"),
    ("wrong_digest", "digest"),
    ("cut_times", "cut_after"),
    ("stall_times", "stall_after"),
    ("pause_ms", "chunk_bytes"),
];

/// Checks what no field can tell alone.
///
/// # Errors
/// A message that names the fields that do not go together, or too many files.
pub(crate) fn check(entries: &[&Parameters]) -> Result<(), String> {
    for (at, entry) in entries.iter().enumerate() {
        if let Some(message) = conflict(Entry(entry)) {
            return Err(format!("invalid parameter: files[{at}].{message}"));
        }
    }
    let count = entries.iter().map(|entry| Entry(entry).count()).sum::<usize>();
    if count > FILES_MAX {
        return Err(format!("invalid parameter: files describes {count} files, more than {FILES_MAX}"));
    }
    Ok(())
}

fn conflict(entry: Entry) -> Option<String> {
    let needy = NEEDS.iter().find(|(field, other)| entry.has(field) && !entry.has(other));
    if let Some((field, other)) = needy {
        return Some(format!("{field} needs {other}"));
    }
    let gzip = entry.text("encoding") == Some("gzip");
    let conflicts = [
        (gzip && entry.text("length") == Some("stated"), "length cannot be stated of what gzip makes"),
        (gzip && entry.ranges() != Ranges::Ignored, "ranges and wrong_range do not go with gzip"),
        (
            entry.has("extra") && !gzip && entry.text("length") != Some("chunked"),
            "extra needs \"length\": \"chunked\", for HTTP cannot send more than Content-Length",
        ),
        (
            entry.flag("changes") && (entry.flag("page") || entry.text("fill") == Some("zeros")),
            "changes needs noise, for nothing else can change",
        ),
        (
            entry.has("digest") && entry.bytes() > DIGEST_BYTES_MAX,
            "digest is for files of at most 67108864 bytes",
        ),
        (
            entry.text("digest") == Some("s3-etag") && entry.has("etag"),
            "etag and the digest \"s3-etag\" are the same header",
        ),
        (entry.has_dead_redirect(), "redirect goes on after a target that leads nowhere else"),
    ];
    conflicts.into_iter().find(|(found, _)| *found).map(|(_, message)| message.to_owned())
}

/// The files that the entries describe, if [`check`] lets them in.
pub(crate) fn files(parameters: &Parameters) -> Vec<File> {
    let entries = parameters.get("files").and_then(Value::as_array).into_iter().flatten();
    let entries = entries.filter_map(Value::as_object).map(Entry);
    let each = entries.flat_map(|entry| std::iter::repeat_n(entry, entry.count()));
    (0_u32..).zip(each).map(|(at, entry)| entry.file(at)).collect()
}

/// An entry whose fields are known to fit.
#[derive(Debug, Clone, Copy)]
struct Entry<'a>(&'a Parameters);

impl<'a> Entry<'a> {
    fn file(self, at: u32) -> File {
        let bytes = self.bytes();
        let content = match (self.flag("page"), self.text("fill")) {
            (true, _) => Content::Whole(Bytes::from_static(PAGE.as_bytes())),
            (false, Some("zeros")) => Content::Zeros(bytes),
            // Far from the next file, so that a file that changes never has the bytes of another.
            (false, _) => Content::Noise(Noise::new(bytes, u64::from(at) << 32)),
        };
        let stated = |field: &str, default: Value| match self.0.get(field) {
            Some(Value::Null) => None,
            Some(value) => Some(value.clone()),
            None => Some(default),
        };
        let listing = Listing {
            id: self.0.get("id").cloned(),
            name: stated("name", json!(format!("file-{}.bin", at + 1))),
            content_type: stated("content_type", json!("application/octet-stream")),
            size: self.0.get("size").cloned().unwrap_or(json!(bytes)),
        };
        File { listing, content, delivery: self.delivery() }
    }

    fn delivery(self) -> Delivery {
        let page = self.flag("page").then_some(HeaderValue::from_static("text/html; charset=utf-8"));
        let broken = |after: &str, times: &str| {
            self.number(after).map(|after_bytes| Break { after_bytes, times: self.number(times) })
        };
        Delivery {
            redirects: self.redirects(),
            redirect_status: self.status("redirect_status"),
            refusal: self.status("status").map(|status| Refusal {
                status,
                times: self.number("times"),
                retry_after_s: self.number("retry_after").and_then(|seconds| seconds.try_into().ok()),
            }),
            content_type: self.header("served_type").or(page),
            chunked: self.text("length") == Some("chunked"),
            encoding: self.header("encoding"),
            ranges: self.ranges(),
            etag: self.header("etag"),
            last_modified: self.header("last_modified"),
            changes: self.flag("changes"),
            digest: self
                .text("digest")
                .and_then(Form::named)
                .map(|form| Digest { form, wrong: self.flag("wrong_digest") }),
            extra_bytes: self.number("extra").unwrap_or_default(),
            pace: Pace {
                chunk_bytes: self.number("chunk_bytes"),
                pause: self.number("pause_ms").map(|ms| Pause::Fixed(Duration::from_millis(ms))),
                bytes_per_s: self.number("rate"),
            },
            cut: broken("cut_after", "cut_times"),
            stall: broken("stall_after", "stall_times"),
        }
    }

    fn redirects(self) -> Vec<Target> {
        let targets = self.0.get("redirect").and_then(Value::as_array).into_iter().flatten();
        targets.filter_map(Value::as_str).filter_map(target).collect()
    }

    fn has_dead_redirect(self) -> bool {
        let mut before_last = self.redirects();
        before_last.pop();
        before_last.iter().any(|target| !matches!(target, Target::Storage | Target::Relative))
    }

    fn ranges(self) -> Ranges {
        match (self.flag("wrong_range"), self.flag("ranges")) {
            (true, _) => Ranges::Wrong,
            (false, true) => Ranges::Honoured,
            (false, false) => Ranges::Ignored,
        }
    }

    fn bytes(self) -> u64 {
        self.number("bytes").unwrap_or(BYTES)
    }

    fn count(self) -> usize {
        self.number("count").and_then(|count| count.try_into().ok()).unwrap_or(1)
    }

    fn has(self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    fn number(self, field: &str) -> Option<u64> {
        self.0.get(field)?.as_u64()
    }

    fn flag(self, field: &str) -> bool {
        self.0.get(field) == Some(&Value::Bool(true))
    }

    fn text(self, field: &str) -> Option<&'a str> {
        self.0.get(field)?.as_str()
    }

    fn header(self, field: &str) -> Option<HeaderValue> {
        header(self.text(field)?)
    }

    fn status(self, field: &str) -> Option<StatusCode> {
        StatusCode::from_u16(self.number(field)?.try_into().ok()?).ok()
    }
}

fn target(text: &str) -> Option<Target> {
    Some(match text {
        "storage" => Target::Storage,
        "storage-401" => Target::StorageUnauthorized,
        "relative" => Target::Relative,
        "loop" => Target::Loop,
        literal => Target::Literal(header(literal)?),
    })
}

fn fits_header(text: &str) -> bool {
    text.chars().count() <= TEXT_CHARS_MAX && header(text).is_some()
}

/// Anything but control characters.
fn header(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
