//! How much memory the request bodies in flight in this isolate take: a lease for each, and one cap for all.
//!
//! It counts; bytes and the time are arguments, and it must not read a body or a clock.
//!
//! # What counts, and when
//! - A request counts [`REQUEST_BYTES`] from the moment its body is read, then the bytes that are allocated for its
//!   body, and [`WORK_FACTOR`] times its body once the body is complete ([`Lease::hold`]).
//! - A stated `Content-Length` reserves nothing. If it did, 24 requests that state 1 MB and send nothing would fill the
//!   cap for 30 s and could do so for ever, at no cost. As it is, an attacker has to send as many bytes as the cap has, and
//!   to send them again each time the timeouts of [`super::incoming`] end the request.
//! - The last part of the cap is for small requests ([`LARGE_BYTES_MAX`]): a crowd of large bodies, slow or not, leaves
//!   room for the webhooks of a few KB that most senders send.
//! - A lease ends when it is dropped. It also expires ([`LEASE_MS_MAX`]): the runtime may end an invocation (CPU limit,
//!   30 s after its client has gone) without dropping what the invocation holds, and such a lease must not count for ever.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::timestamp::{MINUTE_MS, Timestamp};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// The most bytes that all requests in flight may take. An isolate has 128 MB for the code, the runtime's own copies,
/// the sweeps' parts of files and this.
pub const BYTES_MAX: u64 = 24 * MIB;

/// The most bytes in flight for which a large request still gets more. The rest is for small ones.
pub const LARGE_BYTES_MAX: u64 = 20 * MIB;

/// A request that takes no more than this is small.
pub const SMALL_BYTES_MAX: u64 = 256 * KIB;

/// What a request takes before a byte of its body is there: its future, its headers and the runtime's objects.
pub const REQUEST_BYTES: u64 = 16 * KIB;

/// How many times its size a complete body counts: the body, the index of its document, and the text of its claim.
///
/// A document's index may be larger than that for a moment. This is safe: parsing and planning wait for nothing, so an
/// isolate has one such index at a time.
pub const WORK_FACTOR: u64 = 3;

/// After this time a lease counts no more, milliseconds. Reading a body takes at most a minute, and storing it a few
/// seconds with all retries.
pub const LEASE_MS_MAX: i64 = 5 * MINUTE_MS;

/// No room is left for more bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bodies in flight take {bytes} bytes, and this one needs {more} more")]
pub struct Full {
    /// The bytes that all requests in flight take.
    pub bytes: u64,
    /// The further bytes that this request needs.
    pub more: u64,
}

/// The leases of the requests in flight.
#[derive(Debug, Default)]
pub struct InFlight(RefCell<Leases>);

#[derive(Debug, Default)]
struct Leases {
    /// The sum over all leases, so that it is not added up for each request.
    bytes: u64,
    next_id: u64,
    /// Oldest first. At most [`BYTES_MAX`] / [`REQUEST_BYTES`] of them.
    held: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    since: Timestamp,
    bytes: u64,
}

/// The bytes of one request. They are released when the lease is dropped.
#[derive(Debug)]
pub struct Lease {
    in_flight: Rc<InFlight>,
    id: u64,
}

impl InFlight {
    /// A lease of [`REQUEST_BYTES`] for a request whose body is about to be read.
    ///
    /// # Errors
    /// [`Full`] when there is no room.
    pub fn lease(self: &Rc<Self>, now: Timestamp) -> Result<Lease, Full> {
        let mut leases = self.0.borrow_mut();
        leases.expire(now);
        if leases.bytes + REQUEST_BYTES > BYTES_MAX {
            return Err(Full { bytes: leases.bytes, more: REQUEST_BYTES });
        }
        let id = leases.next_id;
        leases.next_id += 1;
        leases.bytes += REQUEST_BYTES;
        leases.held.insert(id, Held { since: now, bytes: REQUEST_BYTES });
        Ok(Lease { in_flight: Rc::clone(self), id })
    }

    /// The bytes that all requests in flight take.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.borrow().bytes
    }
}

impl Leases {
    fn expire(&mut self, now: Timestamp) {
        // Ends: each pass removes an entry.
        while let Some(oldest) = self.held.first_entry() {
            if now.since_ms(oldest.get().since) < LEASE_MS_MAX {
                return;
            }
            self.bytes -= oldest.remove().bytes;
        }
    }

    fn hold(&mut self, id: u64, bytes: u64) -> Result<(), Full> {
        let held = self.held.get_mut(&id).ok_or(Full { bytes: self.bytes, more: bytes })?;
        let total = self.bytes - held.bytes + bytes;
        let limit = if bytes <= SMALL_BYTES_MAX { BYTES_MAX } else { LARGE_BYTES_MAX };
        if bytes > held.bytes && total > limit {
            return Err(Full { bytes: self.bytes, more: bytes - held.bytes });
        }
        held.bytes = bytes;
        self.bytes = total;
        Ok(())
    }
}

