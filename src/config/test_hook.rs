//! Hooks for unit tests, read from configuration as real ones are.

use serde_json::{Value, json};

use super::Configuration;
use super::sender::Sender;
use crate::hook::Hook;

/// The configuration of one hook `h` with these fields, and the required ones where they are left out.
pub(crate) fn configuration(fields: &Value) -> Configuration {
    let mut hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
    hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap())
}

/// A hook with these fields, which must be valid.
#[track_caller]
pub(crate) fn hook(fields: &Value) -> Hook {
    let configuration = configuration(fields);
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    configuration.hooks.into_values().next().unwrap().unwrap_or_else(|_| panic!("{mistakes:?}"))
}

/// The `verify` of a known sender with only its required fields.
pub(crate) fn verify_of(sender: &Sender) -> Value {
    let mut verify = json!({"scheme": sender.name});
    if sender.needs_secret() {
        verify["secret"] = json!("SECRET");
    }
    for asked in &sender.asks {
        let topic = "arn:aws:sns:us-east-1:123456789012:deals";
        verify[asked] = json!(if asked == "topic_arn" { topic } else { "VERIFY_TOKEN" });
    }
    verify
}
