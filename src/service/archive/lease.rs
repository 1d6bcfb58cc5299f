//! The lease of a long copy, a record in R2: overlapping sweeps do not copy a large file twice, and a copy whose invocation
//! died is resumed.
//!
//! The invocation that copies renews its lease every few seconds, the first time some seconds after it began, so that a
//! small file costs no write. A lease that was not renewed for half a minute has expired. Where a renewal came late, two
//! invocations may copy at the same time; that does no harm, because each put and each completed upload is whole.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};

use crate::ports::{Clock, CopyError, CopyLease, CopyLeases, Destination, StoreError, Upload, Version};
use crate::timestamp::{SECOND_MS, Timestamp};

use super::super::{Budget, author};

/// The time between two renewals, milliseconds.
const RENEW_MS: u32 = 6_000;

/// A lease that was not renewed for this long, milliseconds, has expired: five renewals in a row were missed.
const LEASE_MS: i64 = 30 * SECOND_MS;

/// The shortest time between two records of an upload's parts, milliseconds: R2 takes one write a second for each key.
const RECORD_MS: i64 = 2 * SECOND_MS;

/// A file that is known to be smaller, bytes, is copied without reading whether another invocation copies it.
const LONG_BYTES: u64 = 16 * 1024 * 1024;

/// How often a renewal is tried that finds another version than expected.
const TRIES: u32 = 3;

/// The lease of one file, held by this invocation.
pub(super) struct Lease<'a, W> {
    world: &'a W,
    budget: &'a Budget,
    copy: String,
    holder: String,
    state: RefCell<State>,
}

struct State {
    upload: Option<Upload>,
    /// The record's version as last read or written; `None`: there is no record.
    version: Option<Version>,
    recorded_at: Timestamp,
}

impl<'a, W: CopyLeases + Clock> Lease<'a, W> {
    /// Takes the lease of a file.
    ///
    /// # Errors
    /// [`CopyError::UnderWay`] while another invocation holds it.
    pub(super) async fn take(world: &'a W, budget: &'a Budget, to: &Destination) -> Result<Self, CopyError> {
        let copy = to.copy_id();
        let now = world.now();
        let long = to.size.is_none_or(|size| size >= LONG_BYTES);
        let found = if long { world.get_lease(&copy).await? } else { None };
        let (upload, version) = match found {
            Some((progress, version)) if is_held(&progress, &version, now) => {
                return Err(CopyError::UnderWay);
            }
            Some((progress, version)) => (progress.upload, Some(version)),
            None => (None, None),
        };
        let holder = author(world);
        Ok(Self {
            world,
            budget,
            copy,
            holder,
            state: RefCell::new(State { upload, version, recorded_at: now }),
        })
    }

    /// The upload that is under way.
    pub(super) fn upload(&self) -> Option<Upload> {
        self.state.borrow().upload.clone()
    }

    /// Sets the state of the upload, for the next record; `None`: there is no upload any more.
    pub(super) fn set_upload(&self, upload: Option<Upload>) {
        self.state.borrow_mut().upload = upload;
    }

    /// Does some work and renews the lease meanwhile.
    ///
    /// # Errors
    /// Those of the work; [`CopyError::UnderWay`] as soon as another invocation has taken the lease.
    pub(super) async fn keep<T>(
        &self,
        work: impl Future<Output = Result<T, CopyError>>,
    ) -> Result<T, CopyError> {
        let renew = async || -> Result<Infallible, CopyError> {
            loop {
                self.world.sleep_ms(RENEW_MS).await;
                // Another copy is using the connection: this one renews a few seconds later.
                if let Some(_connection) = self.budget.mark() {
                    self.write(Some(&self.holder)).await?;
                }
            }
        };
        match select(pin!(work), pin!(renew())).await {
            Either::Left((done, _)) => done,
            Either::Right((Err(taken), _)) => Err(taken),
        }
    }

    /// Records how far the upload is, unless that was done less than [`RECORD_MS`] ago.
    pub(super) async fn record_at_intervals(&self) -> Result<(), CopyError> {
        let recorded_at = self.state.borrow().recorded_at;
        if self.world.now().since_ms(recorded_at) < RECORD_MS {
            return Ok(());
        }
        self.record().await
    }

    /// Records how far the upload is.
    pub(super) async fn record(&self) -> Result<(), CopyError> {
        self.write(Some(&self.holder)).await
    }

    /// Releases the lease: removes the record of a finished copy, or keeps it without a holder, to be resumed.
    pub(super) async fn release(self, done: bool) {
        if self.state.borrow().version.is_none() {
            return;
        }
        // Best effort: a record that stays expires after half a minute, and the hourly pass removes it when it is old.
        if done || self.state.borrow().upload.is_none() {
            let _ = self.world.delete_lease(&self.copy).await;
        } else {
            let _ = self.write(None).await;
        }
    }

    /// Writes the record. A failing store is ignored, because the next renewal writes it again.
    ///
    /// # Errors
    /// [`CopyError::UnderWay`] when another invocation has taken the lease.
    async fn write(&self, holder: Option<&str>) -> Result<(), CopyError> {
        for _ in 0..TRIES {
            let (progress, version) = {
                let state = self.state.borrow();
                (
                    CopyLease { holder: holder.map(str::to_owned), upload: state.upload.clone() },
                    state.version.clone(),
                )
            };
            let put = self.world.put_lease(&self.copy, &progress, version.as_ref()).await;
            if let Ok(Some(version)) = put {
                let mut state = self.state.borrow_mut();
                state.version = Some(version);
                state.recorded_at = self.world.now();
                return Ok(());
            }
            // The write lost or failed. If only its answer was lost, the record is this invocation's own.
            let standing = match self.world.get_lease(&self.copy).await {
                Ok(standing) => standing,
                Err(StoreError::Unreadable { .. }) => return Err(CopyError::UnderWay),
                // Another invocation wrote the record, and it cannot be read which one.
                Err(_) if put.is_ok() => return Err(CopyError::UnderWay),
                Err(_) => return Ok(()),
            };
            let version = match standing {
                Some((progress, version)) if !self.is_mine(&progress, &version) => {
                    return Err(CopyError::UnderWay);
                }
                standing => standing.map(|(_, version)| version),
            };
            self.state.borrow_mut().version = version;
        }
        Ok(())
    }

    fn is_mine(&self, standing: &CopyLease, version: &Version) -> bool {
        standing.holder.as_ref() == Some(&self.holder) || !is_held(standing, version, self.world.now())
    }
}

fn is_held(progress: &CopyLease, version: &Version, now: Timestamp) -> bool {
    progress.holder.is_some() && now.since_ms(version.at) < LEASE_MS
}
