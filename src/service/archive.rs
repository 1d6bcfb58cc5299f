//! Copying a task's files to R2, one after another: what is there already is not copied again.
//!
//! R2 itself remembers which files are archived, so that a resumed archive needs no progress records.

use crate::fabricate::{TaskId, follow_redirect};
use crate::ports::{Archived, Copied, CopyError, Destination, Source, World};
use crate::run::{BAD_COPIES_MAX, FileState, Run, RunFile};

use super::Budget;

/// One pass over the files that are not archived yet. Says whether something was learned that must be kept.
pub(super) async fn archive_files<W: World>(world: &W, run: &mut Run, budget: &Budget) -> bool {
    let Some(task_id) = run.task.as_ref().map(|task| task.id.clone()) else {
        return false;
    };
    let mut files = std::mem::take(&mut run.files);
    let mut keys = Vec::new();
    let mut changed = false;
    let mut copied = 0;
    for file in &mut files {
        if matches!(file.state, FileState::Archived | FileState::Failed) {
            keys.extend(file.key.clone());
            continue;
        }
        let key = match run.archive_key(&task_id, &file.file) {
            Ok(key) if keys.contains(&key) => {
                give_up(file, "another file of the task has the same id");
                continue;
            }
            Ok(key) => key,
            Err(problem) => {
                give_up(file, &problem);
                continue;
            }
        };
        keys.push(key.clone());
        let to = Destination {
            key,
            content_type: file.file.content_type.clone(),
            size: file.file.size,
            run_id: run.run_id,
            task_id: task_id.clone(),
        };
        match archive_file(world, &task_id, file, &to, budget, &mut copied).await {
            Pass::OutOfBudget => break,
            Pass::Done => {}
            Pass::BadCopy => changed = true,
        }
    }
    run.files = files;
    changed
}

enum Pass {
    /// Archived, given up, or to be tried again.
    Done,
    /// Other bytes than the stated ones came.
    BadCopy,
    /// No request is left: the rest waits for the next sweep.
    OutOfBudget,
}

async fn archive_file<W: World>(
    world: &W,
    task_id: &TaskId,
    file: &mut RunFile,
    to: &Destination,
    budget: &Budget,
    copied: &mut u32,
) -> Pass {
    match world.find(&to.key).await {
        Ok(Some(found)) if to.size.is_none_or(|size| size == found.size) => {
            archived(file, found, to);
            return Pass::Done;
        }
        Ok(_) => {}
        Err(error) => {
            try_again(file, &error.to_string());
            return Pass::Done;
        }
    }
    if !budget.allows_file(*copied, world.now()) {
        return Pass::OutOfBudget;
    }
    *copied += 1;
    match copy(world, task_id, file, to, budget).await {
        None => return Pass::OutOfBudget,
        Some(Ok(stored)) => archived(file, stored, to),
        Some(Err(CopyError::Refused(reason))) => give_up(file, &reason),
        Some(Err(CopyError::Unavailable(reason))) => try_again(file, &reason),
        Some(Err(CopyError::BadCopy(reason))) => {
            file.bad_copies += 1;
            if file.bad_copies >= BAD_COPIES_MAX {
                give_up(file, &reason);
            } else {
                try_again(file, &reason);
            }
            return Pass::BadCopy;
        }
    }
    Pass::Done
}

/// Asks for the file, following redirects; `None`: the budget ended first.
async fn copy<W: World>(
    world: &W,
    task_id: &TaskId,
    file: &RunFile,
    to: &Destination,
    budget: &Budget,
) -> Option<Result<Archived, CopyError>> {
    let mut from = Source { url: world.download_url(task_id, file.id()), authorized: true };
    // Ends: `follow_redirect` refuses the hop after the last one allowed.
    for hops_taken in 0.. {
        if !budget.take() {
            return None;
        }
        let location = match world.copy(&from, to).await {
            Ok(Copied::Stored(stored)) => return Some(Ok(stored)),
            Ok(Copied::Redirected(location)) => location,
            Err(error) => return Some(Err(error)),
        };
        let next = follow_redirect(world.base(), &from.url, from.authorized, location.as_deref(), hops_taken);
        match next {
            Ok(next) => from = Source { url: next.url, authorized: next.authorized },
            Err(error) => return Some(Err(CopyError::Refused(error.to_string()))),
        }
    }
    None
}

fn archived(file: &mut RunFile, stored: Archived, to: &Destination) {
    file.state = FileState::Archived;
    file.key = Some(to.key.clone());
    file.file.size = Some(stored.size);
    file.sha256 = stored.sha256;
    file.error = None;
}

fn try_again(file: &mut RunFile, reason: &str) {
    file.state = FileState::Archiving;
    file.error = Some(reason.to_owned());
}

fn give_up(file: &mut RunFile, reason: &str) {
    file.state = FileState::Failed;
    file.error = Some(reason.to_owned());
}
