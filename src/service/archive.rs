//! Archiving a task's files: a few at a time, within the invocation's budget; what is there is not copied again.
//!
//! R2 itself remembers which files are archived; of one that takes long it keeps word ([`lease`]). How a file comes
//! follows from what is known of it ([`lane`]): no byte passes through this code, and none through its memory.

mod copy;
mod lane;
mod lease;
mod parts;
pub(super) mod stale;

use std::cell::Cell;

use crate::fabricate::TaskId;
use crate::hook::archive_key::safe_name;
use crate::ports::{CopyError, Destination, World};
use crate::run::{Run, RunFile};
use crate::timestamp::Timestamp;

use super::Budget;
use super::at_once::each_at_once;

/// The most files of a run that are copied at once.
const AT_ONCE: u64 = 4;

/// One pass over a run's files.
struct Pass<'a, W> {
    world: &'a W,
    budget: &'a Budget,
    task_id: &'a TaskId,
    /// How many copies were begun.
    begun: Cell<u32>,
}

/// How a copy ended for this time.
enum Copied {
    /// An object of so many bytes is there, and its SHA-256 in hex, if it is known.
    Whole(u64, Option<String>),
    /// So many bytes are there; it goes on later.
    Partly(u64),
    /// Nothing was done: no request, time or memory is left for it.
    NotYet,
}

/// One pass over the files that are due. Says whether something was learned that the next one must know.
pub(super) async fn archive_files<W: World>(
    world: &W,
    run: &mut Run,
    now: Timestamp,
    budget: &Budget,
) -> bool {
    let Some(task_id) = run.task.as_ref().map(|task| task.id.clone()) else {
        return false;
    };
    let mut files = std::mem::take(&mut run.files);
    let before = files.clone();
    let pass = Pass { world, budget, task_id: &task_id, begun: Cell::new(0) };
    let extra = budget.connections(AT_ONCE - 1);
    let at_once = usize::try_from(1 + extra.amount).unwrap_or(1);
    let due = files.iter_mut().filter(|file| file.is_due(now));
    let run_ref = &*run;
    each_at_once(at_once, due, |file| pass.archive(run_ref, file, now)).await;
    let learned = files != before;
    run.files = files;
    learned
}

impl<W: World> Pass<'_, W> {
    async fn archive(&self, run: &Run, file: &mut RunFile, now: Timestamp) {
        let to = match run.archive_key(self.task_id, &file.file) {
            Ok(key) => Destination {
                key,
                name: safe_name(file.file.name.as_deref()),
                content_type: file.file.content_type.clone(),
                size: file.file.size,
                run_id: run.run_id,
                hook: run.hook.clone(),
                task_id: self.task_id.clone(),
                file_id: file.id().clone(),
            },
            Err(problem) => return file.refused(&problem),
        };
        // Waits are counted from the try, which may come minutes after the sweep began.
        let began = self.world.now();
        let copied = self.copy(&to, file.in_parts).await;
        let now = now.plus_ms(self.world.now().since_ms(began));
        match copied {
            Ok(Copied::Whole(size, sha256)) => file.archived(&to.key, size, sha256),
            Ok(Copied::Partly(bytes)) => file.came_to(bytes, None, now),
            Ok(Copied::NotYet) | Err(CopyError::UnderWay) => {}
            Err(CopyError::Refused(reason)) => file.refused(&reason),
            Err(CopyError::BadCopy(reason)) => file.came_wrong(&reason, now),
            Err(error @ CopyError::TooSlow(_)) => {
                file.in_parts = true;
                file.tried_in_vain(&error.to_string(), now);
            }
            Err(CopyError::CutShort { bytes, reason }) => file.came_to(bytes, Some(&reason), now),
            Err(error @ CopyError::HttpStatus { retry_after_ms, .. }) => {
                file.tried_in_vain(&error.to_string(), now);
                file.wait_at_least(retry_after_ms.unwrap_or(0), now);
            }
            Err(CopyError::Unavailable(reason)) => file.tried_in_vain(&reason, now),
        }
    }
}
