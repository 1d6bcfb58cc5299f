//! What expressions mean: types, what is missing, which mistakes are found, what they may see.

mod bounds;
mod dates;
mod documentation;
mod documents;
mod exactness;
mod headers;
mod methods;
mod statements;
mod strictness;
mod values;

use super::*;
use serde_json::{Value, json};

fn scope() -> Scope {
    Scope::new(&json!({
        "body": {"type": "deal.won", "seats": 15, "price": 1.5, "name": "Ann & Co", "tags": ["a", "b"],
                 "none": null, "closed_at": "2024-01-15T10:00:00Z", "huge": 9_007_199_254_740_993_i64, "yes": true,
                 "one": 1, "numeral": "500", "secret": "s3cret", "number": 7_777, "long": "1".repeat(300),
                 "items": [{"price": 5}]},
        "headers": {"x-event": "push"}, "query": {}, "hook": "h", "delivery": {"id": "d"}, "body_sha256": "",
    }))
}

#[track_caller]
fn check(source: &str, expected: &Value) {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let template = expressions.template(source).unwrap();
    assert_eq!(expressions.evaluate(&template, &scope()).as_ref(), Ok(expected), "{source}");
}

#[track_caller]
fn check_missing(source: &str) {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let template = expressions.template(source).unwrap();
    let error = expressions.evaluate(&template, &scope()).unwrap_err();
    assert!(error.missing_field, "{source}: {error}");
    assert!(error.to_string().contains(source), "{error}");
}

/// There is no value, for this reason: found when it is compiled, if it holds for every event.
#[track_caller]
fn check_refused(source: &str, expected: &str) {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let template = match expressions.template(source) {
        Ok(template) => template,
        Err(mistake) => return assert!(mistake.message.contains(expected), "{source}: {mistake}"),
    };
    let error = expressions.evaluate(&template, &scope()).expect_err(source);
    assert!(error.reason.contains(expected), "{source}: {}", error.reason);
    assert!(!error.missing_field, "{source}");
}

#[track_caller]
fn check_holds(source: &str, expected: bool) {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let condition = expressions.condition(source).unwrap();
    assert_eq!(expressions.holds(&condition, &scope()), Ok(expected), "{source}");
}

#[test]
fn one_whole_expression_keeps_its_type() {
    check("{{ body.seats * 10 }}", &json!(150));
    check("  {{- body.seats -}} ", &json!(15));
    check("{{ body.price }}", &json!(1.5));
    check("{{ body.tags }}", &json!(["a", "b"]));
    check("{{ body.none }}", &json!(null));
    check("{{ body.seats > 3 }}", &json!(true));
    check("{{ body.huge }}", &json!(9_007_199_254_740_993_i64));
    check("{{ {'a': 1} }}", &json!({"a": 1}));
    check("{{ {'a': {'b': {}}}}}", &json!({"a": {"b": {}}}));
    check("{{ '}} {{' }}", &json!("}} {{"));
    check("{{ body.closed_at[:10] }}", &json!("2024-01-15"));
}

#[test]
fn anything_else_with_braces_is_text() {
    check("Demo for {{ body.name }}", &json!("Demo for Ann & Co"));
    check("{{ body.seats }} {{ body.seats }}", &json!("15 15"));
    check("{% if body.seats > 3 %}big{% else %}small{% endif %}", &json!("big"));
    check("{{ body.seats }}\n", &json!(15));
    check("{{ body.seats }}{{ body.seats }}", &json!("1515"));
    check("{{ '{{' }} {{ '}}' }}", &json!("{{ }}"));
    check("no braces } {", &json!("no braces } {"));
}

#[test]
fn a_missing_field_is_an_error_in_a_parameter() {
    check_missing("{{ body.absent }}");
    check_missing("{{ body.absent.deeper }}");
    check_missing("x {{ body.absent }}");
    check_missing("{{ body.absent | upper }}");
    check("{{ body.absent | default('x') }}", &json!("x"));
}

#[test]
fn a_missing_field_makes_a_condition_false() {
    check_holds("body.type == 'deal.won' and body.seats >= 10", true);
    for source in [
        "body.absent == 1",
        "body.absent != 1",
        "body.absent < 5",
        "body.absent > 5",
        "body.absent",
        "not body.absent",
        "body.absent.deeper == 1",
        "body.absent in ['a']",
        "'a' in body.absent",
    ] {
        check_holds(source, false);
    }
    check_holds("body.absent is not defined", true);
    check_holds("body.absent | default(3) == 3", true);
}

#[test]
fn a_condition_that_cannot_be_evaluated_is_an_error() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let condition = expressions.condition("body.name + 1 > 2").unwrap();
    assert!(expressions.holds(&condition, &scope()).is_err());
}

#[test]
fn mistakes_are_found_before_the_first_delivery() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let mut check = |source: &str, word: &str| {
        let message = expressions.template(source).unwrap_err().message;
        assert!(message.contains(word), "{source}: {message}");
    };
    check("{{ body. }}", "syntax error");
    check("{{ body.x | uper }}", "unknown filter `uper`; did you mean `upper`?");
    check("{{ body.x | safe }}", "unknown filter `safe`");
    check("{{ 0 < body.seats < 9 }}", "comparisons cannot be chained");
    check("{{ debug() }}", "unknown variable `debug`");
    check("{{ body.x is evn }}", "unknown test `evn`");
    check("{{ bdy.x }}", "did you mean `body`?");
    check("{{ frobnicate() }}", "unknown variable `frobnicate`");
    check("{% if body.x %}", "syntax error");
    assert!(expressions.condition("{{ body.x }}").is_err());
}

