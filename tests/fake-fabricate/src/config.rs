//! How one server is set up; it must not hold anything that changes while the server runs.

use std::fmt;
use std::time::Duration;

/// The settings of a server. Every field has a default but the keys.
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// The API's port on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// The storage's port on 127.0.0.1; 0 takes any that is free.
    pub storage_port: u16,
    /// The bearer keys that are let in.
    pub keys: Vec<String>,
    /// How long a task of a workflow without a duration of its own takes.
    pub task_duration: Duration,
    /// How long `start-slow` keeps its caller waiting.
    pub slow_start: Duration,
    /// The pause between two chunks of the download that `slow` trickles.
    pub tick: Duration,
    /// Whether a start may name any workspace, database or project, and workflow, with any parameters. What is not in the
    /// catalogue then completes with two small files.
    pub any_names: bool,
    /// What is printed to stdout.
    pub output: Output,
}

/// What a server prints to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Nothing.
    Silent,
    /// One line with its address.
    Address,
    /// That line, and one for each request.
    Requests,
}

impl Config {
    /// Any free port, tasks of three seconds, nothing printed.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self {
            port: 0,
            storage_port: 0,
            keys: vec![key.into()],
            task_duration: Duration::from_secs(3),
            slow_start: Duration::from_secs(25),
            tick: Duration::from_millis(200),
            any_names: false,
            output: Output::Silent,
        }
    }

    /// # Errors
    /// No key, or an empty one.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        if self.keys.is_empty() || self.keys.iter().any(|key| key.trim().is_empty()) {
            return Err("a server needs a key");
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("port", &self.port)
            .field("storage_port", &self.storage_port)
            .field("keys", &self.keys.len())
            .field("task_duration", &self.task_duration)
            .field("slow_start", &self.slow_start)
            .field("tick", &self.tick)
            .field("any_names", &self.any_names)
            .field("output", &self.output)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_keys() {
        assert!(!format!("{:?}", Config::new("hush")).contains("hush"));
    }
}
