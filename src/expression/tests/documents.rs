//! A body as it was sent: its order, its digits, and what is too large for the engine.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{EVENT_SCOPE, EvaluationError, Expressions, Lazy, Scope, ScopeValue};
use crate::document::Document;
use crate::value::Value as OwnValue;
use crate::value::fuel::{EVENT_FUEL, FUEL};

fn scope(body: &str) -> Scope {
    let lazy = Lazy::new(Arc::new(Document::parse(body.to_owned()).unwrap()));
    Scope::named([("body", ScopeValue::Element(&lazy, 0))])
}

fn evaluate(template: &str, body: &str) -> Result<Value, EvaluationError> {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let template = expressions.template(template).unwrap();
    expressions.evaluate(&template, &scope(body))
}

#[track_caller]
fn check(template: &str, body: &str, expected: &Value) {
    assert_eq!(evaluate(template, body).as_ref(), Ok(expected), "{template}");
}

#[track_caller]
fn check_refused(template: &str, body: &str, word: &str) {
    let reason = evaluate(template, body).unwrap_err().reason;
    assert!(reason.contains(word), "{template}: {reason}");
}

#[track_caller]
fn check_holds(condition: &str, body: &str, expected: bool) {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let condition = expressions.condition(condition).unwrap();
    assert_eq!(expressions.holds(&condition, &scope(body)), Ok(expected), "{body}");
}

/// An object of so many members, the last two of which have one name.
fn wide(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|n| format!("\"m{}\":{n}", count - n)).collect();
    format!("{{{},\"m1\":\"last\"}}", members.join(","))
}

