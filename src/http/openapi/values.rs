//! The schemas of values that are written in a form of their own: times, ids and names. Each is part of the schema that has it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::fabricate::{FileId, JsonText, TaskId};
use crate::hook::HookName;
use crate::hook::archive_key::KeyTemplate;
use crate::hook::delivery::DeliveryId;
use crate::link::{EXPIRES_IN_MAX_S, ExpiresIn};
use crate::ports::KeptId;
use crate::run::RunId;
use crate::service::preview::Named;
use crate::timestamp::Timestamp;

/// Implements [`JsonSchema`] by a schema that stands where the value does.
macro_rules! values {
    ($($value:ty => $schema:tt;)*) => {$(
        impl JsonSchema for $value {
            fn schema_name() -> Cow<'static, str> {
                stringify!($value).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )*};
}

values! {
    Timestamp => {"type": "string", "format": "date-time"};
    RunId => {"type": "string", "format": "uuid"};
    HookName => {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"};
    TaskId => {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!#-\\[\\]-~]+$"};
    FileId => {"type": "string"};
    KeptId => {"type": "string", "pattern": "^[0-9a-f]{12}-[0-9a-f]{16}$"};
    DeliveryId => {"type": "string"};
    KeyTemplate => {"type": "string"};
    JsonText => {};
    ExpiresIn => {"type": "integer", "minimum": 1, "maximum": EXPIRES_IN_MAX_S};
}

impl<V: JsonSchema> JsonSchema for Named<V> {
    fn schema_name() -> Cow<'static, str> {
        format!("Named{}", V::schema_name()).into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": generator.subschema_for::<V>()})
    }
}
