//! The parameters of calls. Their bounds are the constants with which they are read.

use serde_json::{Value, json};

use crate::http::query::{RECENT_DEFAULT, WAIT_MAX_S};
use crate::run::Status;
use crate::service::many::MANY_MAX;
use crate::service::overview::{HOURS_DEFAULT, HOURS_MAX};
use crate::service::queries::{LIMIT_DEFAULT, LIMIT_MAX};

/// A run's id in every example.
pub(super) const RUN_ID: &str = "01a20af0-284a-7a93-9383-0e59bdec030d";

/// The id of a kept delivery in every example.
pub(super) const KEPT_ID: &str = "fe5df0bb9cff-9f2c5e8a7b1d3f40";

fn parameter(place: &str, name: &str, description: &str, schema: &Value) -> Value {
    json!({"name": name, "in": place, "required": place == "path", "description": description, "schema": schema})
}

/// A parameter with these members.
fn with(mut parameter: Value, members: &[(&str, Value)]) -> Value {
    let all = parameter.as_object_mut().into_iter();
    all.for_each(|all| all.extend(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))));
    parameter
}

fn query(name: &str, description: &str, schema: &Value) -> Value {
    parameter("query", name, description, schema)
}

fn header(name: &str, description: &str, schema: &Value) -> Value {
    parameter("header", name, description, schema)
}

fn text() -> Value {
    json!({"type": "string"})
}

/// A parameter of a path by its name.
pub(super) fn in_path(name: &str) -> Value {
    let (description, schema, example) = match name {
        "run_id" => ("The run's id.", json!({"type": "string", "format": "uuid"}), RUN_ID),
        "kept" => (
            "Under which the delivery is kept.",
            json!({"type": "string", "pattern": "^[0-9a-f]{12}-[0-9a-f]{16}$"}),
            KEPT_ID,
        ),
        "file_id" => ("Fabricate's id of the file.", text(), "123"),
        _ => ("The hook's name.", json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"}), "crm"),
    };
    with(parameter("path", name, description, &schema), &[("example", json!(example))])
}

/// `hours`
pub(super) fn hours() -> Value {
    let schema = json!({"type": "integer", "minimum": 1, "maximum": HOURS_MAX, "default": HOURS_DEFAULT});
    query("hours", "How many hours, the current one included.", &schema)
}

/// The parameters of `GET /api/runs`.
pub(super) fn of_list() -> Vec<Value> {
    let names = Status::ALL.map(Status::as_str);
    let statuses = json!({"type": "array", "items": {"type": "string", "enum": names}, "minItems": 1});
    let status =
        query("status", "Only runs with one of these statuses; every status unless stated.", &statuses);
    let status = with(status, &[("style", json!("form")), ("explode", json!(false))]);
    let delivery = query("delivery_id", "Only the runs of this delivery, and their retries.", &text());
    let task = query("task_id", "Only the run with this task of Fabricate.", &text());
    let mut all = vec![status, delivery, task];
    all.extend(shared(LIMIT_DEFAULT, LIMIT_MAX));
    all
}

/// The parameters of a call that decides about many runs, of which `first` is the status unless the caller states another.
pub(super) fn of_selection(first: Status, others: &[Status]) -> Vec<Value> {
    let names: Vec<&str> = [&[first], others].concat().iter().map(|status| status.as_str()).collect();
    let schema = json!({"type": "string", "enum": names, "default": first});
    let mut all = vec![query("status", "Only runs with this status.", &schema)];
    all.extend(shared(MANY_MAX, MANY_MAX));
    all
}

fn shared(limit: usize, limit_max: usize) -> [Value; 5] {
    let time = json!({"type": "string", "format": "date-time"});
    let hook = json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": limit_max, "default": limit});
    [
        query("hook", "Only runs of this hook.", &hook),
        query("since", "Only runs that were accepted at this time or later.", &time),
        query("until", "Only runs that were accepted before this time.", &time),
        query("limit", "The most runs of one answer.", &limit),
        query("cursor", "The `cursor` of the answer before.", &text()),
    ]
}

/// The parameters of `GET /api/deliveries`.
pub(super) fn of_recent() -> [Value; 3] {
    let hook = json!({"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": RECENT_DEFAULT});
    [
        query("hook", "Only deliveries to this hook.", &hook),
        query(
            "outcome",
            "Only those that were refused, or ignored.",
            &json!({"type": "string", "enum": ["refused", "ignored"]}),
        ),
        query("limit", "The most deliveries of the answer.", &limit),
    ]
}

/// The parameters of `GET /api/hooks/{hook}/ignored`.
pub(super) fn of_kept() -> [Value; 2] {
    let limit = json!({"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT});
    [
        query("limit", "The most deliveries of one answer.", &limit),
        query("cursor", "The `cursor` of the answer before.", &text()),
    ]
}

/// `force`
pub(super) fn force() -> Value {
    let description = "Retry a `completed` run, too: its workflow does its work a second time.";
    query("force", description, &json!({"type": "boolean", "default": false}))
}

/// `expires` and `signature` of a signed link.
pub(super) fn of_link() -> [Value; 2] {
    let seconds = json!({"type": "integer", "minimum": 0});
    let hex = json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
    [
        query("expires", "When the link expires: seconds since 1970.", &seconds),
        query("signature", "HMAC-SHA256 of the link.", &hex),
    ]
    .map(|parameter| with(parameter, &[("required", json!(true))]))
}

/// `Prefer: wait=N`
pub(super) fn prefer() -> Value {
    let description = format!(
        "`wait=N`: how long the answer may wait, seconds; more than {WAIT_MAX_S} means {WAIT_MAX_S} (RFC 7240)."
    );
    with(header("Prefer", &description, &text()), &[("example", json!(format!("wait={WAIT_MAX_S}")))])
}

/// `If-None-Match`
pub(super) fn if_none_match() -> Value {
    header(
        "If-None-Match",
        "Versions that the caller has (`ETag`): if one is current, the answer is 304.",
        &text(),
    )
}

/// The conditions and the range of a download (RFC 9110).
pub(super) fn of_download() -> Vec<Value> {
    let all = [
        ("If-Match", "The answer is 412 unless one of these versions is current."),
        ("If-Modified-Since", "The answer is 304 unless the file was stored later than this HTTP date."),
        ("If-Unmodified-Since", "The answer is 412 if the file was stored later than this HTTP date."),
        ("If-Range", "`Range` counts only if this version, or HTTP date, is current."),
        ("Range", "One range of bytes, such as `bytes=0-1023`. Several are answered with the whole file."),
    ];
    let rest = all.map(|(name, description)| header(name, description, &text()));
    [vec![if_none_match()], rest.to_vec()].concat()
}

/// `Idempotency-Key`
pub(super) fn idempotency_key() -> Value {
    header("Idempotency-Key", "Calls with the same key are the same event, and start its runs once.", &text())
}

/// `X-Sender-Authorization`
pub(super) fn sender_authorization() -> Value {
    let description = "The sender's `Authorization`, because the request's own is the operator's.";
    header("X-Sender-Authorization", description, &text())
}
