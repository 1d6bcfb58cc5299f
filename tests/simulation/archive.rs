//! The simulated files bucket, behind the port. A copy is waited for together with the marks that it is under way, and
//! a part of it that comes together with one that goes.

use std::collections::BTreeMap;

use seedhook::fabricate::{Checksum, FileId, Resume};
use seedhook::ports::{
    Archived, Clock, CopyError, CopyLease, CopyLeases, Destination, Download, Downloads, FileBytes,
    FileStore, Page, Part, Put, Source, StoreError, Upload, Version,
};
use seedhook::run::RunId;
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::chance::Profile;
use crate::fabricate::API;
use crate::files::{Body, Object, Piece};
use crate::promises::Promise;
use crate::uploads::Uploads;
use crate::world::{Invocation, State};

/// The files bucket, by key.
#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Object>,
    /// Whose file each is, by its metadata.
    owners: BTreeMap<String, (RunId, FileId)>,
    pub(crate) uploads: Uploads,
}

impl State {
    /// An object is made at once and whole, or not at all.
    pub(crate) fn put_file(&mut self, on: &Invocation, to: &Destination, mut object: Object) -> Archived {
        let archived = Archived {
            size: object.size,
            sha256: None,
            run_id: Some(to.run_id),
            file_id: Some(to.file_id.clone()),
        };
        if on.world.breaks(Breakage::CopiesAreCut) {
            object.content ^= 1;
        }
        if !on.world.breaks(Breakage::CopiesAreMissing) {
            self.tally.files += 1;
            on.tell(self, || format!("R2 file {} := {object:?}", to.key));
            self.bucket.owners.insert(to.key.clone(), (to.run_id, to.file_id.clone()));
            self.bucket.objects.insert(to.key.clone(), object);
        }
        archived
    }
}

impl FileBytes for Invocation {
    type Body = Body;
    type Data = Piece;
}

impl Downloads for Invocation {
    async fn download(&self, from: &Source, at: Option<&Resume>) -> Result<Download<Body>, CopyError> {
        let at_fabricate = from.url.origin() == API.base().origin();
        if at_fabricate {
            self.world.state.borrow_mut().judge_download(self);
        }
        let request = self.request("download", |state| {
            let answer = state.download(self, from, at);
            let shown = answer.as_ref().map(|answer| &answer.head);
            self.tell(state, || format!("GET {} {at:?}: {shown:?}", from.url));
            let answer = answer.ok_or_else(|| CopyError::Unavailable("no answer".to_owned()));
            (answer, state.rng.i64(20..2_000))
        });
        let answer = self.world.executor.beside(request).await;
        if let (true, Ok(answer)) = (at_fabricate, &answer)
            && let Some(seconds) = answer.head.headers.get("retry-after")
        {
            let seconds = seconds.parse().expect("seconds");
            self.world.state.borrow_mut().workflows.spare(self.place, self.now(), seconds);
        }
        answer
    }

    async fn next_part(&self, body: &mut Body, bytes: u64) -> Result<Part<Piece>, CopyError> {
        let (piece, took_ms) = body.take(self, bytes);
        self.sleep_beside(took_ms).await;
        let length = piece.to - piece.from;
        if body.broken && length < bytes {
            return Err(CopyError::Unavailable("cut short".to_owned()));
        }
        Ok(Part { bytes: length, data: piece })
    }
}

impl FileStore for Invocation {
    async fn find(&self, key: &str) -> Result<Option<Archived>, StoreError> {
        self.operate_beside("R2 head file", |state| {
            let Bucket { objects, owners, .. } = &state.bucket;
            let found = objects.get(key).zip(owners.get(key));
            Ok(found.map(|(object, (run_id, file_id))| Archived {
                size: object.size,
                sha256: None,
                run_id: Some(*run_id),
                file_id: Some(file_id.clone()),
            }))
        })
        .await
    }

