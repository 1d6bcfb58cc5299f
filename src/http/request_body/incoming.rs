//! A request body that arrives: how many bytes it may have, how long they may take, and how the buffer grows.
//!
//! Chunks and the time are arguments; it must not read a stream.

use super::in_flight::{Full, Lease, WORK_FACTOR};
use crate::timestamp::{SECOND_MS, Timestamp};

/// How long the next byte may take to arrive, milliseconds.
pub const IDLE_MS_MAX: i64 = 30 * SECOND_MS;

/// How long a whole body may take to arrive, milliseconds. Without this bound, a sender of one byte every 29 s would hold
/// its buffer for ever. The largest body (4 MiB) needs 70 KB a second; no known sender waits longer for an answer.
pub const WHOLE_MS_MAX: i64 = 60 * SECOND_MS;

/// The least capacity of a buffer, bytes: chunks are small, and each growth moves what is there.
const CAPACITY_MIN: usize = 4 * 1024;

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

/// The bytes of a body so far, and the lease that counts them.
#[derive(Debug)]
pub struct Incoming {
    body: Vec<u8>,
    stated: Option<usize>,
    bytes_max: usize,
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
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self { body: Vec::new(), stated: stated.map(size), bytes_max: size(bytes_max), lease }
    }

    /// Takes the next bytes. A larger buffer is counted in the lease before it is allocated.
    ///
    /// # Errors
    /// [`IncomingError::TooLarge`] beyond `bytes_max`, [`IncomingError::Full`] when the lease gets no more.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), IncomingError> {
        if chunk.len() > self.bytes_max - self.body.len() {
            return Err(IncomingError::TooLarge(self.bytes_max as u64));
        }
        let needed = self.body.len() + chunk.len();
        if needed > self.body.capacity() {
            let capacity = self.next_capacity(needed);
            self.lease.hold(capacity as u64)?;
            self.body.reserve_exact(capacity - self.body.len());
        }
        self.body.extend_from_slice(chunk);
        Ok(())
    }

    /// Twice the buffer, so that few growths are needed, but no more than the body can have: a body of stated length
    /// ends in a buffer of exactly this length.
    fn next_capacity(&self, needed: usize) -> usize {
        let bound = self.stated.unwrap_or(usize::MAX).min(self.bytes_max);
        (2 * self.body.capacity()).max(CAPACITY_MIN).min(bound).max(needed)
    }

    /// The whole body, and its lease, which from now on counts [`WORK_FACTOR`] times the body.
    ///
    /// # Errors
    /// [`Full`] when there is no room for that.
    pub fn finish(mut self) -> Result<(Vec<u8>, Lease), Full> {
        self.body.shrink_to_fit();
        self.lease.hold(WORK_FACTOR * self.body.len() as u64)?;
        Ok((self.body, self.lease))
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

    fn incoming(in_flight: &Rc<InFlight>, bytes_max: u64, stated: Option<u64>) -> Incoming {
        Incoming::new(bytes_max, stated, in_flight.lease(at(0)).unwrap())
    }

    /// Takes a body of `bytes` in chunks of 1,000, and what its buffer holds after each.
    fn capacities(bytes: usize, stated: Option<u64>) -> Vec<usize> {
        let in_flight = Rc::new(InFlight::default());
        let mut body = incoming(&in_flight, MIB, stated);
        let mut capacities = Vec::new();
        for chunk in vec![7; bytes].chunks(1000) {
            body.push(chunk).unwrap();
            assert!(in_flight.bytes() >= REQUEST_BYTES + body.body.capacity() as u64);
            capacities.push(body.body.capacity());
        }
        let (body, lease) = body.finish().unwrap();
        assert_eq!(body, vec![7; bytes]);
        assert_eq!(in_flight.bytes(), REQUEST_BYTES + WORK_FACTOR * bytes as u64);
        drop(lease);
        assert_eq!(in_flight.bytes(), 0);
        capacities.dedup();
        capacities
    }

    #[test]
    fn a_buffer_doubles_up_to_what_the_body_can_have() {
        assert_eq!(capacities(10_000, None), [4096, 8192, 16384]);
        assert_eq!(capacities(10_000, Some(10_000)), [4096, 8192, 10_000]);
        assert_eq!(capacities(3_000, Some(3_000)), [3_000]);
        assert_eq!(capacities(1_000_000, None).last(), Some(&1_048_576));
        // A stated length that is not true.
        assert_eq!(capacities(2_000, Some(1_500)), [1_500, 2_000]);
        assert_eq!(capacities(1_000, Some(u64::MAX)), [4096]);
        assert_eq!(capacities(0, Some(0)), [0; 0]);
    }

    #[test]
    fn a_stated_length_reserves_nothing() {
        let in_flight = Rc::new(InFlight::default());
        let silent: Vec<_> = (0..60).map(|_| incoming(&in_flight, 4 * MIB, Some(1_000_000))).collect();
        assert_eq!(in_flight.bytes(), 60 * REQUEST_BYTES);
        drop(silent);
    }

    #[test]
    fn a_body_may_have_exactly_so_many_bytes() {
        let in_flight = Rc::new(InFlight::default());
        let mut body = incoming(&in_flight, 10, None);
        assert_eq!(body.push(&[0; 10]), Ok(()));
        assert_eq!(body.push(&[0]), Err(IncomingError::TooLarge(10)));
    }

    #[test]
    fn a_crowd_that_never_ends_its_bodies_is_refused_while_it_sends() {
        let in_flight = Rc::new(InFlight::default());
        let mut crowd = Vec::new();
        for _ in 0..60 {
            let mut body = incoming(&in_flight, MIB, Some(1_000_000));
            let chunks = vec![0; 999_999];
            match chunks.chunks(4096).try_for_each(|chunk| body.push(chunk)) {
                Ok(()) => crowd.push(body),
                Err(error) => assert!(matches!(error, IncomingError::Full(_)), "{error}"),
            }
        }
        assert_eq!(crowd.len(), 20);
        assert!(in_flight.bytes() < BYTES_MAX);
        // An ordinary webhook still gets in.
        let mut small = incoming(&in_flight, MIB, Some(20_000));
        small.push(&vec![0; 20_000]).unwrap();
        assert!(small.finish().is_ok());
    }

    #[test]
    fn a_whole_body_counts_what_is_made_of_it() {
        let in_flight = Rc::new(InFlight::default());
        let mut bodies = Vec::new();
        for _ in 0..12 {
            let mut body = incoming(&in_flight, MIB, Some(MIB));
            body.push(&vec![0; 1024 * 1024]).unwrap();
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
