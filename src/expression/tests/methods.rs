//! Python's methods: as strict as the filters.

use serde_json::json;

use super::{check, check_holds, check_missing, check_refused};

#[test]
fn methods_do_what_they_do_in_python() {
    for (source, expected) in [
        ("body.name.lower()", json!("ann & co")),
        ("body.name.upper()", json!("ANN & CO")),
        ("'ann LEE'.title()", json!("Ann Lee")),
        ("'ann LEE'.capitalize()", json!("Ann lee")),
        ("'aBc'.swapcase()", json!("AbC")),
        ("body.type.split('.')", json!(["deal", "won"])),
        ("body.type.split('.')[0]", json!("deal")),
        ("' a  b '.split()", json!(["a", "b"])),
        ("'a b c'.split(maxsplit=1)", json!(["a", "b c"])),
        ("'a-b-c'.rsplit('-', 1)", json!(["a-b", "c"])),
        ("'a-b-c'.rsplit('-')", json!(["a", "b", "c"])),
        ("'a\\nb\\r\\nc'.splitlines()", json!(["a", "b", "c"])),
        ("'a-b-c'.replace('-', '_')", json!("a_b_c")),
        ("'a-b-c'.replace('-', '_', 1)", json!("a_b-c")),
        ("'a-b-c'.replace('-', '_', -1)", json!("a_b_c")),
        ("'  x '.strip()", json!("x")),
        ("'  x '.lstrip()", json!("x ")),
        ("'  x '.rstrip()", json!("  x")),
        ("'--x-'.strip('-')", json!("x")),
        ("'--x-'.lstrip('-')", json!("x-")),
        ("'--x-'.rstrip('-')", json!("--x")),
        ("', '.join(body.tags)", json!("a, b")),
        ("'refs/heads/x'.removeprefix('refs/heads/')", json!("x")),
        ("'a.csv'.removesuffix('.csv')", json!("a")),
        ("'äbc'.find('b')", json!(1)),
        ("'abcb'.rfind('b')", json!(3)),
        ("'abc'.find('x')", json!(-1)),
        ("'abc'.index('c')", json!(2)),
        ("['a', 'b'].index('b')", json!(1)),
        ("'banana'.count('an')", json!(2)),
        ("[1, 2, 1].count(1)", json!(2)),
        ("'7'.zfill(3) ~ '-7'.zfill(4)", json!("007-007")),
        ("'a'.ljust(3) ~ '|'", json!("a  |")),
        ("'a'.rjust(3, '-')", json!("--a")),
        ("'a'.center(4, '-')", json!("-a--")),
        ("{'a': 1, 'b': none}.keys()", json!(["a", "b"])),
        ("{'a': 1, 'b': none}.values()", json!([1, null])),
        ("{'a': 1}.items()", json!([["a", 1]])),
        ("{'a': 1}.get('a')", json!(1)),
        ("{'a': 1}.get('b')", json!(null)),
        ("{'a': 1}.get('b', 2)", json!(2)),
        ("{'a': 1}.get('b', default=2)", json!(2)),
        // An object may have fields of these names.
        ("{'items': 1}.items()", json!([["items", 1]])),
        ("{'get': 1}.get('get')", json!(1)),
    ] {
        check(&format!("{{{{ {source} }}}}"), &expected);
    }
    check("{% for k, v in {'a': 1}.items() %}{{ k }}={{ v }}{% endfor %}", &json!("a=1"));
}

#[test]
fn methods_that_ask_are_true_or_false() {
    for source in [
        "body.type.startswith('deal')",
        "body.type.startswith(('x', 'deal'))",
        "body.type.endswith('.won')",
        "'12'.isdigit()",
        "'12'.isdecimal()",
        "'½'.isnumeric()",
        "'aä'.isalpha()",
        "'a1'.isalnum()",
        "' \t'.isspace()",
        "'A1'.isupper()",
        "'a1'.islower()",
        "'a'.isascii()",
        "body.get('seats') == 15",
        "body.get('absent') is none",
    ] {
        check_holds(source, true);
    }
    for source in ["''.isdigit()", "'1.5'.isdigit()", "'Aa'.isupper()", "'1'.islower()", "'ä'.isascii()"] {
        check_holds(source, false);
    }
}

#[test]
fn methods_are_strict() {
    check_missing("{{ body.absent.lower() }}");
    check_missing("{{ body.absent.get('x') }}");
    check_refused("{{ body.none.lower() }}", "`lower` takes a text, not null");
    check_refused("{{ body.tags.strip() }}", "`strip` takes a text, not a list");
    check_refused("{{ body.tags.get('a') }}", "`get` takes an object, not a list");
    check_refused("{{ body.name.keys() }}", "`keys` takes an object, not a text");
    check_refused("{{ 'abc'.index('x') }}", "`index`: the part was not found");
    check_refused("{{ body.name.rjust(99, 'ab') }}", "`rjust` fills with one character");
}
