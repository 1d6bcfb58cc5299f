//! The schema and the Worker's own code judge the same configurations: those of `agreement.json`, every sender, and lengths.
//!
//! `agreement.json` has for each field values that both accept and values that both refuse, so a change of one side alone fails
//! here. At its end are whole configurations, and those of which only the Worker knows what is wrong.

use seedhook::config::Configuration;
use seedhook::config::sender::senders;
use serde_json::{Map, Value, json};

use super::super::schema;

const TABLE: &str = include_str!("../agreement.json");

const TAG: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The values of every field.
pub(super) fn table() -> Value {
    serde_json::from_str(TABLE).unwrap()
}

/// Both judges; the Worker's own code needs no preparation.
struct Judges {
    validator: jsonschema::Validator,
}

impl Judges {
    fn new() -> Self {
        Self { validator: jsonschema::validator_for(&schema().unwrap()).unwrap() }
    }

    /// What the schema says against these variables, and what the Worker says.
    fn objections(&self, vars: &Value) -> (Vec<String>, Vec<String>) {
        let root = json!({"vars": vars});
        let errors = self.validator.iter_errors(&root).map(|error| error.to_string()).collect();
        let configuration = Configuration::read(vars.as_object().unwrap());
        (errors, configuration.mistakes().map(ToString::to_string).collect())
    }

    /// Both accept the variables, or both refuse them.
    #[track_caller]
    fn agree(&self, vars: &Value, is_good: bool) {
        let (errors, mistakes) = self.objections(vars);
        let found = (errors.is_empty(), mistakes.is_empty());
        assert_eq!(found, (is_good, is_good), "{vars}\nschema: {errors:#?}\nWorker: {mistakes:#?}");
    }

    /// The Worker alone refuses the variables.
    #[track_caller]
    fn worker_refuses(&self, vars: &Value) {
        let (errors, mistakes) = self.objections(vars);
        assert!(errors.is_empty() && !mistakes.is_empty(), "{vars}\nschema: {errors:#?}");
    }

    /// Both accept variables with the largest length, and refuse those with a larger one.
    #[track_caller]
    fn agree_up_to(&self, largest: usize, of_length: impl Fn(usize) -> Value) {
        self.agree(&of_length(largest), true);
        self.agree(&of_length(largest + 1), false);
    }

    /// Judges every value of every field of a group. `place` puts a value into variables, beside what else the field needs.
    #[track_caller]
    fn agree_on(&self, group: &Value, place: impl Fn(&str, &Value, &Value) -> Vec<Value>) {
        for (field, row) in group.as_object().unwrap() {
            for (values, is_good) in [("accepted", true), ("refused", false)] {
                for value in row[values].as_array().unwrap() {
                    for vars in place(field, value, &row["beside"]) {
                        self.agree(&vars, is_good);
                    }
                }
            }
        }
    }
}

