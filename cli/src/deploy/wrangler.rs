//! wrangler, for what is done at Cloudflare.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

use super::lifecycle::{self, Rule};
use crate::host::{Host, Program, ProgramOutput, Write, read_text};

/// The file into which wrangler writes what it did, a JSON object in each line.
const OUTPUT: &str = ".wrangler/seedhook-deploy.jsonl";

/// wrangler, in this folder.
pub(super) struct Wrangler<'h, H> {
    host: &'h H,
    words: Vec<String>,
    environment: Option<String>,
}

impl<'h, H: Host> Wrangler<'h, H> {
    /// Finds it.
    pub(super) async fn new(host: &'h H, environment: Option<String>) -> Result<Self> {
        Ok(Self { host, words: host.wrangler().await?, environment })
    }

    /// # Errors
    /// When it is not logged in.
    pub(super) async fn must_be_logged_in(&self) -> Result<()> {
        let output = self.run(&["whoami", "--json"], None).await?;
        if output.code != 0 {
            bail!(
                "wrangler is not logged in: run `npx wrangler login`, or set CLOUDFLARE_API_TOKEN. Nothing was changed\n{}",
                last_line(&output)
            );
        }
        Ok(())
    }

    /// The names of the Worker's secrets; none where there is no Worker yet.
    pub(super) async fn secret_names(&self) -> Result<Vec<String>> {
        let output = self.run(&["secret", "list", "--format", "json"], None).await?;
        if output.code != 0 {
            let said = format!("{}{}", output.stdout, output.stderr);
            if said.contains("not found") {
                return Ok(Vec::new());
            }
            bail!("wrangler cannot list the Worker's secrets. Nothing was changed\n{}", said.trim());
        }
        let list = output.stdout.find('[').and_then(|start| output.stdout.get(start..)).unwrap_or_default();
        let list: Vec<Value> =
            serde_json::from_str(list).context("wrangler's list of secrets is not JSON")?;
        let names = list.iter().filter_map(|secret| secret.get("name").and_then(Value::as_str));
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// Sets secrets in one call. They are on standard input, and in no file and no argument.
    pub(super) async fn set_secrets(&self, values: &Map<String, Value>) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let input = Value::Object(values.clone()).to_string();
        let output = self.run(&["secret", "bulk"], Some(input)).await?;
        if output.code != 0 {
            bail!("wrangler could not set the secrets, so nothing was deployed\n{}", said(&output));
        }
        self.host.print(&format!("✓ {} secrets set\n", values.len()))
    }

    /// Deploys. Returns the Worker's address, if it has one.
    pub(super) async fn deploy(&self, is_dry: bool) -> Result<Option<String>> {
        self.host.write_file(OUTPUT, &[], Write::Replace)?;
        let mut arguments = vec!["deploy"];
        if is_dry {
            arguments.push("--dry-run");
        }
        let mut program = self.program(&arguments, None);
        program.is_shown = true;
        program.env.push(("WRANGLER_OUTPUT_FILE_PATH".to_owned(), OUTPUT.to_owned()));
        let output = self.host.run(&program).await?;
        if output.code != 0 {
            bail!(
                "`wrangler deploy` failed ({}): see above; the same command goes on from here",
                output.code
            );
        }
        let written = read_text(self.host, OUTPUT)?.unwrap_or_default();
        Ok(address(&written))
    }

    /// The lifecycle rules that a bucket does not have; all, where there is no bucket yet.
    pub(super) async fn missing_rules(&self, bucket: &str) -> Result<Vec<Rule>> {
        let output = self.run(&["r2", "bucket", "lifecycle", "list", bucket], None).await?;
        let said = format!("{}{}", output.stdout, output.stderr);
        if output.code != 0 && !said.contains("not exist") && !said.contains("not found") {
            bail!(
                "wrangler cannot list the lifecycle rules of {bucket}. Nothing was changed\n{}",
                said.trim()
            );
        }
        Ok(lifecycle::missing(&output.stdout))
    }

    /// Adds a rule to a bucket.
    pub(super) async fn add_rule(&self, bucket: &str, rule: &Rule) -> Result<()> {
        let days = rule.days.to_string();
        let arguments = [
            "r2",
            "bucket",
            "lifecycle",
            "add",
            bucket,
            rule.name,
            rule.prefix,
            "--expire-days",
            &days,
            "--force",
        ];
        let output = self.run(&arguments, None).await?;
        if output.code != 0 {
            bail!(
                "the Worker is deployed, but {bucket} has no rule for {} yet: run the same command again\n{}",
                rule.prefix,
                said(&output)
            );
        }
        self.host.print(&format!("✓ {bucket}: {} expires after {days} days\n", rule.prefix))
    }

    async fn run(&self, arguments: &[&str], input: Option<String>) -> Result<ProgramOutput> {
        self.host.run(&self.program(arguments, input)).await
    }

    fn program(&self, arguments: &[&str], input: Option<String>) -> Program {
        let mut words = self.words.clone();
        words.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        // Buckets belong to no environment.
        if let Some(environment) =
            self.environment.as_ref().filter(|_| !matches!(arguments.first(), Some(&("r2" | "whoami"))))
        {
            words.extend(["--env".to_owned(), environment.clone()]);
        }
        let env = vec![("WRANGLER_SEND_METRICS".to_owned(), "false".to_owned())];
        Program { words, env, input, ..Program::default() }
    }
}

/// The Worker's address in what wrangler wrote: the one of workers.dev, or a domain of its own.
fn address(written: &str) -> Option<String> {
    let mut entries = written.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let deployed = entries.rfind(|entry| entry.get("type").and_then(Value::as_str) == Some("deploy"))?;
    let targets: Vec<&str> = deployed.get("targets")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let own = targets.iter().find_map(|target| target.strip_suffix(" (custom domain)"));
    let dev = targets.iter().find(|target| target.starts_with("https://"));
    own.map(|host| format!("https://{host}")).or_else(|| dev.map(|url| url.trim_end_matches('/').to_owned()))
}

fn said(output: &ProgramOutput) -> String {
    format!("{}{}", output.stdout, output.stderr).trim().to_owned()
}

fn last_line(output: &ProgramOutput) -> String {
    said(output).lines().last().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_a_domain_of_its_own_or_the_one_of_workers_dev() {
        let line = |targets: &str| {
            format!("{{\"type\":\"wrangler-session\"}}\n{{\"type\":\"deploy\",\"targets\":[{targets}]}}\n")
        };
        let dev = r#""https://seeds.acme.workers.dev","schedule: */2 * * * *""#;
        assert_eq!(address(&line(dev)).as_deref(), Some("https://seeds.acme.workers.dev"));
        let own = format!(r#"{dev},"hooks.acme.example (custom domain)""#);
        assert_eq!(address(&line(&own)).as_deref(), Some("https://hooks.acme.example"));
        assert_eq!(address(&line(r#""schedule: */2 * * * *""#)), None);
        assert_eq!(address(""), None);
    }
}
