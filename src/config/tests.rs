//! Valid configurations, and the mistakes in invalid ones.

use std::cell::RefCell;

use serde_json::{Value, json};

use super::*;

mod handshakes;

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
    let hook = configuration.hooks.values().next().unwrap().unwrap();
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
}

#[test]
fn a_mistake_in_verify_names_the_field() {
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
        "HOOKS.crm.verify.url: must be an http or https address with a host in ASCII, got \"example\"",
    );
    check(|hook| hook["verify"] = json!({"scheme": "aws-sns"}), "`topic_arn` is missing");
    check(|hook| hook["verify"] = json!({"scheme": "aws-sns", "topic_arn": "x"}), "must be a topic's ARN");
}

#[test]
fn a_mistake_about_events_and_answers_names_the_field() {
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
}

#[test]
fn a_mistake_in_a_rule_names_the_field() {
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
    let hook = configuration.hooks.values().next().unwrap().unwrap();
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

/// A table that records which of its hooks are read.
struct Recording(Map<String, Value>, RefCell<Vec<String>>);

impl HookTable for Recording {
    fn names(&self) -> Vec<String> {
        self.0.names()
    }

    fn hook(&self, name: &str) -> Result<Value, String> {
        self.1.borrow_mut().push(name.to_owned());
        if name == "lost" { Err("it has no JSON".to_owned()) } else { self.0.hook(name) }
    }
}

#[test]
fn a_hook_is_read_once_when_it_is_needed() {
    let hooks = json!({"a": hook(|_| ()), "broken": {"workflow": 7}, "lost": {}, "Bad": hook(|_| ())});
    let table = Rc::new(Recording(hooks.as_object().unwrap().clone(), RefCell::default()));
    let variables = Variables { values: Map::new(), hooks: vec![("HOOKS".into(), Rc::clone(&table) as _)] };
    let configuration = Configuration::of(&variables);
    let read = || table.1.borrow().join(" ");
    assert_eq!(configuration.mistakes.len(), 1, "a name is checked at once");
    assert_eq!(
        configuration.hooks.names().map(HookName::as_str).collect::<Vec<_>>(),
        ["a", "broken", "lost"]
    );
    assert_eq!(read(), "");
    let get = |name: &str| configuration.hooks.get(&HookName::try_from(name.to_owned()).unwrap());
    assert!(get("absent").is_none() && get("a").unwrap().is_ok() && get("a").unwrap().is_ok());
    assert_eq!(read(), "a");
    let lost: Vec<String> = get("lost").unwrap().unwrap_err().iter().map(ToString::to_string).collect();
    assert_eq!(lost, ["HOOKS.lost: cannot be read: it has no JSON; write it as a table of [vars]"]);
    assert!(configuration.mistakes().count() > 2);
    assert_eq!(configuration.hooks.values().filter_map(Result::ok).count(), 1);
    assert_eq!(read(), "a lost broken");
    assert_eq!(configuration.hooks.into_values().filter(Result::is_err).count(), 2);
    assert_eq!(read(), "a lost broken");
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

#[test]
fn access_needs_a_team_and_its_audiences() {
    let tag = "0123456789abcdef".repeat(4);
    let read = |team: Value, aud: Value| {
        let mut vars = json!({"HOOKS": {"crm": hook(|_| ())}});
        for (name, value) in [("ACCESS_TEAM", team), ("ACCESS_AUD", aud)] {
            if !value.is_null() {
                vars[name] = value;
            }
        }
        let Configuration { access, mistakes, .. } = self::read(&vars);
        (access.is_some(), mistakes.first().map(ToString::to_string).unwrap_or_default())
    };
    assert_eq!(read(json!("acme"), json!(tag)), (true, String::new()));
    assert_eq!(
        read(json!(" acme.cloudflareaccess.com "), json!(format!("{tag}, {tag}"))),
        (true, String::new())
    );
    assert_eq!(read(json!(null), json!(null)), (false, String::new()));
    for (team, aud, expected) in [
        (json!("acme"), json!(null), "ACCESS_TEAM: needs ACCESS_AUD, too: nobody"),
        (json!(null), json!(tag), "ACCESS_AUD: needs ACCESS_TEAM, too: nobody"),
        (
            json!("https://acme.example"),
            json!(tag),
            "ACCESS_TEAM: must be the name of a team, or its domain, got",
        ),
        (json!(7), json!(tag), "ACCESS_TEAM: must be the name of a team, or its domain, got 7; write acme"),
        (
            json!("acme"),
            json!("abc"),
            "ACCESS_AUD: must be 1 to 8 audience tags of 64 hex digits, with commas",
        ),
        (json!("acme"), json!([tag]), "ACCESS_AUD: must be 1 to 8"),
    ] {
        let (is_open, mistake) = read(team, aud);
        assert!(!is_open && mistake.starts_with(expected), "{mistake}");
    }
}

#[test]
fn mistakes_about_runs_that_wait_have_remedies() {
    check(|hook| hook["when_busy"] = json!("skip"), "HOOKS.crm.when_busy: needs `concurrency`");
    check(|hook| hook["debounce"] = json!("30s"), "HOOKS.crm.debounce: needs `concurrency`");
    let keyed = |field: &'static str, value: Value| {
        move |hook: &mut Value| {
            hook["concurrency"] = json!("{{ workspace }}/{{ database }}");
            hook[field] = value;
        }
    };
    check(
        keyed("when_busy", json!("queue")),
        "must be one of \"wait\", \"replace\", \"skip\", got \"queue\"",
    );
    check(keyed("debounce", json!("2h")), "HOOKS.crm.debounce: must be 1 second to 1 hour, got \"2h\"");
    check(keyed("concurrency", json!("{{ item.x }}")), "HOOKS.crm.concurrency: ");
    check(keyed("concurrency", json!(" ")), "HOOKS.crm.concurrency: must be a template with a value");
    check(
        keyed("max_running", json!(0)),
        "HOOKS.crm.max_running: must be a whole number from 1 to 50, got 0; leave it out for no limit",
    );
    let skip_and_debounce = |hook: &mut Value| {
        keyed("debounce", json!("30s"))(hook);
        hook["when_busy"] = json!("skip");
    };
    check(skip_and_debounce, "HOOKS.crm.when_busy: cannot be used together with `debounce`");
    let configuration = read(&json!({"MAX_RUNNING": 51}));
    let found: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    assert!(found[0].contains("MAX_RUNNING: must be a whole number from 1 to 50, got 51"), "{found:?}");
}

#[test]
fn runs_wait_as_their_hook_and_its_rules_say() {
    let configuration = read(&json!({"MAX_RUNNING": "8", "HOOKS": {"crm": hook(|hook| {
        hook["concurrency"] = json!("{{ env.REGION }}{{ database }}");
        hook["max_running"] = json!(3);
        hook["rules"] = json!([{"when_busy": "replace"}, {"concurrency": "all", "debounce": "30s"}]);
    })}}));
    assert_eq!(configuration.mistakes().map(ToString::to_string).collect::<Vec<_>>().len(), 1, "no REGION");
    let configuration =
        read(&json!({"MAX_RUNNING": "8", "ENV": {"REGION": "eu"}, "HOOKS": {"crm": hook(|hook| {
            hook["concurrency"] = json!("{{ env.REGION }}{{ database }}");
            hook["max_running"] = json!(3);
            hook["rules"] = json!([{"when_busy": "replace"}, {"concurrency": "all", "debounce": "30s"}]);
        })}}));
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    let shown = hook.rules.iter().map(|rule| {
        let (settings, key) = (&rule.settings, rule.concurrency.as_ref().unwrap().source());
        (
            key,
            settings.when_busy,
            settings.debounce_ms,
            settings.max_running.hook,
            settings.max_running.worker,
        )
    });
    let (some, key) = ((Some(3), Some(8)), "{{ env.REGION }}{{ database }}");
    let expected = [
        (key, crate::hook::WhenBusy::Replace, None, some.0, some.1),
        ("all", crate::hook::WhenBusy::Wait, Some(30_000), some.0, some.1),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn mistakes_about_schedules_have_remedies() {
    let schedule = |text: &'static str| move |hook: &mut Value| hook["schedule"] = json!(text);
    check(schedule("0 0 30 2 *"), "HOOKS.crm.schedule: never comes");
    check(schedule("0 0 3 * * *"), "HOOKS.crm.schedule: has 6 fields, and takes five");
    check(schedule("0 25 * * *"), "HOOKS.crm.schedule: cannot be read");
    check(|hook| hook["schedule_offset"] = json!("+01:00"), "HOOKS.crm.schedule_offset: needs `schedule`");
    let offset = |text: &'static str| {
        move |hook: &mut Value| {
            hook["schedule"] = json!("0 3 * * *");
            hook["schedule_offset"] = json!(text);
        }
    };
    check(offset("Europe/Berlin"), "must be an offset from UTC of at most 14 hours, got \"Europe/Berlin\"");
    let alone = |field: &'static str, value: Value| {
        move |hook: &mut Value| {
            hook.as_object_mut().unwrap().remove("verify");
            hook["schedule"] = json!("0 3 * * *");
            hook[field] = value;
        }
    };
    check(alone("share", json!("status")), "HOOKS.crm.share: is for a sender, and the hook has none");
    check(alone("each", json!("body")), "HOOKS.crm.each: cannot be used together with `schedule`");
    let configuration = read(&json!({"HOOKS": {"crm": hook(alone("paused", json!(false)))}}));
    assert_eq!(configuration.mistakes().count(), 0);
    let hook = configuration.hooks.values().next().unwrap().unwrap();
    assert!(!hook.has_address() && hook.schedule.is_some());
}
