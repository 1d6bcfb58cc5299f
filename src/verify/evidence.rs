//! What a proof is checked against: one delivery and what the check needs beside it. It decides nothing.

use super::crypto::Crypto;
use crate::request::RawRequest;
use crate::timestamp::Timestamp;

/// A delivery with everything that a proof may read.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    pub(crate) delivery: &'a RawRequest,
    /// The address that the sender called, in the sender's view.
    pub(crate) url: &'a str,
    /// The certificate of a message of SNS, in PEM; absent for other proofs and where it could not be fetched.
    pub(crate) certificate: Option<&'a str>,
    pub(crate) crypto: &'a dyn Crypto,
    pub(crate) now: Timestamp,
}
