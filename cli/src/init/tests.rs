//! Projects in temporary folders.

use seedhook::config::sender::senders;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use serde_json::Value;

use super::*;
use crate::check::check_project;
use crate::local_config::LocalConfig;
use crate::sign;
use crate::testing::{TestHost, project_text};
use crate::webhook_request::WebhookRequest;

fn init(words: &[&str]) -> (tempfile::TempDir, TestHost, Result<Exit>) {
    let folder = tempfile::tempdir().unwrap();
    let host = TestHost::within(folder.path());
    let result = run(&host, lexopt::Parser::from_args(words));
    (folder, host, result)
}

/// The preview of the project's payload.
fn preview(host: &TestHost, hook: &str, sender: Option<&str>) -> Value {
    let config = LocalConfig::read(host, None).unwrap();
    let hook = config.hook(Some(hook)).unwrap();
    let headers = Sample::of(sender).headers;
    let headers: Vec<String> =
        headers.iter().map(|(name, value)| format!("--header={name}: {value}")).collect();
    let words = [hook.name.as_str(), PAYLOAD].into_iter().map(ToOwned::to_owned).chain(headers);
    let request = WebhookRequest::read(host, lexopt::Parser::from_args(words), &[]).unwrap().unwrap();
    let delivery = request.delivery(host, hook).unwrap();
    let signed = sign::signed(&config, hook, delivery.clone(), request.id(), request.now).unwrap_or(delivery);
    let secret = |name: &str| config.secret(name);
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: request.now };
    let shown =
        seedhook::service::preview::preview(hook, config.configuration.fabricate.as_ref(), &signed, &context);
    serde_json::to_value(complete(shown)).unwrap()
}

