//! R2 `INBOX`: `deliveries/{hook}/{sha256 of delivery id}`, `deliveries/~items/{hook}/{sha256 of item id}`,
//! `retries/{run_id}` and `journal/{run_id}/{k}`, each written once. (`handshakes/{hook}` is written by
//! [`handshake`](super::handshake).)

use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::{Conditional, Object};

use super::http_fabricate::one_line;
use super::world::Cloudflare;
use crate::hook::HookName;
use crate::journal::{Entry, Recorded};
use crate::ports::{Claim, DeliveryKey, Inbox, ItemClaim, ItemKey, Page, Retry, StoreError};
use crate::run::RunId;
use crate::timestamp::Timestamp;

const DELIVERIES: &str = "deliveries/";
/// Below [`DELIVERIES`], so that one lifecycle rule ends both. No hook's name begins with `~`, and in R2's lists, which are
/// in the order of the keys' bytes, `~` comes after every hook.
const ITEMS: &str = "deliveries/~items/";
const RETRIES: &str = "retries/";

fn delivery_key(key: &DeliveryKey) -> String {
    format!("{DELIVERIES}{key}")
}

fn item_key(key: &ItemKey) -> String {
    format!("{ITEMS}{key}")
}

fn retry_key(run_id: RunId) -> String {
    format!("{RETRIES}{run_id}")
}

fn journal_key(run_id: RunId, place: u32) -> String {
    format!("journal/{run_id}/{place}")
}

impl Inbox for Cloudflare {
    async fn create_claim(&self, key: &DeliveryKey, claim: &Claim) -> Result<bool, StoreError> {
        self.create(delivery_key(key), claim).await
    }

    async fn get_claim(&self, key: &DeliveryKey) -> Result<Option<(Claim, Timestamp)>, StoreError> {
        self.read(delivery_key(key)).await
    }

    async fn list_claims(&self, cursor: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError> {
        let page = self.list_created(DELIVERIES, cursor, |key| Some(key.to_owned())).await?;
        // Claims of items are the end of the list, and may be many: no further page of them is read.
        let is_end = page.items.iter().any(|(key, _)| key.starts_with(ITEMS));
        let claims = page.items.iter().filter_map(|(key, at)| Some((read_delivery_key(key)?, *at)));
        Ok(Page { items: claims.collect(), cursor: page.cursor.filter(|_| !is_end) })
    }

    async fn create_item(&self, key: &ItemKey, claim: &ItemClaim) -> Result<bool, StoreError> {
        self.create(item_key(key), claim).await
    }

    async fn get_item(&self, key: &ItemKey) -> Result<Option<(ItemClaim, Timestamp)>, StoreError> {
        self.read(item_key(key)).await
    }

    async fn create_retry(&self, run_id: RunId, retry: &Retry) -> Result<bool, StoreError> {
        self.create(retry_key(run_id), retry).await
    }

    async fn get_retry(&self, run_id: RunId) -> Result<Option<(Retry, Timestamp)>, StoreError> {
        self.read(retry_key(run_id)).await
    }

    async fn list_retries(&self, cursor: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError> {
        self.list_created(RETRIES, cursor, |key| key.strip_prefix(RETRIES)?.parse().ok()).await
    }

    async fn create_entry(&self, run_id: RunId, place: u32, entry: &Entry) -> Result<bool, StoreError> {
        self.create(journal_key(run_id, place), entry).await
    }

    async fn get_entry(&self, run_id: RunId, place: u32) -> Result<Option<Recorded>, StoreError> {
        let read = self.read(journal_key(run_id, place)).await?;
        Ok(read.map(|(entry, at)| Recorded { entry, at }))
    }
}

impl Cloudflare {
    /// A page of what is below a prefix, and when each object was created; a key that is none of ours is left out.
    pub(super) async fn list_created<K>(
        &self,
        prefix: &str,
        cursor: Option<&str>,
        read_key: impl Fn(&str) -> Option<K>,
    ) -> Result<Page<(K, Timestamp)>, StoreError> {
        let mut list = self.inbox.list().prefix(prefix);
        if let Some(cursor) = cursor {
            list = list.cursor(cursor);
        }
        let listed = list.execute().await.map_err(|error| failed(&error))?;
        let objects = listed.objects();
        let items = objects.iter().filter_map(|object| Some((read_key(&object.key())?, uploaded(object))));
        Ok(Page { items: items.collect(), cursor: listed.cursor().filter(|_| listed.truncated()) })
    }

    /// Puts an object unless there is one: exactly one of any number of simultaneous puts gets `true`.
    async fn create(&self, key: String, value: &impl Serialize) -> Result<bool, StoreError> {
        let body = serde_json::to_string(value).map_err(|error| failed(&error))?;
        let absent = Conditional { etag_does_not_match: Some("*".to_owned()), ..Conditional::default() };
        let put = self.inbox.put(key, body).only_if(absent).execute().await;
        put.map(|object| object.is_some()).map_err(|error| failed(&error))
    }

    async fn read<T: DeserializeOwned>(&self, key: String) -> Result<Option<(T, Timestamp)>, StoreError> {
        let read = self.read_object(key).await?;
        Ok(read.map(|(value, object)| (value, uploaded(&object))))
    }

    /// Reads an object and what R2 says of it.
    pub(super) async fn read_object<T: DeserializeOwned>(
        &self,
        key: String,
    ) -> Result<Option<(T, Object)>, StoreError> {
        let get = self.inbox.get(key.clone()).execute().await;
        let Some(object) = get.map_err(|error| failed(&error))? else { return Ok(None) };
        let unreadable = |reason: String| StoreError::Unreadable { key: key.clone(), reason };
        let body = object.body().ok_or_else(|| unreadable("no body".to_owned()))?;
        let text = body.text().await.map_err(|error| failed(&error))?;
        let value = serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        Ok(Some((value, object)))
    }
}

pub(super) fn uploaded(object: &Object) -> Timestamp {
    Timestamp::from_millis(i64::try_from(object.uploaded().as_millis()).unwrap_or(i64::MAX))
}

fn read_delivery_key(key: &str) -> Option<DeliveryKey> {
    let (hook, digest) = key.strip_prefix(DELIVERIES)?.split_once('/')?;
    Some(DeliveryKey { hook: HookName::try_from(hook.to_owned()).ok()?, digest: digest.to_owned() })
}

pub(super) fn failed(error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unavailable { store: "INBOX", reason: one_line(error) }
}
