//! Pseudo-random bytes of any length, readable from any offset and made faster than a loopback
//! connection carries them; it must not depend on anything but the seed and the position.

use std::sync::LazyLock;

use axum::body::Bytes;

/// Pseudo-random bytes. Each word of 8 bytes is one of a fixed mebibyte, combined with the key of
/// the mebibyte that it lies in: no compression makes them smaller, and no two blocks are equal.
#[derive(Debug, Clone)]
pub struct Noise {
    bytes: u64,
    seed: u64,
}

const WORD_BYTES: u64 = 8;
/// A divisor of [`PERIOD_BYTES`], so that all words of a block have the same key.
const BLOCK_BYTES: u64 = 256 << 10;
const PERIOD_BYTES: u64 = 1 << 20;

/// The words that repeat, each time with another key.
static WORDS: LazyLock<Vec<u64>> = LazyLock::new(|| (0..PERIOD_BYTES / WORD_BYTES).map(mix).collect());

impl Noise {
    pub(super) fn new(bytes: u64, seed: u64) -> Self {
        Self { bytes, seed }
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    /// The same number of other bytes, for each version but the first.
    pub(super) fn version(&self, version: u64) -> Self {
        Self { bytes: self.bytes, seed: self.seed.wrapping_add(version) }
    }

    /// The bytes from this offset to the end of its block.
    pub(super) fn block(&self, offset: u64) -> Bytes {
        let end = self.bytes.min((offset / BLOCK_BYTES + 1) * BLOCK_BYTES);
        let before = offset % WORD_BYTES;
        let (first, last) = (offset / WORD_BYTES, end.div_ceil(WORD_BYTES));
        let key = mix((offset / PERIOD_BYTES) ^ mix(self.seed));
        let words = WORDS.iter().skip(size(first % (PERIOD_BYTES / WORD_BYTES)));
        let mut bytes = vec![0; size((last - first) * WORD_BYTES)];
        let (places, _) = bytes.as_chunks_mut();
        for (place, word) in places.iter_mut().zip(words) {
            *place = (word ^ key).to_le_bytes();
        }
        Bytes::from(bytes).slice(size(before)..size(before + end - offset))
    }
}

/// A number of bytes or words of one block.
fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// `SplitMix64`: the n-th number of the sequence. Different numbers give different ones.
pub(super) fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::Content;
    use super::*;

    fn noise(bytes: u64, seed: u64) -> Vec<u8> {
        Content::Noise(Noise::new(bytes, seed)).bytes()
    }

    #[test]
    fn splitmix64_gives_the_published_numbers() {
        // The first numbers for the seed 0.
        assert_eq!(mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(mix(1), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn noise_has_exactly_the_size_asked_for() {
        for bytes in [0, 1, 7, 8, 65_537, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, PERIOD_BYTES + 3] {
            assert_eq!(noise(bytes, 0).len() as u64, bytes);
        }
    }

    #[test]
    fn a_smaller_noise_is_the_start_of_a_larger() {
        assert_eq!(noise(1_070_001, 0), noise(1_200_000, 0)[..1_070_001]);
    }

    #[test]
    fn no_two_blocks_are_equal_nor_a_constant_apart() {
        let blocks = |bytes: &[u8]| -> HashSet<Vec<u8>> { bytes.chunks(512).map(<[u8]>::to_vec).collect() };
        let bytes = noise(3 * PERIOD_BYTES, 0);
        assert_eq!(blocks(&bytes).len(), bytes.len() / 512);
        // Two blocks that are far apart could be equal only if their words were a constant apart.
        let steps: HashSet<_> = WORDS
            .chunks(64)
            .map(|words| words.iter().map(|word| word ^ words[0]).collect::<Vec<_>>())
            .collect();
        assert_eq!(steps.len() as u64, PERIOD_BYTES / 512);
    }

    #[test]
    fn another_seed_or_version_changes_every_word() {
        let (first, second) = (noise(2_000_000, 1), noise(2_000_000, 2));
        assert!(first.chunks(8).zip(second.chunks(8)).all(|(first, second)| first != second));
        assert_eq!(Content::Noise(Noise::new(2_000_000, 1).version(1)).bytes(), second);
    }

    #[test]
    fn noise_does_not_compress() {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        encoder.write_all(&noise(500_000, 0)).unwrap();
        assert!(encoder.finish().unwrap().len() >= 500_000);
    }
}
