//! Expressions and templates at random: most of them have the engine's grammar, some have not, and some nest, or go on,
//! as far as their length allows.

use super::choices::Choices;
use super::values::changed_text;

const FILTERS: &[&str] = &[
    "upper",
    "lower",
    "title",
    "capitalize",
    "replace",
    "length",
    "at_offset",
    "days_until",
    "items",
    "reverse",
    "trim",
    "join",
    "split",
    "lines",
    "default",
    "d",
    "round",
    "abs",
    "int",
    "float",
    "ceil",
    "first",
    "last",
    "min",
    "max",
    "sort",
    "list",
    "string",
    "clamp",
    "unix",
    "shift",
    "sum",
    "strptime",
    "select",
    "reject",
    "selectattr",
    "rejectattr",
    "map",
    "removeprefix",
    "unique",
    "short_hash",
    "slug",
    "urldecode",
    "format",
    "tojson",
    "safe",
    "escape",
    "e",
    "urlencode",
    "fromjson",
    "number",
    "unix_ms",
    "truncate",
    "date",
    "datetime",
    "floor",
    "strftime",
    "sha256",
    "removesuffix",
    "match",
    "base64",
    "b64encode",
    "b64decode",
    "flatten",
    "keys",
    "values",
    "path",
    "uper",
];

const METHODS: &[&str] = &[
    "get",
    "items",
    "keys",
    "values",
    "split",
    "rsplit",
    "splitlines",
    "replace",
    "strip",
    "lstrip",
    "lower",
    "title",
    "swapcase",
    "startswith",
    "endswith",
    "join",
    "find",
    "rfind",
    "index",
    "count",
    "zfill",
    "center",
    "isdigit",
    "isupper",
    "removeprefix",
    "cycle",
    "lowr",
];

const TESTS: &[&str] = &[
    "defined",
    "undefined",
    "none",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "in",
    "true",
    "false",
    "filter",
    "test",
    "safe",
    "boolean",
    "email",
    "evn",
];

const FUNCTIONS: &[&str] =
    &["range", "dict", "debug", "namespace", "now", "cycler", "joiner", "lipsum", "loop"];

const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", " in ", " not in ", " and ",
    " or ",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "10",
    "255",
    "1000000000",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "340282366920938463463374607431768211455",
    "0.5",
    "1e308",
    "1e999",
    "1_000",
    "0x7f",
    "0b11",
    "0o17",
    "1.",
    ".5",
    "1e-400",
];

/// What is written again and again.
const REPEATED: &[(&str, &str, &str)] = &[
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{'a':", "1", "}"),
    ("not ", "true", ""),
    ("-", "1", ""),
    ("1+", "1", ""),
    ("2**", "1", ""),
    ("1 if 1 else ", "1", ""),
    ("body.", "x", ""),
    ("body[", "0", "]"),
    ("range(", "1", ")"),
    ("body|default(", "1", ")"),
    ("", "body", "|string"),
    ("", "body", ".a"),
    ("", "body", "[0]"),
    ("", "body", "(1)"),
    ("", "1", " is odd"),
    ("", "'x'", "*2"),
    ("", "1", " if 1"),
    ("1,", "1", ""),
    ("1 is in [", "1", "]"),
    ("", "1", "~1"),
    ("", "body", "[:]"),
    ("[1]+", "[1]", ""),
];

