//! The files that the entries of the parameter `files` describe; it must not say how anything is
//! sent in the end.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::delivery::{Break, Delivery, Pace, Pause, Ranges, Refusal, Target};
use super::digest::{Digest, Form};
use super::fields::header;
use super::{Content, File, Listing, Noise};
use crate::parameter::Parameters;

/// The size of a file whose entry does not say.
const BYTES: u64 = 1_024;

/// What is sent in place of a file by a server that wants somebody to sign in.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n\
                    <body><h1>Sign in</h1><p>Your session has expired.</p></body></html>\n";

/// The files that the entries describe, if a start with them was let in.
pub(crate) fn files(parameters: &Parameters) -> Vec<File> {
    let entries = parameters.get("files").and_then(Value::as_array).into_iter().flatten();
    let entries = entries.filter_map(Value::as_object).map(Entry);
    let each = entries.flat_map(|entry| std::iter::repeat_n(entry, entry.count()));
    (0_u32..).zip(each).map(|(at, entry)| entry.file(at)).collect()
}

/// An entry whose fields are known to fit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'a>(pub(super) &'a Parameters);

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

    pub(super) fn has_dead_redirect(self) -> bool {
        let mut before_last = self.redirects();
        before_last.pop();
        before_last.iter().any(|target| !matches!(target, Target::Storage | Target::Relative))
    }

    pub(super) fn ranges(self) -> Ranges {
        match (self.flag("wrong_range"), self.flag("ranges")) {
            (true, _) => Ranges::Wrong,
            (false, true) => Ranges::Honoured,
            (false, false) => Ranges::Ignored,
        }
    }

    pub(super) fn bytes(self) -> u64 {
        self.number("bytes").unwrap_or(BYTES)
    }

    pub(super) fn count(self) -> usize {
        self.number("count").and_then(|count| count.try_into().ok()).unwrap_or(1)
    }

    pub(super) fn has(self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    fn number(self, field: &str) -> Option<u64> {
        self.0.get(field)?.as_u64()
    }

    pub(super) fn flag(self, field: &str) -> bool {
        self.0.get(field) == Some(&Value::Bool(true))
    }

    pub(super) fn text(self, field: &str) -> Option<&'a str> {
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
