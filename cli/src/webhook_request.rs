//! A webhook request from the command line of `try` and `sign`, or the sample that `dev` sends. Nothing here sends it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::hook::Hook;
use seedhook::request::RawRequest;
use seedhook::timestamp::{SECOND_MS, Timestamp};

use crate::exit::Usage;
use crate::host::Host;
use crate::unexpected;

/// The hook of wrangler.toml that the sample webhook is for.
pub(crate) const SAMPLE_HOOK: &str = "crm-deal-won";

/// The body of the sample webhook: what a CRM would send when a deal is won.
pub(crate) const SAMPLE_BODY: &str = r#"{"type":"deal.won","data":{"amount":25000,"seats":12,"closed_at":"2026-11-20T16:45:00Z","account":{"name":"Globex"}}}"#;

/// The address at which `npx seedhook dev` and `wrangler dev` listen.
const LOCAL_URL: &str = "http://localhost:8787";

/// The options that [`WebhookRequest::read`] reads, for the help of a command. The blanks at its start are part of it.
pub(crate) const OPTIONS_HELP: &str =
    "  --header 'Name: value'   add a header; can be repeated. Without a Content-Type one is guessed from the payload
  --query 'a=1&b=2'        the query of the address
  --method GET             the HTTP method (default POST)
  --url URL                the address that the sender calls, which some senders sign. An address without a path gets
                           the hook's path (default http://localhost:8787, where `npx seedhook dev` listens)
  --id ID                  the event's id. It is sent as Idempotency-Key, and where the sender signs an id
  --now SECONDS            the time in seconds since 1970 (default: this machine's clock)
  --config FILE            a configuration other than wrangler.toml, or its folder; its secrets are in the .dev.vars
                           in that folder
";

/// A webhook request.
#[derive(Debug)]
pub(crate) struct WebhookRequest {
    /// The name of the hook that it is for.
    pub(crate) hook: Option<String>,
    /// The configuration, where it is not the project's wrangler.toml.
    pub(crate) config: Option<String>,
    /// The time at which it is sent.
    pub(crate) now: Timestamp,
    payload: Option<String>,
    headers: Vec<(String, String)>,
    query: Option<String>,
    method: String,
    url: String,
    id: Option<String>,
    /// The id when none is given.
    new_id: String,
    flags: BTreeSet<&'static str>,
}

impl WebhookRequest {
    /// A request to the Worker at an address, sent now.
    pub(crate) fn to(host: &impl Host, url: &str) -> Result<Self> {
        let now_ms = host.now_ms();
        let mut random = [0; 8];
        host.fill_random(&mut random)?;
        Ok(Self {
            hook: None,
            config: None,
            now: Timestamp::from_millis(now_ms),
            payload: None,
            headers: Vec::new(),
            query: None,
            method: "POST".to_owned(),
            url: url.to_owned(),
            id: None,
            new_id: format!("msg_{}", base16ct::lower::encode_string(&random)),
            flags: BTreeSet::new(),
        })
    }

    /// Reads the command line. `flags` are further options of the command, without a value. `None` for `--help`.
    pub(crate) fn read(
        host: &impl Host,
        mut arguments: lexopt::Parser,
        flags: &[&'static str],
    ) -> Result<Option<Self>> {
        let mut request = Self::to(host, LOCAL_URL)?;
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("header") | Arg::Short('H') => {
                    request.headers.push(header(&arguments.value()?.string()?)?);
                }
                Arg::Long("query") => request.query = Some(arguments.value()?.string()?),
                Arg::Long("method") | Arg::Short('X') => {
                    request.method = method(&arguments.value()?.string()?)?;
                }
                Arg::Long("url") => request.url = address(&arguments.value()?.string()?)?,
                Arg::Long("id") => request.id = Some(arguments.value()?.string()?),
                Arg::Long("now") => {
                    request.now = time(&arguments.value()?.string()?)?;
                }
                Arg::Long("config") | Arg::Short('c') => request.config = Some(arguments.value()?.string()?),
                Arg::Long(name) if flags.contains(&name) => {
                    request.flags.extend(flags.iter().filter(|flag| **flag == name));
                }
                Arg::Value(value) if request.hook.is_none() => request.hook = Some(value.string()?),
                Arg::Value(value) if request.payload.is_none() => request.payload = Some(value.string()?),
                other => return Err(unexpected(&other)),
            }
        }
        Ok(Some(request))
    }

    /// Gives it a payload from a file, and headers; an event of its own, also where the payload has an id.
    pub(crate) fn add_payload(&mut self, file: &str, headers: impl IntoIterator<Item = (String, String)>) {
        self.payload = Some(file.to_owned());
        self.headers.extend(headers);
    }

    /// Whether a flag was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// The event's id: the given one, or a new one.
    pub(crate) fn id(&self) -> &str {
        self.id.as_deref().unwrap_or(&self.new_id)
    }

    /// The unsigned request to a hook.
    pub(crate) fn delivery(&self, host: &impl Host, hook: &Hook) -> Result<RawRequest> {
        let body = self.body(host, hook)?;
        let mut headers = self.headers.clone();
        let states = |name: &str| self.headers.iter().any(|(stated, _)| stated.eq_ignore_ascii_case(name));
        if let Some(content_type) = content_type(&body).filter(|_| !states("content-type")) {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        if let Some(id) = self.id.as_ref().filter(|_| !states("idempotency-key")) {
            headers.push(("idempotency-key".to_owned(), id.clone()));
        }
        Ok(RawRequest::new(&self.method, &self.address(hook), headers, body, self.now))
    }

    fn body(&self, host: &impl Host, hook: &Hook) -> Result<Vec<u8>> {
        match self.payload.as_deref() {
            Some("-") => host.stdin().context("the payload cannot be read from standard input"),
            Some(file) => host.read_file(file)?.with_context(|| format!("the payload {file} does not exist")),
            None if hook.name.as_str() == SAMPLE_HOOK && self.method == "POST" => Ok(SAMPLE_BODY.into()),
            None => Ok(Vec::new()),
        }
    }

    /// The address with the hook's path, if it has none, and with the query.
    fn address(&self, hook: &Hook) -> String {
        let (_, rest) = self.url.split_once("://").unwrap_or_default();
        let has_no_path = rest.trim_end_matches('/').find(['/', '?']).is_none();
        let url = if has_no_path {
            format!("{}/hooks/{}", self.url.trim_end_matches('/'), hook.name)
        } else {
            self.url.clone()
        };
        match self.query.as_deref().map(|query| query.trim_start_matches('?')) {
            None | Some("") => url,
            Some(query) if url.contains('?') => format!("{url}&{query}"),
            Some(query) => format!("{url}?{query}"),
        }
    }
}

fn time(written: &str) -> Result<Timestamp> {
    let millis = written.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(SECOND_MS));
    let Some(millis) = millis else {
        bail!(Usage(format!(
            "--now must be whole seconds since 1970, got {written:?}: write --now 1700000000"
        )));
    };
    Ok(Timestamp::from_millis(millis))
}

