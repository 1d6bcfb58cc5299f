//! How much one invocation may still do: requests, connections, files, memory and time.
//!
//! It only counts; who asks decides what to leave out when there is nothing left.

use std::cell::Cell;

use super::notify::Outbox;
use super::turns::TurnMemo;
use crate::fabricate::{REDIRECTS_MAX, TaskFile};
use crate::ports::{Clock, Fabricate};
use crate::timestamp::Timestamp;

/// How many bytes of parts may be in memory: an isolate has 128 MB, which its invocations share.
pub(super) const PARTS_BYTES_MAX: u64 = 48 * 1024 * 1024;

/// How much may still be done in this invocation.
#[derive(Debug)]
pub struct Budget {
    requests: Cell<u32>,
    files_each: u32,
    /// `Some`: only ends are written, and a run's files may have this many bytes.
    bytes_until_end: Option<u64>,
    no_file_after: Option<Timestamp>,
    copy_until: Option<Timestamp>,
    /// Connections beyond the one of each run that is being advanced.
    connections: Pool,
    /// The one connection for the records of copies.
    marks: Pool,
    /// Copies that are being made.
    copies: Cell<u32>,
    parts_bytes: Pool,
    outbox: Outbox,
    turns: TurnMemo,
}

/// A limited resource, from which shares are taken and given back.
#[derive(Debug)]
struct Pool(Cell<u64>);

/// The most requests of one copy: one for the file, and one for each redirect.
#[expect(clippy::cast_possible_truncation, reason = "a handful")]
pub(super) const COPY_REQUESTS_MAX: u32 = 1 + REDIRECTS_MAX as u32;

/// A share of a [`Pool`], given back when it is dropped.
#[derive(Debug)]
pub(super) struct Share<'a> {
    pool: &'a Pool,
    pub(super) amount: u64,
}

/// Counts a copy that is being made until it is dropped.
#[derive(Debug)]
pub(super) struct Copying<'a>(&'a Cell<u32>);

impl Drop for Copying<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Pool {
    fn of(amount: u64) -> Self {
        Self(Cell::new(amount))
    }

    fn take_up_to(&self, most: u64) -> Share<'_> {
        let amount = self.0.get().min(most);
        self.0.set(self.0.get() - amount);
        Share { pool: self, amount }
    }

    fn take(&self, amount: u64) -> Option<Share<'_>> {
        (self.0.get() >= amount).then(|| self.take_up_to(amount))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.pool.0.set(self.pool.0.get() + self.amount);
    }
}

