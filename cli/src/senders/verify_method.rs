//! A verification method of a sender, from `senders.json`, as text for a reader.

use serde_json::{Map, Value};

/// The Worker's default tolerance, seconds.
const TOLERANCE_S: u64 = 300;

/// The Worker's tolerance for a message of Amazon SNS, which retries for an hour, seconds.
const SNS_TOLERANCE_S: u64 = 65 * 60;

/// One of the ways in which a sender's deliveries are verified: an entry of `verify` in `senders.json`.
#[derive(Debug, Clone, Copy)]
pub(super) struct VerifyMethod<'a>(pub(super) &'a Map<String, Value>);

impl<'a> VerifyMethod<'a> {
    /// The text of a field.
    pub(super) fn text(self, field: &str) -> Option<&'a str> {
        self.0.get(field).and_then(Value::as_str)
    }

    fn scheme(self) -> &'a str {
        self.text("scheme").unwrap_or_default()
    }

    /// Whether there are two secrets, each with a signature of its own.
    pub(super) fn is_paired(self) -> bool {
        self.0.get("paired") == Some(&Value::Bool(true))
    }

    /// The kind of signature or token, and where a delivery has it.
    pub(super) fn proof(self) -> String {
        let what = match self.scheme() {
            "hmac" => format!("HMAC-{}", self.text("algorithm").unwrap_or("sha256").to_uppercase()),
            "ed25519" => "ed25519".to_owned(),
            "ecdsa-p256" => "ECDSA P-256".to_owned(),
            "jwt" => "a JSON Web Token".to_owned(),
            "aws-sns" => return "a signature with Amazon's certificate".to_owned(),
            _ => "the secret itself".to_owned(),
        };
        format!("{what} in {}", self.places())
    }

    /// Where the signature or token is: the name of a header, or a place such as `body.token`.
    fn places(self) -> String {
        let field =
            ["header", "signature", "field", "parameter"].into_iter().find_map(|name| self.0.get(name));
        let places: Vec<&str> = match field {
            Some(Value::Array(places)) => places.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(places)) => places.split('|').collect(),
            _ => vec!["authorization"],
        };
        let bare = places.into_iter().map(|place| place.strip_prefix("headers.").unwrap_or(place));
        bare.collect::<Vec<_>>().join(" or ")
    }

    /// What the secret is, and its encoding.
    pub(super) fn secret(self) -> String {
        let key = match self.scheme() {
            "aws-sns" => return "none".to_owned(),
            "jwt" => return "the secret that signs the token".to_owned(),
            "hmac" => "the signing secret",
            "ed25519" | "ecdsa-p256" => "the sender's public key",
            _ => return format!("the value that the sender sends in `{}`", self.places()),
        };
        match self.text("secret_encoding") {
            Some("base64") if self.scheme() == "hmac" => format!("{key} (base64, with or without `whsec_`)"),
            Some(encoding @ ("base64" | "hex")) => format!("{key} ({encoding})"),
            _ => format!("{key}, exactly as the sender shows it"),
        }
    }

    /// How far a delivery's time may be from now.
    pub(super) fn tolerance(self) -> String {
        let default = match self.scheme() {
            "aws-sns" => Some(SNS_TOLERANCE_S),
            "jwt" => Some(TOLERANCE_S),
            _ => self.0.get("timestamp").map(|_| TOLERANCE_S),
        };
        let tolerance = match self.0.get("tolerance") {
            Some(Value::String(text)) if text == "none" => return "any age".to_owned(),
            Some(stated) => match seconds(stated) {
                None => return stated.to_string(),
                known => known,
            },
            None => default,
        };
        match (tolerance, self.scheme()) {
            (None, _) => "any age (no time is signed)".to_owned(),
            (Some(seconds), "jwt") => format!("as the token says, ± {}", duration(seconds)),
            (Some(seconds), _) => duration(seconds),
        }
    }

    /// Whether the signature covers every value in an id's template.
    pub(super) fn covers(self, template: &str) -> bool {
        let mut pieces = template.split("{{").skip(1).filter_map(|piece| Some(piece.split_once("}}")?.0));
        pieces.all(|expression| self.covers_value(expression.split('|').next().unwrap_or_default().trim()))
    }

    fn covers_value(self, value: &str) -> bool {
        let header = value.strip_prefix("headers['").and_then(|rest| rest.strip_suffix("']"));
        let place = header.map_or_else(|| value.to_owned(), |name| format!("headers.{name}"));
        let is_id = self.text("id").unwrap_or_default().split('|').any(|id| id == place);
        let signed = self.signed();
        if is_id && signed.contains("{id}") || signed.contains(&format!("{{{place}}}")) {
            return true;
        }
        header.is_none() && (self.covers_body() || self.covers_field(value))
    }

    fn signed(self) -> &'a str {
        match self.scheme() {
            "hmac" | "ed25519" | "ecdsa-p256" => self.text("signed").unwrap_or("{body}"),
            _ => "",
        }
    }

    fn covers_body(self) -> bool {
        let whole = ["{body}", "{body_sha256}", "{body_sha256_bytes}", "{form}"];
        self.scheme() == "aws-sns"
            || self.0.contains_key("body_claim")
            || whole.iter().any(|piece| self.signed().contains(piece))
    }

    /// Whether it signs a field of this name in each item of a list.
    fn covers_field(self, value: &str) -> bool {
        let name = value.rsplit('.').next().unwrap_or_default();
        self.0.contains_key("each") && self.signed().contains(&format!(".{name}}}"))
    }
}

