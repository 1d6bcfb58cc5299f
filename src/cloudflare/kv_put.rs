//! A put to KV with metadata in ASCII: the runtime sends metadata in an HTTP header, and logs a header that is not ASCII
//! with its whole value.
//!
//! It calls the runtime's interface directly: the `worker` crate takes metadata as values, and the runtime writes values
//! as `JSON.stringify` does. The runtime leaves raw JSON as it is
//! (<https://developer.mozilla.org/docs/Web/JavaScript/Reference/Global_Objects/JSON/rawJSON>).

use js_sys::{Array, Function, Object, Promise, Reflect, global};
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};

use super::io;
use crate::run::{ascii_json, is_ascii_json};

/// Puts `value` under `key` in the KV namespace `namespace`. The record expires after `ttl_s` seconds; `None`: never.
pub(super) async fn put(
    namespace: &JsValue,
    key: &str,
    value: &str,
    metadata: &Value,
    ttl_s: Option<u32>,
) -> Result<(), JsValue> {
    let options = Object::new();
    Reflect::set(&options, &"metadata".into(), &ascii(metadata)?)?;
    if let Some(ttl_s) = ttl_s {
        Reflect::set(&options, &"expirationTtl".into(), &ttl_s.into())?;
    }
    let put: Function = Reflect::get(namespace, &"put".into())?.dyn_into()?;
    let promise: Promise = put.call3(namespace, &key.into(), &value.into(), &options)?.dyn_into()?;
    io::wait_for(&promise).await.map(drop)
}

/// A value that `JSON.stringify` writes as [`ascii_json`] does. Its member names must be ASCII.
fn ascii(value: &Value) -> Result<JsValue, JsValue> {
    Ok(match value {
        Value::Null => JsValue::NULL,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => number.as_f64().into(),
        Value::String(text) if text.chars().all(is_ascii_json) => text.into(),
        Value::String(text) => {
            let text = ascii_json(text).map_err(|error| JsValue::from(error.to_string()))?;
            let json = Reflect::get(&global(), &"JSON".into())?;
            let raw: Function = Reflect::get(&json, &"rawJSON".into())?.dyn_into()?;
            raw.call1(&json, &text.into())?
        }
        Value::Array(items) => items.iter().map(ascii).collect::<Result<Array, _>>()?.into(),
        Value::Object(fields) => {
            let object = Object::new();
            for (name, value) in fields {
                Reflect::set(&object, &name.into(), &ascii(value)?)?;
            }
            object.into()
        }
    })
}
