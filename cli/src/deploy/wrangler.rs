//! wrangler, for what is done at Cloudflare.

use anyhow::{Context, Error, Result, anyhow, bail};
use serde_json::{Map, Value};

use super::lifecycle::{self, Rule};
use crate::host::{Host, Program, ProgramOutput, Write, read_text};

/// The file into which wrangler writes what it did, a JSON object in each line.
const OUTPUT: &str = ".wrangler/seedhook-deploy.jsonl";

/// The API's codes for a Worker that does not exist, as wrangler reads them.
const NO_WORKER: [u32; 2] = [10007, 10090];

/// The API's code for a bucket that does not exist.
const NO_BUCKET: u32 = 10006;

/// How long after the end of wrangler our own Ctrl-C may come, which the terminal sends to both, milliseconds.
const INTERRUPT_MS: u32 = 50;

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
                said(&output)
            );
        }
        Ok(())
    }

    /// The names of the Worker's secrets; none where there is no Worker yet.
    pub(super) async fn secret_names(&self) -> Result<Vec<String>> {
        let output = self.run(&["secret", "list", "--format", "json"], None).await?;
        if output.code != 0 {
            let said = said(&output);
            // Taken for a new one, a Worker would lose the secrets that it has.
            if is_no_worker(&said) {
                return Ok(Vec::new());
            }
            bail!("wrangler cannot list the Worker's secrets. Nothing was changed\n{said}");
        }
        let list = output.stdout.find('[').and_then(|start| output.stdout.get(start..)).unwrap_or_default();
        let list: Vec<Value> =
            serde_json::from_str(list).context("wrangler's list of secrets is not JSON")?;
        let names = list.iter().filter_map(|secret| secret.get("name").and_then(Value::as_str));
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// Sets secrets in one call: all or none. They are on standard input, and in no file and no argument.
    pub(super) async fn set_secrets(&self, values: &Map<String, Value>) -> Result<()> {
        let input = Value::Object(values.clone()).to_string();
        let output = self.run(&["secret", "bulk"], Some(input)).await?;
        if output.code != 0 {
            let failed = format!(
                "wrangler could not set the secrets, so none is set and nothing was deployed: run the same command again\n{}",
                said(&output)
            );
            return Err(self.failure(failed).await);
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
            let failed = format!(
                "`wrangler deploy` failed ({}): see above; the same command goes on from here",
                output.code
            );
            return Err(self.failure(failed).await);
        }
        let written = read_text(self.host, OUTPUT)?.unwrap_or_default();
        Ok(address(&written))
    }

    /// The lifecycle rules that a bucket does not have; all, where there is no bucket yet.
    pub(super) async fn missing_rules(&self, bucket: &str) -> Result<Vec<Rule>> {
        let output = self.run(&["r2", "bucket", "lifecycle", "list", bucket], None).await?;
        let said = said(&output);
        if output.code != 0 && !has_code(&said, NO_BUCKET) {
            bail!("wrangler cannot list the lifecycle rules of {bucket}. Nothing was changed\n{said}");
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
            let failed = format!(
                "the Worker is deployed, but {bucket} has no rule for {} yet: run the same command again\n{}",
                rule.prefix,
                said(&output)
            );
            return Err(self.failure(failed).await);
        }
        self.host.print(&format!("✓ {bucket}: {} expires after {days} days\n", rule.prefix))
    }

    /// Runs it, and returns what it prints.
    async fn run(&self, arguments: &[&str], input: Option<String>) -> Result<ProgramOutput> {
        let mut program = self.program(arguments, input);
        program.env.push(("FORCE_COLOR".to_owned(), "0".to_owned()));
        let ProgramOutput { code, stdout, stderr } = self.host.run(&program).await?;
        Ok(ProgramOutput { code, stdout: without_colours(&stdout), stderr: without_colours(&stderr) })
    }

    /// The error of a call that failed: Ctrl-C, which the terminal sends to wrangler too, or what is said here.
    async fn failure(&self, said: String) -> Error {
        self.host.sleep(INTERRUPT_MS).await.err().unwrap_or_else(|| anyhow!(said))
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

/// Whether wrangler says that there is no such Worker: in its own words, or with the API's code. Other things may be "not found", too.
fn is_no_worker(said: &str) -> bool {
    let says_it = |line: &str| {
        let quoted =
            line.split_once("Worker \"").filter(|(before, _)| before.is_empty() || before.ends_with("] "));
        let after = quoted.and_then(|(_, rest)| rest.split_once('"')).map(|(_, after)| after);
        after.is_some_and(|after| {
            let environment = after.strip_suffix(" not found.");
            environment
                .is_some_and(|text| text.is_empty() || text.starts_with(" (env: ") && text.ends_with(')'))
        })
    };
    said.lines().map(str::trim).any(says_it) || NO_WORKER.iter().any(|code| has_code(said, *code))
}

/// Whether the API answered with this code, as wrangler writes it.
fn has_code(said: &str, code: u32) -> bool {
    said.contains(&format!("[code: {code}]"))
}

/// A text without the codes of colours: wrangler colours the first line of an error in any case.
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    // After parameters comes one letter (ECMA-48, section 5.4).
    let rest = pieces.map(|piece| {
        let mut characters = piece.trim_start_matches(|character| matches!(character, ' '..='?')).chars();
        characters.next();
        characters.as_str()
    });
    first + &rest.collect::<String>()
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

    /// What wrangler 4.164 prints as an error.
    fn error(text: &str) -> String {
        format!("\n\u{1b}[31m✘ \u{1b}[41;31m[\u{1b}[41;97mERROR\u{1b}[41;31m]\u{1b}[0m \u{1b}[1m{text}\n\n")
    }

    #[track_caller]
    fn check_no_worker(text: &str, expected: bool) {
        assert_eq!(is_no_worker(&without_colours(&error(text))), expected, "{text}");
    }

    #[test]
    fn only_wranglers_own_words_mean_that_there_is_no_worker() {
        let hint = "\u{1b}[0m\n\n  If this is a new Worker, run `wrangler deploy` first to create it.";
        check_no_worker(&format!("Worker \"seeds\" not found.{hint}"), true);
        check_no_worker(&format!("Worker \"seeds-eu\" (env: eu) not found.{hint}"), true);
        let failed = |reason: &str| {
            format!(
                "A request to the Cloudflare API (/accounts/a/workers/scripts/s/secrets) failed.\u{1b}[0m\n\n  {reason}"
            )
        };
        check_no_worker(&failed("This Worker does not exist on your account. [code: 10007]"), true);
        check_no_worker(&failed("The environment does not exist. [code: 10090]"), true);
        check_no_worker(&failed("The account was not found. [code: 7003]"), false);
        check_no_worker(&failed("Could not route to /accounts/10007, not found"), false);
        check_no_worker("getaddrinfo ENOTFOUND api.cloudflare.com: not found", false);
        check_no_worker("The plan of Worker \"seeds\" not found.", false);
        check_no_worker("Worker \"seeds\": the account was not found.", false);
    }

    #[test]
    fn colours_are_left_out() {
        assert_eq!(without_colours(&error("gone\u{1b}[0m")), "\n✘ [ERROR] gone\n\n");
        for plain in ["", "a [b] 31m", "\u{1b}", "ä"] {
            assert_eq!(without_colours(plain), plain);
        }
        assert_eq!(without_colours("a\u{1b}["), "a");
    }
}
