//! R2 `INBOX`: `sweeps/schedules`, how far the schedules of hooks have come.

use std::cell::RefCell;

use super::r2_inbox::unwritable;
use super::world::Cloudflare;
use crate::ports::{ScheduleLedger, Schedules, StoreError, Version};

const KEY: &str = "sweeps/schedules";

impl Schedules for Cloudflare {
    async fn get_schedules(&self) -> Result<Option<(ScheduleLedger, Version)>, StoreError> {
        self.read_with(KEY, |text| Ok(serde_json::from_str(text).unwrap_or_default())).await
    }

    async fn put_schedules(
        &self,
        ledger: &ScheduleLedger,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let text = serde_json::to_string(ledger).map_err(|error| unwritable(&error))?;
        let replaced = expected.map(|version| version.etag.as_str());
        Ok(self.inbox.put(KEY, &text, replaced).await?.is_some())
    }

    fn known_schedules(&self) -> &RefCell<Option<ScheduleLedger>> {
        &self.known_schedules
    }
}
