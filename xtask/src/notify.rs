//! `cargo xtask notify`: sends a test message to a target of `NOTIFY`, made and signed by the Worker's own code.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::expression::nearest;
use seedhook::hook::subscription::TargetName;
use seedhook::notify::{Request, Target, test_message};
use seedhook::service::notify::ANSWER_MS_MAX;
use seedhook::timestamp::Timestamp;
use serde_json::{Map, Value, json};

use crate::local_config::LocalConfig;
use crate::setup::Node;
use crate::terminal::{help, print};
use crate::{clock, project};

const HELP: &str = "\
cargo xtask notify TARGET [options]

Sends a test message (type `seedhook.test`) to a target of [vars.NOTIFY], and prints its answer. Address and secrets are
those of wrangler.toml and .dev.vars, and the message is made, signed and checked as the Worker does it.

  cargo xtask notify ops
  cargo xtask notify ops --print

Exits 0 if the target answers with a 2xx within five seconds, and otherwise 1.

  --print          print the message, and send nothing
  --config FILE    a configuration other than wrangler.toml, or its folder; its secrets are in the .dev.vars in that folder
";

/// Posts what it reads, and prints the status of the answer. The body of the answer is not read.
const POST: &str = r#"
let text = "";
for await (const piece of process.stdin) text += piece;
const { url, headers, body, limit } = JSON.parse(text);
try {
  const signal = AbortSignal.timeout(limit);
  const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
  console.log(answer.status);
} catch (error) {
  console.log(error.name === "TimeoutError" ? `no answer within ${limit / 1000} s` : error.cause?.code ?? error.message);
}
process.exit();
"#;

/// Reads the arguments, and sends the message.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut name, mut file, mut only_print) = (None, None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("print") => only_print = true,
            Arg::Long("config") => file = Some(PathBuf::from(arguments.value()?)),
            Arg::Value(value) if name.is_none() => name = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let config = LocalConfig::read(file.as_deref())?;
    let target = find(&config, name.as_deref())?;
    let now = Timestamp::from_millis(i64::try_from(clock::unix_time()?.as_millis())?);
    let message = test_message(&target.name, &now.as_millis().to_string(), now);
    if only_print {
        print(&format!("{}\n", message.body(target.format)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let secret = |name: &str| config.secret(name);
    let request = target.request(&message, &secret, now);
    let request = request.with_context(|| {
        format!("the target {} cannot be asked; secrets of this machine are in .dev.vars", target.name)
    })?;
    let answer = post(&request)?;
    let status: Option<u16> = answer.parse().ok();
    let (word, code) = match status {
        Some(200..=299) => ("delivered", ExitCode::SUCCESS),
        _ => ("not delivered", ExitCode::FAILURE),
    };
    let answer = status.map_or(answer, |status| format!("HTTP {status}"));
    print(&format!("{word}: {} ({}) answered: {answer}\n", target.name, target.format.as_str()))?;
    if let Some(300..=399) = status {
        print("the Worker follows no redirects: write the address to which it leads\n")?;
    }
    Ok(code)
}

/// The target of a name.
///
/// # Errors
/// When no name is given, no target has it, or the target has mistakes.
fn find<'a>(config: &'a LocalConfig, name: Option<&str>) -> Result<&'a Target> {
    let targets = &config.configuration.targets;
    let known: Vec<&str> = targets.names().map(TargetName::as_str).collect();
    let has = if known.is_empty() {
        "wrangler.toml has no [vars.NOTIFY]: docs/notifications.md".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    let Some(name) = name else { bail!("the name of a target is missing: {has}") };
    let found = TargetName::try_from(name.to_owned()).ok().filter(|name| known.contains(&name.as_str()));
    let Some(found) = found else {
        let near = nearest(name, &known).map(|near| format!("did you mean {near}?"));
        bail!("there is no target {name}; {}", near.unwrap_or(has));
    };
    targets.get(&found).with_context(|| format!("target {name}: `cargo xtask check` shows its mistakes"))
}

/// Posts a request with Node, which every developer of the project has, and returns the status of the answer, or why there is none.
fn post(request: &Request) -> Result<String> {
    let headers: Map<String, Value> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    let input = json!({
        "url": request.url.as_str(), "headers": headers, "body": request.body, "limit": ANSWER_MS_MAX,
    });
    let node = Node::ready()?;
    let mut command = Command::new(&node.program);
    command.args(["--input-type=module", "--eval", POST]).current_dir(project::root());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("node")?;
    child.stdin.take().context("node takes no input")?.write_all(input.to_string().as_bytes())?;
    let output = child.wait_with_output()?;
    let answer = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if answer.is_empty() {
        bail!("node ended without an answer ({})", output.status);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;

    use super::*;

    #[track_caller]
    fn check(name: Option<&str>, expected: &str) {
        let target = json!({"url": "https://example.com", "secret": "S"});
        let vars = json!({"NOTIFY": {"ops": target, "bad": {"url": "https://10.0.0.1", "secret": "S"}}});
        let configuration = Configuration::read(vars.as_object().unwrap());
        let config = LocalConfig::new(configuration, [].into(), "w.toml".into());
        let found = find(&config, name).map(|target| target.name.to_string());
        let text = found.unwrap_or_else(|error| format!("{error:#}"));
        assert!(text.contains(expected), "{expected}: {text}");
    }

    #[test]
    fn a_target_is_found_by_its_name() {
        check(Some("ops"), "ops");
        check(Some("opps"), "did you mean ops?");
        check(Some("zzzzz"), "there are bad, ops");
        check(Some("bad"), "has a mistake");
        check(None, "the name of a target is missing: there are bad, ops");
    }
}
