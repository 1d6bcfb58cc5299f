//! Which fields of an entry do not go together; it must not know which values a field takes.

use super::Ranges;
use super::entry::Entry;
use super::fields::FILES_MAX;
use crate::parameter::Parameters;

/// Larger files have no digest: it is made before the first byte is sent.
const DIGEST_BYTES_MAX: u64 = 64 << 20;

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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::parameter;

    #[track_caller]
    fn check(files: &Value, expected: Result<(), &str>) {
        let parameters = json!({ "files": files });
        let declared = crate::workflow("files").unwrap().parameters;
        let found = parameter::check(declared, parameters.as_object().unwrap());
        match (&found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) if found.starts_with(expected) => {}
            _ => panic!("{files}: {found:?}, expected {expected:?}"),
        }
    }

    /// The second of two files is refused, with a message that goes on like this.
    #[track_caller]
    fn refuse(entry: &Value, message: &str) {
        check(&json!([{}, entry]), Err(&format!("invalid parameter: files[1].{message}")));
    }

    #[test]
    fn fields_that_go_together_are_let_in() {
        check(&json!([{}]), Ok(()));
        let all = json!({
            "bytes": 300_u64 << 30, "count": 399, "fill": "noise", "page": false, "id": "a", "name": "", "content_type": "x",
            "size": -1.5, "redirect": ["relative", "storage", "http://[::1]/"], "redirect_status": 308, "status": 599,
            "times": 0, "retry_after": 1, "length": "chunked", "encoding": "zstd", "served_type": "é", "ranges": true,
            "wrong_range": false, "etag": "\"a\"", "last_modified": "now", "changes": true, "extra": 1, "cut_after": 0,
            "cut_times": 1, "stall_after": 1, "stall_times": 1, "chunk_bytes": 1, "pause_ms": 1, "rate": 1,
        });
        check(&json!([{}, all]), Ok(()));
        check(&json!([{"id": 1, "name": null, "content_type": null, "size": null}]), Ok(()));
        check(&json!([{"id": "", "encoding": "gzip", "extra": 1, "redirect": ["loop"]}]), Ok(()));
        check(&json!([{"digest": "s3-etag", "wrong_digest": true, "bytes": 64 << 20}]), Ok(()));
    }

    #[test]
    fn there_are_1_to_400_files() {
        for files in [json!([]), json!({}), json!(null), json!([1]), json!(vec![json!({}); 401])] {
            check(&files, Err("invalid parameter: files must be an array of 1 to 400 objects"));
        }
        check(&json!(vec![json!({}); 400]), Ok(()));
        check(&json!([{"count": 400}]), Ok(()));
        check(&json!([{"count": 400}, {}]), Err("invalid parameter: files describes 401 files"));
    }

    #[test]
    fn a_field_that_does_not_fit_is_named() {
        check(&json!([{}, {"byte": 1}]), Err("unknown parameter: files[1].byte"));
        for (field, values) in [
            ("bytes", vec![json!(-1), json!((300_u64 << 30) + 1), json!("1"), json!(1.5), json!(null)]),
            ("count", vec![json!(0), json!(401)]),
            ("fill", vec![json!("ones"), json!(null)]),
            ("page", vec![json!(1), json!("true"), json!(null)]),
            ("id", vec![json!(null), json!(true), json!([1])]),
            ("name", vec![json!(1), json!("x".repeat(10_001))]),
            ("content_type", vec![json!(1), json!("x".repeat(10_001))]),
            ("size", vec![json!("1"), json!([])]),
            ("redirect", vec![json!("loop"), json!([1]), json!(["a\nb"]), json!(vec!["relative"; 51])]),
            ("status", vec![json!(199), json!(600), json!("503")]),
            ("length", vec![json!("none")]),
            ("encoding", vec![json!("a\r\nb: c"), json!(1), json!(null)]),
            ("digest", vec![json!("md5"), json!(true)]),
            ("ranges", vec![json!("yes")]),
            ("etag", vec![json!("\u{7f}"), json!("x".repeat(10_001))]),
        ] {
            for value in values {
                refuse(&json!({ field: value }), &format!("{field} must be "));
            }
        }
        for (field, need, value) in [
            ("redirect_status", json!({"redirect": []}), json!(299)),
            ("redirect_status", json!({"redirect": []}), json!(400)),
            ("chunk_bytes", json!({}), json!(0)),
            ("pause_ms", json!({"chunk_bytes": 1}), json!(86_400_001)),
            ("rate", json!({}), json!(0)),
        ] {
            let mut entry = need;
            entry[field] = value;
            refuse(&entry, &format!("{field} must be "));
        }
    }

    #[test]
    fn a_field_without_the_one_it_needs_is_named() {
        refuse(&json!({"redirect_status": 301}), "redirect_status needs redirect");
        refuse(&json!({"times": 1}), "times needs status");
        refuse(&json!({"retry_after": 1}), "retry_after needs status");
        refuse(&json!({"wrong_digest": true}), "wrong_digest needs digest");
        refuse(&json!({"cut_times": 1}), "cut_times needs cut_after");
        refuse(&json!({"stall_times": 1}), "stall_times needs stall_after");
        refuse(&json!({"pause_ms": 1}), "pause_ms needs chunk_bytes");
    }

    #[test]
    fn fields_that_do_not_go_together_are_named() {
        refuse(&json!({"encoding": "gzip", "length": "stated"}), "length");
        refuse(&json!({"encoding": "gzip", "ranges": true}), "ranges");
        refuse(&json!({"encoding": "gzip", "wrong_range": true}), "ranges");
        refuse(&json!({"extra": 1}), "extra needs");
        refuse(&json!({"extra": 1, "length": "stated", "encoding": "zstd"}), "extra needs");
        refuse(&json!({"changes": true, "page": true}), "changes");
        refuse(&json!({"changes": true, "fill": "zeros"}), "changes");
        refuse(&json!({"digest": "repr-digest", "bytes": (64 << 20) + 1}), "digest");
        refuse(&json!({"digest": "s3-etag", "etag": "a"}), "etag");
        for target in ["loop", "storage-401", "http://a/"] {
            refuse(&json!({"redirect": ["relative", target, "storage"]}), "redirect");
        }
    }
}
