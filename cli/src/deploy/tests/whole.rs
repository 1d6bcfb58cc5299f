//! Whole deployments, in front of a wrangler that answers as the test says.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use serde_json::{Value, json};

use super::machine::{Machine, URL};
use crate::Exit;
use crate::testing::{Answer, Network, TestHost};

/// A project whose hook takes `verify`.
fn project(verify: &str) -> String {
    format!(
        r#"name = "seeds"
main = "build/index.js"
kv_namespaces = [{{ binding = "RUNS" }}]
r2_buckets = [{{ binding = "INBOX" }}, {{ binding = "FILES" }}]
triggers = {{ crons = ["*/2 * * * *"] }}
[vars.HOOKS.crm]
workspace = "acme"
database = "d"
workflow = "w"
verify = {verify}
"#
    )
}

const STRIPE: &str = r#"{ scheme = "stripe", secret = "S" }"#;
const HMAC: &str = r#"{ scheme = "hmac", secret = "S", header = "x-signature" }"#;

const NO_WORKER: &str = "\n\u{1b}[31m✘ \u{1b}[41;31m[\u{1b}[41;97mERROR\u{1b}[41;31m]\u{1b}[0m \u{1b}[1mWorker \"seeds\" not found.\u{1b}[0m\n";
const NO_BUCKET: &str = "A request failed.\n\n  The specified bucket does not exist. [code: 10006]\n";
const KEY: (&str, &str) = ("FABRICATE_API_KEY", "key-of-the-test");
const SECRET: (&str, &str) = ("S", "whsec_of-the-test");

/// A network in which the Worker answers so.
fn answering(status: u16, body: Value) -> Network {
    Network::new(move |_| Ok(Answer::json(status, &body)))
}

/// The first deployment of a project, at a terminal.
fn first(verify: &str, env: &[(&'static str, &'static str)]) -> (tempfile::TempDir, Machine) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wrangler.toml"), project(verify)).unwrap();
    let network = Some(answering(200, json!({"status": "ok"})));
    let inner = TestHost { env: env.to_vec(), network, ..TestHost::within(folder.path()) };
    let failures = vec![("secret list", NO_WORKER), ("r2 bucket lifecycle list", NO_BUCKET)];
    (folder, Machine { inner, is_terminal: true, failures, ..Machine::default() })
}

/// Runs `deploy`. Returns the exit and standard error.
fn deploy(machine: &Machine) -> (Exit, String) {
    let mut future = pin!(crate::run(machine, vec!["deploy".into()]));
    let Poll::Ready(exit) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("the machine waits for nothing")
    };
    let errors = machine.inner.errors.borrow().clone();
    (exit, errors)
}

/// The secrets that were set.
fn set(machine: &Machine) -> Value {
    serde_json::from_str(&machine.call("secret bulk").input).unwrap()
}

#[track_caller]
fn check_refused(machine: &Machine, expected: &str) {
    let (exit, errors) = deploy(machine);
    assert!(exit == Exit::Bad && errors.contains(expected), "{expected}: {errors}");
    assert!(errors.contains("Nothing was changed"), "{errors}");
    assert_eq!(machine.changes(), [""; 0]);
}

#[test]
fn a_random_secret_is_shown_before_it_is_set() {
    let (_folder, machine) = first(STRIPE, &[KEY, SECRET]);
    assert_eq!(deploy(&machine), (Exit::Good, String::new()));
    let bulk = machine.call("secret bulk");
    let token = set(&machine).get("OPERATOR_TOKEN").and_then(Value::as_str).unwrap().to_owned();
    assert!(bulk.printed_before.contains("keep them now"), "{}", bulk.printed_before);
    let line = format!("  OPERATOR_TOKEN={token}\n");
    assert!(bulk.printed_before.contains(&line), "{}", bulk.printed_before);
    assert_eq!(machine.printed().matches(&token).count(), 1, "it is shown once");
    assert!(!machine.printed().contains("LINK_SECRET="), "nobody needs it");
}

#[test]
fn a_failure_says_whether_the_secrets_are_set() {
    let (_folder, mut machine) = first(STRIPE, &[KEY, SECRET]);
    machine.failures.push(("secret bulk", "\u{1b}[31mno permission\u{1b}[0m"));
    let (exit, errors) = deploy(&machine);
    assert_eq!(exit, Exit::Bad);
    assert!(errors.contains("none is set and nothing was deployed"), "{errors}");
    assert!(errors.contains("no permission") && !errors.contains('\u{1b}'), "{errors}");
    assert_eq!(machine.changes(), ["secret bulk"]);

    let (_folder, mut machine) = first(STRIPE, &[KEY, SECRET]);
    machine.failures.push(("deploy", ""));
    let (_, errors) = deploy(&machine);
    assert!(errors.contains("the same command goes on from here"), "{errors}");
    assert!(machine.printed().contains("OPERATOR_TOKEN="), "{}", machine.printed());
}

