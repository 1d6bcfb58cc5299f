//! A file of a run's task: how often its copy failed, when it is tried again, and when it fails for good.
//!
//! It never reads or copies a file.

use serde::{Deserialize, Serialize};

use crate::fabricate::{FileId, TaskFile};
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};

/// How long the tries of a file may fail until the file fails for good, milliseconds. It counts from the first failure since
/// the last progress.
pub const ARCHIVE_PATIENCE_MS: i64 = HOUR_MS;

/// After this many bad copies (another size or hash than stated, or cut short) the file fails for good.
pub const BAD_COPIES_MAX: u32 = 3;

/// The wait after the first failure, which each further one doubles…
const RETRY_MS: i64 = MINUTE_MS;
/// …up to this.
const RETRY_MS_MAX: i64 = 15 * MINUTE_MS;

/// The state of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// No copy was tried yet.
    Pending,
    /// A copy failed, or is there in part. The next pass goes on.
    Archiving,
    /// An object with exactly its bytes is in the files bucket. Final.
    Archived,
    /// It cannot be copied. Final.
    Failed,
}

/// A file of the run's task, and the state of its copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFile {
    /// What the task says of the file.
    pub file: TaskFile,
    /// The state of its copy.
    pub state: FileState,
    /// Its object's key in the files bucket; `None` until it is archived.
    pub key: Option<String>,
    /// SHA-256 of the object in hex; `None` where R2 has none.
    pub sha256: Option<String>,
    /// When its state was seen to be final; `None` before, and where an older version of seedhook did not note it.
    pub finished_at: Option<Timestamp>,
    /// Why the last try failed; `None` where it made progress.
    pub error: Option<String>,
    /// How many tries failed.
    pub attempts: u32,
    /// It is not tried again before this; `None`: at once.
    pub not_before: Option<Timestamp>,
    /// When the first try failed since the last progress.
    pub failing_since: Option<Timestamp>,
    /// How many copies were bad, see [`BAD_COPIES_MAX`].
    pub bad_copies: u32,
    /// The bytes copied so far; `None` where it is not copied in parts, or no part is there.
    pub bytes: Option<u64>,
    /// Whether it is copied in parts, because a copy takes longer than one invocation may.
    pub in_parts: bool,
}

impl RunFile {
    pub(crate) fn pending(file: TaskFile) -> Self {
        Self {
            file,
            state: FileState::Pending,
            key: None,
            sha256: None,
            finished_at: None,
            error: None,
            attempts: 0,
            not_before: None,
            failing_since: None,
            bad_copies: 0,
            bytes: None,
            in_parts: false,
        }
    }

    /// The file's id within its task.
    #[must_use]
    pub fn id(&self) -> &FileId {
        &self.file.id
    }

