//! The names of arguments: which a filter, test, function or method takes, and whether those are given.
//!
//! What an argument's value must be is the filter's own to check.

use super::nearest;

/// A name and what it takes in parentheses: names in order, with `?` after those that may be left out. `*` at the end
/// takes anything more. The value before `|`, `is` or `.` is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) takes: &'static str,
}

impl Signature {
    /// The names of its arguments, in order.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        self.takes.split_whitespace().filter(|name| *name != "*").map(|name| name.trim_end_matches('?'))
    }
}

/// Something with a signature, and the function that does its work.
#[derive(Debug)]
pub(super) struct Entry<F> {
    pub(super) signature: Signature,
    pub(super) apply: F,
}

/// What is written in a table of entries.
pub(super) const fn entry<F>(name: &'static str, takes: &'static str, apply: F) -> Entry<F> {
    Entry { signature: Signature { name, takes }, apply }
}

/// The entry of this name; the table is in the order of its names.
pub(super) fn find<'t, F>(table: &'t [Entry<F>], name: &str) -> Option<&'t Entry<F>> {
    let found = table.binary_search_by(|entry| entry.signature.name.cmp(name)).ok()?;
    table.get(found)
}

/// All names in a table.
pub(super) fn names<F>(table: &[Entry<F>]) -> Vec<&'static str> {
    table.iter().map(|entry| entry.signature.name).collect()
}

/// Whether so many arguments in order, and these by name, are what the signature takes.
///
/// # Errors
/// What is wrong and what is taken, when there are too many or too few, or a name is unknown or given twice.
pub(super) fn check<'a>(
    signature: Signature,
    in_order: usize,
    by_name: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    let Signature { name, takes } = signature;
    if takes.ends_with('*') {
        let needed = takes.split_whitespace().filter(|name| !name.ends_with(['?', '*'])).count();
        return if in_order < needed { Err(needs(name, takes)) } else { Ok(()) };
    }
    let names: Vec<&str> = signature.names().collect();
    if in_order > names.len() {
        return Err(format!("`{name}` takes {}, not {in_order} arguments", in_words(takes)));
    }
    let mut is_given: Vec<bool> = (0..names.len()).map(|index| index < in_order).collect();
    for argument in by_name {
        let index = names.iter().position(|known| *known == argument);
        match index.and_then(|index| is_given.get_mut(index)) {
            Some(given) if !*given => *given = true,
            Some(_) => return Err(format!("`{name}` has its argument `{argument}` twice")),
            None => {
                let near = nearest(argument, &names);
                let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(format!("`{name}` takes {}, not `{argument}`{near}", in_words(takes)));
            }
        }
    }
    let lacks = takes.split_whitespace().zip(is_given).any(|(name, given)| !given && !name.ends_with('?'));
    if lacks { Err(needs(name, takes)) } else { Ok(()) }
}

fn needs(name: &str, takes: &str) -> String {
    format!("`{name}` needs {}", in_words(takes))
}

/// `length` and, if you like, `end`.
fn in_words(takes: &str) -> String {
    let is_optional = |name: &&str| name.ends_with('?');
    let names = takes.split_whitespace().filter(|name| *name != "*");
    let (optional, required): (Vec<&str>, Vec<&str>) = names.partition(is_optional);
    let quoted = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("`{}`", name.trim_end_matches('?'))).collect()
    };
    match (quoted(&required).join(" and "), quoted(&optional).join(", ")) {
        (required, optional) if required.is_empty() && optional.is_empty() => "no arguments".to_owned(),
        (required, optional) if optional.is_empty() => required,
        (required, optional) if required.is_empty() => format!("at most {optional}"),
        (required, optional) => format!("{required} and optionally {optional}"),
    }
}
