//! Which mistakes are found before the first delivery, and what is none.

use crate::expression::{EVENT_SCOPE, Expressions};

#[track_caller]
fn check(source: &str, expected: &str) {
    let mistake =
        Expressions::new(EVENT_SCOPE).template(&format!("{{{{ {source} }}}}")).expect_err(source).message;
    assert!(mistake.contains(expected), "{source}: {mistake}");
}

#[test]
fn unknown_names_are_found_with_the_nearest_right_one() {
    for (source, expected) in [
        ("body.name.lowr()", "unknown method `lowr`; did you mean `lower`?"),
        ("body.name.slug()", "unknown method `slug`; that is a filter: `| slug`"),
        ("body.tags.append(1)", "unknown method `append`: lists do not change"),
        ("'{}'.format(body.x)", "unknown method `format`; write `'%s' | format(value)`"),
        ("body.x | strip", "unknown filter `strip`; that is a method: `.strip(…)`"),
        ("body.x is length", "unknown test `length`; that is a filter"),
        ("body.tags | map('uper')", "unknown filter `uper`; did you mean `upper`?"),
        ("body.tags | select('equals', 1)", "unknown test `equals`"),
        ("body.tags | reject('evn')", "unknown test `evn`; did you mean `even`?"),
        ("body.tags | selectattr('a', 'eqq', 1)", "unknown test `eqq`; did you mean `eq`?"),
        ("body.tags | rejectattr('a', 'startswith', 'x')", "unknown test `startswith`"),
        ("body.tags | map(atribute='a')", "did you mean `attribute`?"),
        ("delivery.recieved_at", "did you mean `delivery.received_at`?"),
        ("delivery['time']", "unknown variable `delivery.time`; `delivery` has id, received_at"),
        ("event.Type", "did you mean `event.type`?"),
        ("event.dataContentType", "did you mean `event.datacontenttype`?"),
        ("event.data_base46", "did you mean `event.data_base64`?"),
        ("event.spec_version", "did you mean `event.specversion`?"),
        ("hook.name", "`hook` is a text: there is no `hook.name`"),
        ("body()", "`body` is a value, not a function"),
        ("dict(a=1).gett('a')", "did you mean `get`?"),
    ] {
        check(source, expected);
    }
    let mistake = Expressions::new(EVENT_SCOPE)
        .template("{% for x in body.items %}{{ loop.idnex }}{% endfor %}")
        .unwrap_err()
        .message;
    assert!(mistake.contains("did you mean `loop.index`?"), "{mistake}");
}

#[test]
fn wrong_arguments_are_found() {
    for (source, expected) in [
        (
            "body.x | truncate(lenght=5)",
            "`truncate` takes `length` and optionally `end`, not `lenght`; did you mean `length`?",
        ),
        ("body.x | truncate", "`truncate` needs `length` and optionally `end`"),
        ("body.x | truncate(5, length=5)", "`truncate` has its argument `length` twice"),
        ("body.x | round(1, 2, 3, 4)", "`round` takes at most `precision`, `method`, not 4 arguments"),
        ("body.x | upper(1)", "`upper` takes no arguments, not 1 arguments"),
        ("body.x is eq", "`eq` needs `other`"),
        ("body.x.lower(1)", "`lower` takes no arguments"),
        ("body.x.get()", "`get` needs `key`"),
        ("range()", "`range` needs `start`"),
        ("body.tags | map('truncate')", "`truncate` needs `length`"),
        ("body.tags | select('gt')", "`gt` needs `other`"),
        ("body.tags | selectattr()", "`selectattr` needs"),
    ] {
        check(source, expected);
    }
}

#[test]
fn constants_that_are_never_right_are_found() {
    for (source, expected) in [
        ("body.at | at_offset('Europe/Berlin')", "`at_offset` takes an offset such as"),
        ("body.at | shift('7x')", "`shift` takes a span such as"),
        ("body.at | shift(7)", "this fails for every event"),
        ("body.at | strftime('%J')", "`strftime` takes a pattern"),
        ("body.at | strptime('%H:%M')", "`strptime` takes a text that its pattern fits"),
        ("body.at | strptime('%J')", "`strptime` takes a text that its pattern fits"),
        ("body.x | short_hash(99)", "`short_hash` gives 1 to 64 digits"),
        ("body.x | slug('a')", "this fails for every event"),
        ("body.x | round('x')", "this fails for every event"),
        ("body.x | round(2, 'up')", "`round` takes the method"),
        ("body.x | clamp(10, 1)", "`clamp`: the lower bound must not exceed the upper bound"),
        ("body.x | clamp('a', 1)", "`clamp` takes a number"),
        ("'%d %d' | format(body.x)", "this fails for every event"),
        ("body.tags | map('shift', '7x')", "`shift` takes a span such as"),
        ("body.tags | select('in', 5)", "`in` takes a text in a text"),
        ("body.x * '5'", "`*` takes two numbers; this fails for every event"),
        ("body.x / 0", "a division by zero"),
        ("body.x ~ none", "null inside a text"),
        ("body.x ~ ['a']", "a list inside a text"),
        ("body.x in 5", "`in` takes"),
        ("body.x.zfill('a')", "`zfill` takes a width"),
        ("'5' * 2", "`*` takes two numbers, not a text and a number"),
        ("'a' + 1", "`+` takes two numbers, two texts or two lists, not a text and a number"),
        ("'5' < 3", "`<` or `>` takes two numbers or two texts, not a text and a number"),
        ("3 > '5'", "`<` or `>` takes"),
        ("'a' - 1", "`-` takes two numbers"),
        ("-'a'", "`-` takes a number, not a text"),
        ("['a'] * 2", "`*` takes two numbers"),
        ("none ~ 'x'", "null inside a text"),
        ("1 in 'abc'", "`in` takes a text in a text"),
        ("body.x if '5' < 3 else 1", "`<` or `>` takes"),
        ("body.tags | select('gt', 5 * 'x')", "`*` takes two numbers"),
        ("range(10, 'a')", "this fails for every event"),
    ] {
        check(source, expected);
    }
}

