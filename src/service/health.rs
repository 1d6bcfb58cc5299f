//! What is wrong with the Worker: the problems that `GET /health` shows, and that targets are told of.
//!
//! Pure: the stores were read by the caller.

use serde::Serialize;

use super::heartbeat::{Pulse, SILENT_MS, SweepState};
use crate::config::{Configuration, NOTIFY};
use crate::example_secrets::{self, NoSecret};
use crate::fabricate::{FABRICATE_API_KEY, KeyRefusal};
use crate::ports::SweepGap;

/// Something that is wrong with the Worker.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct HealthProblem {
    /// What it is about. There may be more kinds later.
    pub kind: HealthProblemKind,
    /// What is wrong, for people.
    pub detail: String,
    /// What to do, for people.
    pub remedy: String,
    /// Names the problem, the same as long as it lasts: `detail` may have times.
    #[serde(skip)]
    pub id: String,
}

/// What a problem is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HealthProblemKind {
    /// No sweep lists the open runs.
    Sweeps,
    /// The API key is missing, or Fabricate refuses it.
    Credentials,
    /// A variable has a mistake, the secret of a target is not set or cannot be used, or a secret has the value of an example.
    Configuration,
    /// A binding is missing.
    Binding,
    /// R2 fails.
    Store,
}

impl HealthProblem {
    fn new(
        kind: HealthProblemKind,
        id: impl Into<String>,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { kind, detail: detail.into(), remedy: remedy.into(), id: id.into() }
    }

    /// A binding is missing.
    #[must_use]
    pub fn no_binding() -> Self {
        let detail = "RUNS, INBOX or FILES is not bound: the log names it";
        Self::new(
            HealthProblemKind::Binding,
            "binding",
            detail,
            "add the binding to wrangler.toml, and deploy",
        )
    }

    /// R2 fails.
    #[must_use]
    pub fn store_failed() -> Self {
        let detail = "R2 INBOX cannot be read: the log says why";
        let remedy = "wait, and look at https://www.cloudflarestatus.com";
        Self::new(HealthProblemKind::Store, "store", detail, remedy)
    }

    /// Fabricate refuses the key.
    #[must_use]
    pub fn refused(refusal: KeyRefusal) -> Self {
        let KeyRefusal { workspace, since, .. } = refusal;
        let (id, detail, remedy) = match workspace {
            None => (
                "key".to_owned(),
                format!("Fabricate refuses the API key (401) since {since}: runs wait for another key"),
                format!("create a key, and run `npx wrangler secret put {FABRICATE_API_KEY}`"),
            ),
            Some(workspace) => (
                format!("workspace {workspace}"),
                format!(
                    "the API key does not cover the workspace `{workspace}` (403) since {since}: its runs wait"
                ),
                format!("create a key that covers it, and run `npx wrangler secret put {FABRICATE_API_KEY}`"),
            ),
        };
        Self::new(HealthProblemKind::Credentials, id, detail, remedy)
    }

    /// Sweeps are missing, if they are. `awaited_ms`: how long it has been seen that one is awaited.
    #[must_use]
    pub fn no_sweep(pulse: &Pulse, awaited_ms: Option<i64>) -> Option<Self> {
        let detail = match (pulse.state, &pulse.heartbeat) {
            (SweepState::Missing, Some(last)) => {
                format!("no sweep has listed the open runs since {}, when there were {}", last.at, last.open)
            }
            (SweepState::Awaited, _) if awaited_ms.is_some_and(|awaited| awaited >= SILENT_MS) => {
                "a run was opened, and no sweep has listed it for at least six minutes".to_owned()
            }
            _ => return None,
        };
        Some(Self::new(HealthProblemKind::Sweeps, "sweeps", detail, SWEEPS_REMEDY))
    }

    /// Sweeps were missing. `GET /health` does not show it any more; but while they were, nobody could be told.
    #[must_use]
    pub fn sweeps_were_missing(gap: &SweepGap) -> Self {
        let SweepGap { from, until, open } = gap;
        let detail =
            format!("no sweep listed the open runs from {from}, when there were {open}, until {until}");
        Self::new(HealthProblemKind::Sweeps, "sweeps", detail, SWEEPS_REMEDY)
    }
}

const SWEEPS_REMEDY: &str = "see in the log whether sweeps finish, or why they cannot list open runs; if there is nothing of sweeps, \
                             add the cron trigger to wrangler.toml (`[triggers] crons = [\"*/2 * * * *\"]`), and deploy";

/// Mistakes outside hooks; secrets that are not set or cannot be used: those of targets, and Fabricate's key; and secrets that still
/// have the value of an example. `secret` reads the value of a secret; none of it is in the answer.
#[must_use]
pub fn of_configuration(
    configuration: &Configuration,
    secret: &impl Fn(&str) -> Result<String, NoSecret>,
) -> Vec<HealthProblem> {
    let mistake = |detail: String, remedy: String| {
        HealthProblem::new(HealthProblemKind::Configuration, detail.clone(), detail, remedy)
    };
    let put = |name: &str| format!("run `npx wrangler secret put {name}`");
    let usable = |name: &str| secret(name).ok();
    let mistakes = configuration
        .mistakes
        .iter()
        .map(|found| mistake(format!("{}: {}", found.path.join("."), found.problem), found.remedy.clone()));
    let of_targets = configuration.targets.iter().flat_map(|target| {
        let unusable = target.unusable_secrets(&usable).map(|(field, name, error)| {
            let error = match secret(name) {
                Err(example @ NoSecret::Example) => format!("the secret {name} {example}"),
                _ => error.to_string(),
            };
            mistake(format!("{NOTIFY}.{}.{field}: {error}", target.name), put(name))
        });
        unusable.collect::<Vec<_>>()
    });
    let of_examples = example_secrets::names().filter_map(|name| {
        let refused = secret(name).err().filter(|why| *why == NoSecret::Example)?;
        let remedy = format!(
            "run `npx wrangler secret put {name}` with a value of your own; if nothing needs it, `npx wrangler secret delete \
             {name}`"
        );
        Some(mistake(format!("{name} {refused}: it is refused"), remedy))
    });
    let key = secret(FABRICATE_API_KEY).is_err().then(|| {
        let detail = format!("{FABRICATE_API_KEY} is not set");
        HealthProblem::new(HealthProblemKind::Credentials, "no key", detail, put(FABRICATE_API_KEY))
    });
    mistakes.chain(of_targets).chain(of_examples).chain(key).collect()
}
