//! `seedhook schema`: the JSON Schema of the configuration, with which editors complete and check it.
//!
//! It accepts every configuration that the Worker accepts: an editor must not mark what is right. It describes the form of each
//! field, and which fields need each other. Only `check` knows expressions, and what is elsewhere: targets, hooks, bindings, secrets.

use anyhow::{Context, Result};
use lexopt::Arg;
use seedhook::config::sender::{Sender, sender_names, senders};
use serde_json::{Map, Value, json};

use crate::host::Host;
use crate::{Exit, help, unexpected};

const HELP: &str = "\
npx seedhook schema

Prints the JSON Schema of what seedhook reads in the configuration; it refers to no other file. The package has it as
node_modules/seedhook/config.schema.json, which a project of `npx seedhook init` names in the first line of wrangler.toml.
wrangler.schema.json beside it has wrangler's own keys, too, for wrangler.jsonc:

  \"$schema\": \"./node_modules/seedhook/wrangler.schema.json\"
";

/// The schema, without what senders take, and without the fields that a hook has from its rules.
const SCHEMA: &str = include_str!("schema.json");

/// How [`SCHEMA`] writes the pattern of a place in a request, of which several may be listed.
const PLACE: &str = "<place>";

/// The pattern of a place, as JSON has it between quotes: `headers.NAME`, `query.NAME`, `items.LABEL`, `body` or `body.PATH`.
const PLACE_PATTERN: &str = r"((headers|query|items)\\.[^|]+|body(\\.[^|]*)?)";

/// Our schema, as seen from the package's other one.
const OURS: &str = "./config.schema.json";

/// Wrangler's own schema, as seen from the package's files: both packages are in one `node_modules`.
const WRANGLERS: &str = "../wrangler/config-schema.json";

/// The schemes that describe a signature or token themselves.
const SCHEMES: [&str; 10] =
    ["hmac", "ed25519", "ecdsa-p256", "jwt", "bearer", "basic", "header", "query", "field", "none"];

/// The fields of `verify` that a known sender may take beside `secret` and what it asks for.
const ADJUSTABLE: [&str; 4] = ["tolerance", "url", "header", "signature_version"];

/// Reads the arguments and prints it.
pub(crate) fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    match arguments.next()? {
        None => host.print_data(&schema_text()?).map(|()| Exit::Good),
        Some(Arg::Long("help") | Arg::Short('h')) => help(host, HELP),
        Some(other) => Err(unexpected(&other)),
    }
}

/// The schema of what seedhook reads. It refers to no other file, because TOML language servers and validators that cannot find one
/// reject the whole schema (<https://github.com/tamasfe/taplo/issues/771>).
///
/// # Errors
/// Never, as the tests show.
pub fn schema_text() -> Result<String> {
    schema().map(|schema| text(&schema))
}

/// A schema that joins ours, in a file beside it, and wrangler's own, so that editors of JSON complete wrangler's keys, too.
///
/// # Errors
/// Never, as the tests show.
pub fn schema_text_with_wranglers() -> Result<String> {
    let meta = schema()?.get("$schema").cloned();
    Ok(text(&json!({"$schema": meta, "allOf": [{"$ref": OURS}, {"$ref": WRANGLERS}]})))
}

fn text(schema: &Value) -> String {
    format!("{schema:#}\n")
}

fn schema() -> Result<Value> {
    let mut schema: Value = serde_json::from_str(&SCHEMA.replace(PLACE, PLACE_PATTERN))?;
    add_rule_fields(&mut schema)?;
    add_senders(&mut schema)?;
    Ok(schema)
}

/// Adds the fields of a rule to the hook. The Worker reads the hook's own value where the hook has no rules, or where one of them
/// leaves the field out; only there may its form matter.
fn add_rule_fields(schema: &mut Value) -> Result<()> {
    let names: Vec<String> = table(schema, "/definitions/rule/properties")?.keys().cloned().collect();
    for name in &names {
        let form = json!({"$ref": format!("#/definitions/rule/properties/{name}")});
        // `true` accepts any value. The form beside it is what editors complete.
        table(schema, "/definitions/hook/properties")?.insert(name.clone(), json!({"anyOf": [form, true]}));
        table(schema, "/definitions/hook/else/properties")?.insert(name.clone(), form.clone());
        let every_rule_has_it = match name.as_str() {
            // Two names of one field.
            "database" | "project" => {
                json!({"anyOf": [{"required": ["database"]}, {"required": ["project"]}]})
            }
            _ => json!({"required": [name]}),
        };
        list(schema, "/definitions/hook/then/allOf")?.push(json!({
            "if": {"properties": {"rules": {"items": every_rule_has_it}}},
            "else": {"properties": {name.as_str(): form}},
        }));
    }
    Ok(())
}

/// Adds the names of senders, and the fields that `verify` has for each of them.
fn add_senders(schema: &mut Value) -> Result<()> {
    let names: Vec<&str> = sender_names().chain(SCHEMES).collect();
    table(schema, "/definitions/verify/properties/scheme")?.insert("enum".to_owned(), json!(names));
    let with_handshakes = senders().iter().filter(|sender| !sender.handshakes.is_empty());
    let names: Vec<&str> = with_handshakes.map(|sender| sender.name.as_str()).collect();
    table(schema, "/definitions/hook/properties/handshake/anyOf/0")?.insert("enum".to_owned(), json!(names));
    // Most senders have the same fields.
    let mut groups: Vec<(Value, Vec<&str>)> = Vec::new();
    for sender in senders() {
        let fields = fields_of(sender);
        match groups.iter_mut().find(|(known, _)| *known == fields) {
            Some((_, names)) => names.push(sender.name.as_str()),
            None => groups.push((fields, vec![sender.name.as_str()])),
        }
    }
    let of_schemes = list(schema, "/definitions/verify/then/allOf")?;
    for (fields, names) in groups {
        of_schemes.push(json!({"if": {"properties": {"scheme": {"enum": names}}}, "then": fields}));
    }
    Ok(())
}

/// What `verify` must and may have for a known sender.
fn fields_of(sender: &Sender) -> Value {
    let secret = sender.needs_secret().then_some("secret");
    let required: Vec<&str> = secret.into_iter().chain(sender.asks.iter().map(String::as_str)).collect();
    let mut fields = vec!["scheme"];
    fields.extend(&required);
    fields.extend(ADJUSTABLE.into_iter().filter(|field| sender.takes(field)));
    // The form of the other fields is the same in every scheme.
    let mut forms = Map::new();
    for (field, form) in [("tolerance", "tolerance"), ("header", "header_name")] {
        if fields.contains(&field) {
            forms.insert(field.to_owned(), json!({"$ref": format!("#/definitions/{form}")}));
        }
    }
    json!({"propertyNames": {"enum": fields}, "required": required, "properties": forms})
}

fn table<'a>(schema: &'a mut Value, at: &str) -> Result<&'a mut Map<String, Value>> {
    let found = schema.pointer_mut(at).and_then(Value::as_object_mut);
    found.with_context(|| format!("the schema has no table at {at}"))
}

fn list<'a>(schema: &'a mut Value, at: &str) -> Result<&'a mut Vec<Value>> {
    let found = schema.pointer_mut(at).and_then(Value::as_array_mut);
    found.with_context(|| format!("the schema has no list at {at}"))
}

#[cfg(test)]
mod tests;
