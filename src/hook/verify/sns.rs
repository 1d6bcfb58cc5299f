//! Amazon SNS: RSA over some fields of the body, under a certificate that the body names.
//! <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>
//!
//! What AWS serves at `SigningCertURL` is one certificate without its chain. The chain of trust is that of the HTTPS
//! connection to AWS's own host, which the runtime verifies; here the certificate's names and dates are, and that the
//! address lies with SNS. It fetches nothing: the certificate is given.

use rsa::PublicKey;
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::pkcs8::DecodePublicKey;
use rsa::signature::Verifier;
use serde_json::Value;
use sha1::Sha1;
use sha2::Sha256;
use url::Url;
use x509_cert::Certificate;
use x509_cert::der::{DecodePem, Encode};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::age::{TimeUnit, check_age};
use super::key::Encoding;
use super::{Evidence, Refusal};
use crate::hook::delivery::RawDelivery;
use crate::timestamp::{SECOND_MS, Timestamp};

/// The largest certificate that is looked at, bytes.
pub(crate) const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

/// What each type of message signs, in this order; `Subject` only where there is one.
const NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
const CONFIRMATION: &[&str] =
    &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];

/// A topic whose messages are taken. A signature proves that AWS sent a message, not who owns the topic: anybody can
/// have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sns {
    topic_arn: String,
    /// How far its `Timestamp`, the time of publication, may lie from now; none: its age is not judged.
    tolerance_ms: Option<i64>,
}

impl Sns {
    /// # Errors
    /// In words, when it is no topic's ARN.
    pub(in crate::hook) fn new(topic_arn: &str, tolerance_ms: Option<i64>) -> Result<Self, String> {
        let parts: Vec<&str> = topic_arn.split(':').collect();
        let is_topic = matches!(parts.as_slice(),
            ["arn", partition, "sns", region, account, name]
                if partition.starts_with("aws") && [region, account, name].iter().all(|part| !part.is_empty()));
        if is_topic {
            Ok(Self { topic_arn: topic_arn.to_owned(), tolerance_ms })
        } else {
            Err("is no topic's ARN".to_owned())
        }
    }

    /// Where the certificate of a message lies. Nothing is asked of an address that is not SNS's own.
    pub(super) fn certificate_url(&self, delivery: &RawDelivery) -> Result<String, Refusal> {
        let message = read(delivery)?;
        self.check_topic(&message)?;
        let address = field(&message, "SigningCertURL").unwrap_or_default();
        let is_pem = |url: Url| url.path().rsplit_once('.').is_some_and(|(_, extension)| extension == "pem");
        let is_certificate = sns_url(address).is_some_and(is_pem);
        is_certificate.then(|| address.to_owned()).ok_or_else(|| {
            Refusal::new("SigningCertURL is no certificate at https://sns.<region>.amazonaws.com or its .cn")
        })
    }

    /// Proves a message genuine under the certificate at [`Self::certificate_url`].
    pub(super) fn check(&self, evidence: &Evidence<'_>) -> Result<(), Refusal> {
        let address = self.certificate_url(evidence.delivery)?;
        let message = read(evidence.delivery)?;
        let pem = evidence.certificate.ok_or_else(|| Refusal::new("the certificate could not be had"))?;
        let timestamp = field(&message, "Timestamp").unwrap_or_default();
        check_age(timestamp, TimeUnit::Rfc3339, self.tolerance_ms, evidence.now)
            .map_err(|problem| Refusal::new(format!("Timestamp: {problem}")))?;
        let key = public_key(pem, &address, evidence.now).map_err(Refusal::new)?;
        let signature = field(&message, "Signature").and_then(|text| Encoding::Base64.decode(text));
        let signature = signature.and_then(|bytes| Signature::try_from(bytes.as_slice()).ok());
        let signature = signature.ok_or_else(|| Refusal::new("Signature is missing or no base64"))?;
        let text = signed_text(&message)?;
        let genuine = match field(&message, "SignatureVersion") {
            Some("1") => VerifyingKey::<Sha1>::new(key).verify(text.as_bytes(), &signature).is_ok(),
            Some("2") => VerifyingKey::<Sha256>::new(key).verify(text.as_bytes(), &signature).is_ok(),
            _ => return Err(Refusal::new("SignatureVersion is neither 1 nor 2")),
        };
        let refusal = || Refusal::new("Signature is not that of the message's fields").over(text.as_bytes());
        genuine.then_some(()).ok_or_else(refusal)
    }

