//! Applies the edits of all mutations to one source file, each behind a switch.
//!
//! It works on text alone; it reads and writes no file.

use std::fmt::Write as _;
use std::ops::Range;

use thiserror::Error;

/// One edit of a source file, as `tests/mutations/` has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    /// The file, from the project's root.
    pub(super) file: String,
    /// Where `find` may also stand elsewhere in the file: a text that occurs once, before the intended place.
    pub(super) after: Option<String>,
    /// The text to replace. White space does not count.
    pub(super) find: String,
    /// What replaces it: an expression, or statements.
    pub(super) replace: String,
}

/// Why an edit does not apply.
#[derive(Debug, Error, PartialEq, Eq)]
pub(super) enum EditError {
    /// The text occurs nowhere.
    #[error("`{0}` does not occur in the file")]
    NotFound(String),
    /// The text occurs several times.
    #[error("`{0}` occurs {1} times in the file: choose a longer text, or name one before it with `after`")]
    Ambiguous(String, usize),
    /// The texts of two edits overlap without being equal.
    #[error("`{0}` overlaps with the text of another mutation: choose the same text or a shorter one")]
    Overlap(String),
}

/// An edit in its place: the bytes that it replaces, and the number of its mutation.
#[derive(Debug)]
pub(super) struct Placed<'a> {
    range: Range<usize>,
    number: usize,
    edit: &'a Edit,
}

/// Finds the place of an edit in `source`.
pub(super) fn place<'a>(source: &str, number: usize, edit: &'a Edit) -> Result<Placed<'a>, EditError> {
    let from = match &edit.after {
        Some(after) => find_once(source, after)?.end,
        None => 0,
    };
    let rest = source.get(from..).unwrap_or_default();
    let range = match &edit.after {
        Some(_) => find_all(rest, &edit.find).into_iter().next(),
        None => Some(find_once(rest, &edit.find)?),
    };
    let range = range.ok_or_else(|| EditError::NotFound(edit.find.clone()))?;
    Ok(Placed { range: range.start + from..range.end + from, number, edit })
}

/// The source with each edit behind its switch: `if is_active(…) { replacement } else { original }`. Edits of the same
/// text share one `if`.
pub(super) fn apply(source: &str, mut placed: Vec<Placed<'_>>) -> Result<String, EditError> {
    placed.sort_by_key(|placed| (placed.range.start, placed.range.end, placed.number));
    let mut mutated = String::new();
    let mut end = 0;
    for same in placed.chunk_by(|a, b| a.range == b.range) {
        let [first, ..] = same else { continue };
        if first.range.start < end {
            return Err(EditError::Overlap(first.edit.find.clone()));
        }
        mutated.push_str(source.get(end..first.range.start).unwrap_or_default());
        mutated.push_str(&switch(source.get(first.range.clone()).unwrap_or_default(), same));
        end = first.range.end;
    }
    mutated.push_str(source.get(end..).unwrap_or_default());
    Ok(mutated)
}

fn switch(original: &str, edits: &[Placed<'_>]) -> String {
    let branches = edits.iter().fold(String::new(), |mut branches, Placed { number, edit, .. }| {
        let _ = write!(branches, "if crate::mutation::is_active({number}) {{ {} }} else ", edit.replace);
        branches
    });
    let switch = format!("{branches}{{ {original} }}");
    if original.ends_with([';', '}']) { switch } else { format!("({switch})") }
}

fn find_once(source: &str, text: &str) -> Result<Range<usize>, EditError> {
    let mut found = find_all(source, text);
    match (found.pop(), found.len()) {
        (Some(range), 0) => Ok(range),
        (None, _) => Err(EditError::NotFound(text.to_owned())),
        (Some(_), others) => Err(EditError::Ambiguous(text.to_owned(), others + 1)),
    }
}

/// Every place of `text`. White space counts on neither side, so that formatting moves nothing.
fn find_all(source: &str, text: &str) -> Vec<Range<usize>> {
    let solid: Vec<(usize, char)> = source.char_indices().filter(|(_, char)| !char.is_whitespace()).collect();
    let wanted: Vec<char> = text.chars().filter(|char| !char.is_whitespace()).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let is_here = |window: &&[(usize, char)]| window.iter().map(|(_, char)| char).eq(&wanted);
    let range = |window: &[(usize, char)]| {
        let (start, end) = (window.first()?.0, window.last()?);
        Some(start..end.0 + end.1.len_utf8())
    };
    solid.windows(wanted.len()).filter(is_here).filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(after: Option<&str>, find: &str, replace: &str) -> Edit {
        let (after, find, replace) = (after.map(str::to_owned), find.to_owned(), replace.to_owned());
        Edit { file: "src/lib.rs".to_owned(), after, find, replace }
    }

    #[track_caller]
    fn check(source: &str, edits: &[Edit], expected: &str) {
        let placed = edits.iter().enumerate().map(|(number, edit)| place(source, number, edit).unwrap());
        assert_eq!(apply(source, placed.collect()).unwrap(), expected);
    }

    #[track_caller]
    fn check_refused(source: &str, edits: &[Edit], expected: &str) {
        let placed = edits.iter().enumerate().map(|(number, edit)| place(source, number, edit));
        let result = placed.collect::<Result<Vec<_>, _>>().and_then(|placed| apply(source, placed));
        assert_eq!(result.unwrap_err().to_string(), expected);
    }

    #[test]
    fn an_expression_stands_in_parentheses() {
        check(
            "a = b < c;",
            &[edit(None, "b < c", "true")],
            "a = (if crate::mutation::is_active(0) { true } else { b < c });",
        );
    }

    #[test]
    fn statements_stand_by_themselves() {
        check(
            "{ a(); b() }",
            &[edit(None, "a();", "")],
            "{ if crate::mutation::is_active(0) {  } else { a(); } b() }",
        );
    }

    #[test]
    fn edits_of_one_text_share_a_switch() {
        check(
            "f(x)",
            &[edit(None, "x", "1"), edit(None, "x", "2")],
            "f((if crate::mutation::is_active(0) { 1 } else if crate::mutation::is_active(1) { 2 } else { x }))",
        );
    }

    #[test]
    fn line_breaks_do_not_hide_a_text() {
        check(
            "é\n    .b(\n  c)",
            &[edit(None, "é.b(c)", "d")],
            "(if crate::mutation::is_active(0) { d } else { é\n    .b(\n  c) })",
        );
    }

    #[test]
    fn a_text_before_it_says_which_one_is_meant() {
        check(
            "x fn f x x",
            &[edit(Some("fn f"), "x", "1")],
            "x fn f (if crate::mutation::is_active(0) { 1 } else { x }) x",
        );
    }

    #[test]
    fn a_text_that_is_not_there_once_is_refused() {
        check_refused("a", &[edit(None, "b", "")], "`b` does not occur in the file");
        check_refused("a", &[edit(None, " ", "")], "` ` does not occur in the file");
        check_refused("b a", &[edit(Some("a"), "b", "")], "`b` does not occur in the file");
        check_refused("b", &[edit(Some("a"), "b", "")], "`a` does not occur in the file");
        let ambiguous =
            "`b` occurs 2 times in the file: choose a longer text, or name one before it with `after`";
        check_refused("b b", &[edit(None, "b", "")], ambiguous);
    }

    #[test]
    fn texts_that_overlap_are_refused() {
        let overlap =
            "`bc` overlaps with the text of another mutation: choose the same text or a shorter one";
        check_refused("abc", &[edit(None, "ab", ""), edit(None, "bc", "")], overlap);
    }
}
