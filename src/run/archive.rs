//! What a pass over a run's files changes in the run, and where each file goes.

use super::{Effect, FileState, Run, RunFile, Stage, Status};
use crate::fabricate::{TaskFile, TaskId};
use crate::hook::archive_key::KeyParts;
use crate::timestamp::Timestamp;

/// How many failed files a run's error names.
const NAMED_FAILURES_MAX: usize = 5;

impl Run {
    /// Applies one pass over its files: ends the run once each file is archived or has failed.
    ///
    /// `changed`: the pass changed a file in a way that the next pass must know.
    pub fn apply_archive_pass(&mut self, changed: bool, now: Timestamp) -> Effect {
        let first = self.archiving_since.is_none();
        self.archiving_since.get_or_insert(now);
        if self.files.iter().any(RunFile::is_open) {
            self.status = Status::Archiving;
            return if first || changed { Effect::Changed } else { Effect::Unchanged };
        }
        if self.is_archived() {
            self.end(Status::Completed, now);
        } else {
            let message = self.archive_failure();
            self.fail(Stage::Archive, message, now);
        }
        Effect::Ended
    }

    /// Whether each of its files is in R2.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.files.iter().all(|file| file.state == FileState::Archived)
    }

    /// The key in the files bucket of a file of its task.
    ///
    /// # Errors
    /// The reason, when the run's `archive` template yields no usable key for this file.
    pub fn archive_key(&self, task_id: &TaskId, file: &TaskFile) -> Result<String, String> {
        let parts = KeyParts {
            hook: &self.hook,
            date: self.received_at.date(),
            run_id: self.run_id.to_string(),
            task_id,
            target: &self.target,
            file,
        };
        self.settings.archive.key(&parts).map_err(|error| format!("the archive template {error}"))
    }

    fn archive_failure(&self) -> String {
        let failed: Vec<String> = self
            .files
            .iter()
            .filter(|file| file.state == FileState::Failed)
            .map(|file| format!("file {}: {}", file.file.id, file.error.as_deref().unwrap_or("failed")))
            .collect();
        let named: Vec<&str> = failed.iter().take(NAMED_FAILURES_MAX).map(String::as_str).collect();
        format!("{} of {} files not archived: {}", failed.len(), self.files.len(), named.join("; "))
    }
}