    async fn put(&self, to: &Destination, mut body: Body, put: &Put) -> Result<Archived, CopyError> {
        let (piece, took_ms) = body.take(self, u64::MAX / 2);
        self.sleep_beside(took_ms.min(put.limit_ms.into())).await;
        if took_ms > put.limit_ms.into() {
            return Err(CopyError::TooSlow(put.limit_ms / 1_000));
        }
        if body.broken || piece.to != put.length {
            return Err(CopyError::BadCopy(format!("{} bytes, not {}", piece.to, put.length)));
        }
        self.put_data(to, piece, put.checksum).await
    }

    async fn put_data(
        &self,
        to: &Destination,
        data: Piece,
        _: Option<Checksum>,
    ) -> Result<Archived, CopyError> {
        let put = |state: &mut State| {
            let noisy = !state.calm && !self.world.profile.clean;
            let free = !state.bucket.objects.contains_key(&to.key);
            if noisy && free && to.size.is_some() && state.rng.u8(..40) == 0 {
                // Something else was left behind by an earlier try.
                let other = Object { size: data.object().size ^ 1, content: 0 };
                state.put_file(self, to, other);
                return Err(StoreError::Unavailable { store: "FILES", reason: "(10001)".to_owned() });
            }
            Ok(state.put_file(self, to, data.object()))
        };
        self.operate_beside("R2 put file", put).await.map_err(CopyError::from)
    }

    async fn create_upload(&self, to: &Destination) -> Result<String, StoreError> {
        self.operate_beside("R2 create upload", |state| Ok(state.bucket.uploads.create(to))).await
    }

    async fn put_part(&self, upload: &Upload, number: u16, data: Piece) -> Result<String, CopyError> {
        let put = |state: &mut State| {
            self.tell(state, || format!("R2 part {number} of {}", upload.upload_id));
            let Profile { stall, outages: [_, (_, down_ms), _], .. } = self.world.profile;
            let other = state.bucket.uploads.other_holder(upload, self.number);
            if stall == 0.0
                && down_ms == 0
                && let Some(other) = other
            {
                let how = format!("{} is copied by {}, and by {other}", upload.key, self.number);
                state.breaks(Promise::OneCopiesAtATime, how);
            }
            Ok(state.bucket.uploads.put(upload, number, data))
        };
        let put = self.operate_beside("R2 put part", put).await?;
        put.ok_or_else(|| CopyError::BadCopy("no such upload (10024)".to_owned()))
    }

    async fn complete_upload(&self, upload: &Upload) -> Result<Archived, CopyError> {
        let completed = self.operate_beside("R2 complete upload", |state| {
            let made = state.bucket.uploads.complete(upload);
            Ok(made.map(|(to, object)| state.put_file(self, &to, object)))
        });
        completed.await?.ok_or_else(|| CopyError::BadCopy("no such upload (10024)".to_owned()))
    }

    async fn abort_upload(&self, upload: &Upload) -> Result<(), StoreError> {
        self.operate_beside("R2 abort upload", |state| {
            self.tell(state, || format!("R2 upload {} aborted", upload.upload_id));
            state.bucket.uploads.abort(upload);
            Ok(())
        })
        .await
    }
}

impl CopyLeases for Invocation {
    async fn get_lease(&self, copy_id: &str) -> Result<Option<(CopyLease, Version)>, StoreError> {
        self.operate_beside("R2 get lease", |state| Ok(state.bucket.uploads.lease(copy_id))).await
    }

    async fn put_lease(
        &self,
        copy_id: &str,
        lease: &CopyLease,
        expected: Option<&Version>,
    ) -> Result<Option<Version>, StoreError> {
        let now = self.world.now();
        self.operate_beside("R2 put lease", |state| {
            Ok(state.bucket.uploads.put_lease(copy_id, lease, expected, self.number, now))
        })
        .await
    }

    async fn delete_lease(&self, copy_id: &str) -> Result<(), StoreError> {
        self.operate_beside("R2 delete lease", |state| {
            state.bucket.uploads.delete_lease(copy_id);
            Ok(())
        })
        .await
    }

    async fn list_leases(&self, _: Option<&str>) -> Result<Page<(String, Timestamp)>, StoreError> {
        self.operate_beside("R2 list leases", |state| {
            Ok(Page { items: state.bucket.uploads.list(), cursor: None })
        })
        .await
    }
}
