//! The operator's calls: only with the token, and what they show.

use serde_json::{Value, json};

use crate::stage::{OPERATOR_TOKEN, Stage, open_hook};

#[test]
fn nothing_under_api_is_open() {
    let stage = Stage::with_hooks(&json!({"open": open_hook("no-files")}));
    for path in ["/api/runs", "/api/hooks", "/api/elsewhere", "/api/runs/x", "/api/"] {
        for header in ["", "Bearer", "Bearer wrong", "Basic operator-token", OPERATOR_TOKEN] {
            let answer = stage.send("GET", path, &[("authorization", header)], b"");
            assert_eq!(answer.status, 401, "{path} {header}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(stage.operator("/api/elsewhere").status, 404);
    assert_eq!(stage.operator("/api/runs/x").status, 404);
    assert_eq!(stage.operator("/api/runs/0197f1a2-0000-7000-8000-000000000000").status, 404);
    for query in ["limit=0", "limit=x", "status=done", "hook=A", "cursor=x", "what=1"] {
        assert_eq!(stage.operator(&format!("/api/runs?{query}")).status, 400, "{query}");
    }
}

#[test]
fn without_a_token_the_api_is_closed_and_hooks_go_on() {
    let stage = Stage::without_operator(&json!({"open": open_hook("no-files")}));
    let answer = stage.send("GET", "/api/runs", &[("authorization", "Bearer ")], b"");
    assert_eq!(answer.status, 503);
    assert!(answer.json()["detail"].as_str().unwrap().contains("OPERATOR_TOKEN"));
    assert_eq!(stage.post("open", &json!({"id": 1}), &[]).status, 202);
    assert_eq!(stage.send("GET", "/health", &[], b"").status, 200);
}

#[test]
fn hooks_are_shown_without_secrets_and_with_their_mistakes() {
    let mut signed = open_hook("no-files");
    signed["verify"] = json!({"scheme": "standard-webhooks", "secret": ["SECRET", "MISSING"]});
    let stage = Stage::with_hooks(
        &json!({"broken": {"workflow": 7}, "open": open_hook("no-files"), "signed": signed}),
    );
    let answer = stage.operator("/api/hooks");
    let hooks = answer.json()["hooks"].clone();
    let states: Vec<&str> =
        hooks.as_array().unwrap().iter().map(|hook| hook["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["broken", "ready", "broken"]);
    assert!(hooks[0]["mistakes"].to_string().contains("HOOKS.broken.workflow"));
    assert!(hooks[2]["mistakes"].to_string().contains("MISSING is not set"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("whsec_"));
}

#[test]
fn lists_are_newest_first_filtered_and_paged() {
    let mut stage = Stage::with_hooks(&json!({"a": open_hook("no-files"), "b": open_hook("never-ends")}));
    let mut ids: Vec<String> = Vec::new();
    for (index, hook) in ["a", "b", "a", "b", "a"].iter().enumerate() {
        let run_id = stage.post(hook, &json!({"id": index}), &[]).run_id();
        stage.wait_until_started(&run_id);
        ids.insert(0, run_id);
    }
    stage.sweep_after(std::time::Duration::from_mins(2));
    let list = |query: &str| {
        let answer = stage.operator(&format!("/api/runs?{query}"));
        assert_eq!(answer.status, 200);
        answer.json()
    };
    let ids_of = |list: &Value| -> Vec<String> {
        let runs = list["runs"].as_array().unwrap();
        runs.iter().map(|run| run["run_id"].as_str().unwrap().to_owned()).collect()
    };
    let all = list("");
    assert_eq!(ids_of(&all), ids);
    assert_eq!(all["cursor"], Value::Null);
    assert!(all["runs"][0].get("params").is_none());
    assert_eq!(ids_of(&list("hook=b")), [ids[1].clone(), ids[3].clone()]);
    assert_eq!(ids_of(&list("status=completed")), [ids[0].clone(), ids[2].clone(), ids[4].clone()]);
    assert_eq!(ids_of(&list("status=in_progress")), [ids[1].clone(), ids[3].clone()]);
    let mut paged = Vec::new();
    let mut page = list("limit=2");
    for _ in 0..3 {
        paged.extend(ids_of(&page));
        let Some(cursor) = page["cursor"].as_str() else { break };
        page = list(&format!("limit=2&cursor={cursor}"));
    }
    assert_eq!(paged, ids);
}

#[test]
fn a_file_comes_back_as_from_a_good_file_server() {
    let mut stage = Stage::with_hooks(&json!({"redirects": open_hook("redirects")}));
    let run_id = stage.post("redirects", &json!({"id": 1}), &[]).run_id();
    stage.wait_until_started(&run_id);
    let run = stage.sweep_until_final(&run_id);
    let url = run["files"][0]["url"].as_str().unwrap();
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let get = |method: &str, headers: &[(&str, &str)]| {
        stage.send(method, url, &[headers, &[("authorization", token.as_str())]].concat(), b"")
    };
    let whole = get("GET", &[]);
    let size = whole.body.len();
    assert_eq!(whole.header("content-security-policy"), Some("sandbox"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert!(whole.header("content-disposition").unwrap().starts_with("attachment"));
    let etag = whole.header("etag").unwrap();

    let head = get("HEAD", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(size.to_string().as_str()));
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=-5", size - 5, size - 1),
        ("bytes=100-", 100, size - 1),
    ] {
        let part = get("GET", &[("range", range)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, whole.body[first..=last], "{range}");
        assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/{size}").as_str()));
    }
    for range in ["bytes=0-1,3-4", "lines=1-2", "bytes=5-1", "bytes=x", "bytes=x-5", "bytes=5-x"] {
        assert_eq!(get("GET", &[("range", range)]).status, 200, "{range}");
    }
    let beyond = get("GET", &[("range", &format!("bytes={size}-"))]);
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{size}").as_str()));
    assert_eq!(get("GET", &[("if-none-match", etag)]).status, 304);
    assert_eq!(get("GET", &[("if-none-match", "\"other\"")]).status, 200);
    assert_eq!(get("GET", &[("range", "bytes=0-0"), ("if-range", "\"other\"")]).status, 200);
    assert_eq!(get("POST", &[]).status, 405);
    assert_eq!(stage.send("GET", url, &[], b"").status, 401);
}
