//! The values that expressions work on: those of JSON, with all digits of their numbers, read lazily from a document; and
//! stand-ins for values that are missing or too large.
//!
//! A value never changes once it is made, and nests at most [`DEPTH_MAX`] deep: what walks it, or drops it, recurses no
//! deeper.

pub(crate) mod arithmetic;
pub(crate) mod error;
pub(crate) mod fuel;
pub(crate) mod lazy;
mod list;
mod object;
pub(crate) mod whole;

pub(crate) use list::{List, Range, too_deep};
pub(crate) use object::Object;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde_json::Value as Json;

use error::{Error, refuse};
use whole::Whole;

/// The longest text that an expression takes in or gives out, bytes, and the largest value that it gives out, as JSON.
/// What a filter does to this much stays far below the CPU time of one request.
pub(crate) const TEXT_BYTES_MAX: usize = 128 * 1024;

/// How deep a value may nest: deeper than any body, which ends at 64.
pub(crate) const DEPTH_MAX: usize = 160;

/// The place of texts among the kinds of keys.
const TEXT_RANK: u8 = 5;

/// A value.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// A field that the event does not have: an error wherever it is used.
    Missing,
    /// What `a if b` gives where `b` is false and there is no `else`: missing too, but false as a condition.
    Nothing,
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number beyond 64 bits.
    Wide(Box<Whole>),
    Real(f64),
    /// A number that neither 128 bits nor floating point hold.
    Oversized(Arc<Oversized>),
    Text(Arc<str>),
    /// A text of more than [`TEXT_BYTES_MAX`]: an error wherever it is used.
    TooLong,
    List(List),
    Object(Object),
}

/// The digits of a number that no other kind of value has room for. A whole one can be written, and compared for
/// equality.
#[derive(Debug)]
pub(crate) struct Oversized {
    pub(crate) digits: Box<str>,
    pub(crate) is_whole: bool,
}

impl Oversized {
    /// Its digits, where it is a whole number.
    pub(crate) fn whole(&self) -> Result<&str, Error> {
        if self.is_whole { Ok(&self.digits) } else { Err(oversized()) }
    }
}

impl Value {
    /// A text, or the mark of one that is too long.
    pub(crate) fn text(text: &str) -> Self {
        if text.len() > TEXT_BYTES_MAX { Self::TooLong } else { Self::Text(Arc::from(text)) }
    }

    /// How many there are.
    pub(crate) fn count(count: usize) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A list of these items.
    ///
    /// # Errors
    /// When it would nest deeper than [`DEPTH_MAX`].
    pub(crate) fn list(items: Vec<Value>) -> Result<Self, Error> {
        List::new(items).map(Self::List)
    }

    /// An object of these fields; of those that have one name the last counts.
    ///
    /// # Errors
    /// When it would nest deeper than [`DEPTH_MAX`].
    pub(crate) fn object(fields: Vec<(Value, Value)>) -> Result<Self, Error> {
        Object::new(fields).map(Self::Object)
    }

