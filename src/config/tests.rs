//! Valid configurations, and the mistakes in invalid ones.

use serde_json::{Value, json};

use super::*;

fn read(vars: &Value) -> Configuration {
    Configuration::read(vars.as_object().unwrap())
}

fn hook(change: impl FnOnce(&mut Value)) -> Value {
    let mut hook = json!({
        "workspace": "acme", "database": "sales-demo", "workflow": "seed-account",
        "verify": {"scheme": "standard-webhooks", "secret": "CRM_SECRET"},
        "when": "body.type == 'deal.won'", "params": {"rows": "{{ body.seats }}"},
    });
    change(&mut hook);
    hook
}

#[track_caller]
fn check(change: impl FnOnce(&mut Value), expected: &str) {
    let configuration = read(&json!({"HOOKS": {"crm": hook(change)}}));
    let found: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(expected), "{found:#?}");
}

#[test]
fn a_complete_hook_has_no_mistakes() {
    let configuration = read(&json!({"HOOKS": {"crm-deal-won": hook(|_| ())}}));
    assert_eq!(configuration.mistakes().count(), 0);
    let hook = configuration.hooks.values().next().unwrap().as_ref().unwrap();
    assert_eq!(hook.rules.len(), 1);
    assert_eq!(hook.rules[0].settings.deadline_ms, 86_400_000);
    assert_eq!(configuration.secret_names().into_iter().collect::<Vec<_>>(), ["CRM_SECRET"]);
    assert_eq!(configuration.sweep_requests, 40);
}