impl Budget {
    /// A budget of `requests` outbound requests, without limits for files.
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self {
            requests: Cell::new(requests),
            files_each: u32::MAX,
            bytes_until_end: None,
            no_file_after: None,
            copy_until: None,
            connections: Pool::of(0),
            marks: Pool::of(1),
            copies: Cell::new(0),
            parts_bytes: Pool::of(PARTS_BYTES_MAX),
            outbox: Outbox::default(),
            turns: TurnMemo::default(),
        }
    }

    /// Limits files: each run copies at most `files_each`, no copy begins after `no_file_after`, and none goes on beyond
    /// `copy_until`.
    #[must_use]
    pub fn for_files(self, files_each: u32, no_file_after: Timestamp, copy_until: Timestamp) -> Self {
        Self { files_each, no_file_after: Some(no_file_after), copy_until: Some(copy_until), ..self }
    }

    /// Limits the invocation to runs that end in it: a step that leaves its run open writes nothing, and files are only copied
    /// where all of the run's fit, `bytes_max` together. What is left costs a later invocation nothing more.
    #[must_use]
    pub fn for_ends(self, bytes_max: u64) -> Self {
        Self { bytes_until_end: Some(bytes_max), ..self }
    }

    /// Whether a step that leaves its run open writes nothing ([`Self::for_ends`]).
    pub(super) fn is_for_ends(&self) -> bool {
        self.bytes_until_end.is_some()
    }

    /// Whether all files of a task fit, as far as the task states their sizes.
    pub(super) fn admits(&self, files: &[TaskFile]) -> bool {
        let stated = files.iter().filter_map(|file| file.size).fold(0_u64, u64::saturating_add);
        !self.is_for_ends() || (files.len() <= self.files_each as usize && self.admits_bytes(stated))
    }

    /// Whether a file of this size fits, bytes.
    pub(super) fn admits_bytes(&self, bytes: u64) -> bool {
        self.bytes_until_end.is_none_or(|bytes_max| bytes <= bytes_max)
    }

    /// Lets runs copy this many files at the same time beyond one each.
    #[must_use]
    pub fn with_connections(self, connections: u64) -> Self {
        Self { connections: Pool::of(connections), ..self }
    }

    /// The runs whose targets this invocation notifies, after everything else.
    pub(super) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What this invocation has learned about turns.
    pub(super) fn turns(&self) -> &TurnMemo {
        &self.turns
    }

    /// Takes one request to Fabricate; `false` when none is left, or the circuit breaker is open. The caller then enters
    /// nothing in the journal, and the next sweep tries again.
    pub fn take(&self, world: &(impl Fabricate + Clock)) -> bool {
        self.left() > 0 && world.breaker().take(world.now()) && self.take_elsewhere()
    }

    /// Takes one request to another host, such as the storage that Fabricate redirects to.
    pub fn take_elsewhere(&self) -> bool {
        let left = self.requests.get();
        self.requests.set(left.saturating_sub(1));
        left > 0
    }

    /// The requests that are left.
    #[must_use]
    pub fn left(&self) -> u32 {
        self.requests.get()
    }

    /// Lets a run that has begun `begun` copies in this invocation begin another, unless no time is left, or too few
    /// requests for all copies that are being made: they would share the requests, and none would be completed.
    pub(super) fn begin_copy(&self, begun: u32, now: Timestamp) -> Option<Copying<'_>> {
        let in_time = begun < self.files_each && self.no_file_after.is_none_or(|moment| now < moment);
        let copies = self.copies.get() + 1;
        let affordable = copies == 1 || self.left() >= copies.saturating_mul(COPY_REQUESTS_MAX);
        (in_time && affordable).then(|| {
            self.copies.set(copies);
            Copying(&self.copies)
        })
    }

    /// How long a copy may go on from now, milliseconds.
    pub(super) fn copy_ms(&self, now: Timestamp) -> i64 {
        self.copy_until.map_or(i64::MAX, |until| until.since_ms(now).max(0))
    }

    /// Takes up to `most` connections for copying more than one file at a time.
    pub(super) fn connections(&self, most: u64) -> Share<'_> {
        self.connections.take_up_to(most)
    }

    /// Takes the one connection for the records of copies; `None` while another copy has it.
    pub(super) fn mark(&self) -> Option<Share<'_>> {
        self.marks.take(1)
    }

    /// Takes memory for parts of an upload; `None` when not enough is left.
    pub(super) fn parts_bytes(&self, bytes: u64) -> Option<Share<'_>> {
        self.parts_bytes.take(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_given_back() {
        let budget = Budget::new(1).with_connections(3);
        let two = budget.connections(2);
        let one = budget.connections(2);
        assert_eq!((two.amount, one.amount, budget.connections(2).amount), (2, 1, 0));
        drop(two);
        assert_eq!(budget.connections(4).amount, 2);
        let mark = budget.mark();
        assert!(mark.is_some() && budget.mark().is_none());
        drop(mark);
        assert!(budget.mark().is_some());
        let (first, second) = (
            budget.begin_copy(0, Timestamp::from_millis(0)),
            budget.begin_copy(0, Timestamp::from_millis(0)),
        );
        assert!(first.is_some() && second.is_none(), "one request is enough for one copy at most");
        drop(first);
        assert!(budget.begin_copy(0, Timestamp::from_millis(0)).is_some());
        let all = budget.parts_bytes(PARTS_BYTES_MAX);
        assert!(all.is_some() && budget.parts_bytes(1).is_none());
    }

    #[test]
    fn a_run_begins_so_many_copies_and_none_too_late() {
        let at = Timestamp::from_millis;
        let budget = Budget::new(1).for_files(2, at(10), at(20));
        let begins = |begun, now| budget.begin_copy(begun, at(now)).is_some();
        assert_eq!([begins(0, 9), begins(1, 9), begins(2, 9), begins(0, 10)], [true, true, false, false]);
        assert_eq!([0, 19, 20, 21].map(|now| budget.copy_ms(at(now))), [20, 1, 0, 0]);
        assert_eq!(Budget::new(1).copy_ms(at(0)), i64::MAX);
    }

    #[test]
    fn no_more_copies_are_begun_than_can_all_be_paid() {
        // For the file, and for each redirect.
        let each = 1 + u32::try_from(REDIRECTS_MAX).unwrap();
        for (requests, copies) in [(0, 1), (2 * each - 1, 1), (2 * each, 2), (3 * each - 1, 2), (3 * each, 3)]
        {
            let budget = Budget::new(requests);
            let begun: Vec<_> =
                std::iter::from_fn(|| budget.begin_copy(0, Timestamp::from_millis(0))).take(9).collect();
            assert_eq!(begun.len(), copies, "{requests}");
        }
    }

    #[test]
    fn a_run_ends_at_once_only_where_all_of_its_files_fit() {
        let file = |size| TaskFile { id: "f".into(), name: None, size, content_type: None };
        let budget = || Budget::new(1).for_files(2, Timestamp::from_millis(1), Timestamp::from_millis(2));
        let brief = budget().for_ends(10);
        let admits =
            |sizes: &[Option<u64>]| brief.admits(&sizes.iter().copied().map(file).collect::<Vec<_>>());
        assert!(admits(&[]) && admits(&[Some(4), Some(6)]) && admits(&[None, Some(10)]));
        assert!(!admits(&[Some(4), Some(7)]) && !admits(&[None; 3]) && !admits(&[Some(u64::MAX), Some(1)]));
        assert_eq!([10, 11].map(|bytes| brief.admits_bytes(bytes)), [true, false]);
        assert!(budget().admits(&[file(Some(u64::MAX)), file(None), file(None)]), "a sweep copies any file");
    }

    #[test]
    fn a_request_is_taken_once() {
        let budget = Budget::new(2);
        assert_eq!([(); 3].map(|()| budget.take_elsewhere()), [true, true, false]);
        assert_eq!(budget.left(), 0);
    }
}
