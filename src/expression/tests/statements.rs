//! Statements, loops, white space, and what is not there.

use serde_json::json;

use super::{check, check_missing, check_refused};
use crate::expression::{EVENT_SCOPE, Expressions};

#[test]
fn a_loop_knows_where_it_is() {
    let fields = "{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.length }}";
    check(&format!("{{% for x in body.tags %}}{fields} {{% endfor %}}"), &json!("10212 21102 "));
    check(
        "{% for x in 'ab' %}{{ x }}{{ loop.first }}{{ loop.last }}{% endfor %}",
        &json!("atruefalsebfalsetrue"),
    );
    check("{% for x in [1, 2] %}{{ loop.previtem | default(0) }}{% endfor %}", &json!("01"));
    check("{% for x in [1, 2] %}{{ loop.nextitem | default(0) }}{% endfor %}", &json!("20"));
    check(
        "{% for x in [1, 2] %}{% set outer = loop %}{% for y in [1, 2] %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
        &json!("11 12 21 22 "),
    );
}

#[test]
fn a_loop_takes_what_can_be_gone_through() {
    check("{% for x in body.none %}{% else %}none{% endfor %}", &json!("none"));
    check("{% for x in body.tags if x == 'z' %}{% else %}none{% endfor %}", &json!("none"));
    check("{% for x in body.tags if x == 'b' %}{{ loop.index }}{{ x }}{% endfor %}", &json!("1b"));
    check("{% for name in {'b': 1, 'a': 2} %}{{ name }}{% endfor %}", &json!("ab"));
    check("{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", &json!("123"));
    check_missing("{% for x in body.absent %}{% endfor %}");
    check_refused(
        "{% for x in body.seats %}{% endfor %}",
        "a loop takes a list, an object or a text, not a number",
    );
    check_refused("{% for a, b in [[1]] %}{% endfor %}", "2 names cannot take the values of 1 items");
}

#[test]
fn a_recursive_loop_goes_down() {
    let tree = "[{'n': 'a', 'c': [{'n': 'b', 'c': []}]}, {'n': 'c', 'c': []}]";
    check(
        &format!("{{% for x in {tree} recursive %}}{{{{ x.n }}}}({{{{ loop(x.c) }}}}){{% endfor %}}"),
        &json!("a(b())c()"),
    );
    check(
        &format!("{{% for x in {tree} recursive %}}{{{{ loop.depth }}}}{{{{ loop(x.c) }}}}{{% endfor %}}"),
        &json!("121"),
    );
    check_refused("{% for x in [[1]] %}{{ loop(x) }}{% endfor %}", "in a loop that is `recursive`");
}

#[test]
fn names_end_where_their_block_ends() {
    check("{% set p = 0 %}{% for x in [1, 2] %}{% set p = p + x %}{% endfor %}{{ p }}!", &json!("0!"));
    check("{% for x in [1, 2] %}{% set p = p | default(0) + x %}{{ p }}{% endfor %}", &json!("12"));
    check("{% with a = 1, b = a %}{{ b }}{% set body = 2 %}{% endwith %}{{ body.seats }}", &json!("115"));
    check("{% if true %}{% set body = 'x' %}{% endif %}{{ body }}!", &json!("x!"));
    check("{% set a | upper %}x{{ body.seats }}{% endset %}{{ a }}{{ a }}", &json!("X15X15"));
    check(
        "{% set ns = namespace(n=0) %}{% for x in range(4) %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}{{ ns | length }}",
        &json!("61"),
    );
    check_refused("{% set d = dict(a=1) %}{% set d.a = 2 %}", "only the fields of a namespace can be set");
}

#[test]
fn white_space_goes_where_a_minus_is() {
    for (source, expected) in [
        ("x {{- 1 -}} y", "x1y"),
        ("x {{+ 1 +}} y", "x 1 y"),
        ("x {%- if 1 -%} a {%- endif -%} y", "xay"),
        ("x {#- c -#} y", "xy"),
        ("x {%- raw -%} {{ a }} {%- endraw -%} y", "x{{ a }}y"),
        ("{% raw %}{% if %}{# {% endraw %}", "{% if %}{# "),
        ("x {{ 1 }}\n", "x 1"),
        ("{{ '%}' }}{% set x = {'a': '%}'} %}{{ x.a }}", "%}%}"),
    ] {
        check(source, &json!(expected));
    }
}

#[test]
fn operators_bind_as_in_jinja() {
    for (source, expected) in [
        ("1 + 2 * 3 ** 2 // 2 % 5", json!(5)),
        ("-2 ** 2", json!(4)),
        ("2 ** 3 ** 2", json!(64)),
        ("1 ~ 2 + 3", json!(null)),
        ("-5 | abs", json!(5)),
        ("-body.seats | abs", json!(15)),
        ("not 1 == 2", json!(true)),
        ("1 if false else 2 if false else 3", json!(3)),
        ("1 not in [2] and 'x'", json!("x")),
        ("body.seats is odd if body.yes else 0", json!(true)),
        ("'a' 'b'", json!("ab")),
        ("[1_000, 0x1f, 0b11, 0o17, 1e3, 1.5]", json!([1000, 31, 3, 15, 1000.0, 1.5])),
        ("'\\u00e4\\ud83d\\ude00\\x41\\101\\q'", json!("ä😀AA\\q")),
        ("body.items.0.price", json!(5)),
    ] {
        if expected.is_null() {
            check_refused(&format!("{{{{ {source} }}}}"), "`+` takes two numbers");
        } else {
            check(&format!("{{{{ {source} }}}}"), &expected);
        }
    }
}

#[test]
fn a_mistake_says_where_it_is_and_what_to_write() {
    for (source, position, expected) in [
        ("ab {{ body. }}", 12, "syntax error at character 13: unexpected `}}`, expected a field's name"),
        ("{{ 'a }}", 3, "a text has no closing quote"),
        ("{{ 1 2 }}", 5, "unexpected a number, expected `}}`"),
        ("é {{ $ }}", 6, "syntax error at character 6: unexpected character"),
        ("{% if 1 %}x", 11, "expected `{% endif %}` or `{% else %}` or `{% elif %}`"),
        ("{% iff 1 %}", 3, "unknown statement `iff`; did you mean `if`?"),
        (
            "{% macro a() %}{% endmacro %}",
            3,
            "there are no macros: keep a text by `{% set name %}…{% endset %}`",
        ),
        ("{% include 'x' %}", 3, "a template stands alone"),
        ("{% for x in [1] %}{% break %}{% endfor %}", 21, "`{% for x in list if condition %}`"),
        ("{% set loop = 1 %}", 7, "`loop` cannot be given a value"),
        ("{{ body['a'](1) }}", 12, "only functions and methods can be called"),
        ("{{ range }}", 3, "`range` is a function"),
        ("x {{ body.x | uper }}", 14, "unknown filter `uper`"),
        ("{{ body.tags | first.x }}", 15, "write `(… | first).x`"),
    ] {
        let mistake = Expressions::new(EVENT_SCOPE).template(source).expect_err(source);
        assert!(mistake.message.contains(expected), "{source}: {mistake}");
        assert_eq!(mistake.position, position, "{source}: {mistake}");
    }
}