#[test]
fn wrangler_has_no_colours_where_its_output_is_read() {
    let (_folder, machine) = first(STRIPE, &[KEY, SECRET]);
    deploy(&machine);
    let is_plain = |start: &str| {
        let env = machine.call(start).env;
        env.contains(&("FORCE_COLOR".to_owned(), "0".to_owned()))
    };
    assert!(is_plain("whoami") && is_plain("secret list") && is_plain("secret bulk"));
    assert!(!is_plain("deploy"), "the user sees it");
}

#[test]
fn nothing_is_taken_for_new_because_wrangler_cannot_list_it() {
    for said in [
        "A request failed.\n\n  The account was not found. [code: 7003]",
        "getaddrinfo ENOTFOUND: host not found",
        "  The requested route does not exist [code: 10001]",
    ] {
        let (_folder, mut machine) = first(STRIPE, &[KEY, SECRET]);
        machine.failures[0].1 = said;
        check_refused(&machine, "cannot list the Worker's secrets");
        let (_folder, mut machine) = first(STRIPE, &[KEY, SECRET]);
        machine.failures[1].1 = said;
        check_refused(&machine, "cannot list the lifecycle rules of seeds-inbox");
    }
}

#[test]
fn published_values_are_refused() {
    let example = "local-operator-token-of-32-characters-or-more";
    for (name, value, expected) in [
        ("OPERATOR_TOKEN", example, "OPERATOR_TOKEN still has the value of .dev.vars.example"),
        ("LINK_SECRET", "local-link-secret-of-32-bytes-or-more", "LINK_SECRET still has the value"),
        ("S", "whsec_bG9jYWwtZGV2ZWxvcG1lbnQtc2VjcmV0", "S still has the value"),
        ("FABRICATE_API_KEY", crate::LOCAL_KEY, "FABRICATE_API_KEY is the key of the local Fabricate"),
    ] {
        // The first of a name counts.
        let (_folder, machine) = first(STRIPE, &[(name, value), KEY, SECRET]);
        check_refused(&machine, expected);
    }
    let (_folder, machine) = first(STRIPE, &[SECRET]);
    machine.typed.borrow_mut().push_back(crate::LOCAL_KEY);
    check_refused(&machine, "is the key of the local Fabricate");
}

#[test]
fn a_secret_of_unknown_origin_is_asked_for_and_an_empty_answer_makes_a_random_one() {
    let (_folder, machine) = first(HMAC, &[KEY]);
    machine.typed.borrow_mut().push_back("what the sender shows\n");
    assert_eq!(deploy(&machine).0, Exit::Good);
    assert_eq!(set(&machine)["S"], "what the sender shows");
    assert!(!machine.printed().contains("S=what"), "{}", machine.printed());
    let prompts = machine.prompts.borrow();
    assert!(prompts.len() == 1 && prompts[0].contains("empty for a random one"), "{prompts:?}");

    let (_folder, machine) = first(HMAC, &[KEY]);
    assert_eq!(deploy(&machine).0, Exit::Good);
    let random = set(&machine)["S"].as_str().unwrap().to_owned();
    assert!(random.len() >= 32 && machine.printed().contains(&format!("  S={random}\n")), "{random}");

    let token = ("OPERATOR_TOKEN", "a-token-of-at-least-32-characters");
    let (_folder, mut machine) = first(HMAC, &[KEY, token]);
    machine.is_terminal = false;
    check_refused(&machine, "S must be in the environment: there is no terminal to ask at");
    let (_folder, mut machine) = first(HMAC, &[KEY, token, SECRET]);
    machine.is_terminal = false;
    assert_eq!(deploy(&machine), (Exit::Good, String::new()));
}

/// A later deployment, which sets nothing. `/health` answers so.
fn later(env: &[(&'static str, &'static str)], status: u16, body: Value) -> (tempfile::TempDir, Machine) {
    let (folder, mut machine) = first(STRIPE, env);
    let names =
        r#"[{"name":"FABRICATE_API_KEY"},{"name":"OPERATOR_TOKEN"},{"name":"LINK_SECRET"},{"name":"S"}]"#;
    machine.failures.clear();
    machine.lists.push(("secret list", names));
    machine.inner.network = Some(answering(status, body));
    (folder, machine)
}

