//! The command line options of `seedhook dev`.

use anyhow::{Result, bail};
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
                Arg::Long("port") => options.port = Some(arguments.value()?.parse()?),
                Arg::Long("fabricate-port") => options.fabricate_port = Some(arguments.value()?.parse()?),
                other => return Err(unexpected(&other)),
            }
        }
        if options.port.is_some() && options.port == options.fabricate_port {
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
    }

    #[test]
    fn an_option_that_does_nothing_is_refused() {
        for words in [&["--once", "--open"] as &[&str], &["--live", "--fabricate-port", "8001"]] {
            assert!(read(words).unwrap_err().is::<Usage>(), "{words:?}");
        }
        assert!(read(&["--live", "--open", "--port", "8000"]).unwrap().is_some());
    }

    #[test]
    fn a_mistake_in_an_option_is_said_once() {
        let message = crate::message(&read(&["--port", "70000"]).unwrap_err());
        assert_eq!(message.matches("number too large").count(), 1, "{message}");
        assert!(message.contains("--port") && message.contains("--help"), "{message}");
    }
}
