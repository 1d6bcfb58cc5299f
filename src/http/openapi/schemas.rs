//! The schemas of all bodies, by their names: from the types of the API and their documentation.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::problems;
use crate::http::ProblemBody;
use crate::http::problem::TYPE_PREFIX;
use crate::http::route::Route;
use crate::http::schema as api;
use crate::run::{RunView, Status};
use crate::service::explain::Explanation;
use crate::service::preview::Preview;

/// Where schemas are in the document.
const PATH: &str = "#/components/schemas";

/// Every schema that a call names, and every one that these name.
pub(super) fn all() -> Map<String, Value> {
    let mut answers = generator(SchemaSettings::draft2020_12().for_serialize());
    add::<(api::Health, api::Session<'_>, ProblemBody<'_>)>(&mut answers);
    add::<(api::DeliveryAnswer, api::DeliveryView<'_>, api::SharedRun<'_>)>(&mut answers);
    add::<(api::OverviewView<'_>, api::RunList<'_>, RunView<'_>, api::Timeline, Explanation)>(&mut answers);
    add::<(api::RetryManyAnswer<'_>, api::AbandonManyAnswer<'_>, api::LinkAnswer)>(&mut answers);
    add::<(api::HookList<'_>, Preview, api::RecentList, api::KeptList)>(&mut answers);
    let mut requests = generator(SchemaSettings::draft2020_12().for_deserialize());
    add::<(api::AdoptRequest, api::AbandonRequest, api::LinkRequest)>(&mut requests);
    let mut all = answers.take_definitions(true);
    all.values_mut().for_each(absent_is_not_null);
    all.extend(requests.take_definitions(true));
    discriminate(&mut all, "TimelineEvent", "event");
    discriminate(&mut all, "Preview", "outcome");
    all.sort_keys();
    all
}

/// What the variants of [`Route`] say of themselves: their names, and the first paragraphs of their documentation.
pub(super) fn routes() -> Vec<(String, String)> {
    let schema = Route::json_schema(&mut generator(SchemaSettings::draft2020_12().for_serialize()));
    let variants = schema.get("oneOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let variants = variants.iter().filter_map(|variant| {
        let name = variant.get("const").or_else(|| variant.pointer("/required/0"))?.as_str()?;
        Some((name.to_owned(), variant.get("description")?.as_str()?.to_owned()))
    });
    variants.collect()
}

/// A reference to a schema.
pub(super) fn reference(name: &str) -> Value {
    json!({"$ref": format!("{PATH}/{name}")})
}

/// Every value of a problem's `type`.
pub(crate) fn problem_types(_: &mut SchemaGenerator) -> Schema {
    let mut names: Vec<String> =
        problems::all().iter().map(|problem| format!("{TYPE_PREFIX}{}", problem.kind().name)).collect();
    names.dedup();
    json_schema!({"type": "string", "enum": names})
}

/// How many runs have each status.
pub(crate) fn run_counts(_: &mut SchemaGenerator) -> Schema {
    let names = Status::ALL.map(Status::as_str);
    let counts: Map<String, Value> =
        names.into_iter().map(|name| (name.to_owned(), json!({"type": "integer", "minimum": 0}))).collect();
    json_schema!({"type": "object", "properties": counts, "required": names})
}

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    let settings = settings.with(|settings| {
        settings.definitions_path = PATH.into();
        settings.meta_schema = None;
        settings.untagged_enum_variant_titles = true;
    });
    let settings = settings.with_transform(RecursiveTransform(name_values));
    settings.with_transform(RecursiveTransform(tidy)).into_generator()
}

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    generator.subschema_for::<T>();
}

/// Makes a choice among documented texts one `enum`, which generators of code understand, and lists what each text means.
fn name_values(schema: &mut Schema) {
    let Some(choices) = schema.get("oneOf").and_then(Value::as_array) else { return };
    let texts: Option<Vec<(String, String)>> = choices
        .iter()
        .map(|choice| {
            let text = choice.get("const")?.as_str()?.to_owned();
            let meaning = choice.get("description").and_then(Value::as_str).unwrap_or_default();
            Some((text, meaning.to_owned()))
        })
        .collect();
    let Some(texts) = texts else { return };
    let mut description =
        vec![schema.get("description").and_then(Value::as_str).unwrap_or_default().to_owned(), String::new()];
    description.extend(texts.iter().map(|(text, meaning)| format!("- `{text}`: {meaning}")));
    let names: Vec<String> = texts.into_iter().map(|(text, _)| text).collect();
    schema.remove("oneOf");
    schema.insert("type".to_owned(), json!("string"));
    schema.insert("enum".to_owned(), json!(names));
    schema.insert("description".to_owned(), json!(description.join("\n")));
}

