//! Reads the table of one hook, and reports every mistake in it. A hook with a mistake is not used at all.

use std::sync::Arc;

use serde_json::Value;

use super::fields::{HookReader, Table};
use super::hooks::Around;
use super::mistake::{Mistake, quoted};
use super::notify::Notified;
use crate::expression::{Condition, EVENT_SCOPE, Env, Expressions, SINGLE_EVENT_SCOPE};
use crate::fabricate::{Place, Target};
use crate::hook::archive_key::{self, KeyTemplate};
use crate::hook::mapping::Params;
use crate::hook::{
    BODY_BYTES_DEFAULT, BODY_BYTES_MAX, DEADLINE_DEFAULT_MS, DEADLINE_MAX_MS, DEADLINE_MIN_MS, Hook,
    HookName, MaxRunning, OnRedelivery, OnUnconfirmed, RateKey, RateLimit, Rule, RunSettings,
    START_ATTEMPTS_DEFAULT, START_ATTEMPTS_MAX, Share, WhenBusy,
};
use crate::request::source::Source;

/// The fields of a rule. A rule takes the fields that it leaves out from its hook.
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
    "notify",
    "concurrency",
    "when_busy",
    "debounce",
];

/// The fields of a hook that a rule does not have.
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
    "share",
    "keep_ignored",
    "silence",
    "max_running",
    "schedule",
    "schedule_offset",
];

/// The most rules of one hook.
const RULES_MAX: usize = 32;

const ON_UNCONFIRMED: &[(&str, OnUnconfirmed)] =
    &[("park", OnUnconfirmed::Park), ("restart", OnUnconfirmed::Restart)];
const ON_REDELIVERY: &[(&str, OnRedelivery)] =
    &[("ignore", OnRedelivery::Ignore), ("retry_failed", OnRedelivery::RetryFailed)];

const WHEN_BUSY: &[(&str, WhenBusy)] =
    &[("wait", WhenBusy::Wait), ("replace", WhenBusy::Replace), ("skip", WhenBusy::Skip)];

const SHARE: &[(&str, Share)] =
    &[("none", Share::Nothing), ("status", Share::Status), ("files", Share::Files)];

/// Reads the hook `name` from its value at `path` in the configuration. `around` is what it refers to.
///
/// # Errors
/// Every mistake in the hook.
pub(super) fn read_hook(
    name: HookName,
    value: &Value,
    path: &[String],
    around: &Around,
) -> Result<Hook, Vec<Mistake>> {
    // Without a batch, expressions see no item.
    let scope = if value.get("each").is_some() { EVENT_SCOPE } else { SINGLE_EVENT_SCOPE };
    let expressions = Expressions::new(scope).with_env(&around.env);
    let mut reader = HookReader { mistakes: Vec::new(), expressions };
    let Some(table) = value.as_object() else {
        let problem = format!("must be a table, got {}", quoted(value));
        reader.mistake(path, problem, "write [vars.HOOKS.name] and its fields below it");
        return Err(reader.mistakes);
    };
    let table = Table::new(table, path);
    reader.unknown_fields(&table, &[RULE_FIELDS, HOOK_FIELDS].concat());
    let schedule = reader.schedule(&table);
    let section = reader.who_calls(&table);
    let sender = section.as_ref().and_then(|section| section.sender.as_ref());
    let handshakes = reader.handshakes(&table, sender, section.as_ref().map(|section| &section.verify));
    let answers = reader.delivery_answers(&table, sender);
    let delivery_id_template = reader.template(&table, "delivery_id", "{{ body.id }}");
    let stated_id = section.as_ref().and_then(|section| section.id.as_ref());
    let sender_id_templates = reader.sender_id_templates(sender, stated_id);
    let batch = reader.batch(&table);
    let item_ids = reader.item_ids(&table, sender);
    let content_type = reader.optional_text(&table, "content_type");
    let content_type = content_type.or_else(|| sender.and_then(|sender| sender.content_type.clone()));
    let rate_limit = reader.rate_limit(&table);
    let paused = reader.boolean(&table, "paused");
    let body_bytes_max = reader.number(&table, "max_body_bytes", BODY_BYTES_DEFAULT, &(1..=BODY_BYTES_MAX));
    let share = reader.word(&table, "share", SHARE).unwrap_or_default();
    let keeps_ignored = reader.boolean(&table, "keep_ignored");
    let silence_ms = reader.silence_ms(&table);
    let notified = Notified { hook: name.as_str(), targets: &around.targets };
    let max_running = MaxRunning { hook: reader.max_running(&table), worker: around.max_running };
    let rules = reader.rules(&table, &Surroundings { notified, env: &around.env, max_running });
    let has_target = rules.iter().flatten().any(|rule| !rule.settings.notify.is_empty());
    if silence_ms.is_some() && !has_target {
        let remedy = "name a target: notify = [\"ops\"], and [vars.NOTIFY.ops]";
        reader.mistake_at(&table, "silence", "has nobody to tell", remedy);
    }
    let HookReader { mistakes, expressions } = reader;
    match (section, rules) {
        (Some(section), Some(rules)) if mistakes.is_empty() => Ok(Hook {
            name,
            sender: section.sender.map(|sender| sender.name),
            verify: section.verify,
            schedule,
            handshakes,
            answers,
            delivery_id_template,
            sender_id_templates,
            batch,
            item_ids,
            content_type,
            rate_limit,
            rules,
            paused,
            body_bytes_max,
            share,
            keeps_ignored,
            silence_ms,
            expressions,
        }),
        _ => Err(mistakes),
    }
}

/// What the rules of a hook refer to.
struct Surroundings<'a> {
    notified: Notified<'a>,
    env: &'a Env,
    max_running: MaxRunning,
}

