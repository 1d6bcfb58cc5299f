//! Copying one file: looks whether it is in R2 already, opens the download, and stores it in one put or in parts.

use url::Url;

use crate::fabricate::{BodyInfo, DownloadOutcome, Expected, Head, Health, Resume, follow_redirect};
use crate::ports::{Archived, Clock, CopyError, Destination, Fabricate, Log, Put, Source, Upload, World};
use crate::timestamp::{MINUTE_MS, SECOND_MS};

use super::super::record_health;
use super::lease::Lease;
use super::transfer_mode::{Parts, TransferMode};
use super::{Copied, Pass};

/// The shortest and the longest time limit of one put, milliseconds. A file that takes longer is copied in parts.
const PUT_MS: (i64, i64) = (MINUTE_MS, 10 * MINUTE_MS);

/// A put that is slower than this many bytes a second counts as stuck: R2 does not show its progress.
const PUT_BYTES_PER_S: u64 = 256 * 1024;

/// A download that was answered with bytes.
pub(super) struct Opened<B> {
    pub(super) offer: BodyInfo,
    pub(super) body: B,
}

impl<W: World> Pass<'_, W> {
    pub(super) async fn copy(&self, to: &Destination, in_parts: bool) -> Result<Copied, CopyError> {
        if let Some(found) = self.world.find(&to.key).await?
            && is_of(&found, to)
        {
            return Ok(whole(found));
        }
        let Some(_copying) = self.budget.begin_copy(self.begun.get(), self.world.now()) else {
            return Ok(Copied::NotYet);
        };
        self.begun.set(self.begun.get() + 1);
        let lease = Lease::take(self.world, self.budget, to).await?;
        if self.budget.is_for_ends() && lease.upload().is_some() {
            return Ok(Copied::NotYet);
        }
        let copied = lease.keep(Box::pin(self.copy_anew(&lease, to, in_parts))).await;
        if copied.as_ref().err() != Some(&CopyError::UnderWay) {
            lease.release(matches!(copied, Ok(Copied::Whole(..)))).await;
        }
        copied
    }

    async fn copy_anew(
        &self,
        lease: &Lease<'_, W>,
        to: &Destination,
        in_parts: bool,
    ) -> Result<Copied, CopyError> {
        let begun = lease.upload().filter(|upload| upload.key == to.key);
        if begun.as_ref().is_some_and(|upload| upload.whole) {
            return self.complete(lease).await;
        }
        let rest = begun.as_ref().and_then(|upload| rest_of(upload, to));
        if rest.is_some() {
            // The record is taken before anything is done to the upload.
            lease.record().await?;
        }
        let Some(opened) = self.open(lease, to, rest.as_ref()).await? else { return Ok(Copied::NotYet) };
        if let (true, Some(upload)) = (opened.offer.is_rest, &begun) {
            let parts = Parts::left_of(upload, &opened.offer);
            return self.copy_in_parts(lease, to, parts, opened).await;
        }
        // The server sends the whole file.
        self.discard_upload(lease).await;
        let (length, counted) = match TransferMode::of(&opened.offer, to.size, in_parts)? {
            TransferMode::Whole(length) => (length, false),
            TransferMode::Counted(length) => (length, true),
            TransferMode::Parts(_) if self.budget.is_for_ends() => return Ok(Copied::NotYet),
            TransferMode::Parts(parts) => return self.copy_in_parts(lease, to, parts, opened).await,
        };
        if !self.budget.admits_bytes(length) {
            return Ok(Copied::NotYet);
        }
        let for_bytes_ms =
            i64::try_from(length / PUT_BYTES_PER_S).unwrap_or(i64::MAX).saturating_mul(SECOND_MS);
        let limit_ms =
            PUT_MS.0.saturating_add(for_bytes_ms).min(PUT_MS.1).min(self.budget.copy_ms(self.world.now()));
        let limit_ms = u32::try_from(limit_ms).unwrap_or(u32::MAX);
        let put = Put { length, counted, checksum: opened.offer.checksum, limit_ms };
        self.world.put(to, opened.body, &put).await.map(whole)
    }

    /// Asks for a file, or for its rest, following redirects; `None`: no request is left.
    async fn open(
        &self,
        lease: &Lease<'_, W>,
        to: &Destination,
        rest: Option<&Resume>,
    ) -> Result<Option<Opened<W::Body>>, CopyError> {
        let wanted = Expected { size: to.size, content_type: to.content_type.as_deref(), rest };
        let url = self.world.download_url(self.task_id, &to.file_id);
        let mut from = Source { url, authorized: true, traceparent: self.traceparent.clone() };
        // The loop ends: `follow_redirect` refuses the hop after the last allowed one.
        for hops_taken in 0.. {
            let took = if is_at_fabricate(self.world, &from.url) {
                self.budget.take(self.world)
            } else {
                self.budget.take_elsewhere()
            };
            if !took {
                return Ok(None);
            }
            let answer = self.world.download(&from, rest).await;
            record_download(self.world, &from.url, answer.as_ref().ok().map(|answer| &answer.head));
            let download = answer?;
            let location = match download.head.read(&wanted, self.world.now()) {
                DownloadOutcome::Bytes(offer) => return Ok(Some(Opened { offer, body: download.body })),
                DownloadOutcome::Elsewhere(location) => location,
                DownloadOutcome::RangeNotHonoured(reason) => {
                    self.discard_upload(lease).await;
                    return Err(CopyError::Unavailable(reason));
                }
                DownloadOutcome::Refused(reason) => return Err(CopyError::Refused(reason)),
                DownloadOutcome::Wrong(reason) => return Err(CopyError::BadCopy(reason)),
                DownloadOutcome::Unavailable { status, retry_after_ms } => {
                    return Err(CopyError::HttpStatus { status, retry_after_ms });
                }
            };
            let next = follow_redirect(
                self.world.base(),
                &from.url,
                from.authorized,
                location.as_deref(),
                hops_taken,
            );
            let next = next.map_err(|error| CopyError::Refused(error.to_string()))?;
            // The storage that Fabricate redirects to is not asked in the trace.
            let traceparent = self.traceparent.clone().filter(|_| is_at_fabricate(self.world, &next.url));
            from = Source { url: next.url, authorized: next.authorized, traceparent };
        }
        Ok(None)
    }
}