    fn check_topic(&self, message: &Value) -> Result<(), Refusal> {
        let same = field(message, "TopicArn") == Some(&self.topic_arn);
        same.then_some(()).ok_or_else(|| Refusal::new("TopicArn is not the hook's topic_arn"))
    }
}

/// An address of SNS itself: HTTPS, no user, no port, and no other host of AWS, where anybody could put a file.
#[must_use]
pub(crate) fn sns_url(address: &str) -> Option<Url> {
    // The parser would strip blanks, and what is compared elsewhere has them.
    let url = Url::parse(address).ok().filter(|_| address.bytes().all(|byte| byte.is_ascii_graphic()))?;
    let host = url.host_str()?;
    let region =
        host.strip_suffix(".cn").unwrap_or(host).strip_suffix(".amazonaws.com")?.strip_prefix("sns.")?;
    let is_region =
        region.len() >= 3 && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let bare = url.username().is_empty() && url.password().is_none() && url.port().is_none();
    (url.scheme() == "https" && is_region && bare).then_some(url)
}

fn read(delivery: &RawDelivery) -> Result<Value, Refusal> {
    // SNS calls its JSON text/plain, so the content type says nothing.
    let message: Option<Value> = serde_json::from_slice(&delivery.body).ok();
    message.filter(Value::is_object).ok_or_else(|| Refusal::new("the body is no message of SNS"))
}

fn field<'a>(message: &'a Value, name: &str) -> Option<&'a str> {
    message.get(name)?.as_str()
}

fn signed_text(message: &Value) -> Result<String, Refusal> {
    let names = match field(message, "Type") {
        Some("Notification") => NOTIFICATION,
        Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => CONFIRMATION,
        _ => return Err(Refusal::new("Type is none that SNS signs")),
    };
    let mut text = String::new();
    for name in names {
        match field(message, name) {
            Some(value) => text.extend([name, "\n", value, "\n"]),
            None if *name == "Subject" => {}
            None => return Err(Refusal::new(format!("{name} is missing"))),
        }
    }
    Ok(text)
}

/// The key of a certificate that was issued to SNS and is valid now.
fn public_key(pem: &str, address: &str, now: Timestamp) -> Result<PublicKey, String> {
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
    if !sns_names(address).iter().any(|name| names.contains(name)) {
        return Err("the certificate was not issued to SNS".to_owned());
    }
    let key = certificate.subject_public_key_info().to_der().ok();
    key.and_then(|der| PublicKey::from_public_key_der(&der).ok())
        .ok_or_else(|| "the certificate has no RSA key".to_owned())
}

/// The names that a certificate of SNS may have: its host's, and those that AWS uses in different regions.
fn sns_names(address: &str) -> Vec<String> {
    let host =
        Url::parse(address).ok().and_then(|url| url.host_str().map(ToOwned::to_owned)).unwrap_or_default();
    let (region, domain) =
        host.strip_prefix("sns.").and_then(|rest| rest.split_once('.')).unwrap_or(("", ""));
    vec![
        format!("sns.{domain}"),
        format!("sns-signing.{region}.{domain}"),
        format!("sns-{region}.{domain}"),
        host.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_sns_itself_are_asked() {
        for good in
            ["https://sns.us-east-1.amazonaws.com/x.pem", "https://sns.cn-north-1.amazonaws.com.cn/x.pem"]
        {
            assert!(sns_url(good).is_some(), "{good}");
        }
        for bad in [
            "http://sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
            "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
            "https://s3.us-east-1.amazonaws.com/x.pem",
            "https://sns.s3.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com:8443/x.pem",
            "https://user@sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
            "https://xsns.us-east-1.amazonaws.com/x.pem",
            "https://sns..amazonaws.com/x.pem",
            " https://sns.us-east-1.amazonaws.com/x.pem",
            "",
        ] {
            assert!(sns_url(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_topic_is_a_whole_arn() {
        assert!(Sns::new("arn:aws:sns:us-east-1:123456789012:deals", None).is_ok());
        assert!(Sns::new("arn:aws-cn:sns:cn-north-1:123456789012:deals", None).is_ok());
        for bad in [
            "",
            "deals",
            "arn:aws:sqs:us-east-1:123456789012:deals",
            "arn:aws:sns:us-east-1:123456789012:",
            "*",
        ] {
            assert!(Sns::new(bad, None).is_err(), "{bad}");
        }
    }
}
