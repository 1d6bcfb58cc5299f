//! JSON values at random, from the names that senders and expressions use.

use serde_json::{Map, Number, Value, json};

use super::choices::Choices;

/// Stands in bodies and headers, and never in what is said of a refused request.
pub(crate) const CANARY: &str = "c4nary";

const NAMES: &[&str] = &[
    "id",
    "type",
    "event",
    "data",
    "items",
    "name",
    "a",
    "b",
    "challenge",
    "token",
    "timestamp",
    "signature",
    "value",
    "payload",
    "body",
    "webhookTimestamp",
    "topic",
    "events",
    "meta",
    "object",
    "clientState",
    "Type",
    "Subject",
    "event_id",
    "verification_token",
    "plainToken",
    "destination",
    "update_id",
    "",
];

const TEXTS: &[&str] = &[
    "",
    "x",
    CANARY,
    "url_verification",
    "endpoint.url_validation",
    "ping",
    "true",
    "1",
    "2026-11-23T22:20:00Z",
    "1614265330",
    "null",
    "é€😀",
    "deal.won",
    "[]",
    "{{ body }}",
    "a,b",
    "../..",
];

const NUMBERS: &[i64] =
    &[0, 1, -1, 2, 10, 1_614_265_330, 4_294_967_296, 9_007_199_254_740_993, i64::MAX, i64::MIN];

/// A value that nests at most `depth` deep.
pub(crate) fn value(choices: &mut Choices<'_>, depth: usize) -> Value {
    match choices.below(if depth == 0 { 7 } else { 10 }) {
        0 => Value::Null,
        1 => Value::Bool(choices.one_in(2)),
        2 => json!(NUMBERS[choices.below(NUMBERS.len())]),
        3 => Number::from_f64(f64::from_bits(choices.number())).map_or(json!(0.5), Value::Number),
        4 => json!(choices.number()),
        5 => json!(choices.pick(TEXTS)),
        6 => json!(choices.text(12)),
        7 => (0..choices.below(5)).map(|_| value(choices, depth - 1)).collect(),
        _ => Value::Object(object(choices, depth - 1)),
    }
}

/// An object whose values nest at most `depth` deep.
pub(crate) fn object(choices: &mut Choices<'_>, depth: usize) -> Map<String, Value> {
    (0..choices.below(6)).map(|_| (name(choices), value(choices, depth))).collect()
}

pub(crate) fn name(choices: &mut Choices<'_>) -> String {
    if choices.one_in(8) { choices.text(8) } else { choices.pick(NAMES).to_owned() }
}

/// Changes something somewhere in a value; `fresh` makes what is put there.
pub(crate) fn change(
    value: &mut Value,
    choices: &mut Choices<'_>,
    fresh: &mut dyn FnMut(&mut Choices<'_>) -> Value,
) {
    let deeper = !choices.one_in(4);
    match value {
        Value::Object(object) if deeper && !object.is_empty() => {
            let name = object.keys().nth(choices.below(object.len())).cloned().unwrap_or_default();
            match choices.below(8) {
                0 => drop(object.remove(&name)),
                1 => {
                    let taken = object.remove(&name).unwrap_or_default();
                    let mut renamed = name;
                    renamed.insert(choices.place(0), choices.character());
                    object.insert(renamed, taken);
                }
                2 => drop(object.insert(self::name(choices), fresh(choices))),
                3 => {
                    let other = object.values().nth(choices.below(object.len())).cloned().unwrap_or_default();
                    object.insert(name, other);
                }
                _ => {
                    if let Some(inner) = object.get_mut(&name) {
                        change(inner, choices, fresh);
                    }
                }
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let place = choices.below(items.len());
            match choices.below(6) {
                0 => drop(items.remove(place)),
                1 => items.insert(place, fresh(choices)),
                2 => items.insert(place, items[place].clone()),
                _ => change(&mut items[place], choices, fresh),
            }
        }
        Value::String(text) if deeper => *text = changed_text(text, choices),
        _ => *value = fresh(choices),
    }
}

/// A text with characters taken out, put in, or repeated.
pub(crate) fn changed_text(text: &str, choices: &mut Choices<'_>) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let place = choices.place(characters.len());
    match choices.below(5) {
        0 if place < characters.len() => drop(characters.remove(place)),
        1 if place < characters.len() => characters[place] = choices.character(),
        2 => {
            let end = (place + choices.below(16)).min(characters.len());
            let repeated = characters[place..end].repeat(1 + choices.below(4));
            characters.splice(place..place, repeated);
        }
        3 => characters.truncate(place),
        _ => characters.insert(place, choices.character()),
    }
    characters.into_iter().collect()
}
