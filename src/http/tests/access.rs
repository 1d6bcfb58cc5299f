//! Callers who signed in by Cloudflare Access: who gets in, what a browser may do, and when the keys are fetched.

use serde_json::json;

use super::*;
use crate::http::testing::Outside;
use crate::verify::access::testing::{AUDIENCE, NEW, OLD, claims, key_set, token};

/// The time of a new stage, seconds.
const NOW_S: i64 = 1_700_000_000;

/// A stage behind Access, whose team has the key `old`, and no token.
fn access_stage() -> Stage {
    let hooks = json!({"open": open_hook()});
    let vars = json!({"HOOKS": hooks, "ACCESS_TEAM": "acme", "ACCESS_AUD": AUDIENCE});
    let mut stage = Stage::with_vars(&vars);
    stage.secrets.remove("OPERATOR_TOKEN");
    publish(&stage, 200, &key_set(&[("old", &OLD)]));
    stage
}

fn publish(stage: &Stage, status: u16, body: &str) {
    stage.outside.borrow_mut().answer = Some((status, body.to_owned()));
}

/// How many times the keys were fetched.
fn fetched(stage: &Stage) -> usize {
    let Outside { asked, .. } = &*stage.outside.borrow();
    assert!(
        asked.iter().all(|url| url == "https://acme.cloudflareaccess.com/cdn-cgi/access/certs"),
        "{asked:?}"
    );
    asked.len()
}

fn jane() -> String {
    token("old", &OLD, &claims(NOW_S, |_| ()))
}

fn read(stage: &Stage, token: &str) -> Got {
    stage.send("GET", "/api/session", &[("cf-access-jwt-assertion", token)], "")
}

#[track_caller]
fn check_fault(got: &Got, words: &str) {
    check(got, 401, "not-signed-in");
    assert_eq!(got.json()["detail"], format!("the token of Cloudflare Access {words}"));
}

#[test]
fn who_signed_in_is_an_operator() {
    let stage = access_stage();
    let expected = json!({"role": "operator", "version": env!("CARGO_PKG_VERSION"), "links": true,
        "signed_in_by": "access", "user": "jane@acme.example"});
    let got = read(&stage, &jane());
    assert_eq!((got.status, got.json()), (200, expected.clone()));
    let cookie = format!("theme=dark; CF_AppSession=x; CF_Authorization={}; last=1", jane());
    let by_cookie = |method: &str, path: &str| stage.send(method, path, &[("cookie", &cookie)], "");
    assert_eq!(by_cookie("GET", "/api/session").json(), expected);
    assert_eq!(by_cookie("GET", "/api/runs").status, 200);
    assert_eq!(by_cookie("HEAD", "/api/hooks").status, 200);
    check(&by_cookie("GET", "/api/elsewhere"), 404, "no-such-page");
    assert_eq!(fetched(&stage), 1);
    // The header decides where there is one.
    let wrong = stage.send("GET", "/api/runs", &[("cf-access-jwt-assertion", "x"), ("cookie", &cookie)], "");
    check(&wrong, 401, "not-signed-in");
    check(&stage.send("GET", "/api/runs", &[("cookie", "XCF_Authorization=x; a")], ""), 401, "no-token");
}

#[test]
fn a_token_that_is_not_accepted_says_why_and_is_counted() {
    let stage = access_stage();
    let with = |change: fn(&mut Value)| token("old", &OLD, &claims(NOW_S, change));
    let fault = |token: &str, words: &str| {
        let got = read(&stage, token);
        check_fault(&got, words);
        assert!(token.is_empty() || !got.body.contains(token), "{}", got.body);
    };
    fault(&with(|claims| claims["exp"] = json!(NOW_S - 60)), "has expired: sign in again");
    fault(&with(|claims| claims["nbf"] = json!(NOW_S + 90)), "is not valid yet");
    fault(&with(|claims| claims["aud"] = json!(["f".repeat(64)])), "has another audience than ACCESS_AUD");
    fault(
        &with(|claims| claims["iss"] = json!("https://evil.cloudflareaccess.com")),
        "has another issuer than ACCESS_TEAM",
    );
    fault("garbage", "must be a JSON Web Token with the claims that Access writes");
    fault("", "must be a JSON Web Token with the claims that Access writes");
    fault(&"a.b.c".repeat(2_000), "is too long");
    assert_eq!(fetched(&stage), 0, "none of these costs a request");
    fault(&token("old", &NEW, &claims(NOW_S, |_| ())), "has a wrong signature");
    check(&stage.send("GET", "/api/session", &[], ""), 401, "no-token");
    stage.limits.borrow_mut().insert("OPERATOR_LIMITER", 1);
    check(&read(&stage, "garbage"), 401, "not-signed-in");
    check(&read(&stage, "garbage"), 429, "too-many-attempts");
    assert_eq!(read(&stage, &jane()).status, 200, "who gets in is not limited");
    let log = stage.log.borrow();
    assert!(log.is_empty(), "{log:?}");
}

