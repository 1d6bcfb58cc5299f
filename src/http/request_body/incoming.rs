//! A request body that arrives: how many bytes it may have, and how long they may take.
//!
//! Sizes and the time are arguments; it must not read a stream.

use super::in_flight::{Full, Lease, WORK_FACTOR};
use crate::timestamp::{SECOND_MS, Timestamp};

/// How long the next byte may take to arrive, milliseconds.
pub const IDLE_MS_MAX: i64 = 30 * SECOND_MS;

/// How long a whole body may take to arrive, milliseconds. Without this bound, a sender of one byte every 29 s would hold
/// its buffer for ever. The largest body (4 MiB) needs 70 KB a second; no known sender waits longer for an answer.
pub const WHOLE_MS_MAX: i64 = 60 * SECOND_MS;

/// Why a body was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IncomingError {
    /// More bytes than allowed.
    #[error("the body has more than {0} bytes")]
    TooLarge(u64),
    /// The bodies in flight leave no room for it.
    #[error(transparent)]
    Full(#[from] Full),
}

/// Which time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimedOut {
    /// [`IDLE_MS_MAX`]
    #[error("no byte of the body came for {} s: send the request again, without pauses", IDLE_MS_MAX / SECOND_MS)]
    Idle,
    /// [`WHOLE_MS_MAX`]
    #[error(
        "the body was not complete after {} s: send the request again, faster or with a smaller body",
        WHOLE_MS_MAX / SECOND_MS
    )]
    Whole,
}

/// The size of a body so far, that of the buffer that holds it, and the lease that counts the buffer.
#[derive(Debug)]
pub struct Incoming {
    bytes: u64,
    capacity: u64,
    stated: Option<u64>,
    bytes_max: u64,
    lease: Lease,
}

/// When a body began to arrive, and when its last byte came.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    began: Timestamp,
    last: Timestamp,
}

impl Incoming {
    /// A body of at most `bytes_max` bytes. `stated` is its `Content-Length`: it bounds the buffer, and is not trusted.
    #[must_use]
    pub fn new(bytes_max: u64, stated: Option<u64>, lease: Lease) -> Self {
        Self { bytes: 0, capacity: 0, stated, bytes_max, lease }
    }

    /// Counts bytes that arrived.
    ///
    /// # Errors
    /// [`IncomingError::TooLarge`] beyond `bytes_max`, [`IncomingError::Full`] when the lease gets no more.
    pub fn add(&mut self, bytes: usize) -> Result<(), IncomingError> {
        self.bytes += bytes as u64;
        if self.bytes > self.bytes_max {
            return Err(IncomingError::TooLarge(self.bytes_max));
        }
        if self.bytes > self.capacity {
            // As `entry.js` makes the next buffer.
            let bound = self.stated.unwrap_or(u64::MAX).min(self.bytes_max);
            self.capacity = (2 * self.capacity).min(bound).max(self.bytes);
            self.lease.hold(self.capacity)?;
        }
        Ok(())
    }

    /// The lease of a whole body, which from now on counts [`WORK_FACTOR`] times the body.
    ///
    /// # Errors
    /// [`Full`] when there is no room for that.
    pub fn finish(mut self) -> Result<Lease, Full> {
        self.lease.hold(WORK_FACTOR * self.bytes)?;
        Ok(self.lease)
    }
}

impl Arrival {
    /// A body whose first byte is awaited from now on.
    #[must_use]
    pub fn begin(now: Timestamp) -> Self {
        Self { began: now, last: now }
    }

    /// Records that bytes came.
    pub fn record_bytes(&mut self, now: Timestamp) {
        self.last = now;
    }