/// The seconds of a duration as the configuration has it: a number of seconds, or `"12h"`.
fn seconds(written: &Value) -> Option<u64> {
    let Some(text) = written.as_str() else { return written.as_u64() };
    let unit = text.chars().next_back()?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let unit_s = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return None,
    };
    number.checked_mul(unit_s)
}

fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let parts =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, unit)| format!("{number} {unit}"));
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use seedhook::config::sender::sender;
    use serde_json::json;

    use super::*;

    fn method(sender_name: &str, index: usize) -> VerifyMethod<'static> {
        VerifyMethod(&sender(sender_name).unwrap().verify[index])
    }

    #[track_caller]
    fn check_covers(sender: &str, index: usize, template: &str, expected: bool) {
        assert_eq!(method(sender, index).covers(template), expected, "{sender}: {template}");
    }

    #[test]
    fn an_id_is_covered_where_the_signature_covers_it() {
        check_covers("standard-webhooks", 1, "{{ headers['webhook-id'] }}", true);
        check_covers("svix", 0, "{{ headers['webhook-id'] }}", true);
        check_covers("github", 0, "{{ headers['x-github-delivery'] }}", false);
        check_covers("github", 0, "{{ body_sha256 }}", true);
        check_covers("gitlab", 0, "{{ headers['webhook-id'] }}", true);
        check_covers("gitlab", 1, "{{ headers['webhook-id'] }}", false);
        check_covers("gitlab", 1, "{{ body.id }}", false);
        check_covers("stripe", 0, "{{ body.id }}", true);
        check_covers("twilio", 0, "{{ body.MessageSid }}{{ body.MessageStatus | default('') }}", true);
        check_covers("mailgun", 0, "{{ body.signature.token }}", true);
        check_covers("mailgun", 0, "{{ body_sha256 }}", false);
        check_covers("adyen", 0, "{% set it = x %}{{ it.eventCode }}:{{ it.pspReference }}", true);
        check_covers("adyen", 0, "{{ it.eventCode }}:{{ it.reason }}", false);
        check_covers("bird", 0, "{{ body_sha256 }}", true);
        check_covers("netlify", 0, "{{ body.id }}:{{ body.state }}", true);
        check_covers("monday", 0, "{{ body.event.triggerUuid }}", false);
        check_covers("telegram", 0, "{{ body.update_id }}", false);
        check_covers("aws-sns", 0, "{{ body.MessageId }}", true);
    }

    #[test]
    fn a_tolerance_as_text() {
        let with = |fields: &Value| VerifyMethod(fields.as_object().unwrap()).tolerance();
        assert_eq!(with(&json!({"scheme": "hmac"})), "any age (no time is signed)");
        assert_eq!(with(&json!({"scheme": "hmac", "timestamp": "items.t"})), "5 min");
        assert_eq!(with(&json!({"scheme": "hmac", "timestamp": "items.t", "tolerance": 5})), "5 s");
        assert_eq!(
            with(&json!({"scheme": "hmac", "timestamp": "items.t", "tolerance": "425m"})),
            "7 h 5 min"
        );
        assert_eq!(with(&json!({"scheme": "hmac", "timestamp": "items.t", "tolerance": "none"})), "any age");
        assert_eq!(with(&json!({"scheme": "jwt", "tolerance": 1})), "as the token says, ± 1 s");
        assert_eq!(with(&json!({"scheme": "aws-sns"})), "1 h 5 min");
    }

    #[test]
    fn a_proof_as_text() {
        assert_eq!(method("vercel", 0).proof(), "HMAC-SHA1 in x-vercel-signature");
        assert_eq!(method("svix", 0).proof(), "ed25519 in svix-signature or webhook-signature");
        assert_eq!(
            method("box", 0).proof(),
            "HMAC-SHA256 in box-signature-primary or box-signature-secondary"
        );
        assert_eq!(method("telegram", 0).proof(), "the secret itself in x-telegram-bot-api-secret-token");
        assert_eq!(method("microsoft-graph", 0).proof(), "the secret itself in body.clientState");
    }
}
