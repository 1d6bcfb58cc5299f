//! The folders of `docs/recipes/`: each configuration has no mistake, its payload is accepted and becomes the parameters
//! that the folder states, and the README shows exactly these files.
//!
//! What "Try it" in the README says is done, step by step: `init`, the lines of the recipe in the place of its hook, the secrets,
//! and then the commands that the README shows.

use std::fs;
use std::path::PathBuf;

use seedhook::service::preview::preview;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::{RustCrypto, complete};
use serde_json::{Map, Value, json};

use super::*;
use crate::local_config::LocalConfig;
use crate::testing::{TestHost, project_path, project_text};
use crate::webhook_request::WebhookRequest;
use crate::{init, sign};

/// The line of a wrangler.toml below which the recipe's own lines are.
const OWN_LINES: &str = "# The recipe.\n";

/// What every README tells, in this order.
const SECTIONS: [&str; 6] =
    ["The configuration", "The payload", "The parameters", "Try it", "At the sender", "What goes wrong"];

/// The folder that every README lets `init` make.
const FOLDER: &str = "my-seeds";

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

    /// The configurations: the recipe's own, and the variant that no sender calls.
    fn configs(&self) -> Vec<&'static str> {
        let known = ["wrangler.toml", "schedule/wrangler.toml"];
        known.into_iter().filter(|config| self.path(config).exists()).collect()
    }

    /// The recipe's own lines in a configuration.
    fn own_lines(&self, config: &str) -> String {
        let toml = self.text(config);
        let (_, own) =
            toml.split_once(OWN_LINES).unwrap_or_else(|| panic!("{}/{config}: {OWN_LINES}", self.name()));
        own.to_owned()
    }

    /// The arguments of a command that takes an event: each header of `headers.json` is an option.
    fn arguments(&self, event: &str) -> String {
        let headers =
            self.find("headers").map_or_else(Map::new, |file| self.json(&file).as_object().unwrap().clone());
        let options =
            headers.iter().map(|(name, value)| format!(" --header '{name}: {}'", value.as_str().unwrap()));
        let headers: String = options.collect();
        format!("{} recipe/{event}{headers}", self.hook())
    }

    /// Makes the project as "Try it" says, with the recipe's own lines of a configuration. It is gone with the folder.
    fn project(&self, config: &str) -> (tempfile::TempDir, TestHost) {
        let readme = self.text("README.md");
        let steps = between(&readme, "\n## Try it\n", "\n## ");
        let folder = tempfile::tempdir().unwrap();
        let options = words(between(steps, "\n$ npx seedhook init ", "\n"));
        init::run(&TestHost::within(folder.path()), lexopt::Parser::from_args(options)).unwrap();
        let project = folder.path().join(FOLDER);
        self.must_show(&format!(
            "\n$ cd {FOLDER} && npm install\n$ cp -r node_modules/seedhook/docs/recipes/{} recipe\n$ rm payload.json\n",
            self.name()
        ));
        fs::create_dir(project.join("recipe")).unwrap();
        for event in ["payload", "ignored"].into_iter().filter_map(|stem| self.find(stem)) {
            fs::copy(self.path(&event), project.join("recipe").join(event)).unwrap();
        }
        fs::remove_file(project.join("payload.json")).unwrap();
        let replaced = between(steps, "replace all lines from `", "` to the end by the lines of");
        let toml = fs::read_to_string(project.join("wrangler.toml")).unwrap();
        let kept = toml.split_once(&format!("\n{replaced}\n"));
        let (kept, _) = kept.unwrap_or_else(|| panic!("{}: no line {replaced} in\n{toml}", self.name()));
        fs::write(project.join("wrangler.toml"), format!("{kept}\n{}", self.own_lines(config))).unwrap();
        let secrets = fs::read_to_string(project.join(".dev.vars")).unwrap() + &self.added_secrets(steps);
        fs::write(project.join(".dev.vars"), secrets).unwrap();
        (folder, TestHost::within(&project))
    }

    /// The lines that the README adds to `.dev.vars`: the example has them, too.
    fn added_secrets(&self, steps: &str) -> String {
        if !steps.contains("```dotenv\n") {
            return String::new();
        }
        let example = self.text(".dev.vars.example");
        let block = between(steps, "```dotenv\n", "```").trim();
        let lines = block.lines().map(|line| {
            let line = line.trim();
            assert!(example.lines().any(|known| known == line), "{}/.dev.vars.example: {line}", self.name());
            format!("{line}\n")
        });
        lines.collect()
    }

    /// The recipe's only hook.
    fn hook(&self) -> String {
        let names: Vec<String> =
            self.config().configuration.hooks.names().map(|name| name.as_str().to_owned()).collect();
        let [name] = names.as_slice() else { panic!("{}: {names:?}", self.name()) };
        name.clone()
    }

    /// What a command of the README makes of an event, in the README's project. The command must be there.
    fn try_out(&self, event: &str) -> Outcome {
        let arguments = format!("{} --sign", self.arguments(event));
        self.must_show(&format!("\n$ npx seedhook try {arguments}\n"));
        let (_folder, host) = self.project("wrangler.toml");
        let options = lexopt::Parser::from_args(words(&arguments));
        let request = WebhookRequest::read(&host, options, &["sign"]).unwrap().unwrap();
        let local = LocalConfig::read(&host, None).unwrap();
        let hook = local.hook(request.hook.as_deref()).unwrap();
        let delivery = request.delivery(&host, hook).unwrap();
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
    fn must_show(&self, text: &str) {
        assert!(self.text("README.md").contains(text), "{}/README.md does not show\n{text}", self.name());
    }

    #[track_caller]
    fn check_shown(&self, text: &str, language: &str) {
        self.must_show(&format!("```{language}\n{}\n```\n", text.trim_end()));
    }
}

/// The text between two others. Both must be there.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let found = text.split_once(start).and_then(|(_, rest)| rest.split_once(end));
    let (found, _) = found.unwrap_or_else(|| panic!("{start:?} and then {end:?} are missing in\n{text}"));
    found
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
fn the_steps_of_every_readme_make_a_project_without_mistakes() {
    for recipe in Recipe::all() {
        for config in recipe.configs() {
            let (_folder, host) = recipe.project(config);
            let report = check_project(&host, None).unwrap();
            let text = report.text();
            assert!(report.is_good() && !text.contains("warning"), "{}/{config}\n{text}", recipe.name());
        }
    }
}

#[test]
fn the_payload_of_every_recipe_becomes_the_parameters_that_it_states() {
    for recipe in Recipe::all() {
        let payload = recipe.find("payload").unwrap();
        recipe.must_show(&format!("\n$ npx seedhook sign {} | sh\n", recipe.arguments(&payload)));
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
        for config in recipe.configs() {
            recipe.check_shown(&recipe.own_lines(config), "toml");
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
