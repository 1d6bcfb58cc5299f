//! `seedhook schema`: the JSON Schema of the configuration, with which editors complete and check it.
//!
//! It describes fields and their kinds. Only `check` knows expressions, secrets and what does not go together.

use anyhow::{Context, Result};
use lexopt::Arg;
use seedhook::config::sender::sender_names;
use serde_json::{Value, json};

use crate::host::Host;
use crate::{Exit, help, unexpected};

const HELP: &str = "\
npx seedhook schema

Prints the JSON Schema of the configuration; the package has it as node_modules/seedhook/config.schema.json. A project of
`npx seedhook init` names it in the first line of wrangler.toml, for editors with a TOML language server. In wrangler.jsonc:

  \"$schema\": \"./node_modules/seedhook/config.schema.json\"
";

/// The schema, without the names of senders.
const SCHEMA: &str = include_str!("schema.json");

/// The schemes that describe a signature or token themselves.
const SCHEMES: [&str; 10] =
    ["hmac", "ed25519", "ecdsa-p256", "jwt", "bearer", "basic", "header", "query", "field", "none"];

/// Reads the arguments and prints it.
pub(crate) fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    match arguments.next()? {
        None => host.print_data(&schema_text()?).map(|()| Exit::Good),
        Some(Arg::Long("help") | Arg::Short('h')) => help(host, HELP),
        Some(other) => Err(unexpected(&other)),
    }
}

/// The schema as text.
///
/// # Errors
/// Never, as the tests show.
pub fn schema_text() -> Result<String> {
    Ok(format!("{:#}\n", schema()?))
}

fn schema() -> Result<Value> {
    let mut schema: Value = serde_json::from_str(SCHEMA)?;
    let names_at = schema.pointer_mut("/definitions/hook/properties/verify/properties/scheme");
    let names: Vec<&str> = sender_names().chain(SCHEMES).collect();
    names_at.context("the schema has no scheme")?["enum"] = json!(names);
    Ok(schema)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use seedhook::config::Configuration;
    use serde_json::Map;

    use super::*;
    use crate::config_file::ConfigFile;
    use crate::testing::{project_path, project_text};

    /// The schema without wrangler's own, which is in another package.
    fn own() -> Value {
        let mut schema = schema().unwrap();
        schema.as_object_mut().unwrap().remove("allOf");
        schema
    }

    /// The fields that the Worker's own code takes, from the remedy of its mistake.
    fn fields(vars: &Value) -> BTreeSet<String> {
        let configuration = Configuration::read(vars.as_object().unwrap());
        let mut remedies = configuration.mistakes().map(|mistake| mistake.remedy.clone());
        let list = remedies.find_map(|remedy| Some(remedy.strip_prefix("the fields here are ")?.to_owned()));
        list.unwrap().split(", ").map(ToOwned::to_owned).collect()
    }

    #[track_caller]
    fn check_fields(vars: &Value, at: &str) {
        let schema = schema().unwrap();
        let known: &Map<String, Value> = schema.pointer(at).unwrap().as_object().unwrap();
        assert_eq!(known.keys().cloned().collect::<BTreeSet<_>>(), fields(vars), "{at}");
    }

    #[test]
    fn it_has_the_fields_that_the_worker_reads() {
        let unknown = "qqqqqqqqqqqqqqqqqqqqqqqqq";
        let hook = |extra: Value| {
            let mut hook =
                json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
            hook.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            json!({"HOOKS": {"h": hook}})
        };
        check_fields(&hook(json!({unknown: 1})), "/definitions/hook/properties");
        check_fields(
            &hook(json!({"rules": [{unknown: 1}]})),
            "/definitions/hook/properties/rules/items/properties",
        );
        let target = json!({"url": "https://a.example", "secret": "S", unknown: 1});
        check_fields(&json!({"NOTIFY": {"ops": target}}), "/definitions/target/properties");
    }

    #[test]
    fn every_configuration_of_the_repository_is_valid_and_mistakes_are_not() {
        let validator = jsonschema::validator_for(&own()).unwrap();
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
}
