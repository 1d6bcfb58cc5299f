//! The headers in which a server says what the bytes of a file add up to; it must not know what a
//! request asks for.

use axum::body::Bytes;
use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use md5::Md5;
use sha2::Sha256;

use super::hex;

/// A header about the bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Digest {
    pub(crate) form: Form,
    /// Whether the header tells of other bytes.
    pub(crate) wrong: bool,
}

/// The headers that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `Digest: sha-256=…` (RFC 3230).
    Digest,
    /// `Repr-Digest: sha-256=:…:` (RFC 9530).
    ReprDigest,
    /// `Content-Digest: sha-256=:…:` (RFC 9530).
    ContentDigest,
    /// `Content-MD5` (RFC 1864).
    ContentMd5,
    /// `x-amz-checksum-sha256`, as S3 sends it.
    AmzChecksum,
    /// The MD5 as an `ETag`, as S3 sends it.
    S3Etag,
}

/// The names by which a start asks for them.
pub(crate) const NAMES: &[&str] =
    &["digest-sha256", "repr-digest", "content-digest", "content-md5", "x-amz-checksum-sha256", "s3-etag"];

impl Form {
    /// The form of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "digest-sha256" => Some(Self::Digest),
            "repr-digest" => Some(Self::ReprDigest),
            "content-digest" => Some(Self::ContentDigest),
            "content-md5" => Some(Self::ContentMd5),
            "x-amz-checksum-sha256" => Some(Self::AmzChecksum),
            "s3-etag" => Some(Self::S3Etag),
            _ => None,
        }
    }

    /// Whether the header of a part tells of the whole; where it does not, a part goes without.
    pub(crate) fn is_of_the_whole(self) -> bool {
        matches!(self, Self::Digest | Self::ReprDigest | Self::S3Etag)
    }
}

impl Digest {
    /// The header for bytes that are sent whole. Takes as long as hashing them.
    pub(crate) fn header(self, chunks: impl Iterator<Item = Bytes>) -> Option<(HeaderName, HeaderValue)> {
        let mut hash = match self.form {
            Form::ContentMd5 | Form::S3Etag => hash::<Md5>(chunks),
            _ => hash::<Sha256>(chunks),
        };
        if self.wrong
            && let Some(byte) = hash.first_mut()
        {
            *byte ^= 1;
        }
        let base64 = BASE64_STANDARD.encode(&hash);
        let (name, value) = match self.form {
            Form::Digest => ("digest", format!("sha-256={base64}")),
            Form::ReprDigest => ("repr-digest", format!("sha-256=:{base64}:")),
            Form::ContentDigest => ("content-digest", format!("sha-256=:{base64}:")),
            Form::ContentMd5 => ("content-md5", base64),
            Form::AmzChecksum => ("x-amz-checksum-sha256", base64),
            Form::S3Etag => ("etag", format!("\"{}\"", hex(&hash))),
        };
        Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?))
    }
}

fn hash<D: sha2::Digest>(chunks: impl Iterator<Item = Bytes>) -> Vec<u8> {
    let mut hash = D::new();
    for chunk in chunks {
        hash.update(&chunk);
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header for the text `hello world`, whose hashes RFC 9530 and others print.
    #[track_caller]
    fn check(name: &str, wrong: bool, expected: &str) {
        let digest = Digest { form: Form::named(name).unwrap(), wrong };
        let (name, value) = digest.header(["hello ", "world"].into_iter().map(Bytes::from)).unwrap();
        assert_eq!(format!("{name}: {}", value.to_str().unwrap()), expected);
    }

    #[test]
    fn each_header_has_its_form() {
        let sha256 = "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=";
        check("digest-sha256", false, &format!("digest: sha-256={sha256}"));
        check("repr-digest", false, &format!("repr-digest: sha-256=:{sha256}:"));
        check("content-digest", false, &format!("content-digest: sha-256=:{sha256}:"));
        check("x-amz-checksum-sha256", false, &format!("x-amz-checksum-sha256: {sha256}"));
        check("content-md5", false, "content-md5: XrY7u+Ae7tCTyyK7j1rNww==");
        check("s3-etag", false, "etag: \"5eb63bbbe01eeed093cb22bb8f5acdc3\"");
    }

    #[test]
    fn a_wrong_one_is_wrong() {
        check("s3-etag", true, "etag: \"5fb63bbbe01eeed093cb22bb8f5acdc3\"");
    }

    #[test]
    fn every_name_has_a_form() {
        let forms: Vec<_> = NAMES.iter().filter_map(|name| Form::named(name)).collect();
        assert_eq!(forms.len(), NAMES.len());
    }
}
