//! What the schema refers to, and which fields it knows.

use std::collections::BTreeSet;

use seedhook::config::Configuration;

use super::*;
use crate::config_file::ConfigFile;
use crate::testing::{TestHost, project_path, project_text};

mod agreement;

/// A field that nothing has, and that resembles no other.
const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqqqqqqq";

/// The variables of a hook with these fields, and the required ones where they are left out.
fn of_hook(fields: &Value) -> Value {
    let mut hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
    hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"HOOKS": {"h": hook}})
}

/// The fields that the Worker's own code takes, from the remedy of its mistake.
#[track_caller]
fn fields(vars: &Value) -> BTreeSet<String> {
    let configuration = Configuration::read(vars.as_object().unwrap());
    let mut remedies = configuration.mistakes().map(|mistake| mistake.remedy.clone());
    let list = remedies.find_map(|remedy| Some(remedy.strip_prefix("the fields here are ")?.to_owned()));
    list.unwrap().split(", ").map(ToOwned::to_owned).collect()
}

#[track_caller]
fn check_fields(vars: &Value, at: &str) {
    let schema = schema().unwrap();
    let known = schema.pointer(at).unwrap().as_object().unwrap();
    assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), fields(vars), "{at}");
}

/// The fields that the schema knows in `verify` for a scheme.
fn fields_of_scheme(schema: &Value, name: &str) -> BTreeSet<String> {
    let entries = schema.pointer("/definitions/verify/then/allOf").unwrap().as_array().unwrap();
    let of_scheme = |entry: &&Value| {
        let schemes = entry["if"]["properties"]["scheme"]["enum"].as_array().unwrap();
        schemes.iter().any(|known| known == name)
    };
    let names = &entries.iter().find(of_scheme).unwrap()["then"]["propertyNames"]["enum"];
    names.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn it_has_the_fields_that_the_worker_reads() {
    check_fields(&of_hook(&json!({UNKNOWN: 1})), "/definitions/hook/properties");
    check_fields(&of_hook(&json!({"rules": [{UNKNOWN: 1}]})), "/definitions/rule/properties");
    check_fields(&of_hook(&json!({"answer": {UNKNOWN: 1}})), "/definitions/answer/properties");
    let handshake = json!({"method": "GET", UNKNOWN: 1});
    check_fields(&of_hook(&json!({"handshake": handshake})), "/definitions/handshake/properties");
    let limit = "/definitions/hook/properties/rate_limit/anyOf/1/properties";
    check_fields(&of_hook(&json!({"rate_limit": {"binding": "L", UNKNOWN: 1}})), limit);
    let target = json!({"url": "https://a.example", "secret": "S", UNKNOWN: 1});
    check_fields(&json!({"NOTIFY": {"ops": target}}), "/definitions/target/properties");
}

#[test]
fn verify_has_the_fields_that_the_worker_reads_for_each_scheme() {
    let schema = schema().unwrap();
    for scheme in sender_names().chain(SCHEMES) {
        let mut known = fields_of_scheme(&schema, scheme);
        let mut read = fields(&of_hook(&json!({"verify": {"scheme": scheme, UNKNOWN: 1}})));
        // The Worker knows it in every scheme, and says why some have none.
        known.remove("secret");
        read.remove("secret");
        assert_eq!(known, read, "{scheme}");
        for field in known {
            let at = format!("/definitions/verify/properties/{field}");
            assert!(schema.pointer(&at).is_some(), "{field}");
        }
    }
}

/// What a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(table) => {
            let own = table.get("$ref").and_then(Value::as_str).map(ToOwned::to_owned);
            own.into_iter().chain(table.values().flat_map(references)).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_is_printed_refers_to_nothing_outside_itself() {
    let host = TestHost::new();
    run(&host, lexopt::Parser::from_args([""; 0])).unwrap();
    let printed = host.printed.borrow().clone();
    assert!(!printed.contains(PLACE));
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let references = references(&printed);
    assert!(!references.is_empty() && printed.get("$id").is_none());
    for reference in references {
        let at = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} is outside"));
        assert!(printed.pointer(at).is_some(), "{reference}");
    }
}

#[test]
fn the_one_for_json_joins_ours_and_wranglers() {
    let joined: Value = serde_json::from_str(&schema_text_with_wranglers().unwrap()).unwrap();
    let parts = json!([{"$ref": "./config.schema.json"}, {"$ref": "../wrangler/config-schema.json"}]);
    assert_eq!(joined, json!({"$schema": schema().unwrap()["$schema"], "allOf": parts}));
}

#[test]
fn every_configuration_of_the_repository_is_valid_and_mistakes_are_not() {
    let validator = jsonschema::validator_for(&schema().unwrap()).unwrap();
    let mut files = vec!["wrangler.toml".to_owned(), "template/wrangler.toml".to_owned()];
    for entry in std::fs::read_dir(project_path("docs/recipes")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.contains('.') {
            files.push(format!("docs/recipes/{name}/wrangler.toml"));
        }
    }
    for file in files {
        let config = ConfigFile::parse(&file, project_text(&file)).unwrap();
        let root = Value::Object(config.root);
        let errors: Vec<String> = validator.iter_errors(&root).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{file}");
        assert!(root["vars"]["HOOKS"].is_object(), "{file}");
    }
    for bad in [
        json!({"vars": {"HOOKS": {"h": {"verify": {"scheme": "githib"}}}}}),
        json!({"vars": {"HOOKS": {"h": {"verify": {"scheme": "none"}, "workflw": "w"}}}}),
        json!({"vars": {"HOOKS_2": {"No Name": {"verify": {"scheme": "none"}}}}}),
        json!({"env": {"x": {"vars": {"HOOKS": {"h": {}}}}}}),
        json!({"vars": {"NOTIFY": {"ops": {"format": "slak"}}}}),
    ] {
        assert!(!validator.is_valid(&bad), "{bad}");
    }
}

/// Each of the fields has a row in one of the groups.
#[track_caller]
fn check_rows(groups: &[&Value], fields: &BTreeSet<String>) {
    let has_row = |field: &&String| groups.iter().any(|group| group.get(field.as_str()).is_some());
    let missing: Vec<&String> = fields.iter().filter(|field| !has_row(field)).collect();
    assert!(missing.is_empty(), "agreement.json has no row for {missing:?}");
}

#[test]
fn the_judges_agree_on_every_field() {
    let (schema, table) = (schema().unwrap(), agreement::table());
    let fields = |name: &str| {
        let known = schema["definitions"][name]["properties"].as_object().unwrap();
        known.keys().cloned().collect::<BTreeSet<String>>()
    };
    for name in ["rule", "answer", "handshake", "target"] {
        check_rows(&[&table[name]], &fields(name));
    }
    check_rows(&[&table["hook"], &table["rule"]], &fields("hook"));
    check_rows(&[&table["variables"]], &fields("vars"));
    let groups = table["verify"].as_array().unwrap();
    for scheme in SCHEMES {
        let of_scheme =
            |group: &&Value| group["schemes"].as_array().unwrap().iter().any(|known| known == scheme);
        let rows: Vec<&Value> = groups.iter().filter(of_scheme).map(|group| &group["fields"]).collect();
        let mut known = fields_of_scheme(&schema, scheme);
        known.remove("scheme");
        check_rows(&rows, &known);
    }
}
