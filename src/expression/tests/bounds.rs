//! No template and no event takes more than its share: of work, and of memory.

use serde_json::{Value, json};

use super::check_refused;
use crate::expression::{EVENT_SCOPE, Expressions, Scope};
use crate::value::TEXT_BYTES_MAX;
use crate::value::fuel::{EVENT_FUEL, FUEL};

const TOO_MUCH: &str = "takes more work than one expression may";

/// An event that is as large as a hook may allow.
fn large() -> Scope {
    let items: Vec<Value> =
        (0..50_000).map(|n| json!({"n": n, "s": format!("item {}", 50_000 - n)})).collect();
    let again = items.clone();
    Scope::new(&json!({"body": {
        "items": items, "again": again, "words": (0..100_000).map(|n| format!("word {n}")).collect::<Vec<_>>(),
        "long": "ä".repeat(100_000), "text": "ä ".repeat(TEXT_BYTES_MAX / 3), "commas": "a,".repeat(TEXT_BYTES_MAX / 2),
        "similar": (0..64).map(|n| format!("{}{n}", "x".repeat(2_000))).collect::<Vec<_>>(),
        "alike": (0..100).map(|n| format!("{}{n}", "x".repeat(20_000))).collect::<Vec<_>>(),
        "json": format!("[{}1]", "1,".repeat(TEXT_BYTES_MAX / 2 - 2)),
    }}))
}

#[track_caller]
fn check_stops(source: &str, scope: &Scope, expected: &str) {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let reason = match expressions.template(source) {
        Ok(template) => expressions.evaluate(&template, &scope.clone()).expect_err(source).reason,
        Err(mistake) => mistake.message,
    };
    assert!(reason.contains(expected), "{source}: {reason}");
}

#[test]
fn an_endless_expression_runs_out_of_fuel() {
    for source in [
        "{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{% set x = a * 2 %}{% endfor %}",
        "{{ range(100000) | sum }}",
        "{{ range(100000) | list }}",
        "{% set ns = namespace(x='x') %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x='x') %}{% for a in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for a in range(50) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == ns.x }}",
        "{% for a in range(9999) %}{{ (a / 7) | round(-3) }}{% endfor %}",
        "{% for a in range(9999) %}{{ '2024-01-31' | shift('1d') | strftime('%A') }}{% endfor %}",
        "{% for a in range(9999) %}{{ a | sha256 }}{% endfor %}",
    ] {
        check_refused(source, TOO_MUCH);
    }
}

#[test]
fn a_large_event_is_no_more_work_than_a_small_one() {
    let scope = large();
    for source in [
        "{{ body.items | map(attribute='s') | join(', ') }}",
        "{{ body.items | sort(attribute='s') | first }}",
        "{{ body.items | max(attribute='n') }}",
        "{{ body.items | sum(attribute='n') }}",
        "{{ body.items | selectattr('n', 'gt', 5) | list }}",
        "{{ body.words | unique | length }}",
        "{{ body.words | sort | first }}",
        "{{ body.words[1:] | first }}",
        "{{ body.words + body.words }}",
        "{{ 'x' in body.words }}",
        "{{ body.words | select('in', body.words) | list }}",
        "{{ body.alike | sort | first }}",
        "{{ body.alike | unique | length }}",
        "{{ body.similar | sort | first }}",
        "{{ body.items == body.again }}",
        "{% for item in body.items %}{{ item.s }}{% endfor %}",
        "{{ body.text | upper | lower }}",
        "{{ body.commas | split(',') }}",
        "{{ body.json | fromjson | sum }}",
        "{% for i in range(100) %}{{ body.text[-3:] }}{% endfor %}",
        "{% for i in range(100) %}{{ body.text is eq body.text }}{% endfor %}",
        "{% for i in range(100) %}{{ 'x' in body.text }}{% endfor %}",
        "{% for i in range(100) %}{{ body.text | trim | length }}{% endfor %}",
    ] {
        check_stops(source, &scope, TOO_MUCH);
    }
}