#[test]
fn authorization_decides_alone() {
    const READER: &str = "a-read-token-of-at-least-32-characters";
    let mut stage = access_stage();
    let with_cookie = |stage: &Stage, method: &str, path: &str, authorization: &str| {
        let cookie = format!("CF_Authorization={}", jane());
        let headers =
            [("authorization", authorization), ("cookie", &cookie), ("cf-access-jwt-assertion", &jane())];
        stage.send(method, path, &headers, "{}")
    };
    for authorization in ["", "Bearer wrong", AUTHORIZATION] {
        check(&with_cookie(&stage, "GET", "/api/session", authorization), 401, "no-token");
    }
    stage.secrets.insert("OPERATOR_TOKEN", "short");
    check(&with_cookie(&stage, "GET", "/api/session", "Bearer short"), 503, "short-token");
    assert_eq!(read(&stage, &jane()).status, 200, "a short token closes tokens alone");
    stage.secrets.insert("OPERATOR_TOKEN", crate::http::testing::TOKEN);
    stage.secrets.insert("READ_TOKEN", READER);
    let reader = format!("Bearer {READER}");
    let session = with_cookie(&stage, "GET", "/api/session", &reader).json();
    assert_eq!(
        (&session["role"], &session["signed_in_by"], &session["user"]),
        (&json!("reader"), &json!("token"), &json!(null))
    );
    check(&with_cookie(&stage, "POST", "/api/runs/retry", &reader), 403, "read-only");
    assert_eq!(
        with_cookie(&stage, "POST", "/api/runs/retry", AUTHORIZATION).status,
        200,
        "no page is asked for"
    );
    assert_eq!(fetched(&stage), 1);
}

#[test]
fn another_site_changes_nothing() {
    let stage = access_stage();
    let (token, cookie) = (jane(), format!("CF_Authorization={}", jane()));
    let send = |more: &[(&str, &str)], path: &str| {
        let own = [("cf-access-jwt-assertion", token.as_str())];
        stage.send("POST", path, &[&own[..], more].concat(), "{}")
    };
    let json = ("content-type", "application/json");
    let (browser, origin) = (("cookie", cookie.as_str()), ("origin", "https://seedhook.example"));
    let paths = ["/api/runs/retry", "/api/runs/abandon", "/api/hooks/open/runs", "/api/hooks/open/preview"];
    let run = ["adopt", "abandon", "retry", "files/1/link"].map(|what| format!("/api/runs/{NO_RUN}/{what}"));
    for path in paths.into_iter().chain(run.iter().map(String::as_str)) {
        for site in ["cross-site", "same-site", "none", "", "same-origin, cross-site"] {
            check(&send(&[("sec-fetch-site", site), json, browser], path), 403, "cross-site");
            check(&send(&[("sec-fetch-site", site), json], path), 403, "cross-site");
        }
        // An old browser.
        check(&send(&[json, browser, origin], path), 403, "cross-site");
        check(&send(&[json, origin], path), 403, "cross-site");
        check(&send(&[json, browser], path), 403, "cross-site");
        let same = ("sec-fetch-site", "same-origin");
        for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""] {
            check(&send(&[same, browser, ("content-type", content_type)], path), 415, "unsupported-type");
        }
        check(&send(&[same, browser], path), 415, "unsupported-type");
        for fine in [
            &[same, browser, origin, json][..],
            &[json],
            &[("content-type", "Application/JSON; charset=utf-8")],
        ] {
            let got = send(fine, path);
            assert!(!matches!(got.status, 401 | 403 | 415), "{path} {fine:?}: {got:?}");
        }
    }
    let read = |site: &str| {
        stage.send("GET", "/api/runs", &[("cookie", &cookie), ("sec-fetch-site", site)], "").status
    };
    assert_eq!((read("cross-site"), read("same-origin"), read("none")), (200, 200, 200));
    let service = claims(NOW_S, |claims| {
        claims.as_object_mut().unwrap().remove("email");
        claims["common_name"] = serde_json::json!("robot.access");
    });
    let robot = [("cf-access-jwt-assertion", &*self::token("old", &OLD, &service)), json];
    assert_eq!(stage.send("GET", "/api/session", &robot, "").json()["user"], "robot.access");
    assert_eq!(stage.send("POST", "/api/runs/retry", &robot, "").status, 200, "no body is fine");
}

