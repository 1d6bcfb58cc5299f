//! JSON as `serde_json` parses it, what `serde_json` rejects or rounds, and the bounds.

use serde_json::{Value, json};

use super::*;

fn value(text: &str) -> Value {
    Document::parse(text.to_owned()).unwrap().root().to_value()
}

#[test]
fn json_is_parsed_as_serde_json_parses_it() {
    for text in [
        r#"{"a":[1,-2,1.5,1e3,"x","\u00e9\n",true,false,null,{}],"b":{"c":[]}}"#,
        " 18446744073709551615 ",
        "-9223372036854775808",
        "18446744073709551616",
        "[ ]",
        "{ }",
        "[{\"\":[[\"\"]]} , 0.5E-1,\t\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]\r\n",
        "\"\\ud83d\\ude00 \u{1f600} \u{7f}\"",
        "\"x\"",
    ] {
        assert_eq!(value(text), serde_json::from_str::<Value>(text).unwrap(), "{text}");
    }
}

#[test]
fn other_text_is_rejected_without_being_quoted() {
    for text in [
        "",
        " ",
        "s3cret",
        "{s3cret:1}",
        "\"s3cret",
        "{\"s3cret\" 1}",
        "[1]s3cret",
        "NaN",
        "[1,]",
        "{\"a\":1,}",
        "[,1]",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\",
        "\"\t\"",
        "[1 2]",
        "{\"a\":}",
        "{1:2}",
        "tru",
        "truex",
        "]",
        "[}",
        "{]",
        "\"\\ud83d\\u12\"",
    ] {
        let error = Document::parse(text.to_owned()).unwrap_err();
        assert!(matches!(error, ParseError::Syntax { .. }), "{text}: {error:?}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(serde_json::from_str::<Value>(text).is_err(), "{text}");
    }
    let error = Document::parse("{\n  \"a\": x}".to_owned()).unwrap_err();
    assert_eq!(error.to_string(), "is not JSON: expected a value at line 2, column 8");
}

#[test]
fn a_lone_surrogate_becomes_a_replacement_character() {
    for (text, expected) in [
        (r#""cut \ud83d""#, "cut \u{fffd}"),
        (r#""\ude00 x""#, "\u{fffd} x"),
        (r#""\ud83dx""#, "\u{fffd}x"),
        (r#""\ud83d\n""#, "\u{fffd}\n"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (r#""\ud83d\u0041""#, "\u{fffd}A"),
        (r#""\udfff\ud800""#, "\u{fffd}\u{fffd}"),
    ] {
        assert_eq!(value(text), json!(expected), "{text}");
    }
    assert_eq!(value(r#"{"\ud83d":1}"#), json!({"\u{fffd}": 1}));
}

#[test]
fn numbers_keep_their_digits() {
    for digits in ["340282366920938463463374607431768211455", "1e400", "-0", "1.10", &"9".repeat(200)] {
        let document = Document::parse(format!("[{digits}]")).unwrap();
        assert_eq!(document.root().item(0).unwrap().content(), Content::Number(digits));
    }
}

#[test]
fn members_keep_their_order_and_the_last_of_equal_names_counts() {
    let document = Document::parse(r#"{"z":1,"a":{"x":[]},"z":3,"b":2}"#.to_owned()).unwrap();
    let names: Vec<_> = document.root().members().map(|(name, _)| name).collect();
    assert_eq!(names, ["z", "a", "z", "b"]);
    assert_eq!(document.root().get("z").unwrap().to_value(), json!(3));
    assert_eq!(document.root().get("absent").map(Element::to_value), None);
    assert_eq!(document.root().to_value(), json!({"z": 3, "a": {"x": []}, "b": 2}));
}

#[test]
fn items_are_found_after_nested_values() {
    let document = Document::parse(r#"[[1,[2,{"a":3}]],{"b":[4]},"five",6]"#.to_owned()).unwrap();
    let list = document.root();
    assert_eq!((list.count(), list.is_list(), list.is_object()), (4, true, false));
    assert_eq!(list.items().map(Element::to_value).collect::<Value>(), list.to_value());
    assert_eq!(list.item(2).and_then(Element::as_text), Some("five"));
    assert!(list.item(4).is_none() && list.get("b").is_none());
    let inner = list.item(1).unwrap();
    assert_eq!(document.element(inner.index()).to_value(), json!({"b": [4]}));
    assert_eq!(document.element(u32::MAX).content(), Content::Null);
}

#[test]
fn a_document_nests_at_most_64_levels() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(Document::parse(nested(DEPTH_MAX)).is_ok());
        for text in [nested(DEPTH_MAX + 1), open.repeat(100_000)] {
            assert_eq!(Document::parse(text).unwrap_err(), ParseError::TooDeep);
        }
    }
}

#[test]
fn the_index_is_bounded() {
    let nodes_max = INDEX_BYTES_MAX / NODE_BYTES;
    let list_of = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
    assert!(Document::parse(list_of(nodes_max - 1)).is_ok());
    assert_eq!(Document::parse(list_of(nodes_max)).unwrap_err(), ParseError::TooLarge);
    let objects = format!("[{}", "{\"\":0},".repeat(nodes_max / 3 + 1));
    assert_eq!(Document::parse(objects).unwrap_err(), ParseError::TooLarge);
    // What a deployed Worker has room for depends on it.
    assert_eq!(NODE_BYTES, 12);
}

#[test]
fn a_document_can_be_built() {
    let mut builder = Builder::default();
    builder.begin_object().unwrap();
    builder.name("a").unwrap();
    builder.begin_list().unwrap();
    builder.text("x").unwrap();
    builder.number("12").unwrap();
    builder.end();
    builder.name("b").unwrap();
    builder.text("").unwrap();
    let document = builder.finish();
    assert_eq!(document.root().to_value(), json!({"a": ["x", 12], "b": ""}));
    assert_eq!(Document::from_text("t".to_owned()).root().to_value(), json!("t"));
    assert_eq!(Document::null().root().to_value(), json!(null));
}

#[test]
fn the_index_of_a_large_text_has_little_memory_to_spare() {
    let item = r#"{"id": "li_1", "sku": "SKU-7", "description": "Seat, \"yearly\"", "price": 49.95, "discount": null}"#;
    let of = |items: usize| Document::parse(format!("[{}]", vec![item; items].join(","))).unwrap().nodes;
    for items in [1, 100, 3_000, 20_000] {
        let nodes = of(items);
        assert!(
            nodes.capacity() <= NODES_RESERVED_MIN + nodes.len() * 5 / 4,
            "{items}: {}",
            nodes.capacity()
        );
    }
    // Its beginning says nothing of the rest.
    let flat = format!("[\"{}\"{}]", "x".repeat(300_000), ",0".repeat(100_000));
    let nodes = Document::parse(flat).unwrap().nodes;
    assert!(nodes.capacity() <= nodes.len() * 5 / 4);
    // A beginning of commas, in a text.
    let text = format!("[\"{}\"]", ",".repeat(4_000_000));
    assert!(Document::parse(text).unwrap().nodes.capacity() <= INDEX_BYTES_MAX / NODE_BYTES);
}
