//! Reads one hook's table, and tells every mistake in it: where, what is wrong, what would be right.
//!
//! Nothing is half accepted: a hook with a mistake is no hook.

mod fields;

use serde_json::Value;

use super::archive_key::KeyTemplate;
use super::expression::{Condition, EVENT_SCOPE, Expressions, Template};
use super::mapping::Params;
use super::mistake::{Mistake, nearest};
use super::verify::{Scheme, Verification};
use super::{
    BODY_BYTES_DEFAULT, BODY_BYTES_MAX, DEADLINE_DEFAULT_MS, DEADLINE_MAX_MS, DEADLINE_MIN_MS, Hook,
    HookName, OnUnconfirmed, Rule, RunSettings, START_ATTEMPTS_DEFAULT, START_ATTEMPTS_MAX,
};
use crate::fabricate::{Place, Target};
use fields::{Reader, Table, read_duration_ms};

/// What a rule may say; what it leaves out it takes from its hook.
const RULE_FIELDS: &[&str] = &[
    "when",
    "workspace",
    "database",
    "project",
    "workflow",
    "params",
    "on_unconfirmed",
    "deadline",
    "archive",
    "start_attempts_max",
];

/// What only a hook says.
const HOOK_FIELDS: &[&str] = &["verify", "delivery_id", "rules", "paused", "max_body_bytes"];

/// The most rules of one hook.
const RULES_MAX: usize = 32;

/// The most secrets of one hook: each is tried.
const SECRETS_MAX: usize = 8;

/// Reads the hook `name` from its value in the configuration; `path` is where that stands.
///
/// # Errors
/// Every mistake in it.
pub fn read_hook(name: HookName, value: &Value, path: &[String]) -> Result<Hook, Vec<Mistake>> {
    let mut reader = Reader { mistakes: Vec::new(), expressions: Expressions::new(EVENT_SCOPE) };
    let Some(table) = value.as_object() else {
        reader.mistake(path, "is not a table", "write [vars.HOOKS.name] and its fields below it");
        return Err(reader.mistakes);
    };
    let table = Table { own: table, own_path: path, base: None };
    reader.unknown_fields(&table, &[RULE_FIELDS, HOOK_FIELDS].concat());
    let verify = reader.verification(&table);
    let delivery_id = reader.template(&table, "delivery_id");
    let paused = reader.boolean(&table, "paused");
    let body_bytes_max = reader.number(&table, "max_body_bytes", BODY_BYTES_DEFAULT, 1, BODY_BYTES_MAX);
    let rules = reader.rules(&table);
    let Reader { mistakes, expressions } = reader;
    match (verify, rules) {
        (Some(verify), Some(rules)) if mistakes.is_empty() => {
            Ok(Hook { name, verify, delivery_id, rules, paused, body_bytes_max, expressions })
        }
        _ => Err(mistakes),
    }
}

impl Reader {
    fn verification(&mut self, table: &Table<'_>) -> Option<Verification> {
        let names = || Scheme::NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>();
        let example = "write verify = { scheme = \"standard-webhooks\", secret = \"NAME_OF_SECRET\" }";
        let Some((value, path)) = table.get("verify") else {
            let remedy = format!("{example}, or {{ scheme = \"none\" }} to let anybody in");
            self.mistake(table.own_path, "`verify` is missing", remedy);
            return None;
        };
        let Some(verify) = value.as_object() else {
            self.mistake(&path, "is not a table", example);
            return None;
        };
        let verify = Table { own: verify, own_path: &path, base: None };
        self.unknown_fields(&verify, &["scheme", "secret"]);
        let scheme = self.text(&verify, "scheme")?;
        let Some((_, scheme)) = Scheme::NAMES.iter().find(|(name, _)| *name == scheme) else {
            let remedy = match nearest(&scheme, &names()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("the schemes are {}", names().join(", ")),
            };
            let path = [path.as_slice(), &["scheme".to_owned()]].concat();
            self.mistake(&path, format!("unknown scheme \"{scheme}\""), remedy);
            return None;
        };
        let secret_names = self.secret_names(&verify, *scheme)?;
        Some(Verification { scheme: *scheme, secret_names })
    }

    fn secret_names(&mut self, verify: &Table<'_>, scheme: Scheme) -> Option<Vec<String>> {
        let given = verify.get("secret");
        let Some((value, path)) = given else {
            if scheme == Scheme::None {
                return Some(Vec::new());
            }
            let remedy = "write secret = \"NAME_OF_SECRET\", the name of a secret and not its value";
            self.mistake(verify.own_path, "`secret` is missing", remedy);
            return None;
        };
        if scheme == Scheme::None {
            self.mistake(&path, "scheme \"none\" checks no secret", "remove it, or name a scheme");
            return None;
        }
        let names: Option<Vec<String>> = match value {
            Value::String(name) => Some(vec![name.clone()]),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect(),
            _ => None,
        };
        let usable = |name: &String| {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                && (1..=64).contains(&name.len())
        };
        match names {
            Some(names) if (1..=SECRETS_MAX).contains(&names.len()) && names.iter().all(usable) => {
                Some(names)
            }
            _ => {
                let remedy = format!(
                    "give one name or a list of 1 to {SECRETS_MAX}, of letters, digits and _; never the value"
                );
                self.mistake(&path, "is not the name of a secret", remedy);
                None
            }
        }
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
        };
        let target = Target { workspace: workspace?, place: place?, workflow: workflow? };
        Some(Rule { when, target, params, settings })
    }

    fn place(&mut self, table: &Table<'_>) -> Option<Place> {
        match (table.get("database"), table.get("project")) {
            (Some(_), Some((_, path))) => {
                self.mistake(
                    &path,
                    "stands beside `database`",
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
                "expressions are minijinja's: {{ body.field }}, {{ body.seats * 10 }}",
            );
        }
        compiled
    }

    fn archive(&mut self, table: &Table<'_>) -> KeyTemplate {
        let Some(source) = self.optional_text(table, "archive") else {
            return KeyTemplate::default();
        };
        KeyTemplate::new(&source).unwrap_or_else(|problem| {
            self.mistake_at(
                table,
                "archive",
                &problem,
                &format!("the default is {}", super::archive_key::DEFAULT),
            );
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
                self.mistake_at(table, field, &problem, "write a bare expression: body.type == 'deal.won'");
                None
            }
        }
    }

    fn template(&mut self, table: &Table<'_>, field: &str) -> Option<Template> {
        let source = self.optional_text(table, field)?;
        match self.expressions.template(&source) {
            Ok(template) if template.is_literal() => {
                self.mistake_at(
                    table,
                    field,
                    "is the same for every delivery",
                    "write an expression: {{ body.id }}",
                );
                None
            }
            Ok(template) => Some(template),
            Err(problem) => {
                self.mistake_at(table, field, &problem, "write an expression: {{ body.id }}");
                None
            }
        }
    }
}
