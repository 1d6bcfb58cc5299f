//! Whole numbers keep every digit, or there is an error.

use serde_json::{Value, json};

use super::{check, check_holds, check_refused};

/// What a calculation gives, as it is written.
#[track_caller]
fn check_written(source: &str, expected: &str) {
    check(&format!("{{{{ ({source}) | string }}}}"), &json!(expected));
}

#[test]
fn whole_numbers_in_texts_are_read_with_all_their_digits() {
    check("{{ '18446744073709551615' | int(0) }}", &json!(u64::MAX));
    check("{{ '9223372036854775808' | number }}", &json!(9_223_372_036_854_775_808_u64));
    check_written(
        "'340282366920938463463374607431768211455' | int(0)",
        "340282366920938463463374607431768211455",
    );
    check_written(
        "'-170141183460469231731687303715884105728' | number",
        "-170141183460469231731687303715884105728",
    );
    check_written("'9007199254740993.75' | int", "9007199254740993");
    check_written("'9007199254740993.75' | ceil", "9007199254740994");
    check_written("'-9007199254740993.75' | floor", "-9007199254740994");
    check_written("'12.00' | ceil", "12");
    for filter in ["int(0)", "number", "float(0)", "ceil", "floor"] {
        let name = filter.split('(').next().unwrap();
        check_refused(
            &format!("{{{{ '340282366920938463463374607431768211456' | {filter} }}}}"),
            &format!("`{name}` takes numbers of at most 128 bits"),
        );
    }
    check_refused("{{ '9007199254740993' | float(0) }}", "more than 53 bits has no exact fraction");
    check_refused("{{ '9007199254740993.5' | number }}", "more than 53 bits has no exact fraction");
}

#[test]
fn calculations_with_whole_numbers_are_exact_or_fail() {
    for (source, expected) in [
        ("9007199254740993 + 1", "9007199254740994"),
        ("18446744073709551615 + 1", "18446744073709551616"),
        ("18446744073709551615 * 18446744073709551615", "340282366920938463426481119284349108225"),
        ("0 - 9007199254740993", "-9007199254740993"),
        ("-(9007199254740992 + 1)", "-9007199254740993"),
        ("9007199254740993 // 2", "4503599627370496"),
        ("-7 // 2", "-4"),
        ("-7 % 3", "2"),
        ("7.5 // 2", "3.0"),
        ("-7.5 % 2", "0.5"),
        ("9007199254740993 % 10", "3"),
        ("3 ** 80", "147808829414345923316083210206383297601"),
        ("2 ** -1", "0.5"),
        ("7 / 2", "3.5"),
        ("18014398509481984 / 2", "9007199254740992.0"),
        ("9007199254740993 | abs", "9007199254740993"),
        ("-9007199254740993 | abs", "9007199254740993"),
        ("9007199254740993 | round", "9007199254740993"),
        ("9007199254740995 | round(-1)", "9007199254741000"),
        ("[9007199254740993, 1] | sum", "9007199254740994"),
        ("[9007199254740993, 1] | max", "9007199254740993"),
        ("9007199254740993 | clamp(0, 9007199254740994)", "9007199254740993"),
        ("'%d' | format(9007199254740993)", "9007199254740993"),
        ("9007199254740993 ~ ''", "9007199254740993"),
    ] {
        check_written(source, expected);
    }
    for source in [
        "9007199254740993 + 0.5",
        "9007199254740993 * 1.0",
        "9007199254740991 + 2.0",
        "9007199254740993 / 1",
        "9007199254740993 / 2",
        "[9007199254740993, 0.5] | sum",
    ] {
        check_refused(&format!("{{{{ {source} }}}}"), "more than 53 bits");
    }
    check_refused("{{ '%.2f' | format(9007199254740993) }}", "`format`: a whole number of more than 53 bits");
    check_refused("{{ 9007199254740993 | float }}", "`float`: a whole number of more than 53 bits");
    for source in ["body.huge ** 3", "2 ** 128", "1e308 * 10", "10 ** 400"] {
        check_refused(&format!("{{{{ {source} }}}}"), "a number too large to calculate with");
    }
    for source in ["1 / 0", "1 // 0", "1 % 0", "1.5 / 0.0", "body.seats // 0"] {
        check_refused(&format!("{{{{ {source} }}}}"), "a division by zero");
    }
}

#[test]
fn comparisons_are_exact() {
    for source in [
        "9007199254740993 != 9007199254740992.0",
        "9007199254740993 > 9007199254740992.0",
        "9007199254740992 == 9007199254740992.0",
        "340282366920938463463374607431768211455 > 340282366920938463463374607431768211454",
        "body.huge != 9007199254740992.0",
        "9007199254740992.0 not in [body.huge]",
        "[9007199254740993, 9007199254740992.0] | unique | length == 2",
        "9007199254740993 is not divisibleby 2",
        "9007199254740992 is divisibleby 2",
    ] {
        check_holds(source, true);
    }
}

#[test]
fn upper_and_lower_case_differ_unless_asked_otherwise() {
    let list = "['b', 'B', 'a', 'A']";
    for (source, expected) in [
        ("unique", json!(["b", "B", "a", "A"])),
        ("unique(case_sensitive=false)", json!(["b", "a"])),
        ("sort", json!(["A", "B", "a", "b"])),
        ("sort(case_sensitive=false)", json!(["a", "A", "b", "B"])),
        ("sort(reverse=true)", json!(["b", "a", "B", "A"])),
        ("sort(true)", json!(["b", "a", "B", "A"])),
        ("min", json!("A")),
        ("min(case_sensitive=false)", json!("a")),
        ("max", json!("b")),
    ] {
        check(&format!("{{{{ {list} | {source} }}}}"), &expected);
    }
    let objects = "[{'n': 'x'}, {'n': 'X'}, {'n': 'x'}]";
    check(&format!("{{{{ {objects} | unique(attribute='n') }}}}"), &json!([{"n": "x"}, {"n": "X"}]));
    for source in ["'Ann' != 'ann'", "'Ann' < 'ann'", "'Ann' not in ['ann']", "'Ann' not in 'ann'"] {
        check_holds(source, true);
    }
}

#[test]
fn arguments_may_be_given_by_name() {
    let rows: [(&str, Value); 7] = [
        ("'häuser' | truncate(length=5)", json!("häus…")),
        ("'häuser' | truncate(4, end='')", json!("häus")),
        ("'a-b-c' | replace('-', '_', count=1)", json!("a_b-c")),
        ("2.345 | round(precision=1)", json!(2.3)),
        ("2.31 | round(1, method='ceil')", json!(2.4)),
        ("['a', 'b'] | join(d='+')", json!("a+b")),
        ("[1] | sum(start=2)", json!(3)),
    ];
    for (source, expected) in rows {
        check(&format!("{{{{ {source} }}}}"), &expected);
    }
    super::check_missing("{{ 'abc' | truncate(body.absent) }}");
    super::check_missing("{{ 2.5 | round(body.absent) }}");
}
