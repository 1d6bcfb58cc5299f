//! Compression on the way, a block at a time; it must not hold the whole file.

use std::io::Write as _;
use std::mem;

use axum::body::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The gzip of some bytes, first to last; no block is empty.
#[derive(Debug)]
pub(crate) struct Gzip<C> {
    chunks: C,
    /// `None` after the end.
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl<C: Iterator<Item = Bytes>> Gzip<C> {
    pub(crate) fn new(chunks: C) -> Self {
        Self { chunks, encoder: Some(GzEncoder::new(vec![], Compression::fast())) }
    }
}

impl<C: Iterator<Item = Bytes>> Iterator for Gzip<C> {
    type Item = Bytes;

    /// Writing to a vector cannot fail; if it did, the gzip would end too early.
    fn next(&mut self) -> Option<Bytes> {
        let mut encoder = self.encoder.take()?;
        for chunk in self.chunks.by_ref() {
            encoder.write_all(&chunk).ok()?;
            if !encoder.get_ref().is_empty() {
                let made = mem::take(encoder.get_mut());
                self.encoder = Some(encoder);
                return Some(made.into());
            }
        }
        encoder.finish().ok().map(Bytes::from)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::super::content::Content;
    use super::*;

    #[track_caller]
    fn check(content: &Content, bytes_max: usize) {
        let chunks: Vec<_> = Gzip::new(content.chunks()).collect();
        assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
        let encoded = chunks.concat();
        assert!(encoded.len() <= bytes_max, "{} bytes", encoded.len());
        let mut decoded = vec![];
        flate2::read::GzDecoder::new(&encoded[..]).read_to_end(&mut decoded).unwrap();
        assert!(decoded == content.bytes());
    }

    #[test]
    fn what_is_compressed_can_be_read_again() {
        check(&Content::Whole(Bytes::new()), 40);
        check(&Content::Zeros(3_000_000), 30_000);
        check(&Content::Whole((0..=255).cycle().take(100_000).collect()), 5_000);
        check(super::super::noise("n", 600_001).content(), 601_000);
    }
}
