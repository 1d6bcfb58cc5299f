//! KV and R2 `INBOX` as texts (`storage.js`). Files, which are bytes, go by [`super::r2_files`].

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use wasm_bindgen::prelude::*;

use super::http_fabricate::one_line;
use super::io::operation;
use super::platform_errors::is_kv_busy;
use crate::ports::{StoreError, Version};
use crate::timestamp::Timestamp;

#[wasm_bindgen(module = "/src/cloudflare/storage.js")]
extern "C" {
    #[wasm_bindgen(js_name = kvGet)]
    fn kv_get(slot: u32, namespace: &JsValue, key: &str);
    #[wasm_bindgen(js_name = kvPut)]
    fn kv_put(slot: u32, namespace: &JsValue, key: &str, value: &str, metadata: &str, ttl_s: Option<u32>);
    #[wasm_bindgen(js_name = kvDelete)]
    fn kv_delete(slot: u32, namespace: &JsValue, key: &str);
    #[wasm_bindgen(js_name = kvList)]
    fn kv_list(slot: u32, namespace: &JsValue, prefix: &str, limit: u32, cursor: Option<&str>);
    #[wasm_bindgen(js_name = r2Get)]
    fn r2_get(slot: u32, bucket: &JsValue, key: &str);
    #[wasm_bindgen(js_name = r2Put)]
    fn r2_put(slot: u32, bucket: &JsValue, key: &str, text: &str, etag: Option<&str>);
    #[wasm_bindgen(js_name = r2Replace)]
    fn r2_replace(slot: u32, bucket: &JsValue, key: &str, text: &str);
    #[wasm_bindgen(js_name = r2Delete)]
    fn r2_delete(slot: u32, bucket: &JsValue, key: &str);
    #[wasm_bindgen(js_name = r2List)]
    fn r2_list(
        slot: u32,
        bucket: &JsValue,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
        after: Option<&str>,
    );
}

/// The KV namespace `RUNS`.
#[derive(Debug)]
pub(super) struct Namespace(JsValue);

/// The R2 bucket `INBOX`.
#[derive(Debug)]
pub(super) struct TextBucket(JsValue);

/// A page of KV's keys, as KV writes it.
#[derive(Deserialize)]
pub(super) struct KvPage {
    pub(super) keys: Vec<KvKey>,
    list_complete: bool,
    cursor: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct KvKey {
    pub(super) name: String,
    /// As it was written; `None`: there is none.
    #[serde(default)]
    pub(super) metadata: Option<Box<RawValue>>,
}

/// An object of the inbox.
pub(super) struct TextObject {
    pub(super) version: Version,
    pub(super) text: String,
}

/// A page of the inbox: keys, and when R2 stored each, milliseconds since 1970.
#[derive(Deserialize)]
pub(super) struct ObjectPage {
    pub(super) objects: Vec<(String, i64)>,
    pub(super) cursor: Option<String>,
}

impl KvPage {
    /// Where the next page begins; `None`: this was the last.
    pub(super) fn next(&self) -> Option<&str> {
        self.cursor.as_deref().filter(|_| !self.list_complete)
    }
}

impl Namespace {
    pub(super) fn new(binding: JsValue) -> Self {
        Self(binding)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<String>, StoreError> {
        let value = operation(|slot| kv_get(slot, &self.0, key)).await.map_err(kv_failed)?;
        Ok(value.as_string())
    }

    /// Puts a value. `metadata` is JSON in ASCII; after `ttl_s` seconds the record expires, without them never.
    pub(super) async fn put(
        &self,
        key: &str,
        value: &str,
        metadata: &str,
        ttl_s: Option<u32>,
    ) -> Result<(), StoreError> {
        let put = operation(|slot| kv_put(slot, &self.0, key, value, metadata, ttl_s));
        put.await.map(drop).map_err(kv_failed)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        operation(|slot| kv_delete(slot, &self.0, key)).await.map(drop).map_err(kv_failed)
    }

    pub(super) async fn list(
        &self,
        prefix: &str,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<KvPage, StoreError> {
        let listed = operation(|slot| kv_list(slot, &self.0, prefix, limit, cursor)).await;
        read_list(&listed.map_err(kv_failed)?, "RUNS")
    }
}

impl TextBucket {
    pub(super) fn new(binding: JsValue) -> Self {
        Self(binding)
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<TextObject>, StoreError> {
        let got = operation(|slot| r2_get(slot, &self.0, key)).await.map_err(r2_failed)?;
        let Some(mut text) = got.as_string() else { return Ok(None) };
        let head = text.match_indices('\n').nth(1).map_or(0, |(at, _)| at);
        let version = read_version(text.get(..head).unwrap_or_default());
        text.drain(..=head);
        Ok(Some(TextObject { version, text }))
    }

    /// Puts a text, where the object with the tag `replaced` is, or none. `None`: there is another.
    pub(super) async fn put(
        &self,
        key: &str,
        text: &str,
        replaced: Option<&str>,
    ) -> Result<Option<Version>, StoreError> {
        let put = operation(|slot| r2_put(slot, &self.0, key, text, replaced)).await.map_err(r2_failed)?;
        Ok(put.as_string().map(|version| read_version(&version)))
    }

    /// Puts a text, whatever is there.
    pub(super) async fn replace(&self, key: &str, text: &str) -> Result<(), StoreError> {
        operation(|slot| r2_replace(slot, &self.0, key, text)).await.map(drop).map_err(r2_failed)
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), StoreError> {
        operation(|slot| r2_delete(slot, &self.0, key)).await.map(drop).map_err(r2_failed)
    }

    /// A page of the objects below `prefix`: from `cursor` on, or with keys greater than `after`.
    pub(super) async fn list(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        after: Option<&str>,
        limit: u32,
    ) -> Result<ObjectPage, StoreError> {
        let listed = operation(|slot| r2_list(slot, &self.0, prefix, limit, cursor, after)).await;
        read_list(&listed.map_err(r2_failed)?, "INBOX")
    }
}

/// Reads what `storage.js` says of an object: its tag and its time in lines.
fn read_version(lines: &str) -> Version {
    let (etag, at) = lines.split_once('\n').unwrap_or_default();
    Version { etag: etag.to_owned(), at: Timestamp::from_millis(at.parse().unwrap_or(i64::MAX)) }
}

fn read_list<T: DeserializeOwned>(listed: &JsValue, store: &'static str) -> Result<T, StoreError> {
    let text = listed.as_string().unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| StoreError::Unavailable {
        store,
        reason: format!("its list cannot be read: {error}"),
    })
}

fn kv_failed(error: JsValue) -> StoreError {
    let reason = worker::Error::from(error).to_string();
    if is_kv_busy(&reason) {
        StoreError::Busy("RUNS")
    } else {
        StoreError::Unavailable { store: "RUNS", reason: one_line(&reason) }
    }
}

fn r2_failed(error: JsValue) -> StoreError {
    StoreError::Unavailable { store: "INBOX", reason: one_line(&worker::Error::from(error)) }
}
