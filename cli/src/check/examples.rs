//! The folders of `examples/`: each configuration has no mistake, and its payload becomes the parameters that it states.
//!
//! The command that is tried is the one that the folder's README shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seedhook::service::preview::preview;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use serde_json::Value;

use super::*;
use crate::local_config::LocalConfig;
use crate::sign;
use crate::testing::{TestHost, project_path};
use crate::webhook_request::WebhookRequest;

/// How a README shows the command.
const COMMAND: &str = "$ cargo xtask try ";

fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(project_path("examples")).unwrap();
    let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    assert!(folders.len() >= 3, "{folders:?}");
    folders
}

fn json(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The words of a command line; paths of the project become absolute.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.trim().split('\'').enumerate() {
        let is_quoted = index % 2 == 1;
        for (space, text) in part.split(' ').enumerate() {
            match words.last_mut() {
                Some(last) if is_quoted && space > 0 => last.extend([" ", text]),
                Some(last) if space == 0 => last.push_str(text),
                _ => words.push(text.to_owned()),
            }
        }
    }
    let absolute = |word: String| {
        let path = project_path(&word);
        if word.contains('/') && Path::new(&path).exists() { path } else { word }
    };
    words.into_iter().map(absolute).collect()
}

/// What the hook makes of the request in the README: whether it is verified, and the parameters of each run.
fn try_out(folder: &Path) -> (bool, Vec<Value>) {
    let readme = fs::read_to_string(folder.join("README.md")).unwrap();
    let line = readme.lines().find_map(|line| line.strip_prefix(COMMAND)).unwrap();
    let arguments = lexopt::Parser::from_args(words(line));
    let request = WebhookRequest::read(&TestHost::new(), arguments, &["sign"]).unwrap().unwrap();
    assert_eq!(request.config.as_deref(), folder.to_str(), "the README tries another configuration");
    let local = LocalConfig::read(&TestHost::new(), request.config.as_deref()).unwrap();
    let hook = local.hook(request.hook.as_deref()).unwrap();
    let delivery = request.delivery(&TestHost::new(), hook).unwrap();
    let delivery = sign::signed(&local, hook, delivery, request.id(), request.now).unwrap();
    let secret = |name: &str| local.secret(name);
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: request.now };
    let shown = complete(preview(hook, local.configuration.fabricate.as_ref(), &delivery, &context));
    let shown = serde_json::to_value(shown).unwrap();
    let runs = shown["runs"].as_array().unwrap();
    let started = runs.iter().filter(|run| run["starts"] == true);
    let params = started.map(|run| run["request"]["body"].clone()).collect();
    (shown["verification"]["verified"] == true, params)
}

#[test]
fn every_example_is_free_of_mistakes() {
    for folder in folders() {
        let report = check_project(&TestHost::new(), folder.to_str()).unwrap();
        let text = report.text();
        assert!(report.is_good() && !text.contains("warning"), "{}\n{text}", folder.display());
    }
}

#[test]
fn the_payload_of_every_example_becomes_the_parameters_that_it_states() {
    let shown: BTreeMap<_, _> =
        folders().into_iter().map(|folder| (folder.clone(), try_out(&folder))).collect();
    for (folder, (verified, params)) in shown {
        assert!(verified, "{}", folder.display());
        assert_eq!(Value::Array(params), json(&folder.join("params.json")), "{}", folder.display());
    }
}
