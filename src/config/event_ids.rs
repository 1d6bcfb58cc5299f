//! Reads where the id of an event is: `delivery_id`, `item_id`, and what the sender states. It compiles expressions and
//! evaluates none.

use super::fields::{HookReader, Table};
use crate::config::sender::Sender;
use crate::expression::Template;
use crate::hook::event_ids::{CLOUD_EVENT_ID, ItemIds};
use crate::request::source::Source;

impl HookReader {
    /// Templates for the id that the sender states: those of the known sender, or `verify.id`.
    pub(super) fn sender_id_templates(
        &mut self,
        sender: Option<&Sender>,
        id: Option<&Source>,
    ) -> Vec<Template> {
        let of_sender = sender.into_iter().flat_map(|sender| sender.delivery_id.clone());
        let sources: Vec<String> = of_sender.chain(id.into_iter().flat_map(Source::templates)).collect();
        self.built_in(&sources)
    }

    /// Templates for the id of an item: the hook's `item_id`, else those of its sender, else those of `CloudEvents`.
    pub(super) fn item_ids(&mut self, table: &Table<'_>, sender: Option<&Sender>) -> ItemIds {
        let is_batch = table.get("each").is_some();
        if table.get("item_id").is_some() {
            if !is_batch {
                self.mistake_at(
                    table,
                    "item_id",
                    "needs `each`: only a batch has items",
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
                ItemIds { templates: self.built_in(&[CLOUD_EVENT_ID.to_owned()]), of_cloud_events: true }
            }
            (true, stated) => ItemIds { templates: self.built_in(stated), of_cloud_events: false },
        }
    }

    /// Rejects an id that does not depend on the item: it would make one event of the whole batch. `event` depends on the
    /// item too, because it is the item where that is a `CloudEvent`.
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

    /// Compiles built-in templates.
    fn built_in(&mut self, sources: &[String]) -> Vec<Template> {
        let mut templates = Vec::new();
        for source in sources {
            match self.expressions.template(source) {
                Ok(template) => templates.push(template),
                Err(problem) => self.mistake(&["senders.json".to_owned()], problem, "report this"),
            }
        }
        templates
    }

    /// A template over an event, such as `example`. `None` where it is absent or a mistake.
    pub(super) fn template(&mut self, table: &Table<'_>, field: &str, example: &str) -> Option<Template> {
        let source = self.optional_text(table, field)?;
        let remedy = format!("write an expression: {example}");
        match self.expressions.template(&source) {
            Ok(template) if template.is_literal() => {
                let problem = "has no `{{ … }}`, so every delivery would have the same id";
                self.mistake_at(table, field, problem, remedy);
                None
            }
            Ok(template) => Some(template),
            Err(problem) => {
                self.mistake_at(table, field, problem, remedy);
                None
            }
        }
    }
}