#[test]
fn a_project_of_each_sender_has_no_mistake_and_its_payload_starts_a_run() {
    /// They sign with a private key.
    const UNSIGNABLE: [&str; 3] = ["discord", "sendgrid", "aws-sns"];
    let names = senders().iter().map(|sender| Some(sender.name.as_str())).chain([None]);
    for sender in names {
        let words: Vec<&str> = sender.into_iter().flat_map(|name| ["--sender", name]).collect();
        let (_folder, host, result) = init(&words);
        assert_eq!(result.unwrap(), Exit::Good, "{sender:?}");
        let report = check_project(&host, None).unwrap();
        assert!(report.is_good(), "{sender:?}\n{}", report.text());
        let shown = preview(&host, sender.unwrap_or(SAMPLE_HOOK), sender);
        let is_signable = sender.is_none_or(|name| !UNSIGNABLE.contains(&name));
        assert_eq!(shown["verification"]["verified"], is_signable, "{sender:?}\n{shown:#}");
        let starts =
            shown["runs"].as_array().is_some_and(|runs| runs.iter().any(|run| run["starts"] == true));
        assert!(starts, "{sender:?}\n{shown:#}");
        assert!(shown["delivery_id_error"].is_null(), "{sender:?}\n{shown:#}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let (folder, host, result) = init(&[]);
    result.unwrap();
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let before = read("wrangler.toml");
    let again = run(&host, lexopt::Parser::from_args([] as [&str; 0])).unwrap_err().to_string();
    assert!(again.contains("wrangler.toml is there already, so nothing was written"), "{again}");
    std::fs::remove_file(folder.path().join("wrangler.toml")).unwrap();
    std::fs::write(folder.path().join("package.json"), "{}").unwrap();
    host.printed.borrow_mut().clear();
    run(&host, lexopt::Parser::from_args([] as [&str; 0])).unwrap();
    assert_eq!((read("package.json"), read("wrangler.toml")), ("{}".to_owned(), before));
    let printed = host.printed.borrow();
    for part in
        ["kept     package.json", "written  wrangler.toml", "npm install --save-dev seedhook wrangler"]
    {
        assert!(printed.contains(part), "{part}\n{printed}");
    }
}

#[test]
fn what_could_not_be_written_whole_is_made_by_the_same_command() {
    let folder = tempfile::tempdir().unwrap();
    let host = TestHost { unwritable: Some(PAYLOAD), ..TestHost::within(folder.path()) };
    assert!(run(&host, lexopt::Parser::from_args(["new"])).is_err());
    let secrets = std::fs::read(folder.path().join("new/.dev.vars")).unwrap();
    let host = TestHost::within(folder.path());
    assert_eq!(run(&host, lexopt::Parser::from_args(["new"])).unwrap(), Exit::Good);
    assert!(
        folder.path().join("new/wrangler.toml").exists() && folder.path().join("new").join(PAYLOAD).exists()
    );
    assert_eq!(std::fs::read(folder.path().join("new/.dev.vars")).unwrap(), secrets);
}

#[test]
fn a_package_that_was_installed_from_a_file_is_named_by_that_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = "file:/my \"files\" \\/seedhook.tgz";
    let host = TestHost { env: vec![(PACKAGE_VARIABLE, file)], ..TestHost::within(folder.path()) };
    run(&host, lexopt::Parser::from_args(["new"])).unwrap();
    let written = std::fs::read_to_string(folder.path().join("new/package.json")).unwrap();
    let package: Value = serde_json::from_str(&written).unwrap();
    assert_eq!(package["devDependencies"]["seedhook"], file);
    std::fs::create_dir(folder.path().join("old")).unwrap();
    std::fs::write(folder.path().join("old/package.json"), "{}").unwrap();
    run(&host, lexopt::Parser::from_args(["old"])).unwrap();
    let install = format!("npm install --save-dev '{file}' wrangler\n");
    assert!(host.printed.borrow().contains(&install), "{}", host.printed.borrow());
}

#[test]
fn bad_arguments_write_nothing() {
    for words in [
        &["../x"] as &[&str],
        &[""],
        &["  "],
        &["a/../../x"],
        &["--sender", "nobody"],
        &["--hook", "A b"],
        &["--force"],
    ] {
        let (folder, _host, result) = init(words);
        assert!(result.is_err(), "{words:?}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{words:?}");
    }
}

#[test]
fn a_folder_gives_the_worker_its_name() {
    assert_eq!(worker_name("My Seeds_2"), "my-seeds-2");
    assert_eq!(worker_name("--é--"), "seedhook");
    assert_eq!(worker_name(&"ab-".repeat(40)).len(), 53);
}

#[test]
fn the_template_of_the_deploy_button_is_what_init_writes() {
    let (folder, _host, result) = init(&["seedhook"]);
    result.unwrap();
    for name in ["wrangler.toml", "package.json", ".gitignore", PAYLOAD] {
        let written = std::fs::read_to_string(folder.path().join("seedhook").join(name)).unwrap();
        // Where Cloudflare builds, the button has asked for the secrets.
        let written = written
            .replace("\"deploy\": \"seedhook deploy\"", "\"deploy\": \"seedhook check && wrangler deploy\"");
        assert_eq!(project_text(&format!("template/{name}")), written, "template/{name}");
    }
    // The button makes a secret of each line that has a value.
    let example = crate::dev_vars::parse(&project_text("template/.dev.vars.example"));
    let secrets =
        crate::dev_vars::parse(&std::fs::read_to_string(folder.path().join("seedhook/.dev.vars")).unwrap());
    assert_eq!(example.keys().collect::<Vec<_>>(), secrets.keys().collect::<Vec<_>>());
    assert!(example.values().all(String::is_empty), "template/.dev.vars.example has values");
}

#[test]
fn wrangler_is_at_least_the_version_that_is_tested() {
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let tested =
        json(&project_text("package.json"))["devDependencies"]["wrangler"].as_str().unwrap().to_owned();
    let package = json(&project_text("cli/npm/package.json"));
    assert_eq!(
        package["peerDependencies"]["wrangler"],
        format!("^{tested}"),
        "older ones lack the compatibility date"
    );
    assert!(PACKAGE_JSON.contains(&format!("\"wrangler\": \"^{tested}\"")));
}

#[test]
fn the_compatibility_date_is_the_one_that_is_tested() {
    let date =
        |text: &str| text.lines().find(|line| line.starts_with("compatibility_date")).unwrap().to_owned();
    assert_eq!(date(WRANGLER_TOML), date(&project_text("wrangler.toml")));
}
