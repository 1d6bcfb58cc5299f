//! Reads `handshake`: what a sender asks before its deliveries, spelt out or by the sender's name. The handshakes in
//! `senders.json` are written in the same words.

use serde_json::{Map, Value};

use super::fields::{Reader, Table, is_header_name};
use crate::config::sender::{Sender, sender, sender_names};
use crate::expression::nearest;
use crate::request::source::Source;
use crate::verify::Verification;
use crate::verify::handshake::{
    ANSWER_BODY_BYTES_MAX, Answer, Content, Handshake, Sign, Term, Trust, is_header_value, may_have_body,
};

/// The most handshakes of one hook.
const HANDSHAKES_MAX: usize = 8;

/// The most tables that `answer` may list.
const ANSWERS_MAX: usize = 8;

/// The fields of one `answer`.
const ANSWER_FIELDS: &[&str] = &["when", "status", "text", "json", "body"];

/// The fields of an answer of which at most one may be stated.
const CONTENT_FIELDS: [&str; 3] = ["text", "json", "body"];

const FIELDS: &[&str] = &[
    "method",
    "when",
    "verified",
    "open_until_set",
    "token",
    "expect",
    "text",
    "json",
    "body",
    "headers",
    "status",
    "remember",
    "visit",
];

const METHODS: &[(&str, &str)] = &[("POST", "POST"), ("GET", "GET"), ("OPTIONS", "OPTIONS")];

/// The most headers of one answer.
const HEADERS_MAX: usize = 8;

