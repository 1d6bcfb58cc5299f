//! Reads `handshake`: the requests with which a sender tests the endpoint, configured by their fields or by the name of a
//! sender. The handshakes in `senders.json` use the same fields.

use serde_json::{Map, Value};

use super::fields::{HookReader, Table};
use super::sender::{Sender, sender_names};
use crate::expression::nearest;
use crate::request::source::Source;
use crate::verify::Verification;
use crate::verify::answer::Predicate;
use crate::verify::handshake::{Handshake, Trust};

/// The most handshakes of one hook.
const HANDSHAKES_MAX: usize = 8;

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

const EXAMPLE: &str =
    "write handshake = \"monday\", or handshake = { method = \"GET\", text = \"query.challenge\" }";

impl HookReader {
    /// The handshakes of the sender, and those that the hook adds. `verify` is the verification of deliveries, if that could
    /// be read: no handshake may make signatures for them ([`Verification::signing_oracle`]).
    pub(super) fn handshakes(
        &mut self,
        table: &Table<'_>,
        known: Option<&Sender>,
        verify: Option<&Verification>,
    ) -> Vec<Handshake> {
        let mut all: Vec<Handshake> = known
            .map(|sender| self.handshake_tables(&sender.handshakes, table.own_path, verify))
            .unwrap_or_default();
        let Some(value) = table.get("handshake") else { return all };
        let path = table.path_of("handshake");
        match value {
            Value::String(name) => {
                if let Some(sender) = self.sender(name).filter(|sender| !sender.handshakes.is_empty()) {
                    all.extend(self.handshake_tables(&sender.handshakes, &path, verify));
                } else {
                    let names: Vec<&str> = sender_names().collect();
                    let near = nearest(name, &names).map(|near| format!("did you mean \"{near}\"?"));
                    let remedy = near.unwrap_or_else(|| EXAMPLE.to_owned());
                    self.wrong_value(table, "handshake", "a sender with a handshake, or a table", remedy);
                }
            }
            Value::Object(own) => all.extend(self.handshake(&Table::new(own, &path), verify)),
            Value::Array(items) if items.len() <= HANDSHAKES_MAX && items.iter().all(Value::is_object) => {
                for (index, own) in items.iter().filter_map(Value::as_object).enumerate() {
                    let path = [path.as_slice(), &[index.to_string()]].concat();
                    all.extend(self.handshake(&Table::new(own, &path), verify));
                }
            }
            _ => {
                let takes =
                    format!("the name of a sender, a table, or a list of at most {HANDSHAKES_MAX} tables");
                self.wrong_value(table, "handshake", takes, EXAMPLE);
            }
        }
        all
    }

    fn handshake_tables(
        &mut self,
        tables: &[Map<String, Value>],
        path: &[String],
        verify: Option<&Verification>,
    ) -> Vec<Handshake> {
        tables.iter().filter_map(|own| self.handshake(&Table::new(own, path), verify)).collect()
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
            if let Some(oracle) = verify.and_then(|verify| verify.signing_oracle(&trust, input)) {
                let path = [table.own_path, &[field.to_owned()]].concat();
                let problem = format!("hmac-sha256 {} {}", input.as_str(), oracle.problem);
                self.mistake(&path, problem, oracle.remedy);
            }
        }
        let (when, expect) = (self.conditions(table, "when"), self.conditions(table, "expect"));
        if when.is_empty() && method == "POST" {
            let remedy = "write when = { \"body.type\" = \"url_verification\" }, to distinguish the handshake from \
                          a delivery";
            self.mistake(table.own_path, "`when` is missing", remedy);
        }
        let (offered_secret, visit_url) = (self.source(table, "remember"), self.source(table, "visit"));
        Some(Handshake { method, when, trust, expect, answer, offered_secret, visit_url })
    }

    /// Conditions: `{ "body.type" = "url_verification", "body.challenge" = true }`.
    pub(super) fn conditions(&mut self, table: &Table<'_>, field: &str) -> Vec<(Source, Predicate)> {
        let Some(value) = table.get(field) else { return Vec::new() };
        let Some(object) = value.as_object() else {
            self.wrong_value(table, field, "a table", "write { \"body.type\" = \"url_verification\" }");
            return Vec::new();
        };
        let mut conditions = Vec::new();
        for (source, predicate) in object {
            let predicate = match predicate {
                Value::Bool(true) => Predicate::Present,
                Value::Bool(false) => Predicate::Absent,
                Value::String(text) => Predicate::Is(text.clone()),
                other => Predicate::Is(other.to_string()),
            };
            match Source::parse(source) {
                Ok(source) => conditions.push((source, predicate)),
                Err(error) => {
                    let problem = format_args!("each key {error}");
                    self.mistake_at(table, field, problem, "for example body.type");
                }
            }
        }
        conditions
    }
}
