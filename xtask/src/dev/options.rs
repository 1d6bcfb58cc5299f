//! What `cargo xtask dev` was asked for.
//!
//! It reads the command line alone.

use anyhow::Result;
use lexopt::{Arg, ValueExt};

/// The options, as given.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// End after the first run.
    pub(super) once: bool,
    /// Use the real Fabricate.
    pub(super) live: bool,
    /// Show what the servers print.
    pub(super) verbose: bool,
    /// The Worker's port.
    pub(super) port: Option<u16>,
    /// The local Fabricate's port.
    pub(super) fabricate_port: Option<u16>,
}

impl Options {
    /// Reads them; `None` when help was asked for.
    pub(super) fn read(mut arguments: lexopt::Parser) -> Result<Option<Self>> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("once") => options.once = true,
                Arg::Long("live") => options.live = true,
                Arg::Long("verbose") | Arg::Short('v') => options.verbose = true,
                Arg::Long("port") => options.port = Some(arguments.value()?.parse()?),
                Arg::Long("fabricate-port") => options.fabricate_port = Some(arguments.value()?.parse()?),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(options))
    }
}
