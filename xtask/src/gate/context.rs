//! What the steps of a gate share: the tools, and a list of what could not be checked.

use std::cell::{OnceCell, RefCell};

use anyhow::{Context as _, Result};

use crate::setup::{self, Tools};

/// A run of the gate.
#[derive(Debug, Default)]
pub(super) struct Gate {
    tools: OnceCell<Tools>,
    /// What a passed step could not check on this machine.
    pub(super) unchecked: RefCell<Vec<&'static str>>,
}

impl Gate {
    /// The tools. The first step that needs them installs them.
    pub(super) fn tools(&self) -> Result<&Tools> {
        if self.tools.get().is_none() {
            let _ = self.tools.set(setup::tools()?);
        }
        self.tools.get().context("the tools are not installed")
    }

    /// Adds to the summary what a step could not check.
    pub(super) fn not_checked(&self, what: &'static str) {
        self.unchecked.borrow_mut().push(what);
    }
}
