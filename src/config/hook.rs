//! Reads one hook's table, and tells every mistake in it: where, what is wrong, what would be right.
//!
//! Nothing is half accepted: a hook with a mistake is no hook.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::{Reader, Table, read_duration_ms};
use super::mistake::Mistake;
use crate::expression::{Condition, EVENT_SCOPE, Expressions, SINGLE_EVENT_SCOPE};
use crate::fabricate::{Place, Target};
use crate::hook::archive_key::{self, KeyTemplate};
use crate::hook::mapping::Params;
use crate::hook::{
    BODY_BYTES_DEFAULT, BODY_BYTES_MAX, DEADLINE_DEFAULT_MS, DEADLINE_MAX_MS, DEADLINE_MIN_MS, Hook,
    HookName, OnRedelivery, OnUnconfirmed, RateKey, RateLimit, Rule, RunSettings, START_ATTEMPTS_DEFAULT,
    START_ATTEMPTS_MAX,
};
use crate::request::source::Source;

/// What a rule may say; what it leaves out it takes from its hook.
const RULE_FIELDS: &[&str] = &[
    "when",
    "workspace",
    "database",
    "project",
    "workflow",
    "params",
    "on_unconfirmed",
    "on_redelivery",
    "deadline",
    "archive",
    "start_attempts_max",
];

/// What only a hook says.
const HOOK_FIELDS: &[&str] = &[
    "verify",
    "handshake",
    "answer",
    "delivery_id",
    "each",
    "item_id",
    "content_type",
    "rules",
    "rate_limit",
    "paused",
    "max_body_bytes",
];

/// The most rules of one hook.
const RULES_MAX: usize = 32;

/// Reads the hook `name` from its value in the configuration; `path` is where that stands, `env` what its expressions
/// see as `env`.
///
/// # Errors
/// Every mistake in it.
pub(super) fn read_hook(
    name: HookName,
    value: &Value,
    path: &[String],
    env: &Map<String, Value>,
) -> Result<Hook, Vec<Mistake>> {
    // Without a batch there is no item.
    let scope = if value.get("each").is_some() { EVENT_SCOPE } else { SINGLE_EVENT_SCOPE };
    let expressions = Expressions::new(scope).with_env(env);
    let mut reader = Reader { mistakes: Vec::new(), expressions };
    let Some(table) = value.as_object() else {
        reader.mistake(path, "is not a table", "write [vars.HOOKS.name] and its fields below it");
        return Err(reader.mistakes);
    };
    let table = Table { own: table, own_path: path, base: None };
    reader.unknown_fields(&table, &[RULE_FIELDS, HOOK_FIELDS].concat());
    let caller = reader.caller(&table);
    let sender = caller.as_ref().and_then(|caller| caller.sender);
    let handshakes = reader.handshakes(&table, sender, caller.as_ref().map(|caller| &caller.verify));
    let answers = reader.accepted_answers(&table, sender);
    let delivery_id = reader.template(&table, "delivery_id", "{{ body.id }}");
    let stated_ids = reader.stated_ids(sender, caller.as_ref().and_then(|caller| caller.id.as_ref()));
    let each = reader.each(&table);
    let item_ids = reader.item_ids(&table, sender);
    let content_type = reader.optional_text(&table, "content_type");
    let content_type = content_type.or_else(|| sender.and_then(|sender| sender.content_type.clone()));
    let rate_limit = reader.rate_limit(&table);
    let paused = reader.boolean(&table, "paused");
    let body_bytes_max = reader.number(&table, "max_body_bytes", BODY_BYTES_DEFAULT, 1, BODY_BYTES_MAX);
    let rules = reader.rules(&table);
    let Reader { mistakes, expressions } = reader;
    match (caller, rules) {
        (Some(caller), Some(rules)) if mistakes.is_empty() => Ok(Hook {
            name,
            verify: caller.verify,
            handshakes,
            answers,
            delivery_id,
            stated_ids,
            each,
            item_ids,
            content_type,
            rate_limit,
            rules,
            paused,
            body_bytes_max,
            expressions,
        }),
        _ => Err(mistakes),
    }
}

impl Reader {
    /// `each = "body"` or `"body.events"`: the list of which every item is an event of its own.
    fn each(&mut self, table: &Table<'_>) -> Option<Source> {
        let source = self.source(table, "each")?;
        if source.body_path().is_none() {
            self.mistake_at(
                table,
                "each",
                "is no place in the body",
                "write each = \"body\", or \"body.events\"",
            );
        }
        Some(source)
    }

    /// `rate_limit = "HOOK_LIMIT"`, or `{ binding = "HOOK_LIMIT", by = "sender" }`.
    fn rate_limit(&mut self, table: &Table<'_>) -> Option<RateLimit> {
        let (value, path) = table.get("rate_limit")?;
        let (binding, by) = match value {
            Value::String(binding) => (Some(binding.clone()), RateKey::Hook),
            Value::Object(own) => {
                let table = Table { own, own_path: &path, base: None };
                self.unknown_fields(&table, &["binding", "by"]);
                let words = [("hook", RateKey::Hook), ("sender", RateKey::Sender)];
                (self.text(&table, "binding"), self.word(&table, "by", &words)?)
            }
            _ => (None, RateKey::Hook),
        };
        let is_name = |name: &String| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let Some(binding) = binding.filter(is_name) else {
            let remedy =
                "write rate_limit = \"HOOK_LIMIT\", and [[ratelimits]] name = \"HOOK_LIMIT\" beside it";
            self.mistake(&path, "names no rate-limiting binding", remedy);
            return None;
        };
        Some(RateLimit { binding, by })
    }

