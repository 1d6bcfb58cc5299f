//! Messages for Slack's incoming webhooks: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>, with Block
//! Kit: <https://docs.slack.dev/reference/block-kit/blocks>.

use serde_json::{Value, json};

use super::message::{Message, Severity, cut};

/// Slack's limit on the text of a header, characters.
const HEADER_CHARS_MAX: usize = 150;

/// The body of a request.
pub(super) fn body(message: &Message) -> Value {
    let sign = match message.severity {
        Severity::Good => "✅",
        Severity::Notice => "⚠️",
        Severity::Bad => "🚨",
    };
    let title = format!("{sign} {}", message.title);
    // A header is plain text, in which nothing is special.
    let header = json!({"type": "plain_text", "text": cut(&title, HEADER_CHARS_MAX), "emoji": true});
    let mut blocks = vec![json!({"type": "header", "text": header})];
    if let Some(reason) = message.short_reason() {
        blocks.push(json!({"type": "section", "text": markdown(&escape(&reason))}));
    }
    let facts: Vec<Value> = message
        .short_facts()
        .map(|(label, text)| markdown(&format!("*{label}*\n{}", escape(&text))))
        .collect();
    if !facts.is_empty() {
        blocks.push(json!({"type": "section", "fields": facts}));
    }
    if let Some(link) = &message.link {
        let label = json!({"type": "plain_text", "text": "Open in seedhook"});
        let button = json!({"type": "button", "text": label, "url": link});
        blocks.push(json!({"type": "actions", "elements": [button]}));
    }
    // Shown in notifications, and where blocks cannot be.
    json!({"text": escape(&title), "blocks": blocks})
}

fn markdown(text: &str) -> Value {
    // Otherwise Slack makes links of whatever looks like one.
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

/// The three characters that Slack gives a meaning to: without them a text makes no mention and no link.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
