//! Reading a body that may be too large: counted while it is read, never trusted to say its size.

use futures_util::StreamExt;
use worker::ByteStream;

use super::http_fabricate::one_line;

/// Why a body was not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadError {
    /// More bytes than allowed; the rest was not read.
    TooLarge,
    /// It ended early.
    Broken(String),
}

/// Reads a body of at most `bytes_max` bytes.
pub(super) async fn read_capped(mut stream: ByteStream, bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let mut body = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| ReadError::Broken(one_line(&error)))?;
        if chunk.len() > limit - body.len() {
            return Err(ReadError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
