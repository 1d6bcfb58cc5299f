//! Word of a copy under way, kept in R2: so that sweeps that overlap do not copy a large file twice, and so that one
//! that died can be carried on.
//!
//! Whoever copies marks every few seconds that it is still at it, beginning some seconds after it began: what is
//! small costs nothing. A mark that is older than half a minute is nobody's. Two may still copy at once, where a
//! mark came late; each put and each completed upload is whole, so that does no harm.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, select};

use crate::ports::{CopyError, CopyLease, Destination, StoreError, Upload, Version, World};
use crate::timestamp::{SECOND_MS, Timestamp};

use super::super::{Budget, author};

/// How often who copies says that it is still at it, milliseconds.
const MARK_MS: u32 = 6_000;

/// A mark that is older is nobody's: five in a row were missed.
const LEASE_MS: i64 = 30 * SECOND_MS;

/// How often the parts of an upload are recorded, milliseconds: R2 takes one write a second for each key.
const RECORD_MS: i64 = 2 * SECOND_MS;

/// A file that is known to be smaller is copied without asking whether somebody is at it.
const LONG_BYTES: u64 = 16 * 1024 * 1024;

/// How often a mark is tried that finds another version than it knows.
const TRIES: u32 = 3;

/// Who copies a file, while it does.
pub(super) struct Lease<'a, W> {
    world: &'a W,
    budget: &'a Budget,
    copy: String,
    holder: String,
    state: RefCell<State>,
}

struct State {
    upload: Option<Upload>,
    /// As it was last read or written; `None`: there is no word of it.
    version: Option<Version>,
    recorded_at: Timestamp,
}

impl<'a, W: World> Lease<'a, W> {
    /// Takes a file, unless somebody is at it.
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

    /// The upload has come so far, has begun, or is no more.
    pub(super) fn set_upload(&self, upload: Option<Upload>) {
        self.state.borrow_mut().upload = upload;
    }

    /// Does some work, and marks meanwhile that it is being done. Ends early where another has taken it.
    pub(super) async fn keep<T>(
        &self,
        work: impl Future<Output = Result<T, CopyError>>,
    ) -> Result<T, CopyError> {
        let marks = async || -> Result<Infallible, CopyError> {
            loop {
                self.world.sleep_ms(MARK_MS).await;
                // Another copy marks now: this one does a few seconds later.
                if let Some(_connection) = self.budget.mark() {
                    self.write(Some(&self.holder)).await?;
                }
            }
        };
        match select(pin!(work), pin!(marks())).await {
            Either::Left((done, _)) => done,
            Either::Right((Err(taken), _)) => Err(taken),
        }
    }

    /// Records how far the upload is, if that was not done a moment ago.
    pub(super) async fn record_by_and_by(&self) -> Result<(), CopyError> {
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

    /// Lets go of it: removes the word of what is done, or leaves it to whoever carries on.
    pub(super) async fn release(self, done: bool) {
        if self.state.borrow().version.is_none() {
            return;
        }
        // Best effort: what stays is nobody's after half a minute, and is cleared away when it is old.
        if done || self.state.borrow().upload.is_none() {
            let _ = self.world.delete_lease(&self.copy).await;
        } else {
            let _ = self.write(None).await;
        }
    }

    /// Writes the record as it is known here. A store that fails is no matter: the next mark will do; but what another
    /// has taken is left to it.
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
            // Lost, or failed: perhaps only the answer, and what stands is one's own.
            let standing = match self.world.get_lease(&self.copy).await {
                Ok(standing) => standing,
                Err(StoreError::Unreadable { .. }) => return Err(CopyError::UnderWay),
                // Somebody wrote it, and nobody knows who.
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
