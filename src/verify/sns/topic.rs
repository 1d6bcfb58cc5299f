//! A topic of Amazon SNS by its ARN, and the two addresses that its messages may name: the certificate that they are
//! signed with, and the one that confirms a subscription.
//!
//! It compares text and fetches nothing. It compares an address as it was sent, before any URL parser reads it: a parser
//! drops tabs and default ports and decodes, so the checked text would differ from the signed one.

/// The path of a certificate, before 32 hex digits and `.pem`.
const CERTIFICATE_PATH: &str = "/SimpleNotificationService-";

/// The longest address that is read, bytes. `SubscribeURL` has about 400, of which the ARN takes at most 300.
const ADDRESS_BYTES_MAX: usize = 2048;

/// A topic, `arn:<partition>:sns:<region>:<account>:<name>`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnsTopic {
    arn: String,
    /// The host of SNS in the topic's region: `sns.us-east-1.amazonaws.com`.
    host: String,
}

/// Why a text is not the ARN of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidTopic {
    /// The text is not built as an ARN of SNS.
    #[error("must be a topic's ARN")]
    NotAnArn,
    /// The addresses of this partition are not known.
    #[error("must be in one of the partitions aws, aws-cn and aws-us-gov")]
    UnknownPartition,
}

impl SnsTopic {
    /// Reads an ARN.
    ///
    /// # Errors
    /// [`InvalidTopic`].
    pub(crate) fn parse(arn: &str) -> Result<Self, InvalidTopic> {
        let parts: Vec<&str> = arn.splitn(7, ':').collect();
        let ["arn", partition, "sns", region, account, name] = parts.as_slice() else {
            return Err(InvalidTopic::NotAnArn);
        };
        // https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html#arns-syntax
        let domain = match *partition {
            "aws" | "aws-us-gov" => "amazonaws.com",
            "aws-cn" => "amazonaws.com.cn",
            _ => return Err(InvalidTopic::UnknownPartition),
        };
        if !is_region(region) || account.is_empty() || name.is_empty() {
            return Err(InvalidTopic::NotAnArn);
        }
        Ok(Self { arn: arn.to_owned(), host: format!("sns.{region}.{domain}") })
    }

    /// The ARN as it was parsed.
    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// The host of SNS in the topic's region.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Whether an address is that of a certificate of SNS in the topic's region:
    /// `https://sns.<region>.amazonaws.com/SimpleNotificationService-<32 hex digits>.pem`, exactly.
    pub(crate) fn has_certificate_at(&self, address: &str) -> bool {
        let path = self.path(address).and_then(|path| path.strip_prefix(CERTIFICATE_PATH));
        let digits = path.and_then(|path| path.strip_suffix(".pem"));
        digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// Whether an address confirms a subscription to the topic, as AWS writes it:
    /// `https://sns.<region>.amazonaws.com/?Action=ConfirmSubscription&TopicArn=…&Token=…`, without any other parameter.
    pub(crate) fn confirms(&self, address: &str) -> bool {
        let query = self.path(address).and_then(|path| path.strip_prefix("/?"));
        let Some(query) = query.filter(|query| !query.contains('#')) else { return false };
        let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).take(4).collect();
        let value =
            |wanted: &str| pairs.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_ref());
        pairs.len() == 3
            && value("Action") == Some("ConfirmSubscription")
            && value("TopicArn") == Some(&self.arn)
            && value("Token").is_some_and(|token| !token.is_empty())
    }

    /// The path and query of an address of SNS in the topic's region; `None` for another address.
    fn path<'a>(&self, address: &'a str) -> Option<&'a str> {
        let is_plain =
            address.len() <= ADDRESS_BYTES_MAX && address.bytes().all(|byte| byte.is_ascii_graphic());
        let rest = address.strip_prefix("https://")?.strip_prefix(self.host.as_str())?;
        (is_plain && rest.starts_with('/')).then_some(rest)
    }
}

