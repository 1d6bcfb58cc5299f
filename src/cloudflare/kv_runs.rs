//! KV `RUNS`: the record `open/{run_id}` of a run that is not final, `done/{inverted time}-{run_id}` of one that is.

use std::rc::Rc;

use serde_json::value::RawValue;

use super::storage::KvKey;
use super::world::Cloudflare;
use crate::journal::retention::DONE_KEPT_DAYS;
use crate::ports::{Page, RunLists, RunPage, RunRecords, StoreError};
use crate::records::{Record, read_metadata, to_metadata};
use crate::run::{Run, RunId, Summary};

const OPEN: &str = "open/";
const DONE: &str = "done/";

/// How long KV keeps the record of a final run, seconds.
#[expect(clippy::cast_possible_truncation, reason = "35 days have 3 million seconds")]
const DONE_TTL_S: u32 = (DONE_KEPT_DAYS.unsigned_abs() * 24 * 60 * 60) as u32;

/// The most keys of one list: KV's own limit.
const PAGE: u32 = 1_000;

fn open_key(run_id: RunId) -> String {
    format!("{OPEN}{run_id}")
}

/// Sorts the newest run first. It follows from the id alone, so that a lookup needs no list.
fn done_key(run_id: RunId) -> String {
    format!("{DONE}{}-{run_id}", run_id.inverted_time())
}

impl RunRecords for Cloudflare {
    async fn put_open(&self, run: &Run) -> Result<(), StoreError> {
        self.put_record(&open_key(run.run_id), run, None).await
    }

    async fn get_open(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.get_record(&open_key(run_id)).await
    }

    async fn delete_open(&self, run_id: RunId) -> Result<(), StoreError> {
        self.runs.delete(&open_key(run_id)).await
    }

    async fn put_done(&self, run: &Run) -> Result<(), StoreError> {
        self.put_record(&done_key(run.run_id), run, Some(DONE_TTL_S)).await
    }

    async fn get_done(&self, run_id: RunId) -> Result<Option<Run>, StoreError> {
        self.get_record(&done_key(run_id)).await
    }
}

impl RunLists for Cloudflare {
    async fn list_open(&self, cursor: Option<&str>) -> Result<RunPage, StoreError> {
        self.list_records(OPEN, cursor, PAGE).await
    }

    async fn list_done(&self, cursor: Option<&str>, limit: usize) -> Result<RunPage, StoreError> {
        self.list_records(DONE, cursor, u32::try_from(limit).unwrap_or(PAGE)).await
    }
}

impl Cloudflare {
    async fn put_record(&self, key: &str, run: &Run, ttl_s: Option<u32>) -> Result<(), StoreError> {
        let unwritable =
            |error: serde_json::Error| StoreError::Unavailable { store: "RUNS", reason: error.to_string() };
        let value = run.for_kv().to_json().map_err(unwritable)?;
        let metadata = to_metadata(&run.summary()).map_err(unwritable)?;
        self.runs.put(key, &value, &metadata, ttl_s).await
    }

    async fn get_record(&self, key: &str) -> Result<Option<Run>, StoreError> {
        let Some(text) = self.runs.get(key).await? else { return Ok(None) };
        Run::from_json(&text).map(Some).map_err(|error| unreadable(key, &error))
    }

    async fn list_records(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<RunPage, StoreError> {
        let listed = self.runs.list(prefix, limit.clamp(1, PAGE), cursor).await?;
        let cursor = listed.next().map(ToOwned::to_owned);
        Ok(Page { items: listed.keys.iter().map(summary).collect(), cursor })
    }
}

/// A record's summary. The run's id is the last 36 characters of the record's key.
fn summary(key: &KvKey) -> Result<Rc<Summary>, StoreError> {
    let KvKey { name, metadata } = key;
    let id = name.len().checked_sub(36).and_then(|start| name.get(start..));
    let run_id =
        id.and_then(|id| id.parse().ok()).ok_or_else(|| unreadable(name, &"no run id in its key"))?;
    let read = read_metadata(run_id, metadata.as_deref().map_or("null", RawValue::get));
    read.map(Rc::new).map_err(|error| unreadable(name, &error))
}

fn unreadable(key: &str, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unreadable { key: key.to_owned(), reason: reason.to_string() }
}
