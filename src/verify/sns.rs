//! Amazon SNS: an RSA signature over some fields of the body, under a certificate that the body names.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
//!
//! AWS serves one certificate at `SigningCertURL`, without its chain. Trust comes from the HTTPS connection to the host of
//! AWS, which the runtime verifies. This module checks that the address belongs to SNS ([`SnsTopic`]), and the names and
//! dates of the certificate. The caller fetches the certificate.

mod certificate;
mod message;
pub(super) mod topic;

use super::age::{TimestampFormat, check_age};
use super::crypto::{Hash, PublicKey, PublicSignature};
use super::error::ProofError;
use super::evidence::Evidence;
use super::key::Encoding;
use super::public_key::rsa_modulus_bytes;
use crate::request::RawRequest;
use crate::timestamp::Timestamp;
use certificate::{Certificate, der_of_pem};
use message::{Message, Origin};
use topic::{InvalidTopic, SnsTopic};

/// The largest certificate that is read, bytes.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// The topic whose messages a hook accepts. A signature proves only that AWS sent the message: anyone can own a topic, so
/// the hook must name its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sns {
    topic: SnsTopic,
    /// How far `Timestamp`, the time of publication, may differ from now; `None`: any age is accepted.
    tolerance_ms: Option<i64>,
    /// Whether `SignatureVersion` must be 2 (SHA-256); otherwise version 1 (SHA-1) is accepted too.
    version_2_only: bool,
}

impl Sns {
    /// # Errors
    /// [`InvalidTopic`] when `topic_arn` is not the ARN of a topic in a known partition.
    pub(crate) fn new(
        topic_arn: &str,
        tolerance_ms: Option<i64>,
        version_2_only: bool,
    ) -> Result<Self, InvalidTopic> {
        Ok(Self { topic: SnsTopic::parse(topic_arn)?, tolerance_ms, version_2_only })
    }

    /// The address of the certificate of a message, which is always an address of SNS.
    pub(super) fn certificate_url(&self, delivery: &RawRequest) -> Result<String, ProofError> {
        let origin = Origin::read(&delivery.body)?;
        self.check_origin(origin.topic_arn.as_deref(), origin.certificate_url.as_deref())
    }

    /// Verifies a message with the certificate at [`Self::certificate_url`].
    pub(super) async fn check(&self, evidence: &Evidence<'_>) -> Result<(), ProofError> {
        let message = Message::read(&evidence.delivery.body)?;
        self.check_origin(message.topic_arn.as_deref(), message.certificate_url.as_deref())?;
        let pem =
            evidence.certificate.ok_or_else(|| ProofError::new("the certificate could not be fetched"))?;
        let timestamp = message.timestamp.as_deref();
        let timestamp = timestamp.ok_or_else(|| ProofError::new("Timestamp is missing"))?;
        check_age(timestamp, TimestampFormat::Rfc3339, self.tolerance_ms, evidence.now)
            .map_err(|problem| ProofError::new(format!("Timestamp: {problem}")))?;
        let is_version_2 = self.is_version_2(message.version.as_deref())?;
        if pem.len() > CERTIFICATE_BYTES_MAX {
            return Err(unusable("is too large"));
        }
        let der = der_of_pem(pem).ok_or_else(|| unusable("must be X.509 in PEM"))?;
        let spki = public_key(&der, &self.topic, evidence.now)?;
        let no_key = || unusable("has no RSA key");
        let modulus_bytes = rsa_modulus_bytes(spki).ok_or_else(no_key)?;
        let signature = message.signature.as_deref().and_then(|text| Encoding::Base64.decode(text));
        let signature = signature.ok_or_else(|| ProofError::new("Signature must be base64"))?;
        let text = message.signed_text()?;
        let key = PublicKey::Rsa(if is_version_2 { Hash::Sha256 } else { Hash::Sha1 }, spki);
        let signed = PublicSignature { key, message: text.as_bytes(), signature: &signature };
        let genuine =
            signature.len() == modulus_bytes && evidence.crypto.verify(signed).await.map_err(|_| no_key())?;
        let failure = || {
            ProofError::new("Signature is not that of the message's fields")
                .with_signed_text(&text.as_bytes().into())
        };
        genuine.then_some(()).ok_or_else(failure)
    }

    /// The address of the certificate, if the message is one of the hook's topic and the address is one of SNS.
    fn check_origin(
        &self,
        topic_arn: Option<&str>,
        certificate_url: Option<&str>,
    ) -> Result<String, ProofError> {
        if topic_arn != Some(self.topic.arn()) {
            return Err(ProofError::new("TopicArn is not the hook's topic_arn"));
        }
        let address = certificate_url.filter(|address| self.topic.has_certificate_at(address));
        address.map(ToOwned::to_owned).ok_or_else(|| {
            let host = self.topic.host();
            ProofError::new(format!(
                "SigningCertURL is not https://{host}/SimpleNotificationService-<32 hex digits>.pem"
            ))
        })
    }

    fn is_version_2(&self, version: Option<&str>) -> Result<bool, ProofError> {
        match version {
            Some("2") => Ok(true),
            Some("1") if self.version_2_only => {
                Err(ProofError::new("SignatureVersion is 1, and the hook requires signature_version = 2"))
            }
            Some("1") => Ok(false),
            _ => Err(ProofError::new("SignatureVersion must be 1 or 2")),
        }
    }
}

/// The `SubjectPublicKeyInfo` of a certificate, if it was issued to SNS and is valid now.
fn public_key<'a>(der: &'a [u8], topic: &SnsTopic, now: Timestamp) -> Result<&'a [u8], ProofError> {
    let certificate = Certificate::read(der).ok_or_else(|| unusable("must be X.509 in PEM"))?;
    if now < certificate.not_before || now > certificate.not_after {
        return Err(unusable("is not valid now"));
    }
    if !sns_names(topic.host()).iter().any(|name| certificate.names.contains(name)) {
        return Err(unusable("was not issued to SNS"));
    }
    Ok(certificate.public_key)
}

fn unusable(problem: &str) -> ProofError {
    ProofError::new(format!("the certificate {problem}"))
}

/// The names that a certificate of SNS may have: its host, and those that AWS uses in different regions.
fn sns_names(host: &str) -> [String; 4] {
    let (region, domain) =
        host.strip_prefix("sns.").and_then(|rest| rest.split_once('.')).unwrap_or(("", ""));
    [
        format!("sns.{domain}"),
        format!("sns-signing.{region}.{domain}"),
        format!("sns-{region}.{domain}"),
        host.to_owned(),
    ]
}
