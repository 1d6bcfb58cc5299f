//! JSON as TOML, and a sender's scheme spelt out in it, to copy and change.
//!
//! What it writes the Worker reads: a test has every sender's read.

use serde_json::{Map, Value};

use super::card::Card;
use super::proof::Proof;

/// An inline table.
pub(super) fn inline(table: &Map<String, Value>) -> String {
    let entries: Vec<String> =
        ordered(table).map(|(name, value)| format!("{} = {}", key(name), of_value(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}

/// What a hook would have to say if its sender were not known: one text for each of the sender's proofs, with the
/// beginning of the secrets that it is for. Empty where the sender is a scheme of its own.
pub(super) fn spelt_out(card: Card<'_>) -> Vec<(Option<&str>, String)> {
    let proofs = card.proofs().filter(|proof| proof.text("scheme") != Some(&card.0.name));
    proofs.map(|proof| (proof.text("secret_prefix"), hook(card, proof))).collect()
}

fn hook(card: Card<'_>, proof: Proof<'_>) -> String {
    let sender = card.0;
    let mut lines = vec!["[vars.HOOKS.my-hook]".to_owned()];
    for (index, template) in sender.delivery_id.iter().enumerate() {
        let or = if index == 0 { "" } else { "# or: " };
        lines.push(format!("{or}delivery_id = {}", Value::from(template.as_str())));
    }
    for template in &sender.item_id {
        lines.push(format!(
            "# with each = \"body\" or the like: item_id = {}",
            Value::from(template.as_str())
        ));
    }
    let name = &sender.name;
    if sender.handshakes.iter().any(|handshake| handshake.contains_key("token")) {
        lines.push(format!("# its handshake needs verify_token, which only scheme = \"{name}\" takes"));
    } else if !sender.handshakes.is_empty() {
        lines.push(format!("handshake = \"{name}\""));
    }
    if let Some(content_type) = &sender.content_type {
        lines.push(format!("content_type = {}", Value::from(content_type.as_str())));
    }
    if let Some(answer) = &sender.answer {
        lines.push(format!("answer = {}", of_value(answer)));
    }
    if lines.len() == 1 {
        lines.clear();
    } else {
        lines.push(String::new());
    }
    lines.push("[vars.HOOKS.my-hook.verify]".to_owned());
    let mut verify = proof.0.clone();
    verify.remove("secret_prefix");
    verify.extend(card.credentials());
    verify.remove("verify_token");
    lines.extend(ordered(&verify).map(|(name, value)| format!("{} = {}", key(name), of_value(value))));
    lines.join("\n")
}

/// The scheme and its secret first.
fn ordered(table: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    const FIRST: [&str; 2] = ["scheme", "secret"];
    let first = FIRST.into_iter().filter_map(|name| table.get_key_value(name));
    first.chain(table.iter().filter(|(name, _)| !FIRST.contains(&name.as_str())))
}

/// JSON's texts and numbers are TOML's, too.
fn of_value(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(of_value).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => inline(table),
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    let is_bare = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    if is_bare && !name.is_empty() { name.to_owned() } else { Value::from(name).to_string() }
}

#[cfg(test)]
mod tests {
    use seedhook::config::sender::senders;

    use super::*;
    use crate::check;
    use crate::senders::tests::mistakes;

    #[test]
    fn every_line_to_paste_is_a_hook() {
        for sender in senders() {
            assert_eq!(mistakes(&Card(sender).line()), Vec::<String>::new(), "{}", sender.name);
        }
    }

    #[test]
    fn every_sender_can_be_spelt_out_and_read_again() {
        for sender in senders() {
            for (_, text) in spelt_out(Card(sender)) {
                assert_eq!(mistakes(&text), Vec::<String>::new(), "{text}");
            }
        }
    }

    #[test]
    fn any_json_is_toml() {
        let json = serde_json::json!({
            "headers.x-v": "1", "scheme": "hmac", "secret": ["A"], "signed": "{id}\n\"{body}\"", "n": [1, true, {"é": {}}],
        });
        let text = inline(json.as_object().unwrap());
        assert!(text.starts_with("{ scheme = \"hmac\", secret = [\"A\"], "), "{text}");
        let read = check::variables_of(&format!("vars = {text}")).unwrap();
        assert_eq!(Value::Object(read), json);
    }
}