impl HookReader {
    /// `each = "body"` or `"body.events"`: the list whose items are separate events.
    fn batch(&mut self, table: &Table<'_>) -> Option<Source> {
        let source = self.source(table, "each")?;
        if source.body_path().is_none() {
            self.wrong_value(
                table,
                "each",
                "a path in the body",
                "write each = \"body\", or \"body.events\"",
            );
        }
        Some(source)
    }

    /// `rate_limit = "HOOK_LIMIT"`, or `{ binding = "HOOK_LIMIT", by = "sender" }`.
    fn rate_limit(&mut self, table: &Table<'_>) -> Option<RateLimit> {
        let value = table.get("rate_limit")?;
        let (binding, by) = match value {
            Value::String(binding) => (Some(binding.clone()), RateKey::Hook),
            Value::Object(own) => {
                let path = table.path_of("rate_limit");
                let table = Table::new(own, &path);
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
            self.wrong_value(table, "rate_limit", "the name of a rate-limiting binding", remedy);
            return None;
        };
        Some(RateLimit { binding, by })
    }

    fn rules(&mut self, hook: &Table<'_>, around: &Surroundings<'_>) -> Option<Vec<Rule>> {
        let Some(value) = hook.get("rules") else {
            return Some(vec![self.rule(hook, around)?]);
        };
        let items = value.as_array().filter(|items| (1..=RULES_MAX).contains(&items.len()));
        let Some(items) = items else {
            let remedy = "write [[vars.HOOKS.name.rules]] for each rule";
            self.wrong_value(hook, "rules", format_args!("a list of 1 to {RULES_MAX} rules"), remedy);
            return None;
        };
        let path = hook.path_of("rules");
        let mut rules = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = [path.as_slice(), &[index.to_string()]].concat();
            let Some(own) = item.as_object() else {
                let problem = format!("must be a table, got {}", quoted(item));
                self.mistake(&path, problem, "write [[vars.HOOKS.name.rules]] and its fields below it");
                continue;
            };
            let table = Table { own, own_path: &path, base: Some((hook.own, hook.own_path)) };
            self.unknown_fields(&table, RULE_FIELDS);
            rules.extend(self.rule(&table, around));
        }
        Some(rules)
    }

    fn rule(&mut self, table: &Table<'_>, around: &Surroundings<'_>) -> Option<Rule> {
        let when = self.condition(table, "when");
        let workspace = self.name(table, "workspace");
        let workflow = self.name(table, "workflow");
        let container = self.container(table);
        let params = self.params(table);
        let attempts = &(1..=START_ATTEMPTS_MAX);
        let settings = RunSettings {
            on_unconfirmed: self.word(table, "on_unconfirmed", ON_UNCONFIRMED).unwrap_or_default(),
            deadline_ms: self.deadline_ms(table),
            start_attempts_max: self.number(table, "start_attempts_max", START_ATTEMPTS_DEFAULT, attempts),
            archive: self.archive(table),
            on_redelivery: self.word(table, "on_redelivery", ON_REDELIVERY).unwrap_or_default(),
            notify: self.subscriptions(table, &around.notified),
            when_busy: self.word(table, "when_busy", WHEN_BUSY).unwrap_or_default(),
            debounce_ms: self.debounce_ms(table),
            max_running: around.max_running,
        };
        let concurrency = self.concurrency(table, around.env);
        let target = Target { workspace: workspace?, place: container?, workflow: workflow? };
        Some(Rule { when, target: Arc::new(target), params, concurrency, settings: Arc::new(settings) })
    }

    /// The database or project of the workflow.
    fn container(&mut self, table: &Table<'_>) -> Option<Place> {
        match (table.get("database"), table.get("project")) {
            (Some(_), Some(_)) => {
                let remedy = "keep one: newer Fabricate accounts say project where older ones say database";
                self.mistake_at(table, "project", "cannot be used together with `database`", remedy);
                None
            }
            (None, Some(_)) => self.name(table, "project").map(Place::Project),
            _ => self.name(table, "database").map(Place::Database),
        }
    }

    fn params(&mut self, table: &Table<'_>) -> Params {
        let Some(value) = table.get("params") else {
            return Params::default();
        };
        let Some(params) = value.as_object() else {
            let remedy = "write [vars.HOOKS.name.params] and one line for each parameter";
            self.wrong_value(table, "params", "a table", remedy);
            return Params::default();
        };
        let mut found = Vec::new();
        let compiled = Params::compile(params, &mut self.expressions, &mut |inner, problem| {
            let inner = inner.iter().map(|part| (*part).to_owned()).collect();
            found.push(([table.path_of("params"), inner].concat(), problem));
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
        KeyTemplate::new(&source).unwrap_or_else(|error| {
            self.mistake_at(table, "archive", error, format_args!("the default is {}", archive_key::DEFAULT));
            KeyTemplate::default()
        })
    }

    fn deadline_ms(&mut self, table: &Table<'_>) -> i64 {
        let remedy = "write \"90m\", \"24h\" or \"2d\", or a number of seconds";
        let bounds = DEADLINE_MIN_MS..=DEADLINE_MAX_MS;
        let deadline_ms = self.duration_ms(table, "deadline", &bounds, "1 minute to 7 days", remedy);
        deadline_ms.unwrap_or(DEADLINE_DEFAULT_MS)
    }

    fn condition(&mut self, table: &Table<'_>, field: &str) -> Option<Condition> {
        let source = self.optional_text(table, field)?;
        match self.expressions.condition(&source) {
            Ok(condition) => Some(condition),
            Err(problem) => {
                self.mistake_at(table, field, problem, "write a bare expression: body.type == 'deal.won'");
                None
            }
        }
    }
}
