//! Archiving a task's files: a few at the same time, within the invocation's budget. A file that is in R2 is not copied again.
//!
//! R2 itself remembers which files are archived; only a long copy has a record ([`lease`]). How a file is transferred follows
//! from what is known about it ([`transfer_mode`]). No byte of a file passes through wasm memory.

mod copy;
mod lease;
mod parts;
pub(super) mod stale;
mod transfer_mode;

use std::cell::Cell;

use crate::fabricate::TaskId;
use crate::hook::archive_key::safe_name;
use crate::ports::{CopyError, Destination, Point, PointKind, PointOutcome, World};
use crate::run::{FileState, Run, RunFile};
use crate::timestamp::Timestamp;

use super::Budget;
use super::at_once::each_at_once;

/// The most files of a run that are copied at the same time.
const AT_ONCE: u64 = 4;

/// One pass over a run's files.
struct Pass<'a, W> {
    world: &'a W,
    budget: &'a Budget,
    task_id: &'a TaskId,
    /// [`Run::traceparent`].
    traceparent: Option<String>,
    /// Copies that were begun.
    begun: Cell<u32>,
}

/// What one attempt to copy a file did.
enum Copied {
    /// The object exists: its size in bytes, and its SHA-256 in hex if R2 has it.
    Whole(u64, Option<String>),
    /// This many bytes are uploaded; a later pass goes on.
    Partly(u64),
    /// Nothing was copied: no request, time or memory was left, or the file does not fit into this invocation.
    NotYet,
}

/// Makes one pass over the files that are due. Returns whether a file's state changed, so that the run must be written.
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
    let traceparent = run.traceparent();
    let pass = Pass { world, budget, task_id: &task_id, traceparent, begun: Cell::new(0) };
    let extra = budget.connections(AT_ONCE - 1);
    let at_once = usize::try_from(1 + extra.amount).unwrap_or(1);
    let due = files.iter_mut().filter(|file| file.is_due(now));
    let run_ref = &*run;
    each_at_once(at_once, due, async |file| {
        pass.archive(run_ref, file, now).await;
        if !file.is_open() {
            // The sweep's own time is when it was due.
            file.finished_at = Some(world.now());
        }
    })
    .await;
    let changed = files != before;
    run.files = files;
    changed
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
            Err(problem) => {
                file.record_refusal(&problem);
                return self.write_point(run, file, 0);
            }
        };
        // Waits are counted from this attempt, which may begin minutes after the sweep did.
        let began = self.world.now();
        let copied = self.copy(&to, file.in_parts).await;
        let duration_ms = self.world.now().since_ms(began);
        let now = now.plus_ms(duration_ms);
        match copied {
            Ok(Copied::Whole(size, sha256)) => file.mark_archived(&to.key, size, sha256),
            Ok(Copied::Partly(bytes)) => file.record_progress(bytes, None, now),
            // Nothing was copied.
            Ok(Copied::NotYet) | Err(CopyError::UnderWay) => return,
            Err(CopyError::Refused(reason)) => file.record_refusal(&reason),
            Err(CopyError::BadCopy(reason)) => file.record_bad_copy(&reason, now),
            Err(error @ CopyError::TooSlow(_)) => {
                file.in_parts = true;
                file.record_failure(&error.to_string(), now);
            }
            Err(CopyError::CutShort { bytes, reason }) => file.record_progress(bytes, Some(&reason), now),
            Err(error @ CopyError::HttpStatus { retry_after_ms, .. }) => {
                file.record_failure(&error.to_string(), now);
                file.wait_at_least(retry_after_ms.unwrap_or(0), now);
            }
            Err(CopyError::Unavailable(reason)) => file.record_failure(&reason, now),
        }
        self.write_point(run, file, duration_ms);
    }

    /// Writes the data point of an attempt to copy a file.
    fn write_point(&self, run: &Run, file: &RunFile, duration_ms: i64) {
        let outcome = match file.state {
            FileState::Archived => PointOutcome::Archived,
            FileState::Failed => PointOutcome::Failed,
            FileState::Pending | FileState::Archiving => PointOutcome::Later,
        };
        let point = Point::of_run(PointKind::File, outcome, run);
        self.world.write_point(&Point { duration_ms, bytes: file.file.size.unwrap_or(0), ..point });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::{FileId, TaskFile};
    use crate::ports::Archived;
    use crate::run::tests::{at, started_run};
    use crate::testing::{MemoryWorld, finish};

    /// The data points of one pass over a file.
    fn points(world: &MemoryWorld, requests: u32) -> Vec<String> {
        let mut run = started_run();
        let file = TaskFile { id: FileId::from("1"), name: None, size: Some(5), content_type: None };
        run.files = vec![RunFile::pending(file)];
        finish(archive_files(world, &mut run, at(0), &Budget::new(requests)));
        world.points.take()
    }

    #[test]
    fn each_copy_is_a_data_point_and_none_is_none() {
        let world = MemoryWorld::default();
        world.answer_ms.set(40);
        assert!(points(&world, 0).is_empty());
        assert_eq!(points(&world, 9), ["file failed [] hook acme seed: 40 5 0"]);
        world.download_error.replace(Some(CopyError::Unavailable("HTTP 502".into())));
        assert_eq!(points(&world, 9), ["file later [] hook acme seed: 40 5 0"]);
        world.download_error.replace(Some(CopyError::UnderWay));
        assert!(points(&world, 9).is_empty());
        let run_id = Some(started_run().run_id);
        let object = Archived { size: 5, sha256: None, run_id, file_id: Some(FileId::from("1")) };
        world.archived.replace(Some(object));
        assert_eq!(points(&world, 0), ["file archived [] hook acme seed: 0 5 0"]);
    }
}