    /// How long to wait for the next bytes, milliseconds, from 1 to [`IDLE_MS_MAX`].
    ///
    /// # Errors
    /// [`TimedOut`] when one of the times is over.
    pub fn wait_ms(&self, now: Timestamp) -> Result<u32, TimedOut> {
        let idle = IDLE_MS_MAX - now.since_ms(self.last);
        let whole = WHOLE_MS_MAX - now.since_ms(self.began);
        match (idle, whole) {
            (_, ..=0) => Err(TimedOut::Whole),
            (..=0, _) => Err(TimedOut::Idle),
            (idle, whole) => Ok(u32::try_from(idle.min(whole)).unwrap_or(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::super::in_flight::{BYTES_MAX, InFlight, REQUEST_BYTES};
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn incoming(in_flight: &Rc<InFlight>, bytes_max: u64) -> Incoming {
        stated(in_flight, bytes_max, None)
    }

    fn stated(in_flight: &Rc<InFlight>, bytes_max: u64, length: Option<u64>) -> Incoming {
        Incoming::new(bytes_max, length, in_flight.lease(at(0)).unwrap())
    }

    /// What the buffer holds of a body that arrives in pieces of 1,000 bytes.
    fn capacities(bytes: u64, length: Option<u64>) -> Vec<u64> {
        let in_flight = Rc::new(InFlight::default());
        let mut body = stated(&in_flight, MIB, length);
        let mut capacities: Vec<u64> = (0..bytes / 1_000)
            .map(|_| {
                body.add(1_000).unwrap();
                assert_eq!(in_flight.bytes(), REQUEST_BYTES + body.capacity);
                body.capacity
            })
            .collect();
        capacities.dedup();
        capacities
    }

    #[test]
    fn a_buffer_doubles_up_to_what_the_body_can_have() {
        assert_eq!(capacities(10_000, None), [1_000, 2_000, 4_000, 8_000, 16_000]);
        assert_eq!(capacities(10_000, Some(10_000)), [1_000, 2_000, 4_000, 8_000, 10_000]);
        assert_eq!(capacities(1_000_000, None).last(), Some(&1_024_000));
        // A stated length that is not true.
        assert_eq!(capacities(2_000, Some(1_500)), [1_000, 2_000]);
        assert_eq!(capacities(1_000, Some(u64::MAX)), [1_000]);
    }

    #[test]
    fn what_has_arrived_counts_and_a_whole_body_counts_what_is_made_of_it() {
        let in_flight = Rc::new(InFlight::default());
        let mut body = incoming(&in_flight, MIB);
        for _ in 0..10 {
            body.add(1_000).unwrap();
        }
        assert_eq!(in_flight.bytes(), REQUEST_BYTES + 16_000);
        let lease = body.finish().unwrap();
        assert_eq!(in_flight.bytes(), REQUEST_BYTES + WORK_FACTOR * 10_000);
        drop(lease);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn a_body_may_have_exactly_so_many_bytes() {
        let in_flight = Rc::new(InFlight::default());
        let mut body = incoming(&in_flight, 10);
        assert_eq!(body.add(10), Ok(()));
        assert_eq!(body.add(1), Err(IncomingError::TooLarge(10)));
    }

    #[test]
    fn a_crowd_that_never_ends_its_bodies_is_refused_while_it_sends() {
        let in_flight = Rc::new(InFlight::default());
        let mut crowd = Vec::new();
        for _ in 0..60 {
            let mut body = stated(&in_flight, MIB, Some(1_000_000));
            match (0..244).try_for_each(|_| body.add(4096)) {
                Ok(()) => crowd.push(body),
                Err(error) => assert!(matches!(error, IncomingError::Full(_)), "{error}"),
            }
        }
        assert_eq!(crowd.len(), 20);
        assert!(in_flight.bytes() < BYTES_MAX);
        // An ordinary webhook still gets in.
        let mut small = incoming(&in_flight, MIB);
        small.add(20_000).unwrap();
        assert!(small.finish().is_ok());
    }

    #[test]
    fn few_whole_bodies_are_worked_on_at_the_same_time() {
        let in_flight = Rc::new(InFlight::default());
        let mut bodies = Vec::new();
        for _ in 0..12 {
            let mut body = incoming(&in_flight, MIB);
            body.add(1024 * 1024).unwrap();
            bodies.extend(body.finish());
        }
        assert_eq!(bodies.len(), 6);
    }

    #[test]
    fn a_body_that_stops_arriving_is_waited_for_so_long() {
        let mut arrival = Arrival::begin(at(0));
        assert_eq!(arrival.wait_ms(at(0)), Ok(30_000));
        assert_eq!(arrival.wait_ms(at(29_999)), Ok(1));
        assert_eq!(arrival.wait_ms(at(30_000)), Err(TimedOut::Idle));
        arrival.record_bytes(at(29_000));
        assert_eq!(arrival.wait_ms(at(30_000)), Ok(29_000));
        assert_eq!(arrival.wait_ms(at(59_000)), Err(TimedOut::Idle));
        // A clock that is put back waits no longer than usual.
        assert_eq!(arrival.wait_ms(at(-5_000)), Ok(30_000));
    }

    #[test]
    fn a_body_that_dribbles_ends_after_a_minute() {
        let mut arrival = Arrival::begin(at(0));
        for second in 1..60 {
            arrival.record_bytes(at(second * 1_000));
        }
        assert_eq!(arrival.wait_ms(at(59_000)), Ok(1_000));
        assert_eq!(arrival.wait_ms(at(60_000)), Err(TimedOut::Whole));
    }
}
