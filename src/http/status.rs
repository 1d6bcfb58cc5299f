//! `/status/{run_id}`: one run, for anyone who has the signed link that the answer to its delivery carries.
//!
//! A hook gives out such links where it says `share`. What a link shows is what the hook says now, so that a hook that
//! shares nothing any more closes those that were given out.

use url::Url;

use super::context::{Context, Handled};
use super::files::link_secret;
use super::problem::Problem;
use super::request::Request;
use super::runtime::Runtime;
use super::schema::{SharedFile, SharedRun, SharedTask, StageOfError};
use super::watched_run::{Shown, answer_run};
use crate::hook::archive_key::safe_name;
use crate::hook::{Hook, Share};
use crate::link::{ExpiresIn, LinkError, LinkSecret};
use crate::run::{FileState, Run, RunFile, RunId};
use crate::timestamp::Timestamp;

/// The links that a hook gives out.
pub(super) struct StatusLinks {
    secret: LinkSecret,
    here: Url,
}

impl StatusLinks {
    /// `None`: the hook shares nothing, or there is no usable `LINK_SECRET`.
    pub(super) fn of<R: Runtime>(context: &Context<'_, R>, hook: &Hook, here: &Url) -> Option<Self> {
        if hook.share == Share::Nothing {
            return None;
        }
        Some(Self { secret: link_secret(context).ok()?, here: here.clone() })
    }

    /// The whole address of a link that works for seven days.
    pub(super) fn url(&self, run_id: RunId, now: Timestamp) -> Option<String> {
        let link = self.secret.link_to_status(run_id, now, ExpiresIn::MAX);
        link.at(&self.here).map(Into::into)
    }
}

/// One run as its hook shares it. Waits and answers as `GET /api/runs/{run_id}` does.
///
/// 200; 304 the caller has it; 403 the link is not valid or has expired, which is seen before any store is read, or the hook
/// shares nothing; 404 the run has expired; 503 there is no usable `LINK_SECRET`, or a store fails.
pub(super) async fn get_status<R: Runtime>(
    context: &Context<'_, R>,
    request: &Request,
    run_id: RunId,
) -> Handled<R> {
    let secret = link_secret(context)?;
    let query = request.url.query().unwrap_or_default();
    let expires_at = secret.verify_status(run_id, query, context.now()).map_err(Problem::BadLink)?;
    let shown = |run: &Run| {
        let share = match context.isolate.hook(&run.hook, context.runtime) {
            Some(Ok(hook)) => hook.share,
            _ => Share::Nothing,
        };
        let files = match share {
            Share::Nothing => return Err(Problem::BadLink(LinkError::Invalid)),
            Share::Status => None,
            Share::Files => Some(shared_files(&secret, &request.url, run, expires_at)),
        };
        context.json_text(&shared_run(run, files))
    };
    answer_run(context, request, run_id, &Shown::Alone(&shown)).await
}

fn shared_run<'r>(run: &'r Run, files: Option<Vec<SharedFile<'r>>>) -> SharedRun<'r> {
    SharedRun {
        run_id: run.run_id,
        status: run.status,
        task: run.task.as_ref().map(|task| SharedTask { status: &task.status }),
        error: run.error.as_ref().map(|error| StageOfError { stage: error.stage }),
        files,
    }
}

/// The files of a run, the archived ones with links that work as long as the caller's own.
fn shared_files<'r>(
    secret: &LinkSecret,
    here: &Url,
    run: &'r Run,
    expires_at: Timestamp,
) -> Vec<SharedFile<'r>> {
    let link = |file: &RunFile| secret.link_until(run.run_id, file.id(), expires_at).at(here).map(Into::into);
    let shared = run.files.iter().map(|file| SharedFile {
        id: file.id(),
        name: safe_name(file.file.name.as_deref()),
        size: file.file.size,
        content_type: file.file.content_type.as_deref(),
        state: file.state,
        url: (file.state == FileState::Archived).then(|| link(file)).flatten(),
    });
    shared.collect()
}
