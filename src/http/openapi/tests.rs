use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::conformance::{resolved, validate};
use super::schemas::{reference, without_links};
use super::{ADDRESSES, OF_OPERATOR, document, example_path, find, problems, schemas, text, variant};
use crate::http::testing::{AUTHORIZATION, Stage};

/// Every operation: its method, address and description.
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(address, item)| {
        let item = item.as_object().unwrap().iter();
        item.map(|(method, operation)| (method.to_ascii_uppercase(), address.clone(), operation))
    });
    operations.collect()
}

/// Every value of the document with a member of this name.
fn each<'d>(value: &'d Value, name: &str, found: &mut Vec<&'d Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name));
            members.values().for_each(|member| each(member, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, name, found)),
        _ => {}
    }
}

#[test]
fn the_file_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let file = fs::read_to_string(path).unwrap_or_default().replace("\r\n", "\n");
    assert!(file == text(), "openapi.json is out of date: renew it with `cargo xtask openapi`");
}

#[test]
fn every_route_is_documented_and_every_operation_is_a_route() {
    let document = document();
    let documented: BTreeSet<String> = operations(&document)
        .iter()
        .map(|(method, address, _)| variant(&find(method, address).unwrap()))
        .collect();
    let routes: BTreeSet<String> = schemas::routes().into_iter().map(|(name, _)| name).collect();
    assert_eq!(documented, routes, "each variant of Route has an address in ADDRESSES");
    assert!(routes.len() > 20 && ADDRESSES.len() >= routes.len() - 1);
    let ids: BTreeSet<&str> = operations(&document)
        .iter()
        .map(|(_, _, operation)| operation["operationId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), operations(&document).len(), "each operation has a name of its own");
}

#[test]
fn every_problem_has_an_example_and_a_call() {
    let source = include_str!("../problem.rs");
    let (_, variants) = source.split_once("pub enum Problem {").unwrap();
    let (variants, _) = variants.split_once("\n}").unwrap();
    let variants = variants.lines().filter_map(|line| line.strip_prefix("    "));
    let variants = variants.filter(|line| line.starts_with(char::is_uppercase));
    let name = |text: &str| text.chars().take_while(char::is_ascii_alphanumeric).collect::<String>();
    let variants: BTreeSet<String> = variants.map(name).collect();
    let all = problems::all();
    let examples: BTreeSet<String> = all.iter().map(|problem| name(&format!("{problem:?}"))).collect();
    assert_eq!(examples, variants, "add an example to openapi/problems.rs");

    let text = document()["components"]["responses"].to_string();
    let page = include_str!("../../../docs/api.md");
    for problem in &all {
        let name = problem.kind().name;
        assert!(text.contains(&format!("urn:seedhook:problem:{name}\"")), "no call answers with {name}");
        assert!(page.contains(&format!("`{name}`")), "docs/api.md lacks {name}");
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = document();
    let mut references = Vec::new();
    each(&document, "$ref", &mut references);
    let used: BTreeSet<&str> = references.iter().map(|reference| reference.as_str().unwrap()).collect();
    for reference in &used {
        let target = document.pointer(reference.strip_prefix('#').unwrap());
        assert!(target.is_some(), "{reference} leads nowhere");
    }
    for part in ["schemas", "responses", "examples"] {
        for name in document["components"][part].as_object().unwrap().keys() {
            assert!(
                used.contains(format!("#/components/{part}/{name}").as_str()),
                "{part}/{name} is not used"
            );
        }
    }
}

#[test]
fn every_example_is_valid() {
    let document = document();
    let examples = document["components"]["examples"].as_object().unwrap();
    for (name, example) in examples {
        let schema = if document["components"]["schemas"].get(name).is_some() { name } else { "Problem" };
        validate(&reference(schema), &example["value"], name);
    }
}

#[test]
fn a_body_with_another_field_is_refused() {
    let example = document()["components"]["examples"]["Run"]["value"].clone();
    let change = |path: &str, change: &dyn Fn(&mut Value)| {
        let mut run = example.clone();
        change(run.pointer_mut(path).unwrap());
        std::panic::catch_unwind(|| validate(&reference("Run"), &run, "")).is_err()
    };
    assert!(!change("", &|_| ()));
    assert!(change("", &|run| run["more"] = json!(1)));
    assert!(change("/files/0", &|file| file["more"] = json!(1)));
    assert!(change("", &|run| drop(run.as_object_mut().unwrap().remove("retry_of"))));
    assert!(change("", &|run| drop(run.as_object_mut().unwrap().remove("database"))));
    assert!(change("/received_at", &|at| *at = json!("today")));
    assert!(change("/status", &|status| *status = json!("done")));
}

#[test]
fn descriptions_do_not_speak_of_rust() {
    let document = document();
    let mut descriptions = Vec::new();
    each(&document, "description", &mut descriptions);
    for text in descriptions.iter().filter_map(|text| text.as_str()) {
        assert!(!text.contains("[`") && !text.contains("::"), "{text}");
    }
    assert_eq!(without_links("a [`B`] and [`C`](D) e"), "a `B` and `C` e");
}

#[test]
fn every_field_is_described() {
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        assert!(schema["description"].is_string(), "{name}");
        for (field, property) in schema["properties"].as_object().into_iter().flatten() {
            let is_described = property["description"].is_string() || property.get("const").is_some();
            assert!(is_described, "{name}.{field}");
        }
    }
}

/// A value that a parameter takes.
fn example_of(parameter: &Value) -> String {
    let schema = &parameter["schema"];
    let first = schema.pointer("/items/enum/0").or(schema.pointer("/enum/0")).or(schema.get("maximum"));
    match (parameter["name"].as_str().unwrap(), first) {
        (_, Some(Value::String(text))) => text.clone(),
        (_, Some(number)) => number.to_string(),
        ("since" | "until", _) => "2026-11-25T00:00:00Z".to_owned(),
        ("force", _) => "true".to_owned(),
        // A cursor is read as it was given out.
        ("cursor", _) => String::new(),
        _ => "crm".to_owned(),
    }
}

#[test]
fn the_query_of_a_call_is_the_one_that_it_reads() {
    let stage = Stage::new(&json!({}));
    let document = document();
    let send = |method: &str, address: &str, query: &str| {
        let path = example_path(address);
        stage.send(method, &format!("{path}?{query}"), &[("authorization", AUTHORIZATION)], "").problem()
    };
    for (method, address, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let queries = parameters.iter().filter(|parameter| parameter["in"] == "query");
        let queries: Vec<&Value> = queries.collect();
        if method == "HEAD" || queries.is_empty() || !address.starts_with("/api/") {
            continue;
        }
        assert_eq!(send(&method, &address, "unknown=1"), "bad-query", "{method} {address}");
        for parameter in queries {
            let (name, value) = (parameter["name"].as_str().unwrap(), example_of(parameter));
            if value.is_empty() {
                continue;
            }
            let query = format!("{name}={value}");
            assert_ne!(send(&method, &address, &query), "bad-query", "{method} {address}?{query}");
            if let Some(maximum) = parameter["schema"]["maximum"].as_u64() {
                for wrong in [0, maximum + 1] {
                    let query = format!("{name}={wrong}");
                    assert_eq!(send(&method, &address, &query), "bad-query", "{method} {address}?{query}");
                }
            }
        }
    }
}

#[test]
fn only_the_operator_decides() {
    let document = document();
    for (method, address, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap().values();
        let text: String = responses.map(|response| resolved(&document, response).to_string()).collect();
        let is_for_operator = address.starts_with("/api/");
        let has = |name: &str| text.contains(&format!(":{name}\""));
        if method != "HEAD" {
            assert_eq!(OF_OPERATOR.into_iter().all(has), is_for_operator, "{method} {address}");
            let reads = operation["security"].to_string().contains("readToken");
            assert_eq!(has("read-only"), is_for_operator && !reads, "{method} {address}");
        }
    }
}
