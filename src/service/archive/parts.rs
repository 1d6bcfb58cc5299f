//! An upload in parts: begun, resumed where an earlier invocation stopped, completed or discarded.
//!
//! One part is read while the one before it is uploaded, so that two are in memory. All parts except the last have the same
//! size, as R2 wants it. The uploaded parts are recorded every few seconds: a Worker that dies loses no more.

use futures_util::future::join;

use crate::fabricate::Validator;
use crate::ports::{CopyError, Destination, Part, Upload, World};

use super::copy::{Opened, whole};
use super::lease::Lease;
use super::transfer_mode::{PARTS_MAX, Parts};
use super::{Copied, Pass};

impl<W: World> Pass<'_, W> {
    /// Copies a file in parts, or its missing parts.
    pub(super) async fn copy_in_parts(
        &self,
        lease: &Lease<'_, W>,
        to: &Destination,
        parts: Parts,
        opened: Opened<W::Body>,
    ) -> Result<Copied, CopyError> {
        let Some(_memory) = self.budget.parts_bytes(2 * parts.part_bytes) else { return Ok(Copied::NotYet) };
        let sent = self.send(lease, to, &parts, opened).await;
        let is_resumable = lease.upload().is_some_and(|upload| upload.validator.is_some());
        match sent {
            Ok(Copied::Partly(_)) | Err(CopyError::CutShort { .. }) if !is_resumable => {
                self.discard_upload(lease).await;
                let why =
                    "the connection broke, and the server gives no validator to resume the download with";
                Err(CopyError::Unavailable(why.to_owned()))
            }
            Err(CopyError::BadCopy(_) | CopyError::Refused(_)) => {
                self.discard_upload(lease).await;
                sent
            }
            sent => sent,
        }
    }

    async fn send(
        &self,
        lease: &Lease<'_, W>,
        to: &Destination,
        parts: &Parts,
        opened: Opened<W::Body>,
    ) -> Result<Copied, CopyError> {
        let Opened { offer, mut body } = opened;
        let there = lease.upload().map_or(0, |upload| upload.bytes);
        let mut part = self.next_part(&mut body, parts, there).await?;
        let mut upload = match lease.upload() {
            Some(upload) => upload,
            None if part.bytes < parts.part_bytes => {
                check_size(part.bytes, parts)?;
                return self.world.put_data(to, part.data, offer.checksum).await.map(whole);
            }
            None => self.begin(lease, to, parts, offer.validator).await?,
        };
        // The loop ends: R2 takes PARTS_MAX parts.
        for number in upload.etags.len() as u64 + 1..=PARTS_MAX {
            let (bytes, last) = (part.bytes, part.bytes < parts.part_bytes);
            let at = upload.bytes + bytes;
            let number = u16::try_from(number).unwrap_or(u16::MAX);
            let sending = self.world.put_part(&upload, number, part.data);
            let reading =
                async { if last { None } else { Some(self.next_part(&mut body, parts, at).await) } };
            let (sent, next) = join(sending, reading).await;
            match sent {
                Ok(etag) => upload.etags.push(etag),
                Err(error) => return Err(cut_short(error, upload.bytes)),
            }
            upload.bytes = at;
            lease.set_upload(Some(upload.clone()));
            match next {
                Some(Err(error)) => return Err(cut_short(error, upload.bytes)),
                Some(Ok(next)) if next.bytes > 0 => part = next,
                Some(Ok(_)) | None => {
                    check_size(upload.bytes, parts)?;
                    upload.whole = true;
                    lease.set_upload(Some(upload));
                    lease.record().await?;
                    return self.complete(lease).await;
                }
            }
            if self.budget.copy_ms(self.world.now()) == 0 {
                return Ok(Copied::Partly(upload.bytes));
            }
            lease.record_at_intervals().await?;
        }
        Err(CopyError::Refused(format!("larger than {PARTS_MAX} parts of {} bytes", parts.part_bytes)))
    }

    async fn begin(
        &self,
        lease: &Lease<'_, W>,
        to: &Destination,
        parts: &Parts,
        validator: Option<Validator>,
    ) -> Result<Upload, CopyError> {
        let upload_id = self.world.create_upload(to).await?;
        let upload = Upload { size: parts.size, validator, ..Upload::new(to, upload_id, parts.part_bytes) };
        lease.set_upload(Some(upload.clone()));
        lease.record().await?;
        Ok(upload)
    }

    /// Makes the object of an upload that has all parts.
    pub(super) async fn complete(&self, lease: &Lease<'_, W>) -> Result<Copied, CopyError> {
        let Some(upload) = lease.upload() else { return Ok(Copied::NotYet) };
        let completed = self.world.complete_upload(&upload).await;
        if matches!(completed, Err(CopyError::BadCopy(_))) {
            self.discard_upload(lease).await;
        }
        completed.map(whole)
    }

    /// Discards an upload that cannot be resumed. Best effort: R2 itself discards it after seven days.
    pub(super) async fn discard_upload(&self, lease: &Lease<'_, W>) {
        if let Some(upload) = lease.upload() {
            lease.set_upload(None);
            let _ = self.world.abort_upload(&upload).await;
        }
    }

    /// Reads a part that begins at the offset `at`.
    ///
    /// # Errors
    /// [`CopyError::BadCopy`] or [`CopyError::Refused`] when the body has more bytes than stated or accepted.
    async fn next_part(
        &self,
        body: &mut W::Body,
        parts: &Parts,
        at: u64,
    ) -> Result<Part<W::Data>, CopyError> {
        let left = parts.bytes_max.saturating_sub(at);
        let part = self.world.next_part(body, parts.part_bytes.min(left + 1)).await?;
        match parts.size {
            _ if part.bytes <= left => Ok(part),
            Some(size) => {
                Err(CopyError::BadCopy(format!("more bytes are sent than the {size} that were stated")))
            }
            None => Err(CopyError::Refused(format!("more than {} bytes", parts.bytes_max))),
        }
    }
}

fn check_size(bytes: u64, parts: &Parts) -> Result<(), CopyError> {
    match parts.size {
        Some(size) if size != bytes => {
            Err(CopyError::BadCopy(format!("{bytes} bytes were sent, but {size} were stated")))
        }
        _ => Ok(()),
    }
}

/// The error of an upload of which `bytes` bytes are uploaded: they are kept, unless the bytes themselves are wrong.
fn cut_short(error: CopyError, bytes: u64) -> CopyError {
    match error {
        CopyError::Unavailable(reason) => CopyError::CutShort { bytes, reason },
        other => other,
    }
}
