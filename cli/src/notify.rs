//! `seedhook notify`: sends a test message to a target of `NOTIFY`, made and signed by the Worker's own code.

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::expression::nearest;
use seedhook::hook::subscription::TargetName;
use seedhook::notify::{Request, Target, test_message};
use seedhook::service::notify::ANSWER_MS_MAX;
use seedhook::timestamp::Timestamp;

use crate::exit::Usage;
use crate::host::{Host, HttpRequest};
use crate::local_config::LocalConfig;
use crate::{Exit, help, unexpected};

pub(crate) const HELP: &str = "\
npx seedhook notify TARGET [options]

Sends a test message (type `seedhook.test`) to a target of [vars.NOTIFY], and prints its answer. Address and secrets are
those of the configuration and .dev.vars, and the message is made, signed and checked as the Worker does it.

  npx seedhook notify ops
  npx seedhook notify ops --print

Exits 0 if the target answers with a 2xx within five seconds, and otherwise 1.

  --print          print the message, and send nothing
  --config FILE    a configuration other than the one in this folder; its secrets are in the .dev.vars beside it
";

/// Reads the arguments, and sends the message.
pub(crate) async fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    let (mut name, mut file, mut only_print) = (None, None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return help(host, HELP),
            Arg::Long("print") => only_print = true,
            Arg::Long("config") | Arg::Short('c') => file = Some(arguments.value()?.string()?),
            Arg::Value(value) if name.is_none() => name = Some(value.string()?),
            other => return Err(unexpected(&other)),
        }
    }
    let config = LocalConfig::read(host, file.as_deref())?;
    let target = find(&config, name.as_deref())?;
    let now = Timestamp::from_millis(host.now_ms());
    let message = test_message(&target.name, &now.as_millis().to_string(), now);
    if only_print {
        host.print_data(&format!("{}\n", message.body(target.format)))?;
        return Ok(Exit::Good);
    }
    let secret = |name: &str| config.secret(name);
    let request = target.request(&message, &secret, now);
    let request = request.with_context(|| {
        format!("the target {} cannot be asked; secrets of this machine are in .dev.vars", target.name)
    })?;
    let answer = post(host, &request).await;
    let is_good = matches!(answer, Ok(200..=299));
    let word = if is_good { "delivered" } else { "not delivered" };
    let shown = match &answer {
        Ok(status) => format!("HTTP {status}"),
        Err(error) => format!("{error:#}"),
    };
    host.print(&format!("{word}: {} ({}) answered: {shown}\n", target.name, target.format.as_str()))?;
    if let Ok(300..=399) = answer {
        host.print("the Worker follows no redirects: write the address to which it leads\n")?;
    }
    Ok(Exit::good_if(is_good))
}

/// The target of a name.
///
/// # Errors
/// When no name is given, no target has it, or the target has mistakes.
fn find<'a>(config: &'a LocalConfig, name: Option<&str>) -> Result<&'a Target> {
    let targets = &config.configuration.targets;
    let known: Vec<&str> = targets.names().map(TargetName::as_str).collect();
    let has = if known.is_empty() {
        "the configuration has no [vars.NOTIFY]: docs/notifications.md".to_owned()
    } else {
        format!("there are {}", known.join(", "))
    };
    let Some(name) = name else { bail!(Usage(format!("the name of a target is missing: {has}"))) };
    let found = TargetName::try_from(name.to_owned()).ok().filter(|name| known.contains(&name.as_str()));
    let Some(found) = found else {
        let near = nearest(name, &known).map(|near| format!("did you mean {near}?"));
        bail!("there is no target {name}; {}", near.unwrap_or(has));
    };
    targets.get(&found).with_context(|| format!("target {name}: `npx seedhook check` shows its mistakes"))
}

/// Posts a request, and returns the status of the answer.
async fn post(host: &impl Host, request: &Request) -> Result<u16> {
    let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let request = HttpRequest {
        method: "POST".to_owned(),
        url: request.url.to_string(),
        headers: headers.collect(),
        body: request.body.clone().into_bytes(),
        timeout_ms: ANSWER_MS_MAX,
    };
    let head = host.open(&request).await?;
    host.close_body(head.body);
    Ok(head.status)
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(name: Option<&str>, expected: &str) {
        let target = json!({"url": "https://example.com", "secret": "S"});
        let vars = json!({"NOTIFY": {"ops": target, "bad": {"url": "https://10.0.0.1", "secret": "S"}}});
        let configuration = Configuration::read(vars.as_object().unwrap());
        let config = LocalConfig::new(configuration, [].into(), "w.toml".into());
        let found = find(&config, name).map(|target| target.name.to_string());
        assert_eq!(found.as_ref().is_err_and(anyhow::Error::is::<Usage>), name.is_none());
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
