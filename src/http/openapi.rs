//! `/openapi.json`: the API as an OpenAPI 3.1 document, from its types, its routes and its problems.
//!
//! It is made natively and checked in as `openapi.json`: the Worker serves the file, and has none of this.
//!
//! # How a call is documented
//! 1. Its variant of [`Route`] says what it does. `openapi/calls.rs` has its address, and says what it takes and answers.
//! 2. Its bodies derive `JsonSchema`; `openapi/schemas.rs` lists those that no other body has. Their documentation becomes
//!    descriptions, and `openapi/examples.json` has an example of each.
//! 3. A new [`Problem`](super::Problem) has an example in `openapi/problems.rs`.
//! 4. `cargo xtask openapi` renews the file, and `npm run dashboard:types` the dashboard's types from it.
//!
//! The tests of HTTP compare every answer with the document, and fail where it does not say all.

mod answers;
mod calls;
mod parameters;
mod problems;
mod schemas;
mod values;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::route::Route;
use calls::{ADDRESSES, Call, TAGS};

pub(crate) use schemas::{problem_types, run_counts};

/// The methods that the document knows.
const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "OPTIONS"];

/// The problems of every call under `/api/`.
const OF_OPERATOR: [&str; 6] =
    ["no-token", "not-signed-in", "too-many-attempts", "no-operator", "short-token", "not-ready"];

/// An example of each body, by the name of its schema.
const EXAMPLES: &str = include_str!("openapi/examples.json");

/// The document as it is checked in: indented, with a line feed at its end.
#[must_use]
pub fn text() -> String {
    format!("{:#}\n", document())
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let license = env!("CARGO_PKG_LICENSE");
    let mut responses = Map::new();
    let paths = paths(&mut responses);
    responses.sort_keys();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": env!("CARGO_PKG_NAME"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": include_str!("openapi/description.md"),
            "version": env!("CARGO_PKG_VERSION"),
            "license": {"name": license, "identifier": license},
        },
        "servers": [{"url": "/"}],
        "tags": TAGS.map(|(name, description)| json!({"name": name, "description": description})),
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": responses,
            "examples": examples(),
            "securitySchemes": security_schemes(),
        },
    })
}

/// The operations by their addresses and methods. Answers that several of them share are added to `shared`.
fn paths(shared: &mut Map<String, Value>) -> Map<String, Value> {
    let documentation = schemas::routes();
    let path = |address: &&str| {
        let operations = METHODS.iter().filter_map(|method| {
            let operation = operation(&documentation, method, address, shared)?;
            Some((method.to_ascii_lowercase(), operation))
        });
        ((*address).to_owned(), operations.collect())
    };
    ADDRESSES.iter().map(path).collect()
}

/// `None`: the address does not take the method.
fn operation(
    documentation: &[(String, String)],
    method: &str,
    address: &str,
    shared: &mut Map<String, Value>,
) -> Option<Value> {
    let route = find(method, address)?;
    let name = variant(&route);
    let summary = documentation.iter().find(|(variant, _)| *variant == name).map(|(_, text)| text.as_str());
    let call = Call::of(&route, method);
    let mut operation = Map::new();
    operation.insert("operationId".to_owned(), json!(operation_id(&name, method)));
    operation.insert("tags".to_owned(), json!([call.tag]));
    operation.insert("summary".to_owned(), json!(summary.unwrap_or_default()));
    if !call.notes.is_empty() {
        operation.insert("description".to_owned(), json!(call.notes));
    }
    operation.insert("security".to_owned(), security(&route, address));
    let responses = responses(&call, &route, method, address, shared);
    let parameters: Vec<Value> = names_in(address).map(parameters::in_path).chain(call.parameters).collect();
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), json!(parameters));
    }
    if let Some(body) = call.body {
        operation.insert("requestBody".to_owned(), body);
    }
    operation.insert("responses".to_owned(), Value::Object(responses));
    Some(Value::Object(operation))
}

