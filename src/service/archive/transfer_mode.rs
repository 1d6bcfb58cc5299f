//! How a file is transferred to R2, decided by what is known about it before its bytes arrive.

use crate::fabricate::BodyInfo;
use crate::ports::{CopyError, Upload};

/// The most bytes of one put: R2's 5 GiB less 5 MiB.
/// Source: <https://developers.cloudflare.com/r2/platform/limits/>.
const PUT_BYTES_MAX: u64 = 5 * GIB - 5 * MIB;

/// The most parts of an upload, R2's limit.
pub(super) const PARTS_MAX: u64 = 10_000;

/// The size of parts when the file's size is unknown, bytes; with it a file may have 78 GiB. R2 wants parts of 5 MiB or
/// more, all equal except the last.
const PART_BYTES: u64 = 8 * MIB;

/// The size of the largest parts, bytes: two are in memory, and other copies have theirs.
const PART_BYTES_MAX: u64 = 24 * MIB;

/// The most bytes that a compressed answer of unknown size may have after decompression.
const DECODED_BYTES_MAX: u64 = 10 * GIB;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;

/// How a file's bytes get into R2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TransferMode {
    /// One put of the answer's own stream, which states this length, bytes.
    Whole(u64),
    /// One put, for which the runtime counts that the bytes are as many as the task states.
    Counted(u64),
    /// An upload in parts: the size is unknown, too large for one put, or the copy must be resumable.
    Parts(Parts),
}

/// How a file is cut into parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts {
    /// The size of each part except the last, bytes.
    pub(super) part_bytes: u64,
    /// The size of the file, bytes, if the task or the server states it.
    pub(super) size: Option<u64>,
    /// The most bytes that are accepted.
    pub(super) bytes_max: u64,
}

impl Parts {
    /// The parts of an upload that is resumed with the rest that the server offers.
    pub(super) fn left_of(upload: &Upload, rest: &BodyInfo) -> Self {
        let part_bytes = upload.part_bytes;
        let size = rest.length.map(|length| upload.bytes.saturating_add(length));
        Self { part_bytes, size, bytes_max: size.unwrap_or(part_bytes * PARTS_MAX) }
    }
}

impl TransferMode {
    /// The mode for a whole file of which the task states the size `stated`. `in_parts`: an earlier put took too long.
    pub(super) fn of(offer: &BodyInfo, stated: Option<u64>, in_parts: bool) -> Result<Self, CopyError> {
        let size = offer.length.or(stated);
        match (offer.length, size) {
            _ if in_parts || offer.compressed => {}
            (Some(length), _) if length <= PUT_BYTES_MAX => return Ok(Self::Whole(length)),
            (None, Some(size)) if size <= PUT_BYTES_MAX => return Ok(Self::Counted(size)),
            _ => {}
        }
        let part_bytes = size.unwrap_or(0).div_ceil(PARTS_MAX).next_multiple_of(MIB).max(PART_BYTES);
        if part_bytes > PART_BYTES_MAX {
            let most = PART_BYTES_MAX * PARTS_MAX / GIB;
            return Err(CopyError::Refused(format!("larger than the {most} GiB that can be archived")));
        }
        let unknown = if offer.compressed { DECODED_BYTES_MAX } else { part_bytes * PARTS_MAX };
        Ok(Self::Parts(Parts { part_bytes, size, bytes_max: size.unwrap_or(unknown) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::budget::PARTS_BYTES_MAX;

    #[track_caller]
    fn check(
        length: Option<u64>,
        stated: Option<u64>,
        compressed: bool,
        in_parts: bool,
        expected: TransferMode,
    ) {
        let offer = BodyInfo { length, compressed, ..BodyInfo::default() };
        assert_eq!(TransferMode::of(&offer, stated, in_parts), Ok(expected));
    }

    fn parts(part_bytes: u64, size: Option<u64>, bytes_max: u64) -> TransferMode {
        TransferMode::Parts(Parts { part_bytes, size, bytes_max })
    }

    #[test]
    fn what_is_known_decides() {
        check(Some(0), None, false, false, TransferMode::Whole(0));
        check(Some(PUT_BYTES_MAX), Some(PUT_BYTES_MAX), false, false, TransferMode::Whole(PUT_BYTES_MAX));
        check(None, Some(7), false, false, TransferMode::Counted(7));
        check(None, None, false, false, parts(8 * MIB, None, 80_000 * MIB));
        check(None, Some(7), true, false, parts(8 * MIB, Some(7), 7));
        check(None, None, true, false, parts(8 * MIB, None, 10 * GIB));
        check(Some(7), Some(7), false, true, parts(8 * MIB, Some(7), 7));
    }

    #[test]
    fn parts_grow_with_the_file() {
        for size in [5 * GIB, 5 * GIB + 1, 80_000 * MIB, 80_001 * MIB, 240_000 * MIB] {
            for (length, stated) in [(Some(size), Some(size)), (Some(size), None), (None, Some(size))] {
                let offer = BodyInfo { length, ..BodyInfo::default() };
                let Ok(TransferMode::Parts(parts)) = TransferMode::of(&offer, stated, false) else {
                    panic!("{size}")
                };
                assert!(size.div_ceil(parts.part_bytes) <= PARTS_MAX, "{size}");
                assert!(2 * parts.part_bytes <= PARTS_BYTES_MAX, "two are in memory: {size}");
                assert_eq!((parts.size, parts.part_bytes % MIB), (Some(size), 0));
            }
        }
        let offer = BodyInfo { length: Some(240_000 * MIB + 1), ..BodyInfo::default() };
        assert!(matches!(TransferMode::of(&offer, None, false), Err(CopyError::Refused(_))));
    }
}
