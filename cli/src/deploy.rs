//! `seedhook deploy`: checks, sets secrets, deploys, sets lifecycle rules, and says what to do next.
//!
//! wrangler does what is done at Cloudflare. Everything is planned and printed before anything is changed.

mod lifecycle;
mod result;
mod secrets;
mod steps;
mod wrangler;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::config::Configuration;
use serde_json::{Map, Value};

use crate::check::check_deployment;
use crate::config_file::ConfigFile;
use crate::host::Host;
use crate::project::must_be_installed;
use crate::{Exit, help, unexpected};
use lifecycle::Rule;
use secrets::Needed;
use steps::Steps;
use wrangler::Wrangler;

pub(crate) const HELP: &str = "\
npx seedhook deploy [options]

Checks the configuration, sets the secrets that the Worker does not have, deploys it with wrangler, sets the lifecycle rules
of the inbox bucket, calls /health, and prints each hook's address with the steps that connect its sender.
It prints what it will do before it changes anything, and asks only for secrets, at a terminal.

Secrets come from the environment (a variable of the same name), or from the terminal. Those that are ours to choose are made
at random: OPERATOR_TOKEN and LINK_SECRET, and the secrets of senders that take one. Where it is not known who chooses, you are
asked, and an empty answer makes a random one. A random secret that you need is shown once, before it is set. Without a terminal,
secrets that somebody has to know must be in the environment. .dev.vars is not read: it is of this machine.
wrangler must be logged in (`npx wrangler login`), or CLOUDFLARE_API_TOKEN must be set.

  --dry-run        print what would be done, and let wrangler bundle the Worker; change nothing, and need no login
  --env NAME       deploy the environment [env.NAME] of the configuration
";

/// Reads the arguments and deploys.
pub(crate) async fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    let (mut is_dry, mut environment) = (false, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return help(host, HELP),
            Arg::Long("dry-run") => is_dry = true,
            Arg::Long("env") | Arg::Short('e') => environment = Some(arguments.value()?.string()?),
            other => return Err(unexpected(&other)),
        }
    }
    let file = ConfigFile::read(host, &ConfigFile::find(host, None)?)?;
    let report = check_deployment(host, &file);
    if !report.is_good() {
        bail!("the configuration has mistakes, so nothing was deployed\n{}", report.text().trim_end());
    }
    must_be_installed(host, &file)?;
    let deployment = Deployment::new(&file, environment)?;
    let wrangler = Wrangler::new(host, deployment.environment.clone()).await?;
    if is_dry {
        let needed = secrets::needed(&deployment.configuration);
        deployment.print_plan(host, &needed, &[], &lifecycle::RULES, true)?;
        return wrangler.deploy(true).await.map(|_| Exit::Good);
    }
    wrangler.must_be_logged_in().await?;
    let existing = wrangler.secret_names().await?;
    let missing = secrets::needed(&deployment.configuration).into_iter();
    let missing: Vec<Needed> = missing.filter(|needed| !existing.contains(&needed.name)).collect();
    let rules = wrangler.missing_rules(&deployment.inbox).await?;
    deployment.print_plan(host, &missing, &existing, &rules, false)?;
    let found = secrets::collect(host, &deployment.configuration, missing).await?;
    let (wrangler, deployment) = (&wrangler, &deployment);
    Steps { host, wrangler, deployment, rules: &rules, found: &found }.run().await
}

/// What is deployed.
struct Deployment {
    configuration: Configuration,
    environment: Option<String>,
    /// The Worker's name.
    name: String,
    /// The name of the inbox bucket.
    inbox: String,
}

impl Deployment {
    /// Reads the names as wrangler does: an environment has its own, or the name of the Worker and its own.
    fn new(file: &ConfigFile, environment: Option<String>) -> Result<Self> {
        let root = &file.root;
        let text = |table: &Map<String, Value>, field: &str| {
            table.get(field).and_then(Value::as_str).map(ToOwned::to_owned)
        };
        let top = text(root, "name")
            .with_context(|| format!("{} has no name for the Worker: name = \"seedhook\"", file.path))?;
        let (table, name) = match &environment {
            None => (root, top),
            Some(environment) => {
                let table = root.get("env").and_then(|all| all.get(environment)).and_then(Value::as_object);
                let table = table.with_context(|| format!("{} has no [env.{environment}]", file.path))?;
                (table, text(table, "name").unwrap_or_else(|| format!("{top}-{environment}")))
            }
        };
        let buckets = table.get("r2_buckets").and_then(Value::as_array).into_iter().flatten();
        let mut inbox =
            buckets.filter(|bucket| bucket.get("binding").and_then(Value::as_str) == Some("INBOX"));
        let inbox = inbox.next().and_then(|bucket| text(bucket.as_object()?, "bucket_name"));
        // wrangler's name for a bucket that it makes.
        let inbox = inbox.unwrap_or_else(|| format!("{name}-inbox"));
        let vars = table.get("vars").and_then(Value::as_object);
        let configuration = Configuration::read(vars.unwrap_or(&Map::new()));
        Ok(Self { configuration, environment, name, inbox })
    }

    fn print_plan(
        &self,
        host: &impl Host,
        secrets: &[Needed],
        existing: &[String],
        rules: &[Rule],
        is_dry: bool,
    ) -> Result<()> {
        let title = if is_dry { "The deployment" } else { "This deployment" };
        let mut lines = vec![format!("{title} of the Worker {}:", self.name)];
        lines.extend(secrets.iter().map(|needed| {
            format!("  set the secret {}: {} ({})", needed.name, needed.plan(host), needed.purpose)
        }));
        if is_dry {
            lines.push(
                "  (secrets that the Worker has are left as they are; a dry run does not ask which)"
                    .to_owned(),
            );
        } else if !existing.is_empty() {
            lines.push(format!(
                "  leave its {} secrets as they are: {}",
                existing.len(),
                existing.join(", ")
            ));
        }
        lines.push(
            "  upload the Worker and the dashboard; make the KV namespace and both buckets, if they are missing"
                .to_owned(),
        );
        lines.extend(rules.iter().map(|rule| {
            format!("  add to the bucket {}: {} expires after {} days", self.inbox, rule.prefix, rule.days)
        }));
        host.print(&(lines.join("\n") + "\n\n"))
    }
}

#[cfg(test)]
mod tests;