#[test]
fn what_is_too_long_is_an_error_only_where_it_is_touched() {
    let scope = large();
    for source in [
        "{{ body.long }}",
        "{{ body.long[:3] }}",
        "x {{ body.long }}",
        "{{ body.long | upper }}",
        "{{ body.long == 'x' }}",
    ] {
        check_stops(source, &scope, "a text of more than 128 KiB");
    }
    check_stops("{{ '%0140000d' | format(5) | slug }}", &scope, "a text of more than 128 KiB");
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let template = expressions
        .template("{{ body.items[7].n }} {{ body.items | length }} {{ (body.words[-2:] | last) }}")
        .unwrap();
    assert_eq!(expressions.evaluate(&template, &scope), Ok(json!("7 50000 word 99999")));
}

#[test]
fn a_value_is_bounded_however_it_is_made() {
    let scope = large();
    for source in ["{{ body.items }}", "{{ body.words }}", "{{ body }}", "{{ body.items[:5000] | tojson }}"] {
        check_stops(source, &scope, "at most 128 KiB as JSON");
    }
    // A list that the engine makes without end, before there is an event.
    check_refused("{{ range(100000) }}", "at most 128 KiB as JSON");
    for source in [
        "{{ '%0999999d' | format(5) }}",
        "{{ '%*d' | format(999999, 5) }}",
        "{{ body.text | replace(' ', 'xxxxxxxxxxxxxxxxxxxx') }}",
        "{{ body.text | replace('', 'xx') }}",
        "{{ 'x'.center(999999) }}",
        "{{ (body.similar + body.similar) | join }}",
        "{{ body.words | join }}",
    ] {
        check_stops(source, &scope, "a text of more than 128 KiB");
    }
    check_refused("{{ '%.2000f' | format(body.price) }}", "at most 1074 digits after the point");
    let line = "x".repeat(100);
    check_refused(&format!("{{% for a in range(2000) %}}{line}{{% endfor %}}"), "at most 128 KiB as JSON");
    check_refused(
        "{% set ns = namespace(x=1) %}{% for a in range(200) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "at most 160 deep",
    );
    check_refused(
        "{% set ns = namespace(x=1) %}{% for a in range(99) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x == [ns.x] }}",
        "compared at most 64 deep",
    );
}

/// What an expression spends is at least this much more than what another does.
#[track_caller]
fn check_spends(source: &str, more: u64, than: &str) {
    let spent = |source: &str| {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(source).unwrap();
        let scope = super::scope();
        expressions.evaluate(&template, &scope).unwrap();
        EVENT_FUEL - scope.fuel_left()
    };
    let (dear, cheap) = (spent(source), spent(than));
    assert!(dear >= cheap + more, "{source}: {dear}, {than}: {cheap}");
}

#[test]
fn dear_work_is_paid_for() {
    check_spends("{{ body.price | round }}", 4, "{{ body.price }}");
    check_spends("{{ body.closed_at | date }}", 16, "{{ body.closed_at }}");
    check_spends("{{ body.closed_at | strftime('%A %d') }}", 36, "{{ body.closed_at }}");
    check_spends("{{ '20240131' | strptime('%Y%m%d') }}", 20, "{{ '20240131' }}");
    let text = "{{ '%016000d' | format(1) | length }}";
    check_spends("{{ '%016000d' | format(1) | upper | length }}", 1000, text);
    check_spends("{{ '%016000d' | format(1) | sha256 | length }}", 1000, text);
    check_spends("{{ '%016000d' | format(1) | tojson | length }}", 2000, text);
    let quoted = "('\"' ~ '%016000d' | format(1) ~ '\"')";
    check_spends(
        &format!("{{{{ {quoted} | fromjson | length }}}}"),
        1900,
        &format!("{{{{ {quoted} | trim | length }}}}"),
    );
}