#[test]
fn a_mistake_names_the_field_what_it_got_and_what_it_takes() {
    check(|hook| hook["verfy"] = json!(1), "HOOKS.crm.verfy: unknown field; did you mean `verify`?");
    check(|hook| hook["workflow"] = json!(7), "HOOKS.crm.workflow: must be a text, got 7");
    check(
        |hook| hook["workspace"] = json!(".."),
        "HOOKS.crm.workspace: must be a name of at most 256 bytes, got \"..\"",
    );
    check(|hook| hook["project"] = json!("p"), "HOOKS.crm.project: cannot be used together with `database`");
    check(|hook| drop(hook.as_object_mut().unwrap().remove("database")), "HOOKS.crm: `database` is missing");
    check(|hook| drop(hook.as_object_mut().unwrap().remove("verify")), "HOOKS.crm: `verify` is missing");
    check(|hook| hook["verify"] = json!({"scheme": "githib", "secret": "S"}), "did you mean \"github\"?");
    check(|hook| hook["verify"] = json!({"scheme": "github"}), "HOOKS.crm.verify: `secret` is missing");
    check(
        |hook| hook["verify"] = json!({"scheme": "github", "secret": "whsec_ab+/="}),
        "must be the name of a secret",
    );
    check(|hook| hook["verify"] = json!({"scheme": "github", "secret": []}), "must be the name of a secret");
    check(
        |hook| hook["verify"] = json!({"scheme": "stripe", "secret": "whsec_MfKQ9r8G"}),
        "must be the name of a secret",
    );
    check(|hook| hook["params"]["rows"] = json!("{{ item.x }}"), "unknown variable `item`");
    check(|hook| hook["verify"] = json!({"scheme": "none", "secret": "S"}), "checks no secret");
    let verify = |own: Value| {
        move |hook: &mut Value| {
            hook["verify"] = own;
            hook["verify"]["secret"] = json!("S");
        }
    };
    check(verify(json!({"scheme": "github", "tolerance": 5})), "HOOKS.crm.verify.tolerance: unknown field");
    check(verify(json!({"scheme": "stripe", "tolerance": "2d"})), "must be 1 second to 24 hours, got \"2d\"");
    check(verify(json!({"scheme": "meta"})), "HOOKS.crm.verify: `verify_token` is missing");
    check(verify(json!({"scheme": "hmac"})), "HOOKS.crm.verify: `header` is missing");
    check(
        verify(json!({"scheme": "hmac", "header": "x sig"})),
        "HOOKS.crm.verify.header: must be the name of a header, or a list of up to 4, got \"x sig\"",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "algoritm": "sha1"})), "did you mean `algorithm`?");
    check(
        verify(json!({"scheme": "hmac", "header": "x", "algorithm": "md5"})),
        "must be one of \"sha256\", \"sha512\", \"sha1\", got \"md5\"",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "signed": "{bdy}"})), "has an unknown {bdy}");
    check(
        verify(json!({"scheme": "hmac", "header": "x", "signed": "{timestamp}{body}"})),
        "`timestamp` is missing",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "signed": "{id}{body}"})), "`id` is missing");
    check(
        verify(json!({"scheme": "hmac", "header": "x", "timestamp": "headers.t"})),
        "must be covered by the signature",
    );
    check(
        verify(json!({"scheme": "hmac", "header": "x", "id": "x-id"})),
        "HOOKS.crm.verify.id: must be headers.NAME, query.NAME",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "field_separator": "="})), "needs `label`");
    check(
        verify(json!({"scheme": "jwt", "header": "x", "algorithm": "none"})),
        "must be HS256, HS384, HS512, or a list of them, got \"none\"",
    );
    check(
        verify(json!({"scheme": "twilio", "url": "example"})),
        "HOOKS.crm.verify.url: must be an http or https address, got \"example\"",
    );
    check(|hook| hook["verify"] = json!({"scheme": "aws-sns"}), "`topic_arn` is missing");
    check(|hook| hook["verify"] = json!({"scheme": "aws-sns", "topic_arn": "x"}), "must be a topic's ARN");
    check(|hook| hook["handshake"] = json!("mondy"), "did you mean \"monday\"?");
    check(
        |hook| hook["handshake"] = json!("github"),
        "must be a sender with a handshake, or a table, got \"github\"",
    );
    check(|hook| hook["handshake"] = json!({"text": "query.c"}), "HOOKS.crm.handshake: `when` is missing");
    check(
        |hook| hook["handshake"] = json!({"method": "PUT", "text": "query.c"}),
        "must be one of \"POST\", \"GET\", \"OPTIONS\", got \"PUT\"",
    );
    check(|hook| hook["answer"] = json!({"status": 404}), "must be a whole number from 200 to 299, got 404");
    check(
        |hook| hook["each"] = json!("items"),
        "HOOKS.crm.each: must be headers.NAME, query.NAME, body.PATH",
    );
    check(
        |hook| hook["each"] = json!("headers.x"),
        "HOOKS.crm.each: must be a path in the body, got \"headers.x\"",
    );
    check(|hook| hook["item_id"] = json!("{{ item.id }}"), "HOOKS.crm.item_id: needs `each`");
    let item_id = |id: &'static str| {
        move |hook: &mut Value| {
            hook["each"] = json!("body");
            hook["item_id"] = json!(id);
        }
    };
    check(item_id("{{ body.id }}"), "HOOKS.crm.item_id: does not mention `item`");
    check(item_id("{{ itm.id }}"), "HOOKS.crm.item_id: unknown variable `itm`; did you mean `item`?");
    check(item_id("x"), "HOOKS.crm.item_id: has no `{{ … }}`, so every delivery would have the same id");
    check(
        |hook| hook["rate_limit"] = json!({"binding": "L", "by": "ip"}),
        "must be one of \"hook\", \"sender\", got \"ip\"",
    );
    check(|hook| hook["rate_limit"] = json!(5), "must be the name of a rate-limiting binding, got 5");
    check(|hook| hook["when"] = json!("body.type == "), "HOOKS.crm.when: syntax error");
    check(|hook| hook["when"] = json!("bdy.type == 1"), "did you mean `body`?");
    check(
        |hook| hook["params"]["rows"] = json!("{{ body.x | uper }}"),
        "HOOKS.crm.params.rows: unknown filter `uper`",
    );
    check(|hook| hook["archive"] = json!("{{ file.name }}"), "HOOKS.crm.archive: must contain {{ run_id }}");
    check(
        |hook| hook["deadline"] = json!("soon"),
        "HOOKS.crm.deadline: must be 1 minute to 7 days, got \"soon\"",
    );
    check(
        |hook| hook["deadline"] = json!("8d"),
        "HOOKS.crm.deadline: must be 1 minute to 7 days, got \"8d\"",
    );
    check(|hook| hook["on_unconfirmed"] = json!("yes"), "must be one of \"park\", \"restart\", got \"yes\"");
    check(
        |hook| hook["on_redelivery"] = json!("retry"),
        "must be one of \"ignore\", \"retry_failed\", got \"retry\"",
    );
    check(
        |hook| hook["max_body_bytes"] = json!(0),
        "HOOKS.crm.max_body_bytes: must be a whole number from 1 to 4194304, got 0",
    );
    check(|hook| hook["start_attempts_max"] = json!(21), "must be a whole number from 1 to 20, got 21");
    check(|hook| hook["paused"] = json!("yes"), "HOOKS.crm.paused: must be true or false, got \"yes\"");
    check(
        |hook| hook["delivery_id"] = json!("constant"),
        "HOOKS.crm.delivery_id: has no `{{ … }}`, so every delivery would have the same id",
    );
    check(|hook| hook["rules"] = json!([]), "HOOKS.crm.rules: must be a list of 1 to 32 rules, got []");
    check(
        |hook| hook["rules"] = json!([{"wen": "true"}]),
        "HOOKS.crm.rules.0.wen: unknown field; did you mean `when`?",
    );
    check(|hook| *hook = json!("x"), "HOOKS.crm: must be a table, got \"x\"");
}