/// A table with these fields instead; null leaves one out.
fn changed(mut table: Value, changes: &Value) -> Value {
    let fields = table.as_object_mut().unwrap();
    for (name, value) in changes.as_object().into_iter().flatten() {
        if value.is_null() {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    table
}

fn with(mut table: Value, field: &str, value: &Value) -> Value {
    table[field] = value.clone();
    table
}

fn without(mut table: Value, field: &str) -> Value {
    table.as_object_mut().unwrap().remove(field);
    table
}

fn hook(changes: &Value) -> Value {
    let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
    changed(hook, changes)
}

fn target(changes: &Value) -> Value {
    changed(json!({"url": "https://a.example", "secret": "S"}), changes)
}

/// The variables of one hook, which may name the target `ops`.
fn of_hook(hook: &Value) -> Value {
    json!({"NOTIFY": {"ops": target(&Value::Null)}, "HOOKS": {"h": hook}})
}

fn of_verify(verify: &Value) -> Value {
    of_hook(&hook(&json!({"verify": verify})))
}

/// The variables of a hook with a handshake. It has a token, so that an answer may hold an HMAC.
fn of_handshake(handshake: &Value) -> Value {
    of_hook(&hook(&json!({"verify": {"scheme": "bearer", "secret": "S"}, "handshake": handshake})))
}

#[test]
fn each_field_of_a_hook_and_of_a_rule() {
    let (judges, table) = (Judges::new(), table());
    judges.agree_on(&table["hook"], |field, value, beside| vec![of_hook(&with(hook(beside), field, value))]);
    judges.agree_on(&table["rule"], |field, value, beside| {
        let own = with(json!({}), field, value);
        let in_hook = with(hook(beside), field, value);
        vec![
            of_hook(&with(hook(beside), "rules", &json!([own]))),
            of_hook(&with(in_hook.clone(), "rules", &json!([{}]))),
            of_hook(&in_hook),
        ]
    });
}

#[test]
fn each_field_of_verify() {
    let (judges, table) = (Judges::new(), table());
    for group in table["verify"].as_array().unwrap() {
        for scheme in group["schemes"].as_array().unwrap() {
            let verify = changed(json!({"scheme": scheme}), &group["beside"]);
            judges.agree_on(&group["fields"], |field, value, beside| {
                vec![of_verify(&with(changed(verify.clone(), beside), field, value))]
            });
        }
    }
}

#[test]
fn each_field_of_answers_and_handshakes() {
    let (judges, table) = (Judges::new(), table());
    judges.agree_on(&table["answer"], |field, value, _| {
        let answer = with(json!({}), field, value);
        vec![of_hook(&hook(&json!({"answer": [answer]}))), of_hook(&hook(&json!({"answer": answer})))]
    });
    judges.agree_on(&table["handshake"], |field, value, _| {
        let handshake = with(json!({"when": {"body.type": "x"}}), field, value);
        vec![of_handshake(&json!([handshake])), of_handshake(&handshake)]
    });
}

#[test]
fn each_field_of_targets_and_each_variable() {
    let (judges, table) = (Judges::new(), table());
    judges.agree_on(&table["target"], |field, value, beside| {
        let target = with(target(beside), field, value);
        vec![json!({"NOTIFY": {"ops": target}, "HOOKS": {"h": hook(&Value::Null)}})]
    });
    judges.agree_on(&table["variables"], |field, value, beside| {
        vec![with(changed(json!({}), beside), field, value)]
    });
}

#[test]
fn fields_that_need_each_other() {
    let (judges, table) = (Judges::new(), table());
    let configurations = |name: &str| {
        let group = &table["together"][name];
        let hooks = group["hooks"].as_array().unwrap().iter().map(|changes| of_hook(&hook(changes)));
        hooks.chain(group["variables"].as_array().unwrap().iter().cloned()).collect::<Vec<Value>>()
    };
    for vars in configurations("accepted") {
        judges.agree(&vars, true);
    }
    for vars in configurations("refused") {
        judges.agree(&vars, false);
    }
    for vars in configurations("known_to_the_worker_alone") {
        judges.worker_refuses(&vars);
    }
}

#[test]
fn every_sender() {
    let judges = Judges::new();
    let fields = json!({
        "tolerance": "10m", "url": "https://a.example", "header": "x-token", "signature_version": 2, "prefix": "x", "each": "body",
    });
    for sender in senders() {
        let mut verify = json!({"scheme": sender.name});
        if sender.needs_secret() {
            verify["secret"] = json!("SECRET");
        }
        for field in &sender.asks {
            let topic = "arn:aws:sns:us-east-1:123456789012:deals";
            verify[field] = json!(if field == "topic_arn" { topic } else { "TOKEN" });
        }
        judges.agree(&of_verify(&verify), true);
        for required in verify.as_object().unwrap().keys() {
            judges.agree(&of_verify(&without(verify.clone(), required)), false);
        }
        for (field, value) in fields.as_object().unwrap() {
            judges.agree(&of_verify(&with(verify.clone(), field, value)), sender.takes(field));
        }
        judges.agree(&of_handshake(&json!(sender.name)), !sender.handshakes.is_empty());
    }
}

/// `count` fields with this value, and names such as `x1`.
fn many(count: usize, value: &Value) -> Value {
    (1..=count).map(|number| (format!("x{number}"), value.clone())).collect::<Map<_, _>>().into()
}

fn x(length: usize) -> String {
    "x".repeat(length)
}

#[test]
fn lengths_in_hooks() {
    let judges = Judges::new();
    let changed = |changes: Value| of_hook(&hook(&changes));
    judges.agree_up_to(256, |length| changed(json!({"workspace": x(length)})));
    judges.agree_up_to(256, |length| changed(json!({"database": x(length)})));
    judges.agree_up_to(256, |length| changed(json!({"database": null, "project": x(length)})));
    judges.agree_up_to(256, |length| changed(json!({"workflow": x(length)})));
    judges.agree_up_to(4096, |length| changed(json!({"when": format!("body.a == '{}'", x(length - 12))})));
    judges.agree_up_to(64, |length| changed(json!({"notify": vec!["ops"; length]})));
    judges.agree_up_to(32, |length| changed(json!({"rules": vec![json!({}); length]})));
    judges.agree_up_to(8, |length| changed(json!({"answer": vec![json!({}); length]})));
    judges.agree_up_to(4096, |length| changed(json!({"answer": {"body": x(length)}})));
    let headers = |headers: Value| of_handshake(&json!({"method": "GET", "headers": headers}));
    judges.agree_up_to(8, |length| of_handshake(&json!(vec![json!({"method": "GET"}); length])));
    judges.agree_up_to(4096, |length| of_handshake(&json!({"method": "GET", "body": x(length)})));
    judges.agree_up_to(8, |length| headers(many(length, &json!("1"))));
    judges.agree_up_to(256, |length| headers(json!({"x-a": x(length)})));
    judges.agree_up_to(128, |length| headers(json!({x(length): "1"})));
    // The schema counts characters, and the Worker bytes.
    judges.worker_refuses(&changed(json!({"workspace": "é".repeat(129)})));
}

#[test]
fn lengths_in_verify() {
    let judges = Judges::new();
    let hmac = |field: &str, value: Value| {
        let verify = json!({"scheme": "hmac", "secret": "S", "header": "x", "label": "v1"});
        of_verify(&with(verify, field, &value))
    };
    judges.agree_up_to(64, |length| hmac("secret", json!(x(length))));
    judges.agree_up_to(8, |length| hmac("secret", json!(vec!["S"; length])));
    judges.agree_up_to(128, |length| hmac("header", json!(x(length))));
    judges.agree_up_to(4, |length| hmac("header", json!(vec!["x"; length])));
    for field in ["prefix", "item_separator", "field_separator", "label"] {
        judges.agree_up_to(64, |length| hmac(field, json!(x(length))));
    }
    let jwt = json!({"scheme": "jwt", "secret": "S", "header": "x"});
    for field in ["body_claim", "url_claim"] {
        judges.agree_up_to(64, |length| of_verify(&with(jwt.clone(), field, &json!(x(length)))));
    }
}

#[test]
fn lengths_in_variables() {
    let judges = Judges::new();
    judges.agree_up_to(63, |length| json!({"HOOKS": {x(length): hook(&Value::Null)}}));
    judges.agree_up_to(63, |length| json!({"HOOKS_2": {x(length): hook(&Value::Null)}}));
    judges.agree_up_to(32, |length| json!({"NOTIFY": {x(length): target(&Value::Null)}}));
    judges.agree_up_to(20, |length| json!({"NOTIFY": many(length, &target(&Value::Null))}));
    for (field, word) in [("on", "failed"), ("include", "files"), ("hooks", "*"), ("allow_addresses", "::1")]
    {
        let list = |length: usize| with(target(&Value::Null), field, &json!(vec![word; length]));
        judges.agree_up_to(64, |length| json!({"NOTIFY": {"ops": list(length)}}));
    }
    judges.agree_up_to(63, |length| json!({"ACCESS_TEAM": x(length), "ACCESS_AUD": TAG}));
    judges.agree_up_to(8, |tags| json!({"ACCESS_TEAM": "acme", "ACCESS_AUD": vec![TAG; tags].join(",")}));
}
