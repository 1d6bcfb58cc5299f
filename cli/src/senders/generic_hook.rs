//! A sender's verification written with a generic scheme, such as `hmac`: an example for a sender that is not known.

use serde_json::Value;

use super::description::Description;
use super::toml_text;
use super::verify_method::VerifyMethod;

/// The TOML of a hook that verifies like a known sender: one text for each of the sender's verification methods, after
/// the prefix of the secrets that it is for. Empty if the sender's scheme has no generic counterpart.
pub(super) fn examples(description: Description<'_>) -> Vec<(Option<&str>, String)> {
    let name = description.0.name.as_str();
    let methods = description.methods().filter(|method| method.text("scheme") != Some(name));
    methods.map(|method| (method.text("secret_prefix"), example(description, method))).collect()
}

fn example(description: Description<'_>, method: VerifyMethod<'_>) -> String {
    let sender = description.0;
    let text = |text: &str| Value::from(text).to_string();
    let mut lines = Vec::new();
    for (index, template) in sender.delivery_id.iter().enumerate() {
        let or = if index == 0 { "" } else { "# or: " };
        lines.push(format!("{or}delivery_id = {}", text(template)));
    }
    for template in &sender.item_id {
        lines.push(format!(
            "# for a batch, with each = \"body\" or another list: item_id = {}",
            text(template)
        ));
    }
    let name = &sender.name;
    if sender.handshakes.iter().any(|handshake| handshake.contains_key("token")) {
        lines.push(format!("# its handshake needs verify_token, which only scheme = \"{name}\" accepts"));
    } else if !sender.handshakes.is_empty() {
        lines.push(format!("handshake = \"{name}\""));
    }
    lines.extend(
        sender.content_type.iter().map(|content_type| format!("content_type = {}", text(content_type))),
    );
    lines.extend(sender.answer.iter().map(|answer| format!("answer = {}", toml_text::value(answer))));
    if !lines.is_empty() {
        lines.insert(0, "[vars.HOOKS.my-hook]".to_owned());
        lines.push(String::new());
    }
    lines.push("[vars.HOOKS.my-hook.verify]".to_owned());
    let mut verify = method.0.clone();
    verify.remove("secret_prefix");
    verify.extend(description.credentials());
    verify.remove("verify_token");
    lines.extend(toml_text::entries(&verify));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use seedhook::config::sender::senders;

    use super::*;
    use crate::senders::test_support::mistakes;

    #[test]
    fn every_line_to_paste_is_a_valid_hook() {
        for sender in senders() {
            assert_eq!(mistakes(&Description(sender).line()), Vec::<String>::new(), "{}", sender.name);
        }
    }

    #[test]
    fn every_generic_example_is_a_valid_hook() {
        for sender in senders() {
            for (_, text) in examples(Description(sender)) {
                assert_eq!(mistakes(&text), Vec::<String>::new(), "{text}");
            }
        }
    }
}