#[test]
fn keys_are_fetched_when_they_are_new_and_not_for_each_unknown_one() {
    let stage = access_stage();
    assert_eq!(read(&stage, &jane()).status, 200);
    let new = token("new", &NEW, &claims(NOW_S, |_| ()));
    publish(&stage, 200, &key_set(&[("old", &OLD), ("new", &NEW)]));
    check_fault(&read(&stage, &new), "is signed with an unknown key");
    assert_eq!(fetched(&stage), 1, "they were fetched just now");
    stage.pass_ms(60_000);
    assert_eq!((read(&stage, &new).status, fetched(&stage)), (200, 2));
    for garbage in 0..50 {
        let token = token(&format!("{garbage}"), &NEW, &claims(NOW_S, |_| ()));
        check_fault(&read(&stage, &token), "is signed with an unknown key");
    }
    stage.pass_ms(60_000);
    check_fault(&read(&stage, &token("x", &NEW, &claims(NOW_S, |_| ()))), "is signed with an unknown key");
    assert_eq!(fetched(&stage), 3);
    assert_eq!((read(&stage, &jane()).status, fetched(&stage)), (200, 3));
    publish(&stage, 200, &key_set(&[("new", &NEW)]));
    stage.pass_ms(3_600_000);
    let later = |id: &str, key| token(id, key, &claims(NOW_S + 3_600, |_| ()));
    check_fault(&read(&stage, &later("old", &OLD)), "is signed with an unknown key");
    assert_eq!((read(&stage, &later("new", &NEW)).status, fetched(&stage)), (200, 4));
}

#[test]
fn without_keys_nobody_gets_in_and_the_log_says_why() {
    let stage = access_stage();
    let huge = format!("{}{}", key_set(&[("old", &OLD)]), " ".repeat(64 * 1024));
    for (answer, error) in [
        (None, "no answer within 5 s"),
        (Some((500, String::new())), "HTTP 500"),
        (Some((302, key_set(&[("old", &OLD)]))), "HTTP 302"),
        (Some((200, "<html>".to_owned())), "the answer has no usable key"),
        (Some((200, key_set(&[]))), "the answer has no usable key"),
        (Some((200, huge)), "the answer is larger than 65536 bytes"),
    ] {
        stage.outside.borrow_mut().answer = answer;
        let before = fetched(&stage);
        check(&read(&stage, &jane()), 503, "not-ready");
        check(&read(&stage, &jane()), 503, "not-ready");
        assert_eq!(fetched(&stage), before + 1, "a call does not ask again at once");
        let log = stage.log.take();
        let url = "https://acme.cloudflareaccess.com/cdn-cgi/access/certs";
        let line = format!("keys of Cloudflare Access not fetched {}", json!({"url": url, "error": error}));
        assert_eq!(log, [(crate::log::Level::Warn, line)]);
        stage.pass_ms(10_000);
    }
    publish(&stage, 200, &key_set(&[("old", &OLD)]));
    assert_eq!(read(&stage, &jane()).status, 200);
    stage.outside.borrow_mut().answer = None;
    stage.pass_ms(23 * 3_600_000);
    let later = |hours: i64| token("old", &OLD, &claims(NOW_S + hours * 3_600, |_| ()));
    assert_eq!(read(&stage, &later(23)).status, 200, "the keys are kept for a day");
    stage.pass_ms(3_600_000);
    check(&read(&stage, &later(24)), 503, "not-ready");
}

#[test]
fn access_needs_no_binding_and_a_mistake_closes_it_alone() {
    let mut stage = access_stage();
    stage.stores = None;
    assert_eq!(read(&stage, &jane()).status, 200);
    let headers = [("cf-access-jwt-assertion", &*jane())];
    assert_eq!(stage.send("GET", "/api/hooks", &headers, "").status, 200);
    let vars = json!({"HOOKS": {"open": open_hook()}, "ACCESS_TEAM": "acme"});
    let mut stage = Stage::with_vars(&vars);
    check(&read(&stage, &jane()), 401, "no-token");
    let hooks = stage.operator("GET", "/api/hooks", "");
    assert_eq!((hooks.status, &hooks.json()["mistakes"][0]["path"]), (200, &json!("ACCESS_TEAM")));
    assert_eq!(stage.post("open", r#"{"id": 1}"#).status, 202);
    stage.secrets.remove("OPERATOR_TOKEN");
    check(&read(&stage, &jane()), 503, "no-operator");
}
