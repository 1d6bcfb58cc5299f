//! The command line options of `seedhook dev`.

use anyhow::{Result, anyhow, bail};
use lexopt::{Arg, ValueExt};

use crate::exit::Usage;
use crate::unexpected;

/// The options.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Options {
    /// End after the run of the sample.
    pub(super) once: bool,
    /// Use the real Fabricate instead of the local one.
    pub(super) live: bool,
    /// Open the dashboard in the browser.
    pub(super) open: bool,
    /// Print the servers' logs.
    pub(super) verbose: bool,
    /// The Worker's port.
    pub(super) port: Option<u16>,
    /// The local Fabricate's port.
    pub(super) fabricate_port: Option<u16>,
}

impl Options {
    /// Reads the options. `None` for `--help`.
    pub(super) fn read(mut arguments: lexopt::Parser) -> Result<Option<Self>> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("once") => options.once = true,
                Arg::Long("live") => options.live = true,
                Arg::Long("open") => options.open = true,
                Arg::Long("verbose") | Arg::Short('v') => options.verbose = true,
                Arg::Long("port") => options.port = Some(port("--port", &mut arguments)?),
                Arg::Long("fabricate-port") => {
                    options.fabricate_port = Some(port("--fabricate-port", &mut arguments)?);
                }
                other => return Err(unexpected(&other)),
            }
        }
        if options.port.is_some_and(|port| port > 0) && options.port == options.fabricate_port {
            bail!(Usage("--port and --fabricate-port must be two different ports".to_owned()));
        }
        if options.once && options.open {
            bail!(Usage("--open does nothing with --once, which ends with the run".to_owned()));
        }
        if options.live && options.fabricate_port.is_some() {
            bail!(Usage(
                "--fabricate-port does nothing with --live, which uses the real Fabricate".to_owned()
            ));
        }
        Ok(Some(options))
    }
}

fn port(option: &str, arguments: &mut lexopt::Parser) -> Result<u16> {
    let written = arguments.value()?;
    written.parse().map_err(|_| {
        let written = written.to_string_lossy();
        anyhow!(Usage(format!(
            "{option} must be a port from 1 to 65535, or 0 for any that is free, got {written}"
        )))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Option<Options>> {
        Options::read(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn two_servers_need_two_ports() {
        let options = read(&["--port", "8000", "--fabricate-port=8001"]).unwrap().unwrap();
        assert_eq!((options.port, options.fabricate_port), (Some(8000), Some(8001)));
        assert!(read(&["--port", "8000", "--fabricate-port", "8000"]).unwrap_err().is::<Usage>());
        assert!(read(&["--port", "0", "--fabricate-port", "0"]).is_ok(), "any two that are free");
    }

    #[test]
    fn an_option_that_does_nothing_is_refused() {
        for words in [&["--once", "--open"] as &[&str], &["--live", "--fabricate-port", "8001"]] {
            assert!(read(words).unwrap_err().is::<Usage>(), "{words:?}");
        }
        assert!(read(&["--live", "--open", "--port", "8000"]).unwrap().is_some());
    }

    #[test]
    fn a_port_is_a_number_up_to_65535() {
        for (words, given) in [(["--port", "70000"], "70000"), (["--fabricate-port", "x"], "x")] {
            let error = read(&words).unwrap_err();
            let expected = format!(
                "{} must be a port from 1 to 65535, or 0 for any that is free, got {given}",
                words[0]
            );
            assert_eq!((error.to_string(), error.is::<Usage>()), (expected, true));
        }
    }
}
