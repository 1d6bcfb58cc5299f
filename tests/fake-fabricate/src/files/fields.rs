//! What an entry of the parameter `files` may say about a file and how it is sent. It must not
//! know which fields go together.
//!
//! | field | what it says |
//! |---|---|
//! | `bytes`, `fill` | how many bytes (1,024), and which: `noise`, or `zeros`, which compress |
//! | `page` | an HTML page is sent in place of the file, with 200 |
//! | `count` | so many files are like this one; noise is different in each |
//! | `id` | a text or a number, perhaps one that another file has; else the server's next number |
//! | `name`, `content_type` | what the task says; `null` leaves it out |
//! | `size` | any number that the task says, or `null`; else the true size |
//! | `redirect` | redirects before anything else, in turn: `storage`, `relative`, `loop`, `storage-401` or any address |
//! | `redirect_status` | their status (302) |
//! | `status`, `times`, `retry_after` | an error, for the first so many downloads (all), with `Retry-After` |
//! | `length` | `stated`, or `chunked`: without `Content-Length` |
//! | `encoding` | `Content-Encoding`; for `gzip` the bytes are compressed and chunked, else they stay as they are |
//! | `served_type` | the `Content-Type` of the download; else what the task says |
//! | `ranges` | one range is honoured, on the condition of `If-Range`; else `Range` is ignored |
//! | `wrong_range` | as `ranges`, but the part starts a byte before what was asked for, or after the first |
//! | `etag`, `last_modified` | these headers, as they are |
//! | `changes` | each download gets other bytes, and another `ETag` if there is one |
//! | `digest`, `wrong_digest` | a header with the hash of the whole, or a wrong one |
//! | `extra` | so many zeros follow the bytes that were spoken of |
//! | `cut_after`, `cut_times` | the connection is closed after so many bytes, for the first so many transfers (all) |
//! | `stall_after`, `stall_times` | nothing comes any more, but the connection stays open |
//! | `chunk_bytes`, `pause_ms` | at most so many bytes at once, with a pause before each |
//! | `rate` | bytes per second |
//!
//! A download is a request that gets past the redirects; a transfer is a download that gets past
//! `status`. Both are counted for each file.

use axum::http::HeaderValue;
use serde_json::Value;

use super::digest;
use crate::parameter::{Kind, Parameter};

/// The most files of a task, repeated entries included.
pub(crate) const FILES_MAX: usize = 400;
/// The largest file, larger than anything that is uploaded in parts.
const BYTES_MAX: u64 = 300 << 30;
/// Longer texts are refused: they would be kept once for each file.
const TEXT_CHARS_MAX: usize = 10_000;
/// More redirects are refused.
const REDIRECTS_MAX: usize = 50;
/// Longer pauses are refused: a day.
const PAUSE_MS_MAX: u64 = 86_400_000;

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

fn fits_header(text: &str) -> bool {
    text.chars().count() <= TEXT_CHARS_MAX && header(text).is_some()
}

/// Anything but control characters.
pub(super) fn header(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
