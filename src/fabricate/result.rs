//! A task's `result`: any JSON, kept as its text and never as a tree of values, and why one is left out.
//!
//! It must not read an answer; that is `status.rs`.

use std::fmt::{self, Write};
use std::sync::Arc;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// A larger result is left out, bytes. The end of a run holds its result some three times (the text, the journal's
/// entry, the request that writes it), and four runs may end at the same time.
pub const RESULT_BYTES_MAX: usize = 1024 * 1024;

/// A result with more levels of arrays and objects is left out: many JSON readers stop at 128 levels, and the run's
/// view has three above the result's.
pub const RESULT_DEPTH_MAX: u32 = 120;

/// One JSON value as its text. Copies share the text.
#[derive(Clone, PartialEq, Eq)]
pub struct JsonText(Arc<str>);

impl JsonText {
    /// Takes a text that is one JSON value (RFC 8259) without spaces around it. Escapes of lone surrogates and numbers
    /// of any size are kept: the grammar allows them.
    ///
    /// # Errors
    /// When it is not one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        // Checks the grammar alone, without recursion, and keeps nothing.
        serde_json::from_str::<de::IgnoredAny>(text)?;
        Ok(Self(text.into()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        &*self.0 == "null"
    }

    /// Takes the text of a record, which was checked before it was written.
    pub(super) fn recorded(text: Arc<str>) -> Self {
        Self(text)
    }
}

impl Default for JsonText {
    /// `null`.
    fn default() -> Self {
        Self("null".into())
    }
}

impl fmt::Debug for JsonText {
    /// The size alone: the text is payload, and may be a mebibyte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonText({} bytes)", self.0.len())
    }
}

impl From<serde_json::Value> for JsonText {
    fn from(value: serde_json::Value) -> Self {
        Self(value.to_string().into())
    }
}

impl Serialize for JsonText {
    /// As a JSON *string* that holds the text: so it survives every way of buffering a record, and is read again as it
    /// was, whatever numbers and escapes it has.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What is known of a result that is not kept. The run's view has it as `task.result_omitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultOmitted {
    /// The result's size at Fabricate.
    pub bytes: u64,
    /// Why it is not kept.
    pub reason: String,
}

/// Reads any value of a record as the text of that value, without making a tree of it. Versions before this one wrote
/// results as plain JSON.
pub(super) fn read_plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JsonText, D::Error> {
    let mut text = String::new();
    WriteText(&mut text).deserialize(deserializer)?;
    Ok(JsonText(text.into()))
}

/// Writes what it is given as JSON. The depth is bounded by the deserializer: `serde_json` takes 128 levels.
struct WriteText<'a>(&'a mut String);

impl WriteText<'_> {
    fn write<E: de::Error>(self, value: &impl Serialize) -> Result<(), E> {
        let text = serde_json::to_string(value).map_err(E::custom)?;
        self.0.push_str(&text);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for WriteText<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for WriteText<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.write(&())
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.write(&())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        loop {
            let comma = self.0.len() > start;
            let end = self.0.len();
            if comma {
                self.0.push(',');
            }
            if items.next_element_seed(WriteText(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
        }
        self.0.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.0.push('{');
        let mut comma = "";
        while let Some(name) = members.next_key::<String>()? {
            let name = serde_json::to_string(&name).map_err(de::Error::custom)?;
            write!(self.0, "{comma}{name}:").map_err(de::Error::custom)?;
            members.next_value_seed(WriteText(self.0))?;
            comma = ",";
        }
        self.0.push('}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_taken_where_it_is_one_json_value() {
        let deep = "[".repeat(500_000) + &"]".repeat(500_000);
        for text in [
            "null",
            "1e400",
            r#""cut \ud83d""#,
            r#"{"a":1, "a":2}"#,
            "340282366920938463463374607431768211455",
            &deep,
        ] {
            assert_eq!(JsonText::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "NaN", "[1,]", "{\"a\"}", "1 2", "[}", "\"\u{1}\"", "'a'", "01"] {
            assert!(JsonText::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn results_of_older_records_are_read_as_their_text() {
        for text in [
            "null",
            "true",
            "-7",
            "18446744073709551615",
            "1.5",
            r#""a \"b\" é\n""#,
            "[]",
            "{}",
            r#"[1,[2,{}],"x",null,[]]"#,
            r#"{"b":{"c":[null,false]},"a":"1"}"#,
        ] {
            let read = |text: &str| read_plain(&mut serde_json::Deserializer::from_str(text)).unwrap();
            assert_eq!(read(text).as_str(), text);
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            let through_a_tree = read_plain(value.clone()).unwrap();
            assert_eq!(serde_json::from_str::<serde_json::Value>(through_a_tree.as_str()).unwrap(), value);
        }
    }
}
