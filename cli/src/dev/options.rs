//! The command line options of `seedhook dev`.

use anyhow::Result;
use lexopt::{Arg, ValueExt};

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
        Ok(Some(options))
    }
}
