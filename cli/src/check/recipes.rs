//! The folders of `docs/recipes/`: each configuration has no mistake, its payload is accepted and becomes the parameters
//! that the folder states, and the README shows exactly these files.
//!
//! What is tried is the command that the README shows, in the folder of the recipe.

use std::fs;
use std::path::PathBuf;

use seedhook::service::preview::preview;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use serde_json::{Map, Value, json};

use super::*;
use crate::local_config::LocalConfig;
use crate::sign;
use crate::testing::{TestHost, project_path, project_text};
use crate::webhook_request::WebhookRequest;

/// The line of a wrangler.toml below which the recipe's own lines are.
const OWN_LINES: &str = "# The recipe.\n";

/// What every README tells, in this order.
const SECTIONS: [&str; 6] =
    ["At the sender", "The configuration", "The payload", "The parameters", "Try it", "What goes wrong"];

/// The folder of a recipe.
struct Recipe(PathBuf);

/// What a hook makes of a request.
#[derive(Debug, PartialEq)]
struct Outcome {
    is_verified: bool,
    result: String,
    /// The parameters of each run that starts.
    params: Value,
}

impl Recipe {
    fn all() -> Vec<Self> {
        let entries = fs::read_dir(project_path("docs/recipes")).unwrap();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.retain(|path| path.is_dir());
        folders.sort();
        assert!(folders.len() >= 3, "{folders:?}");
        folders.into_iter().map(Self).collect()
    }

    fn name(&self) -> &str {
        self.0.file_name().unwrap().to_str().unwrap()
    }

    fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    fn text(&self, file: &str) -> String {
        let path = self.path(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The value of a JSON file.
    fn json(&self, file: &str) -> Value {
        serde_json::from_str(&self.text(file))
            .unwrap_or_else(|error| panic!("{}/{file}: {error}", self.name()))
    }

    /// The file with this name and any extension: `payload.json`, or `payload.txt` for a form.
    fn find(&self, stem: &str) -> Option<String> {
        let files = ["json", "txt"].map(|extension| format!("{stem}.{extension}"));
        files.into_iter().find(|file| self.path(file).exists())
    }

    fn config(&self) -> LocalConfig {
        LocalConfig::read(&TestHost::new(), self.0.to_str()).unwrap()
    }

    /// The command that tries a payload: each header of `headers.json` is an option.
    fn command(&self, hook: &str, payload: &str) -> String {
        let headers =
            self.find("headers").map_or_else(Map::new, |file| self.json(&file).as_object().unwrap().clone());
        let options =
            headers.iter().map(|(name, value)| format!(" --header '{name}: {}'", value.as_str().unwrap()));
        let headers: String = options.collect();
        format!("npx seedhook try {hook} {payload}{headers} --sign")
    }

    /// The recipe's only hook.
    fn hook(&self) -> String {
        let names: Vec<String> =
            self.config().configuration.hooks.names().map(|name| name.as_str().to_owned()).collect();
        let [name] = names.as_slice() else { panic!("{}: {names:?}", self.name()) };
        name.clone()
    }

    /// What a command of the README makes of its payload. The command must be there.
    fn try_out(&self, payload: &str) -> Outcome {
        let command = self.command(&self.hook(), payload);
        assert!(
            self.text("README.md").contains(&format!("$ {command}\n")),
            "{}/README.md does not show: $ {command}",
            self.name()
        );
        let options = words(command.strip_prefix("npx seedhook try ").unwrap());
        let in_folder = |word: String| {
            if word == payload { self.path(payload).display().to_string() } else { word }
        };
        let mut options: Vec<String> = options.into_iter().map(in_folder).collect();
        options.extend(["--config".to_owned(), self.0.display().to_string()]);
        let request = WebhookRequest::read(&TestHost::new(), lexopt::Parser::from_args(options), &["sign"])
            .unwrap()
            .unwrap();
        let local = self.config();
        let hook = local.hook(request.hook.as_deref()).unwrap();
        let delivery = request.delivery(&TestHost::new(), hook).unwrap();
        let delivery = sign::signed(&local, hook, delivery, request.id(), request.now).unwrap();
        let secret = |name: &str| local.secret(name);
        let context =
            VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: request.now };
        let shown = complete(preview(hook, local.configuration.fabricate.as_ref(), &delivery, &context));
        let shown = serde_json::to_value(shown).unwrap();
        let runs = shown["runs"].as_array().unwrap();
        let started = runs.iter().filter(|run| run["starts"] == true);
        Outcome {
            is_verified: shown["verification"]["verified"] == true,
            result: shown["outcome"].as_str().unwrap().to_owned(),
            params: started.map(|run| run["request"]["body"].clone()).collect(),
        }
    }

    #[track_caller]
    fn check_shown(&self, text: &str, language: &str) {
        let block = format!("```{language}\n{}\n```\n", text.trim_end());
        assert!(self.text("README.md").contains(&block), "{}/README.md does not show\n{block}", self.name());
    }
}

/// The words of a command line. Quoted words may contain blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for (index, part) in line.split('\'').enumerate() {
        let is_quoted = index % 2 == 1;
        for (space, text) in part.split(' ').enumerate() {
            match words.last_mut() {
                Some(last) if is_quoted && space > 0 => last.extend([" ", text]),
                Some(last) if space == 0 => last.push_str(text),
                _ => words.push(text.to_owned()),
            }
        }
    }
    words
}

