//! What `dev` shows: lines that stay, and on a terminal a last line that moves while something is awaited.
//!
//! It shows what it is told and asks nobody.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The terminal, or a plain stream where it is none. Copies share it.
#[derive(Debug, Clone)]
pub(super) struct Story {
    bar: ProgressBar,
    moves: bool,
    verbose: bool,
}

impl Story {
    /// Begins with nothing awaited.
    pub(super) fn new(verbose: bool) -> Self {
        let moves = std::io::stdout().is_terminal();
        let target = if moves { ProgressDrawTarget::stdout() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        let style = ProgressStyle::with_template("{spinner} {msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { bar, moves, verbose }
    }

    /// A line that stays.
    pub(super) fn say(&self, line: &str) {
        if self.moves {
            self.bar.suspend(|| println!("{line}"));
        } else {
            println!("{line}");
        }
    }

    /// A step that is done.
    pub(super) fn done(&self, line: &str) {
        self.say(&format!("✓ {line}"));
    }

    /// What is awaited now; on a terminal it moves until the next call.
    pub(super) fn wait_for(&self, what: &str) {
        if self.moves {
            self.bar.set_message(what.to_owned());
            self.bar.reset_elapsed();
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
    }

    /// A line of a server's log, shown only when everything is.
    pub(super) fn aside(&self, server: &str, line: &str) {
        if self.verbose {
            self.say(&format!("  [{server}] {line}"));
        }
    }

    /// Nothing is awaited any more.
    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}