    /// The value of JSON; what nests deeper than [`DEPTH_MAX`] is null.
    pub(crate) fn from_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(is_true) => Self::Bool(*is_true),
            Json::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(number), _) => Self::Int(number),
                (None, Some(number)) => Self::Wide(Box::new(Whole::new(false, number.into()))),
                (None, None) => number.as_f64().map_or(Self::Null, Self::Real),
            },
            Json::String(text) => Self::text(text),
            Json::Array(items) => {
                Self::list(items.iter().map(Self::from_json).collect()).unwrap_or(Self::Null)
            }
            Json::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| (Self::text(name), Self::from_json(value)));
                Self::object(fields.collect()).unwrap_or(Self::Null)
            }
        }
    }

    /// How many containers are in each other.
    fn depth(&self) -> usize {
        match self {
            Self::List(list) => list.depth(),
            Self::Object(object) => object.depth(),
            _ => 0,
        }
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing | Self::Nothing)
    }

    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Int(_) | Self::Wide(_) | Self::Real(_))
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it counts as true where a condition is asked for.
    ///
    /// # Errors
    /// [`Error::Missing`], or when it is too long.
    pub(crate) fn truth(&self) -> Result<bool, Error> {
        match self {
            Self::Missing => Err(Error::Missing),
            Self::TooLong => Err(too_long()),
            _ => Ok(self.is_true()),
        }
    }

    /// Whether it is neither missing, null, false, zero nor empty.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Missing | Self::Nothing | Self::Null | Self::TooLong => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Real(number) => *number != 0.0,
            Self::Wide(_) | Self::Oversized(_) => true,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => list.len() > 0,
            Self::Object(object) => object.len() > 0,
        }
    }

    /// The field of an object; [`Value::Missing`] where there is none.
    ///
    /// # Errors
    /// [`Error::Missing`] when the value itself is missing, and when the field's text is too long.
    pub(crate) fn attribute(&self, name: &str) -> Result<Value, Error> {
        self.found(match self {
            Self::Object(object) => object.field(name),
            _ => None,
        })
    }

    /// The field of an object, the item of a list or the character of a text; negative numbers count from the end.
    ///
    /// # Errors
    /// As [`attribute`](Self::attribute).
    pub(crate) fn item(&self, key: &Value) -> Result<Value, Error> {
        let from_start = |length: usize| {
            let index = key.index()?;
            let from_end = || length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?);
            usize::try_from(index).ok().or_else(from_end)
        };
        self.found(match self {
            Self::Object(object) => object.get(key),
            Self::List(list) => from_start(list.len()).and_then(|index| list.get(index)),
            Self::Text(text) => from_start(text.chars().count())
                .and_then(|index| text.chars().nth(index))
                .map(|character| Self::text(character.encode_utf8(&mut [0; 4]))),
            _ => None,
        })
    }

    fn found(&self, found: Option<Value>) -> Result<Value, Error> {
        match (self, found) {
            (_, Some(Self::TooLong)) => Err(too_long()),
            (_, Some(value)) => Ok(value),
            (Self::Missing | Self::Nothing, None) => Err(Error::Missing),
            (_, None) => Ok(Self::Missing),
        }
    }

    /// The whole number of 64 bits that it is; `2.0` is one.
    pub(crate) fn index(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Real(number) => match Whole::of_real(*number)?.value()? {
                Self::Int(number) => Some(number),
                _ => None,
            },
            _ => None,
        }
    }

    /// What it is, in JSON's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Missing | Self::Nothing => "a missing field",
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Wide(_) | Self::Real(_) | Self::Oversized(_) => "a number",
            Self::Text(_) | Self::TooLong => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// What it looks like inside a text: as JSON writes it.
    ///
    /// # Errors
    /// [`Error::Missing`]; and for null, a list, an object, and what is too long or has no digits.
    pub(crate) fn written(&self) -> Result<Cow<'_, str>, Error> {
        Ok(match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Int(_) | Self::Wide(_) | Self::Real(_) => Cow::Owned(self.to_string()),
            Self::Bool(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
            Self::Oversized(number) => Cow::Borrowed(number.whole()?),
            Self::Missing | Self::Nothing => return Err(Error::Missing),
            Self::TooLong => return Err(too_long()),
            Self::Null => {
                return Err(refuse("null inside a text; say what stands for it: `| default('-', true)`"));
            }
            Self::List(_) | Self::Object(_) => {
                let kind = self.kind();
                return Err(refuse(format!("{kind} inside a text; use `| join(', ')` or `| tojson`")));
            }
        })
    }

    /// The order of the kinds, for keys.
    fn rank(&self) -> u8 {
        match self {
            Self::Missing | Self::Nothing => 0,
            Self::Null => 1,
            Self::Bool(_) => 2,
            Self::Int(_) | Self::Wide(_) | Self::Real(_) => 3,
            Self::Oversized(_) => 4,
            Self::Text(_) => TEXT_RANK,
            Self::TooLong => 6,
            Self::List(_) => 7,
            Self::Object(_) => 8,
        }
    }
}

/// Numbers by their exact values, texts by their bytes, lists item by item; different kinds by their rank.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Int(left), Self::Int(right)) => left.cmp(right),
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            (Self::Real(left), Self::Real(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
            (Self::Real(left), right) if right.is_number() => {
                Whole::of(right).map_or(Ordering::Equal, |right| right.cmp_real(*left).reverse())
            }
            (left, Self::Real(right)) if left.is_number() => {
                Whole::of(left).map_or(Ordering::Equal, |left| left.cmp_real(*right))
            }
            (left, right) if left.is_number() && right.is_number() => Whole::of(left).cmp(&Whole::of(right)),
            (Self::Oversized(left), Self::Oversized(right)) => left.digits.cmp(&right.digits),
            (Self::List(left), Self::List(right)) => left.iter().cmp(right.iter()),
            (Self::Object(left), Self::Object(right)) => left.pairs().cmp(right.pairs()),
            (left, right) => left.rank().cmp(&right.rank()),
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Value {}

/// Numbers and texts as they are written; anything else by its kind.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Wide(number) => number.fmt(f),
            Self::Real(number) => {
                let digits = number.to_string();
                let is_bare = number.is_finite() && !digits.contains('.');
                write!(f, "{digits}{}", if is_bare { ".0" } else { "" })
            }
            Self::Text(text) => f.write_str(text),
            _ => f.write_str(self.kind()),
        }
    }
}

/// The error for a value that `name` does not take; a missing field stays a missing field.
pub(crate) fn unfit(name: &str, wanted: &str, value: &Value) -> Error {
    match value {
        Value::Missing | Value::Nothing => Error::Missing,
        Value::TooLong => too_long(),
        Value::Oversized(_) => oversized(),
        _ => refuse(format!("`{name}` takes {wanted}, not {}", value.kind())),
    }
}

/// The error for a text beyond [`TEXT_BYTES_MAX`].
pub(crate) fn too_long() -> Error {
    refuse(format!("a text of more than {} KiB", TEXT_BYTES_MAX / 1024))
}

/// The error for a number that there is no room for.
pub(crate) fn oversized() -> Error {
    refuse(
        "a number of more than 128 bits, or beyond what 64-bit floating point holds: it can only be given as a text, by `| string`",
    )
}
