//! Reads the answers to a sender: the body and headers of an answer to a handshake, and `answer`, the answers to accepted
//! deliveries.

use serde_json::{Map, Value};

use super::fields::{HookReader, Table, is_header_name};
use super::sender::Sender;
use crate::request::source::Source;
use crate::verify::answer::{
    ANSWER_BODY_BYTES_MAX, AnswerBody, AnswerTemplate, AnswerValue, is_header_value, may_have_body,
};

/// The most tables in a list of `answer`.
const ANSWERS_MAX: usize = 8;

/// The fields of an `answer`.
const ANSWER_FIELDS: &[&str] = &["when", "status", "text", "json", "body"];

/// The fields for the body of an answer, which has at most one of them.
const BODY_FIELDS: [&str; 3] = ["text", "json", "body"];

/// The most headers of one answer.
const HEADERS_MAX: usize = 8;

/// Headers that an answer must not set: they describe how it is sent, or protect a browser that opens it.
const FORBIDDEN_HEADERS: &[&str] = &[
    "allow",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "location",
    "referrer-policy",
    "set-cookie",
    "transfer-encoding",
    "x-content-type-options",
];

impl HookReader {
    /// The answers to accepted deliveries: those of the hook, otherwise those of its sender.
    pub(super) fn delivery_answers(
        &mut self,
        table: &Table<'_>,
        known: Option<&Sender>,
    ) -> Vec<AnswerTemplate> {
        match (table.get("answer"), known.and_then(|sender| sender.answer.as_ref())) {
            (Some(value), _) => self.answers(value, &table.path_of("answer")),
            (None, Some(value)) => self.answers(value, table.own_path),
            (None, None) => Vec::new(),
        }
    }

    fn answers(&mut self, value: &Value, path: &[String]) -> Vec<AnswerTemplate> {
        match value {
            Value::Object(own) => self.delivery_answer(own, path).into_iter().collect(),
            Value::Array(items)
                if (1..=ANSWERS_MAX).contains(&items.len()) && items.iter().all(Value::is_object) =>
            {
                let mut all = Vec::new();
                for (index, own) in items.iter().filter_map(Value::as_object).enumerate() {
                    all.extend(self.delivery_answer(own, &[path, &[index.to_string()]].concat()));
                }
                all
            }
            _ => {
                let problem = format!("must be a table, or a list of 1 to {ANSWERS_MAX} tables");
                self.mistake(path, problem, "write answer = { status = 200 }");
                Vec::new()
            }
        }
    }

    fn delivery_answer(&mut self, own: &Map<String, Value>, path: &[String]) -> Option<AnswerTemplate> {
        let table = Table::new(own, path);
        self.unknown_fields(&table, ANSWER_FIELDS);
        let answer = self.answer(&table)?;
        if answer.hmac_sources().next().is_some() {
            let problem = "must not hold an HMAC, because it answers a delivery";
            self.mistake_at(
                &table,
                "json",
                problem,
                "remove it: only the answer to a handshake may hold one",
            );
        }
        Some(answer)
    }

    /// `status`, `when`, and at most one of `text`, `json` and `body`.
    pub(super) fn answer(&mut self, table: &Table<'_>) -> Option<AnswerTemplate> {
        let status = self.number(table, "status", 200_u16, &(200..=299));
        let body = self.answer_body(table)?;
        let has_body = match &body {
            AnswerBody::Unstated => false,
            AnswerBody::Literal(text) => !text.is_empty(),
            AnswerBody::Text(_) | AnswerBody::Json(_) => true,
        };
        if has_body && !may_have_body(status) {
            let problem = format!("must not be {status} with a body");
            self.mistake_at(table, "status", problem, "write status = 200, or remove the body");
        }
        // For a handshake, `when` matches the handshake; for an answer, the deliveries that it answers.
        let when = self.conditions(table, "when");
        Some(AnswerTemplate { when, status, body, headers: Vec::new() })
    }