/// Whether an address is Fabricate's own, and not that of the storage which it redirects to.
fn is_at_fabricate(world: &impl Fabricate, url: &Url) -> bool {
    url.origin() == world.base().origin()
}

/// Records the answer to a download in Fabricate's circuit breaker, unless another host sent it. `head` is `None` when no
/// answer came.
fn record_download(world: &(impl Fabricate + Clock + Log), url: &Url, head: Option<&Head>) {
    if is_at_fabricate(world, url) {
        let failing = Health::Failing { wait_ms: None };
        record_health(world, head.map_or(failing, |head| Health::of_download(head, world.now())));
    }
}

/// The rest of a file, if the upload is of this file and the server's validator can prove that it has not changed.
fn rest_of(upload: &Upload, to: &Destination) -> Option<Resume> {
    let same = upload.bytes > 0 && (to.size.is_none() || to.size == upload.size);
    upload.validator.clone().filter(|_| same).map(|validator| Resume { from: upload.bytes, validator })
}

/// Whether an object is this file. Its key alone does not prove it.
fn is_of(found: &Archived, to: &Destination) -> bool {
    to.size.is_none_or(|size| size == found.size)
        && found.run_id == Some(to.run_id)
        && found.file_id.as_ref() == Some(&to.file_id)
}

pub(super) fn whole(object: Archived) -> Copied {
    Copied::Whole(object.size, object.sha256)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::FAILURES_MAX;
    use crate::testing::MemoryWorld;

    fn answer(status: u16) -> Head {
        let headers = std::iter::once(("retry-after".to_owned(), "300".to_owned())).collect();
        Head { status, headers }
    }

    #[track_caller]
    fn check(address: &str, head: Option<&Head>, opens_after: Option<u32>) {
        let world = MemoryWorld::default();
        let url = world.base().join(address).unwrap();
        for number in 1..=2 * FAILURES_MAX {
            record_download(&world, &url, head);
            let is_open = opens_after.is_some_and(|answers| number >= answers);
            assert_eq!(world.breaker().is_open(world.now()), is_open, "{address} {head:?}: answer {number}");
        }
    }

    #[test]
    fn only_answers_of_fabricate_itself_open_its_circuit_breaker() {
        let own = "workflow_tasks/t/1/download";
        check(own, Some(&answer(429)), Some(1));
        check(own, Some(&answer(502)), Some(FAILURES_MAX));
        check(own, Some(&answer(500)), None);
        check(own, None, Some(FAILURES_MAX));
        check(own, Some(&answer(404)), None);
        for storage in ["https://storage.example/x", "https://fabricate.example:444/x"] {
            check(storage, Some(&answer(429)), None);
            check(storage, None, None);
        }
    }
}
