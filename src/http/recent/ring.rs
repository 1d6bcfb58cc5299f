//! The last deliveries that started nothing, bounded. It reads no store and no clock.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ports::KeptId;
use crate::timestamp::{HOUR_MS, Timestamp};

/// The most deliveries of one hook and one outcome. Calls to names that no hook has count as one hook.
pub const OF_HOOK_MAX: usize = 20;

/// The most deliveries of one list.
pub(super) const ALL_MAX: usize = 400;

/// About how many bytes one list takes as JSON, at most.
pub(super) const BYTES_MAX: usize = 256 * 1024;

/// How long a delivery is listed, milliseconds: 7 days.
pub(super) const LISTED_MS: i64 = 7 * 24 * HOUR_MS;

/// The most names of headers of a delivery.
pub(super) const HEADERS_MAX: usize = 50;

/// The most characters of a header's name.
pub(super) const HEADER_CHARS_MAX: usize = 64;

/// The most characters of a hook's name and of a media type.
pub(super) const NAME_CHARS_MAX: usize = 100;

/// What the fields of a delivery that are no texts take as JSON, bytes.
const FIXED_BYTES: usize = 250;

/// A delivery that started nothing: what its operator needs to see why, without its body and its headers' values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RecentDelivery {
    /// When it arrived.
    pub at: Timestamp,
    /// The name of the hook in the address that was called; there may be no such hook.
    pub hook: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The problem that the answer stated: the last part of its `type`; `null` if it was ignored.
    pub problem: Option<String>,
    /// Why, for the operator.
    pub reason: String,
    /// The stated media type; `null` if there was none.
    pub content_type: Option<String>,
    /// The stated bytes of the body; `null` if they were not stated.
    pub bytes: Option<u64>,
    /// The names of its headers in lower case.
    pub header_names: Vec<String>,
    /// The id of the event; `null` if it was refused.
    pub delivery_id: Option<String>,
    /// Under which the delivery is kept, where its hook says `keep_ignored`; `null` otherwise.
    pub kept: Option<KeptId>,
}

/// What became of a delivery that started nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum Outcome {
    /// It was answered with a problem.
    Refused,
    /// No rule's `when` held.
    Ignored,
}

impl RecentDelivery {
    /// The delivery with every text cut to its bound.
    pub(super) fn bounded(mut self) -> Self {
        self.header_names.truncate(HEADERS_MAX);
        for (text, chars_max) in [(&mut self.hook, NAME_CHARS_MAX), (&mut self.reason, 300)]
            .into_iter()
            .chain(self.content_type.iter_mut().map(|text| (text, NAME_CHARS_MAX)))
            .chain(self.delivery_id.iter_mut().map(|text| (text, 200)))
            .chain(self.header_names.iter_mut().map(|name| (name, HEADER_CHARS_MAX)))
        {
            cut(text, chars_max);
        }
        self
    }

    fn bytes_about(&self) -> usize {
        let texts = [&self.hook, &self.reason].into_iter().chain(&self.content_type).chain(&self.delivery_id);
        // A character of a text may take six bytes as JSON; almost none does.
        FIXED_BYTES + texts.chain(&self.header_names).map(|text| text.len() + 3).sum::<usize>()
    }

    /// Which deliveries are counted together.
    fn group(&self) -> (Outcome, &str) {
        let is_unknown = self.problem.as_deref() == Some("no-such-hook");
        (self.outcome, if is_unknown { "" } else { &self.hook })
    }
}

fn cut(text: &mut String, chars_max: usize) {
    if let Some((at, _)) = text.char_indices().nth(chars_max) {
        text.truncate(at);
        text.push('…');
        // A text that was long keeps its memory otherwise.
        text.shrink_to_fit();
    }
}

/// The newest of these deliveries, newest first: within the bounds of each hook, of all, of bytes and of age. The same delivery
/// stands in it once.
pub(super) fn newest(mut deliveries: Vec<RecentDelivery>, now: Timestamp) -> Vec<RecentDelivery> {
    deliveries.retain(|delivery| now.since_ms(delivery.at) < LISTED_MS);
    deliveries.sort_by_key(|delivery| Reverse(delivery.at));
    deliveries.dedup();
    let mut counts: BTreeMap<(Outcome, String), usize> = BTreeMap::new();
    let mut bytes = 0;
    deliveries.retain(|delivery| {
        let (outcome, hook) = delivery.group();
        let count = counts.entry((outcome, hook.to_owned())).or_default();
        *count += 1;
        let is_listed = *count <= OF_HOOK_MAX && bytes + delivery.bytes_about() <= BYTES_MAX;
        bytes += if is_listed { delivery.bytes_about() } else { 0 };
        is_listed
    });
    deliveries.truncate(ALL_MAX);
    deliveries
}

#[cfg(test)]
mod tests;
