//! The filters: `value | name(arguments)`. All of them are in one table, with what they take and what does their work.
//!
//! What a filter is not made for is an error, never a guess; its work is paid for before it is done.

mod case;
mod date_shapes;
mod dates;
mod each;
mod format;
mod json;
mod lists;
mod numbers;
mod parts;
mod text;

pub(super) use case::{capitalize, lower, title, upper};
pub(super) use json::to_json;
pub(super) use lists::{joined, own_list, pairs};
pub(super) use parts::{Ends, lines, pieces, removeprefix, removesuffix, replace, split, trimmed};

use std::cmp::Ordering;

use super::arguments::{Arguments, RawArguments};
use super::signatures::{Entry, entry, find};
use crate::value::error::{Error, refuse};
use crate::value::fuel::Fuel;
use crate::value::{Value, too_long};

/// What does the work of a filter or method.
pub(super) type Apply = fn(&Value, &Arguments) -> Result<Value, Error>;

/// All filters, in the order of their names.
pub(super) const FILTERS: &[Entry<Apply>] = &[
    entry("abs", "", numbers::abs),
    entry("at_offset", "offset", dates::at_offset),
    entry("b64decode", "", text::b64decode),
    entry("b64encode", "", text::b64encode),
    entry("capitalize", "", case::capitalize),
    entry("ceil", "", numbers::ceil),
    entry("clamp", "low high", numbers::clamp),
    entry("date", "", dates::date),
    entry("datetime", "", dates::datetime),
    entry("days_until", "other", dates::days_until),
    entry(DEFAULT, "default_value? boolean?", default),
    entry("first", "", lists::first),
    entry("float", "default?", numbers::float),
    entry("floor", "", numbers::floor),
    entry("format", "*", format::format),
    entry("fromjson", "", json::fromjson),
    entry("int", "default?", numbers::int),
    entry("items", "", lists::pairs),
    entry("join", "d? attribute?", lists::join),
    entry("last", "", lists::last),
    entry("length", "", lists::length),
    entry("lines", "", parts::lines),
    entry("list", "", lists::list),
    entry("lower", "", case::lower),
    entry("map", "*", each::map),
    entry("max", "case_sensitive? attribute?", |value, by| lists::extreme(value, by, Ordering::Greater)),
    entry("min", "case_sensitive? attribute?", |value, by| lists::extreme(value, by, Ordering::Less)),
    entry("number", "", numbers::number),
    entry("reject", "test? *", each::reject),
    entry("rejectattr", "attribute test? *", each::rejectattr),
    entry("removeprefix", "prefix", parts::removeprefix),
    entry("removesuffix", "suffix", parts::removesuffix),
    entry("replace", "old new count?", parts::replace),
    entry("reverse", "", lists::reverse),
    entry("round", "precision? method?", numbers::round),
    entry("select", "test? *", each::select),
    entry("selectattr", "attribute test? *", each::selectattr),
    entry("sha256", "", text::sha256),
    entry("shift", "by", dates::shift),
    entry("short_hash", "digits?", text::short_hash),
    entry("slug", "length?", text::slug),
    entry("sort", "reverse? case_sensitive? attribute?", lists::sort),
    entry("split", "separator? maxsplits?", parts::split),
    entry("strftime", "pattern", dates::strftime),
    entry("string", "", text::string),
    entry("strptime", "pattern", dates::strptime),
    entry("sum", "attribute? start?", lists::sum),
    entry("title", "", case::title),
    entry("tojson", "", json::tojson),
    entry("trim", "chars?", parts::trim),
    entry("truncate", "length end?", parts::truncate),
    entry("unique", "case_sensitive? attribute?", lists::unique),
    entry("unix", "", dates::unix),
    entry("unix_ms", "", dates::unix_ms),
    entry("upper", "", case::upper),
    entry("urldecode", "", text::urldecode),
    entry("urlencode", "", text::urlencode),
];

/// The one filter that takes what is missing.
const DEFAULT: &str = "default";

/// Whether there is a filter of this name.
pub(super) fn is_known(name: &str) -> bool {
    find(FILTERS, name).is_some()
}

/// Applies the filter of this name.
///
/// # Errors
/// Those of the filter; and when it is not known, or the arguments are not what it takes.
pub(super) fn apply(fuel: &Fuel, name: &str, value: &Value, given: RawArguments) -> Result<Value, Error> {
    apply_entry(find(FILTERS, name).ok_or_else(|| refuse("unknown filter"))?, fuel, value, given)
}

/// Applies a filter or method. An argument that is a missing field is a missing field.
pub(super) fn apply_entry(
    entry: &Entry<Apply>,
    fuel: &Fuel,
    value: &Value,
    given: RawArguments,
) -> Result<Value, Error> {
    let arguments = Arguments::new(entry.signature, given, fuel)?;
    // What stands in for a missing field may be missing, too; those of `*` are for the filter itself to read.
    let may_miss = entry.signature.name == DEFAULT || entry.signature.takes.ends_with('*');
    if !may_miss && arguments.values.iter().any(Value::is_missing) {
        return Err(Error::Missing);
    }
    match (entry.apply)(value, &arguments)? {
        Value::TooLong => Err(too_long()),
        result => Ok(result),
    }
}

/// `value | default(default_value, boolean)`
fn default(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let replaces_false = match arguments.values.get(1) {
        Some(boolean) => boolean.truth()?,
        None => false,
    };
    let is_replaced = value.is_missing() || (replaces_false && !value.is_true());
    let default = || arguments.values.first().cloned().unwrap_or_else(|| Value::text(""));
    Ok(if is_replaced { default() } else { value.clone() })
}
