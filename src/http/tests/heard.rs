//! Which deliveries count as hearing a hook with `silence`, and how often that is recorded.

use super::*;
use crate::hook::HookName;
use crate::timestamp::{HOUR_MS, MINUTE_MS};

fn listening() -> Stage {
    let listens = |change: fn(&mut Value)| {
        hook(|hook| {
            hook["silence"] = json!("2h");
            hook["when"] = json!("body.type == 'won'");
            change(hook);
        })
    };
    let hooks = json!({
        "quiet": open_hook(),
        "open": listens(|_| ()),
        "signed": listens(|hook| hook["verify"] = json!({"scheme": "bearer", "secret": "SECRET"})),
        "paused": listens(|hook| hook["paused"] = json!(true)),
    });
    let ops = json!({"url": "https://ops.example", "format": "slack", "hooks": ["open", "signed", "paused"]});
    Stage::with_vars(&json!({"HOOKS": hooks, "NOTIFY": {"ops": ops}}))
}

/// The hooks that were heard since the last look, by the work that goes on after the answers.
fn heard(stage: &Stage) -> Vec<String> {
    let work = stage.work.take();
    // The world's clock does not follow the stage's.
    stage.stores().now_ms.set(stage.now_ms());
    stage.work.replace(work);
    stage.finish_work();
    stage.stores().heard.take().into_keys().map(String::from).collect()
}

#[test]
fn any_verified_delivery_counts_and_no_other_call() {
    for (name, body, status, counts) in [
        ("open", r#"{"id":"1","type":"won"}"#, 202, true),
        ("open", r#"{"id":"1","type":"lost"}"#, 200, true),
        ("open", "{", 400, true),
        ("paused", "{}", 503, true),
        ("signed", "{}", 401, false),
        ("quiet", r#"{"id":"1"}"#, 202, false),
    ] {
        let stage = listening();
        assert_eq!(stage.post(name, body).status, status, "{name} {body}");
        assert_eq!(heard(&stage), if counts { vec![name] } else { vec![] }, "{name} {body}");
        stage.send("GET", &format!("/hooks/{name}"), &[], "");
        assert!(heard(&stage).is_empty());
    }
    let stage = listening();
    stage.post("open", r#"{"id":"1","type":"won"}"#);
    stage.finish_work();
    stage.stores().heard.take();
    stage.pass_ms(HOUR_MS);
    assert_eq!(stage.post("open", r#"{"id":"1","type":"won"}"#).status, 200);
    assert_eq!(heard(&stage), ["open"], "a duplicate");
    stage.pass_ms(HOUR_MS);
    stage.operator("POST", "/api/hooks/open/runs", r#"{"id":"2","type":"won"}"#);
    assert!(heard(&stage).is_empty(), "the operator is no sender");
}

#[test]
fn an_isolate_records_a_hook_once_in_an_eighth_of_its_silence() {
    let stage = listening();
    let deliver = |minutes: i64| {
        stage.pass_ms(minutes * MINUTE_MS);
        stage.post("open", r#"{"id":"1"}"#);
        heard(&stage).len()
    };
    assert_eq!([0, 1, 13, 1, 1].map(deliver), [1, 0, 0, 1, 0]);
    stage.stores().heard_fails.set(true);
    assert_eq!(deliver(15), 0);
    assert!(stage.stores().log.borrow().iter().any(|line| line.starts_with("delivery not recorded")));
    stage.stores().heard_fails.set(false);
    assert_eq!(deliver(1), 1, "the next one is");
    let name = HookName::try_from("open".to_owned()).unwrap();
    assert!(!stage.stores().heard.borrow().contains_key(&name));
}
