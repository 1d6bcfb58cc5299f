//! Reads `NOTIFY`, the table of targets, and what a hook says of them: `notify` and `silence`.
//!
//! A target with a mistake keeps its name, so that the hooks that name it go on. Its notifications wait until it is mended.

use std::net::IpAddr;

use serde_json::Value;

use super::NOTIFY;
use super::fields::{HookReader, Table};
use super::hooks::Hooks;
use super::mistake::Mistake;
use crate::expression::{EVENT_SCOPE, Expressions, nearest};
use crate::hook::HookName;
use crate::hook::subscription::{InvalidTargetName, RunEvent, Subscription, TARGETS_MAX, TargetName};
use crate::notify::target::{Address, read_address};
use crate::notify::{Format, Include, Target, Targets};
use crate::timestamp::HOUR_MS;

/// The most names in one list of a target.
const NAMES_MAX: usize = 64;

/// The shortest and the longest `silence`, milliseconds: sweeps look every ten minutes, and deliveries expire after 30 days.
const SILENCE_MIN_MS: i64 = HOUR_MS;
const SILENCE_MAX_MS: i64 = 30 * 24 * HOUR_MS;

/// The fields of a target.
const FIELDS: &[&str] =
    &["url", "url_secret", "secret", "format", "on", "hooks", "include", "allow_addresses", "unhealthy"];

const INCLUDE: &[&str] = &["params", "result", "files"];

/// The hook of a rule, and who may be notified of its runs.
pub(super) struct Notified<'a> {
    pub(super) hook: &'a str,
    pub(super) targets: &'a Targets,
}

/// Reads every target.
pub(super) fn read_targets(value: Option<&Value>, mistakes: &mut Vec<Mistake>) -> Targets {
    let mut targets = Targets::default();
    let mut reader = HookReader { mistakes: Vec::new(), expressions: Expressions::new(EVENT_SCOPE) };
    let path = [NOTIFY.to_owned()];
    match value {
        None => {}
        Some(Value::Object(table)) if table.len() <= TARGETS_MAX => {
            for (name, value) in table {
                let path = [path.as_slice(), std::slice::from_ref(name)].concat();
                match TargetName::try_from(name.clone()) {
                    Ok(name) => reader.target(name, value, &path, &mut targets),
                    Err(error) => reader.mistake(&path, error, "rename it"),
                }
            }
        }
        Some(Value::Object(table)) => {
            let problem = format!("must have at most {TARGETS_MAX} targets, got {}", table.len());
            reader.mistake(&path, problem, "one target may have many hooks");
            // Hooks may name them.
            for name in table.keys().filter_map(|name| TargetName::try_from(name.clone()).ok()) {
                targets.add(name, None, RunEvent::ALL.to_vec(), Vec::new());
            }
        }
        Some(_) => {
            // The value is not quoted: it may be an address that nobody may know.
            reader.mistake(&path, "must be a table", "write [vars.NOTIFY.name] for each target");
        }
    }
    mistakes.extend(reader.mistakes);
    targets
}

/// The hooks that targets name and that are not configured.
pub(super) fn unknown_hooks(targets: &Targets, hooks: &Hooks) -> Vec<Mistake> {
    let known: Vec<&str> = hooks.names().map(HookName::as_str).collect();
    let unknown = targets.named_hooks().filter(|(_, hook)| *hook != "*" && !known.contains(hook));
    unknown
        .map(|(target, hook)| {
            let path = [NOTIFY, target.as_str(), "hooks"].map(ToOwned::to_owned).to_vec();
            let remedy = match nearest(hook, &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "write the names of hooks, or [\"*\"] for all".to_owned(),
            };
            Mistake::new(path, format_args!("there is no hook \"{hook}\""), remedy)
        })
        .collect()
}

impl HookReader {
    /// Reads one target and adds it.
    fn target(&mut self, name: TargetName, value: &Value, path: &[String], targets: &mut Targets) {
        let before = self.mistakes.len();
        let Some(own) = value.as_object() else {
            // As above.
            self.mistake(path, "must be a table", "write [vars.NOTIFY.name] and its fields below it");
            return targets.add(name, None, RunEvent::ALL.to_vec(), Vec::new());
        };
        let table = Table::new(own, path);
        self.unknown_fields(&table, FIELDS);
        let hooks = self.names(&table, "hooks", "hooks = [\"*\"] for all hooks").unwrap_or_default();
        let format = self.word(&table, "format", &Format::ALL).unwrap_or(Format::StandardWebhooks);
        let allowed = self.allowed_addresses(&table);
        let address = self.address(&table, &allowed);
        let secret_name = self.signing_secret(&table, format);
        let on = self.events(&table);
        let include = self.include(&table);
        let is_told_of_health = table.get("unhealthy").is_none() || self.boolean(&table, "unhealthy");
        let is_fine = self.mistakes.len() == before;
        let target = address.filter(|_| is_fine).map(|address| Target {
            name: name.clone(),
            address,
            secret_name,
            format,
            include,
            allowed,
            is_told_of_health,
        });
        targets.add(name, target, on, hooks);
    }

