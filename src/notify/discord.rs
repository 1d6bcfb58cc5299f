//! Messages for Discord's webhooks: <https://discord.com/developers/docs/resources/webhook#execute-webhook>.

use serde_json::{Map, Value, json};

use super::message::{Message, Severity, cut, escaped};

/// Discord's limit on an embed's title, characters.
const TITLE_CHARS_MAX: usize = 256;

/// Discord's limit on the value of a field, characters; escaping at most doubles a text.
const FIELD_CHARS_MAX: usize = 1_024;

/// The characters of Discord's Markdown.
const SPECIAL: &[char] = &['\\', '*', '_', '~', '`', '|', '>', '#', '[', ']', '(', ')', '<', ':', '-'];

/// The body of a request.
pub(super) fn body(message: &Message) -> Value {
    let color = match message.severity {
        Severity::Good => 0x002e_7d32,
        Severity::Notice => 0x00ed_6c02,
        Severity::Bad => 0x00c6_2828,
    };
    let fields: Vec<Value> = message
        .short_facts()
        .map(|(name, text)| json!({"name": name, "value": cut(&escaped(&text, SPECIAL), FIELD_CHARS_MAX), "inline": true}))
        .collect();
    let mut embed = Map::new();
    embed.insert("title".to_owned(), cut(&escaped(&message.title, SPECIAL), TITLE_CHARS_MAX).into());
    embed.insert("color".to_owned(), color.into());
    embed.insert("timestamp".to_owned(), message.at.to_string().into());
    if let Some(reason) = message.short_reason() {
        embed.insert("description".to_owned(), escaped(&reason, SPECIAL).into());
    }
    if let Some(link) = &message.link {
        embed.insert("url".to_owned(), link.clone().into());
    }
    if !fields.is_empty() {
        embed.insert("fields".to_owned(), fields.into());
    }
    // A text from outside must not call on everybody.
    json!({"username": "seedhook", "embeds": [embed], "allowed_mentions": {"parse": []}})
}