#[test]
fn a_rule_inherits_the_fields_of_its_hook() {
    let configuration = read(&json!({"HOOKS": {"crm": hook(|hook| {
        hook["rules"] = json!([
            {"when": "body.type == 'a'"},
            {"workflow": "other", "project": "p", "deadline": 3600},
        ]);
    })}}));
    assert_eq!(configuration.mistakes().count(), 0, "{:?}", configuration.mistakes().collect::<Vec<_>>());
    let hook = configuration.hooks.values().next().unwrap().as_ref().unwrap();
    let [first, second] = hook.rules.as_slice() else { panic!("two rules") };
    assert_eq!(first.target.workflow, "seed-account");
    assert_eq!(first.when.as_ref().unwrap().source(), "body.type == 'a'");
    assert_eq!(second.when.as_ref().unwrap().source(), "body.type == 'deal.won'");
    assert_eq!(second.target.place, crate::fabricate::Place::Project("p".into()));
    assert_eq!(second.settings.deadline_ms, 3_600_000);
}

#[test]
fn a_broken_hook_does_not_affect_the_others() {
    let configuration =
        read(&json!({"HOOKS": {"bad": {}, "good": hook(|_| ())}, "HOOKS_MORE": {"more": hook(|_| ())}}));
    let whole: Vec<&str> =
        configuration.hooks.iter().filter(|(_, hook)| hook.is_ok()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(whole, ["good", "more"]);
    assert!(configuration.is_usable());
}

#[test]
fn a_hook_that_is_configured_twice_is_a_mistake() {
    let configuration = read(
        &json!({"HOOKS": {"crm": hook(|_| ())}, "HOOKS_B": {"crm": hook(|_| ())}, "HOOKS_TEXT": "ignored"}),
    );
    assert_eq!(
        configuration.mistakes().next().unwrap().to_string(),
        "HOOKS_B.crm: is configured twice; keep one of the two"
    );
}

#[test]
fn expressions_see_the_table_env_and_no_other_variable() {
    let rows = |rows: &str| hook(|hook| hook["params"]["rows"] = json!(rows));
    let found = |vars: Value| read(&vars).mistakes().map(ToString::to_string).collect::<Vec<_>>();
    let env = json!({"REGION": "eu", "ROWS": 100});
    assert_eq!(found(json!({"ENV": env, "HOOKS": {"crm": rows("{{ env.ROWS }}")}})), [""; 0]);
    let misspelt = found(json!({"ENV": env, "HOOKS": {"crm": rows("{{ env.ROW }}")}}));
    assert!(
        misspelt[0]
            .starts_with("HOOKS.crm.params.rows: unknown variable `env.ROW`; did you mean `env.ROWS`?")
    );
    let other = found(json!({"ENV": env, "OTHER": "x", "HOOKS": {"crm": rows("{{ env.FABRICATE_URL }}")}}));
    assert!(
        other[0].contains("unknown variable `env.FABRICATE_URL`; there are env.REGION, env.ROWS"),
        "{other:?}"
    );
    let when = found(json!({"HOOKS": {"crm": hook(|hook| hook["when"] = json!("body.x == env.X"))}}));
    assert!(
        when[0].starts_with("HOOKS.crm.when: unknown variable `env.X`; there is nothing in [vars.ENV]"),
        "{when:?}"
    );
    assert_eq!(
        found(json!({"ENV": "REGION=eu"})),
        [
            "ENV: must be a table, got \"REGION=eu\"; write [vars.ENV] and a line such as REGION = \"eu\" for each"
        ]
    );
}

#[test]
fn variables_outside_hooks_are_checked_too() {
    let configuration = read(&json!({"HOOKS": "[]", "FABRICATE_URL": "fabricate", "SWEEP_REQUESTS": "many"}));
    assert_eq!(configuration.mistakes.len(), 3);
    assert!(!configuration.is_usable());
    assert_eq!(read(&json!({"SWEEP_REQUESTS": "7"})).sweep_requests, 7);
    assert_eq!(read(&json!({})).fabricate_rate, None);
    assert_eq!(read(&json!({"FABRICATE_RATE": "60"})).fabricate_rate, Some(60));
    for rate in [json!(0), json!(4), json!("1/s"), json!(9_001), json!(null)] {
        let configuration = read(&json!({"FABRICATE_RATE": rate}));
        assert_eq!((configuration.fabricate_rate, configuration.mistakes.len()), (None, 1), "{rate}");
    }
    let configuration = read(&json!({"HOOKS": {"Bad Name": {}}}));
    assert_eq!(
        configuration.mistakes().next().unwrap().problem,
        "must have a name of 1 to 63 of a-z, 0-9 and -"
    );
}

#[track_caller]
fn check_handshake(verify: &Value, handshake: &Value, expected: Option<&str>) {
    let configuration = read(
        &json!({"HOOKS": {"h": {"workspace": "w", "database": "d", "workflow": "f", "verify": verify, "handshake": handshake}}}),
    );
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    match expected {
        None => assert!(mistakes.is_empty(), "{verify} {handshake}: {mistakes:?}"),
        Some(expected) => {
            let found = mistakes.iter().any(|mistake| mistake.contains(expected));
            assert!(found, "{verify} {handshake}: {mistakes:?}");
        }
    }
}

fn hmac(change: &Value) -> Value {
    let mut verify = json!({"scheme": "hmac", "secret": "S", "header": "x-sig"});
    verify.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    verify
}

#[test]
fn a_handshake_that_is_a_signing_oracle_is_a_mistake() {
    let crc = json!({"method": "GET", "when": {"query.crc_token": true}, "json": {"response_token": "hmac-sha256 query.crc_token"}});
    let problem =
        Some("HOOKS.h.handshake.json: hmac-sha256 query.crc_token signs any text that a stranger sends");
    for change in [
        json!({}),
        json!({"encoding": "base64"}),
        json!({"secret_encoding": "base64"}),
        json!({"secret_encoding": "hex", "prefix": "sha256="}),
        json!({"signed": "v0:{timestamp}:{body}", "timestamp": "headers.x-at"}),
        json!({"signed": "{body_sha256_bytes}"}),
    ] {
        check_handshake(&hmac(&change), &crc, problem);
    }
    let jwt = |algorithm: Value| json!({"scheme": "jwt", "secret": "S", "header": "authorization", "algorithm": algorithm});
    check_handshake(&jwt(json!(["HS512", "HS256"])), &crc, problem);
    for sender in ["github", "standard-webhooks", "gitlab", "zoom", "monday"] {
        check_handshake(&json!({"scheme": sender, "secret": "S"}), &crc, problem);
    }
    let by_token =
        json!({"when": {"body.t": true}, "token": "query.token", "json": {"t": "hmac-sha256 body.t"}});
    check_handshake(&hmac(&json!({})), &by_token, Some("signs any text"));
    // In a header of the answer it is the same.
    let header = json!({"method": "GET", "headers": {"x-crc": "hmac-sha256 query.crc_token"}});
    check_handshake(
        &hmac(&json!({})),
        &header,
        Some("HOOKS.h.handshake.headers: hmac-sha256 query.crc_token signs any"),
    );
    // Another algorithm, or a token, which no HMAC is.
    for verify in [
        hmac(&json!({"algorithm": "sha512"})),
        hmac(&json!({"algorithm": "sha1"})),
        jwt(json!("HS512")),
        json!({"scheme": "bearer", "secret": "S"}),
        json!({"scheme": "twilio", "secret": "S"}),
    ] {
        check_handshake(&verify, &crc, None);
    }
    for verify in [
        json!({"scheme": "none"}),
        json!({"scheme": "ed25519", "secret": "S", "secret_encoding": "hex", "header": "x"}),
    ] {
        check_handshake(&verify, &crc, Some("needs a secret"));
    }
}

#[test]
fn a_verified_handshake_signs_only_what_its_own_signature_covers() {
    let of = |place: &str| json!({"when": {"body.type": "check"}, "verified": true, "json": {"t": format!("hmac-sha256 {place}")}});
    let uncovered = Some("is not covered by the signature: a caller with one signed request");
    check_handshake(&hmac(&json!({})), &of("body.t"), None);
    check_handshake(&hmac(&json!({})), &json!("zoom"), None);
    check_handshake(&hmac(&json!({})), &of("query.t"), uncovered);
    check_handshake(&hmac(&json!({})), &of("headers.x-t"), uncovered);
    check_handshake(&hmac(&json!({})), &of("body.t|query.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{url}{body}"})), &of("query.t"), None);
    check_handshake(
        &hmac(&json!({"signed": "{url}{body}", "url": "https://a.example/h?x=1"})),
        &of("query.t"),
        uncovered,
    );
    check_handshake(&hmac(&json!({"signed": "{headers.x-t}.{body}"})), &of("headers.x-t"), None);
    check_handshake(&hmac(&json!({"signed": "{body.id}"})), &of("body.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{url}{form}"})), &of("body.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{url}{form}", "body_hash": "query.h"})), &of("body.t"), None);
    check_handshake(&hmac(&json!({"signed": "{form}", "body_hash": "query.h"})), &of("body.t"), uncovered);
    check_handshake(&hmac(&json!({"signed": "{body.id}", "each": "body.items"})), &of("body.id"), uncovered);
    let jwt = |claims: Value| {
        let mut verify = json!({"scheme": "jwt", "secret": "S", "header": "authorization"});
        verify.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        verify
    };
    check_handshake(&jwt(json!({})), &of("body.t"), uncovered);
    check_handshake(&jwt(json!({"body_claim": "sha256"})), &of("body.t"), None);
    check_handshake(&jwt(json!({"body_claim": "sha256"})), &of("query.t"), uncovered);
}

