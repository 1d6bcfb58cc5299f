//! Which call a method and a path are: the one table of the Worker's addresses.

use super::respond::Problem;
use crate::fabricate::FileId;
use crate::run::RunId;

/// A call.
pub(super) enum Route {
    /// `POST /hooks/{hook}`
    Hook(String),
    /// `GET /health`
    Health,
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
    /// `GET /api/hooks`
    ListHooks,
    /// Under `/api/`, but nothing there: told only to who has the token.
    Nothing(Problem),
}

impl Route {
    /// The route of a request. The method is as it was sent: `worker` takes one that it does not know for `GET`.
    pub(super) fn of(method: &str, path: &str) -> Result<Self, Problem> {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            ["hooks", name] => allow(method, "POST").map(|()| Self::Hook((*name).to_owned())),
            ["health"] => allow(method, "GET, HEAD").map(|()| Self::Health),
            ["api", call @ ..] => Ok(Self::Operator(Call::of(method, call).unwrap_or_else(Call::Nothing))),
            _ => Err(Problem::no_such_page()),
        }
    }
}

impl Call {
    fn of(method: &str, parts: &[&str]) -> Result<Self, Problem> {
        let run_id = |text: &str| text.parse::<RunId>().map_err(|_| Problem::no_such_run());
        let call = match parts {
            ["runs"] => Self::ListRuns,
            ["runs", id] => Self::GetRun(run_id(id)?),
            ["runs", id, "files", file_id] => {
                let file_id = percent_encoding::percent_decode_str(file_id).decode_utf8_lossy();
                Self::GetFile(run_id(id)?, FileId::from(&*file_id))
            }
            ["hooks"] => Self::ListHooks,
            _ => return Err(Problem::no_such_page()),
        };
        allow(method, "GET, HEAD").map(|()| call)
    }
}

fn allow(method: &str, allowed: &'static str) -> Result<(), Problem> {
    let known = allowed.split(", ").any(|name| name == method);
    known.then_some(()).ok_or_else(|| Problem::wrong_method(allowed))
}
