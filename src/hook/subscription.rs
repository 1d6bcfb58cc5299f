//! Which targets are notified of the runs of a hook, and of what. A run copies it when it is accepted.
//!
//! What a target is, and how it is reached, is in [`crate::notify`].

use serde::{Deserialize, Serialize};

/// The most targets of a configuration, and so of one hook: each takes a request when a run ends.
pub const TARGETS_MAX: usize = 20;

/// The name of a target: `[a-z0-9][a-z0-9-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct TargetName(String);

/// Why a text cannot be a [`TargetName`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a target's name must be 1 to 32 of a-z, 0-9 and -, and must not begin with -")]
pub struct InvalidTargetName;

impl TargetName {
    /// The name as in the configuration.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TargetName {
    type Error = InvalidTargetName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let allowed = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if allowed && (1..=32).contains(&text.len()) && !text.starts_with('-') {
            Ok(Self(text))
        } else {
            Err(InvalidTargetName)
        }
    }
}

impl From<TargetName> for String {
    fn from(name: TargetName) -> Self {
        name.0
    }
}

impl std::fmt::Display for TargetName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What may happen to a run that targets are notified of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum RunEvent {
    /// It completed.
    Completed,
    /// It failed.
    Failed,
    /// Its task was canceled at Fabricate.
    Canceled,
    /// Nobody knows whether its workflow was started.
    Unconfirmed,
}

impl RunEvent {
    /// Every event.
    pub const ALL: [Self; 4] = [Self::Completed, Self::Failed, Self::Canceled, Self::Unconfirmed];

    /// Its spelling in the configuration, in records and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Unconfirmed => "unconfirmed",
        }
    }
}

/// That a target is notified of these events of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// The target.
    pub target: TargetName,
    /// The events, each once.
    pub on: Vec<RunEvent>,
}