/// Whether a text looks like a region: `us-east-1`, `us-gov-west-1`. The words have no digits, so that the host of a bucket
/// (`sns.s3-us-west-2.amazonaws.com`) is not accepted.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [words @ .., number] = parts.as_slice() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    (2..=4).contains(&words.len()) && words.iter().all(is_word) && text.len() <= 32 && is_number
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARN: &str = "arn:aws:sns:us-east-1:123456789012:deals";
    const HEX: &str = "01d088a6f77103d0fe307c0069e40ed6";

    fn topic(arn: &str) -> SnsTopic {
        SnsTopic::parse(arn).unwrap()
    }

    #[test]
    fn a_topic_is_an_arn_in_a_known_partition() {
        for good in [
            ARN,
            "arn:aws-cn:sns:cn-north-1:123456789012:deals",
            "arn:aws-us-gov:sns:us-gov-west-1:123456789012:deals.fifo",
            "arn:aws:sns:ap-southeast-2:1:d",
        ] {
            assert!(SnsTopic::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "deals",
            "*",
            "arn:aws:sqs:us-east-1:123456789012:deals",
            "arn:aws:sns:us-east-1:123456789012:",
            "arn:aws:sns:us-east-1::deals",
            "arn:aws:sns::123456789012:deals",
            "arn:aws:sns:us-east-1:123456789012:deals:7f3c",
            "arn:aws:sns:s3-us-west-2:123456789012:deals",
            "arn:aws:sns:evil.example/#:123456789012:deals",
            "arn:awsx:sns:us-east-1:123456789012:deals",
            "arn:aws-iso:sns:us-iso-east-1:123456789012:deals",
        ] {
            assert!(SnsTopic::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_certificate_at_the_host_of_the_topics_region_is_accepted() {
        for (arn, host) in [
            (ARN, "sns.us-east-1.amazonaws.com"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:deals", "sns.cn-north-1.amazonaws.com.cn"),
            ("arn:aws-us-gov:sns:us-gov-west-1:123456789012:deals", "sns.us-gov-west-1.amazonaws.com"),
        ] {
            let address = format!("https://{host}/SimpleNotificationService-{HEX}.pem");
            assert!(topic(arn).has_certificate_at(&address), "{address}");
        }
        let at = |host: &str| format!("https://{host}/SimpleNotificationService-{HEX}.pem");
        let path = |path: &str| format!("https://sns.us-east-1.amazonaws.com{path}");
        for bad in [
            at("sns.s3-us-west-2.amazonaws.com"),
            at("sns.us-west-2.amazonaws.com"),
            at("sns.us-east-1.amazonaws.com.cn"),
            at("sns.us-east-1.amazonaws.com.evil.example"),
            at("sns.us-east-1.amazonaws.com:443"),
            at("user@sns.us-east-1.amazonaws.com"),
            at("sns.us-east-1.amazonaws.com@evil.example"),
            at("SNS.us-east-1.amazonaws.com"),
            at("sns.us-east-1.amazonaws.com."),
            at("sns%2eus-east-1.amazonaws.com"),
            at("sns.us-east-1.amazonaws.com").replace("https", "http"),
            format!(" {}", at("sns.us-east-1.amazonaws.com")),
            path("/x.pem"),
            path(&format!("//SimpleNotificationService-{HEX}.pem")),
            path(&format!("/x/SimpleNotificationService-{HEX}.pem")),
            path(&format!("/./SimpleNotificationService-{HEX}.pem")),
            path(&format!("/SimpleNotificationService-{HEX}.pem?x=1")),
            path(&format!("/SimpleNotificationService-{HEX}.pem#x")),
            path(&format!("/SimpleNotificationService-{HEX}%2epem")),
            path(&format!("/SimpleNotificationService-{HEX}0.pem")),
            path(&format!("/SimpleNotificationService-{}.pem", "g".repeat(32))),
            path("/SimpleNotificationService-.pem"),
            String::new(),
        ] {
            assert!(!topic(ARN).has_certificate_at(&bad), "{bad}");
        }
    }

    #[test]
    fn only_a_confirmation_at_the_host_of_the_topics_region_is_accepted() {
        let at = |host: &str, query: &str| format!("https://{host}/?{query}");
        let query = format!("Action=ConfirmSubscription&TopicArn={ARN}&Token=2336412f");
        let host = "sns.us-east-1.amazonaws.com";
        assert!(topic(ARN).confirms(&at(host, &query)));
        for bad in [
            at("sns.us-west-2.amazonaws.com", &query),
            at("evil.example", &query),
            at("sns.us-east-1.amazonaws.com@evil.example", &query),
            at("sns.us-east-1.amazonaws.com:443", &query),
            at(host, &query).replace("https", "http"),
            at(host, &query).replace("/?", "/x?"),
            at(host, &query).replace("/?", "?"),
            at(host, &format!("{query}&Action=Publish")),
            at(host, &format!("{query}&AuthenticateOnUnsubscribe=true")),
            at(host, &format!("{query}#x")),
            at(host, &query.replace("ConfirmSubscription", "Publish")),
            at(host, &query.replace("deals", "others")),
            at(host, &query.replace("2336412f", "")),
            at(host, &query.replace("&Token=2336412f", "")),
            at(host, &format!("{query}{}", "0".repeat(ADDRESS_BYTES_MAX))),
        ] {
            assert!(!topic(ARN).confirms(&bad), "{bad}");
        }
    }
}
