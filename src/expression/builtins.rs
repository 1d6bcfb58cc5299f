//! Which of the engine's own filters, tests and functions there are, and what each takes.
//!
//! It adds nothing of its own: what is kept does what Jinja says, but refuses what Jinja would guess at (`none | upper`
//! is `NONE` there, a missing price adds nothing to a sum), and pays for its work.

use minijinja::value::{FunctionArgs, FunctionResult, Rest, Value, ValueKind, ValueOrKwargs};
use minijinja::{Environment, Error, State, filters, functions::Function};

use super::arguments::{missing, text, unfit};
use super::signatures::add_filter;

/// Filters that are of no use to a parameter, are another's second name, or write values as Python does.
#[rustfmt::skip]
const FILTERS_REMOVED: &[&str] = &[
    "attr", "batch", "bool", "chain", "count", "d", "dictsort", "e", "escape", "groupby", "indent", "pprint", "safe",
    "slice", "zip",
];

/// Tests of markup, and those that look at a value as Python would write it.
const TESTS_REMOVED: &[&str] = &["escaped", "filter", "lower", "safe", "sameas", "test", "upper"];

/// What a filter takes.
#[derive(Clone, Copy)]
enum Takes {
    /// A text, or a number as it is written.
    Text,
    /// A list of anything, each item of which it visits.
    Visited,
    /// An object.
    Object,
}

/// Makes one of the engine's functions pay for each member that it copies before it copies any.
fn charge_for_copies(environment: &mut Environment<'static>, name: &'static str) {
    let own = environment.globals().find(|(global, _)| *global == name).map(|(_, function)| function);
    let Some(function) = own else { return };
    environment.add_function(name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        for argument in &arguments {
            state.consume_fuel(argument.len().unwrap_or(0) as u64)?;
        }
        function.call(state, &arguments)
    });
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
    charge_for_copies(environment, "dict");
    charge_for_copies(environment, "namespace");
    keep(environment, "upper", Takes::Text, filters::upper);
    keep(environment, "lower", Takes::Text, filters::lower);
    keep(environment, "title", Takes::Text, filters::title);
    keep(environment, "capitalize", Takes::Text, filters::capitalize);
    keep(environment, "items", Takes::Object, filters::items);
    keep(environment, "map", Takes::Visited, filters::map);
    keep(environment, "select", Takes::Visited, filters::select);
    keep(environment, "reject", Takes::Visited, filters::reject);
    keep(environment, "selectattr", Takes::Visited, filters::selectattr);
    keep(environment, "rejectattr", Takes::Visited, filters::rejectattr);
    add_filter(environment, "default", filters::default);
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
    add_filter(environment, name, move |state: &mut State, arguments: Rest<ValueOrKwargs>| {
        let arguments = arguments.into_values();
        if let Some(value) = arguments.first() {
            takes.check(state, name, value)?;
        }
        let result = filter.call(state, &arguments)?;
        if name == "map" && result.try_iter()?.any(|item| item.is_undefined()) {
            return Err(missing());
        }
        Ok(result)
    });
}

impl Takes {
    fn check(self, state: &State, name: &str, value: &Value) -> Result<(), Error> {
        let kind = value.kind();
        let needs = |fits: bool, wanted: &str| if fits { Ok(()) } else { Err(unfit(name, wanted, value)) };
        match self {
            Self::Text => text(state, name, value).map(|_| ()),
            Self::Visited => {
                needs(matches!(kind, ValueKind::Seq | ValueKind::Iterable), "a list")?;
                state.consume_fuel(value.len().unwrap_or(0) as u64)
            }
            Self::Object => {
                needs(kind == ValueKind::Map, "an object")?;
                state.consume_fuel(value.len().unwrap_or(0) as u64)
            }
        }
    }
}
