//! One large answer at a time in an isolate, whichever invocations wait for one.
//!
//! It has no clock and does not wait: who gets no lease asks again, with a timer of its own, because an invocation of a
//! Worker cannot be woken by another.

use std::cell::Cell;
use std::rc::Rc;

use crate::timestamp::{SECOND_MS, Timestamp};

/// How long a lease counts, milliseconds: longer than an answer may take to be read. A lease is given back when it is
/// dropped, but an invocation that the runtime ends drops nothing.
pub const LEASE_MS: i64 = 60 * SECOND_MS;

/// Which large answer is being read in this isolate.
#[derive(Debug, Default)]
pub struct LargeAnswers {
    /// When the lease was taken that is held.
    taken_at: Cell<Option<Timestamp>>,
    /// How many leases were taken, so that one that has run out does not give back the next.
    taken: Cell<u64>,
}

/// The right to read one large answer, given back when it is dropped.
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