#[test]
fn constants_are_not_folded_past_the_strict_operators() {
    for (source, expected) in [
        ("'a' == 1", "false"),
        ("true == 1", "false"),
        ("[1] == [true]", "false"),
        ("9007199254740993 == 9007199254740992.0", "false"),
        ("-3 | abs", "3"),
        ("not '' and 2 > 1", "true"),
    ] {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(&format!("{{{{ {source} }}}}")).unwrap();
        let value = expressions.evaluate(&template, &super::super::Scope::named([])).unwrap();
        assert_eq!(value.to_string(), expected, "{source}");
    }
}

#[test]
fn what_may_be_right_is_no_mistake() {
    for source in [
        "{{ event.traceparent }}{{ event.myext1 }}{{ event.traceParent }}{{ event['data'].Foo }}",
        "{% set event = body.event %}{{ event.Type }}",
        "{% for delivery in body.deliveries %}{{ delivery.street }}{% endfor %}",
        "{% with hook = body.hook %}{{ hook.name }}{% endwith %}",
        "{{ body.at | shift('1h') }}{{ body.at | shift('1mo') }}{{ body.at | shift(body.by) }}",
        "{{ body.at | at_offset('+02:00') }}{{ '2024-01-31T00:00:00Z' | at_offset(body.offset) }}",
        "{{ body.at | strptime('%d.%m.%Y') }}{{ body.at | strptime('%Y-%m-%d %H:%M:%S %z') }}",
        "{{ body.at | strptime('%b %d, %Y') }}{{ body.at | strftime('%H') }}{{ body.at | strptime(body.pattern) }}",
        "{{ body.pattern | format(1, 2) }}{{ '%s %d' | format(body.a, body.b) }}{{ '%05.2f' | format(body.x) }}",
        "{{ body.list | join(body.separator) }}{{ body.list | join(', ', 'name') }}{{ body.list | sum('price') }}",
        "{{ body.text | replace('a', body.b) }}{{ body.x | int('none') }}{{ body.x | default(none, true) }}",
        "{{ body.list | sort(attribute='a.b') | map(attribute='c') | list }}{{ body.list | map('int', 0) | list }}",
        "{{ body.list | selectattr('a') | list }}{{ body.list | select | list }}{{ body.list | map(body.f) | list }}",
        "{{ body.list | selectattr('a', 'in', ['x']) | list }}{{ body.list | select('divisibleby', 3) | list }}",
        "{{ body.x + 'a' }}{{ body.x + 1 }}{{ body.x + ['a'] }}{{ body.x in [1] }}{{ 'a' in body.x }}{{ 1 in body.x }}",
        "{{ body.x < 'a' }}{{ body.x < 1.5 }}{{ body.x < none }}{{ none in body.x }}{{ body.x == none }}",
        "{{ body.x[:3] }}{{ 'abc'[body.from:] }}{{ body.x.items() }}{{ body.x.get('a', {}) }}{{ body.x.count(1) }}",
        "{{ body.x.startswith(('a', 'b')) }}{{ ','.join(body.x) }}{{ body.x.index('q') }}{{ 'abc'.index(body.x) }}{{ body.x.split(',')[0] }}",
        "{{ body.x | fromjson }}{{ (body.x | fromjson).a.b }}{{ [1, 2][body.i] }}{{ {'a': 1}.get(body.k, 0) }}",
        "{% for k, v in body.x | items %}{{ k }}{{ loop.index }}{% endfor %}",
        "{{ 5 | clamp(body.low, 1) }}{{ body.x | clamp(10, body.high) }}{{ 5 | clamp(9000000, body.high) }}",
        "{{ '31.01.2024' | strptime(body.pattern) }}{{ '2024-01-31' | strftime(body.pattern) }}",
        "{{ body.x ** 2000 }}{{ body.x * 1e308 }}{{ body.x / 9007199254740993 }}{{ body.x - 1e308 }}",
        "{{ 2 ** body.x }}{{ body.x ** 2 }}{{ 1 / body.x }}{{ body.x // 0.5 }}{{ body.x % 7 }}{{ -body.x }}",
        "{% set ns = namespace(n=0) %}{% for x in range(3) %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}",
        "{{ [] | first }}{{ {'a': 1}.b }}{{ [1][5] }}{{ 1 if false }}",
        "{{ body.x | truncate(*body.args) }}{{ body.x | round(**body.named) }}",
        "{{ (body.a ~ '-' ~ body.b) | slug(40) }}{{ body.x | short_hash(body.n) }}{{ body.x | trim('-') }}",
        "{{ body.x is startingwith 'a' }}{{ body.x is gt 5 }}{{ body.x is in ['a'] }}{{ body.x is divisibleby 2 }}",
    ] {
        Expressions::new(EVENT_SCOPE)
            .template(source)
            .unwrap_or_else(|mistake| panic!("{source}: {mistake}"));
    }
}

#[test]
fn nesting_is_bounded() {
    let chain = |count: usize| format!("{{{{ body.a{} }}}}", " ~ 'x'".repeat(count));
    let template = |source: &str| Expressions::new(EVENT_SCOPE).template(source).map(|_| ());
    assert_eq!(template(&chain(150)), Ok(()));
    let mistake = template(&chain(600)).unwrap_err().message;
    assert!(mistake.contains("nest at most 200 deep"), "{mistake}");
}
