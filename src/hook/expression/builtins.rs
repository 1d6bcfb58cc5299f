//! Which of the engine's own filters, tests and functions there are, and what each takes.
//!
//! It adds nothing of its own: what is kept does what Jinja says, but refuses what Jinja would guess at (`none | upper`
//! is `NONE` there, a missing price adds nothing to a sum), and pays for its work.

use minijinja::value::{FunctionArgs, FunctionResult, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, filters, functions::Function};

use super::arguments::{at_path, charge, list, missing, refuse, text, unfit};

/// All filters that there are, the engine's and ours.
#[rustfmt::skip]
pub(super) const FILTERS: &[&str] = &[
    "abs", "at_offset", "b64decode", "b64encode", "capitalize", "ceil", "clamp", "date", "datetime", "days_until",
    "default", "first", "float", "floor", "format", "fromjson", "int", "items", "join", "last", "length", "lines",
    "list", "lower", "map", "max", "min", "number", "reject", "rejectattr", "removeprefix", "removesuffix", "replace",
    "reverse", "round", "select", "selectattr", "sha256", "shift", "short_hash", "slug", "sort", "split", "strftime",
    "string", "strptime", "sum", "title", "tojson", "trim", "truncate", "unique", "unix", "unix_ms", "upper",
    "urldecode", "urlencode",
];

/// Filters that are of no use to a parameter, are another's second name, or write values as Python does.
#[rustfmt::skip]
const FILTERS_REMOVED: &[&str] = &[
    "attr", "batch", "bool", "chain", "count", "d", "dictsort", "e", "escape", "groupby", "indent", "pprint", "safe",
    "slice", "zip",
];

/// Tests of markup, and those that look at a value as Python would write it.
const TESTS_REMOVED: &[&str] = &["escaped", "filter", "lower", "safe", "sameas", "test", "upper"];

/// What rounding costs, in fuel: the engine writes out more than a thousand digits.
const NUMBER_FUEL: u64 = 16;

/// What a filter takes.
#[derive(Clone, Copy)]
enum Takes {
    /// A text, or a number as it is written.
    Text,
    /// A number.
    Number,
    /// A list of anything, each item of which it visits.
    Visited,
    /// A list of anything.
    List,
    /// A text or a list.
    Sequence,
    /// A text, a list or an object.
    Sized,
    /// An object.
    Object,
    /// A list of texts and numbers, or of objects with such an attribute.
    Texts,
    /// The same, with all of one kind.
    OneKind,
    /// A list of numbers, or of objects with such an attribute.
    Numbers,
    /// A pattern and what is to be put into it: texts and numbers.
    Pattern,
}

/// Leaves of the engine's own what is of use, each with what it takes.
pub(super) fn restrict(environment: &mut Environment<'static>) {
    for name in FILTERS_REMOVED {
        environment.remove_filter(name);
    }
    for name in TESTS_REMOVED {
        environment.remove_test(name);
    }
    environment.remove_global("debug");
    keep(environment, "upper", Takes::Text, filters::upper);
    keep(environment, "lower", Takes::Text, filters::lower);
    keep(environment, "title", Takes::Text, filters::title);
    keep(environment, "capitalize", Takes::Text, filters::capitalize);
    keep(environment, "trim", Takes::Text, filters::trim);
    keep(environment, "replace", Takes::Text, filters::replace);
    keep(environment, "lines", Takes::Text, filters::lines);
    keep(environment, "split", Takes::Text, filters::split);
    keep(environment, "format", Takes::Pattern, filters::format);
    keep(environment, "join", Takes::Texts, filters::join);
    keep(environment, "sort", Takes::OneKind, filters::sort);
    keep(environment, "unique", Takes::OneKind, filters::unique);
    keep(environment, "min", Takes::OneKind, filters::min);
    keep(environment, "max", Takes::OneKind, filters::max);
    keep(environment, "sum", Takes::Numbers, filters::sum);
    keep(environment, "round", Takes::Number, filters::round);
    keep(environment, "abs", Takes::Number, filters::abs);
    keep(environment, "length", Takes::Sized, filters::length);
    keep(environment, "reverse", Takes::Sequence, filters::reverse);
    keep(environment, "items", Takes::Object, filters::items);
    keep(environment, "first", Takes::List, filters::first);
    keep(environment, "last", Takes::List, filters::last);
    keep(environment, "list", Takes::Visited, filters::list);
    keep(environment, "map", Takes::Visited, filters::map);
    keep(environment, "select", Takes::Visited, filters::select);
    keep(environment, "reject", Takes::Visited, filters::reject);
    keep(environment, "selectattr", Takes::Visited, filters::selectattr);
    keep(environment, "rejectattr", Takes::Visited, filters::rejectattr);
    environment.add_test("startingwith", |text: &Value, start: &str| {
        text.as_str().is_some_and(|text| text.starts_with(start))
    });
    environment.add_test("endingwith", |text: &Value, end: &str| {
        text.as_str().is_some_and(|text| text.ends_with(end))
    });
}

