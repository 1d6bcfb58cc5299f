//! Filters that apply another filter, or a test, to each item of a list.

use super::super::arguments::{Arguments, RawArguments, at_path};
use super::super::predicates;
use super::lists::own_list;
use super::{apply, is_known};
use crate::value::error::{Error, refuse};
use crate::value::{Value, unfit};

/// `list | map(attribute='…')`, `list | map('filter', …)`
pub(super) fn map(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let list = own_list(value, arguments)?;
    arguments.fuel.spend_on_items(list.len())?;
    let named =
        |name: &str| arguments.named.iter().find(|(known, _)| **known == *name).map(|(_, value)| value);
    let attribute = named("attribute").filter(|attribute| !matches!(attribute, Value::Null));
    let mut mapped = Vec::new();
    for item in list.iter() {
        arguments.fuel.spend(1)?;
        mapped.push(if let Some(attribute) = attribute {
            attribute_of(&item, attribute, named("default"))?
        } else {
            let (name, given) = inner(arguments, 0, "filter")?;
            let name = name.filter(|name| is_known(name)).ok_or_else(|| nameless(arguments, "filter"))?;
            apply(arguments.fuel, name, &item, given)?
        });
    }
    if mapped.iter().any(Value::is_missing) { Err(Error::Missing) } else { Value::list(mapped) }
}

fn attribute_of(item: &Value, attribute: &Value, default: Option<&Value>) -> Result<Value, Error> {
    let found = match attribute {
        Value::Text(path) => at_path(item, path),
        key => item.item(key),
    };
    match (found, default) {
        (Ok(Value::Missing) | Err(Error::Missing), Some(default)) => Ok(default.clone()),
        (found, _) => found,
    }
}

/// `list | select('test', …)`
pub(super) fn select(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    passing(value, arguments, None, true)
}

/// `list | reject('test', …)`
pub(super) fn reject(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    passing(value, arguments, None, false)
}

/// `list | selectattr('attribute', 'test', …)`
pub(super) fn selectattr(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    passing(value, arguments, Some(arguments.written(0)?.as_ref()), true)
}

/// `list | rejectattr('attribute', 'test', …)`
pub(super) fn rejectattr(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    passing(value, arguments, Some(arguments.written(0)?.as_ref()), false)
}

/// The items whose attribute, or which themselves, pass the test or do not; without a test: are true or are not.
fn passing(
    value: &Value,
    arguments: &Arguments,
    attribute: Option<&str>,
    wanted: bool,
) -> Result<Value, Error> {
    let list = own_list(value, arguments)?;
    arguments.fuel.spend_on_items(list.len())?;
    let mut passing = Vec::new();
    for item in list.iter() {
        arguments.fuel.spend(1)?;
        let tested = attribute.map_or_else(|| Ok(item.clone()), |path| at_path(&item, path))?;
        let (name, given) = inner(arguments, usize::from(attribute.is_some()), "test")?;
        let passes = match name {
            None => tested.is_true(),
            Some(name) if !predicates::is_known(name) => return Err(nameless(arguments, "test")),
            Some(name) => predicates::apply(arguments.fuel, name, &tested, given)?,
        };
        if passes == wanted {
            passing.push(item);
        }
    }
    Value::list(passing)
}

/// The name of what is applied, and what it is given.
fn inner<'a>(
    arguments: &'a Arguments,
    place: usize,
    kind: &str,
) -> Result<(Option<&'a str>, RawArguments), Error> {
    let name = match arguments.given(place) {
        None => None,
        Some(Value::Text(name)) => Some(&**name),
        Some(other) if other.is_missing() => return Err(Error::Missing),
        Some(other) => {
            return Err(unfit(arguments.name(), &format!("the name of a {kind}"), other));
        }
    };
    let values = arguments.values.get(place + 1..).unwrap_or_default().to_vec();
    Ok((name, RawArguments { values, named: arguments.named.clone() }))
}

fn nameless(arguments: &Arguments, kind: &str) -> Error {
    refuse(format!("`{}` takes the name of a {kind}", arguments.name()))
}