#[test]
fn every_recipe_is_free_of_mistakes() {
    let scheduled = Recipe(PathBuf::from(project_path("docs/recipes/nightly-staging/schedule")));
    for recipe in Recipe::all().into_iter().chain([scheduled]) {
        let report = check_project(&TestHost::new(), recipe.0.to_str()).unwrap();
        let text = report.text();
        assert!(report.is_good() && !text.contains("warning"), "{}\n{text}", recipe.name());
    }
}

#[test]
fn the_payload_of_every_recipe_becomes_the_parameters_that_it_states() {
    for recipe in Recipe::all() {
        let payload = recipe.find("payload").unwrap();
        let expected =
            Outcome { is_verified: true, result: "accepted".to_owned(), params: recipe.json("params.json") };
        assert_eq!(recipe.try_out(&payload), expected, "{}", recipe.name());
    }
}

#[test]
fn a_recipe_with_a_condition_has_a_payload_that_is_ignored() {
    for recipe in Recipe::all() {
        let local = recipe.config();
        let hook = local.hook(Some(&recipe.hook())).unwrap();
        let is_conditional = hook.rules.iter().all(|rule| rule.when.is_some());
        let ignored = recipe.find("ignored");
        assert_eq!(ignored.is_some(), is_conditional, "{}: ignored.json", recipe.name());
        if let Some(payload) = ignored {
            let expected = Outcome { is_verified: true, result: "ignored".to_owned(), params: json!([]) };
            assert_eq!(recipe.try_out(&payload), expected, "{}", recipe.name());
        }
    }
}

#[test]
fn every_readme_shows_the_files_of_its_recipe() {
    for recipe in Recipe::all() {
        let toml = recipe.text("wrangler.toml");
        let (_, own) = toml.split_once(OWN_LINES).unwrap_or_else(|| panic!("{}: {OWN_LINES}", recipe.name()));
        recipe.check_shown(own, "toml");
        let variant = recipe.path("schedule/wrangler.toml");
        if variant.exists() {
            let toml = recipe.text("schedule/wrangler.toml");
            recipe.check_shown(toml.split_once(OWN_LINES).unwrap().1, "toml");
        }
        let payload = recipe.find("payload").unwrap();
        let language = if payload == "payload.json" { "json" } else { "text" };
        recipe.check_shown(&recipe.text(&payload), language);
        recipe.check_shown(&recipe.text("params.json"), "json");
        let readme = recipe.text("README.md");
        let headings: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let sections: Vec<&str> = headings.into_iter().filter(|heading| SECTIONS.contains(heading)).collect();
        assert_eq!(sections, SECTIONS, "{}", recipe.name());
    }
}

#[test]
fn the_index_lists_every_recipe() {
    let index = project_text("docs/recipes/README.md");
    for recipe in Recipe::all() {
        let link = format!("]({}/README.md)", recipe.name());
        assert!(index.contains(&link), "docs/recipes/README.md does not link to {}", recipe.name());
    }
}
