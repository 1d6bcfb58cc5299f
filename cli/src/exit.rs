//! Exit codes, and the errors that decide them.

use anyhow::Error;

use crate::host::Interrupted;
use crate::worker::WorkerError;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done: 0.
    Good,
    /// The answer is no, or something failed: 1.
    Bad,
    /// The command line is wrong: 2.
    Usage,
    /// The Worker cannot be reached, or refuses the token: 3.
    Worker,
    /// Ctrl-C: 130.
    Interrupted,
}

/// A command line that is wrong.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

impl Exit {
    /// The number for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Bad => 1,
            Self::Usage => 2,
            Self::Worker => 3,
            Self::Interrupted => 130,
        }
    }

    /// Good if so, otherwise bad.
    pub(crate) fn good_if(is_good: bool) -> Self {
        if is_good { Self::Good } else { Self::Bad }
    }

    /// The code of an error that ended a command.
    pub(crate) fn of(error: &Error) -> Self {
        if error.is::<Interrupted>() {
            Self::Interrupted
        } else if error.is::<Usage>() || error.is::<lexopt::Error>() {
            Self::Usage
        } else if error.is::<WorkerError>() {
            Self::Worker
        } else {
            Self::Bad
        }
    }
}