    /// `url` or `url_secret`.
    fn address(&mut self, table: &Table<'_>, allowed: &[IpAddr]) -> Option<Address> {
        match (table.get("url"), table.get("url_secret")) {
            (Some(_), Some(_)) => {
                self.mistake_at(table, "url_secret", "cannot be used together with `url`", "keep one");
                None
            }
            (None, Some(_)) => self.secret_name(table, "url_secret").map(Address::Secret),
            (Some(_), None) => {
                let text = self.optional_text(table, "url")?;
                match read_address(&text, allowed) {
                    Ok(url) => Some(Address::Url(url)),
                    Err(error) => {
                        let remedy = "an address that only you may know belongs into a secret: url_secret = \"OPS_URL\"";
                        self.mistake_at(table, "url", error, remedy);
                        None
                    }
                }
            }
            (None, None) => {
                let remedy = "write url = \"https://…\", or url_secret = \"OPS_URL\" where the address itself is secret";
                self.mistake(table.own_path, "`url` or `url_secret` is missing", remedy);
                None
            }
        }
    }

    /// The secret that signs, which Standard Webhooks needs and no other format has.
    fn signing_secret(&mut self, table: &Table<'_>, format: Format) -> Option<String> {
        match (format, table.get("secret")) {
            (Format::StandardWebhooks, None) => {
                let remedy = "write secret = \"OPS_SECRET\", and set that secret to what \
                              `echo whsec_$(openssl rand -base64 32)` prints";
                self.mistake(table.own_path, "`secret` is missing: receivers verify who sends", remedy);
                None
            }
            (Format::StandardWebhooks, Some(_)) => self.secret_name(table, "secret"),
            (_, None) => None,
            (format, Some(_)) => {
                let problem =
                    format!("has no effect: messages in the format \"{}\" are not signed", format.as_str());
                self.mistake_at(table, "secret", problem, "remove it");
                None
            }
        }
    }

    /// Private IP addresses that the target may have.
    fn allowed_addresses(&mut self, table: &Table<'_>) -> Vec<IpAddr> {
        let field = "allow_addresses";
        let names = self.names(table, field, "allow_addresses = [\"10.0.0.5\"]").unwrap_or_default();
        let read: Vec<IpAddr> = names
            .iter()
            .filter_map(|name| name.trim_start_matches('[').trim_end_matches(']').parse().ok())
            .collect();
        if read.len() < names.len() {
            self.wrong_value(table, field, "a list of IP addresses", "write [\"10.0.0.5\"]");
        }
        read
    }

    /// `on`: the events of runs; all where it is left out.
    fn events(&mut self, table: &Table<'_>) -> Vec<RunEvent> {
        let known = RunEvent::ALL.map(RunEvent::as_str);
        let Some(words) = self.words(table, "on", &known) else { return RunEvent::ALL.to_vec() };
        RunEvent::ALL.into_iter().filter(|event| words.iter().any(|word| word == event.as_str())).collect()
    }

    fn include(&mut self, table: &Table<'_>) -> Include {
        let words = self.words(table, "include", INCLUDE).unwrap_or_default();
        let has = |word: &str| words.iter().any(|written| written == word);
        Include { params: has("params"), result: has("result"), files: has("files") }
    }

    /// A list of some of the `known` words; `None`: it is left out.
    fn words(&mut self, table: &Table<'_>, field: &str, known: &[&str]) -> Option<Vec<String>> {
        let quoted: Vec<String> = known.iter().map(|word| format!("\"{word}\"")).collect();
        let example = format!("{field} = [{}]", quoted.join(", "));
        let words = self.names(table, field, &example)?;
        if !words.iter().all(|word| known.contains(&word.as_str())) {
            self.wrong_value(
                table,
                field,
                format_args!("a list of some of {}", quoted.join(", ")),
                format_args!("write {example}"),
            );
        }
        Some(words)
    }

