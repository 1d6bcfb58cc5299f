//! Where Jinja guesses, this stops; and no error tells a value of the event.

use serde_json::json;

use super::{check, check_holds, check_missing, check_refused, scope};
use crate::expression::{EVENT_SCOPE, Expressions};

#[test]
fn null_is_no_text_no_number_and_no_list() {
    for filter in [
        "upper",
        "lower",
        "title",
        "capitalize",
        "trim",
        "replace('a', 'b')",
        "split(',')",
        "lines",
        "slug",
        "length",
        "int",
        "float",
        "round",
        "abs",
        "join(',')",
        "first",
        "last",
        "list",
        "sort",
        "sum",
        "max",
        "unique",
        "reverse",
        "map('upper')",
        "select('eq', 1)",
        "items",
        "string",
        "format(1)",
        "removeprefix('a')",
        "truncate(3)",
    ] {
        let name = filter.split('(').next().unwrap_or_default();
        let expected =
            if name == "string" { "null inside a text".to_owned() } else { format!("`{name}` takes ") };
        check_refused(&format!("{{{{ body.none | {filter} }}}}"), &expected);
    }
    check_refused("{{ body.none[:3] }}", "`[:]` takes a text or a list, not null");
    check_refused("{{ '%s' | format(body.none) }}", "`format` takes a text, not null");
    check("{{ body.none | default('x') }}", &json!(null));
    check("{{ body.none | default('x', true) }}", &json!("x"));
}

#[test]
fn a_text_is_no_list_and_a_list_is_no_text() {
    for filter in ["join('-')", "first", "sort", "max", "sum", "list", "map('upper')"] {
        let name = filter.split('(').next().unwrap_or_default();
        check_refused(
            &format!("{{{{ body.type | {filter} }}}}"),
            &format!("`{name}` takes a list, not a text"),
        );
    }
    for filter in ["upper", "trim", "slug", "sha256"] {
        check_refused(
            &format!("{{{{ body.tags | {filter} }}}}"),
            &format!("`{filter}` takes a text, not a list"),
        );
    }
}

#[test]
fn a_list_that_is_written_or_put_in_order_is_of_texts_or_numbers() {
    check_refused("{{ [1, none] | join }}", "`join` takes a list of texts and numbers, not null");
    check_refused("{{ [[1]] | join }}", "not a list");
    check_refused("{{ [1, 'a'] | sort }}", "`sort` takes a list of texts or of numbers, not of both");
    check_refused("{{ [{'a': 1}] | max }}", "not an object");
    check_refused("{{ [1, true] | sum }}", "`sum` takes a list of numbers, not a boolean");
    check(
        "{{ [{'a': {'b': 2}}, {'a': {'b': 1}}] | sort(attribute='a.b') | first }}",
        &json!({"a": {"b": 1}}),
    );
}

#[test]
fn a_missing_field_is_missing_at_any_depth() {
    check_missing("{{ [body.absent] }}");
    check_missing("{{ {'a': {'b': body.absent}} }}");
    check_missing("{{ [{'a': 1}, {}] | map(attribute='a') }}");
    check_missing("{{ [{'a': 1}, {}] | map(attribute='a') | length }}");
    check_missing("{{ [{'a': 1}, {}] | sum(attribute='a') }}");
    check_missing("{{ [{'a': 1}, {}] | sum('a') }}");
    check_missing("{{ [{'a': 1}, {}] | join(',', 'a') }}");
    check_missing("{{ [{'a': 1}, {}] | sort(attribute='a') }}");
    check_missing("{{ body.type ~ body.absent }}");
    check_missing("{{ body.absent[:3] }}");
    check_missing("{{ body.absent | slug }}");
    check_missing("{{ body.absent | date }}");
    check_missing("{{ [] | first }}");
    check_missing("{{ 1 if false }}");
    check("{{ [{'a': 1}, {}] | map(attribute='a', default=0) }}", &json!([1, 0]));
    check("{{ [{'a': 1}, {}] | selectattr('a', 'eq', 1) }}", &json!([{"a": 1}]));
}

#[test]
fn operators_take_what_belongs_together() {
    check(
        "{{ [body.seats + 1, body.price + 1, body.type + '!', body.tags + ['c']] }}",
        &json!([16, 2.5, "deal.won!", ["a", "b", "c"]]),
    );
    check(
        "{{ [body.seats * 2, body.price * 2, body.type ~ body.seats ~ body.price ~ true] }}",
        &json!([30, 3.0, "deal.won151.5true"]),
    );
    check_refused(
        "{{ body.type + 1 }}",
        "`+` takes two numbers, two texts or two lists, not a text and a number",
    );
    check_refused("{{ body.yes + 1 }}", "not a boolean and a number");
    check_refused("{{ body.type * 3 }}", "`*` takes two numbers, not a text and a number");
    check_refused("{{ body.tags * 3 }}", "`*` takes two numbers, not a list and a number");
    check_refused("{{ body.type ~ body.none }}", "null inside a text");
    check_refused("{{ body.type ~ body.tags }}", "a list inside a text");
    check_refused("{{ body.huge * body.huge * body.huge }}", "a number too large to calculate with");
}