    fn answer_body(&mut self, table: &Table<'_>) -> Option<AnswerBody> {
        let stated: Vec<&str> = BODY_FIELDS.into_iter().filter(|field| table.get(field).is_some()).collect();
        match stated.as_slice() {
            [] => Some(AnswerBody::Unstated),
            ["text"] => Some(AnswerBody::Text(self.source(table, "text")?)),
            ["json"] => self.json_body(table),
            ["body"] => self.literal_body(table),
            [first, second, ..] => {
                let problem = format!("cannot be used together with `{first}`");
                self.mistake_at(table, second, problem, "keep one of them");
                None
            }
            [_] => None,
        }
    }

    fn json_body(&mut self, table: &Table<'_>) -> Option<AnswerBody> {
        let value = table.get("json")?;
        let Some(object) = value.as_object() else {
            self.wrong_value(table, "json", "a table", "write json = { challenge = \"body.challenge\" }");
            return None;
        };
        let members = object.iter().map(|(name, value)| (name.clone(), answer_value(value)));
        Some(AnswerBody::Json(members.collect()))
    }

    fn literal_body(&mut self, table: &Table<'_>) -> Option<AnswerBody> {
        let value = table.get("body")?;
        let Some(text) = value.as_str() else {
            let remedy = "write body = \"\" for an empty answer, or body = \"ok\"";
            self.wrong_value(table, "body", "a text", remedy);
            return None;
        };
        if text.len() > ANSWER_BODY_BYTES_MAX {
            let problem = format!("must have at most {ANSWER_BODY_BYTES_MAX} bytes, got {}", text.len());
            self.mistake_at(table, "body", problem, "senders expect a word, or nothing: body = \"\"");
            return None;
        }
        Some(AnswerBody::Literal(text.to_owned()))
    }

    /// `headers = { "webhook-allowed-origin" = "headers.webhook-request-origin" }`
    pub(super) fn answer_headers(&mut self, table: &Table<'_>) -> Vec<(String, AnswerValue)> {
        let Some(value) = table.get("headers") else { return Vec::new() };
        let path = table.path_of("headers");
        let Some(object) = value.as_object().filter(|object| (1..=HEADERS_MAX).contains(&object.len()))
        else {
            let problem = format!("must be a table of 1 to {HEADERS_MAX} headers");
            let remedy =
                "write headers = { \"webhook-allowed-origin\" = \"headers.webhook-request-origin\" }";
            self.mistake(&path, problem, remedy);
            return Vec::new();
        };
        let mut headers = Vec::new();
        for (name, value) in object {
            let path = [path.as_slice(), std::slice::from_ref(name)].concat();
            let name = name.to_ascii_lowercase();
            if !is_header_name(&name) || FORBIDDEN_HEADERS.contains(&name.as_str()) {
                let problem = "is a header that no handshake may set";
                self.mistake(&path, problem, "name another header, or leave it out");
                continue;
            }
            let value = answer_value(value);
            if let AnswerValue::Literal(value) = &value
                && !value.as_str().is_some_and(is_header_value)
            {
                let problem = "must be a source, or a text of 1 to 256 bytes of visible ASCII";
                let remedy = "write headers.NAME, query.NAME, body.PATH, or the text to be sent";
                self.mistake(&path, problem, remedy);
            }
            headers.push((name, value));
        }
        headers
    }
}

/// A text that names a source stands for its value, `hmac-sha256 SOURCE` for its HMAC, and any other value for itself.
fn answer_value(value: &Value) -> AnswerValue {
    let Some(text) = value.as_str() else { return AnswerValue::Literal(value.clone()) };
    let hmac = text.strip_prefix("hmac-sha256 ").and_then(|source| Source::parse(source).ok());
    let copy = || Source::parse(text).ok().map(AnswerValue::Copy);
    hmac.map(AnswerValue::Hmac).or_else(copy).unwrap_or_else(|| AnswerValue::Literal(value.clone()))
}