/// Leaves out what speaks of Rust: links to items, and the sizes of its numbers.
fn tidy(schema: &mut Schema) {
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        let text = without_links(text);
        schema.insert("description".to_owned(), json!(text));
    }
    let is_rusts =
        |format: &str| format.starts_with("uint") || format.starts_with("int") || format == "double";
    if schema.get("format").and_then(Value::as_str).is_some_and(is_rusts) {
        schema.remove("format");
        // The bounds of `u8` and `u16` say nothing of the value.
        schema.remove("maximum");
    }
}

/// `` [`X`] `` and `` [`X`](y) `` become `` `X` ``; lines of a paragraph become one.
pub(super) fn without_links(text: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let Some((name, after)) = after.split_once("`]") else { break };
        parts.extend([before, "`", name, "`"]);
        let target = after.strip_prefix('(').and_then(|target| target.split_once(')'));
        rest = target.map_or(after, |(_, after)| after);
    }
    parts.push(rest);
    parts.concat()
}

/// Takes `null` from the fields of an answer that are absent instead. A field that may be both says so.
fn absent_is_not_null(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required =
        |name: &str| required.as_array().is_some_and(|names| names.iter().any(|known| known == name));
    let Some(Value::Object(fields)) = schema.get_mut("properties") else { return };
    for (name, field) in fields {
        let description = field.get("description").and_then(Value::as_str).unwrap_or_default();
        if is_required(name) || description.contains("`null`") {
            continue;
        }
        let Some(field) = field.as_object_mut() else { continue };
        let types = field.get("type").and_then(Value::as_array).map(Vec::as_slice);
        if let Some([only, Value::String(null)]) = types
            && null == "null"
        {
            let only = only.clone();
            field.insert("type".to_owned(), only);
        }
        let choices = field.get("anyOf").and_then(Value::as_array).map(Vec::as_slice);
        if let Some([Value::Object(only), null]) = choices
            && null.get("type").is_some_and(|name| name == "null")
        {
            let only = only.clone();
            field.remove("anyOf");
            field.extend(only);
        }
    }
}

/// Makes a choice that stands beside the properties of a schema a choice of schemas that `property` tells apart.
fn discriminate(all: &mut Map<String, Value>, name: &str, property: &str) {
    let Some(Value::Object(mut base)) = all.remove(name) else { return };
    let Some(Value::Array(variants)) = base.remove("oneOf").or_else(|| base.remove("anyOf")) else { return };
    let description = base.remove("description").unwrap_or_default();
    let mut mapping = Map::new();
    let mut choices = Vec::new();
    for variant in variants {
        let tags = variant.pointer(&format!("/properties/{property}")).map(tags_of).unwrap_or_default();
        let mut own = base.clone();
        merge(&mut own, &variant);
        let title = own.remove("title").and_then(|title| Some(title.as_str()?.to_owned()));
        let own_name = title.or_else(|| Some(camel_case(tags.first()?))).unwrap_or_default();
        let own_name = format!("{name}{own_name}");
        mapping.extend(tags.into_iter().map(|tag| (tag, json!(format!("{PATH}/{own_name}")))));
        choices.push(reference(&own_name));
        all.insert(own_name, Value::Object(own));
    }
    let choice = json!({
        "description": description,
        "oneOf": choices,
        "discriminator": {"propertyName": property, "mapping": mapping},
    });
    all.insert(name.to_owned(), choice);
}

/// The texts that a field may have.
fn tags_of(field: &Value) -> Vec<String> {
    let one = field.get("const").into_iter();
    let several = field.get("enum").and_then(Value::as_array).into_iter().flatten();
    one.chain(several).filter_map(|tag| Some(tag.as_str()?.to_owned())).collect()
}

/// Adds the members of objects and the items of lists; other values are replaced.
fn merge(into: &mut Map<String, Value>, from: &Value) {
    for (name, value) in from.as_object().into_iter().flatten() {
        match (into.get_mut(name), value) {
            (Some(Value::Object(known)), Value::Object(_)) => merge(known, value),
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.iter().cloned()),
            _ => drop(into.insert(name.clone(), value.clone())),
        }
    }
}

/// `start_put_off` as `StartPutOff`.
fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    });
    words.collect()
}