    /// Whether its state is not final.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, FileState::Pending | FileState::Archiving)
    }

    /// Whether it is to be copied now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_open() && self.not_before.is_none_or(|moment| moment <= now)
    }

    /// Marks it as archived: an object of `size` bytes is at `key`.
    pub fn mark_archived(&mut self, key: &str, size: u64, sha256: Option<String>) {
        self.state = FileState::Archived;
        self.key = Some(key.to_owned());
        self.file.size = Some(size);
        self.sha256 = sha256;
        self.error = None;
        self.not_before = None;
        self.bytes = None;
    }

    /// Records that `bytes` bytes are copied, and what cut the copy short, if anything did. Progress resets the patience;
    /// no progress is a failure.
    pub fn record_progress(&mut self, bytes: u64, cut_short: Option<&str>, now: Timestamp) {
        self.state = FileState::Archiving;
        let progressed = Some(bytes) > self.bytes;
        if progressed {
            self.bytes = Some(bytes);
            self.failing_since = None;
            self.not_before = None;
            self.error = None;
        }
        match cut_short {
            Some(reason) => self.record_failure(reason, now),
            None if progressed => {}
            None => self.record_failure("it came no further", now),
        }
    }

    /// Records that a try failed. The file is tried again later, or fails for good after [`ARCHIVE_PATIENCE_MS`].
    pub fn record_failure(&mut self, reason: &str, now: Timestamp) {
        self.state = FileState::Archiving;
        self.attempts = self.attempts.saturating_add(1);
        self.error = Some(reason.to_owned());
        let since = *self.failing_since.get_or_insert(now);
        if now.since_ms(since) >= ARCHIVE_PATIENCE_MS {
            return self.fail(reason);
        }
        let wait_ms = RETRY_MS << self.attempts.saturating_sub(1).min(4);
        self.not_before = Some(now.plus_ms(wait_ms.min(RETRY_MS_MAX)));
    }

    /// Postpones the next attempt of an open file by `wait_ms` from now, at most [`ARCHIVE_PATIENCE_MS`].
    pub fn wait_at_least(&mut self, wait_ms: i64, now: Timestamp) {
        if self.is_open() {
            let moment = now.plus_ms(wait_ms.min(ARCHIVE_PATIENCE_MS));
            self.not_before = self.not_before.max(Some(moment));
        }
    }

    /// Records a copy of other bytes than the stated ones. A few may be mistakes on the way, see [`BAD_COPIES_MAX`].
    pub fn record_bad_copy(&mut self, reason: &str, now: Timestamp) {
        self.bad_copies = self.bad_copies.saturating_add(1);
        self.bytes = None;
        self.record_failure(reason, now);
        if self.bad_copies >= BAD_COPIES_MAX {
            self.fail(reason);
        }
    }

    /// Records that it cannot be copied, now or later.
    pub fn record_refusal(&mut self, reason: &str) {
        self.attempts = self.attempts.saturating_add(1);
        self.fail(reason);
    }

    fn fail(&mut self, reason: &str) {
        self.state = FileState::Failed;
        self.error = Some(reason.to_owned());
        self.not_before = None;
        self.bytes = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> RunFile {
        RunFile::pending(TaskFile { id: FileId::from("1"), name: None, size: None, content_type: None })
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_millis(minutes * MINUTE_MS)
    }

    /// The minutes at which a file is tried until it fails for good.
    fn tries(mut file: RunFile, mut fails: impl FnMut(&mut RunFile, Timestamp)) -> Vec<i64> {
        let mut tries = Vec::new();
        for minute in 0..1_000 {
            if file.is_due(at(minute)) {
                tries.push(minute);
                fails(&mut file, at(minute));
            }
        }
        assert_eq!((file.state, file.attempts as usize), (FileState::Failed, tries.len()));
        tries
    }

    #[test]
    fn a_failing_file_is_tried_for_an_hour_and_less_and_less_often() {
        let unavailable = |file: &mut RunFile, now| file.record_failure("HTTP 500", now);
        assert_eq!(tries(file(), unavailable), [0, 1, 3, 7, 15, 30, 45, 60]);
        assert_eq!(tries(file(), |file, now| file.record_bad_copy("short", now)), [0, 1, 3]);
        assert_eq!(tries(file(), |file, _| file.record_refusal("HTTP 404")), [0]);
    }

    #[test]
    fn a_server_may_ask_for_a_longer_wait_up_to_an_hour() {
        for (asked, due) in [(0, 1), (1, 1), (7, 7), (24 * 60, 60)] {
            let mut busy = file();
            busy.record_failure("HTTP 429", at(0));
            busy.wait_at_least(asked * MINUTE_MS, at(0));
            assert!(!busy.is_due(at(due - 1)) && busy.is_due(at(due)), "{asked}");
        }
        let mut given_up = file();
        given_up.record_refusal("HTTP 404");
        given_up.wait_at_least(MINUTE_MS, at(0));
        assert_eq!(given_up.not_before, None);
    }

    #[test]
    fn a_file_that_makes_progress_does_not_fail() {
        let mut slow = file();
        for minute in (0..300).step_by(20) {
            slow.record_progress(u64::try_from(minute).unwrap(), Some("no byte came"), at(minute));
            assert!(slow.is_open(), "{minute}");
        }
        for minute in (300..=340).step_by(20) {
            slow.record_progress(280, None, at(minute));
        }
        assert_eq!(slow.state, FileState::Failed, "no byte more since minute 280");
    }

    #[test]
    fn progress_is_followed_by_the_next_try_at_once() {
        let mut slow = file();
        slow.record_failure("HTTP 500", at(0));
        slow.record_progress(1, None, at(1));
        assert!(slow.is_due(at(1)));
        assert_eq!((slow.attempts, slow.error.as_deref()), (1, None), "progress is no failure");
        slow.record_progress(1, None, at(2));
        assert!(!slow.is_due(at(2)));
        assert_eq!((slow.attempts, slow.error.as_deref()), (2, Some("it came no further")));
    }
}
