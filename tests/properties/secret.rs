//! Secrets: those that a hook knows, and those that a forger has instead. The same in every process.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::Signer;
use p256::pkcs8::EncodePublicKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// How a secret is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    Text,
    Base64,
    Hex,
    /// As Standard Webhooks writes shared secrets.
    Whsec,
    /// `user:password`.
    Basic,
    Ed25519 {
        hex: bool,
        prefix: &'static str,
    },
    EcdsaP256 {
        hex: bool,
    },
}

/// What a sender signs with.
#[derive(Debug)]
pub(crate) enum PrivateKey {
    Ed25519(ed25519_dalek::SigningKey),
    EcdsaP256(p256::ecdsa::SigningKey),
}

/// The secrets of one hook, and a forger's.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) right: Vec<String>,
    pub(crate) wrong: Vec<String>,
    pub(crate) private: Option<[PrivateKey; 2]>,
}

impl Form {
    /// How the secret of a proof is written.
    pub(crate) fn of(proof: &Map<String, Value>) -> Self {
        let word = |name: &str| proof.get(name).and_then(Value::as_str);
        let hex = word("secret_encoding") == Some("hex");
        match (word("scheme"), word("secret_encoding")) {
            (Some("ed25519"), _) => {
                Self::Ed25519 { hex, prefix: if word("secret_prefix").is_some() { "whpk_" } else { "" } }
            }
            (Some("ecdsa-p256"), _) => Self::EcdsaP256 { hex },
            (Some("basic"), _) => Self::Basic,
            _ if word("secret_prefix").is_some() => Self::Whsec,
            (_, Some("base64")) => Self::Base64,
            (_, Some("hex")) => Self::Hex,
            _ => Self::Text,
        }
    }

    /// So many secrets, and as many for a forger.
    pub(crate) fn keys(self, seed: &str, count: usize) -> Keys {
        let make =
            |whose: &str| (0..count).map(|index| self.secret(&format!("{seed} {whose} {index}"))).collect();
        let private = match self {
            Self::Ed25519 { .. } | Self::EcdsaP256 { .. } => {
                Some(["right", "wrong"].map(|whose| self.private_key(&format!("{seed} {whose} 0"))))
            }
            _ => None,
        };
        Keys { right: make("right"), wrong: make("wrong"), private }
    }

    fn secret(self, seed: &str) -> String {
        let bytes = Sha256::digest(seed);
        let written = |hex: bool, bytes: &[u8]| {
            if hex { base16ct::lower::encode_string(bytes) } else { BASE64.encode(bytes) }
        };
        match self {
            Self::Text => format!("s3cret-{}", base16ct::lower::encode_string(&bytes[..12])),
            Self::Base64 => BASE64.encode(bytes),
            Self::Hex => base16ct::lower::encode_string(&bytes),
            Self::Whsec => format!("whsec_{}", BASE64.encode(bytes)),
            Self::Basic => format!("sender:{}", base16ct::lower::encode_string(&bytes[..12])),
            Self::Ed25519 { .. } | Self::EcdsaP256 { .. } => match self.private_key(seed) {
                PrivateKey::Ed25519(key) => {
                    let Self::Ed25519 { hex, prefix } = self else { unreachable!("the form of the key") };
                    format!("{prefix}{}", written(hex, key.verifying_key().as_bytes()))
                }
                PrivateKey::EcdsaP256(key) => {
                    let der = key.verifying_key().to_public_key_der().expect("a public key");
                    written(matches!(self, Self::EcdsaP256 { hex: true }), der.as_bytes())
                }
            },
        }
    }

    fn private_key(self, seed: &str) -> PrivateKey {
        let bytes = Sha256::digest(seed);
        match self {
            Self::EcdsaP256 { .. } => {
                PrivateKey::EcdsaP256(p256::ecdsa::SigningKey::from_slice(&bytes).expect("a private key"))
            }
            _ => PrivateKey::Ed25519(ed25519_dalek::SigningKey::from_bytes(&bytes.into())),
        }
    }
}

impl PrivateKey {
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
            Self::EcdsaP256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
        }
    }
}
