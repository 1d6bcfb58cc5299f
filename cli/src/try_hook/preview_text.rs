//! The object that `POST /api/hooks/{hook}/preview` returns, as text for the terminal.

use serde_json::Value;

use crate::table::plain;

/// The longest value or text that is shown, characters. `--json` shows all of it.
const SHOWN_CHARS_MAX: usize = 160;

/// The lines of a preview.
pub(super) fn lines(preview: &Value) -> Vec<String> {
    if let Some(handshake) = preview.get("handshake") {
        let body = text(handshake, "/body");
        return vec![format!(
            "a handshake, answered {}: {}",
            shown(at(handshake, "/status")),
            shortened(body)
        )];
    }
    let mut lines = verification(preview);
    if !text(preview, "/error").is_empty() {
        lines.push(format!("not parsed: {}", text(preview, "/error")));
    }
    match (text(preview, "/delivery_id_error"), text(preview, "/delivery_id")) {
        ("", "") => {}
        ("", id) => lines.push(format!("delivery id: {}", shortened(id))),
        (problem, _) => lines.push(format!("no delivery id: {problem}")),
    }
    lines.extend(schedule(preview));
    let rules = preview.get("runs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if let Some(items) = preview.get("items").and_then(Value::as_u64) {
        lines.push(format!("items: {items}, each a separate event"));
    }
    for rule in rules {
        lines.push(String::new());
        lines.extend(of_rule(rule, rules.len()));
    }
    lines
}

fn schedule(preview: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let at_time = text(preview, "/scheduled_at");
    if !at_time.is_empty() {
        lines.push(format!("scheduled_at: {at_time}"));
    }
    let cron = text(preview, "/schedule/cron");
    if !cron.is_empty() {
        lines.push(format!("schedule: {cron} ({})", text(preview, "/schedule/offset")));
    }
    for time in preview.pointer("/schedule/next").and_then(Value::as_array).into_iter().flatten() {
        lines.push(format!("runs by itself at {}", time.as_str().unwrap_or_default()));
    }
    lines
}

fn verification(preview: &Value) -> Vec<String> {
    let scheme = text(preview, "/verification/scheme");
    if scheme == "schedule" {
        return vec!["nobody can call it: its schedule starts it".to_owned()];
    }
    if preview.get("scheduled_at").is_some() {
        return vec!["no payload: this is what its schedule starts".to_owned()];
    }
    if at(preview, "/verification/verified") == &Value::Bool(true) {
        let how = if scheme == "none" {
            "no verification: anyone may call".to_owned()
        } else {
            format!("verified as {scheme}")
        };
        return vec![how];
    }
    let mut lines = vec![format!("not verified as {scheme}: {}", text(preview, "/verification/reason"))];
    if let Some(signed) = at(preview, "/verification/signed_text").as_str() {
        lines.push(format!("  text that should be signed: {}", shortened(&Value::from(signed).to_string())));
    }
    lines
}

fn of_rule(rule: &Value, rules: usize) -> Vec<String> {
    let mut lines = vec![heading(rule, rules)];
    let when = at(rule, "/when");
    if !when.is_null() {
        let result = match (text(when, "/error"), at(when, "/holds")) {
            ("", holds) => format!("is {holds}"),
            (problem, _) => format!("fails: {problem}"),
        };
        lines.push(format!("  when {}", text(when, "/expression")));
        lines.push(format!("    {result}"));
        for (path, value) in entries(at(when, "/values")) {
            let is_missing = value.get("missing") == Some(&Value::Bool(true));
            let value = if is_missing { "missing".to_owned() } else { shown(value) };
            lines.push(format!("    {path} = {value}"));
        }
    }
    if at(rule, "/starts") != &Value::Bool(true) {
        lines.push("  no run: this rule does not apply to this event".to_owned());
        return lines;
    }
    if !text(rule, "/error").is_empty() {
        lines.push(format!("  the run would fail at stage mapping: {}", text(rule, "/error")));
    }
    let params = entries(at(rule, "/params"));
    let width = params.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    for (name, param) in &params {
        let (kind, value) = (text(param, "/type"), shown(at(param, "/value")));
        lines.push(format!("  {name:width$} = {value} ({kind})"));
    }
    if !text(rule, "/key").is_empty() {
        lines.push(format!("  one at a time with the key {}", shortened(text(rule, "/key"))));
    }
    let request = at(rule, "/request");
    if !request.is_null() {
        lines.push(format!("  sent with {} {}", text(request, "/method"), text(request, "/url")));
    }
    lines
}

/// The target of a rule, after the item and the number of the rule where there are several.
fn heading(rule_view: &Value, rules: usize) -> String {
    let target = at(rule_view, "/target");
    let container = [text(target, "/database"), text(target, "/project")].concat();
    let target = format!("{}/{container}/{}", text(target, "/workspace"), text(target, "/workflow"));
    let which = match (rule_view.get("item"), rule_view.get("rule")) {
        (Some(item), Some(rule)) => {
            let id = text(rule_view, "/item_id");
            let id = if id.is_empty() { String::new() } else { format!(" ({})", shortened(id)) };
            format!("item {item}{id}, rule {rule}: ")
        }
        (None, Some(rule)) if rules > 1 => format!("rule {rule}: "),
        _ => String::new(),
    };
    format!("{which}{target}")
}

fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_default()
}

fn entries(object: &Value) -> Vec<(&String, &Value)> {
    object.as_object().into_iter().flatten().collect()
}

/// A value as JSON, shortened.
fn shown(value: &Value) -> String {
    shortened(&value.to_string())
}

/// The beginning of a text, without what could change the terminal.
fn shortened(text: &str) -> String {
    let line = plain(text);
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => {
            format!("{}… ({} characters)", line.get(..end).unwrap_or_default(), text.chars().count())
        }
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(preview: &Value, expected: &[&str]) {
        assert_eq!(lines(preview), expected);
    }

    #[test]
    fn a_rule_shows_the_values_it_read_and_the_request_it_would_send() {
        let mut rule = json!({
            "starts": true, "rule": 0, "target": {"workspace": "acme", "project": "p", "workflow": "seed"},
            "when": {"expression": "body.seats > 3", "holds": true, "error": null,
                     "values": {"body.seats": 5, "body.none": {"missing": true}}},
            "params": {"rows": {"type": "number", "value": 50}, "n": {"type": "string", "value": "it's\n"}},
            "request": {"method": "POST", "url": "https://f.example/run"}, "error": null,
        });
        let preview = |rules: &[&Value]| {
            json!({"verification": {"scheme": "none", "verified": true}, "outcome": "accepted",
                   "delivery_id": "d1", "delivery_id_error": null, "items": null, "runs": rules})
        };
        check(
            &preview(&[&rule]),
            &[
                "no verification: anyone may call",
                "delivery id: d1",
                "",
                "acme/p/seed",
                "  when body.seats > 3",
                "    is true",
                "    body.seats = 5",
                "    body.none = missing",
                "  rows = 50 (number)",
                "  n    = \"it's\\n\" (string)",
                "  sent with POST https://f.example/run",
            ],
        );
        rule["starts"] = json!(false);
        rule["item"] = json!(2);
        rule["when"] = json!({"expression": "body.a", "holds": false, "error": null, "values": {}});
        rule["item_id"] = json!("e-17");
        let no_run = ["  when body.a", "    is false", "  no run: this rule does not apply to this event"];
        let mut expected = vec![
            "no verification: anyone may call",
            "delivery id: d1",
            "",
            "item 2 (e-17), rule 0: acme/p/seed",
        ];
        expected.extend(no_run);
        check(&preview(&[&rule]), &expected);
    }

    #[test]
    fn what_a_schedule_starts_needs_no_verification() {
        let due = "2026-11-30T02:00:00.000Z";
        let mut preview = json!({
            "schedule": {"cron": "0 3 * * *", "offset": "+01:00", "next": [due]}, "scheduled_at": due,
            "verification": {"scheme": "schedule", "verified": false, "reason": "the hook has no sender"},
            "outcome": "ignored", "delivery_id": format!("schedule:{due}"), "delivery_id_error": null, "items": null,
            "runs": [],
        });
        let rest = [
            "delivery id: schedule:2026-11-30T02:00:00.000Z",
            "scheduled_at: 2026-11-30T02:00:00.000Z",
            "schedule: 0 3 * * * (+01:00)",
            "runs by itself at 2026-11-30T02:00:00.000Z",
        ];
        check(&preview, &[&["nobody can call it: its schedule starts it"], &rest[..]].concat());
        preview["verification"] = json!({"scheme": "github", "verified": false, "reason": "no"});
        check(&preview, &[&["no payload: this is what its schedule starts"], &rest[..]].concat());
    }

    #[test]
    fn a_failing_rule_shows_what_failed() {
        let rule = json!({
            "starts": true, "rule": 1, "target": {"workspace": "acme", "database": "d", "workflow": "seed"},
            "when": {"expression": "body.a", "holds": null, "error": "`body.a`: bad", "values": {}},
            "params": null, "request": null, "error": "params.rows: `{{ body.b }}`: missing",
        });
        let failing = [
            "rule 1: acme/d/seed",
            "  when body.a",
            "    fails: `body.a`: bad",
            "  the run would fail at stage mapping: params.rows: `{{ body.b }}`: missing",
        ];
        assert_eq!(of_rule(&rule, 2), failing);
    }

    #[test]
    fn a_handshake_shows_only_its_answer() {
        let handshake = json!({"status": 200, "body": "c1"});
        let verification = json!({"scheme": "meta", "verified": false, "reason": "no"});
        check(
            &json!({"verification": verification, "handshake": handshake, "runs": []}),
            &["a handshake, answered 200: c1"],
        );
    }

    #[test]
    fn an_unverified_request_shows_the_text_that_should_be_signed() {
        let signed = "1.{\"a\":\n1}";
        check(
            &json!({"verification": {"scheme": "stripe", "verified": false, "reason": "no", "signed_text": signed},
                    "outcome": "not parsed", "error": "no JSON", "runs": []}),
            &[
                "not verified as stripe: no",
                "  text that should be signed: \"1.{\\\"a\\\":\\n1}\"",
                "not parsed: no JSON",
            ],
        );
        let long = format!("{}end", "x".repeat(200));
        let shown = shortened(&long);
        assert!(shown.ends_with("xx… (203 characters)") && !shown.contains("end"), "{shown}");
    }
}
