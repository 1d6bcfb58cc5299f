//! The request that `try` and `sign` are about: what stands on the command line, as a delivery.
//!
//! It sends nothing.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;
use std::{fs, io};

use anyhow::{Context, Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::hook::Hook;
use seedhook::hook::delivery::RawDelivery;
use seedhook::timestamp::{SECOND_MS, Timestamp};

use crate::{clock, sample};

/// Where `cargo xtask dev` and `wrangler dev` listen.
const LOCAL: &str = "http://localhost:8787";

/// What [`Request::read`] understands, for the help of a command. Its first blanks are part of it.
pub(crate) const OPTIONS_HELP: &str =
    "  --header 'Name: value'   a header; as many as you like. The content type is guessed unless it is given
  --query 'a=1&b=2'        what stands after the ? of the address
  --method GET             another method than POST
  --url URL                the address that the sender calls, or only its beginning: some senders sign it
                           (default http://localhost:8787, where `cargo xtask dev` listens)
  --id ID                  the event's id: in its place where the sender signs one, and as Idempotency-Key
  --now SECONDS            the time, in seconds since 1970, instead of this machine's
  --config FILE            another file than wrangler.toml, or its folder; secrets are those of the .dev.vars beside it
";

/// A request as it was asked for.
#[derive(Debug)]
pub(crate) struct Request {
    /// The hook's name.
    pub(crate) hook: Option<String>,
    /// Another file than wrangler.toml.
    pub(crate) config: Option<PathBuf>,
    /// What time it is.
    pub(crate) now: Timestamp,
    payload: Option<PathBuf>,
    headers: Vec<(String, String)>,
    query: Option<String>,
    method: String,
    url: String,
    id: Option<String>,
    flags: BTreeSet<&'static str>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            hook: None,
            config: None,
            now: now(),
            payload: None,
            headers: Vec::new(),
            query: None,
            method: "POST".to_owned(),
            url: LOCAL.to_owned(),
            id: None,
            flags: BTreeSet::new(),
        }
    }
}

impl Request {
    /// The request to the Worker at an address that nothing more is said of.
    pub(crate) fn to(url: &str) -> Self {
        Self { url: url.to_owned(), ..Self::default() }
    }

    /// Reads the command line; `flags` are the command's own, without a value. `None` when help was asked for.
    pub(crate) fn read(mut arguments: lexopt::Parser, flags: &[&'static str]) -> Result<Option<Self>> {
        let mut request = Self::default();
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
                    let seconds: i64 = arguments.value()?.parse()?;
                    request.now = Timestamp::from_millis(seconds.saturating_mul(SECOND_MS));
                }
                Arg::Long("config") | Arg::Short('c') => request.config = Some(arguments.value()?.into()),
                Arg::Long(name) if flags.contains(&name) => {
                    request.flags.extend(flags.iter().filter(|flag| **flag == name));
                }
                Arg::Value(value) if request.hook.is_none() => request.hook = Some(value.string()?),
                Arg::Value(value) if request.payload.is_none() => request.payload = Some(value.into()),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(request))
    }

    /// Whether a flag of the command's own was given.
    pub(crate) fn has(&self, flag: &str) -> bool {
        self.flags.contains(flag)
    }

    /// The event's id, a new one unless it was given.
    pub(crate) fn id(&self) -> String {
        self.id.clone().unwrap_or_else(|| format!("msg_{:x}", clock::unix_time().as_nanos()))
    }

    /// The request to a hook, without a signature.
    pub(crate) fn delivery(&self, hook: &Hook) -> Result<RawDelivery> {
        let body = self.body(hook)?;
        let mut headers = self.headers.clone();
        let states = |name: &str| self.headers.iter().any(|(stated, _)| stated.eq_ignore_ascii_case(name));
        if let Some(content_type) = content_type(&body).filter(|_| !states("content-type")) {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        if let Some(id) = self.id.as_ref().filter(|_| !states("idempotency-key")) {
            headers.push(("idempotency-key".to_owned(), id.clone()));
        }
        Ok(RawDelivery::new(&self.method, &self.address(hook), headers, body, self.now))
    }

    fn body(&self, hook: &Hook) -> Result<Vec<u8>> {
        match &self.payload {
            Some(file) if file.as_os_str() == "-" => {
                let mut body = Vec::new();
                io::stdin().read_to_end(&mut body).context("the payload cannot be read")?;
                Ok(body)
            }
            Some(file) => fs::read(file).with_context(|| format!("{} cannot be read", file.display())),
            None if hook.name.as_str() == sample::HOOK && self.method == "POST" => Ok(sample::BODY.into()),
            None => Ok(Vec::new()),
        }
    }

    /// The whole address: a mere beginning gets the hook's path.
    fn address(&self, hook: &Hook) -> String {
        let (_, rest) = self.url.split_once("://").unwrap_or_default();
        let is_beginning = rest.trim_end_matches('/').find(['/', '?']).is_none();
        let url = if is_beginning {
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

fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(clock::unix_time().as_millis()).unwrap_or_default())
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
        _ => bail!("--header {written:?} is no header: write --header 'X-GitHub-Event: push'"),
    }
}

fn method(written: &str) -> Result<String> {
    if !written.is_empty() && written.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(written.to_ascii_uppercase());
    }
    bail!("--method {written:?} is no method: write --method GET")
}

fn address(written: &str) -> Result<String> {
    if written.starts_with("http://") || written.starts_with("https://") {
        return Ok(written.to_owned());
    }
    bail!("--url {written:?} is no address: write --url https://seedhook.example")
}

/// What a body most likely is. Broken JSON is called JSON, so that its mistake is told.
fn content_type(body: &[u8]) -> Option<&'static str> {
    let text = str::from_utf8(body).unwrap_or_default().trim_start_matches('\u{feff}').trim();
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
    use seedhook::configuration::Configuration;
    use serde_json::json;

    use super::*;
    use crate::project;

    fn hook() -> Hook {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
        let vars = json!({"HOOKS": {"h": hook}});
        Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
    }

    fn read(arguments: &[&str]) -> Result<Request> {
        let all = ["h"].iter().chain(arguments);
        Request::read(lexopt::Parser::from_args(all), &["json"]).map(Option::unwrap)
    }

    #[track_caller]
    fn check_address(arguments: &[&str], expected: &str) {
        assert_eq!(read(arguments).unwrap().delivery(&hook()).unwrap().url, expected);
    }

    #[test]
    fn a_mere_beginning_of_an_address_gets_the_hooks_path() {
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
    fn the_content_type_is_what_the_payload_looks_like() {
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
    fn a_header_wins_over_what_is_guessed() {
        let file = project::path("package.json");
        let file = file.to_str().unwrap();
        let request =
            read(&[file, "--header", "Content-Type: text/csv", "--id", "i1", "-H", "X-A:b: c"]).unwrap();
        let delivery = request.delivery(&hook()).unwrap();
        let header = |name: &str| delivery.header(name);
        assert_eq!(header("content-type"), Some("text/csv"));
        assert_eq!(header("idempotency-key"), Some("i1"));
        assert_eq!(header("x-a"), Some("b: c"));
        let own = read(&[file, "--id", "i1", "--header", "Idempotency-Key: i2"]).unwrap();
        let delivery = own.delivery(&hook()).unwrap();
        assert_eq!(delivery.header("idempotency-key"), Some("i2"));
        assert_eq!(delivery.header("content-type"), Some("application/json"));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        for bad in [
            &["--header", "no header"] as &[&str],
            &["--header", "a b: c"],
            &["--url", "localhost:8787"],
            &["--now", "today"],
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
