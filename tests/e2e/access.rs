//! Callers who signed in by Cloudflare Access, in the built Worker: its headers, its cookies and the runtime's cryptography.

use serde_json::{Value, json};

use crate::bench::written;
use crate::stage::{FABRICATE_KEY, OPERATOR_TOKEN, Stage, open_hook};

/// A token that is valid until 2100, and its key.
const RECORDED: &str = include_str!("../wasm/access.json");
const MODULE: &str = include_str!("access/keys.js");

#[test]
fn who_signed_in_by_access_gets_in_and_no_other_site() {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let module = MODULE.replace("KEYS", &recorded["keys"].to_string());
    let change = |config: &mut Value| {
        config["main"] = written("access_keys.js", &module);
        config["vars"]["ACCESS_TEAM"] = json!("acme");
        config["vars"]["ACCESS_AUD"] = recorded["audience"].clone();
    };
    let secrets = [("FABRICATE_API_KEY", FABRICATE_KEY), ("OPERATOR_TOKEN", OPERATOR_TOKEN)];
    let stage = Stage::new(&json!({"open": open_hook("no-files")}), change, &secrets);
    let token = recorded["token"].as_str().unwrap();
    let header = ("cf-access-jwt-assertion", token);
    let cookie = ("cookie", &*format!("a=1; CF_Authorization={token}"));
    for signed_in in [header, cookie] {
        let answer = stage.send("GET", "/api/session", &[signed_in], b"");
        assert_eq!(answer.status, 200);
        let session = answer.json();
        assert_eq!((&session["user"], &session["role"]), (&json!("jane@acme.example"), &json!("operator")));
    }
    let session = stage.operator("/api/session").json();
    assert_eq!((&session["signed_in_by"], &session["user"]), (&json!("token"), &json!(null)));
    let (text, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{text}.{}", signature.replace(&signature[..4], "AAAA"));
    let answer = stage.send("GET", "/api/runs", &[("cf-access-jwt-assertion", &forged)], b"");
    assert_eq!((answer.status, &answer.json()["type"]), (401, &json!("urn:seedhook:problem:not-signed-in")));
    let post = |site: &str, content_type: &str| {
        let headers = [cookie, ("sec-fetch-site", site), ("content-type", content_type)];
        stage.send("POST", "/api/hooks/open/runs", &headers, br#"{"id": 1}"#).status
    };
    assert_eq!(post("same-origin", "application/json"), 202);
    assert_eq!((post("cross-site", "application/json"), post("same-origin", "text/plain")), (403, 415));
    assert_eq!(stage.wait_for_log("access keys asked for", 1), 1);
    assert!(!stage.log().contains(signature), "{}", stage.log());
}
