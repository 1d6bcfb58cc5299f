//! Messages in each format, of what happens and of hostile texts.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::fabricate::{Answer, read_status};
use crate::hook::subscription::RunEvent;
use crate::link::LinkSecret;
use crate::run::tests::{at, queued_run, started_run};
use crate::run::{FileState, Run, Stage};
use crate::timestamp::MINUTE_MS;

const HOSTILE: &str = "<!channel> @everyone *bold* [click](https://evil.example) & `code` \u{202e}";

fn failed_run(message: &str) -> Run {
    let mut run = started_run();
    run.address = Some("https://seedhook.example".into());
    run.attempts = 2;
    run.fail(Stage::Workflow, message, at(90 * MINUTE_MS));
    run
}

fn message_of(run: &Run, include: Include) -> Message {
    let links = LinkSecret::new(Some("0123456789abcdef0123456789abcdef")).ok();
    run_message(run, run.event().unwrap(), at(90 * MINUTE_MS), include, links.as_ref(), at(90 * MINUTE_MS))
}

fn body(message: &Message, format: Format) -> Value {
    serde_json::from_str(&message.body(format)).unwrap()
}

#[test]
fn programs_get_the_run_as_the_api_shows_it_without_what_they_did_not_ask_for() {
    let run = failed_run("out of rows");
    let message = message_of(&run, Include::default());
    assert_eq!(message.id, format!("run_{}_failed", run.run_id));
    let event = body(&message, Format::StandardWebhooks);
    assert_eq!(event.as_object().unwrap().keys().collect::<Vec<_>>(), ["type", "timestamp", "data"]);
    assert_eq!((&event["type"], &event["timestamp"]), (&json!("run.failed"), &json!(at(90 * MINUTE_MS))));
    let mut shown = serde_json::to_value(run.view()).unwrap();
    for name in ["params", "files", "notifications"] {
        assert!(shown.as_object_mut().unwrap().remove(name).is_some(), "{name}");
    }
    shown["task"].as_object_mut().unwrap().remove("result");
    assert_eq!(event["data"], shown);
}

#[test]
fn what_is_asked_for_is_there_and_files_have_signed_links() {
    let mut run = failed_run("no");
    Arc::make_mut(&mut run.params).insert("rows".into(), json!(5));
    let answer = br#"{"id":"t","status":"completed","files":[{"id":"1/2"},{"id":"3"}]}"#.to_vec();
    let answer = Answer { status: 200, content_type: None, retry_after: None, body: answer };
    let mut completed = started_run();
    completed.apply_task(read_status(&answer, at(0)).unwrap(), at(0));
    run.files = completed.files;
    run.files[1].state = FileState::Archived;
    let all = Include { params: true, result: true, files: true };
    let data = &body(&message_of(&run, all), Format::StandardWebhooks)["data"];
    assert_eq!((&data["params"]["rows"], &data["task"]["result"]), (&json!(5), &json!(null)));
    let url = |index: usize| data["files"][index]["url"].as_str().unwrap().to_owned();
    assert_eq!(url(0), format!("https://seedhook.example/api/runs/{}/files/1%2F2", run.run_id));
    assert!(url(1).starts_with("https://seedhook.example/files/") && url(1).contains("&signature="));
    assert!(data["files"][1]["url_expires_at"].is_string() && data.get("omitted").is_none());
    Arc::make_mut(&mut run.params).insert("text".into(), json!("x".repeat(300_000)));
    run.result_in_journal = true;
    let data = &body(&message_of(&run, all), Format::StandardWebhooks)["data"];
    assert_eq!(data["omitted"], json!(["result", "params"]));
    assert!(data.get("params").is_none() && data["files"].is_array());
}