    fn rules(&mut self, hook: &Table<'_>) -> Option<Vec<Rule>> {
        let Some((value, path)) = hook.get("rules") else {
            return Some(vec![self.rule(hook)?]);
        };
        let items = value.as_array().filter(|items| (1..=RULES_MAX).contains(&items.len()));
        let Some(items) = items else {
            let remedy = format!("write 1 to {RULES_MAX} tables, [[vars.HOOKS.name.rules]] each");
            self.mistake(&path, "is not a list of rules", remedy);
            return None;
        };
        let mut rules = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = [path.as_slice(), &[index.to_string()]].concat();
            let Some(own) = item.as_object() else {
                self.mistake(
                    &path,
                    "is not a table",
                    "write [[vars.HOOKS.name.rules]] and its fields below it",
                );
                continue;
            };
            let table = Table { own, own_path: &path, base: Some((hook.own, hook.own_path)) };
            self.unknown_fields(&table, RULE_FIELDS);
            rules.extend(self.rule(&table));
        }
        Some(rules)
    }

    fn rule(&mut self, table: &Table<'_>) -> Option<Rule> {
        let when = self.condition(table, "when");
        let workspace = self.name(table, "workspace");
        let workflow = self.name(table, "workflow");
        let place = self.place(table);
        let params = self.params(table);
        let on_unconfirmed = match self.optional_text(table, "on_unconfirmed").as_deref() {
            None | Some("park") => OnUnconfirmed::Park,
            Some("restart") => OnUnconfirmed::Restart,
            Some(_) => {
                self.mistake_at(
                    table,
                    "on_unconfirmed",
                    "is neither \"park\" nor \"restart\"",
                    "say \"restart\" only where the workflow may run twice",
                );
                OnUnconfirmed::Park
            }
        };
        let attempts = self.number(
            table,
            "start_attempts_max",
            START_ATTEMPTS_DEFAULT.into(),
            1,
            START_ATTEMPTS_MAX.into(),
        );
        let settings = RunSettings {
            on_unconfirmed,
            deadline_ms: self.deadline(table),
            start_attempts_max: u32::try_from(attempts).unwrap_or(START_ATTEMPTS_DEFAULT),
            archive: self.archive(table),
            on_redelivery: self.on_redelivery(table),
        };
        let target = Target { workspace: workspace?, place: place?, workflow: workflow? };
        Some(Rule { when, target: Arc::new(target), params, settings: Arc::new(settings) })
    }

    fn on_redelivery(&mut self, table: &Table<'_>) -> OnRedelivery {
        match self.optional_text(table, "on_redelivery").as_deref() {
            None | Some("ignore") => OnRedelivery::Ignore,
            Some("retry_failed") => OnRedelivery::RetryFailed,
            Some(_) => {
                self.mistake_at(
                    table,
                    "on_redelivery",
                    "is neither \"ignore\" nor \"retry_failed\"",
                    "say \"retry_failed\" where a sender's redelivery is to retry a run that failed",
                );
                OnRedelivery::Ignore
            }
        }
    }

    fn place(&mut self, table: &Table<'_>) -> Option<Place> {
        match (table.get("database"), table.get("project")) {
            (Some(_), Some((_, path))) => {
                self.mistake(
                    &path,
                    "cannot be used together with `database`",
                    "keep one: newer Fabricate accounts say project where older ones say database",
                );
                None
            }
            (None, Some(_)) => self.name(table, "project").map(Place::Project),
            _ => self.name(table, "database").map(Place::Database),
        }
    }

    fn params(&mut self, table: &Table<'_>) -> Params {
        let Some((value, path)) = table.get("params") else {
            return Params::default();
        };
        let Some(params) = value.as_object() else {
            self.mistake(
                &path,
                "is not a table",
                "write [vars.HOOKS.name.params] and one line for each parameter",
            );
            return Params::default();
        };
        let mut found = Vec::new();
        let compiled = Params::compile(params, &mut self.expressions, &mut |place, problem| {
            let place = place.iter().map(|part| (*part).to_owned()).collect();
            found.push(([path.clone(), place].concat(), problem));
        });
        for (path, problem) in found {
            self.mistake(
                &path,
                problem,
                "docs/mapping.md has the language: {{ body.field }}, {{ body.seats * 10 }}",
            );
        }
        compiled
    }

    fn archive(&mut self, table: &Table<'_>) -> KeyTemplate {
        let Some(source) = self.optional_text(table, "archive") else {
            return KeyTemplate::default();
        };
        KeyTemplate::new(&source).unwrap_or_else(|problem| {
            self.mistake_at(table, "archive", &problem, &format!("the default is {}", archive_key::DEFAULT));
            KeyTemplate::default()
        })
    }

    fn deadline(&mut self, table: &Table<'_>) -> i64 {
        let Some((value, path)) = table.get("deadline") else {
            return DEADLINE_DEFAULT_MS;
        };
        let allowed = DEADLINE_MIN_MS..=DEADLINE_MAX_MS;
        read_duration_ms(value).filter(|ms| allowed.contains(ms)).unwrap_or_else(|| {
            let remedy = "write \"90m\", \"24h\" or \"2d\", or a number of seconds";
            self.mistake(&path, "is no duration from 1 minute to 7 days", remedy);
            DEADLINE_DEFAULT_MS
        })
    }

    fn condition(&mut self, table: &Table<'_>, field: &str) -> Option<Condition> {
        let source = self.optional_text(table, field)?;
        match self.expressions.condition(&source) {
            Ok(condition) => Some(condition),
            Err(problem) => {
                self.mistake_at(
                    table,
                    field,
                    &problem.message,
                    "write a bare expression: body.type == 'deal.won'",
                );
                None
            }
        }
    }
}
