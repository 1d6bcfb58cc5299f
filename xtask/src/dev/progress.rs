//! The output of `dev`: lines, and on a terminal a last line that shows what `dev` is waiting for.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The output. Clones share the terminal.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    bar: ProgressBar,
    is_terminal: bool,
    verbose: bool,
}

impl Progress {
    /// Prints to standard output. Only a verbose one prints the servers' logs.
    pub(super) fn new(verbose: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, is_terminal, verbose }
    }

    /// Prints a line.
    pub(super) fn say(&self, line: &str) {
        if self.is_terminal {
            self.bar.suspend(|| println!("{line}"));
        } else {
            println!("{line}");
        }
    }

    /// Prints a finished step.
    pub(super) fn done(&self, line: &str) {
        self.say(&format!("✓ {line}"));
    }

    /// Shows on a terminal what `dev` waits for, until the next call.
    pub(super) fn wait_for(&self, what: &str) {
        if self.is_terminal {
            self.bar.set_message(what.to_owned());
            self.bar.reset_elapsed();
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// Prints a line of a server's log, if verbose.
    pub(super) fn log_line(&self, server: &str, line: &str) {
        if self.verbose {
            self.say(&format!("  [{server}] {line}"));
        }
    }

    /// Removes the last line: `dev` waits for nothing more.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
