//! Configurations at random: good ones, changed here and there, and nonsense.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use seedhook::config::Configuration;
use seedhook::config::sender::senders;
use seedhook::hook::admission::Admitted;
use seedhook::hook::{DEADLINE_MAX_MS, DEADLINE_MIN_MS, Hook};
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use seedhook::verify::signer::UnsignedDelivery;
use serde_json::{Map, Value, json};

use super::choices::Choices;
use super::request::Request;
use super::secret::Form;
use super::values::{change, object, value};
use super::{NOW_MS, check_event, generic, grammar};

const SCHEMES: &[&str] = &[
    "hmac",
    "jwt",
    "field",
    "header",
    "query",
    "bearer",
    "basic",
    "ed25519",
    "ecdsa-p256",
    "none",
    "aws-sns",
];

/// See [`super::configuration`].
pub(crate) fn any_is_whole_or_a_mistake(choices: &mut Choices<'_>) {
    let vars = draw(choices);
    check(&vars, choices);
}

/// A hook that says `verify`, and no more than it must.
pub(crate) fn hook(verify: &Value) -> Value {
    json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify})
}

/// The variables of one hook.
pub(crate) fn vars(hook: &Value) -> Map<String, Value> {
    Map::from_iter([("HOOKS".to_owned(), json!({"h": hook}))])
}

/// Variables at random.
fn draw(choices: &mut Choices<'_>) -> Map<String, Value> {
    if choices.one_in(16) {
        let mut vars = object(choices, 3);
        vars.insert("HOOKS".to_owned(), value(choices, 4));
        return vars;
    }
    let mut hook = good_hook(choices);
    for _ in 0..choices.below(4) {
        change(&mut hook, choices, &mut strange);
    }
    let mut vars = vars(&hook);
    match choices.below(8) {
        0 => drop(
            vars.insert("HOOKS_MORE".to_owned(), json!({"other": good_hook(choices), "h": 1, "É": hook})),
        ),
        1 => drop(vars.insert("FABRICATE_URL".to_owned(), value(choices, 1))),
        2 => drop(vars.insert("SWEEP_REQUESTS".to_owned(), value(choices, 1))),
        _ => {}
    }
    vars
}

/// What does not belong where it is put, most of the time.
fn strange(choices: &mut Choices<'_>) -> Value {
    match choices.below(12) {
        0 => json!(grammar::template(choices, &["body", "headers"])),
        1 => json!("x".repeat(choices.below(6_000))),
        2 => (0..choices.below(600)).map(|index| json!(index)).collect(),
        3 => (0..choices.below(64)).fold(json!({}), |inner, _| json!({"a": inner})),
        4 => json!(choices.pick(SCHEMES)),
        5 => json!(choices.pick(&[
            "headers.x-a",
            "body",
            "items.t",
            "query.q",
            "body.a|items.t",
            "5m",
            "none",
            "1h",
            "9999999999999999999d",
            "é",
            "1",
            "s"
        ])),
        6 => Value::Object(generic::draw(choices.pick(SCHEMES), choices).verify),
        7 => json!(grammar::signed_text(choices)),
        _ => value(choices, 2),
    }
}

fn good_hook(choices: &mut Choices<'_>) -> Value {
    let mut good = hook(&verify(choices));
    for _ in 0..choices.below(4) {
        let (name, value) = match choices.below(14) {
            0 => ("when", json!(grammar::condition(choices, &["body", "headers"]))),
            1 => (
                "params",
                json!({"a": grammar::template(choices, &["body"]), "b": [1, {"c": "{{ body.x }}"}]}),
            ),
            2 => (
                "rules",
                json!([{"when": "body.a"}, {"workflow": "g", "params": {"x": "{{ body }}"}, "project": "p"}]),
            ),
            3 => (
                "handshake",
                json!(choices.pick(&["monday", "slack", "meta", "notion", "dropbox", "github"])),
            ),
            4 => ("handshake", handshake(choices)),
            5 => (
                "answer",
                json!({"status": 204, "when": {"body.event": true}, "json": {"type": 4, "of": "body.id"}}),
            ),
            6 => ("archive", json!("{{ workspace }}/{{ run_id }}/{{ file.id }}")),
            7 => ("deadline", json!(choices.pick(&["90m", "2d", "1s", "8d", "m"]))),
            8 => ("rate_limit", json!({"binding": "LIMIT", "by": "sender"})),
            9 => ("each", json!(choices.pick(&["body", "body.items", "headers.x"]))),
            10 if choices.below(2) == 0 => {
                ("item_id", json!(choices.pick(&["{{ item.id }}", "{{ body.id }}", "id"])))
            }
            10 => ("delivery_id", json!("{{ body.id }}")),
            11 => ("max_body_bytes", json!(choices.number())),
            12 => ("content_type", json!("application/json")),
            _ => ("on_unconfirmed", json!("restart")),
        };
        good[name] = value;
    }
    good
}

fn handshake(choices: &mut Choices<'_>) -> Value {
    let mut handshake = json!({"method": "POST", "when": {"body.type": "x"}, "text": "body.challenge"});
    for _ in 0..choices.below(3) {
        let (name, value) = match choices.below(8) {
            0 => ("method", json!(choices.pick(&["GET", "OPTIONS"]))),
            1 => ("verified", json!(true)),
            2 => ("open_until_set", json!(true)),
            3 => ("token", json!("query.token")),
            4 => ("json", json!({"a": "hmac-sha256 body.a", "b": 1})),
            5 => ("visit", json!("body.SubscribeURL")),
            6 => ("headers", json!({"webhook-allowed-origin": "headers.webhook-request-origin"})),
            _ => ("remember", json!("body.token")),
        };
        handshake[name] = value;
    }
    handshake
}