fn keep<F, Rv, Args>(environment: &mut Environment<'static>, name: &'static str, takes: Takes, filter: F)
where
    F: Function<Rv, Args>,
    Rv: FunctionResult,
    Args: for<'a> FunctionArgs<'a>,
{
    let filter = Value::from_function(filter);
    environment.add_filter(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        if let Some(value) = arguments.first() {
            takes.check(state, name, value, &arguments)?;
        }
        let result = filter.call(state, &arguments)?;
        if name == "map" && result.try_iter()?.any(|item| item.is_undefined()) {
            return Err(missing());
        }
        Ok(result)
    });
}

impl Takes {
    fn check(self, state: &State, name: &str, value: &Value, arguments: &[Value]) -> Result<(), Error> {
        let kind = value.kind();
        let is_list = matches!(kind, ValueKind::Seq | ValueKind::Iterable);
        let needs = |fits: bool, wanted: &str| if fits { Ok(()) } else { Err(unfit(name, wanted, value)) };
        match self {
            Self::Text => text(state, name, value).map(|_| ()),
            Self::Number => {
                state.consume_fuel(NUMBER_FUEL)?;
                needs(kind == ValueKind::Number, "a number")
            }
            Self::Visited => {
                needs(is_list, "a list")?;
                state.consume_fuel(value.len().unwrap_or(0) as u64)
            }
            Self::List => needs(is_list, "a list"),
            Self::Sequence => needs(is_list || kind == ValueKind::String, "a text or a list"),
            Self::Sized => {
                let sized = is_list || matches!(kind, ValueKind::String | ValueKind::Map);
                needs(sized, "a text, a list or an object")
            }
            Self::Object => needs(kind == ValueKind::Map, "an object"),
            Self::Pattern => {
                arguments.iter().try_for_each(|argument| text(state, name, argument).map(|_| ()))
            }
            Self::Texts | Self::OneKind | Self::Numbers => {
                self.check_items(state, name, value, attribute(name, arguments).as_ref())
            }
        }
    }

    fn check_items(
        self,
        state: &State,
        name: &str,
        value: &Value,
        attribute: Option<&Value>,
    ) -> Result<(), Error> {
        let (mut first, mut bytes, mut count) = (None, 0, 0_u32);
        for item in list(name, value)? {
            state.consume_fuel(1)?;
            let item = match attribute.and_then(Value::as_str) {
                Some(path) => at_path(&item, path).ok_or_else(missing)?,
                None => item,
            };
            let kind = item.kind();
            let fits = match self {
                Self::Numbers => kind == ValueKind::Number,
                _ => matches!(kind, ValueKind::Number | ValueKind::String),
            };
            if !fits {
                let wanted = if matches!(self, Self::Numbers) { "numbers" } else { "texts and numbers" };
                return Err(unfit(name, &format!("a list of {wanted}"), &item));
            }
            if matches!(self, Self::OneKind) && *first.get_or_insert(kind) != kind {
                return Err(refuse(format!("`{name}` takes a list of texts or of numbers, not of both")));
            }
            bytes += item.as_str().map_or(0, str::len);
            count += 1;
        }
        // Each item is compared with about this many others.
        let compared = if matches!(self, Self::OneKind) { u32::BITS - count.leading_zeros() } else { 1 };
        charge(state, bytes.saturating_mul(compared as usize))
    }
}

/// The attribute of its items that a filter is asked to look at.
fn attribute(name: &str, arguments: &[Value]) -> Option<Value> {
    let by_name =
        arguments.last().filter(|last| last.is_kwargs()).and_then(|last| at_path(last, "attribute"));
    let position = match name {
        "sum" => 1,
        "join" => 2,
        _ => return by_name,
    };
    by_name.or_else(|| {
        arguments.get(position).filter(|argument| !argument.is_kwargs() && !argument.is_none()).cloned()
    })
}
