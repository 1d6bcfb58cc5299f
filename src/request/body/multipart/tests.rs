//! Valid and invalid multipart forms.

use super::*;
use serde_json::{Value, json};

/// A form; each part is given as its headers and its content.
fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (head, content) in parts {
        body.extend_from_slice(format!("--b0\r\n{head}\r\n\r\n").as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b0--\r\n");
    body
}

fn read_form(body: &[u8]) -> Result<Value, BodyError> {
    let media = HeaderValue::parse("multipart/form-data; boundary=b0").unwrap();
    read(&media, Charset::Utf8, body).map(|form| form.root().to_value())
}

#[track_caller]
fn check(parts: &[(&str, &[u8])], expected: &Value) {
    assert_eq!(read_form(&form(parts)).as_ref(), Ok(expected));
}

#[track_caller]
fn check_malformed(body: impl AsRef<[u8]>, word: &str) {
    let error = read_form(body.as_ref()).unwrap_err();
    assert!(matches!(&error, BodyError::Malformed(text) if text.contains(word)), "{error:?}");
}

#[track_caller]
fn check_too_complex(body: &[u8], word: &str) {
    let error = read_form(body).unwrap_err();
    assert!(matches!(&error, BodyError::TooComplex(text) if text.contains(word)), "{error:?}");
}

const A: &str = "Content-Disposition: form-data; name=\"a\"";
const FILE: &str = "Content-Disposition: form-data; name=\"f\"; filename=\"x.csv\"";

#[test]
fn fields_are_texts_and_repeated_ones_a_list() {
    check(&[], &json!({}));
    check(&[(A, b"1"), ("content-disposition:form-data;name=c d", b"")], &json!({"a": "1", "c d": ""}));
    check(&[(A, b"1\r\n--b\r\n2\r\n"), (A, "é".as_bytes())], &json!({"a": ["1\r\n--b\r\n2\r\n", "é"]}));
    let head =
        format!("{A}\r\nX-Other: z\r\nContent-Transfer-Encoding: 8bit\r\nContent-Type: application/json");
    check(
        &[(&head, b"{}"), (FILE, b"")],
        &json!({"a": "{}", "f": {"filename": "x.csv", "size": 0, "text": ""}}),
    );
}

#[test]
fn a_form_whose_only_field_is_a_document_is_that_document() {
    check(&[("Content-Disposition: form-data; name=json", b"{\"event\":1}")], &json!({"event": 1}));
    let file = ("Content-Disposition: form-data; name=json; filename=x", &b"{}"[..]);
    check(&[file], &json!({"json": {"filename": "x", "size": 2, "text": "{}"}}));
}

#[test]
fn a_file_has_its_content_as_text_or_base64() {
    let csv = format!("{FILE}\r\nContent-Type: text/csv; charset=iso-8859-1");
    let expected = json!({"f": {
        "filename": "x.csv", "content_type": "text/csv; charset=iso-8859-1", "size": 4, "text": "café",
    }});
    check(&[(&csv, b"caf\xe9")], &expected);
    check(&[(FILE, b"\xff\x00")], &json!({"f": {"filename": "x.csv", "size": 2, "base64": "/wA="}}));
    let largest = vec![b'x'; FILE_BYTES_MAX];
    let read = read_form(&form(&[(FILE, &largest)])).unwrap();
    assert_eq!(read["f"]["text"].as_str().map(str::len), Some(FILE_BYTES_MAX));
    let larger = vec![b'x'; FILE_BYTES_MAX + 1];
    check(&[(FILE, &larger)], &json!({"f": {"filename": "x.csv", "size": FILE_BYTES_MAX + 1}}));
}

#[test]
fn a_field_in_another_charset_is_decoded_or_shown_as_bytes() {
    let latin = format!("{A}\r\nContent-Type: text/plain; charset=ISO-8859-1");
    let expected = json!({"a": "é"});
    check(&[(&latin, b"\xe9")], &expected);
    let charsets: (&str, &[u8]) =
        ("Content-Disposition: form-data; name=charsets", br#"{"a":"iso-8859-1","to":"UTF-8"}"#);
    let expected = json!({"a": "é", "charsets": r#"{"a":"iso-8859-1","to":"UTF-8"}"#});
    check(&[(A, b"\xe9"), charsets], &expected);
    check(
        &[(A, b"cut \xe9"), (FILE, b"\xe9")],
        &json!({
            "a": "cut \u{fffd}", "f": {"size": 1, "filename": "x.csv", "base64": "6Q=="},
        }),
    );
    let chinese = format!("{A}\r\nContent-Type: text/plain; charset=gb2312");
    let expected = json!({"a": {"content_type": "text/plain; charset=gb2312", "size": 1, "base64": "YQ=="}});
    check(&[(&chinese, b"a")], &expected);
}

#[test]
fn text_before_the_first_boundary_and_after_the_last_is_ignored() {
    let body = form(&[(A, b"1")]);
    for around in [
        [b"\r\n".as_slice(), &body].concat(),
        [b"preamble\r\n", body.as_slice()].concat(),
        [body.as_slice(), b"epilogue\r\n--b0\r\n"].concat(),
        body.strip_suffix(b"\r\n").unwrap().to_vec(),
        String::from_utf8(body.clone()).unwrap().replacen("--b0\r\n", "--b0 \t\r\n", 1).into_bytes(),
    ] {
        assert_eq!(read_form(&around), Ok(json!({"a": "1"})), "{}", String::from_utf8_lossy(&around));
    }
}

#[test]
fn a_form_with_broken_boundaries_is_rejected() {
    let body = form(&[(A, b"1"), (FILE, b"2")]);
    for end in 0..body.len() - b"--\r\n".len() {
        check_malformed(&body[..end], "of the form");
    }
    let text = String::from_utf8(body).unwrap();
    check_malformed(text.replace("b0", "other"), "boundary");
    check_malformed(text.replace("--b0--", "--b0--more"), "more on its line");
    check_malformed(text.replace("--b0\r\n", "--b0more\r\n"), "more on its line");
    check_malformed(text.replace("\r\n", "\n"), "CRLF");
    for content_type in
        ["", "; boundary=", "; boundary=\"a \"", "; boundary=é", &format!("; boundary={}", "b".repeat(71))]
    {
        let media = HeaderValue::parse(&format!("multipart/form-data{content_type}")).unwrap();
        let error = read(&media, Charset::Utf8, b"").unwrap_err();
        assert!(error.to_string().contains("no usable boundary"), "{content_type}: {error}");
    }
}

#[test]
fn a_header_of_a_part_that_is_not_utf_8_is_ignored() {
    let body = b"--b0\r\nContent-Disposition: form-data; name=a\r\nX: \xff\r\n\r\n1\r\n--b0--";
    assert_eq!(read_form(body), Ok(json!({"a": "1"})));
}

#[test]
fn a_part_that_is_not_a_plain_field_is_rejected() {
    for (head, word) in [
        ("Content-Type: text/plain".to_owned(), "no name"),
        ("Content-Disposition: form-data".to_owned(), "no name"),
        ("Content-Disposition: attachment; name=a".to_owned(), "no name"),
        (format!("{A}\r\n{A}"), "twice"),
        (format!("{A}\r\n folded: x"), "no header"),
        (format!("{A}\r\nX-No-Colon"), "no header"),
        (format!("{A}\r\nContent-Transfer-Encoding: base64"), "transfer encoding"),
        (format!("{A}\r\nContent-Type: multipart/mixed; boundary=c"), "form itself"),
    ] {
        check_malformed(form(&[(&head, b"1")]), word);
    }
    check_malformed(b"--b0\r\n\r\n\r\n--b0--", "no empty line");
}

#[test]
fn a_form_has_100_parts_with_4_kib_of_headers_and_no_more() {
    assert!(read_form(&form(&vec![(A, &b"1"[..]); PARTS_MAX])).is_ok());
    check_too_complex(&form(&vec![(A, &b"1"[..]); PARTS_MAX + 1]), "100 parts");
    let padded = |bytes: usize| format!("{A}\r\nX: {}", "x".repeat(bytes - A.len() - 5));
    assert!(read_form(&form(&[(&padded(PART_HEADER_BYTES_MAX), b"1")])).is_ok());
    check_too_complex(&form(&[(&padded(PART_HEADER_BYTES_MAX + 1), b"1")]), "4096 bytes");
}