const STATEMENTS: &[(&str, &str, &str)] = &[
    ("{% if 1 %}", "x", "{% endif %}"),
    ("{% for a in [1] %}", "x", "{% endfor %}"),
    ("{% for a in body recursive %}", "{{ loop(a) }}", "{% endfor %}"),
    ("{% with a=1 %}", "x", "{% endwith %}"),
    ("{% filter upper %}", "x", "{% endfilter %}"),
    ("{% set a %}", "x", "{% endset %}"),
    ("{% autoescape true %}", "x", "{% endautoescape %}"),
    ("{% if 0 %}{% else %}", "x", "{% endif %}"),
    ("{% raw %}", "x", "{% endraw %}"),
    ("{#", "x", "#}"),
    ("{{", "1", "}}"),
    ("{%", "1", "%}"),
    ("{% for a in range(1000) %}", "x", "{% endfor %}"),
    ("{{ body }}", "", ""),
    ("{% if 1 %}{% elif 1 %}", "x", "{% endif %}"),
    (
        "{% set n = namespace(x=[]) %}{% for i in range(10000) %}{% set n.x = [n.x] %}",
        "",
        "{% endfor %}{{ n.x }}",
    ),
    (
        "{% set n = namespace(x={}) %}{% for i in range(10000) %}{% set n.x = {'a': n.x} %}",
        "",
        "{% endfor %}{{ n.x | tojson }}",
    ),
    (
        "{% set n = namespace(x='a') %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}",
        "",
        "{% endfor %}{{ n.x }}",
    ),
    (
        "{% set n = namespace(x=[1]) %}{% for i in range(10000) %}{% set n.x = n.x | map('string') %}",
        "",
        "{% endfor %}{{ n.x | list }}",
    ),
    (
        "{% set n = namespace(x=[1]) %}{% for i in range(10000) %}{% set n.x = n.x | chain([1]) %}",
        "",
        "{% endfor %}{{ n.x | list }}",
    ),
    ("{% set n = namespace() %}{% set n.n = n %}", "", "{{ n }}"),
    ("{{ 'abcdefghijklmnop' * 9000 }}", "", ""),
    ("{{ [body, 'abcdefghijklmnop'] * 9000 }}", "", ""),
    ("{% for a in range(3000) %}abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz{% endfor %}", "", ""),
    (
        "{% for a in [0] recursive %}{{ a }}{{ loop([[[[[[[[[[[[[[[[[[[[a]]]]]]]]]]]]]]]]]]]]) }}{% endfor %}",
        "",
        "",
    ),
];

/// A template that speaks of these names, most of the time.
pub(crate) fn template(choices: &mut Choices<'_>, names: &[&str]) -> String {
    let template = match choices.below(8) {
        0..3 => format!("{{{{ {} }}}}", expression(choices, names, 4)),
        3 => repeated(choices, STATEMENTS),
        4 => format!("{{{{ {} }}}}", repeated(choices, REPEATED)),
        5 => choices.text(64),
        _ => (0..=choices.below(4)).map(|_| piece(choices, names, 2)).collect(),
    };
    if choices.one_in(4) { changed_text(&template, choices) } else { template }
}

/// A condition that speaks of these names, most of the time.
pub(crate) fn condition(choices: &mut Choices<'_>, names: &[&str]) -> String {
    let condition = match choices.below(8) {
        0 => repeated(choices, REPEATED),
        1 => choices.text(64),
        _ => expression(choices, names, 4),
    };
    if choices.one_in(4) { changed_text(&condition, choices) } else { condition }
}

/// The text that a sender signs.
pub(crate) fn signed_text(choices: &mut Choices<'_>) -> String {
    const PIECES: &[&str] = &[
        "{body}",
        "{{body}}",
        "{timestamp}",
        "{{ id }}",
        "{method}",
        "{url}",
        "{url_decoded}",
        "{form}",
        "{body_sha256}",
        "{body_sha256_bytes}",
        "{headers.x-a}",
        "{query.q}",
        "{body.a.0.b}",
        "{items.t}",
        "{",
        "}",
        "{{",
        "}}",
        "{}",
        ".",
        ":",
        "v0",
        "{body|body.a}",
        "{body.}",
        "{ body }",
        "{{{body}}}",
    ];
    let signed: String = (0..choices.below(8)).map(|_| choices.pick(PIECES)).collect();
    if choices.one_in(4) { changed_text(&signed, choices) } else { signed }
}

/// As deep, or as long, as it gets: up to and somewhat over what an expression may have.
fn repeated(choices: &mut Choices<'_>, of: &[(&str, &str, &str)]) -> String {
    let (before, within, after) = of[choices.below(of.len())];
    let length = before.len() + after.len();
    let times = match choices.below(8) {
        0 => 1,
        1..5 => 1 + choices.below(200),
        _ => choices.below(4_200),
    };
    let times = times.min(4_200 / length.max(1));
    // Only what is closed as often as it is opened is deep; only what is not is a mistake.
    let closed = if choices.one_in(8) { times.saturating_sub(1) } else { times };
    format!("{}{within}{}", before.repeat(times), after.repeat(closed))
}

