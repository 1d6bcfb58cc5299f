//! Secrets with the values of `.dev.vars.example`: a deployed Worker refuses them, a local one does not.

use super::*;
use crate::example_secrets::Exposure;

const TOKEN: &str = "local-operator-token-of-32-characters-or-more";
const LOCAL: &str = "http://127.0.0.1:8787";

/// A Worker that is deployed with the example's value for these secrets.
fn deployed_with(names: &[&'static str]) -> Stage {
    let mut stage = Stage::new(&json!({
        "crm": hook(|hook| {
            hook["verify"] = json!({"scheme": "bearer", "secret": "CRM_SECRET"});
            hook["share"] = json!("status");
        }),
        "shares": hook(|hook| hook["share"] = json!("status")),
    }));
    stage.secrets.insert("CRM_SECRET", "whsec_of-our-own");
    for name in names {
        let value = match *name {
            "OPERATOR_TOKEN" | "READ_TOKEN" => TOKEN,
            "LINK_SECRET" => "local-link-secret-of-32-bytes-or-more",
            _ => "whsec_bG9jYWwtZGV2ZWxvcG1lbnQtc2VjcmV0",
        };
        stage.secrets.insert(name, value);
    }
    stage
}

fn post_to_crm(stage: &Stage, id: &str) -> Got {
    let headers = [
        ("content-type", "application/json"),
        ("authorization", "Bearer whsec_bG9jYWwtZGV2ZWxvcG1lbnQtc2VjcmV0"),
    ];
    stage.send("POST", "/hooks/crm", &headers, &json!({"id": id}).to_string())
}

fn refusals(stage: &Stage) -> Vec<String> {
    let log = stage.log.borrow();
    let lines = log.iter().filter(|(_, line)| line.starts_with("secret refused"));
    lines.map(|(_, line)| line.split('{').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn the_token_of_the_example_opens_nothing_once_it_is_deployed() {
    let stage = deployed_with(&["OPERATOR_TOKEN"]);
    let call = || stage.send("GET", "/api/hooks", &[("authorization", &format!("Bearer {TOKEN}"))], "");
    check(&call(), 503, "no-operator");
    assert_eq!(
        call().json()["detail"],
        "OPERATOR_TOKEN still has the value of .dev.vars.example, which everybody can read: make one with `openssl \
         rand -hex 32`, and set it with `npx wrangler secret put OPERATOR_TOKEN`"
    );
    check(&stage.send("GET", "/api/hooks", &[], ""), 503, "no-operator");
    check(
        &stage.send("GET", "/health", &[("authorization", &format!("Bearer {TOKEN}"))], ""),
        503,
        "not-ready",
    );
    assert_eq!(refusals(&stage), [r#""secret":"OPERATOR_TOKEN"}"#], "once in an isolate");
    assert_eq!(stage.isolate.exposure().get(), Exposure::Public);
    stage.base.set(LOCAL);
    assert_eq!(call().status, 200);
    assert_eq!(stage.isolate.exposure().get(), Exposure::Local, "what has no address goes by it");
    stage.base.set("http://a-tunnel.example");
    check(&call(), 503, "no-operator");
}

#[test]
fn a_local_worker_says_nothing_of_examples() {
    let stage = deployed_with(&["OPERATOR_TOKEN", "LINK_SECRET", "CRM_SECRET"]);
    stage.base.set(LOCAL);
    let authorization = format!("Bearer {TOKEN}");
    let health = stage.send("GET", "/health", &[("authorization", &authorization)], "");
    assert_eq!((health.status, &health.json()["problems"]), (200, &json!([])));
    let accepted = post_to_crm(&stage, "e1");
    assert_eq!(accepted.status, 202);
    let link = accepted.json()["runs"][0]["status_url"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(LOCAL).unwrap();
    assert_eq!(stage.send("GET", path, &[], "").status, 200);
    assert_eq!(refusals(&stage), Vec::<String>::new());
    stage.base.set("https://seedhook.example");
    check(&stage.send("GET", path, &[], ""), 503, "no-links");
}

#[test]
fn the_token_of_the_example_does_not_read_either() {
    let stage = deployed_with(&["READ_TOKEN"]);
    let call = || stage.send("GET", "/api/runs", &[("authorization", &format!("Bearer {TOKEN}"))], "");
    check(&call(), 401, "no-token");
    assert_eq!(refusals(&stage), [r#""secret":"READ_TOKEN"}"#]);
    stage.base.set(LOCAL);
    assert_eq!(call().status, 200);
}

#[test]
fn health_says_which_secrets_still_have_the_value_of_the_example() {
    let stage = deployed_with(&["LINK_SECRET", "CRM_SECRET"]);
    check(&stage.send("GET", "/health", &[], ""), 503, "not-ready");
    let health = stage.operator("GET", "/health", "");
    assert_eq!(health.status, 503);
    let problem = |name: &str| {
        json!({"kind": "configuration",
               "detail": format!("{name} still has the value of .dev.vars.example, which everybody can read: it is refused"),
               "remedy": format!("run `npx wrangler secret put {name}` with a value of your own; if nothing needs it, \
                                  `npx wrangler secret delete {name}`")})
    };
    assert_eq!(health.json()["problems"], json!([problem("LINK_SECRET"), problem("CRM_SECRET")]));
    stage.base.set(LOCAL);
    assert_eq!(stage.operator("GET", "/health", "").status, 200);
    assert_eq!(deployed_with(&[]).operator("GET", "/health", "").status, 200);
}

#[test]
fn the_link_secret_of_the_example_signs_nothing() {
    let stage = deployed_with(&["LINK_SECRET"]);
    let accepted = stage.post("shares", r#"{"id": "e1"}"#);
    let shown = accepted.json()["runs"][0]["status_url"].as_str().unwrap().to_owned();
    assert!(accepted.status == 202 && shown.starts_with("/api/runs/"), "no link: {shown}");
    assert_eq!(stage.operator("GET", "/api/session", "").json()["links"], false);
    let run_id = accepted.json()["runs"][0]["run_id"].as_str().unwrap().to_owned();
    let got = stage.operator("POST", &format!("/api/runs/{run_id}/files/1/link"), "");
    check(&got, 503, "no-links");
    assert!(got.json()["detail"].as_str().unwrap().starts_with("LINK_SECRET still has the value"), "{got:?}");
    check(&stage.send("GET", &format!("/files/{run_id}/1?expires=1&signature=x"), &[], ""), 503, "no-links");
}

#[test]
fn the_secret_of_the_sample_hook_verifies_nothing() {
    let stage = deployed_with(&["CRM_SECRET"]);
    check(&post_to_crm(&stage, "e1"), 503, "not-ready");
    let why = "secret CRM_SECRET still has the value of .dev.vars.example, which everybody can read";
    let closed = |(_, line): &(_, String)| line.starts_with("hook closed") && line.contains(why);
    assert!(stage.log.borrow().iter().any(closed), "{:?}", stage.log.borrow());
    assert_eq!(stage.operator("GET", "/api/hooks", "").json()["hooks"][0]["mistakes"][0]["problem"], why);
    let preview = stage.operator("POST", "/api/hooks/crm/preview", r#"{"id": "e1"}"#);
    assert_eq!(preview.json()["verification"]["reason"], why, "{preview:?}");
    let refused = stage.operator("GET", "/api/deliveries", "").json();
    assert_eq!(refused["deliveries"][0]["reason"], why, "{refused}");
    assert_eq!(stage.stores().claims.borrow().len(), 0);
    stage.base.set(LOCAL);
    assert_eq!(post_to_crm(&stage, "e1").status, 202);
}
