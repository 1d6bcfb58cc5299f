//! `seedhook deploy`: checks, sets secrets, deploys, sets lifecycle rules, and says what to do next.
//!
//! wrangler does what is done at Cloudflare. Everything is planned and printed before anything is changed.

mod lifecycle;
mod secrets;
mod wrangler;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::config::Configuration;
use seedhook::config::setup::setup_steps;
use seedhook::http::secrets::OPERATOR_TOKEN;
use serde_json::{Map, Value};

use crate::address::Address;
use crate::check::check_project;
use crate::config_file::ConfigFile;
use crate::host::Host;
use crate::project::must_be_installed;
use crate::worker::Worker;
use crate::{Exit, help, unexpected};
use lifecycle::Rule;
use secrets::Needed;
use wrangler::Wrangler;

pub(crate) const HELP: &str = "\
npx seedhook deploy [options]

Checks the configuration, sets the secrets that the Worker does not have, deploys it with wrangler, sets the lifecycle rules
of the inbox bucket, calls /health, and prints each hook's address with the steps that connect its sender.
It prints what it will do before it changes anything, and asks only for secrets, at a terminal.

Secrets come from the environment (a variable of the same name), or from the terminal. Those that are ours to choose are made
at random: OPERATOR_TOKEN and LINK_SECRET, and the secrets of senders that take one. A random secret that you need is shown
once. Without a terminal, secrets that somebody has to know must be in the environment.
wrangler must be logged in (`npx wrangler login`), or CLOUDFLARE_API_TOKEN must be set.

  --dry-run        print what would be done, and let wrangler bundle the Worker; change nothing, and need no login
  --env NAME       deploy the environment [env.NAME] of the configuration
";

/// How long a new Worker may take until its address answers, milliseconds.
const UP_WITHIN_MS: i64 = 60_000;

/// The time between two calls of /health, milliseconds.
const ASK_EVERY_MS: u32 = 3_000;

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
    let report = check_project(host, None)?;
    if !report.is_good() {
        bail!("the configuration has mistakes, so nothing was deployed\n{}", report.text().trim_end());
    }
    let file = ConfigFile::read(host, &ConfigFile::find(host, None)?)?;
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
    wrangler.set_secrets(&found.values).await?;
    let url = wrangler.deploy(false).await?;
    for rule in &rules {
        wrangler.add_rule(&deployment.inbox, rule).await?;
    }
    deployment.print_result(host, url.as_deref(), &found).await
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
        } else if secrets.is_empty() {
            lines.push(format!("  leave its {} secrets as they are", existing.len()));
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

    /// Prints addresses, steps, and secrets that are shown once.
    async fn print_result(
        &self,
        host: &impl Host,
        url: Option<&str>,
        found: &secrets::Found,
    ) -> Result<Exit> {
        if !found.shown.is_empty() {
            host.print("\nShown once, so keep them now:\n")?;
            for (name, value) in &found.shown {
                host.print(&format!("  {name}={value}\n"))?;
            }
        }
        let Some(url) = url else {
            host.print(
                "\nwrangler named no address of the Worker: a route or workers_dev = true gives it one\n",
            )?;
            return Ok(Exit::Good);
        };
        let is_healthy = self.health(host, url, found).await?;
        for hook in self.configuration.hooks.values().flatten().filter(|hook| hook.has_address()) {
            let address = format!("{url}/hooks/{}", hook.name);
            host.print(&format!("\n{address}\n"))?;
            for (index, step) in setup_steps(hook, &address).iter().enumerate() {
                host.print(&format!("  {}. {step}\n", index + 1))?;
            }
        }
        for name in &found.unset {
            host.print(&format!("\nnot set yet: `npx wrangler secret put {name}`; until then its deliveries are answered 503\n"))?;
        }
        host.print(&format!(
            "\nDashboard: {url}/  (with the OPERATOR_TOKEN)\nRuns: SEEDHOOK_URL={url} npx seedhook runs\n"
        ))?;
        Ok(Exit::good_if(is_healthy))
    }

    /// Calls /health until the new address answers, and prints what it says.
    async fn health(&self, host: &impl Host, url: &str, found: &secrets::Found) -> Result<bool> {
        let token = found.values.get(OPERATOR_TOKEN).and_then(Value::as_str).map(ToOwned::to_owned);
        let token = token.or_else(|| host.env(OPERATOR_TOKEN)).unwrap_or_default();
        let worker = Worker::new(host, Address { url: url.to_owned(), token });
        host.show_progress(Some("waiting for the Worker's address"));
        let start_ms = host.now_ms();
        loop {
            let answer = worker.health_problems().await;
            host.show_progress(None);
            match answer {
                Some((200, _)) => {
                    host.print(&format!("\n{url}/health: healthy\n"))?;
                    return Ok(true);
                }
                // The address of a new Worker is answered by others for some seconds.
                Some((503, problems)) if !problems.is_empty() => {
                    host.print(&format!("\n{url}/health: not healthy\n"))?;
                    for problem in problems {
                        host.print(&format!("  {problem}\n"))?;
                    }
                    return Ok(false);
                }
                _ if host.now_ms() - start_ms < UP_WITHIN_MS => host.sleep(ASK_EVERY_MS).await?,
                other => {
                    let status = other.map_or("nothing".to_owned(), |(status, _)| status.to_string());
                    host.print(&format!("\n{url}/health answers {status}: ask again in some minutes\n"))?;
                    return Ok(false);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
