//! JSON with bounds: its depth and the number of its values are counted while it is read.
//!
//! Not `Value`'s own `Deserialize`: that builds everything before anybody can count it.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::BodyError;

/// How deep a document may nest. Events nest less than ten levels; everything that walks a value recurses this deep.
pub const DEPTH_MAX: usize = 64;

/// How many values a document may have. An honest one has about 60,000 for each MiB, while a MiB of `{"a":0},` has
/// 260,000, half of them objects with an allocation each, and all of that is copied for the expressions.
pub const NODES_MAX: usize = 100_000;

/// Reads one document; `what` names it in errors.
pub(super) fn read(text: &str, what: &str) -> Result<Value, BodyError> {
    let budget = Budget { nodes_left: Cell::new(NODES_MAX), exceeded: Cell::new(None) };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Node { budget: &budget, depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| match budget.exceeded.get() {
        Some(Bound::Depth) => BodyError::TooComplex(format!(
            "{what} nests deeper than {DEPTH_MAX} levels: send a flatter event"
        )),
        Some(Bound::Nodes) => {
            BodyError::TooComplex(format!("{what} has more than {NODES_MAX} values: send smaller events"))
        }
        // Its messages name what was expected and where, and quote nothing.
        None => BodyError::Malformed(format!("{what} is not JSON: {error}")),
    })
}

#[derive(Debug, Clone, Copy)]
enum Bound {
    Depth,
    Nodes,
}

struct Budget {
    nodes_left: Cell<usize>,
    exceeded: Cell<Option<Bound>>,
}

impl Budget {
    fn exceed<E: Error>(&self, bound: Bound) -> E {
        self.exceeded.set(Some(bound));
        E::custom("too complex")
    }
}

/// One value to be read, `depth` containers deep.
#[derive(Clone, Copy)]
struct Node<'b> {
    budget: &'b Budget,
    depth: usize,
}

impl Node<'_> {
    /// What is inside the container that this is.
    fn inner<E: Error>(self) -> Result<Self, E> {
        if self.depth == DEPTH_MAX {
            return Err(self.budget.exceed(Bound::Depth));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.budget.nodes_left.get().checked_sub(1) else {
            return Err(self.budget.exceed(Bound::Nodes));
        };
        self.budget.nodes_left.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key()? {
            object.insert(name, members.next_value_seed(inner)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[track_caller]
    fn check_too_complex(text: &str, word: &str) {
        let error = read(text, "the body").unwrap_err();
        assert!(matches!(&error, BodyError::TooComplex(text) if text.contains(word)), "{error:?}");
    }

    fn nested(open: &str, close: &str, depth: usize) -> String {
        format!("{}1{}", open.repeat(depth), close.repeat(depth))
    }

    fn list_of(nodes: usize) -> String {
        format!("[{}]", vec!["0"; nodes - 1].join(","))
    }

    #[test]
    fn a_document_is_read_as_serde_json_reads_it() {
        for text in [
            r#"{"a":[1,-2,1.5,1e3,"x","\u00e9\n",true,false,null,{}],"b":{"c":[]}}"#,
            " 18446744073709551615 ",
            "-9223372036854775808",
            "18446744073709551616",
            "-0",
            "\"x\"",
        ] {
            assert_eq!(read(text, "it"), Ok(serde_json::from_str(text).unwrap()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_refused_without_being_quoted() {
        for text in [
            "",
            " ",
            "s3cret",
            "{s3cret:1}",
            "\"s3cret",
            "{\"s3cret\" 1}",
            "[1]s3cret",
            "1e999",
            "NaN",
            "[1,]",
        ] {
            let error = read(text, "the body").unwrap_err();
            assert!(matches!(error, BodyError::Malformed(_)), "{text}: {error:?}");
            assert!(
                error.to_string().starts_with("the body is not JSON")
                    && !error.to_string().contains("s3cret")
            );
        }
    }

    #[test]
    fn of_a_key_given_twice_the_last_counts() {
        assert_eq!(read(r#"{"a":1,"b":2,"a":3}"#, "it"), Ok(json!({"a": 3, "b": 2})));
    }

    #[test]
    fn a_document_nests_64_levels_and_no_deeper() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            assert!(read(&nested(open, close, DEPTH_MAX), "it").is_ok());
            check_too_complex(&nested(open, close, DEPTH_MAX + 1), "64 levels");
            check_too_complex(&open.repeat(100_000), "64 levels");
        }
    }

    #[test]
    fn a_document_has_100_000_values_and_no_more() {
        assert!(read(&list_of(NODES_MAX), "it").is_ok());
        check_too_complex(&list_of(NODES_MAX + 1), "100000 values");
        check_too_complex(&format!("[{}", "{\"a\":0},".repeat(60_000)), "100000 values");
    }
}
