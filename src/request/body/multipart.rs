//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), parsed in memory.
//!
//! No crate is used: existing ones read asynchronous streams and depend on `http`, `mime` and charset tables, while here
//! the body is a small slice. The parser is strict, because lenient parsers disagree: lines end in CRLF, the last boundary
//! is required, parts do not nest, headers are not folded, and the only transfer encodings are 7bit, 8bit and binary.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memmem;

use super::BodyError;
use super::charset::Charset;
use super::form::{Field, Fields, SIZE};
use super::header_value::HeaderValue;
use crate::document::Document;

/// The most parts of a body; a mail with attachments has about 30.
pub const PARTS_MAX: usize = 100;

/// The most bytes of the headers of one part: room for three headers and a long file name.
pub const PART_HEADER_BYTES_MAX: usize = 4 * 1024;

/// The largest file whose content expressions see, bytes: the text is copied several times on its way to a parameter.
/// Expressions see the name, type and size of a larger file; the stored delivery holds its content.
pub const FILE_BYTES_MAX: usize = 256 * 1024;

/// The largest `charsets` field that is read, bytes; it names about four fields.
const CHARSETS_BYTES_MAX: usize = 1024;

/// Parses the parts into an object: fields as texts, files as `{filename, content_type, size, text | base64}`.
///
/// `filename` is what the sender states: do not use it as a path. A file has `text` where its content is text in its
/// charset, otherwise `base64`, and neither where it is larger than [`FILE_BYTES_MAX`]. Invalid bytes of a field become
/// U+FFFD. A field in an unknown charset is represented like a file without a name, so that the delivery is not lost.
pub(super) fn read(media: &HeaderValue, charset: Charset, body: &[u8]) -> Result<Document, BodyError> {
    let boundary = media.parameter("boundary").filter(|boundary| is_boundary(boundary));
    let boundary = boundary.ok_or_else(|| {
        BodyError::malformed("the content type has no usable boundary: state one of 1 to 70 characters")
    })?;
    let parts = parts(&boundary, body)?;
    let charsets = sendgrid_charsets(&parts);
    let mut fields = Fields::default();
    for part in &parts {
        let label = part.charset.as_deref().or_else(|| charsets.get(&part.name).map(String::as_str));
        let charset = label.map_or(Some(charset), Charset::from_label);
        fields.add(part.name.clone(), part.value(charset));
    }
    fields.into_document()
}

/// RFC 2046 section 5.1.1, but any printable ASCII character is accepted.
fn is_boundary(boundary: &str) -> bool {
    (1..=70).contains(&boundary.len())
        && boundary.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
        && !boundary.ends_with(' ')
}

/// The charsets of fields by their names. `SendGrid` does not convert the texts of a mail, and names their charsets in a
/// field `charsets`: <https://www.twilio.com/docs/sendgrid/for-developers/parsing-email/inbound-email>. A field of another
/// sender that has this name and is no such JSON is ignored.
fn sendgrid_charsets(parts: &[Part<'_>]) -> BTreeMap<String, String> {
    let field = parts.iter().find(|part| part.name == "charsets" && part.filename.is_none());
    field
        .filter(|part| part.content.len() <= CHARSETS_BYTES_MAX)
        .and_then(|part| serde_json::from_slice(part.content).ok())
        .unwrap_or_default()
}

struct Part<'a> {
    name: String,
    /// Present for files only.
    filename: Option<String>,
    content_type: Option<String>,
    charset: Option<String>,
    content: &'a [u8],
}

impl<'b> Part<'b> {
    /// The value that expressions see; `charset` is `None` where it is not supported.
    fn value(&self, charset: Option<Charset>) -> Field<'b> {
        let exact = || charset.and_then(|charset| charset.decode_exact(self.content));
        if self.filename.is_none()
            && let Some(charset) = charset
        {
            return Field::Text(charset.decode(self.content));
        }
        let mut file = vec![(SIZE, Cow::Owned(self.content.len().to_string()))];
        for (name, value) in [("filename", &self.filename), ("content_type", &self.content_type)] {
            file.extend(value.clone().map(|value| (name, Cow::Owned(value))));
        }
        if self.content.len() <= FILE_BYTES_MAX {
            file.push(
                exact().map_or_else(
                    || ("base64", Cow::Owned(BASE64.encode(self.content))),
                    |text| ("text", text),
                ),
            );
        }
        Field::File(file)
    }
}

