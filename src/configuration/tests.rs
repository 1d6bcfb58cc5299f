//! What a configuration may say, and what is said of one that says it wrongly.

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
    let told: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains(expected), "{told:#?}");
}

#[test]
fn the_designs_own_example_is_whole() {
    let configuration = read(&json!({"HOOKS": {"crm-deal-won": hook(|_| ())}}));
    assert_eq!(configuration.mistakes().count(), 0);
    let hook = configuration.hooks.values().next().unwrap().as_ref().unwrap();
    assert_eq!(hook.rules.len(), 1);
    assert_eq!(hook.rules[0].settings.deadline_ms, 86_400_000);
    assert_eq!(configuration.secret_names().into_iter().collect::<Vec<_>>(), ["CRM_SECRET"]);
    assert_eq!(configuration.sweep_requests, 40);
}

#[test]
fn each_mistake_says_where_what_and_what_would_be_right() {
    check(|hook| hook["verfy"] = json!(1), "HOOKS.crm.verfy: unknown field; did you mean `verify`?");
    check(|hook| hook["workflow"] = json!(7), "HOOKS.crm.workflow: is not a text");
    check(|hook| hook["workspace"] = json!(".."), "HOOKS.crm.workspace: is no name");
    check(|hook| hook["project"] = json!("p"), "HOOKS.crm.project: stands beside `database`");
    check(|hook| drop(hook.as_object_mut().unwrap().remove("database")), "HOOKS.crm: `database` is missing");
    check(|hook| drop(hook.as_object_mut().unwrap().remove("verify")), "HOOKS.crm: `verify` is missing");
    check(|hook| hook["verify"] = json!({"scheme": "githib", "secret": "S"}), "did you mean \"github\"?");
    check(|hook| hook["verify"] = json!({"scheme": "github"}), "HOOKS.crm.verify: `secret` is missing");
    check(
        |hook| hook["verify"] = json!({"scheme": "github", "secret": "whsec_ab+/="}),
        "is not the name of a secret",
    );
    check(|hook| hook["verify"] = json!({"scheme": "github", "secret": []}), "is not the name of a secret");
    check(
        |hook| hook["verify"] = json!({"scheme": "stripe", "secret": "whsec_MfKQ9r8G"}),
        "is not the name of a secret",
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
    check(verify(json!({"scheme": "stripe", "tolerance": "2d"})), "is no duration from 1 second to 24 hours");
    check(verify(json!({"scheme": "meta"})), "HOOKS.crm.verify: `verify_token` is missing");
    check(verify(json!({"scheme": "hmac"})), "HOOKS.crm.verify: `header` is missing");
    check(verify(json!({"scheme": "hmac", "header": "x sig"})), "HOOKS.crm.verify.header: is neither");
    check(verify(json!({"scheme": "hmac", "header": "x", "algoritm": "sha1"})), "did you mean `algorithm`?");
    check(
        verify(json!({"scheme": "hmac", "header": "x", "algorithm": "md5"})),
        "it is one of \"sha256\", \"sha512\"",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "signed": "{bdy}"})), "has an unknown {bdy}");
    check(
        verify(json!({"scheme": "hmac", "header": "x", "signed": "{timestamp}{body}"})),
        "`timestamp` is missing",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "signed": "{id}{body}"})), "`id` is missing");
    check(
        verify(json!({"scheme": "hmac", "header": "x", "timestamp": "headers.t"})),
        "not covered by the signature",
    );
    check(verify(json!({"scheme": "hmac", "header": "x", "id": "x-id"})), "names no place in a delivery");
    check(verify(json!({"scheme": "hmac", "header": "x", "field_separator": "="})), "stands without `label`");
    check(verify(json!({"scheme": "jwt", "header": "x", "algorithm": "none"})), "it is HS256, HS384, HS512");
    check(verify(json!({"scheme": "twilio", "url": "example"})), "HOOKS.crm.verify.url: is no address");
    check(|hook| hook["verify"] = json!({"scheme": "aws-sns"}), "`topic_arn` is missing");
    check(|hook| hook["verify"] = json!({"scheme": "aws-sns", "topic_arn": "x"}), "is no topic's ARN");
    check(|hook| hook["handshake"] = json!("mondy"), "did you mean \"monday\"?");
    check(|hook| hook["handshake"] = json!("github"), "is no sender with a handshake");
    check(|hook| hook["handshake"] = json!({"text": "query.c"}), "HOOKS.crm.handshake: `when` is missing");
    check(|hook| hook["handshake"] = json!({"method": "PUT", "text": "query.c"}), "neither GET nor POST");
    check(|hook| hook["answer"] = json!({"status": 404}), "is no whole number from 200 to 299");
    check(|hook| hook["each"] = json!("items"), "HOOKS.crm.each: names no place");
    check(|hook| hook["each"] = json!("headers.x"), "HOOKS.crm.each: is no place in the body");
    check(|hook| hook["item_id"] = json!("{{ item.id }}"), "HOOKS.crm.item_id: stands without `each`");
    let item_id = |id: &'static str| {
        move |hook: &mut Value| {
            hook["each"] = json!("body");
            hook["item_id"] = json!(id);
        }
    };
    check(item_id("{{ body.id }}"), "HOOKS.crm.item_id: does not mention `item`");
    check(item_id("{{ itm.id }}"), "HOOKS.crm.item_id: unknown variable `itm`; did you mean `item`?");
    check(item_id("x"), "HOOKS.crm.item_id: is the same for every delivery");
    check(
        |hook| hook["rate_limit"] = json!({"binding": "L", "by": "ip"}),
        "it is one of \"hook\", \"sender\"",
    );
    check(|hook| hook["rate_limit"] = json!(5), "names no rate-limiting binding");
    check(|hook| hook["when"] = json!("body.type == "), "HOOKS.crm.when: syntax error");
    check(|hook| hook["when"] = json!("bdy.type == 1"), "did you mean `body`?");
    check(
        |hook| hook["params"]["rows"] = json!("{{ body.x | uper }}"),
        "HOOKS.crm.params.rows: unknown filter `uper`",
    );
    check(|hook| hook["archive"] = json!("{{ file.name }}"), "HOOKS.crm.archive: must contain {{ run_id }}");
    check(|hook| hook["deadline"] = json!("soon"), "HOOKS.crm.deadline: is no duration");
    check(|hook| hook["deadline"] = json!("8d"), "HOOKS.crm.deadline: is no duration");
    check(|hook| hook["on_unconfirmed"] = json!("yes"), "neither \"park\" nor \"restart\"");
    check(|hook| hook["on_redelivery"] = json!("retry"), "neither \"ignore\" nor \"retry_failed\"");
    check(|hook| hook["max_body_bytes"] = json!(0), "HOOKS.crm.max_body_bytes: is no whole number");
    check(|hook| hook["start_attempts_max"] = json!(21), "is no whole number from 1 to 20");
    check(|hook| hook["paused"] = json!("yes"), "HOOKS.crm.paused: is neither true nor false");
    check(
        |hook| hook["delivery_id"] = json!("constant"),
        "HOOKS.crm.delivery_id: is the same for every delivery",
    );
    check(|hook| hook["rules"] = json!([]), "HOOKS.crm.rules: is not a list of rules");
    check(
        |hook| hook["rules"] = json!([{"wen": "true"}]),
        "HOOKS.crm.rules.0.wen: unknown field; did you mean `when`?",
    );
    check(|hook| *hook = json!("x"), "HOOKS.crm: is not a table");
}

