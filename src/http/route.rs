//! The table of addresses: which call a method and a path are.

use super::problem::Problem;
use crate::fabricate::FileId;
use crate::hook::HookName;
use crate::link::LinkError;
use crate::ports::KeptId;
use crate::run::RunId;

/// A call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum Route {
    /// A sender's delivery or handshake to the hook of this name.
    Webhook(String),
    /// Whether the Worker does its work.
    Health,
    /// A file, for anyone who has a signed link to it.
    FollowLink(RunId, FileId),
    /// The status of a run, for anyone who has the signed link to it.
    FollowStatus(RunId),
    /// What the caller may do.
    GetSession,
    /// How runs went in the last hours.
    GetOverview,
    /// The runs, newest first.
    ListRuns,
    /// One run.
    GetRun(RunId),
    /// The delivery of a run.
    GetDelivery(RunId),
    /// What happened to a run.
    GetTimeline(RunId),
    /// How the parameters of a run were made.
    GetMapping(RunId),
    /// A file, for the operator.
    GetFile(RunId, FileId),
    /// Makes a signed link to a file.
    MakeLink(RunId, FileId),
    /// Gives an `unconfirmed` run its task.
    Adopt(RunId),
    /// Gives up a run.
    Abandon(RunId),
    /// Retries a run.
    Retry(RunId),
    /// Retries the runs of a list.
    RetryMany,
    /// Gives up the runs of a list.
    AbandonMany,
    /// The deliveries that were refused or ignored lately.
    ListRecent,
    /// The ignored deliveries that the hook of this name keeps.
    ListKept(HookName),
    /// A delivery that a hook keeps.
    GetKept(HookName, KeptId),
    /// Receives a kept delivery again.
    RunKept(HookName, KeptId),
    /// The hooks and their mistakes.
    ListHooks,
    /// Shows what a delivery would do to the hook of this name.
    Preview(String),
    /// Starts what a delivery to the hook of this name would start.
    StartByHand(String),
}

/// The methods of calls that change nothing.
const READ: &str = "GET, HEAD";
/// The method of calls that decide something.
const POST: &str = "POST";

impl Route {
    /// Whether an address is only for callers with a token, also where there is nothing.
    #[must_use]
    pub fn is_for_operator(path: &str) -> bool {
        path == "/api" || path.starts_with("/api/")
    }

    /// Whether a call of `/api/` decides something, so that a caller who may only read may not make it.
    #[must_use]
    pub fn decides(&self) -> bool {
        matches!(
            self,
            Self::Adopt(_)
                | Self::Abandon(_)
                | Self::AbandonMany
                | Self::Retry(_)
                | Self::RetryMany
                | Self::StartByHand(_)
                | Self::RunKept(..)
        )
    }

    /// Whether a call of `/api/` takes no parameters in the query of its address.
    #[must_use]
    pub fn takes_no_query(&self) -> bool {
        !matches!(
            self,
            Self::GetOverview
                | Self::ListRuns
                | Self::Retry(_)
                | Self::RetryMany
                | Self::AbandonMany
                | Self::ListRecent
                | Self::ListKept(_)
                | Self::Preview(_)
                | Self::StartByHand(_)
        )
    }

    /// The call that a request is.
    ///
    /// # Errors
    /// 404 there is no such address, or a run's id that cannot be one; 403 the same in a link; 405 another method.
    pub fn find(method: &str, path: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let run_id = |text: &str| text.parse::<RunId>().map_err(|_| Problem::NoSuchRun);
        let hook = |name: &str| HookName::try_from(name.to_owned()).map_err(|_| Problem::NoSuchHook);
        let kept = |id: &str| KeptId::try_from(id.to_owned()).map_err(|_| Problem::NoSuchDelivery);
        let (allowed, route) = match parts.as_slice() {
            // Which methods a hook takes depends on its handshakes.
            ["hooks", name] => return Ok(Self::Webhook((*name).to_owned())),
            ["health"] => (READ, Self::Health),
            ["files", id, file_id] => {
                require_method(method, READ)?;
                let run_id = id.parse().map_err(|_| Problem::BadLink(LinkError::Invalid))?;
                (READ, Self::FollowLink(run_id, decode_file_id(file_id)))
            }
            ["status", id] => {
                require_method(method, READ)?;
                let run_id = id.parse().map_err(|_| Problem::BadLink(LinkError::Invalid))?;
                (READ, Self::FollowStatus(run_id))
            }
            ["api", "session"] => (READ, Self::GetSession),
            ["api", "overview"] => (READ, Self::GetOverview),
            ["api", "runs"] => (READ, Self::ListRuns),
            ["api", "runs", "retry"] => (POST, Self::RetryMany),
            ["api", "runs", "abandon"] => (POST, Self::AbandonMany),
            ["api", "runs", id] => (READ, Self::GetRun(run_id(id)?)),
            ["api", "runs", id, "timeline"] => (READ, Self::GetTimeline(run_id(id)?)),
            ["api", "runs", id, "mapping"] => (READ, Self::GetMapping(run_id(id)?)),
            ["api", "runs", id, "delivery"] => (READ, Self::GetDelivery(run_id(id)?)),
            ["api", "runs", id, "adopt"] => (POST, Self::Adopt(run_id(id)?)),
            ["api", "runs", id, "abandon"] => (POST, Self::Abandon(run_id(id)?)),
            ["api", "runs", id, "retry"] => (POST, Self::Retry(run_id(id)?)),
            ["api", "runs", id, "files", file_id] => {
                (READ, Self::GetFile(run_id(id)?, decode_file_id(file_id)))
            }
            ["api", "runs", id, "files", file_id, "link"] => {
                (POST, Self::MakeLink(run_id(id)?, decode_file_id(file_id)))
            }
            ["api", "deliveries"] => (READ, Self::ListRecent),
            ["api", "hooks", name, "ignored"] => (READ, Self::ListKept(hook(name)?)),
            ["api", "hooks", name, "ignored", id] => (READ, Self::GetKept(hook(name)?, kept(id)?)),
            ["api", "hooks", name, "ignored", id, "run"] => (POST, Self::RunKept(hook(name)?, kept(id)?)),
            ["api", "hooks"] => (READ, Self::ListHooks),
            ["api", "hooks", name, "preview"] => (POST, Self::Preview((*name).to_owned())),
            ["api", "hooks", name, "runs"] => (POST, Self::StartByHand((*name).to_owned())),
            _ => return Err(Problem::NoSuchPage),
        };
        require_method(method, allowed).map(|()| route)
    }
}

fn decode_file_id(part: &str) -> FileId {
    FileId::from(&*percent_encoding::percent_decode_str(part).decode_utf8_lossy())
}

/// 405 with `Allow`, unless the method is in the list.
pub(super) fn require_method(method: &str, allowed: &'static str) -> Result<(), Problem> {
    let is_allowed = allowed.split(", ").any(|name| name == method);
    is_allowed.then_some(()).ok_or(Problem::WrongMethod(allowed))
}