#[test]
fn people_read_what_happened_why_and_where_to_look() {
    let message = message_of(&failed_run("out of rows"), Include::default());
    for format in [Format::Slack, Format::Discord, Format::Teams] {
        let text = message.body(format);
        let run_id = started_run().run_id;
        for part in ["Run failed", "out of rows", "workflow", "1 h 30 min", &run_id.to_string()] {
            assert!(text.contains(part), "{format:?}, {part}: {text}");
        }
        assert!(text.contains(&format!("https://seedhook.example/#/runs/{run_id}")), "{text}");
    }
    let slack = body(&message, Format::Slack);
    assert_eq!(slack["blocks"][0]["type"], "header");
    let card = &body(&message, Format::Teams)["attachments"][0]["content"];
    assert_eq!((&card["type"], &card["version"]), (&json!("AdaptiveCard"), &json!("1.4")));
}

#[test]
fn a_run_that_gave_way_names_the_other_one() {
    let other = started_run().run_id;
    let (mut replaced, mut skipped) = (queued_run(), queued_run());
    replaced.replace(other, at(1));
    skipped.skip(other, at(1));
    for (run, words) in
        [(replaced, format!("Replaced by run {other}")), (skipped, format!("Skipped: run {other}"))]
    {
        let message = message_of(&run, Include::default());
        assert_eq!(message.event_type, "run.canceled");
        for format in [Format::Slack, Format::Discord, Format::Teams] {
            let text = message.body(format).replace('\\', "");
            assert!(text.contains(&words), "{format:?}: {text}");
        }
    }
}

#[test]
fn a_hostile_text_calls_nobody_and_makes_no_link() {
    let message = message_of(&failed_run(HOSTILE), Include::default());
    let slack = body(&message, Format::Slack)["blocks"][1]["text"].clone();
    assert!(slack["text"].as_str().unwrap().starts_with("&lt;!channel&gt;") && slack["verbatim"] == true);
    let discord = body(&message, Format::Discord);
    assert_eq!(discord["allowed_mentions"], json!({"parse": []}));
    let text = discord["embeds"][0]["description"].as_str().unwrap();
    assert!(text.contains("\\[click\\]\\(https\\:") && text.contains("\\*bold\\*"), "{text}");
    let text = body(&message, Format::Teams).to_string();
    assert!(text.contains(r"\\[click\\]\\("), "{text}");
}

#[test]
fn long_texts_stay_within_the_limits_of_each_tool() {
    for text in ["x", "*", "&", "🎉"] {
        let mut run = failed_run(&text.repeat(10_000));
        let target = Arc::make_mut(&mut run.target);
        target.workflow = text.repeat(5_000);
        let message = message_of(&run, Include::default());
        let slack = body(&message, Format::Slack);
        let chars = |value: &Value| value.as_str().unwrap().chars().count();
        assert!(chars(&slack["blocks"][1]["text"]["text"]) <= 3_000);
        assert!(
            slack["blocks"][2]["fields"]
                .as_array()
                .unwrap()
                .iter()
                .all(|field| chars(&field["text"]) <= 2_000)
        );
        let embed = body(&message, Format::Discord)["embeds"][0].clone();
        assert!(chars(&embed["description"]) <= 4_096 && embed.to_string().chars().count() <= 6_000);
        assert!(message.body(Format::Teams).len() <= 21_000);
    }
}

#[test]
fn other_news_have_ids_of_their_own() {
    let hook = crate::hook::HookName::try_from("crm".to_owned()).unwrap();
    let silent = silent_message(&hook, at(0), 24 * 60 * MINUTE_MS, at(5));
    assert_eq!(silent.id, format!("silent_crm_{}", at(0).as_millis()));
    assert_eq!(body(&silent, Format::StandardWebhooks)["data"]["silence_seconds"], 86_400);
    let unhealthy = unhealthy_message(&["the key is refused".into()], at(0));
    assert!(unhealthy.body(Format::Discord).contains("the key is refused"));
    let ops = crate::hook::subscription::TargetName::try_from("ops".to_owned()).unwrap();
    let test = test_message(&ops, "1", at(0));
    assert_eq!((test.id.as_str(), test.event_type), ("test_1", "seedhook.test"));
    let mut parked = started_run();
    parked.park(1, "HTTP 500", at(0));
    let message = run_message(&parked, RunEvent::Unconfirmed, at(0), Include::default(), None, at(0));
    assert!(message.reason.unwrap().contains("adopt its task or abandon the run") && message.link.is_none());
}