/// Hostile work is paid for by what it costs: as a rule, one unit of fuel for 0.2 microseconds of a native build.
#[test]
fn hostile_work_costs_what_it_costs() {
    let spent = |source: &str, scope: &Scope| {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(source).unwrap();
        let scope = scope.clone();
        expressions.evaluate(&template, &scope).unwrap_or_else(|error| panic!("{source}: {error}"));
        EVENT_FUEL - scope.fuel_left()
    };
    let scope = Scope::new(&json!({"body": {
        "large": 1e308, "small": 1.5, "text": "x".repeat(16_000), "spaces": " ".repeat(1_000),
        "long_texts": (0..64).map(|n| format!("{}{n}", "x".repeat(100))).collect::<Vec<_>>(),
        "numbers": (0..1_000).collect::<Vec<_>>(), "object": {"a": "x".repeat(16_000)},
    }}));
    for (source, at_least) in [
        ("{{ '%.2f' | format(body.large) | length }}", 150),
        ("{{ '%e' | format(body.large) | length }}", 150),
        ("{{ '%09999d' | format(1) | length }}", 9_999 / 16),
        ("{{ body.numbers | sort | length }}", 1_000 + 10 * 1_000 / 16),
        ("{{ body.numbers | unique | length }}", 1_000 + 10 * 1_000 / 16),
        ("{{ body.numbers | min }}", 1_000),
        ("{{ body.numbers | sum }}", 1_000),
        ("{{ body.numbers | reverse | length }}", 1_000),
        ("{{ body.numbers | list | length }}", 1_000),
        ("{{ body.numbers | select('gt', 5) | list | length }}", 1_000),
        ("{{ 5000 in body.numbers }}", 1_000),
        ("{{ body.numbers.count(1) }}", 1_000),
        ("{{ body.numbers | join(',') | length }}", 1_000),
        ("{{ body.long_texts | sort | length }}", 64 + 7 * 64 * 100 / 16),
        ("{{ body.long_texts | sort(case_sensitive=false) | length }}", 64 + 8 * 64 * 100 / 16),
        ("{{ body.text | reverse | length }}", 2_000),
        ("{{ body.text | replace('', '-') | length }}", 6_000),
        ("{{ body.spaces | split(' ') | length }}", 1_000),
        ("{{ body.spaces.split(' ') | length }}", 1_000),
        ("{{ body.text.strip(body.spaces) | length }}", 16_000 * 1_000 / 16 - 1),
        ("{{ body.text.count('y') }}", 2_000),
        ("{{ body.text.rjust(32000) | length }}", 4_000),
        ("{{ body.text | trim('y') | length }}", 3_000),
        ("{{ (body.text ~ body.text) | length }}", 4_000),
        ("{{ (body.text + body.text) | length }}", 4_000),
        ("{{ body.object | tojson | length }}", 3_000),
    ] {
        if at_least > FUEL {
            check_stops(source, &scope, TOO_MUCH);
        } else {
            let spent = spent(source, &scope);
            assert!(spent >= at_least, "{source}: {spent}, not {at_least}");
        }
    }
    // The engine writes a thousand digits to round this number; here it is as cheap as any other.
    let [large, small] = ["{{ body.large | round(2) }}", "{{ body.small | round(2) }}"];
    assert_eq!(spent(large, &scope), spent(small, &scope));
}