#[test]
fn env_has_what_the_operator_allowed_and_nothing_else() {
    let env = json!({"REGION": "eu", "ROWS": 100, "LIMITS": {"rows": 5}});
    let mut expressions = Expressions::new(EVENT_SCOPE).with_env(&Env::new(env.as_object().unwrap()));
    let template = expressions.template("{{ [env.REGION, env['ROWS'], env.LIMITS.rows] }}").unwrap();
    assert_eq!(expressions.evaluate(&template, &scope()), Ok(json!(["eu", 100, 5])));
    let mistake =
        |expressions: &mut Expressions, source: &str| expressions.template(source).unwrap_err().message;
    for source in ["{{ env.REGOIN }}", "{{ env['REGOIN'] }}", "{% if body.x %}{{ env.REGOIN }}{% endif %}"] {
        let expected = "unknown variable `env.REGOIN`; did you mean `env.REGION`?";
        assert_eq!(mistake(&mut expressions, source), expected);
    }
    let empty = "unknown variable `env.REGION`; there is nothing in [vars.ENV]";
    assert_eq!(mistake(&mut Expressions::new(EVENT_SCOPE), "{{ env.REGION }}"), empty);
    let mut elsewhere = Expressions::new(&["file"]).with_env(&Env::new(env.as_object().unwrap()));
    assert!(mistake(&mut elsewhere, "{{ env.REGION }}").starts_with("unknown variable `env`"));
}

#[test]
fn a_condition_tells_what_it_saw() {
    let seen = |source: &str| {
        let mut expressions =
            Expressions::new(EVENT_SCOPE).with_env(&Env::new(json!({"MIN": 10}).as_object().unwrap()));
        let condition = expressions.condition(source).unwrap();
        expressions.values_seen(&condition, &scope())
    };
    let pairs = |pairs: &[(&str, Option<Value>)]| -> Vec<(String, Option<Value>)> {
        pairs.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect()
    };
    assert_eq!(
        seen(
            "body.type == 'deal.won' and (body.seats >= env.MIN or body.absent.deeper) and body.type != 'x'"
        ),
        pairs(&[
            ("body.type", Some(json!("deal.won"))),
            ("body.seats", Some(json!(15))),
            ("env.MIN", Some(json!(10))),
            ("body.absent.deeper", None),
        ])
    );
    assert_eq!(
        seen("headers['x-event'] in ['push'] and body.items[0].price > 3 and body.none is none"),
        pairs(&[
            ("headers['x-event']", Some(json!("push"))),
            ("body.items[0].price", Some(json!(5))),
            ("body.none", Some(json!(null))),
        ])
    );
    assert_eq!(
        seen("body[body.type] | default(3) > 2")[1],
        ("body.type".to_owned(), Some(json!("deal.won")))
    );
    assert_eq!(seen("body.seats > 'abc'[body.one] | length")[0], ("body.seats".to_owned(), Some(json!(15))));
    assert_eq!(seen("body.tags == {'a': 1}['a']"), pairs(&[("body.tags", Some(json!(["a", "b"])))]));
    assert_eq!(seen("body.tags | length > 1"), pairs(&[("body.tags", Some(json!(["a", "b"])))]));
    let long_ones = seen("body.long and body");
    let [(_, Some(Value::String(long))), (_, Some(whole))] = long_ones.as_slice() else {
        panic!("two values")
    };
    assert_eq!((long.len(), long.ends_with("1…")), (256 + "…".len(), true));
    assert_eq!(whole, &json!("(15 items)"));
    let many = (0..40).map(|n| format!("body.f{n}")).collect::<Vec<_>>().join(" or ");
    assert_eq!(seen(&many).len(), 32);
}

#[test]
fn a_template_keeps_its_source() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    for source in ["as it is", " {{ body.seats }} ", "x {{ body.seats }}"] {
        assert_eq!(expressions.template(source).unwrap().source(), source);
    }
}

#[test]
fn one_more_value_stands_beside_the_others() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let condition = expressions.condition("item.kind == 'open' and body").unwrap();
    let scope = Scope::named([("body", (&json!([1])).into())]);
    assert_eq!(expressions.holds(&condition, &scope), Ok(false));
    let scope = scope.with("item", &json!({"kind": "click"})).with("item", &json!({"kind": "open"}));
    assert_eq!(expressions.holds(&condition, &scope), Ok(true));
}

#[test]
fn the_items_of_a_batch_share_what_an_event_may_do() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let template = expressions.template("{% for n in range(200) %}x{% endfor %}").unwrap();
    let times = |count: usize| {
        let scope = Scope::named([]).for_item_of(count);
        (0..1_000).take_while(|_| expressions.evaluate(&template, &scope).is_ok()).count()
    };
    assert!(times(1) > 10 * times(500) && times(500) > 0, "{} and {}", times(1), times(500));
}
