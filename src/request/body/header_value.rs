//! Header values of the form `value; name=value; name="value"`: `Content-Type` and `Content-Disposition`.
//! It reads the syntax only.

use percent_encoding::percent_decode_str;

/// A header's value with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeaderValue {
    /// The text before the first `;`, in lower case.
    pub(super) value: String,
    /// Names in lower case, with their values.
    parameters: Vec<(String, String)>,
}

impl HeaderValue {
    /// Parses a header; `None` where a quoted string has no end.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (value, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut parameters = Vec::new();
        while !rest.is_empty() {
            let end = rest.find(['=', ';']).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(end)?;
            let Some(after) = after.strip_prefix('=') else {
                // A name without a value is ignored.
                rest = after.strip_prefix(';').unwrap_or_default();
                continue;
            };
            let (value, after) = if let Some(quoted) = after.trim_start().strip_prefix('"') {
                unquote(quoted)?
            } else {
                let (value, after) = after.split_once(';').unwrap_or((after, ""));
                (value.trim().to_owned(), after)
            };
            parameters.push((name.trim().to_ascii_lowercase(), value));
            rest = after;
        }
        Some(Self { value: value.trim().to_ascii_lowercase(), parameters })
    }

    /// The value of a parameter by its name in lower case; the first one of several. A parameter in the form of RFC 8187
    /// (`filename*=utf-8''…`) is read if there is no other: urllib3 before 2.0 sends names outside ASCII in that form.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let find = |wanted: &str| self.parameters.iter().find(|(name, _)| name == wanted);
        if let Some((_, value)) = find(name) {
            return Some(value.clone());
        }
        let (_, value) = find(&format!("{name}*"))?;
        let (charset, encoded) = value.split_once('\'').and_then(|(charset, rest)| {
            let (_language, encoded) = rest.split_once('\'')?;
            Some((charset, encoded))
        })?;
        let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
        charset.eq_ignore_ascii_case("utf-8").then(|| decoded.into_owned())
    }
}

/// Splits text after an opening quote into the unquoted string and the text after the next `;`.
///
/// Only `\"` and `\\` are escapes: curl writes them, while browsers leave the backslashes of a name as they are.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let (plain, special) = rest.split_at_checked(rest.find(['"', '\\'])?)?;
        value.push_str(plain);
        if let Some(after) = special.strip_prefix('"') {
            let after = after.trim_start();
            return Some((value, after.split_once(';').map_or("", |(_, after)| after)));
        }
        let escaped =
            ["\\\"", "\\\\"].iter().find_map(|escape| special.strip_prefix(escape).map(|r| (*escape, r)));
        if let Some((escape, after)) = escaped {
            value.push_str(escape.strip_prefix('\\').unwrap_or_default());
            rest = after;
        } else {
            value.push('\\');
            rest = special.strip_prefix('\\').unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, value: &str, parameters: &[(&str, &str)]) {
        let parsed = HeaderValue::parse(text).unwrap();
        assert_eq!(parsed.value, value, "{text}");
        for (name, expected) in parameters {
            assert_eq!(parsed.parameter(name).as_deref(), Some(*expected), "{name} of {text}");
        }
        assert_eq!(parsed.parameters.len(), parameters.len(), "{text}");
    }

    #[test]
    fn a_value_has_parameters() {
        check("Application/JSON", "application/json", &[]);
        check(" text/plain ;Charset=UTF-8 ; x = y", "text/plain", &[("charset", "UTF-8"), ("x", "y")]);
        check("a/b;;c=d;flag;", "a/b", &[("c", "d")]);
        check("", "", &[]);
    }

    #[test]
    fn a_quoted_value_may_hold_anything() {
        check(r#"a/b; x="1;2=3" ; y="""#, "a/b", &[("x", "1;2=3"), ("y", "")]);
        check(r#"form-data; name="a\"b\\c""#, "form-data", &[("name", r#"a"b\c"#)]);
        check(r#"form-data; filename="C:\data\b.csv""#, "form-data", &[("filename", r"C:\data\b.csv")]);
        for unfinished in [r#"a/b; x=""#, r#"a/b; x="1"#, r#"a/b; x="1\""#, r#"a/b; x="\"#] {
            assert_eq!(HeaderValue::parse(unfinished), None, "{unfinished}");
        }
    }

    #[test]
    fn the_first_of_two_counts_and_the_plain_form_before_the_extended() {
        let parsed = HeaderValue::parse("a; x*=utf-8''star; x=1; x=2; y*=UTF-8'en'na%C3%AFve%20%22").unwrap();
        assert_eq!(parsed.parameter("x").as_deref(), Some("1"));
        assert_eq!(parsed.parameter("y").as_deref(), Some("naïve \""));
        for bad in ["a; y*=utf-8", "a; y*=utf-8''%ff", "a; y*=koi8-r''x"] {
            assert_eq!(HeaderValue::parse(bad).unwrap().parameter("y"), None, "{bad}");
        }
    }
}