#[test]
fn all_expressions_over_one_event_share_one_bound() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let cheap = expressions.template("{{ body.seats }}").unwrap();
    let dear = expressions.template("{% for n in range(100000) %}x{% endfor %}").unwrap();
    let missing = expressions.condition("body.absent == 1").unwrap();
    let scope = super::scope();
    for _ in 0..32 {
        assert_eq!(expressions.holds(&missing, &scope), Ok(false));
    }
    assert_eq!(expressions.evaluate(&cheap, &scope), Ok(json!(15)), "32 rules may miss a field");
    for _ in 0..EVENT_FUEL / FUEL {
        assert!(expressions.evaluate(&dear, &scope).is_err());
    }
    let reason = expressions.evaluate(&cheap, &scope).unwrap_err().reason;
    assert!(reason.contains("took too much work together"), "{reason}");
    assert!(expressions.holds(&missing, &scope).is_err(), "so no event is taken for ignored");
    assert_eq!(
        expressions.evaluate(&cheap, &super::scope()),
        Ok(json!(15)),
        "the next event is not to blame"
    );
}

#[test]
fn what_is_given_out_counts_too() {
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let whole = expressions.template("{{ body }}").unwrap();
    let scope = Scope::new(&json!({"body": {"text": "x".repeat(100_000)}}));
    let given = (0..100).take_while(|_| expressions.evaluate(&whole, &scope).is_ok()).count();
    assert!((2..=4).contains(&given), "{given} times 100 KB");
}

/// Compiles and evaluates on as much stack as a Worker has.
fn on_a_small_stack(source: String, scope: serde_json::Value) -> Result<Value, String> {
    let work = move || {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(&source).map_err(|mistake| mistake.message)?;
        expressions.evaluate(&template, &Scope::new(&scope)).map_err(|error| error.reason)
    };
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap();
    thread.join().unwrap()
}

/// Less than the 1 MiB of a Worker: what called the evaluation needs some, too.
const STACK_BYTES: usize = 768 * 1024;

#[test]
fn the_deepest_expression_fits_the_stack() {
    let deep = |open: &str, inner: &str, close: &str, times: usize| {
        format!("{{{{ {}{inner}{} }}}}", open.repeat(times), close.repeat(times))
    };
    for (open, inner, close, times) in [
        ("(", "1", ")", 98),
        ("1 or 1 and 1 == 1 + 1 ~ (", "1", ")", 16),
        ("[", "body", "]", 98),
        ("{'a':", "body", "}", 98),
        ("body | default(", "1", ")", 98),
        ("body[", "'x'", "]", 98),
        ("not ", "1", "", 199),
        ("-", "body", "", 199),
        ("", "body", " ~ 1", 199),
        ("", "body", ".x", 199),
        ("1 if 1 else ", "1", "", 199),
    ] {
        let result = on_a_small_stack(deep(open, inner, close, times), json!({"body": 1}));
        assert!(!result.as_ref().is_err_and(|error| error.contains("deep")), "{open}: {result:?}");
        let result =
            on_a_small_stack(deep(open, inner, close, 4_000 / (open.len() + close.len())), json!({}));
        assert!(result.as_ref().is_err_and(|error| error.contains("deep")), "{open}: {result:?}");
    }
    let nested = format!("{}x{}", "{% if 1 %}".repeat(100), "{% endif %}".repeat(100));
    assert_eq!(on_a_small_stack(nested, json!({})), Ok(json!("x")));
}

#[test]
fn the_deepest_loop_fits_the_stack() {
    let loops = "{% for x in body recursive %}{% if x %}[{{ loop(x) }}]{% endif %}{% endfor %}";
    let nested = |depth: usize| (0..depth).fold(json!([]), |inner, _| json!([inner]));
    let brackets = on_a_small_stack(loops.to_owned(), json!({"body": nested(63)})).unwrap();
    assert_eq!(brackets.as_str().map(str::len), Some(2 * 62));
    let endless = format!(
        "{{% for x in [0] recursive %}}{{{{ {}loop([0]){} }}}}{{% endfor %}}",
        "(1 ~ ".repeat(48),
        ")".repeat(48)
    );
    for source in ["{% for x in [0] recursive %}{{ loop([0]) }}{% endfor %}", &endless] {
        let error = on_a_small_stack(source.to_owned(), json!({})).unwrap_err();
        assert!(error.contains("nests at most 400 deep"), "{error}");
    }
}
