//! What may be retried of a run that failed, and the run that takes over where only files are missing.

use std::sync::Arc;

use super::{FileState, Run, RunFile, RunId, Stage, Status};
use crate::hook::{OnRedelivery, RunSettings};
use crate::timestamp::Timestamp;

impl Run {
    /// Whether a redelivery of its event may retry this run. It may not where a workflow may have run, or may still run,
    /// without anybody knowing: then the operator decides.
    #[must_use]
    pub fn may_be_redelivered(&self) -> bool {
        let unknown = self.abandoned || self.error.as_ref().is_some_and(|error| error.stage == Stage::Poll);
        self.settings.on_redelivery == OnRedelivery::RetryFailed && self.status == Status::Failed && !unknown
    }

    /// Whether its task is completed, and only files are missing.
    #[must_use]
    pub fn lacks_files_only(&self) -> bool {
        let archiving = self.error.as_ref().is_some_and(|error| error.stage == Stage::Archive);
        self.status == Status::Failed && archiving && self.task.is_some()
    }

    /// A new run for the task of this one, which [lacks files only](Self::lacks_files_only). Archived files stay as they
    /// are; each other file is pending again.
    #[must_use]
    pub fn for_missing_files(&self, run_id: RunId, settings: Arc<RunSettings>, now: Timestamp) -> Self {
        let retried = |file: &RunFile| match file.state {
            FileState::Archived => file.clone(),
            _ => RunFile::pending(file.file.clone()),
        };
        let task_id = self.task.as_ref().map(|task| task.id.clone());
        let mut run = Self {
            run_id,
            settings,
            status: Status::Queued,
            attempts: 0,
            task: None,
            result_in_journal: false,
            missing: None,
            archiving_since: None,
            files: self.files.iter().map(retried).collect(),
            error: None,
            retry_of: Some(self.run_id),
            // It starts no workflow, and waits for nobody.
            key: None,
            replaced_by: None,
            skipped_for: None,
            received_at: now,
            started_at: None,
            finished_at: None,
            written_at: None,
            ..self.clone()
        };
        if let Some(task_id) = task_id {
            run.mark_started(task_id, 0, now);
        }
        run
    }
}
