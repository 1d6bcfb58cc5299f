//! What happened in a life, line by line: when, who, what. Kept only while a seed is told, so that lives are fast.

use crate::promises::Promise;
use crate::world::BEGINNING_MS;

/// A life's lines.
#[derive(Debug, Default)]
pub(crate) struct History {
    lines: Option<Vec<String>>,
    invocations: usize,
}

impl History {
    pub(crate) fn new(kept: bool) -> Self {
        Self { lines: kept.then(Vec::new), invocations: 0 }
    }

    pub(crate) fn next_invocation(&mut self) -> usize {
        self.invocations += 1;
        self.invocations
    }

    /// Adds a line, if lines are kept.
    pub(crate) fn tell(&mut self, now_ms: i64, who: impl FnOnce() -> String, what: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let passed_ms = now_ms - BEGINNING_MS;
            let (minutes, rest_ms) = (passed_ms / 60_000, passed_ms % 60_000);
            let seconds = format!("{:02}.{:03}", rest_ms / 1_000, rest_ms % 1_000);
            lines.push(format!("{minutes:5}:{seconds}  {:14} {}", who(), what()));
        }
    }

    /// Adds that a promise is broken.
    pub(crate) fn tell_broken(&mut self, promise: Promise, how: &str) {
        if let Some(lines) = &mut self.lines {
            lines.push(format!("!!!!!!!!!!!! {promise:?}: {how}"));
        }
    }

    /// All lines.
    pub(crate) fn text(&self) -> String {
        self.lines.as_ref().map(|lines| lines.join("\n")).unwrap_or_default()
    }
}
