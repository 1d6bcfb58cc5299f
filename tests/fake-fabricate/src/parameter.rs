//! What a workflow says about its parameters, and the check of a request against it; it must not
//! know what a workflow does with them.

use jiff::civil::Date;
use serde_json::{Map, Value};

/// The values of a start request, by parameter name.
pub(crate) type Parameters = Map<String, Value>;

/// One parameter of a workflow.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// What a value has to be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A string `YYYY-MM-DD` that is a day of the calendar.
    Date,
    /// A whole number, both ends included.
    Integer { min: u64, max: u64 },
    /// Any string of up to [`STRING_CHARS_MAX`].
    String,
    /// An array of up to [`STRINGS_MAX`] such strings.
    Strings,
    /// One of these strings.
    OneOf(&'static [&'static str]),
    /// What the function lets in, in words.
    Such(&'static str, fn(&Value) -> bool),
    /// An array of objects with these fields, all of which the function lets in together.
    Objects { max: usize, fields: &'static [Parameter], check: fn(&[&Parameters]) -> Result<(), String> },
}

/// Longer strings are refused: they are repeated in every row of a report.
pub(crate) const STRING_CHARS_MAX: usize = 1_000;
/// Longer arrays are refused: they are listed on one page.
pub(crate) const STRINGS_MAX: usize = 100;

impl Parameter {
    pub(crate) const fn required(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: true }
    }

    pub(crate) const fn optional(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, required: false }
    }
}

impl Kind {
    /// The kind in words: what a value must be.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::Date => "a date (YYYY-MM-DD)".to_owned(),
            Self::Integer { min, max } => format!("an integer from {min} to {max}"),
            Self::String => format!("a string of at most {STRING_CHARS_MAX} characters"),
            Self::Strings => {
                format!("an array of at most {STRINGS_MAX} strings of {STRING_CHARS_MAX} characters")
            }
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::Such(words, _) => words.to_owned(),
            Self::Objects { max, .. } => format!("an array of 1 to {max} objects"),
        }
    }

    /// The fields of the objects, if it is about objects.
    pub(crate) fn fields(self) -> &'static [Parameter] {
        match self {
            Self::Objects { fields, .. } => fields,
            _ => &[],
        }
    }

    /// Whether the value is of this kind; of objects, their fields and what they say together is not looked at.
    pub(crate) fn fits(self, value: &Value) -> bool {
        let short = |text: &str| text.chars().count() <= STRING_CHARS_MAX;
        match self {
            Self::Date => value.as_str().is_some_and(|text| date(text).is_some()),
            Self::Integer { min, max } => value.as_u64().is_some_and(|number| (min..=max).contains(&number)),
            Self::String => value.as_str().is_some_and(short),
            Self::Strings => value.as_array().is_some_and(|items| {
                items.len() <= STRINGS_MAX && items.iter().all(|item| item.as_str().is_some_and(short))
            }),
            Self::OneOf(names) => value.as_str().is_some_and(|text| names.contains(&text)),
            Self::Such(_, fits) => fits(value),
            Self::Objects { max, .. } => value
                .as_array()
                .is_some_and(|items| (1..=max).contains(&items.len()) && items.iter().all(Value::is_object)),
        }
    }
}

/// A day written `YYYY-MM-DD`, and nothing else of ISO 8601.
pub(crate) fn date(text: &str) -> Option<Date> {
    if text.len() == 10 { text.parse().ok() } else { None }
}

/// Checks the values against what is declared; nothing declared accepts anything.
///
/// # Errors
/// A message that names the first parameter that is missing, ill-typed or unknown.
pub(crate) fn check(declared: &[Parameter], given: &Parameters) -> Result<(), String> {
    if declared.is_empty() { Ok(()) } else { check_below("", declared, given) }
}

/// Checks the fields of the object at `path`.
fn check_below(path: &str, declared: &[Parameter], given: &Parameters) -> Result<(), String> {
    for Parameter { name, kind, required } in declared {
        match given.get(*name) {
            None if *required => return Err(format!("missing parameter: {path}{name}")),
            Some(value) if !kind.fits(value) => {
                return Err(format!("invalid parameter: {path}{name} must be {}", kind.describe()));
            }
            Some(value) => check_objects(&format!("{path}{name}"), *kind, value)?,
            None => {}
        }
    }
    match given.keys().find(|name| declared.iter().all(|parameter| parameter.name != name.as_str())) {
        Some(unknown) => Err(format!("unknown parameter: {path}{unknown}")),
        None => Ok(()),
    }
}

/// Checks what is within an array of objects; there is nothing within any other value.
fn check_objects(path: &str, kind: Kind, value: &Value) -> Result<(), String> {
    let Kind::Objects { fields, check, .. } = kind else {
        return Ok(());
    };
    let objects: Vec<_> = value.as_array().into_iter().flatten().filter_map(Value::as_object).collect();
    for (at, object) in objects.iter().enumerate() {
        check_below(&format!("{path}[{at}]."), fields, object)?;
    }
    check(&objects)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DECLARED: &[Parameter] = &[
        Parameter::required("day", Kind::Date),
        Parameter::required("rows", Kind::Integer { min: 1, max: 9 }),
        Parameter::optional("label", Kind::String),
        Parameter::optional("tables", Kind::Strings),
    ];

    #[track_caller]
    fn check_of(given: &Value, expected: Result<(), &str>) {
        let found = check(DECLARED, given.as_object().unwrap());
        match (found, expected) {
            (Ok(()), Ok(())) => {}
            (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
            (found, expected) => panic!("{given}: {found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn what_is_declared_fits() {
        check_of(&json!({"day": "2024-02-29", "rows": 9}), Ok(()));
        check_of(&json!({"day": "2024-02-29", "rows": 1, "label": "", "tables": ["a"]}), Ok(()));
    }

    #[test]
    fn the_missing_one_is_named() {
        check_of(&json!({"rows": 1}), Err("missing parameter: day"));
        check_of(&json!({"day": "2024-01-01"}), Err("missing parameter: rows"));
    }

    #[test]
    fn the_ill_typed_one_is_named() {
        for day in [
            json!("2024-02-30"),
            json!("2024-01-01T00:00:00Z"),
            json!("20240101"),
            json!(20_240_101),
            json!(null),
        ] {
            check_of(&json!({"day": day, "rows": 1}), Err("invalid parameter: day"));
        }
        for rows in
            [json!(0), json!(10), json!(-1), json!(1.5), json!(1.0), json!("1"), json!(null), json!([1])]
        {
            check_of(&json!({"day": "2024-01-01", "rows": rows}), Err("invalid parameter: rows"));
        }
        for label in [json!(1), json!(null), json!("x".repeat(STRING_CHARS_MAX + 1))] {
            check_of(
                &json!({"day": "2024-01-01", "rows": 1, "label": label}),
                Err("invalid parameter: label"),
            );
        }
        for tables in [json!("a"), json!([1]), json!({}), json!(vec!["a"; STRINGS_MAX + 1])] {
            check_of(
                &json!({"day": "2024-01-01", "rows": 1, "tables": tables}),
                Err("invalid parameter: tables"),
            );
        }
    }

    #[test]
    fn the_unknown_one_is_named() {
        check_of(&json!({"day": "2024-01-01", "rows": 1, "row": 1}), Err("unknown parameter: row"));
    }

    #[test]
    fn nothing_declared_accepts_anything() {
        assert_eq!(check(&[], json!({"a": [1]}).as_object().unwrap()), Ok(()));
    }
}