#[test]
fn fields_keep_the_order_in_which_they_were_sent() {
    let body = r#"{"z":1,"a":{"y":[],"b":null},"m":"x"}"#;
    check("{{ body | tojson }}", body, &json!(r#"{"z":1,"a":{"y":[],"b":null},"m":"x"}"#));
    check("{% for name in body %}{{ name }} {% endfor %}", body, &json!("z a m "));
    check("{{ body | items | map(attribute=0) | join(',') }}", body, &json!("z,a,m"));
    let Ok(Value::Object(given)) = evaluate("{{ body }}", body) else { panic!("an object") };
    assert_eq!(given.keys().collect::<Vec<_>>(), ["z", "a", "m"]);
}

#[test]
fn small_and_large_objects_are_alike() {
    for count in [3, 200] {
        let body = wide(count);
        check("{{ body | length }}", &body, &json!(count));
        check("{{ body.m1 }}", &body, &json!("last"));
        check("{{ body.m3 }}", &body, &json!(count - 3));
        check("{{ body.m0 is defined }}", &body, &json!(false));
        check(
            "{{ (body | items | first)[0] }}{{ (body | items | last)[0] }}",
            &body,
            &json!(format!("m{count}m1")),
        );
        check(
            "{% for name, value in body | items %}{% if loop.last %}{{ value }}{% endif %}{% endfor %}",
            &body,
            &json!("last"),
        );
    }
}

#[test]
fn small_and_large_lists_are_alike() {
    for count in [3, 200] {
        let items: Vec<_> = (0..count).map(|n| format!("[{n}]")).collect();
        let body = format!("[{}]", items.join(","));
        check("{{ [body | length, body[2][0], body[-1][0]] }}", &body, &json!([count, 2, count - 1]));
        check("{{ body[1:3] }}", &body, &json!([[1], [2]]));
        check("{{ body == body and body[1] in body }}", &body, &json!(true));
        assert!(evaluate("{{ body[1000] }}", &body).unwrap_err().missing_field);
    }
}

#[test]
fn integers_of_any_size_keep_their_digits() {
    let wide = "340282366920938463463374607431768211455";
    let wider = "123456789012345678901234567890123456789012345678901234567890";
    for digits in ["9007199254740993", "18446744073709551615", "-9223372036854775809", wide, wider] {
        check("id {{ body.n }}", &format!(r#"{{"n":{digits}}}"#), &json!(format!("id {digits}")));
        check("{{ body.n | string }}", &format!(r#"{{"n":{digits}}}"#), &json!(digits));
        let next = format!("{}9", digits.get(..digits.len() - 1).unwrap());
        check_holds("body[0] == body[1]", &format!("[{digits},{digits}]"), true);
        check_holds("body[0] == body[1]", &format!("[{digits},{next}]"), digits == next);
        check_holds("body[0] in [body[1]]", &format!("[{digits},{digits}]"), true);
    }
    check("{{ body }}", "18446744073709551615", &json!(u64::MAX));
    check_refused("{{ body }}", wide, "more than 64 bits");
    check_refused("{{ body }}", wider, "can only be given as a text");
    check_refused("{{ body + 1 }}", wider, "more than 128 bits");
    check_refused("{{ body < 1 }}", wider, "more than 128 bits");
    check_refused("{{ body | round }}", wider, "more than 128 bits");
}

#[test]
fn a_number_that_nothing_holds_fails_only_where_it_is_used() {
    let body = r#"{"price":1e400,"id":7}"#;
    check("{{ body.id }}", body, &json!(7));
    check_holds("body.id == 7", body, true);
    for template in ["{{ body.price }}", "at {{ body.price }}", "{{ body }}", "{{ body.price * 2 }}"] {
        check_refused(template, body, "64-bit floating point");
    }
}

#[test]
fn an_id_is_a_text_or_a_number_with_all_its_digits() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let mut id = |template: &str, body: &str| {
        let template = expressions.template(template).unwrap();
        expressions.evaluate_id(&template, &scope(body)).map_err(|error| error.reason)
    };
    let wide = "340282366920938463463374607431768211455";
    for number in [wide, &"7".repeat(60), "1.5"] {
        assert_eq!(id("{{ body }}", number), Ok(Some(number.to_owned())));
    }
    assert_eq!(id("{{ body }}", "\"evt\""), Ok(Some("evt".to_owned())));
    assert_eq!(id("fixed", "1"), Ok(Some("fixed".to_owned())));
    for nothing in ["\"\"", "null"] {
        assert_eq!(id("{{ body }}", nothing), Ok(None), "{nothing}");
    }
    for unusable in ["true", "[1]", "{}"] {
        assert_eq!(id("{{ body }}", unusable), Err("neither a text nor a number".to_owned()), "{unusable}");
    }
    assert!(id("{{ body }}", "1e400").unwrap_err().contains("64-bit floating point"));
    assert_eq!(id("{{ body.absent }}", "{}"), Err("a field is missing".to_owned()));
}

#[test]
fn json_in_a_text_is_read_like_a_body() {
    let body = r#"{"text":"{\"z\":1,\"a\":\"cut \\ud83d\",\"n\":340282366920938463463374607431768211455}"}"#;
    check("{{ (body.text | fromjson).a }}", body, &json!("cut \u{fffd}"));
    check("{{ (body.text | fromjson).n }}!", body, &json!("340282366920938463463374607431768211455!"));
    check("{{ (body.text | fromjson) | items | map(attribute=0) | join }}", body, &json!("zan"));
}

#[test]
fn an_evaluation_gets_what_its_event_has_left() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let loops = |times: u32| format!("{{% for i in range({times}) %}}{{{{ body.id }}}}{{% endfor %}}");
    let costly = expressions.template(&loops(2_000)).unwrap();
    let item = scope("{\"id\":1}").for_item_of(500);
    let before = item.fuel_left();
    assert!(expressions.evaluate(&costly, &item).is_err(), "more than one of 500 items may");
    assert_eq!(item.fuel_left(), 0, "all of it is gone, and no more");
    assert!(before < FUEL);
    assert!(expressions.evaluate(&costly, &scope("{\"id\":1}")).is_ok(), "a lone event may");
}

#[test]
fn a_failed_evaluation_costs_what_it_did() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let mut spent = |template: &str| {
        let (template, scope) = (expressions.template(template).unwrap(), scope("{\"id\":1}"));
        assert!(expressions.evaluate(&template, &scope).is_err());
        EVENT_FUEL - scope.fuel_left()
    };
    assert_eq!(spent("x{{ body.absent }}"), 4);
    assert_eq!(spent("{% for i in range(50) %}{{ body.id }}{% endfor %}{{ body.absent }}"), 306);
    assert_eq!(spent("{% for i in range(2000) %}{{ body.id }}{% endfor %}{{ body.absent }}"), 12_006);
    assert_eq!(spent("{% for i in range(9000) %}{{ body.id }}{% endfor %}"), FUEL);
}

#[test]
fn a_long_text_is_copied_once() {
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000));
    let lazy = Lazy::new(Arc::new(Document::parse(body).unwrap()));
    let (OwnValue::Text(first), OwnValue::Text(again)) = (lazy.value(2), lazy.value(2)) else {
        panic!("a text")
    };
    assert!(Arc::ptr_eq(&first, &again));
}

#[test]
fn a_long_number_is_read_once_and_one_beyond_every_float_never() {
    let lazy = |digits: &str| Lazy::new(Arc::new(Document::parse(format!("[{digits}]")).unwrap()));
    let wide = lazy(&"7".repeat(1_000));
    let (OwnValue::Oversized(first), OwnValue::Oversized(again)) = (wide.value(1), wide.value(1)) else {
        panic!("a number that nothing holds")
    };
    assert!(Arc::ptr_eq(&first, &again));
    check_refused("{{ body[0] * 2 }}", &format!("[1.{}]", "0".repeat(2_000)), "64-bit floating point");
    check_refused("{{ body[0] }}", &format!("[{}]", "7".repeat(200_000)), "128 KiB");
    for template in ["{{ body[0] | int(0) }}", "{{ body[0] | float(0) }}"] {
        check_refused(template, &format!("[{}]", "7".repeat(60)), "more than 128 bits");
        check_refused(template, "[1e400]", "64-bit floating point");
    }
}

#[test]
fn what_copies_an_object_pays_for_it_first() {
    for template in ["{{ dict(body).m1 }}", "{% set ns = namespace(body) %}x"] {
        check_refused(template, &wide(30_000), "more work");
    }
    assert!(
        Expressions::new(EVENT_SCOPE).template("{% for x in body %}{{ loop.cycle() }}{% endfor %}").is_err()
    );
}
