//! Reads a JSON value inside a record as its text, without making a tree of values of it. The oldest records have a
//! task's result as plain JSON.

use std::fmt::{self, Write};

use serde::Deserializer;
use serde::Serialize;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::fabricate::JsonText;

/// Reads any value as the text of that value.
pub(super) fn read_plain<'de, D: Deserializer<'de>>(deserializer: D) -> Result<JsonText, D::Error> {
    let mut text = String::new();
    WriteText(&mut text).deserialize(deserializer)?;
    Ok(JsonText::recorded(text.into()))
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
    fn any_value_is_read_as_its_text() {
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