#[test]
fn a_rule_takes_from_its_hook_what_it_leaves_out() {
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
fn one_broken_hook_leaves_the_others() {
    let configuration =
        read(&json!({"HOOKS": {"bad": {}, "good": hook(|_| ())}, "HOOKS_MORE": {"more": hook(|_| ())}}));
    let whole: Vec<&str> =
        configuration.hooks.iter().filter(|(_, hook)| hook.is_ok()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(whole, ["good", "more"]);
    assert!(configuration.is_usable());
}

#[test]
fn a_name_given_twice_is_an_error() {
    let configuration = read(
        &json!({"HOOKS": {"crm": hook(|_| ())}, "HOOKS_B": {"crm": hook(|_| ())}, "HOOKS_TEXT": "ignored"}),
    );
    assert_eq!(
        configuration.mistakes().next().unwrap().to_string(),
        "HOOKS_B.crm: this hook is given twice; keep one of the two"
    );
}

#[test]
fn expressions_see_the_table_env_and_no_other_variable() {
    let rows = |rows: &str| hook(|hook| hook["params"]["rows"] = json!(rows));
    let told = |vars: Value| read(&vars).mistakes().map(ToString::to_string).collect::<Vec<_>>();
    let env = json!({"REGION": "eu", "ROWS": 100});
    assert_eq!(told(json!({"ENV": env, "HOOKS": {"crm": rows("{{ env.ROWS }}")}})), [""; 0]);
    let misspelt = told(json!({"ENV": env, "HOOKS": {"crm": rows("{{ env.ROW }}")}}));
    assert!(
        misspelt[0]
            .starts_with("HOOKS.crm.params.rows: unknown variable `env.ROW`; did you mean `env.ROWS`?")
    );
    let other = told(json!({"ENV": env, "OTHER": "x", "HOOKS": {"crm": rows("{{ env.FABRICATE_URL }}")}}));
    assert!(
        other[0].contains("unknown variable `env.FABRICATE_URL`; there are env.REGION, env.ROWS"),
        "{other:?}"
    );
    let when = told(json!({"HOOKS": {"crm": hook(|hook| hook["when"] = json!("body.x == env.X"))}}));
    assert!(
        when[0].starts_with("HOOKS.crm.when: unknown variable `env.X`; there is nothing in [vars.ENV]"),
        "{when:?}"
    );
    assert_eq!(
        told(json!({"ENV": "REGION=eu"})),
        ["ENV: is not a table; write [vars.ENV] and a line such as REGION = \"eu\" for each"]
    );
}

#[test]
fn what_stands_outside_hooks_is_checked_too() {
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
    assert_eq!(configuration.mistakes().next().unwrap().problem, "is no hook name");
}