impl Lease {
    /// From now on the request takes [`REQUEST_BYTES`] and this many bytes, more or fewer than before.
    ///
    /// # Errors
    /// [`Full`] when there is no room, or the lease has expired; the request keeps what it had.
    pub fn hold(&mut self, bytes: u64) -> Result<(), Full> {
        self.in_flight.0.borrow_mut().hold(self.id, REQUEST_BYTES.saturating_add(bytes))
    }

    /// From now on the request takes this many bytes more.
    ///
    /// # Errors
    /// As [`hold`](Self::hold).
    pub fn hold_more(&mut self, bytes: u64) -> Result<(), Full> {
        let mut leases = self.in_flight.0.borrow_mut();
        let held = leases.held.get(&self.id).map_or(0, |held| held.bytes);
        leases.hold(self.id, held.saturating_add(bytes))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut leases = self.in_flight.0.borrow_mut();
        if let Some(held) = leases.held.remove(&self.id) {
            leases.bytes -= held.bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hook::BODY_BYTES_MAX;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn leases(in_flight: &Rc<InFlight>, number: usize, bytes: u64) -> Vec<Lease> {
        let lease = || {
            let mut lease = in_flight.lease(at(0)).ok()?;
            lease.hold(bytes).ok().map(|()| lease)
        };
        (0..number).map_while(|_| lease()).collect()
    }

    #[test]
    fn a_dropped_lease_gives_its_bytes_back() {
        let in_flight = Rc::new(InFlight::default());
        let mut lease = in_flight.lease(at(0)).unwrap();
        assert_eq!(in_flight.bytes(), REQUEST_BYTES);
        lease.hold(5 * MIB).unwrap();
        let other = in_flight.lease(at(0)).unwrap();
        assert_eq!(in_flight.bytes(), 5 * MIB + 2 * REQUEST_BYTES);
        drop(lease);
        assert_eq!(in_flight.bytes(), REQUEST_BYTES);
        drop(other);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn a_lease_that_gets_no_more_keeps_what_it_has() {
        let in_flight = Rc::new(InFlight::default());
        let mut lease = in_flight.lease(at(0)).unwrap();
        lease.hold(MIB).unwrap();
        let before = in_flight.bytes();
        assert_eq!(lease.hold(25 * MIB), Err(Full { bytes: before, more: 24 * MIB }));
        assert_eq!(in_flight.bytes(), before);
        lease.hold(MIB / 2).unwrap();
        assert_eq!(in_flight.bytes(), MIB / 2 + REQUEST_BYTES);
    }

    #[test]
    fn the_largest_body_fits_when_it_is_alone() {
        let in_flight = Rc::new(InFlight::default());
        let mut lease = in_flight.lease(at(0)).unwrap();
        assert_eq!(lease.hold(BODY_BYTES_MAX * WORK_FACTOR), Ok(()));
    }

    #[test]
    fn a_crowd_of_large_bodies_leaves_room_for_small_ones() {
        let in_flight = Rc::new(InFlight::default());
        let mut large = leases(&in_flight, 60, MIB);
        assert_eq!(large.len(), 19);
        let small = leases(&in_flight, 60, 60 * KIB);
        assert_eq!(small.len(), 60);
        // One that grows beyond small gets no more although there is room.
        let mut growing = in_flight.lease(at(0)).unwrap();
        assert!(growing.hold(SMALL_BYTES_MAX).is_err());
        // One that needs less than before is never refused.
        let [first, ..] = large.as_mut_slice() else { panic!("no large bodies") };
        assert_eq!(first.hold(MIB - 1), Ok(()));
    }

    #[test]
    fn requests_without_a_byte_are_bounded_too() {
        let in_flight = Rc::new(InFlight::default());
        let idle = leases(&in_flight, 10_000, 0);
        assert_eq!(idle.len() as u64, BYTES_MAX / REQUEST_BYTES);
        assert!(in_flight.lease(at(0)).is_err());
        drop(idle);
        assert_eq!(in_flight.bytes(), 0);
    }

    #[test]
    fn a_lease_that_nothing_drops_expires() {
        let in_flight = Rc::new(InFlight::default());
        let mut lost = in_flight.lease(at(0)).unwrap();
        lost.hold(MIB).unwrap();
        let young = in_flight.lease(at(1)).unwrap();
        let other = in_flight.lease(at(LEASE_MS_MAX)).unwrap();
        assert_eq!(in_flight.bytes(), 2 * REQUEST_BYTES);
        // If its request is alive after all, it gets nothing more and gives nothing back.
        assert!(lost.hold(0).is_err());
        drop((lost, young));
        assert_eq!(in_flight.bytes(), REQUEST_BYTES);
        drop(other);
    }
}