fn header(written: &str) -> Result<(String, String)> {
    let pair = written.split_once(':').map(|(name, value)| (name.trim(), value.trim()));
    let is_name = |name: &str| {
        !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_graphic() && !b"()<>@,;\\\"/".contains(&byte))
    };
    match pair {
        Some((name, value)) if is_name(name) && !value.contains(['\r', '\n']) => {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => bail!(Usage(format!(
            "--header must be a name, a colon and a value, got {written:?}: write --header 'X-GitHub-Event: push'"
        ))),
    }
}

fn method(written: &str) -> Result<String> {
    if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(written.to_ascii_uppercase());
    }
    bail!(Usage(format!("--method must be an HTTP method, got {written:?}: write --method GET")))
}

fn address(written: &str) -> Result<String> {
    let rest = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://"));
    let is_one_word = |rest: &str| !rest.contains(|c: char| c.is_whitespace() || c.is_control());
    if rest.is_some_and(|rest| !rest.starts_with(['/', '?', '#']) && !rest.is_empty() && is_one_word(rest)) {
        return Ok(written.to_owned());
    }
    bail!(Usage(format!(
        "--url must be a host after http:// or https://, without blanks, got {written:?}: write --url https://seedhook.example"
    )))
}

/// The most likely content type of a body. Broken JSON counts as JSON, so that the parser can say what is wrong in it.
fn content_type(body: &[u8]) -> Option<&'static str> {
    let Ok(text) = str::from_utf8(body) else { return Some("application/octet-stream") };
    let text = text.trim_start_matches('\u{feff}').trim();
    let is_form = || {
        let is_field = |field: &str| field.split_once('=').is_some_and(|(name, _)| !name.is_empty());
        text.split('&').all(is_field) && !text.contains([' ', '\n', '<', '{', '"'])
    };
    match text.chars().next() {
        None => (!body.is_empty()).then_some("application/octet-stream"),
        Some('{' | '[') => Some("application/json"),
        Some('<') => Some("application/xml"),
        Some(_) if is_form() => Some("application/x-www-form-urlencoded"),
        Some(_) if serde_json::from_str::<serde_json::Value>(text).is_ok() => Some("application/json"),
        Some(_) => Some("text/plain"),
    }
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use serde_json::json;

    use super::*;
    use crate::testing::{TestHost, project_path};

    fn hook() -> Hook {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
        let vars = json!({"HOOKS": {"h": hook}});
        Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
    }

    fn read(arguments: &[&str]) -> Result<WebhookRequest> {
        let all = ["h"].iter().chain(arguments);
        WebhookRequest::read(&TestHost::new(), lexopt::Parser::from_args(all), &["json"]).map(Option::unwrap)
    }

    #[track_caller]
    fn check_address(arguments: &[&str], expected: &str) {
        assert_eq!(read(arguments).unwrap().delivery(&TestHost::new(), &hook()).unwrap().url, expected);
    }

    #[test]
    fn an_address_without_a_path_gets_the_hooks_path() {
        check_address(&[], "http://localhost:8787/hooks/h");
        check_address(&["--url", "https://a.example/"], "https://a.example/hooks/h");
        check_address(&["--url", "https://a.example/x?y=1"], "https://a.example/x?y=1");
        check_address(&["--query", "?a=1&b=%20"], "http://localhost:8787/hooks/h?a=1&b=%20");
        check_address(&["--url", "https://a.example/x?y=1", "--query", "a=1"], "https://a.example/x?y=1&a=1");
    }

    #[track_caller]
    fn check_type(body: &str, expected: Option<&str>) {
        assert_eq!(content_type(body.as_bytes()), expected, "{body}");
    }

    #[test]
    fn the_content_type_is_guessed_from_the_payload() {
        check_type("{\"a\": 1}\n", Some("application/json"));
        check_type("[1", Some("application/json"));
        check_type("12", Some("application/json"));
        check_type("a=1&b=x%20y&c=", Some("application/x-www-form-urlencoded"));
        check_type("a == b", Some("text/plain"));
        check_type("<a b=\"c\"/>", Some("application/xml"));
        check_type("", None);
        assert_eq!(content_type(&[0xff]), Some("application/octet-stream"));
    }

    #[test]
    fn a_given_header_replaces_the_guessed_one() {
        let file = project_path("package.json");
        let file = file.as_str();
        let request =
            read(&[file, "--header", "Content-Type: text/csv", "--id", "i1", "-H", "X-A:b: c"]).unwrap();
        let delivery = request.delivery(&TestHost::new(), &hook()).unwrap();
        let header = |name: &str| delivery.header(name);
        assert_eq!(header("content-type"), Some("text/csv"));
        assert_eq!(header("idempotency-key"), Some("i1"));
        assert_eq!(header("x-a"), Some("b: c"));
        let own = read(&[file, "--id", "i1", "--header", "Idempotency-Key: i2"]).unwrap();
        let delivery = own.delivery(&TestHost::new(), &hook()).unwrap();
        assert_eq!(delivery.header("idempotency-key"), Some("i2"));
        assert_eq!(delivery.header("content-type"), Some("application/json"));
    }

    #[test]
    fn invalid_options_are_rejected() {
        for bad in [
            &["--header", "no header"] as &[&str],
            &["--header", "a b: c"],
            &["--url", "localhost:8787"],
            &["--url", "https://"],
            &["--url", "https:///hooks/h"],
            &["--url", "http://a b/"],
            &["--url", "http://a/\n"],
            &["--now", "today"],
            &["--now", "9223372036854775807"],
            &["--method", "GET;"],
            &["a.json", "b.json"],
            &["--verified"],
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
        assert!(read(&["--json"]).unwrap().has("json"));
        assert_eq!(read(&["--now", "12"]).unwrap().now, Timestamp::from_millis(12_000));
    }
}
