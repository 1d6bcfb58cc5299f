//! A lease for reading a large answer: one at a time in an isolate.
//!
//! It has no clock and does not wait. A caller that gets no lease tries again after a timer, because one invocation of a
//! Worker cannot wake another.

use std::cell::Cell;
use std::rc::Rc;

use crate::timestamp::{SECOND_MS, Timestamp};

/// A lease expires after this time, milliseconds, which is longer than reading an answer may take. A lease is released when
/// it is dropped, but an invocation that the runtime ends drops nothing.
pub const LEASE_MS: i64 = 60 * SECOND_MS;

/// The lease of this isolate.
#[derive(Debug, Default)]
pub struct LargeAnswers {
    /// When the current lease was taken.
    taken_at: Cell<Option<Timestamp>>,
    /// The number of leases so far, so that dropping an expired one does not release the next.
    taken: Cell<u64>,
}

/// The right to read one large answer. Dropping it releases it.
#[derive(Debug)]
pub struct Lease {
    of: Rc<LargeAnswers>,
    number: u64,
}

impl LargeAnswers {
    /// Takes the lease; `None`: another holds it.
    #[must_use]
    pub fn take(self: &Rc<Self>, now: Timestamp) -> Option<Lease> {
        let held = self.taken_at.get().is_some_and(|at| now.since_ms(at) < LEASE_MS);
        if held {
            return None;
        }
        self.taken_at.set(Some(now));
        let number = self.taken.get() + 1;
        self.taken.set(number);
        Some(Lease { of: Rc::clone(self), number })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.of.taken.get() == self.number {
            self.of.taken_at.set(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn one_lease_is_held_at_a_time() {
        let answers = Rc::new(LargeAnswers::default());
        let first = answers.take(at(0));
        assert!(first.is_some() && answers.take(at(1)).is_none());
        drop(first);
        assert!(answers.take(at(2)).is_some());
    }

    #[test]
    fn a_lease_that_was_never_given_back_runs_out() {
        let answers = Rc::new(LargeAnswers::default());
        let lost = answers.take(at(0));
        assert!(answers.take(at(LEASE_MS - 1)).is_none());
        let next = answers.take(at(LEASE_MS));
        assert!(next.is_some());
        drop(lost);
        assert!(answers.take(at(LEASE_MS + 1)).is_none(), "the next holder still has it");
    }
}