#[test]
fn the_headers_of_an_answer_are_bounded() {
    let of = |headers: Value| json!({"method": "OPTIONS", "headers": headers});
    let none = json!({"scheme": "none"});
    check_handshake(&none, &of(json!({"webhook-allowed-origin": "headers.webhook-request-origin"})), None);
    for name in ["set-cookie", "Content-Type", "allow", "a b", "location"] {
        check_handshake(&none, &of(json!({name: "x"})), Some("is a header that no handshake may set"));
    }
    for value in [json!("a\nb"), json!(""), json!(1), json!("é"), json!("x".repeat(257))] {
        check_handshake(
            &none,
            &of(json!({"x-a": value})),
            Some("HOOKS.h.handshake.headers.x-a: must be a source, or a text"),
        );
    }
    let many: serde_json::Map<String, Value> =
        (0..9).map(|number| (format!("x-{number}"), json!("1"))).collect();
    check_handshake(&none, &of(many.into()), Some("must be a table of 1 to 8 headers"));
    check(
        |hook| hook["answer"] = json!({"headers": {"x-a": "1"}}),
        "HOOKS.crm.answer.headers: unknown field",
    );
    check(|hook| hook["answer"] = json!({"json": {"t": "hmac-sha256 body.t"}}), "must not hold an HMAC");
}

#[test]
fn signature_version_2_can_be_required_for_sns() {
    let topic = "arn:aws:sns:us-east-1:123456789012:deals";
    let verify = |version: Value| {
        move |hook: &mut Value| {
            hook["verify"] = json!({"scheme": "aws-sns", "topic_arn": topic, "signature_version": version});
        }
    };
    assert_eq!(read(&json!({"HOOKS": {"h": hook(verify(json!(2)))}})).mistakes().count(), 0);
    check(verify(json!(3)), "must be a whole number from 1 to 2, got 3");
    check(verify(json!("2")), "must be a whole number from 1 to 2, got \"2\"");
    check(|hook| hook["verify"]["signature_version"] = json!(2), "unknown field");
}
