//! Expressions, object keys and signed texts: whatever is written, it is refused or evaluated, and that has a bound.

use seedhook::expression::{EVENT_SCOPE, Expressions, Scope};
use seedhook::fabricate::{FileId, Place, Target, TaskFile, TaskId};
use seedhook::hook::HookName;
use seedhook::hook::archive_key::{KeyParts, KeyTemplate};
use serde_json::{Value, json};

use super::choices::Choices;
use super::values::value;
use super::{configurations, grammar};

/// The most bytes that all texts of a value have together.
const TEXT_BYTES_MAX: usize = 128 * 1024;

/// See [`super::template`].
pub(crate) fn any_has_a_value_or_an_error(choices: &mut Choices<'_>) {
    match choices.below(16) {
        0..9 => event_template(choices),
        9..12 => condition(choices),
        12..15 => key_template(choices),
        _ => signed_text(choices),
    }
}

fn signed_text(choices: &mut Choices<'_>) {
    let verify = json!({
        "scheme": "hmac", "secret": "S", "header": "x-sig", "signed": grammar::signed_text(choices),
        "timestamp": "headers.x-time", "id": "headers.x-id", "tolerance": "none",
    });
    let vars = configurations::vars(&configurations::hook(&verify));
    configurations::check(&vars, choices);
}

fn event_template(choices: &mut Choices<'_>) {
    let source = grammar::template(choices, EVENT_SCOPE);
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let Ok(template) = expressions.template(&source) else { return };
    for _ in 0..2 {
        let scope = scope(choices);
        let value = expressions.evaluate(&template, &scope);
        match &value {
            Ok(value) => {
                let size = text_bytes(value);
                assert!(template.is_literal() || size <= TEXT_BYTES_MAX, "{source}: {size} bytes");
                assert!(
                    !template.is_literal() || *value == Value::String(source.clone()),
                    "{source} is {value}"
                );
            }
            Err(error) => drop(error.to_string()),
        }
        let again = expressions.evaluate(&template, &scope.clone());
        // An object written as text has no order of its own, and no error is the same where fuel ran out elsewhere.
        assert_eq!(value.is_ok(), again.is_ok(), "{source}");
    }
}

fn text_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text_bytes).sum(),
        Value::Object(object) => object.iter().map(|(name, value)| name.len() + text_bytes(value)).sum(),
        _ => 1,
    }
}

fn condition(choices: &mut Choices<'_>) {
    let source = grammar::condition(choices, EVENT_SCOPE);
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let Ok(condition) = expressions.condition(&source) else { return };
    let scope = scope(choices);
    let held = expressions.holds(&condition, &scope);
    assert_eq!(held.is_ok(), expressions.holds(&condition, &scope).is_ok(), "{source}");
    drop(expressions.values_seen(&condition, &scope));
    assert!(condition.source().contains(source.trim()), "{source}");
}

fn key_template(choices: &mut Choices<'_>) {
    let names = &["run_id", "file", "hook", "date", "task_id", "workspace", "database", "workflow"];
    let source = format!(
        "{}{}",
        choices.pick(&[
            "",
            "{{ run_id }}/{{ file.id }}/",
            "{{ run_id ~ file.id }}",
            "{{ file.id }}-{{ run_id }}/"
        ]),
        grammar::template(choices, names),
    );
    let Ok(template) = KeyTemplate::new(&source) else { return };
    let plain_id = choices.one_in(2);
    let file = TaskFile {
        id: FileId::from(if plain_id { "the-file".to_owned() } else { choices.text(12) }.as_str()),
        name: choices.one_in(2).then(|| choices.text(24)),
        size: None,
        content_type: None,
    };
    let target = Target {
        workspace: choices.text(6),
        place: Place::Database(choices.text(6)),
        workflow: choices.text(6),
    };
    let parts = KeyParts {
        hook: &HookName::try_from("h".to_owned()).expect("a name"),
        date: "2026-11-23".to_owned(),
        run_id: "0193-the-run".to_owned(),
        task_id: &TaskId::try_from("the-task".to_owned()).expect("an id"),
        target: &target,
        file: &file,
    };
    if let Ok(key) = template.key(&parts) {
        assert!(key.contains("0193-the-run") && key.len() <= 1024, "{source}: {key}");
        assert!(!plain_id || key.contains("the-file"), "{source}: {key}");
    }
}

fn scope(choices: &mut Choices<'_>) -> Scope {
    Scope::new(&json!({
        "body": value(choices, 4), "headers": {"x-a": choices.text(8)}, "query": {"q": "1"}, "hook": "h",
        "delivery": {"id": "d", "received_at": "2026-11-23T22:20:00Z"}, "body_sha256": "00",
        "item": value(choices, 2),
    }))
}
