//! What an entry of the catalogue can say about a workflow; it must not name any workflow.

use std::time::Duration;

use serde_json::{Value, json};

use crate::files::{self, File};
use crate::parameter::{Parameter, Parameters};

/// A workflow that this server knows: what it takes, how its start is answered, how its task ends,
/// and which files it makes.
#[derive(Debug, Clone, Copy)]
pub struct Workflow {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Declared parameters; none declared accepts any.
    pub(crate) parameters: &'static [Parameter],
    /// How its start is answered.
    pub(crate) start: Reply,
    /// How long its task takes; `None` takes the server's setting.
    pub(crate) duration: Option<Duration>,
    /// How its task ends.
    pub(crate) outcome: Outcome,
    /// What its task reports when it completed.
    pub(crate) result: fn(&Parameters) -> Value,
    /// The result as its text instead, which no JSON value may be able to hold.
    pub(crate) result_text: Option<fn(&Parameters) -> String>,
    /// The files of a completed task.
    pub(crate) files: fn(&Parameters) -> Vec<File>,
}

/// How a start request is answered. All but `Unavailable`, `RateLimited`, `Page`, `Refused` and
/// `Redirected` start the task.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// 200 with a task id.
    Answered,
    /// The connection is closed without an answer.
    Dropped,
    /// As `Answered`, but late.
    Late,
    /// 500, although the task runs.
    Broken,
    /// 200 without a task id.
    Nameless,
    /// 503; with `first`, only for so many starts with the same parameters.
    Unavailable { first: Option<u32> },
    /// 429 with `Retry-After`, for the first start with the same parameters.
    RateLimited { retry_after_s: u32 },
    /// 502 with an HTML page.
    Page,
    /// 422.
    Refused,
    /// 307 to the storage origin, where nobody is to follow.
    Redirected,
}

/// How a task ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    Completes,
    /// `completed`, and an error all the same.
    CompletesWithError(&'static str),
    Fails(&'static str),
    Cancels,
    NeverEnds,
    /// `paused`, a status that no document names, until it completes.
    Pauses,
    /// 404 as soon as somebody has seen the task once.
    IsForgotten,
}

impl Workflow {
    /// A workflow that takes anything, answers as documented and completes with one small report.
    pub(crate) const fn plain(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            parameters: &[],
            start: Reply::Answered,
            duration: None,
            outcome: Outcome::Completes,
            result: |_| json!({ "rows_processed": 3, "success": true }),
            result_text: None,
            files: |_| vec![files::small_report("report.csv")],
        }
    }

    /// The name that a start request says.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it does, in one line.
    #[must_use]
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// What its declared parameters have to be, one line each: `name: kind, required`. The fields of
    /// objects follow.
    #[must_use]
    pub fn parameters(&self) -> Vec<String> {
        let describe = |path: &str, parameter: &Parameter| {
            let need = if parameter.required { "required" } else { "optional" };
            format!("{path}{}: {}, {need}", parameter.name, parameter.kind.describe())
        };
        let all = self.parameters.iter().flat_map(|parameter| {
            let path = format!("{}[].", parameter.name);
            let fields = parameter.kind.fields().iter().map(|field| describe(&path, field));
            std::iter::once(describe("", parameter)).chain(fields).collect::<Vec<_>>()
        });
        all.collect()
    }

    /// The `workflow_id` of its tasks.
    #[must_use]
    pub fn id(&self) -> String {
        format!("wf-{}", self.name)
    }
}
