//! R2 `INBOX`: `deliveries/{hook}/{sha256 of delivery id}`, `deliveries/~items/{hook}/{sha256 of item id}`,
//! `retries/{run_id}`, `ignored/{hook}/{id}` and `journal/{run_id}/{k}`, each written once. (`handshakes/{hook}` is written by
//! [`handshake`](super::handshake).)

use serde::de::DeserializeOwned;

use super::storage::TextObject;
use super::world::Cloudflare;
use crate::hook::HookName;
use crate::ports::{
    DeliveryKey, EntryKey, Inbox, InboxKey, InboxLists, ItemKey, KeptId, KeptKey, KeptLists, Page, RetryKey,
    StoreError, Version,
};
use crate::records::Record;
use crate::run::RunId;
use crate::timestamp::Timestamp;

const DELIVERIES: &str = "deliveries/";
/// Below [`DELIVERIES`], so that one lifecycle rule ends both. No hook's name begins with `~`, and in R2's lists, which are
/// in the order of the keys' bytes, `~` comes after every hook.
const ITEMS: &str = "deliveries/~items/";
const RETRIES: &str = "retries/";
const IGNORED: &str = "ignored/";
/// How many objects one page of a list has: the most that R2 lists.
const PAGE: u32 = 1_000;

/// Where the record of a key lies in the bucket.
trait ObjectKey {
    fn object_key(&self) -> String;
}

impl ObjectKey for DeliveryKey {
    fn object_key(&self) -> String {
        format!("{DELIVERIES}{self}")
    }
}

impl ObjectKey for ItemKey {
    fn object_key(&self) -> String {
        format!("{ITEMS}{self}")
    }
}

impl ObjectKey for RetryKey {
    fn object_key(&self) -> String {
        format!("{RETRIES}{}", self.0)
    }
}

impl ObjectKey for EntryKey {
    fn object_key(&self) -> String {
        format!("journal/{}/{}", self.run_id, self.number)
    }
}

impl ObjectKey for KeptKey {
    fn object_key(&self) -> String {
        format!("{IGNORED}{}/{}", self.hook, self.id)
    }
}

impl<K> Inbox<K> for Cloudflare
where
    K: InboxKey + ObjectKey,
    K::Record: Record,
{
    /// Exactly one of any number of simultaneous puts gets `true`.
    async fn create(&self, key: &K, record: &K::Record) -> Result<bool, StoreError> {
        let text = record.to_json().map_err(|error| unwritable(&error))?;
        Ok(self.inbox.put(&key.object_key(), &text, None).await?.is_some())
    }

    async fn get(&self, key: &K) -> Result<Option<(K::Record, Timestamp)>, StoreError> {
        let read = self.read_with(&key.object_key(), K::Record::from_json).await?;
        Ok(read.map(|(record, version)| (record, version.at)))
    }
}

impl InboxLists for Cloudflare {
    async fn list_claims(&self, cursor: Option<&str>) -> Result<Page<(DeliveryKey, Timestamp)>, StoreError> {
        let page = self.list_created(DELIVERIES, cursor, |key| Some(key.to_owned())).await?;
        // Claims of items are the end of the list, and may be many: no further page of them is read.
        let is_end = page.items.iter().any(|(key, _)| key.starts_with(ITEMS));
        let claims = page.items.iter().filter_map(|(key, at)| Some((read_delivery_key(key)?, *at)));
        Ok(Page { items: claims.collect(), cursor: page.cursor.filter(|_| !is_end) })
    }

    async fn list_retries(&self, cursor: Option<&str>) -> Result<Page<(RunId, Timestamp)>, StoreError> {
        self.list_created(RETRIES, cursor, |key| key.strip_prefix(RETRIES)?.parse().ok()).await
    }
}

impl KeptLists for Cloudflare {
    async fn list_kept(
        &self,
        hook: &HookName,
        after: Option<&KeptId>,
        limit: u32,
    ) -> Result<Page<KeptId>, StoreError> {
        let prefix = format!("{IGNORED}{hook}/");
        let after = after.map(|id| format!("{prefix}{id}"));
        let listed = self.inbox.list(&prefix, None, after.as_deref(), limit).await?;
        let ids = listed.objects.iter().filter_map(|(key, _)| key.strip_prefix(&prefix));
        let items: Vec<KeptId> = ids.filter_map(|id| id.to_owned().try_into().ok()).collect();
        let cursor = items.last().filter(|_| listed.cursor.is_some()).map(ToString::to_string);
        Ok(Page { items, cursor })
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
        let listed = self.inbox.list(prefix, cursor, None, PAGE).await?;
        let items = listed.objects.iter();
        let items = items.filter_map(|(key, at)| Some((read_key(key)?, Timestamp::from_millis(*at))));
        Ok(Page { items: items.collect(), cursor: listed.cursor })
    }

    /// Reads an object that is no [`Record`], and what R2 says of it.
    pub(super) async fn read_object<T: DeserializeOwned>(
        &self,
        key: &str,
    ) -> Result<Option<(T, Version)>, StoreError> {
        self.read_with(key, |text| serde_json::from_str(text)).await
    }

    /// Reads an object whose text `parse` reads, and what R2 says of it.
    pub(super) async fn read_with<T>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> serde_json::Result<T>,
    ) -> Result<Option<(T, Version)>, StoreError> {
        let Some(TextObject { version, text }) = self.inbox.get(key).await? else { return Ok(None) };
        let unreadable = |error: serde_json::Error| StoreError::Unreadable {
            key: key.to_owned(),
            reason: error.to_string(),
        };
        Ok(Some((parse(&text).map_err(unreadable)?, version)))
    }
}

fn read_delivery_key(key: &str) -> Option<DeliveryKey> {
    let (hook, digest) = key.strip_prefix(DELIVERIES)?.split_once('/')?;
    Some(DeliveryKey { hook: HookName::try_from(hook.to_owned()).ok()?, digest: digest.to_owned() })
}

pub(super) fn unwritable(error: &serde_json::Error) -> StoreError {
    StoreError::Unavailable { store: "INBOX", reason: error.to_string() }
}
