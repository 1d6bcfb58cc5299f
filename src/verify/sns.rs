//! Amazon SNS: RSA over some fields of the body, under a certificate that the body names.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
//!
//! What AWS serves at `SigningCertURL` is one certificate without its chain. The chain of trust is that of the HTTPS
//! connection to AWS's own host, which the runtime verifies; here the certificate's names and dates are, and that the
//! address is SNS's own ([`Topic`]). It fetches nothing: the certificate is given.

use rsa::PublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey;
use rsa::signature::Verifier;
use sha1::Sha1;
use sha2::Sha256;
use x509_cert::Certificate;
use x509_cert::der::{DecodePem, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::age::{TimeUnit, check_age};
use super::key::Encoding;
use super::sns_message::{Message, Origin};
use super::topic::Topic;
use super::{Evidence, Refusal};
use crate::request::RawRequest;
use crate::timestamp::{SECOND_MS, Timestamp};

/// The largest certificate that is looked at, bytes.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// A topic whose messages are taken. A signature proves that AWS sent a message, not who owns the topic: anybody can
/// have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sns {
    topic: Topic,
    /// How far its `Timestamp`, the time of publication, may lie from now; none: its age is not judged.
    tolerance_ms: Option<i64>,
    /// Whether only `SignatureVersion` 2 is taken (SHA-256); else version 1 (SHA-1) is taken, too.
    version_2_only: bool,
}

impl Sns {
    /// # Errors
    /// In words, when it is no topic's ARN.
    pub(crate) fn new(
        topic_arn: &str,
        tolerance_ms: Option<i64>,
        version_2_only: bool,
    ) -> Result<Self, String> {
        Ok(Self { topic: Topic::parse(topic_arn)?, tolerance_ms, version_2_only })
    }

    /// Where the certificate of a message lies. Nothing is asked of an address that is not SNS's own.
    pub(super) fn certificate_url(&self, delivery: &RawRequest) -> Result<String, Refusal> {
        let origin = Origin::read(&delivery.body)?;
        self.check_origin(origin.topic_arn.as_deref(), origin.certificate_url.as_deref())
    }

    /// Proves a message genuine under the certificate at [`Self::certificate_url`].
    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Refusal> {
        let message = Message::read(&evidence.delivery.body)?;
        self.check_origin(message.topic_arn.as_deref(), message.certificate_url.as_deref())?;
        let pem = evidence.certificate.ok_or_else(|| Refusal::new("the certificate could not be had"))?;
        let timestamp = message.timestamp.as_deref().unwrap_or_default();
        check_age(timestamp, TimeUnit::Rfc3339, self.tolerance_ms, evidence.now)
            .map_err(|problem| Refusal::new(format!("Timestamp: {problem}")))?;
        let is_version_2 = self.is_version_2(message.version.as_deref())?;
        let key = public_key(pem, &self.topic, evidence.now).map_err(Refusal::new)?;
        let signature = message.signature.as_deref().and_then(|text| Encoding::Base64.decode(text));
        let signature = signature.and_then(|bytes| Signature::try_from(bytes.as_slice()).ok());
        let signature = signature.ok_or_else(|| Refusal::new("Signature is missing or no base64"))?;
        let text = message.signed_text()?;
        let genuine = if is_version_2 {
            VerifyingKey::<Sha256>::new(key).verify(text.as_bytes(), &signature).is_ok()
        } else {
            VerifyingKey::<Sha1>::new(key).verify(text.as_bytes(), &signature).is_ok()
        };
        let refusal = || Refusal::new("Signature is not that of the message's fields").over(text.as_bytes());
        genuine.then_some(()).ok_or_else(refusal)
    }

    /// The certificate's address, where the message is of the hook's topic and names one of SNS's own.
    fn check_origin(
        &self,
        topic_arn: Option<&str>,
        certificate_url: Option<&str>,
    ) -> Result<String, Refusal> {
        if topic_arn != Some(self.topic.arn()) {
            return Err(Refusal::new("TopicArn is not the hook's topic_arn"));
        }
        let address = certificate_url.filter(|address| self.topic.has_certificate_at(address));
        address.map(ToOwned::to_owned).ok_or_else(|| {
            let host = self.topic.host();
            Refusal::new(format!(
                "SigningCertURL is not https://{host}/SimpleNotificationService-<32 hex digits>.pem"
            ))
        })
    }

    fn is_version_2(&self, version: Option<&str>) -> Result<bool, Refusal> {
        match version {
            Some("2") => Ok(true),
            Some("1") if self.version_2_only => {
                Err(Refusal::new("SignatureVersion is 1, and the hook takes only signature_version = 2"))
            }
            Some("1") => Ok(false),
            _ => Err(Refusal::new("SignatureVersion is neither 1 nor 2")),
        }
    }
}

/// The key of a certificate that was issued to SNS and is valid now.
fn public_key(pem: &str, topic: &Topic, now: Timestamp) -> Result<PublicKey, String> {
    if pem.len() > CERTIFICATE_BYTES_MAX {
        return Err("the certificate is too large".to_owned());
    }
    let certificate =
        Certificate::from_pem(pem.trim()).map_err(|_| "the certificate is no X.509 in PEM".to_owned())?;
    let certificate = certificate.tbs_certificate();
    let validity = certificate.validity();
    let [begin, end] = [validity.not_before, validity.not_after].map(|time| {
        let seconds = time.to_unix_duration().as_secs();
        Timestamp::from_millis(i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(SECOND_MS))
    });
    if now < begin || now > end {
        return Err("the certificate is not valid now".to_owned());
    }
    let names = names(certificate);
    if !sns_names(topic.host()).iter().any(|name| names.contains(name)) {
        return Err("the certificate was not issued to SNS".to_owned());
    }
    let key = certificate.subject_public_key_info().to_der().ok();
    key.and_then(|der| PublicKey::from_public_key_der(&der).ok())
        .ok_or_else(|| "the certificate has no RSA key".to_owned())
}

/// The names that a certificate of SNS may have: its host's, and those that AWS uses in different regions.
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

/// The host names of a certificate, or its common name where it states none.
fn names(certificate: &x509_cert::TbsCertificate) -> Vec<String> {
    let alternative = certificate.get_extension::<SubjectAltName>().ok().flatten();
    let hosts: Vec<String> = alternative
        .map(|(_, names)| names.0)
        .unwrap_or_default()
        .into_iter()
        .filter_map(|name| match name {
            GeneralName::DnsName(name) => Some(name.to_string().to_ascii_lowercase()),
            _ => None,
        })
        .collect();
    if !hosts.is_empty() {
        return hosts;
    }
    let subject = certificate.subject().to_string();
    let common = subject.split(['+', ',']).filter_map(|part| part.trim().strip_prefix("CN="));
    common.map(str::to_ascii_lowercase).collect()
}
