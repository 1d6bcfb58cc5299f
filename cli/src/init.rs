//! `seedhook init`: writes a project. It asks nothing and overwrites nothing.

mod sample;
pub(crate) mod secrets;

use std::path::{Component, Path};

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::config::sender::Sender;
use serde_json::Value;

use crate::config_file::{ConfigFile, NAMES};
use crate::exit::Usage;
use crate::host::{Host, Write, read_text};
use crate::senders::{self, Description};
use crate::webhook_request::SAMPLE_HOOK;
use crate::{Exit, dev_vars, help, unexpected};
pub(crate) use sample::{PAYLOAD, Sample};

pub(crate) const HELP: &str = "\
npx seedhook init [FOLDER] [--sender NAME]

Writes a project into a folder, or into this one: wrangler.toml with one hook, .dev.vars with fresh random secrets for this
machine, package.json, .gitignore, and payload.json, which is what the sender would send. Asks nothing, and overwrites nothing:
a file that is there stays. With a configuration of wrangler in the folder it writes nothing at all.

  --sender NAME    the tool that will call the hook: `npx seedhook senders` lists 46. Without it, any tool that signs by
                   Standard Webhooks
  --hook NAME      the name of the hook, which is part of its address (default: the sender's)
";

const WRANGLER_TOML: &str = include_str!("../template/wrangler.toml");
const PACKAGE_JSON: &str = include_str!("../template/package.json");
const GIT_IGNORE: &str = include_str!("../template/gitignore");

/// The longest name of a Worker: it is a part of a host name.
const NAME_CHARS_MAX: usize = 54;

/// The version of the package, for `package.json`. The package's own script sets it, because a package that was installed from
/// a file has to be named by that file.
const PACKAGE_VARIABLE: &str = "SEEDHOOK_PACKAGE";

/// Reads the arguments and writes the project.
pub(crate) fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    let (mut folder, mut sender, mut hook) = (None, None, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return help(host, HELP),
            Arg::Long("sender") => sender = Some(arguments.value()?.string()?),
            Arg::Long("hook") => hook = Some(arguments.value()?.string()?),
            Arg::Value(value) if folder.is_none() => folder = Some(value.string()?),
            other => return Err(unexpected(&other)),
        }
    }
    let sender = sender.as_deref().map(senders::find).transpose()?;
    let folder = folder.unwrap_or_else(|| ".".to_owned());
    must_be_usable(host, &folder)?;
    let project = Project::new(host, &folder, sender, hook)?;
    project.write(host, &folder)?;
    Ok(Exit::Good)
}

/// An error where nothing may be written.
fn must_be_usable(host: &impl Host, folder: &str) -> Result<()> {
    if folder.trim().is_empty() {
        let problem = "the name of the folder is empty: leave it out to make the project in this one";
        bail!(Usage(problem.to_owned()));
    }
    if Path::new(folder).components().any(|part| part == Component::ParentDir) {
        bail!(Usage(format!(
            "the folder must be below this one, got {folder}: go there first, and run init without a folder"
        )));
    }
    if host.entry(folder).is_some_and(|entry| !entry.is_folder) {
        bail!(Usage(format!("{folder} is a file: name a folder")));
    }
    let path = |name: &str| join(folder, name);
    if let Some(found) = NAMES.iter().map(|name| path(name)).find(|path| host.entry(path).is_some()) {
        bail!(
            "{found} is there already, so nothing was written; init makes new projects. To add a sender to this one: \
             `npx seedhook senders NAME` prints the lines"
        );
    }
    Ok(())
}

/// The path of a file in a folder.
fn join(folder: &str, name: &str) -> String {
    if folder == "." { name.to_owned() } else { Path::new(folder).join(name).to_string_lossy().into_owned() }
}

