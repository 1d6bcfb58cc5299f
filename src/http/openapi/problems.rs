//! An example of every problem, and how the calls that answer with it describe it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::answers::header;
use super::schemas::reference;
use crate::http::api_token::InvalidToken;
use crate::http::problem::{Problem, TYPE_PREFIX};
use crate::http::request_body::incoming::TimedOut;
use crate::http::response::{Body, Response};
use crate::link::{InvalidSecret, LinkError};
use crate::run::{RunId, Status, Summary};
use crate::timestamp::{SECOND_MS, Timestamp};
use crate::verify::access::InvalidAssertion;

/// The schema of the body that states a problem.
const SCHEMA: &str = "Problem";

/// An example of each kind of problem, at least one of each variant: a test compares them.
pub(super) fn all() -> Vec<Problem> {
    let why = "this call takes a failed, canceled or unconfirmed run, and this one is in_progress";
    vec![
        Problem::BadQuery("`limit` must be 1 to 200, got `0`".to_owned()),
        Problem::BadBody("unknown field `note`, expected `reason` at line 1 column 7".to_owned()),
        Problem::UnreadableBody,
        Problem::MalformedBody("the body is not JSON: expected value at line 1 column 1".to_owned()),
        Problem::BadHandshake(400, "the handshake has no challenge, or one that is too long".to_owned()),
        Problem::BadHandshake(403, "the handshake's token is wrong".to_owned()),
        Problem::NotVerified,
        Problem::NoToken,
        Problem::NotSignedIn(InvalidAssertion::Expired),
        Problem::CrossSite,
        Problem::ReadOnly,
        Problem::BadLink(LinkError::Invalid),
        Problem::BadLink(LinkError::Expired),
        Problem::NoSuchPage,
        Problem::NoSuchHook,
        Problem::NoSuchRun,
        Problem::NoSuchDelivery,
        Problem::NoSuchFile,
        Problem::WrongMethod("POST"),
        Problem::BodyTimeout(TimedOut::Idle),
        Problem::WrongState { run: Box::new(open_run()), why },
        Problem::NotConfigured("no rule of the hook runs the workflow of this run any more"),
        Problem::NoDelivery,
        Problem::PreconditionFailed,
        Problem::TooLarge(1_048_576),
        Problem::ComplexBody("the body has more than 64 levels".to_owned()),
        Problem::TooManyRuns(500),
        Problem::UnsupportedType("send JSON, a form, text or XML".to_owned()),
        Problem::UnsupportedEncoding,
        Problem::RangeNotSatisfiable(45_678),
        Problem::TooOften,
        Problem::TooManyAttempts,
        Problem::Busy,
        Problem::Paused,
        Problem::NotReady,
        Problem::NoOperator(InvalidToken::Missing),
        Problem::NoOperator(InvalidToken::TooShort(8)),
        Problem::NoLinks(InvalidSecret::Missing),
    ]
}

/// The answers of a call that may state these problems, by their status, each with a name that says which it states. A name
/// that no problem has adds nothing.
pub(super) fn responses(names: &BTreeSet<&str>) -> BTreeMap<String, (String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Problem>> = BTreeMap::new();
    for problem in all() {
        if names.contains(problem.kind().name) {
            by_status.entry(problem.kind().status).or_default().push(problem);
        }
    }
    let responses = by_status.into_iter().map(|(status, problems)| {
        let kinds: Vec<&str> = problems.iter().map(|problem| problem.kind().name).collect();
        (status.to_string(), (format!("{status}.{}", kinds.join(".")), response(status, problems)))
    });
    responses.collect()
}

/// The bodies of all examples, by the names that [`responses`] uses.
pub(super) fn examples() -> Map<String, Value> {
    let examples = all().into_iter().map(|problem| {
        let (name, title) = (example_name(&problem), problem.kind().title);
        let body = match problem.into_response::<()>().body {
            Body::Text(text) => serde_json::from_str(&text).unwrap_or_default(),
            Body::Empty | Body::Stream(()) => Value::Null,
        };
        (name, json!({"summary": title, "value": body}))
    });
    examples.collect()
}

/// `BadHandshake` is answered with two statuses.
fn example_name(problem: &Problem) -> String {
    let kind = problem.kind();
    format!("{}-{}", kind.name, kind.status)
}

fn response(status: u16, problems: Vec<Problem>) -> Value {
    let kinds: Vec<&str> = problems.iter().map(|problem| problem.kind().name).collect();
    let types: Vec<String> = kinds.iter().map(|name| format!("{TYPE_PREFIX}{name}")).collect();
    let description: Vec<String> = kinds.iter().map(|name| format!("`{name}`")).collect();
    let (mut headers, mut examples) = (Map::new(), Map::new());
    for problem in problems {
        let name = example_name(&problem);
        let example = json!({"$ref": format!("#/components/examples/{name}")});
        examples.insert(name, example);
        let response: Response<()> = problem.into_response();
        for (name, _) in &response.headers {
            headers.extend(header(name));
        }
    }
    let narrow = json!({"properties": {"type": {"enum": types}, "status": {"const": status}}});
    let content = json!({"schema": {"allOf": [reference(SCHEMA), narrow]}, "examples": examples});
    let mut response = Map::new();
    response.insert("description".to_owned(), json!(description.join(", ")));
    if !headers.is_empty() {
        response.insert("headers".to_owned(), Value::Object(headers));
    }
    response.insert("content".to_owned(), json!({"application/problem+json": content}));
    Value::Object(response)
}

fn open_run() -> Summary {
    let now = Timestamp::from_millis(1_795_514_400 * SECOND_MS);
    Summary {
        run_id: RunId::new(now, [0x5e; 16]),
        hook: "crm".to_owned(),
        delivery_id: "msg_2b".to_owned(),
        status: Status::InProgress,
        workspace: "acme".to_owned(),
        container: "sales-demo".to_owned(),
        is_project: false,
        workflow: "seed-account".to_owned(),
        task_id: None,
        workflow_id: None,
        task_status: None,
        task_times: [None; 3],
        error: None,
        attempts: 1,
        retry_of: None,
        waits: None,
        replaced_by: None,
        skipped_for: None,
        received_at: now,
        started_at: Some(now),
        finished_at: None,
        not_before: None,
        deadline_at: None,
        missing: None,
        unjournalled: false,
    }
}
