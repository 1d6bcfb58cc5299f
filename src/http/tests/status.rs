//! Signed links to the status of a run: what they show, and whom they let in.

use serde_json::json;

use super::files::run_with_file;
use super::*;
use crate::hook::HookName;
use crate::run::{Stage as Failed, Status};

/// The address in a delivery's answer, without the host.
fn status_path(stage: &Stage, hook: &str) -> String {
    let answer = stage.post(hook, r#"{"id": "e1"}"#).json();
    let url = answer["runs"][0]["status_url"].as_str().unwrap().to_owned();
    url.strip_prefix("https://seedhook.example").unwrap().to_owned()
}

fn get(stage: &Stage, path: &str) -> Got {
    stage.send("GET", path, &[], "")
}

#[test]
fn a_sender_sees_the_status_of_its_run_and_nothing_else() {
    let stage = stage();
    let path = status_path(&stage, "shares-status");
    let got = get(&stage, &path);
    let run_id = path.split(['/', '?']).nth(2).unwrap();
    assert_eq!(got.json(), json!({"run_id": run_id, "status": "queued", "task": null, "error": null}));
    assert_eq!(got.header("cache-control"), Some("no-store"));
    let again = stage.send("GET", &path, &[("if-none-match", got.header("etag").unwrap())], "");
    assert_eq!((again.status, again.body.as_str()), (304, ""));
    let waited = stage.send("GET", &path, &[("prefer", "wait=4")], "");
    assert_eq!((waited.status, stage.now_ms()), (200, 4_000), "until the time is over");
    assert_eq!(waited.body, got.body);
    let (_, mut run) = stage.stores().open.borrow_mut().pop_first().unwrap();
    run.fail(Failed::Start, "a secret reason", at(0));
    stage.stores().done.borrow_mut().insert(run.run_id, run);
    let failed = stage.send("GET", &path, &[("prefer", "wait=25")], "");
    let expected = json!({"run_id": run_id, "status": "failed", "task": null, "error": {"stage": "start"}});
    assert_eq!((failed.json(), stage.now_ms()), (expected, 4_000), "nobody waits for a final run");
}

#[test]
fn a_hook_that_shares_files_gives_links_that_expire_with_its_own() {
    let (stage, mut run) = run_with_file();
    run.hook = HookName::try_from("shares-files".to_owned()).unwrap();
    let path = status_path(&stage, "shares-files");
    let new: crate::run::RunId = path.split(['/', '?']).nth(2).unwrap().parse().unwrap();
    run.run_id = new;
    run.status = Status::Archiving;
    stage.stores().open.borrow_mut().insert(new, run.clone());
    let got = get(&stage, &path).json();
    let file = got["files"][0].clone();
    let url = file["url"].as_str().unwrap().strip_prefix("https://seedhook.example").unwrap().to_owned();
    assert_eq!(
        file,
        json!({"id": "1", "name": "a.csv", "size": 10, "content_type": null, "state": "archived", "url": file["url"]})
    );
    assert_eq!(got["task"], json!({"status": "in_progress"}));
    assert_eq!(get(&stage, &url).body, "0123456789");
    let expiry =
        |path: &str| path.split(['?', '&']).find(|part| part.starts_with("expires=")).unwrap().to_owned();
    assert_eq!(expiry(&url), expiry(&path));
    run.files[0].state = crate::run::FileState::Pending;
    stage.stores().open.borrow_mut().insert(new, run);
    assert_eq!(get(&stage, &path).json()["files"][0]["url"], json!(null));
}

#[test]
fn nobody_else_gets_in() {
    let mut stage = stage();
    let path = status_path(&stage, "shares-status");
    let (address, signature) = path.split_once("&signature=").unwrap();
    let (_, query) = path.split_once('?').unwrap();
    for tampered in [
        address.to_owned(),
        format!("{address}&signature="),
        format!("{address}&signature={}", "0".repeat(64)),
        format!("{address}&signature={signature}&signature={signature}"),
        path.replace("expires=", "expires=9"),
        format!("/status/{NO_RUN}?{query}"),
        format!("/status/x?{query}"),
        path.replace("/status/", "/files/").replacen('?', "/1?", 1),
    ] {
        check(&get(&stage, &tampered), 403, "bad-link");
    }
    check(&stage.send("POST", &path, &[], ""), 405, "wrong-method");
    // Of a hook that shares nothing.
    let open = stage.post("open", r#"{"id": "e2"}"#).json()["runs"][0].clone();
    assert_eq!(open["status_url"], json!(format!("/api/runs/{}", open["run_id"].as_str().unwrap())));
    let mut moved = stage.stores().open.borrow().values().next().unwrap().clone();
    moved.hook = HookName::try_from("open".to_owned()).unwrap();
    stage.stores().open.borrow_mut().insert(moved.run_id, moved);
    check(&get(&stage, &path), 403, "bad-link");
    stage.stores().open.borrow_mut().clear();
    check(&get(&stage, &path), 404, "no-such-run");
    stage.pass_ms(7 * 86_400_000 + 1_000);
    check(&get(&stage, &path), 403, "link-expired");
    stage.secrets.insert("LINK_SECRET", "another-secret-of-at-least-32-bytes");
    check(&get(&stage, &path), 403, "bad-link");
    stage.secrets.remove("LINK_SECRET");
    check(&get(&stage, &path), 503, "no-links");
    let url = stage.post("shares-status", r#"{"id": "e3"}"#).json()["runs"][0]["status_url"].clone();
    assert!(url.as_str().unwrap().starts_with("/api/runs/"), "without the secret there are no links");
}
