//! The bytes of a body, held once.

use std::ops::Deref;
use std::sync::Arc;

/// The bytes of a body as they arrived. What is UTF-8 is a text that the body's document and its record share: it may have
/// megabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RawBody {
    /// UTF-8.
    Text(Arc<String>),
    /// Any other bytes.
    Bytes(Vec<u8>),
}

impl From<Vec<u8>> for RawBody {
    fn from(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(Arc::new(text)),
            Err(error) => Self::Bytes(error.into_bytes()),
        }
    }
}

impl Deref for RawBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}
