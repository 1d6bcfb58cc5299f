//! Every example in docs/mapping.md is true.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::filters::FILTERS;
use super::super::methods::METHODS;
use super::super::signatures::names;
use super::super::{EVENT_SCOPE, Env, Expressions, SOURCE_BYTES_MAX, Scope, ScopeValue};
use crate::value::TEXT_BYTES_MAX;
use crate::value::fuel::{EVENT_FUEL, FUEL};

const PAGE: &str = include_str!("../../../docs/mapping.md");

/// The cells of a row, without the quotes of code.
fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix("| ")?.strip_suffix(" |")?.replace("\\|", "\0");
    Some(row.split(" | ").map(|cell| code(cell.trim()).replace('\0', "|")).collect())
}

fn code(cell: &str) -> &str {
    let quotes = cell.len() - cell.trim_start_matches('`').len();
    let unquoted = cell.get(quotes..cell.len().saturating_sub(quotes)).unwrap_or(cell);
    if quotes == 2 { unquoted.trim() } else { unquoted }
}

/// The rows of all tables whose header ends in these two.
fn rows(last_two: [&str; 2]) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut wanted = false;
    for line in PAGE.lines() {
        match cells(line) {
            None if line.starts_with("|---") => {}
            None => wanted = false,
            Some(cells) if cells.ends_with(&last_two.map(ToOwned::to_owned)) => wanted = true,
            Some(cells) if wanted => found.push(cells),
            Some(_) => {}
        }
    }
    assert!(!found.is_empty(), "no table has the columns {last_two:?}");
    found
}

fn block(language: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).expect("the block");
    rest.split("```").next().expect("its end")
}

fn scope() -> Scope {
    let body: Value = serde_json::from_str(block("json")).expect("the event");
    Scope::new(&json!({
        "body": body, "query": {"team": "sales"}, "hook": "shop",
        "delivery": {"id": "msg_1", "received_at": "2024-02-01T03:30:05.000Z"},
        "event": {"type": "com.acme.order"}, "item": body["items"][0],
        "scheduled_at": "2024-02-01T03:00:00.000Z",
        "body_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }))
    .with("headers", ScopeValue::Headers(&BTreeMap::from([("x-event".to_owned(), "order".to_owned())])))
}

fn expressions() -> Expressions {
    assert_eq!(block("toml"), "[vars.ENV]\nREGION = \"eu\"\nROWS = 100\n");
    Expressions::new(EVENT_SCOPE)
        .with_env(&Env::new(json!({"REGION": "eu", "ROWS": 100}).as_object().unwrap()))
}

fn check_values(last_two: [&str; 2]) {
    let mut wrong = Vec::new();
    for row in rows(last_two) {
        let [.., source, result] = row.as_slice() else { panic!("{row:?}") };
        let is_bare = last_two[0] != "template";
        let source = if is_bare { format!("{{{{ {source} }}}}") } else { source.clone() };
        let mut expressions = expressions();
        let value = expressions.template(&source).map(|template| expressions.evaluate(&template, &scope()));
        let expected: Value =
            serde_json::from_str(result).unwrap_or_else(|error| panic!("{result}: {error}"));
        if value != Ok(Ok(expected)) {
            wrong.push((source, result.clone(), value));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn templates_give_what_the_page_says() {
    check_values(["template", "gives"]);
    check_values(["expression", "value"]);
}

#[test]
fn names_are_what_the_page_says() {
    check_values(["for example", "gives"]);
    let named: BTreeSet<String> = rows(["for example", "gives"])
        .iter()
        .map(|row| row[0].split('.').next().unwrap().to_owned())
        .collect();
    assert_eq!(named, EVENT_SCOPE.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn filters_give_what_the_page_says() {
    check_values(["example", "result"]);
}

#[test]
fn the_page_has_every_filter_and_no_other() {
    let documented: BTreeSet<String> =
        rows(["example", "result"]).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(documented, names(FILTERS).into_iter().map(str::to_owned).collect());
    for row in rows(["example", "result"]) {
        assert!(row[2].contains(&format!("| {}", row[0])), "{row:?}");
    }
}

#[test]
fn conditions_hold_as_the_page_says() {
    for row in rows(["`when`", "holds"].map(|cell| cell.trim_matches('`'))) {
        let mut expressions = expressions();
        let condition = expressions.condition(&row[0]).unwrap();
        let holds = expressions.holds(&condition, &scope()).unwrap();
        assert_eq!(holds.to_string(), row[1], "{}", row[0]);
    }
}

#[test]
fn errors_say_what_the_page_says() {
    for row in rows(["template", "error"]) {
        let mut expressions = expressions();
        let template = expressions.template(&row[0]).unwrap();
        let error = expressions.evaluate(&template, &scope()).unwrap_err();
        assert!(error.reason.starts_with(&row[1]), "{}: {}", row[0], error.reason);
    }
}

#[test]
fn mistakes_are_what_the_page_says() {
    for row in rows(["template", "mistake"]) {
        let mistake = expressions().template(&row[0]).unwrap_err().message;
        assert_eq!(mistake, row[1], "{}", row[0]);
    }
}

#[test]
fn the_page_has_every_method_and_no_other() {
    let cells = rows(["expression", "value"]).into_iter().map(|row| row[0].clone());
    let documented: BTreeSet<String> = cells
        .flat_map(|cell| cell.split(", ").map(|name| name.trim_matches('`').to_owned()).collect::<Vec<_>>())
        .collect();
    assert_eq!(documented, names(METHODS).into_iter().map(str::to_owned).collect());
}

#[test]
fn every_test_and_function_that_the_page_names_is_there() {
    let (_, list) = PAGE.split_once("Tests, for `is`, `select` and `selectattr`: ").expect("the list");
    let (tests, rest) = list.split_once(". Functions: ").expect("its end");
    let functions = rest.split_once(".\n").expect("its end").0;
    let names = |list: &str| {
        list.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect::<Vec<String>>()
    };
    for name in names(tests) {
        let argument = match name.as_str() {
            "divisibleby" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" => " 1",
            "startingwith" | "endingwith" => " 'a'",
            "in" => " [1]",
            _ => "",
        };
        expressions().condition(&format!("body.created is {name}{argument}")).unwrap();
    }
    for name in names(functions) {
        let argument = if name == "range" { "1" } else { "" };
        expressions().condition(&format!("{name}({argument})")).unwrap();
    }
}

#[test]
fn bounds_are_what_the_page_says() {
    let (_, bounds) = PAGE.split_once("The work is bounded").expect("the bounds");
    assert_eq!(bounds.matches(&format!("at most {} KiB", TEXT_BYTES_MAX / 1024)).count(), 2);
    assert!(bounds.contains("at most 4,096 bytes") && SOURCE_BYTES_MAX == 4096);
    assert!(bounds.contains("a loop of 2,000 rounds; all expressions over one event 4,000 rounds"));
    assert_eq!(EVENT_FUEL, 2 * FUEL);
    for (rounds, is_within) in [(2_000, true), (4_000, false)] {
        let mut expressions = expressions();
        let source = format!("{{% for n in range({rounds}) %}}{{{{ n * 2 }}}}{{% endfor %}}");
        let template = expressions.template(&source).unwrap();
        assert_eq!(expressions.evaluate(&template, &scope()).is_ok(), is_within, "{rounds} rounds");
    }
}
