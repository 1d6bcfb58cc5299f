//! The answer to an accepted delivery, from the configuration of a hook to status, media type and body.

use serde_json::{Value, json};

use super::Hook;
use crate::config::test_hook::{configuration, hook};
use crate::request::RawRequest;
use crate::timestamp::Timestamp;
use crate::verify::answer::SenderReply;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn of_sender(name: &str) -> Hook {
    let mut verify = json!({"scheme": name, "secret": "SECRET"});
    if name == "meta" {
        verify["verify_token"] = json!("TOKEN");
    }
    hook(&json!({"verify": verify}))
}

/// Status, media type and body of the answer to a delivery that became the runs `{"status": "accepted"}`.
fn answer(hook: &Hook, content_type: &str, body: &str) -> (u16, Option<&'static str>, String) {
    let headers = [("content-type".to_owned(), content_type.to_owned())];
    let url = "https://seedhook.example/hooks/h";
    let delivery = RawRequest::new("POST", url, headers, body.into(), Timestamp::from_millis(0));
    let reply =
        hook.answer_to(&delivery).map(|reply| reply.for_delivery(r#"{"status":"accepted"}"#.to_owned()));
    let SenderReply { status, content_type, body, .. } = reply.unwrap_or_else(|| SenderReply {
        status: 202,
        content_type: Some("runs"),
        ..SenderReply::default()
    });
    (status, content_type, body)
}

#[track_caller]
fn check(hook: &Hook, content_type: &str, body: &str, expected: (u16, Option<&'static str>, &str)) {
    let (status, media, text) = expected;
    let (got_status, got_media, got_text) = answer(hook, content_type, body);
    assert_eq!((got_status, got_media), (status, media), "{body}");
    // The order of an object's fields is free.
    let json = |text: &str| serde_json::from_str::<Value>(text).ok();
    let is_same = got_text == text || media == Some(JSON) && json(&got_text) == json(text);
    assert!(is_same, "{body}: {got_text}, and not {text}");
}

/// The answer where none is configured.
const RUNS: (u16, Option<&str>, &str) = (202, Some("runs"), "");
const RUNS_AS_200: (u16, Option<&str>, &str) = (200, Some(JSON), r#"{"status":"accepted"}"#);
const EMPTY: (u16, Option<&str>, &str) = (200, None, "");

#[test]
fn a_status_alone_is_sent_with_the_runs() {
    check(&hook(&json!({})), JSON, "{}", RUNS);
    check(&hook(&json!({"answer": {"status": 200}})), JSON, "{}", RUNS_AS_200);
    check(&hook(&json!({"answer": {}})), JSON, "{}", RUNS_AS_200);
    for status in [204, 205] {
        check(&hook(&json!({"answer": {"status": status}})), JSON, "{}", (status, None, ""));
    }
}

#[test]
fn a_configured_body_is_sent_even_if_it_is_empty() {
    check(&hook(&json!({"answer": {"status": 200, "body": ""}})), JSON, "{}", EMPTY);
    check(&hook(&json!({"answer": {"status": 204, "body": ""}})), JSON, "{}", (204, None, ""));
    let text = Some("text/plain; charset=utf-8");
    check(&hook(&json!({"answer": {"body": "body.id"}})), JSON, r#"{"id":1}"#, (200, text, "body.id"));
    check(&hook(&json!({"answer": {"text": "body.id"}})), JSON, r#"{"id":1}"#, (200, text, "1"));
    check(&hook(&json!({"answer": {"json": {"a": 1}}})), JSON, "{}", (200, Some(JSON), r#"{"a":1}"#));
}

#[test]
fn the_first_answer_whose_condition_holds_is_sent() {
    let two = hook(&json!({"answer": [
        {"when": {"body.kind": "a"}, "status": 201, "body": "a"},
        {"when": {"body.kind": true}, "status": 200, "body": ""},
    ]}));
    check(&two, JSON, r#"{"kind":"a"}"#, (201, Some("text/plain; charset=utf-8"), "a"));
    check(&two, JSON, r#"{"kind":"b"}"#, EMPTY);
    check(&two, JSON, "{}", RUNS);
}

#[test]
fn slack_gets_an_empty_200_for_modals_buttons_and_commands() {
    let slack = of_sender("slack");
    for kind in ["view_submission", "view_closed", "block_actions", "shortcut", "dialog_submission"] {
        let body = format!("payload=%7B%22type%22%3A%22{kind}%22%2C%22trigger_id%22%3A%221.2%22%7D");
        check(&slack, FORM, &body, EMPTY);
    }
    check(&slack, FORM, "command=%2Fseed&text=25&trigger_id=1.2", EMPTY);
    check(&slack, JSON, r#"{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}"#, RUNS);
    let own = hook(&json!({
        "verify": {"scheme": "slack", "secret": "SECRET"},
        "answer": {"json": {"response_type": "ephemeral", "text": "Seeding."}},
    }));
    let expected = r#"{"response_type":"ephemeral","text":"Seeding."}"#;
    check(&own, FORM, "command=%2Fseed", (200, Some(JSON), expected));
}

#[test]
fn senders_get_the_answers_that_they_expect() {
    for sender in ["okta", "telegram"] {
        check(&of_sender(sender), JSON, "{}", EMPTY);
    }
    let accept_200 =
        ["meta", "mailgun", "line", "coinbase-commerce", "intercom", "monday", "shopify", "notion"];
    for sender in accept_200.into_iter().chain(["linear", "paddle", "zoom", "messagebird"]) {
        check(&of_sender(sender), JSON, "{}", RUNS_AS_200);
    }
    for sender in ["adyen", "adyen-platform"] {
        let accepted = (200, Some("text/plain; charset=utf-8"), "[accepted]");
        check(&of_sender(sender), JSON, "{}", accepted);
    }
    check(&of_sender("twilio"), FORM, "MessageSid=SM1", (204, None, ""));
    check(&of_sender("github"), JSON, "{}", RUNS);
}

#[test]
fn discord_gets_an_answer_of_the_type_of_its_interaction() {
    let discord = of_sender("discord");
    check(
        &discord,
        JSON,
        r#"{"version":1,"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}"#,
        (204, None, ""),
    );
    let received = (200, Some(JSON), r#"{"data":{"content":"Received.","flags":64},"type":4}"#);
    for kind in [2, 3, 5] {
        check(&discord, JSON, &format!(r#"{{"id":"1","type":{kind}}}"#), received);
    }
    check(&discord, JSON, r#"{"id":"1","type":4}"#, (200, Some(JSON), r#"{"data":{"choices":[]},"type":8}"#));
}

#[track_caller]
fn check_mistake(answer: &Value, expected: &str) {
    let configuration = configuration(&json!({"answer": answer}));
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    assert!(mistakes.iter().any(|mistake| mistake.contains(expected)), "{answer}: {mistakes:#?}");
}

#[test]
fn an_answer_that_cannot_be_sent_is_a_mistake() {
    for status in [204, 205] {
        for mut answer in [json!({"body": "ok"}), json!({"text": "body.id"}), json!({"json": {}})] {
            answer["status"] = json!(status);
            check_mistake(&answer, &format!("must not be {status} with a body"));
        }
    }
    check_mistake(&json!({"body": 1}), "must be a text");
    check_mistake(&json!({"body": "x".repeat(4097)}), "must have at most 4096 bytes, got 4097");
    check_mistake(&json!({"body": "", "text": "body.id"}), "cannot be used together with `text`");
    check_mistake(&json!({"text": "body.id", "json": {}}), "cannot be used together with `text`");
    check_mistake(&json!([]), "must be a table, or a list of 1 to 8 tables");
    check_mistake(&json!("ok"), "must be a table, or a list of 1 to 8 tables");
    check_mistake(&json!([{"status": 404}]), "status");
    check_mistake(&json!([{"stat": 200}]), "stat");
    assert_eq!(configuration(&json!({"answer": {"body": "x".repeat(4096)}})).mistakes().count(), 0);
}
