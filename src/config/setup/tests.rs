use serde_json::{Value, json};

use super::*;
use crate::config::sender::senders;
use crate::config::{Configuration, test_hook};

const URL: &str = "https://seedhook.example/hooks/h";

fn steps(verify: &Value) -> Vec<String> {
    setup_steps(&test_hook::hook(&json!({"verify": verify})), URL)
}

#[test]
fn each_sender_has_short_steps_with_its_address_and_its_secrets() {
    for sender in senders() {
        let (name, setup) = (&sender.name, &sender.setup);
        assert!((2..=4).contains(&setup.len()), "{name}: {} steps", setup.len());
        let has = |placeholder: &str| setup.iter().any(|step| step.contains(placeholder));
        assert!(has("{url}"), "{name}: no step has the address");
        assert_eq!(has("{secret}"), sender.needs_secret(), "{name}: the secret");
        for step in setup {
            assert!(step.len() <= 300, "{name}: {} bytes: {step}", step.len());
            assert!(step.ends_with('.') && step.matches('`').count() % 2 == 0, "{name}: {step}");
            let rest = step.replace("{url}", "").replace("{secret}", "");
            assert!(!rest.contains(['{', '}']), "{name}: another placeholder: {step}");
        }
    }
}

#[test]
fn the_steps_of_a_hook_are_those_of_its_sender_filled() {
    for sender in senders() {
        let steps = steps(&test_hook::verify_of(sender));
        assert_eq!(steps.len(), sender.setup.len(), "{}", sender.name);
        let text = steps.join("\n");
        assert!(text.contains(URL), "{text}");
        assert_eq!(text.contains("SECRET"), sender.needs_secret(), "{text}");
        assert!(!text.contains(['{', '}']), "{text}");
    }
}

#[test]
fn a_command_is_repeated_for_each_secret() {
    let two = ["A", "B"].map(str::to_owned);
    let filled = |step| fill(step, URL, &two);
    assert_eq!(filled("Set {secret}: `put {secret}`."), "Set A and B: `put A` and `put B`.");
    assert_eq!(filled("`x` then `call {url}`"), format!("`x` then `call {URL}`"));
    assert_eq!(fill("Set it: `put {secret}`.", URL, &two[..1]), "Set it: `put A`.");
}

#[test]
fn the_address_that_the_sender_calls_replaces_the_workers_own() {
    let own = "https://hooks.acme.example/square";
    let text = steps(&json!({"scheme": "square", "secret": "S", "url": own})).join("\n");
    assert!(text.contains(own) && !text.contains(URL), "{text}");
}

/// Checks the steps after the first of a hook that describes its sender itself.
#[track_caller]
fn check_scheme(verify: &Value, expected: &[&str]) {
    let steps = steps(verify);
    assert_eq!(steps[0], format!("Give the sender the address {URL}, for requests with the method POST."));
    assert_eq!(steps[1..], *expected);
}

#[test]
fn a_scheme_of_its_own_says_which_secret_to_set_and_where_the_sender_sends_what() {
    const ANY: &str = "Take the secret that the sender shows, or invent one (`openssl rand -hex 32`) and enter it at the \
                       sender. Set it: `npx wrangler secret put S`.";
    let hmac = json!({"scheme": "hmac", "secret": "S", "header": "X-Acme-Signature", "prefix": "sha256="});
    check_scheme(
        &hmac,
        &[
            ANY,
            "The sender signs each delivery. The signature (HMAC-SHA256, hex) is in the header `x-acme-signature`, after \
             `sha256=`.",
        ],
    );
    let like_stripe = json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "encoding": "base64",
        "algorithm": "sha512", "item_separator": ",", "label": "v1", "signed": "{timestamp}.{body}", "timestamp": "items.t"});
    check_scheme(
        &like_stripe,
        &[
            ANY,
            "The sender signs each delivery. The signature (HMAC-SHA512, base64) is in the header `x-sig`, after `v1=`. The \
             time is in the item `t` of the same header.",
        ],
    );
    let ed25519 = json!({"scheme": "ed25519", "secret": ["S", "T"], "secret_encoding": "hex",
        "signature": "body.signature", "signed": "{body.id}"});
    check_scheme(
        &ed25519,
        &[
            "The secret is the sender's public key. Set it: `npx wrangler secret put S` and `npx wrangler secret put T`.",
            "The sender signs each delivery. The signature (ed25519, hex) is in `body.signature`.",
        ],
    );
    let jwt = json!({"scheme": "jwt", "secret": "S", "header": "authorization"});
    check_scheme(
        &jwt,
        &[
            ANY,
            "The sender signs a JSON Web Token with the secret and sends it in the header `authorization`.",
        ],
    );
    let bearer = "The sender sends the header `authorization` with `Bearer`, a space and the secret.";
    check_scheme(&json!({"scheme": "bearer", "secret": "S"}), &[ANY, bearer]);
    check_scheme(
        &json!({"scheme": "basic", "secret": "S"}),
        &[
            "The secret is `user:password`: invent both, and enter them at the sender. Set it: `npx wrangler secret put S`.",
            "The sender sends user and password as Basic authentication, in the header `authorization`.",
        ],
    );
    let header = json!({"scheme": "header", "secret": "S", "header": "X-Token"});
    check_scheme(&header, &[ANY, "The sender sends the secret in the header `x-token`."]);
    let query = "The address that you give to the sender ends in `?key=` and the secret.";
    check_scheme(&json!({"scheme": "query", "secret": "S", "parameter": "key"}), &[ANY, query]);
    let field = json!({"scheme": "field", "secret": "S", "field": "body.token"});
    check_scheme(&field, &[ANY, "The sender sends the secret in `body.token`."]);
    let open = "Nothing proves who calls: anybody who knows the address may send events.";
    check_scheme(&json!({"scheme": "none"}), &[open]);
}

#[test]
fn a_hook_without_a_sender_has_nothing_to_connect() {
    let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "schedule": "0 3 * * *"});
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    assert_eq!(setup_steps(hook, URL), ["Nobody calls this hook: its schedule starts its runs."]);
}
