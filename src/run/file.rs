//! A file of a run's task, and what became of it: how often it was tried, when again, and when it is given up.
//!
//! It never reads or copies one.

use serde::{Deserialize, Serialize};

use crate::fabricate::{FileId, TaskFile};
use crate::timestamp::{HOUR_MS, MINUTE_MS, Timestamp};

/// How long a file that cannot be had is asked for before it is given up, from its first try in vain on, or from the
/// last that brought it further.
pub const ARCHIVE_PATIENCE_MS: i64 = HOUR_MS;

/// A file that is three times not the stated bytes (another size or hash, cut short) is given up.
pub const BAD_COPIES_MAX: u32 = 3;

/// The first wait after a try in vain, which each further one doubles…
const RETRY_MS: i64 = MINUTE_MS;
/// …up to this.
const RETRY_MS_MAX: i64 = 15 * MINUTE_MS;

/// Whether a file is in R2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// Not looked at yet.
    Pending,
    /// Tried, or copied in part; to be gone on with.
    Archiving,
    /// An object with exactly its bytes is in the files bucket.
    Archived,
    /// Given up.
    Failed,
}

/// A file of the run's task, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// What the task said of it.
    #[serde(flatten)]
    pub file: TaskFile,
    /// Whether it is in R2.
    pub state: FileState,
    /// Its object's key in the files bucket, once archived.
    pub key: Option<String>,
    /// SHA-256 in hex, where one is known.
    pub sha256: Option<String>,
    /// Why not, in words.
    pub error: Option<String>,
    /// How often it was tried in vain.
    #[serde(default)]
    pub attempts: u32,
    /// Not tried again before this.
    #[serde(default)]
    pub not_before: Option<Timestamp>,
    /// When it was first tried in vain, or first since it last came further.
    #[serde(default)]
    pub failing_since: Option<Timestamp>,
    /// How often other bytes than the stated ones came.
    #[serde(default)]
    pub bad_copies: u32,
    /// Copied so far, where it goes in parts.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// It takes longer than one invocation may, so it goes in parts.
    #[serde(default)]
    pub in_parts: bool,
}

impl RunFile {
    pub(super) fn pending(file: TaskFile) -> Self {
        Self {
            file,
            state: FileState::Pending,
            key: None,
            sha256: None,
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

    /// Whether it is neither archived nor given up.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.state, FileState::Pending | FileState::Archiving)
    }

    /// Whether it is to be tried now.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.is_open() && self.not_before.is_none_or(|moment| moment <= now)
    }

    /// An object of so many bytes is at `key`.
    pub fn archived(&mut self, key: &str, size: u64, sha256: Option<String>) {
        self.state = FileState::Archived;
        self.key = Some(key.to_owned());
        self.file.size = Some(size);
        self.sha256 = sha256;
        self.error = None;
        self.not_before = None;
        self.bytes = None;
    }

    /// So many bytes of it are copied, and the rest was not yet asked for, or did not come. While there are more each
    /// time, it has patience.
    pub fn came_to(&mut self, bytes: u64, cut_short: Option<&str>, now: Timestamp) {
        self.state = FileState::Archiving;
        let further = Some(bytes) > self.bytes;
        if further {
            self.bytes = Some(bytes);
            self.failing_since = None;
            self.not_before = None;
            self.error = None;
        }
        match cut_short {
            Some(reason) => self.tried_in_vain(reason, now),
            None if further => {}
            None => self.tried_in_vain("it came no further", now),
        }
    }

    /// It could not be had; later may be better, within its patience.
    pub fn tried_in_vain(&mut self, reason: &str, now: Timestamp) {
        self.state = FileState::Archiving;
        self.attempts = self.attempts.saturating_add(1);
        self.error = Some(reason.to_owned());
        let since = *self.failing_since.get_or_insert(now);
        if now.since_ms(since) >= ARCHIVE_PATIENCE_MS {
            return self.give_up(reason);
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

    /// Other bytes than the stated ones came; a few times that is a mistake on the way, then it is given up.
    pub fn came_wrong(&mut self, reason: &str, now: Timestamp) {
        self.bad_copies = self.bad_copies.saturating_add(1);
        self.bytes = None;
        self.tried_in_vain(reason, now);
        if self.bad_copies >= BAD_COPIES_MAX {
            self.give_up(reason);
        }
    }

    /// It will not come.
    pub fn refused(&mut self, reason: &str) {
        self.attempts = self.attempts.saturating_add(1);
        self.give_up(reason);
    }

    fn give_up(&mut self, reason: &str) {
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

    /// The minutes at which a file is tried that cannot be had.
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
    fn what_cannot_be_had_is_tried_for_an_hour_and_less_and_less_often() {
        let unavailable = |file: &mut RunFile, now| file.tried_in_vain("HTTP 500", now);
        assert_eq!(tries(file(), unavailable), [0, 1, 3, 7, 15, 30, 45, 60]);
        assert_eq!(tries(file(), |file, now| file.came_wrong("short", now)), [0, 1, 3]);
        assert_eq!(tries(file(), |file, _| file.refused("HTTP 404")), [0]);
    }

    #[test]
    fn a_server_may_ask_for_a_longer_wait_up_to_an_hour() {
        for (asked, due) in [(0, 1), (1, 1), (7, 7), (24 * 60, 60)] {
            let mut busy = file();
            busy.tried_in_vain("HTTP 429", at(0));
            busy.wait_at_least(asked * MINUTE_MS, at(0));
            assert!(!busy.is_due(at(due - 1)) && busy.is_due(at(due)), "{asked}");
        }
        let mut given_up = file();
        given_up.refused("HTTP 404");
        given_up.wait_at_least(MINUTE_MS, at(0));
        assert_eq!(given_up.not_before, None);
    }

    #[test]
    fn what_comes_further_is_not_given_up() {
        let mut slow = file();
        for minute in (0..300).step_by(20) {
            slow.came_to(u64::try_from(minute).unwrap(), Some("no byte came"), at(minute));
            assert!(slow.is_open(), "{minute}");
        }
        for minute in (300..=340).step_by(20) {
            slow.came_to(280, None, at(minute));
        }
        assert_eq!(slow.state, FileState::Failed, "no byte more since minute 280");
    }

    #[test]
    fn what_came_further_goes_on_at_once() {
        let mut slow = file();
        slow.tried_in_vain("HTTP 500", at(0));
        slow.came_to(1, None, at(1));
        assert!(slow.is_due(at(1)));
        assert_eq!((slow.attempts, slow.error.as_deref()), (1, None), "this was no try in vain");
        slow.came_to(1, None, at(2));
        assert!(!slow.is_due(at(2)));
        assert_eq!((slow.attempts, slow.error.as_deref()), (2, Some("it came no further")));
    }
}
