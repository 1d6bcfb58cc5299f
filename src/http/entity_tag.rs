//! Entity tags of HTTP (RFC 9110, section 8.8.3), and lists of them in conditions.

/// Whether a list names this tag by the strong comparison, as `If-Match` wants it.
pub(super) fn names_strongly(list: &str, etag: &str) -> bool {
    is_any(list) || has(list, |tag| tag.is_strongly(etag))
}

/// Whether a list names this tag by the weak comparison, as `If-None-Match` wants it.
pub(super) fn names(list: &str, etag: &str) -> bool {
    is_any(list) || has(list, |tag| tag.is_weakly(etag))
}

/// An entity tag as it is written: `"x"`, or weak, `W/"x"` (section 8.8.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EntityTag<'a> {
    is_weak: bool,
    /// With its quotes.
    opaque: &'a str,
}

impl<'a> EntityTag<'a> {
    /// The tag at the beginning of a text, and what follows it.
    pub(super) fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let (is_weak, quoted) = match text.strip_prefix("W/") {
            Some(quoted) => (true, quoted),
            None => (false, text),
        };
        let (opaque, _) = quoted.strip_prefix('"')?.split_once('"')?;
        if opaque.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        let (opaque, rest) = quoted.split_at_checked(opaque.len() + 2)?;
        Some((Self { is_weak, opaque }, rest))
    }

    /// Strong comparison (section 8.8.3.2).
    pub(super) fn is_strongly(self, etag: &str) -> bool {
        !self.is_weak && self.opaque == etag
    }

    /// Weak comparison.
    fn is_weakly(self, etag: &str) -> bool {
        etag.strip_prefix("W/").unwrap_or(etag) == self.opaque
    }
}

/// `*`: any version.
fn is_any(field: &str) -> bool {
    field.trim_matches([' ', '\t']) == "*"
}

/// Whether a list has a tag for which `is_it` holds. A comma may be part of a tag. The list ends at the first mistake.
fn has(list: &str, is_it: impl Fn(EntityTag<'_>) -> bool) -> bool {
    let mut rest = list;
    while let Some((tag, after)) = EntityTag::read(rest.trim_start_matches([' ', '\t', ','])) {
        if is_it(tag) {
            return true;
        }
        rest = after;
    }
    false
}
