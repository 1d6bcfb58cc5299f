//! The command line of an operator's call. Each command names the arguments and options that it takes.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::timestamp::Timestamp;

use super::{Command, FILTERS};
use crate::address::{Address, AddressOptions, encoded};
use crate::exit::Usage;
use crate::host::Host;
use crate::unexpected;

/// The arguments.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    /// Whether JSON is wanted.
    pub(super) is_json: bool,
    values: Vec<String>,
    options: BTreeMap<&'static str, String>,
    flags: Vec<&'static str>,
    address: AddressOptions,
}

impl Arguments {
    /// Reads them. `None` for `--help`.
    pub(super) fn read(mut parser: lexopt::Parser, command: &Command) -> Result<Option<Self>> {
        let mut arguments = Self::default();
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("json") => arguments.is_json = true,
                Arg::Long("url") => arguments.address.url = Some(parser.value()?.string()?),
                Arg::Long("token") => arguments.address.token = Some(parser.value()?.string()?),
                Arg::Long(name) => {
                    let known = |names: &[&'static str]| names.iter().find(|known| **known == name).copied();
                    if let Some(option) = known(command.options) {
                        let before = arguments.options.insert(option, parser.value()?.string()?);
                        if before.is_some() {
                            bail!(Usage(format!("--{option} is given twice")));
                        }
                    } else if let Some(flag) = known(command.flags) {
                        arguments.flags.push(flag);
                    } else {
                        return Err(unexpected(&Arg::Long(name)));
                    }
                }
                Arg::Value(value) if arguments.values.len() < command.positional.len() => {
                    arguments.values.push(value.string()?);
                }
                other => return Err(unexpected(&other)),
            }
        }
        let mut required = command.positional.iter().filter(|name| !name.starts_with('['));
        if let Some(missing) = required.nth(arguments.values.len()) {
            bail!(Usage(format!(
                "{missing} is missing: npx seedhook {} {}",
                command.name,
                command.positional.join(" ")
            )));
        }
        arguments.must_do_something(command)?;
        Ok(Some(arguments))
    }

    /// An error about an option that would have no effect together with the others.
    fn must_do_something(&self, command: &Command) -> Result<()> {
        let names_one = command.positional.first() == Some(&"[RUN]") && self.value(0).is_some();
        let is_given = |name: &&&str| self.options.contains_key(**name) || self.has(name);
        if let Some(filter) = FILTERS.iter().chain(&["all"]).find(is_given).filter(|_| names_one) {
            bail!(Usage(format!("--{filter} chooses among runs, and RUN names one: give one of the two")));
        }
        if self.has("all") && self.option("limit").is_some() {
            bail!(Usage("--limit does nothing with --all, which takes every page".to_owned()));
        }
        Ok(())
    }

    /// Which Worker is called.
    pub(super) fn address(&self, host: &impl Host) -> Result<Address> {
        Address::find(host, &self.address)
    }

    /// Whether a flag is given.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    /// The value of an option.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).map(String::as_str)
    }

    /// An argument by its position.
    pub(super) fn value(&self, index: usize) -> Option<&str> {
        self.values.get(index).map(String::as_str)
    }

    /// The path of a run, below the API.
    pub(super) fn run_path(&self) -> String {
        format!("/api/runs/{}", encoded(self.value(0).unwrap_or_default()))
    }

    /// The query of a list: the options that are filters, by the API's names. Times such as `2h` are counted back from now.
    pub(super) fn query(&self, now: Timestamp) -> Result<Vec<(String, String)>> {
        let mut query = Vec::new();
        for (name, value) in &self.options {
            let (name, value) = match *name {
                "delivery" => ("delivery_id", value.clone()),
                "task" => ("task_id", value.clone()),
                name @ ("since" | "until") => (name, time(name, value, now)?),
                name @ ("status" | "hook" | "limit" | "cursor") => (name, value.clone()),
                _ => continue,
            };
            query.push((name.to_owned(), value));
        }
        Ok(query)
    }
}