/// What `deploy` says about `/health`, and the headers that it sends there.
fn health(env: &[(&'static str, &'static str)], status: u16, body: Value) -> (String, Vec<String>) {
    let (_folder, machine) = later(env, status, body);
    assert_eq!(deploy(&machine).0, Exit::good_if(status == 200));
    let printed = machine.printed();
    let (_, said) = printed.split_once(&format!("\n{URL}/health: ")).unwrap();
    let (said, _) = said.split_once("\n\n").unwrap();
    let asked = machine.inner.asked.borrow();
    assert_eq!(asked.len(), 1);
    let headers = asked[0].headers.iter().map(|(name, value)| format!("{name}: {value}"));
    (said.to_owned(), headers.collect())
}

#[test]
fn health_is_asked_with_the_token_if_there_is_one() {
    let token = [("OPERATOR_TOKEN", " t1\n")];
    let (with, without) = (vec!["authorization: Bearer t1".to_owned()], Vec::<String>::new());
    let said = |text: &str, headers: &[String]| (text.to_owned(), headers.to_vec());
    let ok = || json!({"status": "ok"});
    assert_eq!(health(&token, 200, ok()), said("healthy", &with));
    assert_eq!(health(&[], 200, ok()), said("healthy", &without));
    for unsendable in [" \n", "a b", "ä"] {
        assert_eq!(health(&[("OPERATOR_TOKEN", unsendable)], 200, ok()), said("healthy", &without));
    }
    let not_ready = || json!({"type": "urn:seedhook:problem:not-ready", "title": "Not ready", "status": 503});
    let why = "not healthy\n  set OPERATOR_TOKEN in the environment to see why";
    assert_eq!(health(&[], 503, not_ready()), said(why, &without));
    let why =
        "not healthy\n  it does not take this OPERATOR_TOKEN: set its own in the environment to see why";
    assert_eq!(health(&token, 503, not_ready()), said(why, &with));
    let unhealthy = json!({"status": "unhealthy", "problems": [{"kind": "binding", "detail": "no binding"}]});
    assert_eq!(health(&token, 503, unhealthy), said("not healthy\n  no binding", &with));
}

#[test]
fn what_others_answer_at_a_new_address_is_not_the_workers() {
    let (_folder, machine) = later(&[], 503, json!({"error": "no such Worker"}));
    assert_eq!(deploy(&machine).0, Exit::Bad);
    assert!(machine.inner.asked.borrow().len() > 5);
    assert!(machine.printed().contains("/health answers 503: ask again"), "{}", machine.printed());
}

#[track_caller]
fn check_interrupted(at: &'static str, changes: usize, expected: &str) {
    let (_folder, mut machine) = first(STRIPE, &[KEY, SECRET]);
    machine.interrupted_at = Some(at);
    let (exit, errors) = deploy(&machine);
    assert_eq!(exit, Exit::Interrupted, "{errors}");
    assert_eq!(errors, format!("interrupted at this step: {expected}. The same command goes on from here\n"));
    assert_eq!(machine.changes().len(), changes, "{:?}", machine.changes());
}

#[test]
fn ctrl_c_says_what_is_done() {
    check_interrupted("secret bulk", 1, "setting the secrets. Done before it: nothing");
    check_interrupted("deploy", 2, "deploying the Worker. Done before it: 4 secrets are set");
    check_interrupted(
        "r2 bucket lifecycle add seeds-inbox journal",
        4,
        "adding the lifecycle rules. Done before it: 4 secrets are set, the Worker is deployed, deliveries/ has its rule",
    );
}

#[test]
fn the_secrets_of_this_machine_do_not_stop_a_deployment() {
    let target = "[vars.NOTIFY.ops]\nurl = \"https://example.com\"\nsecret = \"T\"\n";
    for local in [None, Some("T=no-key\n")] {
        let (folder, machine) =
            first(STRIPE, &[KEY, SECRET, ("T", "whsec_dGhpcyBpcyBhIGtleSBvZiBhdCBsZWFzdCAyNCBieXRlcw==")]);
        std::fs::write(folder.path().join("wrangler.toml"), project(STRIPE) + target).unwrap();
        if let Some(text) = local {
            std::fs::write(folder.path().join(".dev.vars"), text).unwrap();
        }
        assert_eq!(deploy(&machine), (Exit::Good, String::new()), "{local:?}");
    }
}