#[test]
fn an_order_is_of_two_numbers_or_two_texts() {
    for source in [
        "body.seats >= 15",
        "body.price < 2",
        "body.type < 'e'",
        "body.seats > body.price",
        "not body.seats < 15",
    ] {
        check_holds(source, true);
    }
    for source in
        ["body.none > 1", "body.none < 1", "1 <= body.none", "body.absent is gt 1", "body.none is lt 1"]
    {
        check_holds(source, false);
    }
    for source in [
        "{{ body.numeral >= 1000 }}",
        "{{ body.seats is gt body.type }}",
        "{{ body.tags < body.tags }}",
        "{{ body.yes < 2 }}",
    ] {
        check_refused(source, "`<` or `>` takes two numbers or two texts");
    }
}

#[test]
fn equal_is_what_is_the_same_in_json() {
    for source in [
        "body.seats == 15",
        "body.seats == 15.0",
        "body.tags == ['a', 'b']",
        "body.none == none",
        "body.type != 'x'",
        "{'a': [1, {'b': none}]} == {'a': [1, {'b': body.none}]}",
        "body.tags != ['b', 'a']",
        "body.tags != ['a']",
    ] {
        check_holds(source, true);
    }
    for source in [
        "body.numeral == 500",
        "body.yes == 1",
        "body.none == 0",
        "body.tags == 'ab'",
        "{'a': body.seats} == {'b': 15}",
    ] {
        check_holds(source, false);
    }
}

#[test]
fn in_looks_into_texts_lists_and_objects() {
    for source in [
        "'deal' in body.type",
        "'a' in body.tags",
        "15 in [body.seats]",
        "'type' in body",
        "'x' not in body.tags",
        "[1] in [[body.one]]",
    ] {
        check_holds(source, true);
    }
    for source in ["'x' in body.none", "'x' in body.absent", "1 in body.tags"] {
        check_holds(source, false);
    }
    check_refused(
        "{{ 1 in body.type }}",
        "`in` takes a text in a text, a value in a list or a key in an object",
    );
    check_refused("{{ 'a' in body.seats }}", "not a text and a number");
}

#[test]
fn slices_are_of_texts_and_lists() {
    check(
        "{{ [body.name[:3], body.name[-2:], body.name[4:-3], body.name[::4], body.name[9:], body.name[5:2]] }}",
        &json!(["Ann", "Co", "&", "A&", "", ""]),
    );
    check(
        "{{ [body.tags[1:], body.tags[:-1], body.tags[-9:9], 'äöü'[1:2]] }}",
        &json!([["b"], ["a"], ["a", "b"], "ö"]),
    );
    check_refused("{{ body.name[::-1] }}", "`[::]` steps forward; use `| reverse`");
    check_refused("{{ body.name['a':] }}", "the bounds of `[:]` are whole numbers");
    check_refused("{{ body.seats[:1] }}", "`[:]` takes a text or a list, not a number");
}

#[test]
fn booleans_in_a_text_are_written_as_in_json() {
    check("{{ body.yes }}, {{ body.price }}, {{ body.seats }}", &json!("true, 1.5, 15"));
    check_refused("x {{ body.none }}", "null inside a text; say what stands for it: `| default('-', true)`");
    check_refused("x {{ body.tags }}", "a list inside a text; use `| join(', ')` or `| tojson`");
    check_refused("x {{ body }}", "an object inside a text");
}

#[test]
fn an_error_does_not_tell_what_the_event_says() {
    for source in [
        "{{ body.secret | int }}",
        "{{ body.secret | date }}",
        "{{ body.secret | fromjson }}",
        "{{ body.secret | b64decode }}",
        "{{ body.secret + 1 }}",
        "{{ body.secret * 1 }}",
        "{{ body.secret - 1 }}",
        "{{ -body.secret }}",
        "{{ body.secret < 1 }}",
        "{{ body.secret | join }}",
        "{{ body.secret | strptime('%Y') }}",
        "{{ '2024-01-31' | shift(body.secret) }}",
        "{{ '2024-01-31T00:00:00Z' | at_offset(body.secret) }}",
        "{{ '2024-01-31' | strftime('%' ~ body.secret) }}",
        "{{ body.secret() }}",
        "{{ body.secret.x() }}",
        "{{ body | map(body.secret) }}",
        "{{ body.tags | map(body.secret) }}",
        "{{ body.tags | select(body.secret) }}",
        "{{ '%d' | format(body.secret) }}",
        "{{ body.number / 0 }}",
        "{{ body.number % 0 }}",
        "{{ body.number ** 99 }}",
        "{{ body.number // 0 }}",
        "{{ 0 ** -body.number }}",
        "{{ range(body.number * body.number) }}",
        "{{ body.secret | round }}",
        "{{ 1 | round(method=body.secret) }}",
        "{{ 1 | round(body.secret) }}",
        "{{ {body.secret: 1}[body.secret].x.y }}",
        "{{ dict(body.secret) }}",
        "{{ body.secret.y }}",
        "{{ body.number.y }}",
        "{{ body.secret is startingwith 3 }}",
        "{% for a, b in body.secret %}{% endfor %}",
        "{% for a in body.number %}{% endfor %}",
        "{% for a, b in [body.secret] %}{% endfor %}",
    ] {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let reason = match expressions.template(source) {
            Ok(template) => expressions.evaluate(&template, &scope()).expect_err(source).reason,
            Err(mistake) => mistake.message,
        };
        assert!(!reason.contains("s3cret") && !reason.contains("7777"), "{source}: {reason}");
    }
}