fn piece(choices: &mut Choices<'_>, names: &[&str], depth: usize) -> String {
    let trim = |choices: &mut Choices<'_>| choices.pick(&["", "", "-", "+"]);
    let (left, right) = (trim(choices), trim(choices));
    let inner = |choices: &mut Choices<'_>| match depth {
        0 => choices.text(4),
        _ => piece(choices, names, depth - 1),
    };
    match choices.below(12) {
        0 => choices.text(8),
        1 => format!("{{#{left}{}#}}", choices.text(8)),
        2 => format!("{{%{left} raw {right}%}}{}{{% endraw %}}", inner(choices)),
        3 => {
            let (condition, then, otherwise) =
                (expression(choices, names, 2), inner(choices), inner(choices));
            format!("{{%{left} if {condition} {right}%}}{then}{{% else %}}{otherwise}{{% endif %}}")
        }
        4 => {
            let (of, then) = (expression(choices, names, 2), inner(choices));
            let recursive = if choices.one_in(4) { " recursive" } else { "" };
            format!(
                "{{% for a in {of}{recursive} {right}%}}{then}{{{{ loop.index }}}}{{{{ a }}}}{{% else %}}-{{% endfor %}}"
            )
        }
        5 => format!("{{% set a = {} %}}{}", expression(choices, names, 2), inner(choices)),
        6 => format!("{{% set a, b = {} %}}{{{{ b }}}}", expression(choices, names, 1)),
        7 => format!("{{% filter {} %}}{}{{% endfilter %}}", filter(choices, names, 1), inner(choices)),
        8 => format!("{{% with a = {} %}}{}{{% endwith %}}", expression(choices, names, 1), inner(choices)),
        _ => format!("{{{{{left} {} {right}}}}}", expression(choices, names, 3)),
    }
}

fn expression(choices: &mut Choices<'_>, names: &[&str], depth: usize) -> String {
    if depth == 0 {
        return atom(choices, names);
    }
    let inner = |choices: &mut Choices<'_>| expression(choices, names, depth - 1);
    match choices.below(16) {
        0..3 => atom(choices, names),
        3..5 => {
            let (left, right) = (inner(choices), inner(choices));
            format!("{left}{}{right}", choices.pick(OPERATORS))
        }
        5..9 => format!("{}|{}", inner(choices), filter(choices, names, depth - 1)),
        9 => {
            let (test, not) = (choices.pick(TESTS), if choices.one_in(3) { "not " } else { "" });
            format!("{} is {not}{test}{}", inner(choices), arguments(choices, names, depth - 1))
        }
        10 if choices.one_in(2) => {
            let method = choices.pick(METHODS);
            format!("{}.{method}{}", inner(choices), arguments(choices, names, depth - 1))
        }
        10 => format!(
            "{}.{}",
            inner(choices),
            choices.pick(&["a", "id", "items", "0", "name", "data", "index"])
        ),
        11 => {
            let bounds: Vec<String> = (0..=choices.below(3))
                .map(|_| if choices.one_in(2) { inner(choices) } else { String::new() })
                .collect();
            format!("{}[{}]", inner(choices), bounds.join(":"))
        }
        12 => format!("({} if {} else {})", inner(choices), inner(choices), inner(choices)),
        13 => format!("[{}, {}]", inner(choices), inner(choices)),
        14 => format!("{{'a': {}, {}: 1}}", inner(choices), inner(choices)),
        _ => format!("{}{}", choices.pick(FUNCTIONS), arguments(choices, names, depth - 1)),
    }
}

fn filter(choices: &mut Choices<'_>, names: &[&str], depth: usize) -> String {
    let filter = choices.pick(FILTERS);
    if choices.one_in(2) {
        filter.to_owned()
    } else {
        format!("{filter}{}", arguments(choices, names, depth))
    }
}

fn arguments(choices: &mut Choices<'_>, names: &[&str], depth: usize) -> String {
    const NAMED: &[&str] = &[
        "attribute=",
        "default=",
        "length=",
        "reverse=",
        "by=",
        "case_sensitive=",
        "precision=",
        "sep=",
        "end=",
        "*",
        "**",
        "x=",
    ];
    let argument = |choices: &mut Choices<'_>| {
        let name = if choices.one_in(4) { choices.pick(NAMED) } else { "" };
        format!("{name}{}", expression(choices, names, depth.min(2)))
    };
    let arguments: Vec<String> = (0..choices.below(4)).map(|_| argument(choices)).collect();
    format!("({})", arguments.join(", "))
}

fn atom(choices: &mut Choices<'_>, names: &[&str]) -> String {
    match choices.below(8) {
        0..3 => choices.pick(names).to_owned(),
        3 => format!("{}.{}", choices.pick(names), choices.pick(&["a", "id", "type", "items", "data"])),
        4 => choices.pick(NUMBERS).to_owned(),
        5 => choices
            .pick(&[
                "true",
                "none",
                "undefined",
                "a",
                "loop",
                "self",
                "'%s %d %.9999f'",
                "''",
                "[]",
                "{}",
                "\"\\ud83d\\x00\\n\"",
            ])
            .to_owned(),
        _ => format!("'{}'", choices.text(8).replace('\'', "\\'")),
    }
}
