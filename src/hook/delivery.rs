//! A delivery as it is stored in the inbox: everything that the sender sent, except credentials.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use url::Url;

use super::HookName;
use crate::digest::sha256_hex;
use crate::request::RawBody;
use crate::timestamp::Timestamp;

/// The longest delivery id that is stored unchanged, characters. A longer one is replaced by its SHA-256.
const DELIVERY_ID_CHARS_MAX: usize = 512;

/// A body is stored as text if at most one of this many characters is a control character.
const CHARS_PER_CONTROL_MIN: usize = 15;

/// The id of an event; its redeliveries have the same one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryId(String);

impl DeliveryId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// SHA-256 of the id in hex. The delivery is claimed under it, so that every id makes a safe object key.
    #[must_use]
    pub fn digest(&self) -> String {
        sha256_hex(self.0.as_bytes())
    }
}

impl From<&str> for DeliveryId {
    fn from(text: &str) -> Self {
        if text.chars().count() <= DELIVERY_ID_CHARS_MAX {
            Self(text.to_owned())
        } else {
            Self(format!("sha256:{}", sha256_hex(text.as_bytes())))
        }
    }
}

impl std::fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A stored delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// The hook that received it.
    pub hook: HookName,
    /// The id of the event.
    pub delivery_id: DeliveryId,
    /// When this attempt arrived.
    pub received_at: Timestamp,
    /// Headers by their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Decoded query parameters.
    pub query: BTreeMap<String, String>,
    /// The body.
    pub body: StoredBody,
}

impl Delivery {
    /// The Worker's address as the sender called it, such as `https://seedhook.example`, by the header `Host`. `None`: the sender
    /// stated none that is a host.
    #[must_use]
    pub fn worker_address(&self) -> Option<String> {
        let host = self.headers.get("host")?;
        let name = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
        // A Worker on the internet has a certificate, one on a developer's machine has none.
        let is_here = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        let url = Url::parse(&format!("{}://{host}", if is_here { "http" } else { "https" })).ok()?;
        let is_host = url.host_str().is_some() && url.path() == "/" && url.username().is_empty();
        is_host.then(|| url.origin().ascii_serialization())
    }
}

/// The bytes of a body in a form that JSON can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredBody {
    /// UTF-8 text, as almost every body is.
    Text(Arc<String>),
    /// Other bytes, or text with many control characters.
    Base64(String),
}

/// The stored Base64 of a body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored body is not base64: {0}")]
pub struct CorruptBody(#[from] base64::DecodeError);

impl From<RawBody> for StoredBody {
    fn from(body: RawBody) -> Self {
        // JSON writes a control character in six bytes, so text with many of them is shorter in Base64.
        let control = body.iter().filter(|byte| matches!(byte, 0..b'\t' | 0x0e..b' ')).count();
        match body {
            RawBody::Text(text) if control * CHARS_PER_CONTROL_MIN <= text.len() => Self::Text(text),
            other => Self::Base64(BASE64.encode(&*other)),
        }
    }
}

impl TryFrom<StoredBody> for Vec<u8> {
    type Error = CorruptBody;

    fn try_from(body: StoredBody) -> Result<Self, CorruptBody> {
        match body {
            StoredBody::Text(text) => Ok(Arc::unwrap_or_clone(text).into_bytes()),
            StoredBody::Base64(text) => Ok(BASE64.decode(text)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(bytes: Vec<u8>) -> StoredBody {
        RawBody::from(bytes).into()
    }

    #[test]
    fn any_body_can_be_stored() {
        assert_eq!(stored(vec![0xff, 0]), StoredBody::Base64("/wA=".into()));
        assert!(matches!(stored(vec![1; 100]), StoredBody::Base64(_)), "six times as long as JSON");
        assert!(matches!(stored(b"a line\r\n\tand another\x1b".to_vec()), StoredBody::Text(_)));
        for bytes in [vec![0xff, 0], vec![1; 100], b"text".to_vec(), Vec::new()] {
            assert_eq!(Vec::try_from(stored(bytes.clone())), Ok(bytes));
        }
        assert!(Vec::try_from(StoredBody::Base64("?".into())).is_err());
    }

    #[test]
    fn long_ids_stay_different() {
        assert_ne!(DeliveryId::from("x".repeat(600).as_str()), DeliveryId::from("x".repeat(601).as_str()));
    }
}