/// Headers that an answer must not set: they say how it is sent, or keep a browser that opens it from harm.
const OWN_HEADERS: &[&str] = &[
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

const EXAMPLE: &str =
    "write handshake = \"monday\", or handshake = { method = \"GET\", text = \"query.challenge\" }";

impl Reader {
    /// The sender's own handshakes, and those that the hook adds. `verify` is what deliveries prove, where that can be
    /// read: no handshake may make signatures for them ([`Verification::oracle`]).
    pub(super) fn handshakes(
        &mut self,
        table: &Table<'_>,
        known: Option<&Sender>,
        verify: Option<&Verification>,
    ) -> Vec<Handshake> {
        let mut all = known.map(|sender| self.of_sender(sender, table.own_path, verify)).unwrap_or_default();
        let Some((value, path)) = table.get("handshake") else { return all };
        match value {
            Value::String(name) => {
                if let Some(sender) = sender(name).filter(|sender| !sender.handshakes.is_empty()) {
                    all.extend(self.of_sender(sender, &path, verify));
                } else {
                    let names: Vec<&str> = sender_names().collect();
                    let near = nearest(name, &names).map(|near| format!("did you mean \"{near}\"?"));
                    let problem = format!("\"{name}\" is no sender with a handshake");
                    self.mistake(&path, problem, near.unwrap_or_else(|| EXAMPLE.to_owned()));
                }
            }
            Value::Object(own) => {
                all.extend(self.handshake(&Table { own, own_path: &path, base: None }, verify));
            }
            Value::Array(items) if items.len() <= HANDSHAKES_MAX && items.iter().all(Value::is_object) => {
                for (index, own) in items.iter().filter_map(Value::as_object).enumerate() {
                    let path = [path.as_slice(), &[index.to_string()]].concat();
                    all.extend(self.handshake(&Table { own, own_path: &path, base: None }, verify));
                }
            }
            _ => self.mistake(&path, "is neither a sender's name nor a table", EXAMPLE),
        }
        all
    }

    fn of_sender(
        &mut self,
        sender: &Sender,
        path: &[String],
        verify: Option<&Verification>,
    ) -> Vec<Handshake> {
        let tables = sender.handshakes.iter();
        tables.filter_map(|own| self.handshake(&Table { own, own_path: path, base: None }, verify)).collect()
    }

    fn handshake(&mut self, table: &Table<'_>, verify: Option<&Verification>) -> Option<Handshake> {
        self.unknown_fields(table, FIELDS);
        let method = self.word(table, "method", METHODS)?.to_owned();
        let trust = match self.source(table, "token") {
            Some(source) => Trust::Token(source),
            None if self.boolean(table, "verified") => Trust::Verified,
            None if self.boolean(table, "open_until_set") => Trust::OpenUntilSet,
            None => Trust::Open,
        };
        let mut answer = self.answer(table)?;
        answer.headers = self.answer_headers(table);
        for (field, input) in answer.hmac_sources() {
            if let Some((problem, remedy)) = verify.and_then(|verify| verify.oracle(&trust, input)) {
                let path = [table.own_path, &[field.to_owned()]].concat();
                self.mistake(&path, format!("hmac-sha256 {} {problem}", input.as_str()), remedy);
            }
        }
        let (when, expect) = (self.signs(table, "when"), self.signs(table, "expect"));
        if when.is_empty() && method == "POST" {
            let remedy = "write when = { \"body.type\" = \"url_verification\" }, so that seedhook can tell the \
                          handshake from a delivery";
            self.mistake(table.own_path, "`when` is missing", remedy);
        }
        let (remember, visit) = (self.source(table, "remember"), self.source(table, "visit"));
        Some(Handshake { method, when, trust, expect, answer, remember, visit })
    }

    fn signs(&mut self, table: &Table<'_>, field: &str) -> Vec<(Source, Sign)> {
        let Some((value, path)) = table.get(field) else { return Vec::new() };
        let Some(object) = value.as_object() else {
            self.mistake(&path, "is not a table", "write { \"body.type\" = \"url_verification\" }");
            return Vec::new();
        };
        let mut signs = Vec::new();
        for (place, sign) in object {
            let sign = match sign {
                Value::Bool(true) => Sign::Present,
                Value::Bool(false) => Sign::Absent,
                Value::String(text) => Sign::Is(text.clone()),
                other => Sign::Is(other.to_string()),
            };
            match Source::parse(place) {
                Ok(source) => signs.push((source, sign)),
                Err(problem) => self.mistake(&path, format!("`{place}` {problem}"), "for example body.type"),
            }
        }
        signs
    }

    /// What a sender wants to hear when its delivery was taken, in place of seedhook's own answer: one table, or a list
    /// of them of which the first counts whose `when` holds.
    pub(super) fn accepted_answers(&mut self, table: &Table<'_>, known: Option<&Sender>) -> Vec<Answer> {
        match (table.get("answer"), known.and_then(|sender| sender.answer.as_ref())) {
            (Some((value, path)), _) => self.answers(value, &path),
            (None, Some(value)) => self.answers(value, table.own_path),
            (None, None) => Vec::new(),
        }
    }

    fn answers(&mut self, value: &Value, path: &[String]) -> Vec<Answer> {
        match value {
            Value::Object(own) => self.accepted_answer(own, path).into_iter().collect(),
            Value::Array(items)
                if (1..=ANSWERS_MAX).contains(&items.len()) && items.iter().all(Value::is_object) =>
            {
                let tables = items.iter().filter_map(Value::as_object).enumerate();
                let mut all = Vec::new();
                for (index, own) in tables {
                    let path = [path, &[index.to_string()]].concat();
                    all.extend(self.accepted_answer(own, &path));
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

    fn accepted_answer(&mut self, own: &Map<String, Value>, path: &[String]) -> Option<Answer> {
        let table = Table { own, own_path: path, base: None };
        self.unknown_fields(&table, ANSWER_FIELDS);
        let answer = self.answer(&table)?;
        if answer.hmac_sources().next().is_some() {
            let remedy = "remove it: only the answer to a handshake may hold an HMAC";
            self.mistake_at(&table, "json", "holds an HMAC, which no delivery is answered with", remedy);
        }
        Some(answer)
    }

    /// `headers = { "webhook-allowed-origin" = "headers.webhook-request-origin" }`
    fn answer_headers(&mut self, table: &Table<'_>) -> Vec<(String, Term)> {
        let Some((value, path)) = table.get("headers") else { return Vec::new() };
        let Some(object) = value.as_object().filter(|object| (1..=HEADERS_MAX).contains(&object.len()))
        else {
            let problem = format!("is not a table of 1 to {HEADERS_MAX} headers");
            let remedy =
                "write headers = { \"webhook-allowed-origin\" = \"headers.webhook-request-origin\" }";
            self.mistake(&path, problem, remedy);
            return Vec::new();
        };
        let mut headers = Vec::new();
        for (name, value) in object {
            let path = [path.as_slice(), std::slice::from_ref(name)].concat();
            let name = name.to_ascii_lowercase();
            if !is_header_name(&name) || OWN_HEADERS.contains(&name.as_str()) {
                self.mistake(
                    &path,
                    "is a header that no handshake sets",
                    "name another header, or leave it out",
                );
                continue;
            }
            let term = term(value);
            if let Term::Literal(value) = &term
                && !value.as_str().is_some_and(is_header_value)
            {
                let remedy =
                    "write a place (headers.NAME, query.NAME, body.PATH), or a text as it is to be sent";
                self.mistake(
                    &path,
                    "is neither a place nor a text of 1 to 256 bytes of visible ASCII",
                    remedy,
                );
            }
            headers.push((name, term));
        }
        headers
    }

    /// `status`, and at most one of `text`, `json` and `body`.
    fn answer(&mut self, table: &Table<'_>) -> Option<Answer> {
        let status = u16::try_from(self.number(table, "status", 200, 200, 299)).unwrap_or(200);
        let content = self.content(table)?;
        let has_body = match &content {
            Content::Unstated => false,
            Content::Literal(text) => !text.is_empty(),
            Content::Text(_) | Content::Json(_) => true,
        };
        if has_body && !may_have_body(status) {
            let problem = format!("is {status}, an answer without a body, and a body is stated");
            self.mistake_at(table, "status", &problem, "write status = 200, or remove the body");
        }
        // Of a handshake, `when` tells the handshake; of an answer, the deliveries that it is for.
        let when = self.signs(table, "when");
        Some(Answer { when, status, content, headers: Vec::new() })
    }

    fn content(&mut self, table: &Table<'_>) -> Option<Content> {
        let stated: Vec<&str> =
            CONTENT_FIELDS.into_iter().filter(|field| table.get(field).is_some()).collect();
        match stated.as_slice() {
            [] => Some(Content::Unstated),
            ["text"] => Some(Content::Text(self.source(table, "text")?)),
            ["json"] => self.json_content(table),
            ["body"] => self.literal_content(table),
            [first, second, ..] => {
                let problem = format!("cannot be used together with `{first}`");
                self.mistake_at(table, second, &problem, "keep one of them");
                None
            }
            [_] => None,
        }
    }

    fn json_content(&mut self, table: &Table<'_>) -> Option<Content> {
        let (value, path) = table.get("json")?;
        let Some(object) = value.as_object() else {
            self.mistake(&path, "is not a table", "write json = { challenge = \"body.challenge\" }");
            return None;
        };
        Some(Content::Json(object.iter().map(|(name, value)| (name.clone(), term(value))).collect()))
    }

    fn literal_content(&mut self, table: &Table<'_>) -> Option<Content> {
        let (value, path) = table.get("body")?;
        let Some(text) = value.as_str() else {
            self.mistake(&path, "must be a text", "write body = \"\" for an empty answer, or body = \"ok\"");
            return None;
        };
        if text.len() > ANSWER_BODY_BYTES_MAX {
            let problem = format!("has {} bytes, at most {ANSWER_BODY_BYTES_MAX} are allowed", text.len());
            self.mistake(&path, problem, "senders want a word, or nothing: body = \"\"");
            return None;
        }
        Some(Content::Literal(text.to_owned()))
    }
}

/// A place's name stands for its text, and anything else for itself.
fn term(value: &Value) -> Term {
    let Some(text) = value.as_str() else { return Term::Literal(value.clone()) };
    let hmac = text.strip_prefix("hmac-sha256 ").and_then(|place| Source::parse(place).ok()).map(Term::Hmac);
    hmac.or_else(|| Source::parse(text).ok().map(Term::Copy)).unwrap_or_else(|| Term::Literal(value.clone()))
}