/// A path with a query.
pub(super) fn with_query(path: &str, query: &[(String, String)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

/// A time as the API takes it: as it is, or `2h`, `3d`, `15m` before now.
fn time(option: &str, written: &str, now: Timestamp) -> Result<String> {
    let unit = written.chars().next_back().unwrap_or_default();
    let unit_ms = match unit {
        'm' => 60_000,
        'h' => 3_600_000,
        'd' => 86_400_000,
        _ => return Ok(written.to_owned()),
    };
    let count = written.strip_suffix(unit).and_then(|count| count.parse::<i64>().ok());
    match count.and_then(|count| now.as_millis().checked_sub(count.checked_mul(unit_ms)?)) {
        Some(ms) if ms >= 0 => Ok(Timestamp::from_millis(ms).to_string()),
        _ => bail!(Usage(format!(
            "--{option} must be a time such as 2026-11-25T00:00:00Z or 2h, got {written}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::COMMANDS;
    use super::*;
    use crate::testing::NOW_MS;

    fn read(name: &str, words: &[&str]) -> Result<Arguments> {
        let command = COMMANDS.iter().find(|command| command.name == name).unwrap();
        Ok(Arguments::read(lexopt::Parser::from_args(words), command)?.unwrap())
    }

    #[track_caller]
    fn check_query(words: &[&str], expected: &str) {
        let query = read("runs", words).unwrap().query(Timestamp::from_millis(NOW_MS)).unwrap();
        assert_eq!(with_query("/api/runs", &query), expected);
    }

    #[test]
    fn filters_become_a_query() {
        check_query(&[], "/api/runs");
        check_query(
            &["--status", "failed,canceled", "--delivery", "a b&c", "--limit=3"],
            "/api/runs?delivery_id=a%20b%26c&limit=3&status=failed%2Ccanceled",
        );
        check_query(&["--since", "2h"], "/api/runs?since=2026-11-25T00%3A44%3A13.000Z");
        check_query(&["--since", "2026-11-25T00:00:00Z"], "/api/runs?since=2026-11-25T00%3A00%3A00Z");
        let query =
            read("runs", &["--since", "9999999999999999999d"]).unwrap().query(Timestamp::from_millis(0));
        assert!(query.unwrap_err().is::<Usage>());
    }

    #[test]
    fn an_option_that_does_nothing_is_refused() {
        for (name, words) in [
            ("retry", &["r", "--status", "failed"] as &[&str]),
            ("retry", &["--all", "r"]),
            ("abandon", &["r", "--since=2h"]),
            ("runs", &["--all", "--limit", "5"]),
            ("retry", &["--all", "--yes", "--limit", "5"]),
            ("runs", &["--hook", "a", "--hook", "b"]),
        ] {
            assert!(read(name, words).unwrap_err().is::<Usage>(), "{name} {words:?}");
        }
        for (name, words) in [
            ("retry", &["r", "--force"] as &[&str]),
            ("abandon", &["r", "--reason", "why"]),
            ("runs", &["--all", "--cursor", "c"]),
            ("abandon", &["--limit", "5", "--status", "queued", "--reason", "why", "--yes"]),
        ] {
            assert!(read(name, words).is_ok(), "{name} {words:?}");
        }
    }

    #[test]
    fn each_command_takes_its_own_arguments() {
        assert_eq!(read("run", &["../x?"]).unwrap().run_path(), "/api/runs/..%2Fx%3F");
        assert!(read("retry", &[]).is_ok());
        for (name, words) in [
            ("run", &[] as &[&str]),
            ("run", &["a", "b"]),
            ("run", &["a", "--download", "b"]),
            ("adopt", &["a"]),
            ("runs", &["--force"]),
        ] {
            assert!(read(name, words).unwrap_err().is::<Usage>(), "{name} {words:?}");
        }
    }
}