/// The answers of a call by their status. Those that state problems are references to `shared`.
fn responses(
    call: &Call,
    route: &Route,
    method: &str,
    address: &str,
    shared: &mut Map<String, Value>,
) -> Map<String, Value> {
    let mut names: BTreeSet<&str> = call.problems.iter().copied().collect();
    if Route::is_for_operator(address) {
        names.extend(OF_OPERATOR);
    }
    if route.decides() {
        names.insert("read-only");
    }
    if Route::is_for_operator(address) && method == "POST" {
        names.extend(["cross-site", "unsupported-type"]);
    }
    if Route::is_for_operator(address) && !matches!(route, Route::Preview(_) | Route::StartByHand(_)) {
        names.insert("bad-query");
    }
    let is_head = method == "HEAD";
    let answers = call.answers.iter().map(|answer| (answer.status.to_owned(), answer.response(is_head)));
    let mut responses: Map<String, Value> = answers.collect();
    for (status, (mut name, mut response)) in problems::responses(&names) {
        if let Some(response) = response.as_object_mut().filter(|_| is_head) {
            name.push_str(".head");
            response.remove("content");
        }
        if let Some(own) = responses.get_mut(&status) {
            add_content(own, &response);
            continue;
        }
        responses.insert(status, json!({"$ref": format!("#/components/responses/{name}")}));
        shared.insert(name, response);
    }
    responses
}

/// Adds the bodies of a response to another of the same status.
fn add_content(response: &mut Value, other: &Value) {
    let content = other.get("content").and_then(Value::as_object);
    if let (Some(Value::Object(own)), Some(content)) = (response.get_mut("content"), content) {
        own.extend(content.clone());
    }
}

/// The call at an address, such as `/api/runs/{run_id}`.
fn find(method: &str, address: &str) -> Option<Route> {
    let route = Route::find(method, &example_path(address)).ok()?;
    // It takes every method, and the hook refuses.
    let is_of_hook = !matches!(route, Route::Webhook(_)) || method != "HEAD";
    is_of_hook.then_some(route)
}

/// An address with an example for each of its names.
fn example_path(address: &str) -> String {
    let examples = [
        ("{run_id}", parameters::RUN_ID),
        ("{file_id}", "123"),
        ("{kept}", parameters::KEPT_ID),
        ("{hook}", "crm"),
    ];
    examples.iter().fold(address.to_owned(), |path, (name, example)| path.replace(name, example))
}

/// The name of a route's variant.
fn variant(route: &Route) -> String {
    format!("{route:?}").chars().take_while(char::is_ascii_alphanumeric).collect()
}

/// `getRun` for `GetRun`; `getRunHeaders` for its `HEAD`.
fn operation_id(variant: &str, method: &str) -> String {
    let (first, rest) = variant.split_at(variant.len().min(1));
    let suffix = match (variant, method) {
        (_, "HEAD") => "Headers",
        ("Webhook", "GET") => "Handshake",
        ("Webhook", "OPTIONS") => "Options",
        _ => "",
    };
    format!("{}{rest}{suffix}", first.to_ascii_lowercase())
}

/// The names in braces of an address.
fn names_in(address: &str) -> impl Iterator<Item = &str> {
    address.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// The tokens that open a call.
fn security(route: &Route, address: &str) -> Value {
    match route {
        Route::FollowLink(..) | Route::FollowStatus(_) => json!([{"signedLink": []}]),
        // Without a token it says less.
        Route::Health => json!([{}, {"operatorToken": []}, {"readToken": []}, {"access": []}]),
        _ if !Route::is_for_operator(address) => json!([]),
        _ if route.decides() => json!([{"operatorToken": []}, {"access": []}]),
        _ => json!([{"operatorToken": []}, {"readToken": []}, {"access": []}]),
    }
}

fn security_schemes() -> Value {
    json!({
        "operatorToken": {"type": "http", "scheme": "bearer", "description": "`OPERATOR_TOKEN`: reads and decides."},
        "readToken": {"type": "http", "scheme": "bearer", "description": "`READ_TOKEN`: reads."},
        "access": {
            "type": "apiKey",
            "in": "header",
            "name": "Cf-Access-Jwt-Assertion",
            "description": "The token of Cloudflare Access, which Access sends along; also as the cookie `CF_Authorization`.",
        },
        "signedLink": {
            "type": "apiKey",
            "in": "query",
            "name": "signature",
            "description": "A link that seedhook signed. It opens one file or the status of one run, until it expires.",
        },
    })
}

fn examples() -> Map<String, Value> {
    let bodies: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    let mut examples: Map<String, Value> =
        bodies.into_iter().map(|(name, value)| (name, json!({"value": value}))).collect();
    examples.extend(problems::examples());
    examples
}

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(test)]
mod tests;
