//! R2 `INBOX`: `heard/{hook}`, whose time says when a hook with `silence` was last heard, and `notify/alerts`, the ledger of alerts.

use std::cell::RefCell;

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::hook::HookName;
use crate::notify::ledger::Ledger;
use crate::ports::{AlertLedgers, HeardHooks, KnownLedger, StoreError, Version};
use crate::timestamp::Timestamp;

const HEARD: &str = "heard/";
const LEDGER: &str = "notify/alerts";

/// How many pages of 1,000 hooks are read: more hooks than a configuration holds, with those of earlier ones.
const PAGES_MAX: usize = 5;

impl HeardHooks for Cloudflare {
    async fn put_heard(&self, hook: &HookName) -> Result<(), StoreError> {
        self.inbox.replace(&format!("{HEARD}{hook}"), "").await
    }

    async fn list_heard(&self) -> Result<Vec<(HookName, Timestamp)>, StoreError> {
        let mut heard = Vec::new();
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let read_key = |key: &str| HookName::try_from(key.strip_prefix(HEARD)?.to_owned()).ok();
            let page = self.list_created(HEARD, cursor.as_deref(), read_key).await?;
            heard.extend(page.items);
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
        Ok(heard)
    }
}

impl AlertLedgers for Cloudflare {
    async fn get_ledger(&self) -> Result<Option<(Ledger, Version)>, StoreError> {
        self.read_with(LEDGER, |text| Ok(serde_json::from_str(text).unwrap_or_default())).await
    }

    async fn put_ledger(
        &self,
        ledger: &Ledger,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        let text = serde_json::to_string(ledger).map_err(|error| unwritable(&error))?;
        self.inbox.put(LEDGER, &text, expected.map(|version| version.etag.as_str())).await
    }

    fn known_ledger(&self) -> &RefCell<Option<KnownLedger>> {
        &self.known_ledger
    }
}