    /// A list of texts; `None`: it is left out, or a mistake.
    fn names(&mut self, table: &Table<'_>, field: &str, example: &str) -> Option<Vec<String>> {
        let value = table.get(field)?;
        let items = value.as_array().filter(|items| items.len() <= NAMES_MAX);
        let names: Option<Vec<String>> =
            items.and_then(|items| items.iter().map(|item| item.as_str().map(ToOwned::to_owned)).collect());
        if names.is_none() {
            self.wrong_value(table, field, "a list of texts", format_args!("write {example}"));
        }
        names
    }

    /// Who is notified of a rule's runs: its `notify`, and the targets that name its hook.
    pub(super) fn subscriptions(&mut self, table: &Table<'_>, notified: &Notified<'_>) -> Vec<Subscription> {
        let Notified { hook, targets } = notified;
        let mut names: Vec<TargetName> = Vec::new();
        for written in self.names(table, "notify", "notify = [\"ops\"]").unwrap_or_default() {
            if let Some(name) = targets.names().find(|name| name.as_str() == written) {
                names.push(name.clone());
                continue;
            }
            let known: Vec<&str> = targets.names().map(TargetName::as_str).collect();
            // What is no name is not quoted: it may be an address.
            let Ok(name) = TargetName::try_from(written) else {
                self.mistake_at(table, "notify", InvalidTargetName, "write the names of targets: [\"ops\"]");
                continue;
            };
            let remedy = match nearest(name.as_str(), &known) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("add [vars.NOTIFY.{name}]"),
            };
            self.mistake_at(table, "notify", format_args!("there is no target \"{name}\""), remedy);
        }
        names.extend(targets.that_name(hook).cloned());
        names.sort();
        names.dedup();
        // Also a target of no event: it is told when the hook is silent.
        let subscription = |target| Subscription { on: targets.events(&target).to_vec(), target };
        names.into_iter().map(subscription).collect()
    }

    /// `silence = "24h"`: after how long without a delivery the hook is silent.
    pub(super) fn silence_ms(&mut self, table: &Table<'_>) -> Option<i64> {
        let remedy =
            "write \"24h\" or \"7d\": how long the hook may hear nothing before its targets are told";
        self.duration_ms(table, "silence", &(SILENCE_MIN_MS..=SILENCE_MAX_MS), "1 hour to 30 days", remedy)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Configuration;

    fn read(notify: &Value, hook: &Value) -> Configuration {
        let mut base = json!({
            "workspace": "acme", "database": "demo", "workflow": "seed", "verify": {"scheme": "none"},
        });
        for (field, value) in hook.as_object().into_iter().flatten() {
            base[field] = value.clone();
        }
        let vars = json!({"NOTIFY": notify, "HOOKS": {"crm": base}});
        Configuration::read(vars.as_object().unwrap())
    }

    /// Checks that the only mistake of a target is at `field` and has this text.
    #[track_caller]
    fn check_mistake(target: &Value, field: &str, text: &str) {
        let configuration = read(&json!({"ops": target}), &json!({"notify": ["ops"]}));
        let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
        let path = if field.is_empty() { "NOTIFY.ops".to_owned() } else { format!("NOTIFY.ops.{field}") };
        let is_it = |mistake: &String| mistake.starts_with(&format!("{path}: ")) && mistake.contains(text);
        assert!(mistakes.len() == 1 && mistakes.iter().all(is_it), "{path}, {text}: {mistakes:?}");
        assert!(configuration.hooks.values().all(|hook| hook.is_ok()), "the hooks go on");
        let name = TargetName::try_from("ops".to_owned()).unwrap();
        assert_eq!(configuration.targets.get(&name), Err(crate::notify::UnusableTarget::Misconfigured));
    }

    #[test]
    fn a_target_is_read() {
        let target = json!({
            "url": "https://example.com/hook", "secret": "OPS_SECRET", "on": ["unconfirmed", "failed"],
            "include": ["files"], "unhealthy": false,
        });
        let slack = json!({"url_secret": "SLACK_URL", "format": "slack", "hooks": ["*"]});
        let configuration = read(&json!({"ops": target, "slack": slack}), &json!({"notify": ["ops"]}));
        assert_eq!(configuration.mistakes().count(), 0);
        let [ops, slack] = configuration.targets.iter().collect::<Vec<_>>()[..] else { panic!() };
        let events = |target: &Target| configuration.targets.events(&target.name).to_vec();
        assert_eq!(events(ops), [RunEvent::Failed, RunEvent::Unconfirmed]);
        assert!(ops.include.files && !ops.include.params && !ops.is_told_of_health);
        assert_eq!((slack.format, &slack.address), (Format::Slack, &Address::Secret("SLACK_URL".into())));
        assert!(events(slack).len() == 4 && slack.is_told_of_health);
        let secrets: Vec<&str> = configuration.secret_names().into_iter().collect();
        assert_eq!(secrets, ["OPS_SECRET", "SLACK_URL"]);
        let hook = configuration.hooks.values().next().unwrap().unwrap();
        let told: Vec<_> = hook.rules[0].settings.notify.iter().map(|told| told.target.as_str()).collect();
        assert_eq!(told, ["ops", "slack"], "by the hook, and by the target");
    }

    #[test]
    fn a_mistake_in_a_target_is_named_and_closes_no_hook() {
        let with = |field: &str, value: Value| {
            let mut target = json!({"url": "https://example.com", "secret": "S"});
            target[field] = value;
            target
        };
        check_mistake(&json!("https://example.com"), "", "must be a table");
        check_mistake(&json!({"secret": "S"}), "", "`url` or `url_secret` is missing");
        check_mistake(&json!({"url": "https://example.com"}), "", "`secret` is missing");
        check_mistake(&with("url_secret", json!("U")), "url_secret", "together with `url`");
        check_mistake(&with("url", json!("http://example.com")), "url", "https://");
        check_mistake(&with("url", json!("https://10.0.0.1")), "url", "allow_addresses");
        check_mistake(&with("secret", json!("whsec_abc/+=")), "secret", "the name of a secret");
        check_mistake(&with("format", json!("slak")), "format", "one of");
        check_mistake(&with("format", json!("slack")), "secret", "not signed");
        check_mistake(&with("on", json!(["done"])), "on", "\"completed\"");
        check_mistake(&with("on", json!("failed")), "on", "a list of texts");
        check_mistake(&with("include", json!(["body"])), "include", "\"params\"");
        check_mistake(&with("allow_addresses", json!(["home"])), "allow_addresses", "IP addresses");
        check_mistake(&with("unhealthy", json!("no")), "unhealthy", "true or false");
        check_mistake(&with("hook", json!(["crm"])), "hook", "did you mean `hooks`?");
    }

    #[test]
    fn a_hook_names_targets_that_exist() {
        let target = json!({"url": "https://example.com", "secret": "S"});
        let mistakes = |notify: Value, hook: Value| -> Vec<String> {
            read(&notify, &hook).mistakes().map(ToString::to_string).collect()
        };
        let found = mistakes(json!({"ops": target}), json!({"notify": ["op"]}));
        assert!(found.len() == 1 && found[0].contains("did you mean \"ops\"?"), "{found:?}");
        let found = mistakes(json!({}), json!({"notify": ["ops"]}));
        assert!(found.len() == 1 && found[0].contains("add [vars.NOTIFY.ops]"), "{found:?}");
        let mut other = target.clone();
        other["hooks"] = json!(["cmr", "*"]);
        let found = mistakes(json!({"ops": other}), json!({}));
        assert!(found.len() == 1 && found[0].contains("did you mean \"crm\"?"), "{found:?}");
        let found = mistakes(json!({"Ops": target}), json!({}));
        assert!(found.len() == 1 && found[0].contains("1 to 32"), "{found:?}");
        let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("t{n}"), target.clone())).collect();
        let found = mistakes(many.into(), json!({"notify": ["t20"]}));
        assert!(
            found.len() == 1 && found[0].contains("at most 20 targets, got 21"),
            "the hook goes on: {found:?}"
        );
        let secret = "https://hooks.example/secret";
        for (notify, hook) in [
            (json!({"ops": secret}), json!({"notify": ["ops"]})),
            (json!(secret), json!({})),
            (json!({"ops": target}), json!({"notify": [secret]})),
        ] {
            let found = mistakes(notify, hook);
            assert!(found.len() == 1 && !found[0].contains("secret"), "an address is not quoted: {found:?}");
        }
        let found = mistakes(json!({}), json!({"silence": "24h"}));
        assert!(found.len() == 1 && found[0].contains("nobody to tell"), "{found:?}");
        for silence in ["59m", "31d", "soon"] {
            let found = mistakes(json!({}), json!({"silence": silence}));
            assert!(found.len() == 1 && found[0].contains("1 hour to 30 days"), "{found:?}");
        }
    }
}