/// The files of a new project.
struct Project {
    hook: String,
    sample: Sample,
    /// What npm installs: the name of the package, or the file that it was installed from.
    package: String,
    /// Names and contents; `.dev.vars` is secret.
    files: Vec<(&'static str, String)>,
}

impl Project {
    fn new(host: &impl Host, folder: &str, sender: Option<&Sender>, hook: Option<String>) -> Result<Self> {
        let hook = hook.unwrap_or_else(|| sender.map_or(SAMPLE_HOOK, |sender| &sender.name).to_owned());
        if seedhook::hook::HookName::try_from(hook.clone()).is_err() {
            bail!(Usage(format!("--hook must be 1 to 63 of a-z, 0-9 and -, got {hook}")));
        }
        let name = worker_name(&host.folder_name(folder));
        let sample = Sample::of(sender.map(|sender| sender.name.as_str()));
        let verify = sender.map_or_else(
            || "verify    = { scheme = \"standard-webhooks\", secret = \"CRM_SECRET\" }".to_owned(),
            |sender| Description(sender).line().replacen("verify =", "verify    =", 1),
        );
        let (when, params) = sample.lines();
        let wrangler_toml = WRANGLER_TOML
            .replace("{name}", &name)
            .replace("{hook}", &hook)
            .replace("{verify}", &verify)
            .replace("{when}", &when)
            .replace("{params}", &params);
        let version = host.env(PACKAGE_VARIABLE);
        let version = version.unwrap_or_else(|| concat!("^", env!("CARGO_PKG_VERSION")).to_owned());
        let package = if version.starts_with("file:") { version.clone() } else { "seedhook".to_owned() };
        let file = ConfigFile::parse("wrangler.toml", wrangler_toml.clone())?;
        let package_json = PACKAGE_JSON
            .replace("{name}", &name)
            .replace("\"{seedhook}\"", &Value::from(version).to_string())
            .replace("{secrets}", &secrets::descriptions(&file));
        let files = vec![
            (dev_vars::FILE, secrets::fresh(host, &file)?),
            ("package.json", package_json),
            (".gitignore", GIT_IGNORE.to_owned()),
            (PAYLOAD, sample.text()?),
            // Last, because where it is, init makes no project: one that could not be written whole can be made again.
            ("wrangler.toml", wrangler_toml),
        ];
        Ok(Self { hook, sample, package, files })
    }

    fn write(&self, host: &impl Host, folder: &str) -> Result<()> {
        let mut kept = Vec::new();
        for (name, text) in &self.files {
            let path = join(folder, name);
            if host.entry(&path).is_some() {
                kept.push(*name);
                host.print(&format!("kept     {path}, which is there already\n"))?;
                continue;
            }
            let how = if *name == dev_vars::FILE { Write::NewSecret } else { Write::New };
            host.write_file(&path, text.as_bytes(), how)?;
            host.print(&format!("written  {path}\n"))?;
        }
        if kept.contains(&".gitignore") {
            host.print("\nYour .gitignore must have these lines: .dev.vars has secrets.\n  .dev.vars\n  .wrangler/\n")?;
        }
        if kept.contains(&dev_vars::FILE) {
            host.print("\nYour .dev.vars must have the secrets that `npx seedhook check` names.\n")?;
        }
        let install = match kept.contains(&"package.json") {
            false => "  npm install\n".to_owned(),
            true if has_package(host, &join(folder, "package.json"))? => String::new(),
            true => format!("  npm install --save-dev {} wrangler\n", shell_word(&self.package)),
        };
        host.print(&self.next_steps(folder, &install))
    }

    fn next_steps(&self, folder: &str, install: &str) -> String {
        let hook = &self.hook;
        let options = self.sample.options();
        let go = if folder == "." { String::new() } else { format!("  cd {}\n", shell_word(folder)) };
        format!(
            "\nNext:\n{go}{install}  npx seedhook dev\n\nTo see what the hook makes of a delivery, without a Worker:\n  \
             npx seedhook try {hook} {PAYLOAD}{options}\n"
        )
    }
}

/// Whether a `package.json` that was there has this package.
fn has_package(host: &impl Host, path: &str) -> Result<bool> {
    let text = read_text(host, path)?.unwrap_or_default();
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(["dependencies", "devDependencies"]
        .iter()
        .any(|list| json.get(list).is_some_and(|list| list.get("seedhook").is_some())))
}

/// A word that a shell takes as it is, or in quotes.
fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_./~".contains(character);
    if word.chars().all(is_plain) { word.to_owned() } else { crate::curl::quoted(word) }
}

/// A name for the Worker: of a folder's name, what a host name may have.
fn worker_name(folder: &str) -> String {
    let mut name = String::new();
    for character in folder.to_ascii_lowercase().chars() {
        if character.is_ascii_alphanumeric() {
            name.push(character);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(NAME_CHARS_MAX);
    let name = name.trim_matches('-');
    if name.is_empty() || name == "node-modules" { "seedhook".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
