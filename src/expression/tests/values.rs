//! Numbers, text and JSON: what the filters make of them, and what they refuse.

use serde_json::json;

use super::{check, check_refused};

#[test]
fn a_number_is_digits_and_nothing_else() {
    for (text, expected) in [
        ("'12'", json!(12)),
        ("'-12.50'", json!(-12.5)),
        ("'+7'", json!(7)),
        ("'007'", json!(7)),
        ("'9223372036854775807'", json!(i64::MAX)),
        ("12.5", json!(12.5)),
        ("-3", json!(-3)),
    ] {
        check(&format!("{{{{ {text} | number }}}}"), &expected);
    }
    for text in [
        "''",
        "' 12'",
        "'1,234.50'",
        "'1e3'",
        "'.5'",
        "'5.'",
        "'0x1f'",
        "'nan'",
        "'inf'",
        "'12 EUR'",
        "'--1'",
        "'1.2.3'",
        "'١٢'",
        "true",
        "none",
        "[1]",
    ] {
        for filter in ["number", "int", "float", "ceil", "floor"] {
            check_refused(&format!("{{{{ {text} | {filter} }}}}"), &format!("`{filter}` takes a number"));
        }
    }
    check_refused("{{ 1e300 | int }}", "`int` takes numbers of at most 128 bits");
    check_refused("{{ body.long | int(0) }}", "`int` takes numbers of at most 64 digits");
}

#[test]
fn fractions_are_dropped_towards_zero_up_or_down() {
    check("{{ [12.7 | int, -12.7 | int, '12.7' | int] }}", &json!([12, -12, 12]));
    check("{{ [12.1 | ceil, -12.1 | ceil, 3 | ceil] }}", &json!([13, -12, 3]));
    check("{{ [12.9 | floor, -12.1 | floor, '3.5' | floor] }}", &json!([12, -13, 3]));
    check("{{ [5 | float, '2.5' | float] }}", &json!([5.0, 2.5]));
    check("{{ [2.5 | round, 3.5 | round, 2.345 | round(2)] }}", &json!([2.0, 4.0, 2.35]));
}

#[test]
fn a_default_stands_in_for_what_is_no_number_but_not_for_a_missing_field() {
    check("{{ ['x' | int(0), none | int(default=1), 'x' | float('y')] }}", &json!([0, 1, "y"]));
    super::check_missing("{{ body.absent | int(0) }}");
    check_refused("{{ 'x' | int(dflt=0) }}", "`int` takes at most `default`, not `dflt`");
}

#[test]
fn clamping_keeps_within_bounds() {
    check(
        "{{ [5 | clamp(1, 9), 0 | clamp(1, 9), 99 | clamp(1, 9), '2.5' | clamp(1, 2)] }}",
        &json!([5, 1, 9, 2]),
    );
    check_refused("{{ 5 | clamp(9, 1) }}", "`clamp`: the lower bound must not exceed the upper bound");
    check_refused("{{ 5 | clamp('a', 'b') }}", "`clamp` takes a number");
}

#[test]
fn a_slug_is_safe_in_any_name() {
    for (text, expected) in [
        ("ACME & Söhne", "acme-sohne"),
        ("  --Hello,  World!-- ", "hello-world"),
        ("Łódź / Ærø / Straße / İstanbul", "lodz-aero-strasse-i-stanbul"),
        ("feature/JIRA-12_x", "feature-jira-12-x"),
        ("日本 42", "42"),
        ("a", "a"),
    ] {
        check(&format!("{{{{ '{text}' | slug }}}}"), &json!(expected));
    }
    check("{{ 'abc def' | slug(4) }}", &json!("abc"));
    check("{{ 'ßß' | slug(3) }}", &json!("sss"));
    check("{{ body.long | slug | length }}", &json!(63));
    check("{{ 42 | slug }}", &json!("42"));
    for text in ["''", "'!?'", "'日本'"] {
        check_refused(&format!("{{{{ {text} | slug }}}}"), "`slug` takes a text with a Latin letter");
    }
}

#[test]
fn text_is_cut_by_characters() {
    check("{{ 'häuser' | truncate(6) }}", &json!("häuser"));
    check("{{ 'häuser' | truncate(5) }}", &json!("häus…"));
    check("{{ 'ab cd' | truncate(4) }}", &json!("ab…"));
    check("{{ 'häuser' | truncate(3, '') }}", &json!("häu"));
    check("{{ 'häuser' | truncate(4, '...') }}", &json!("h..."));
    check("{{ 'häuser' | truncate(0) }}", &json!("…"));
}

#[test]
fn encodings_go_there_and_back() {
    check("{{ 'a+/=ü?' | b64encode | b64decode }}", &json!("a+/=ü?"));
    check(
        "{{ ['_-8=' | length, 'fn5-fw' | b64decode, 'fn5+fw==' | b64decode] }}",
        &json!([4, "~~~\u{7f}", "~~~\u{7f}"]),
    );
    for text in ["'*'", "'/w=='", "none"] {
        check_refused(&format!("{{{{ {text} | b64decode }}}}"), "`b64decode` takes");
    }
    check("{{ 'ü/ +&=~-._' | urlencode }}", &json!("%C3%BC%2F%20%2B%26%3D~-._"));
    check("{{ 'ü/ +&=%' | urlencode | urldecode }}", &json!("ü/ +&=%"));
    check_refused("{{ '%ff' | urldecode }}", "`urldecode` takes");
}

#[test]
fn hashes_are_sha256_and_stable() {
    check("{{ 'abc' | sha256 }}", &json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    check("{{ 'abc' | short_hash }}", &json!("ba7816bf"));
    check("{{ 'abc' | short_hash(64) == 'abc' | sha256 }}", &json!(true));
    check("{{ 12 | short_hash == '12' | short_hash }}", &json!(true));
    check_refused("{{ 'abc' | short_hash(0) }}", "`short_hash` gives 1 to 64 digits");
    check_refused("{{ 'abc' | short_hash(65) }}", "`short_hash` gives 1 to 64 digits");
    check_refused("{{ none | short_hash }}", "`short_hash` takes a text, not null");
}

#[test]
fn json_in_a_text_becomes_its_value_and_back() {
    let text = r#"{"a":[1,2.5,null,true,"<&>"],"b":{}}"#;
    check(&format!("{{{{ ('{text}' | fromjson) }}}}"), &json!({"a": [1, 2.5, null, true, "<&>"], "b": {}}));
    check(&format!("{{{{ '{text}' | fromjson | tojson }}}}"), &json!(text));
    check("{{ none | tojson }}", &json!("null"));
    check_refused(
        "{{ '{' | fromjson }}",
        "`fromjson` takes JSON; this text is not JSON: expected a member's name at line 1, column 2",
    );
    check_refused("{{ '[1]x' | fromjson }}", "line 1, column 4");
    check_refused("{{ body.tags | fromjson }}", "`fromjson` takes a text, not a list");
    let deep = "[".repeat(200);
    check_refused(&format!("{{{{ '{deep}' | fromjson }}}}"), "`fromjson` takes JSON");
    super::check_missing("{{ [body.absent] | tojson }}");
}
