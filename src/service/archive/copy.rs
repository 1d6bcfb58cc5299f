//! Copying one file: whether it is there already, where it is, and in one put or in parts.

use crate::fabricate::{Meaning, Offer, Wanted, follow_redirect};
use crate::mutation::{Mutation, makes};
use crate::ports::{Archived, CopyError, Destination, Put, Resume, Source, World};
use crate::timestamp::{MINUTE_MS, SECOND_MS};

use super::lane::Lane;
use super::lease::Lease;
use super::{Copied, Pass};

/// How long one put may take at the least, and the longest, milliseconds: what takes longer goes on in parts.
const PUT_MS: (i64, i64) = (MINUTE_MS, 10 * MINUTE_MS);

/// Bytes a second below which a put is taken to be stuck. Nobody can see how far it is.
const PUT_BYTES_PER_S: u64 = 256 * 1024;

/// Bytes that follow, and where they are.
pub(super) struct Opened<B> {
    pub(super) from: Source,
    pub(super) offer: Offer,
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
        let copied = lease.keep(self.copy_anew(&lease, to, in_parts)).await;
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
        if lease.upload().is_some_and(|upload| upload.whole && upload.key == to.key) {
            return self.complete(lease).await;
        }
        let start = Source { url: self.world.download_url(self.task_id, &to.file_id), authorized: true };
        let Some(opened) = self.open(to, start, None).await? else { return Ok(Copied::NotYet) };
        let (length, counted) = match Lane::of(&opened.offer, to.size, in_parts)? {
            Lane::Whole(length) => (length, false),
            Lane::Counted(length) => (length, true),
            Lane::Parts(parts) => return self.copy_in_parts(lease, to, parts, opened).await,
        };
        // What one put can bring is not carried on in parts.
        self.give_up_upload(lease).await;
        let for_bytes_ms =
            i64::try_from(length / PUT_BYTES_PER_S).unwrap_or(i64::MAX).saturating_mul(SECOND_MS);
        let limit_ms =
            PUT_MS.0.saturating_add(for_bytes_ms).min(PUT_MS.1).min(self.budget.copy_ms(self.world.now()));
        let limit_ms = u32::try_from(limit_ms).unwrap_or(u32::MAX);
        let put = Put { length, counted, checksum: opened.offer.checksum, limit_ms };
        self.world.put(to, opened.body, &put).await.map(whole)
    }

    /// Asks for a file, or for its rest, following redirects; `None`: no request is left.
    pub(super) async fn open(
        &self,
        to: &Destination,
        mut from: Source,
        at: Option<&Resume>,
    ) -> Result<Option<Opened<W::Body>>, CopyError> {
        let wanted = Wanted {
            size: to.size,
            content_type: to.content_type.as_deref(),
            from: at.map_or(0, |resume| resume.from),
        };
        // Ends: `follow_redirect` refuses the hop after the last one allowed.
        for hops_taken in 0.. {
            let took =
                if from.authorized { self.budget.take(self.world) } else { self.budget.take_elsewhere() };
            if !took && !makes(Mutation::DownloadsAreFree) {
                return Ok(None);
            }
            let download = self.world.download(&from, at).await?;
            let location = match download.head.read(&wanted) {
                Meaning::Bytes(offer) => return Ok(Some(Opened { from, offer, body: download.body })),
                Meaning::Elsewhere(location) => location,
                Meaning::NoSuchRange => {
                    return Err(CopyError::BadCopy("the file changed meanwhile".to_owned()));
                }
                Meaning::Refused(reason) => return Err(CopyError::Refused(reason)),
                Meaning::Wrong(reason) => return Err(CopyError::BadCopy(reason)),
                Meaning::Unavailable(reason) => return Err(CopyError::Unavailable(reason)),
            };
            let next = follow_redirect(
                self.world.base(),
                &from.url,
                from.authorized,
                location.as_deref(),
                hops_taken,
            );
            let next = next.map_err(|error| CopyError::Refused(error.to_string()))?;
            let authorized = next.authorized || makes(Mutation::RedirectsKeepTheKey);
            from = Source { url: next.url, authorized };
        }
        Ok(None)
    }
}

/// Whether an object is this file, whole. Its key alone does not say so.
fn is_of(found: &Archived, to: &Destination) -> bool {
    let size = to.size.is_none_or(|size| size == found.size) || makes(Mutation::FoundFilesAreNotMeasured);
    size && found.run_id == Some(to.run_id) && found.file_id.as_ref() == Some(&to.file_id)
}

pub(super) fn whole(object: Archived) -> Copied {
    Copied::Whole(object.size, object.sha256)
}
