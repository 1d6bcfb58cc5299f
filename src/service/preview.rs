//! Seeing what a delivery would do before it does it. Starts and stores nothing, and takes the code that would.

use serde_json::{Map, Value, json};

use crate::expression::Scope;
use crate::fabricate::Api;
use crate::hook::event::Event;
use crate::hook::{Hook, Rule};
use crate::request::RawRequest;
use crate::verify::{Verified, VerifyContext, VerifyError};

use super::plan::{holds, map, scopes};

/// The most items of a batch that are shown.
const ITEMS_SHOWN_MAX: usize = 10;

/// What a hook would make of a request: whether it is verified and why not, what its conditions say, each parameter
/// with its type, the requests that would be sent. For the operator: it holds what the sender sent, but no secret.
#[must_use]
pub fn preview(hook: &Hook, api: Option<&Api>, request: &RawRequest, context: &VerifyContext<'_>) -> Value {
    let request = request.clone().with_content_type(hook.content_type.as_deref());
    let verification = verification(hook, &request, context);
    let handshake = hook.admit(request.clone(), context).ok().and_then(|admitted| match admitted {
        crate::hook::admission::Admitted::Handshake(reply) => {
            Some(json!({"status": reply.status, "body": reply.body}))
        }
        crate::hook::admission::Admitted::Delivery(_) => None,
    });
    let mut shown = json!({"hook": hook.name, "paused": hook.paused, "verification": verification});
    let more = match (handshake, Event::parse(Verified::assume(request), hook, "new for each delivery")) {
        (Some(handshake), _) => json!({"handshake": handshake, "outcome": "handshake", "runs": []}),
        (None, Err(error)) => json!({"outcome": "not parsed", "error": error.to_string(), "runs": []}),
        (None, Ok(event)) => outcome(hook, api, event),
    };
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

fn verification(hook: &Hook, request: &RawRequest, context: &VerifyContext<'_>) -> Value {
    let scheme = &hook.verify.scheme;
    match hook.verify.check(request, context) {
        Ok(()) => json!({"scheme": scheme, "verified": true}),
        Err(VerifyError::NotVerified(refusal)) => json!({
            "scheme": scheme, "verified": false, "reason": refusal.to_string(), "signed_text": refusal.signed_text(),
        }),
        Err(error) => json!({"scheme": scheme, "verified": false, "reason": error.to_string()}),
    }
}

fn outcome(hook: &Hook, api: Option<&Api>, mut event: Event) -> Value {
    let id_problem = event.assign_id(hook).err().map(|error| error.to_string());
    let items = hook.batch.as_ref().map(|each| event.items(each).len());
    let mut rules = Vec::new();
    for (item, scope) in scopes(hook, &event).enumerate().take(ITEMS_SHOWN_MAX) {
        for (index, rule) in hook.rules.iter().enumerate() {
            let mut shown = rule_view(hook, api, rule, &scope);
            if let Value::Object(shown) = &mut shown {
                shown.insert("rule".to_owned(), json!(index));
                if hook.batch.is_some() {
                    shown.insert("item".to_owned(), json!(item));
                    shown.insert("item_id".to_owned(), json!(event.item_id(hook, &scope, item)));
                }
            }
            rules.push(shown);
        }
    }
    let starts = rules.iter().filter(|rule| rule.get("starts") == Some(&Value::Bool(true))).count();
    let outcome = if starts > 0 { "accepted" } else { "ignored" };
    json!({
        "outcome": outcome,
        "delivery_id": event.delivery.delivery_id,
        "delivery_id_error": id_problem,
        "items": items,
        "runs": rules,
    })
}

fn rule_view(hook: &Hook, api: Option<&Api>, rule: &Rule, scope: &Scope) -> Value {
    let held = holds(hook, rule, scope);
    let when = rule.when.as_ref().map(|when| {
        let values: Map<String, Value> = hook
            .expressions
            .values_seen(when, scope)
            .into_iter()
            .map(|(path, value)| (path, value.unwrap_or_else(|| json!({"missing": true}))))
            .collect();
        json!({
            "expression": when.source(),
            "holds": held.as_ref().ok(),
            "error": held.as_ref().err().map(ToString::to_string),
            "values": values,
        })
    });
    let starts = held != Ok(false);
    let mapped = if starts { Some(map(hook, rule, scope)) } else { None };
    let (params, error) = match mapped {
        Some(Ok(params)) => (Some(params), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let typed = params.as_ref().map(|params| {
        let typed = |(name, value): (&String, &Value)| {
            (name.clone(), json!({"value": value, "type": type_of(value)}))
        };
        params.iter().map(typed).collect::<Map<_, _>>()
    });
    let request = params.as_ref().and_then(|params| {
        let url = api?.start_url(&rule.target);
        Some(json!({"method": "POST", "url": url.as_str(), "body": params}))
    });
    json!({"starts": starts, "target": rule.target, "when": when, "params": typed, "error": error, "request": request})
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;
    use crate::timestamp::Timestamp;
    use crate::verify::signer::UnsignedDelivery;

    const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

    fn configuration(hook: &Value) -> Configuration {
        let base = json!({"workspace": "w", "database": "d", "workflow": "f",
            "verify": {"scheme": "slack", "secret": "S"}});
        let mut base = base.as_object().unwrap().clone();
        base.extend(hook.as_object().unwrap().clone());
        Configuration::read(json!({"HOOKS": {"h": base}}).as_object().unwrap())
    }

    /// The preview of a body, and of the same when it is signed.
    fn previews(hook: &Value, body: &str) -> [Value; 2] {
        let configuration = configuration(hook);
        let hook = configuration.hooks.values().next().unwrap().as_ref().unwrap();
        let secret = |_: &str| Some("s3cret".to_owned());
        let context = VerifyContext { secret: &secret, certificate: None, now: NOW };
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let request = RawRequest::new("POST", "https://a.example/hooks/h", headers, body.into(), NOW);
        let signed =
            hook.verify.sign(UnsignedDelivery { delivery: request.clone(), id: "i" }, &context).unwrap();
        let shown = |request| preview(hook, configuration.fabricate.as_ref(), &request, &context);
        [shown(request), shown(signed)]
    }

    #[test]
    fn it_says_whether_a_delivery_is_verified_and_shows_what_should_have_been_signed() {
        let [unsigned, signed] = previews(&json!({}), "{}");
        assert_eq!(unsigned["verification"]["reason"], "x-slack-signature is missing");
        assert_eq!(signed["verification"], json!({"scheme": "slack", "verified": true}));
        let mut changed = configuration(&json!({}));
        let hook = changed.hooks.values_mut().next().unwrap().as_ref().unwrap();
        let headers = [
            ("x-slack-signature", format!("v0={}", "0".repeat(64))),
            ("x-slack-request-timestamp", "1760000000".to_owned()),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value));
        let request = RawRequest::new("POST", "https://a.example/hooks/h", headers, b"{}".to_vec(), NOW);
        let secret = |_: &str| Some("s3cret".to_owned());
        let shown =
            preview(hook, None, &request, &VerifyContext { secret: &secret, certificate: None, now: NOW });
        assert_eq!(shown["verification"]["signed_text"], "v0:1760000000:{}");
        assert!(!shown.to_string().contains("s3cret"));
    }

    #[test]
    fn each_rule_tells_what_it_saw_and_what_it_would_send() {
        let hook = json!({"rules": [
            {"when": "body.seats > 3", "params": {"rows": "{{ body.seats * 10 }}", "plan": "pro", "none": "{{ body.none }}"}},
            {"when": "body.seats > 3 and body.absent == 1", "workflow": "other"},
            {"params": {"x": "{{ body.absent }}"}},
        ]});
        let [_, shown] = previews(&hook, r#"{"event_id": "e1", "seats": 5, "none": null}"#);
        assert_eq!((&shown["outcome"], &shown["delivery_id"]), (&json!("accepted"), &json!("e1")));
        let [first, second, third] = shown["runs"].as_array().unwrap().as_slice() else {
            panic!("three rules")
        };
        assert_eq!(first["when"]["values"], json!({"body.seats": 5}));
        assert_eq!(first["params"]["rows"], json!({"value": 50, "type": "number"}));
        assert_eq!(first["params"]["none"], json!({"value": null, "type": "null"}));
        assert_eq!(first["request"]["body"], json!({"rows": 50, "plan": "pro", "none": null}));
        assert_eq!(
            first["request"]["url"],
            "https://fabricate.tonic.ai/api/v1/workspaces/w/databases/d/workflows/f"
        );
        assert_eq!((&second["starts"], &second["when"]["holds"]), (&json!(false), &json!(false)));
        assert_eq!(second["when"]["values"]["body.absent"], json!({"missing": true}));
        assert_eq!(third["starts"], true, "its run would fail, and be kept");
        assert!(third["error"].as_str().unwrap().starts_with("params.x: `{{ body.absent }}`"), "{third}");
    }

    #[test]
    fn what_is_no_event_is_told_too() {
        let [_, handshake] = previews(&json!({}), r#"{"type": "url_verification", "challenge": "c"}"#);
        assert_eq!(
            (&handshake["outcome"], &handshake["handshake"]["body"]),
            (&json!("handshake"), &json!("c"))
        );
        let [_, broken] = previews(&json!({}), "{");
        assert_eq!(broken["outcome"], "not parsed");
        let [_, ignored] = previews(&json!({"when": "false"}), "{}");
        assert_eq!((&ignored["outcome"], &ignored["runs"][0]["params"]), (&json!("ignored"), &Value::Null));
        let batch = json!({"each": "body", "params": {"id": "{{ item.id }}"}});
        let [_, batch] = previews(&batch, r#"[{"id": 1}, {"id": 2}]"#);
        assert_eq!((&batch["items"], &batch["runs"][1]["params"]["id"]["value"]), (&json!(2), &json!(2)));
    }
}
