//! Reads what names an event: `delivery_id`, `item_id`, and what the sender states.
//!
//! It compiles expressions and judges no delivery.

use super::fields::{Reader, Table};
use crate::config::sender::Sender;
use crate::expression::Template;
use crate::hook::ids::{CLOUD_EVENT_ID, ItemIds};
use crate::request::source::Source;

impl Reader {
    /// Where the sender states an event's id: by its name, or as `verify` says.
    pub(super) fn stated_ids(&mut self, sender: Option<&Sender>, id: Option<&Source>) -> Vec<Template> {
        let of_sender = sender.into_iter().flat_map(|sender| sender.delivery_id.clone());
        let sources: Vec<String> = of_sender.chain(id.into_iter().flat_map(Source::templates)).collect();
        self.known(&sources)
    }

    /// What names an item of a batch: the hook's `item_id`, else what its sender states, else what `CloudEvents` have.
    pub(super) fn item_ids(&mut self, table: &Table<'_>, sender: Option<&Sender>) -> ItemIds {
        let is_batch = table.get("each").is_some();
        if table.get("item_id").is_some() {
            if !is_batch {
                self.mistake_at(
                    table,
                    "item_id",
                    "stands without `each`: only a batch has items",
                    "write each = \"body.events\", or use delivery_id to name an event",
                );
                return ItemIds::default();
            }
            let own = self.template(table, "item_id", "{{ item.id }}").into_iter().collect();
            return ItemIds { templates: self.of_items(table, own), of_cloud_events: false };
        }
        let stated = sender.map_or(&[][..], |sender| &sender.item_id);
        match (is_batch, stated) {
            (false, _) => ItemIds::default(),
            (true, []) => {
                ItemIds { templates: self.known(&[CLOUD_EVENT_ID.to_owned()]), of_cloud_events: true }
            }
            (true, stated) => ItemIds { templates: self.known(stated), of_cloud_events: false },
        }
    }

    /// An id that says nothing of the item would make one event of the whole batch. `event` is the item's where it is a
    /// `CloudEvent`.
    fn of_items(&mut self, table: &Table<'_>, templates: Vec<Template>) -> Vec<Template> {
        for template in &templates {
            if !template.names_any(&["item", "event"]) {
                self.mistake_at(
                    table,
                    "item_id",
                    "does not mention `item`: all items of a batch would be one event",
                    "write an expression over the item: {{ item.id }}",
                );
            }
        }
        templates
    }

    /// Templates of ours: they are sound, `senders.json` has a test.
    fn known(&mut self, sources: &[String]) -> Vec<Template> {
        sources.iter().filter_map(|source| self.expressions.template(source).ok()).collect()
    }

    /// A template over an event, such as `example`.
    pub(super) fn template(&mut self, table: &Table<'_>, field: &str, example: &str) -> Option<Template> {
        let source = self.optional_text(table, field)?;
        let remedy = format!("write an expression: {example}");
        match self.expressions.template(&source) {
            Ok(template) if template.is_literal() => {
                let problem = "has no `{{ … }}`, so every delivery would have the same id";
                self.mistake_at(table, field, problem, &remedy);
                None
            }
            Ok(template) => Some(template),
            Err(problem) => {
                self.mistake_at(table, field, &problem.message, &remedy);
                None
            }
        }
    }
}