fn parts<'a>(boundary: &str, body: &'a [u8]) -> Result<Vec<Part<'a>>, BodyError> {
    let delimiter = format!("\r\n--{boundary}");
    let delimiter = memmem::Finder::new(&delimiter);
    let cut = |bytes: &'a [u8]| -> Result<(&'a [u8], &'a [u8]), BodyError> {
        let found = delimiter.find(bytes).and_then(|at| bytes.split_at_checked(at));
        let (before, from) = found.ok_or_else(|| {
            BodyError::malformed(
                "a boundary of the form is missing: send it whole, with the boundary that is stated",
            )
        })?;
        Ok((before, from.get(delimiter.needle().len()..).unwrap_or_default()))
    };
    // Most bodies begin with the delimiter without its CRLF. Other text before the first delimiter is ignored.
    let mut rest = match delimiter.needle().get(2..).and_then(|first| body.strip_prefix(first)) {
        Some(rest) => rest,
        None => cut(body)?.1,
    };
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            check_line_end(end)?;
            return Ok(parts);
        }
        if parts.len() == PARTS_MAX {
            return Err(BodyError::TooComplex(format!(
                "the form has more than {PARTS_MAX} parts: send fewer"
            )));
        }
        let (part, after) = cut(check_line_end(rest)?)?;
        parts.push(read_part(part)?);
        rest = after;
    }
}

/// Returns the text after the line of a boundary. Only padding may follow the boundary on its line: parsers disagree about
/// other lines that begin like the boundary.
fn check_line_end(after: &[u8]) -> Result<&[u8], BodyError> {
    let padding = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let line = after.get(padding..).unwrap_or_default();
    match line.strip_prefix(b"\r\n") {
        Some(next) => Ok(next),
        // The last line may end without CRLF.
        None if line.is_empty() => Ok(line),
        None => Err(BodyError::malformed("a boundary of the form has more on its line: end lines in CRLF")),
    }
}

fn read_part(part: &[u8]) -> Result<Part<'_>, BodyError> {
    let (head, content) = split_head(part)?;
    let head = String::from_utf8_lossy(head);
    let headers = headers(&head)?;
    let header = |name: &str| headers.get(name).copied();
    let disposition = header("content-disposition").and_then(HeaderValue::parse);
    let disposition = disposition.filter(|disposition| disposition.value == "form-data");
    let name =
        disposition.as_ref().and_then(|disposition| disposition.parameter("name")).ok_or_else(|| {
            BodyError::malformed(
                "a part of the form has no name: state Content-Disposition: form-data; name=\"…\"",
            )
        })?;
    // RFC 7578 section 4.7: senders should use no transfer encoding.
    let encoding = header("content-transfer-encoding").unwrap_or("binary");
    if !["7bit", "8bit", "binary"].iter().any(|identity| encoding.eq_ignore_ascii_case(identity)) {
        return Err(BodyError::malformed("a part of the form has a transfer encoding: send it as it is"));
    }
    let media = header("content-type").and_then(HeaderValue::parse);
    if media.as_ref().is_some_and(|media| media.value.starts_with("multipart/")) {
        return Err(BodyError::malformed(
            "a part of the form is a form itself: send its fields side by side",
        ));
    }
    Ok(Part {
        name,
        filename: disposition.and_then(|disposition| disposition.parameter("filename")),
        content_type: header("content-type").map(str::to_owned),
        charset: media.and_then(|media| media.parameter("charset")),
        content,
    })
}

/// Splits a part into its headers and its content.
fn split_head(part: &[u8]) -> Result<(&[u8], &[u8]), BodyError> {
    const BLANK: &[u8] = b"\r\n\r\n";
    let searched = part.get(..PART_HEADER_BYTES_MAX + BLANK.len()).unwrap_or(part);
    let Some((head, content)) = memmem::find(searched, BLANK).and_then(|end| part.split_at_checked(end))
    else {
        return Err(if part.len() > PART_HEADER_BYTES_MAX {
            let text =
                format!("a part of the form has no end of its headers in {PART_HEADER_BYTES_MAX} bytes");
            BodyError::TooComplex(text)
        } else {
            BodyError::malformed("a part of the form has no empty line after its headers: end lines in CRLF")
        });
    };
    Ok((head, content.get(BLANK.len()..).unwrap_or_default()))
}

/// Headers by their names in lower case. Unknown headers are ignored (RFC 7578 section 4.8).
fn headers(head: &str) -> Result<BTreeMap<String, &str>, BodyError> {
    let mut headers = BTreeMap::new();
    for line in head.split("\r\n") {
        let header = line.split_once(':').filter(|(name, _)| !name.contains(char::is_whitespace));
        let (name, value) =
            header.ok_or_else(|| BodyError::malformed("a part of the form has a line that is no header"))?;
        if headers.insert(name.to_ascii_lowercase(), value.trim()).is_some() {
            return Err(BodyError::malformed("a part of the form has a header twice: state each once"));
        }
    }
    Ok(headers)
}
