//! Messages for Microsoft Teams, for a workflow that begins when a webhook request is received: a message with an Adaptive Card.
//!
//! Sources: <https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using>, and
//! <https://adaptivecards.io/explorer/AdaptiveCard.html>.

use serde_json::{Value, json};

use super::message::{Message, Severity, escaped};

/// The version of Adaptive Cards that Teams shows everywhere.
const VERSION: &str = "1.4";

/// The characters of a card's Markdown.
const SPECIAL: &[char] = &['\\', '*', '_', '[', ']', '(', ')', '`', '#', '>', '~', '-', '+'];

/// The body of a request.
pub(super) fn body(message: &Message) -> Value {
    let color = match message.severity {
        Severity::Good => "good",
        Severity::Notice => "warning",
        Severity::Bad => "attention",
    };
    let mut body = vec![json!({
        "type": "TextBlock", "text": escaped(&message.title, SPECIAL), "size": "large", "weight": "bolder",
        "color": color, "wrap": true,
    })];
    if let Some(reason) = message.short_reason() {
        body.push(json!({"type": "TextBlock", "text": escaped(&reason, SPECIAL), "wrap": true}));
    }
    let facts: Vec<Value> = message
        .short_facts()
        .map(|(title, text)| json!({"title": title, "value": escaped(&text, SPECIAL)}))
        .collect();
    if !facts.is_empty() {
        body.push(json!({"type": "FactSet", "facts": facts}));
    }
    let open = |link| json!({"type": "Action.OpenUrl", "title": "Open in seedhook", "url": link});
    let actions: Vec<Value> = message.link.iter().map(open).collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard", "version": VERSION, "body": body, "actions": actions,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
    });
    json!({"type": "message", "attachments": [attachment]})
}