fn verify(choices: &mut Choices<'_>) -> Value {
    let mut verify = if choices.one_in(2) {
        let sender = &senders()[choices.below(senders().len())];
        let mut verify = json!({"scheme": sender.name});
        for asked in &sender.asks {
            verify[asked.as_str()] =
                json!(if asked == "topic_arn" { "arn:aws:sns:us-east-1:123456789012:t" } else { "TOKEN" });
        }
        verify
    } else {
        let scheme = choices.pick(SCHEMES);
        let mut verify = Value::Object(generic::draw(scheme, choices).verify);
        if scheme == "aws-sns" {
            verify["topic_arn"] = json!("arn:aws:sns:us-east-1:123456789012:t");
        }
        verify
    };
    if !["none", "aws-sns"].contains(&verify["scheme"].as_str().unwrap_or_default()) {
        verify["secret"] = if choices.one_in(2) { json!("S") } else { json!(["S", "SECRET_2"]) };
    }
    if choices.one_in(4) {
        verify["tolerance"] = json!(choices.pick(&["none", "1s", "24h", "25h"]));
    }
    verify
}

/// Reads variables, and throws a forger's request at every hook that they make.
pub(crate) fn check(vars: &Map<String, Value>, choices: &mut Choices<'_>) {
    let configuration = Configuration::read(vars);
    for mistake in configuration.mistakes() {
        assert!(
            !mistake.problem.is_empty() && !mistake.remedy.is_empty() && !mistake.path.is_empty(),
            "{mistake}"
        );
    }
    drop(configuration.secret_names());
    for hook in configuration.hooks.values() {
        match hook {
            Ok(hook) => {
                check_hook(hook);
                attack(hook, vars, choices);
            }
            Err(mistakes) => assert!(!mistakes.is_empty(), "neither a hook nor a mistake: {vars:?}"),
        }
    }
}

/// A hook that was read is whole.
fn check_hook(hook: &Hook) {
    assert!(!hook.rules.is_empty() && hook.body_bytes_max > 0);
    for rule in &hook.rules {
        let settings = &rule.settings;
        assert!((DEADLINE_MIN_MS..=DEADLINE_MAX_MS).contains(&settings.deadline_ms));
        assert!((1..=20).contains(&settings.start_attempts_max));
        assert!(!rule.target.workspace.is_empty() && !rule.target.workflow.is_empty());
    }
    let verify = &hook.verify;
    assert_eq!(verify.is_open(), verify.scheme == "none");
    let keyless = verify.is_open() || verify.scheme == "aws-sns";
    assert_eq!(verify.secret_names.is_empty(), keyless, "{}", verify.scheme);
}

/// Signs with another key, as far as the hook's own scheme can, and calls.
fn attack(hook: &Hook, vars: &Map<String, Value>, choices: &mut Choices<'_>) {
    let now = Timestamp::from_millis(NOW_MS);
    let method = if choices.one_in(4) { "GET" } else { "POST" };
    let mut request = Request {
        method: method.to_owned(),
        url: "https://seedhook.example/hooks/h?q=1&challenge=x".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Value::Object(object(choices, 2)).to_string().into_bytes(),
    };
    let form = usable_form(hook);
    let [right, wrong] = ["right", "wrong"].map(|whose| secret(form, whose));
    let forging = VerifyContext { secret: &|_| wrong.clone(), certificate: None, crypto: &RustCrypto, now };
    if let Ok(signed) =
        hook.verify.sign(UnsignedDelivery { delivery: request.arrived(), id: "msg_1" }, &forging)
    {
        request = Request::of(&signed);
    }
    let context = VerifyContext { secret: &|_| right.clone(), certificate: None, crypto: &RustCrypto, now };
    let outcome = complete(hook.admit(request.arrived(), &context));
    let Ok(admitted) = outcome else { return };
    match admitted {
        // Handshakes that prove nothing are the operator's to allow.
        Admitted::Handshake(reply) => {
            assert!(
                !right.is_some_and(|secret| reply.body.contains(&secret)),
                "it tells the secret: {vars:?}"
            );
        }
        Admitted::Delivery(verified) => {
            assert!(
                hook.verify.is_open(),
                "another key is taken: {}\n{request:#?}",
                Value::Object(vars.clone())
            );
            check_event(hook, verified);
        }
    }
}

/// A form of secret that the hook can use, if there is one.
fn usable_form(hook: &Hook) -> Option<Form> {
    let forms = [
        Form::Text,
        Form::Whsec,
        Form::Hex,
        Form::Basic,
        Form::Ed25519 { hex: false, prefix: "" },
        Form::Ed25519 { hex: true, prefix: "" },
        Form::EcdsaP256 { hex: false },
        Form::EcdsaP256 { hex: true },
    ];
    forms.into_iter().find(|form| hook.verify.broken_secrets(|_| secret(Some(*form), "right")).is_empty())
}

fn secret(form: Option<Form>, whose: &str) -> Option<String> {
    match form? {
        // The same for every hook, so they are made but once for each text.
        Form::Text => Some(format!("s3cret-{whose}")),
        Form::Whsec => Some(format!("whsec_{}", BASE64.encode(format!("s3cret-{whose}")))),
        Form::Basic => Some(format!("sender:s3cret-{whose}")),
        other => {
            let keys = other.keys("attack", 1);
            if whose == "right" { keys.right } else { keys.wrong }.into_iter().next()
        }
    }
}
