//! Texts for the log without what addresses carry in secret: the user information and the query of each.
//!
//! Signed storage addresses have their credentials in the query, and the platform's error texts quote addresses. All
//! other text is unchanged.

use std::borrow::Cow;

use serde_json::Value;

/// What begins an address: as it is, and as JSON may escape it.
const MARKS: [&str; 2] = ["://", ":\\/\\/"];

/// What stands in the place of a query or a fragment.
const REMOVED: &str = "?…";

/// Takes user information, query and fragment out of every address in `text`, so that
/// `https://key:secret@host/path?sig=1` becomes `https://host/path?…`.
///
/// An address is anything with `://` (or `:\/\/`, as JSON may escape it), up to white space or one of `"`, `<`, `>` and the backtick, which never stand in
/// an address. What else may end one in a text, such as a full stop or a bracket, may be part of its query, and goes.
#[must_use]
pub fn without_queries(text: &str) -> Cow<'_, str> {
    if next_mark(text).is_none() {
        return Cow::Borrowed(text);
    }
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    // Ends: each pass goes beyond a mark.
    while let Some(at) = next_mark(rest) {
        let (before, after) = rest.split_at(at);
        redacted.push_str(before);
        let end = after.find(ends_address).unwrap_or(after.len());
        let (address, following) = after.split_at(end);
        push_address(&mut redacted, address);
        rest = following;
    }
    redacted.push_str(rest);
    Cow::Owned(redacted)
}

/// The same in every text of a JSON value; the names of fields are ours.
pub fn redact_queries(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(redacted) = without_queries(text) {
                *text = redacted;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_queries),
        Value::Object(fields) => fields.values_mut().for_each(redact_queries),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Where the first address goes on behind its mark.
fn next_mark(text: &str) -> Option<usize> {
    MARKS.iter().filter_map(|mark| Some(text.find(mark)? + mark.len())).min()
}

/// Writes what follows the `://` of an address, as far as it may be read.
fn push_address(redacted: &mut String, address: &str) {
    let path = address.find(['/', '\\', '?', '#']).unwrap_or(address.len());
    let (authority, rest) = address.split_at(path);
    redacted.push_str(authority.rsplit_once('@').map_or(authority, |(_, host)| host));
    match rest.find(['?', '#']) {
        Some(query) => {
            redacted.push_str(rest.get(..query).unwrap_or_default());
            redacted.push_str(REMOVED);
        }
        None => redacted.push_str(rest),
    }
}

fn ends_address(character: char) -> bool {
    character.is_whitespace() || matches!(character, '"' | '<' | '>' | '`')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(without_queries(text), expected);
        assert_eq!(without_queries(expected), expected, "twice is once");
    }

    #[test]
    fn queries_fragments_and_user_information_go() {
        check("https://host/path?X-Amz-Signature=1&a=b", "https://host/path?…");
        check("https://host/path#access_token=1", "https://host/path?…");
        check("https://host?a=1", "https://host?…");
        check("https://key:secret@host:8080/path", "https://host:8080/path");
        check("https://a@b@host/x?c@d", "https://host/x?…");
        check("http://[::1]:80/x?a", "http://[::1]:80/x?…");
        check("https://host/a@b", "https://host/a@b");
    }

    #[test]
    fn addresses_are_found_within_texts() {
        check("Fetch API cannot load: https://h/x?s=1.", "Fetch API cannot load: https://h/x?…");
        check("\"https://h/x?s=1\" and <wss://u:p@h/y?t=2> end", "\"https://h/x?…\" and <wss://h/y?…> end");
        check("(https://h/x?a=(1)'2'), then", "(https://h/x?… then");
        check("https://h/x?next=https://h/y?sig=1 end", "https://h/x?… end");
        check("at https://h/x\nhttps://h/y?a\n", "at https://h/x\nhttps://h/y?…\n");
        check("no address: a?b=c, x@y, ://", "no address: a?b=c, x@y, ://");
        check(r"{'url':'https:\/\/u:p@h\/x?s=1'}", r"{'url':'https:\/\/h\/x?…");
        check("", "");
    }

    #[test]
    fn each_text_of_a_log_line_is_searched() {
        let mut fields = json!({"a": "https://h/?s", "b": [1, null, {"c": "x https://u:p@h/y"}], "d": true});
        redact_queries(&mut fields);
        assert_eq!(fields, json!({"a": "https://h/?…", "b": [1, null, {"c": "x https://h/y"}], "d": true}));
    }
}
