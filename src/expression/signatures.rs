//! What each filter, test, function and method is called, and the names of its arguments.
//!
//! It checks names and counts, when a template is compiled and when it runs; what an argument's value must be is the
//! filter's own to check.

use minijinja::functions::Function;
use minijinja::value::{FunctionArgs, FunctionResult, Kwargs, Rest, Value, ValueOrKwargs};
use minijinja::{Environment, Error, State};

use super::arguments::{TEXT_BYTES_MAX, missing, refuse, too_long};
use crate::expression::nearest;

/// A name and what it takes in parentheses: names in order, with `?` after those that may be left out. `*` at the end
/// takes anything more. The value before `|`, `is` or `.` is not among them.
pub(super) type Signature = (&'static str, &'static str);

/// All filters that there are, the engine's and ours, in the order of their names.
pub(super) const FILTERS: &[Signature] = &[
    ("abs", ""),
    ("at_offset", "offset"),
    ("b64decode", ""),
    ("b64encode", ""),
    ("capitalize", ""),
    ("ceil", ""),
    ("clamp", "low high"),
    ("date", ""),
    ("datetime", ""),
    ("days_until", "other"),
    ("default", "default_value? boolean?"),
    ("first", ""),
    ("float", "default?"),
    ("floor", ""),
    ("format", "*"),
    ("fromjson", ""),
    ("int", "default?"),
    ("items", ""),
    ("join", "d? attribute?"),
    ("last", ""),
    ("length", ""),
    ("lines", ""),
    ("list", ""),
    ("lower", ""),
    ("map", "*"),
    ("max", "case_sensitive? attribute?"),
    ("min", "case_sensitive? attribute?"),
    ("number", ""),
    ("reject", "test? *"),
    ("rejectattr", "attribute test? *"),
    ("removeprefix", "prefix"),
    ("removesuffix", "suffix"),
    ("replace", "old new count?"),
    ("reverse", ""),
    ("round", "precision? method?"),
    ("select", "test? *"),
    ("selectattr", "attribute test? *"),
    ("sha256", ""),
    ("shift", "by"),
    ("short_hash", "digits?"),
    ("slug", "length?"),
    ("sort", "reverse? case_sensitive? attribute?"),
    ("split", "separator? maxsplits?"),
    ("strftime", "pattern"),
    ("string", ""),
    ("strptime", "pattern"),
    ("sum", "attribute? start?"),
    ("title", ""),
    ("tojson", ""),
    ("trim", "chars?"),
    ("truncate", "length end?"),
    ("unique", "case_sensitive? attribute?"),
    ("unix", ""),
    ("unix_ms", ""),
    ("upper", ""),
    ("urldecode", ""),
    ("urlencode", ""),
];

/// All tests, for `is` and `select`.
pub(super) const TESTS: &[Signature] = &[
    ("!=", "other"),
    ("<", "other"),
    ("<=", "other"),
    ("==", "other"),
    (">", "other"),
    (">=", "other"),
    ("boolean", ""),
    ("defined", ""),
    ("divisibleby", "num"),
    ("endingwith", "end"),
    ("eq", "other"),
    ("equalto", "other"),
    ("even", ""),
    ("false", ""),
    ("float", ""),
    ("ge", "other"),
    ("greaterthan", "other"),
    ("gt", "other"),
    ("in", "container"),
    ("int", ""),
    ("integer", ""),
    ("iterable", ""),
    ("le", "other"),
    ("lessthan", "other"),
    ("lt", "other"),
    ("mapping", ""),
    ("ne", "other"),
    ("none", ""),
    ("number", ""),
    ("odd", ""),
    ("sequence", ""),
    ("startingwith", "start"),
    ("string", ""),
    ("true", ""),
    ("undefined", ""),
];

/// All functions that a template can name.
pub(super) const FUNCTIONS: &[Signature] =
    &[("dict", "value? *"), ("namespace", "value? *"), ("range", "start stop? step?")];

/// The signature of this name.
pub(super) fn find(signatures: &[Signature], name: &str) -> Option<Signature> {
    signatures.iter().find(|(known, _)| *known == name).copied()
}

/// The names of all.
pub(super) fn names(signatures: &'static [Signature]) -> Vec<&'static str> {
    signatures.iter().map(|(name, _)| *name).collect()
}

/// Whether so many arguments in order, and these by name, are what the signature takes.
///
/// # Errors
/// What is wrong and what is taken, when there are too many or too few, or a name is unknown or given twice.
pub(super) fn check<'a>(
    (name, takes): Signature,
    in_order: usize,
    by_name: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    if takes.ends_with('*') {
        let needed = takes.split_whitespace().filter(|name| !name.ends_with(['?', '*'])).count();
        return if in_order < needed { Err(needs(name, takes)) } else { Ok(()) };
    }
    let names: Vec<&str> = takes.split_whitespace().map(|name| name.trim_end_matches('?')).collect();
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

/// Adds a filter whose arguments may be given by name, and whose result is a text of bounded length.
///
/// It is one of [`FILTERS`]; an argument that is a missing field is a missing field.
pub(super) fn add_filter<F, Rv, Args>(environment: &mut Environment<'static>, name: &'static str, filter: F)
where
    F: Function<Rv, Args>,
    Rv: FunctionResult,
    Args: for<'a> FunctionArgs<'a>,
{
    let filter = Value::from_function(filter);
    let signature = find(FILTERS, name).unwrap_or((name, ""));
    environment.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = in_order(signature, arguments.into_values())?;
        short(filter.call(state, &arguments)?)
    });
}

/// The value and its arguments, those by name at their place.
pub(super) fn in_order(signature: Signature, mut arguments: Vec<Value>) -> Result<Vec<Value>, Error> {
    if signature.1.ends_with('*') {
        return Ok(arguments);
    }
    let keywords = match arguments.pop_if(|last| last.is_kwargs()) {
        Some(keywords) => Some(Kwargs::try_from(keywords)?),
        None => None,
    };
    let names: Vec<&str> = keywords.iter().flat_map(Kwargs::args).collect();
    check(signature, arguments.len().saturating_sub(1), names.iter().copied()).map_err(refuse)?;
    for (index, name) in signature.1.split_whitespace().enumerate() {
        let name = name.trim_end_matches('?');
        if names.contains(&name) {
            let value: Value =
                keywords.as_ref().map(|keywords| keywords.get(name)).transpose()?.unwrap_or_default();
            // The value itself stands first.
            while arguments.len() < index + 1 {
                arguments.push(Value::from(()));
            }
            arguments.push(value);
        }
    }
    // What stands in for a missing field may be missing, too.
    if signature.0 != "default" && arguments.iter().skip(1).any(Value::is_undefined) {
        return Err(missing());
    }
    Ok(arguments)
}

/// A text that an expression gives out has a bound.
pub(super) fn short(value: Value) -> Result<Value, Error> {
    if value.as_str().is_some_and(|text| text.len() > TEXT_BYTES_MAX) { Err(too_long()) } else { Ok(value) }
}
