//! Which call a method and a path are: the one table of the Worker's addresses.

use super::respond::Problem;
use crate::fabricate::FileId;
use crate::link::LinkError;
use crate::run::RunId;

/// A call.
pub(super) enum Route {
    /// `POST /hooks/{hook}`, and `GET` or `OPTIONS` for senders whose handshake it is.
    Hook(String),
    /// `GET /health`
    Health,
    /// `GET` or `HEAD /files/{run_id}/{file_id}?expires=&signature=`: for whoever has the link.
    Link(RunId, FileId),
    /// Everything under `/api/`: only with the operator's token.
    Operator(Call),
}

/// A call of the operator.
pub(super) enum Call {
    /// `GET /api/runs`
    ListRuns,
    /// `GET /api/runs/{run_id}`
    GetRun(RunId),
    /// `GET` or `HEAD /api/runs/{run_id}/files/{file_id}`
    GetFile(RunId, FileId),
    /// `POST /api/runs/{run_id}/files/{file_id}/link`
    MakeLink(RunId, FileId),
    /// `POST /api/runs/{run_id}/…`
    Decide(RunId, Decide),
    /// `POST /api/runs/retry`
    RetryMany,
    /// `GET /api/hooks`
    ListHooks,
    /// `POST /api/hooks/{hook}/preview`
    Preview(String),
    /// `POST /api/hooks/{hook}/runs`
    StartByHand(String),
    /// Under `/api/`, but nothing there: told only to who has the token.
    Nothing(Problem),
}

/// What the operator decides about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decide {
    /// `…/adopt`
    Adopt,
    /// `…/abandon`
    Abandon,
    /// `…/retry`
    Retry,
}

impl Route {
    /// The route of a request. The method is as it was sent: `worker` takes one that it does not know for `GET`.
    pub(super) fn of(method: &str, path: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["hooks", name] => Ok(Self::Hook((*name).to_owned())),
            ["health"] => allow(method, "GET, HEAD").map(|()| Self::Health),
            ["files", run_id, file_id] => {
                allow(method, "GET, HEAD")?;
                // What is no run's id was never in a link of ours.
                let run_id = run_id.parse().map_err(|_| Problem::bad_link(LinkError::Invalid))?;
                Ok(Self::Link(run_id, decode_file_id(file_id)))
            }
            ["api", call @ ..] => Ok(Self::Operator(Call::of(method, call).unwrap_or_else(Call::Nothing))),
            _ => Err(Problem::no_such_page()),
        }
    }
}

impl Call {
    fn of(method: &str, parts: &[&str]) -> Result<Self, Problem> {
        let run_id = |text: &str| text.parse::<RunId>().map_err(|_| Problem::no_such_run());
        let by_post = match parts {
            ["hooks", name, "preview"] => Some(Self::Preview((*name).to_owned())),
            ["hooks", name, "runs"] => Some(Self::StartByHand((*name).to_owned())),
            ["runs", "retry"] => Some(Self::RetryMany),
            ["runs", id, "adopt"] => Some(Self::Decide(run_id(id)?, Decide::Adopt)),
            ["runs", id, "abandon"] => Some(Self::Decide(run_id(id)?, Decide::Abandon)),
            ["runs", id, "retry"] => Some(Self::Decide(run_id(id)?, Decide::Retry)),
            ["runs", id, "files", file_id, "link"] => {
                Some(Self::MakeLink(run_id(id)?, decode_file_id(file_id)))
            }
            _ => None,
        };
        if let Some(call) = by_post {
            return allow(method, "POST").map(|()| call);
        }
        let call = match parts {
            ["runs"] => Self::ListRuns,
            ["runs", id] => Self::GetRun(run_id(id)?),
            ["runs", id, "files", file_id] => Self::GetFile(run_id(id)?, decode_file_id(file_id)),
            ["hooks"] => Self::ListHooks,
            _ => return Err(Problem::no_such_page()),
        };
        allow(method, "GET, HEAD").map(|()| call)
    }
}

fn decode_file_id(part: &str) -> FileId {
    FileId::from(&*percent_encoding::percent_decode_str(part).decode_utf8_lossy())
}

/// 405 with `Allow`, unless a method is in the list.
pub(super) fn allow(method: &str, allowed: &'static str) -> Result<(), Problem> {
    let known = allowed.split(", ").any(|name| name == method);
    known.then_some(()).ok_or_else(|| Problem::wrong_method(allowed))
}
