//! The parts of an X.509 certificate (RFC 5280, section 4.1) that a message of SNS needs: dates, names and the key. It
//! checks the form, and no signature: trust comes from the host that serves the certificate.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::civil::DateTime;

use crate::timestamp::{SECOND_MS, Timestamp};
use crate::verify::der::{
    BIT_STRING, BOOLEAN, Element, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE, SET,
};

/// Context-specific tags of a `TBSCertificate` and of a `GeneralName`.
const VERSION: u8 = 0xa0;
const ISSUER_UNIQUE_ID: u8 = 0x81;
const SUBJECT_UNIQUE_ID: u8 = 0x82;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The strings that a common name may be: UTF-8, printable and IA5. They are all read as UTF-8.
const STRINGS: [u8; 3] = [0x0c, 0x13, 0x16];

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// `id-ce-subjectAltName` (2.5.29.17) and `id-at-commonName` (2.5.4.3).
const SUBJECT_ALTERNATIVE_NAME: &[u8] = &[0x55, 0x1d, 0x11];
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// A certificate, borrowed from its DER.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certificate<'a> {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The host names, or the common names where there are none; in lower case.
    pub(super) names: Vec<String>,
    /// The `SubjectPublicKeyInfo`.
    pub(super) public_key: &'a [u8],
}

/// The DER of a certificate in PEM (RFC 7468); `None` unless the text is one certificate.
pub(super) fn der_of_pem(pem: &str) -> Option<Vec<u8>> {
    let framed = pem.trim().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let lines = framed.strip_suffix("-----END CERTIFICATE-----")?;
    let text: String = lines.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    BASE64.decode(text).ok()
}

impl<'a> Certificate<'a> {
    /// Reads a certificate; `None` where the bytes are not one.
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut certificate = Reader::new(Reader::only(der, SEQUENCE)?);
        let mut fields = Reader::new(certificate.read(SEQUENCE)?);
        // The signature, by the issuer.
        certificate.read(SEQUENCE)?;
        certificate.read(BIT_STRING)?;

        fields.read(VERSION);
        // The serial number, the algorithm of the signature, and the issuer.
        fields.read(INTEGER)?;
        fields.read(SEQUENCE)?;
        fields.read(SEQUENCE)?;
        let mut validity = Reader::new(fields.read(SEQUENCE)?);
        let (not_before, not_after) = (time(validity.element()?)?, time(validity.element()?)?);
        let subject = fields.read(SEQUENCE)?;
        let public_key = fields.element().filter(|element| element.tag == SEQUENCE)?.encoding;
        fields.read(ISSUER_UNIQUE_ID);
        fields.read(SUBJECT_UNIQUE_ID);
        let extensions = fields.read(EXTENSIONS);
        let is_whole = certificate.is_empty() && fields.is_empty() && validity.is_empty();

        let hosts = extensions.map_or(Some(Vec::new()), host_names)?;
        let names = if hosts.is_empty() { common_names(subject)? } else { hosts };
        is_whole.then_some(Self { not_before, not_after, names, public_key })
    }
}

/// A time of a certificate, which is in UTC and has seconds (RFC 5280, section 4.1.2.5).
fn time(element: Element<'_>) -> Option<Timestamp> {
    let text = std::str::from_utf8(element.content).ok()?.strip_suffix('Z')?;
    let (year, rest) = match (element.tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = text.split_at_checked(2)?;
            // Section 4.1.2.5.1.
            (format!("{}{year}", if year < "50" { "20" } else { "19" }), rest)
        }
        (GENERALIZED_TIME, 14) => text.split_at_checked(4).map(|(year, rest)| (year.to_owned(), rest))?,
        _ => return None,
    };
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at = |start: usize| rest.get(start..start + 2);
    let (month, day, hour, minute, second) = (at(0)?, at(2)?, at(4)?, at(6)?, at(8)?);
    // Not as a moment of jiff: its last one lies before the end of 9999, which stands for a certificate without an end.
    let time: DateTime = format!("{year}-{month}-{day}T{hour}:{minute}:{second}").parse().ok()?;
    Some(Timestamp::from_millis(time.duration_since(EPOCH).as_secs() * SECOND_MS))
}

/// The host names among the alternative names of the subject; `None` where the extensions cannot be read.
fn host_names(extensions: &[u8]) -> Option<Vec<String>> {
    let mut extensions = Reader::new(Reader::only(extensions, SEQUENCE)?);
    let mut alternative_names = None;
    while !extensions.is_empty() {
        let mut extension = Reader::new(extensions.read(SEQUENCE)?);
        let id = extension.read(OBJECT_IDENTIFIER)?;
        extension.read(BOOLEAN);
        let value = extension.read(OCTET_STRING)?;
        if !extension.is_empty() {
            return None;
        }
        // Section 4.2: a certificate must not have two extensions of one kind.
        if id == SUBJECT_ALTERNATIVE_NAME && alternative_names.replace(value).is_some() {
            return None;
        }
    }
    let Some(value) = alternative_names else { return Some(Vec::new()) };
    let mut names = Reader::new(Reader::only(value, SEQUENCE)?);
    let mut hosts = Vec::new();
    while !names.is_empty() {
        let name = names.element()?;
        if name.tag == DNS_NAME {
            hosts.push(lower_case(name.content)?);
        }
    }
    Some(hosts)
}

/// The common names of a subject (section 4.1.2.4).
fn common_names(subject: &[u8]) -> Option<Vec<String>> {
    let mut sets = Reader::new(subject);
    let mut names = Vec::new();
    while !sets.is_empty() {
        let mut set = Reader::new(sets.read(SET)?);
        while !set.is_empty() {
            let mut attribute = Reader::new(set.read(SEQUENCE)?);
            let id = attribute.read(OBJECT_IDENTIFIER)?;
            let value = attribute.element()?;
            if id == COMMON_NAME && STRINGS.contains(&value.tag) {
                names.push(lower_case(value.content)?);
            }
        }
    }
    Some(names)
}

fn lower_case(text: &[u8]) -> Option<String> {
    Some(std::str::from_utf8(text).ok()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::verify::der::testing::element;

    /// The certificates of AWS and others among the recorded messages, in PEM.
    fn recorded() -> Vec<String> {
        let vectors: Value =
            serde_json::from_str(include_str!("../../../tests/vectors/aws-sns.json")).unwrap();
        let of = |vector: &Value| vector["certificates"].as_object().cloned().unwrap_or_default();
        let texts = vectors
            .as_array()
            .unwrap()
            .iter()
            .flat_map(of)
            .filter_map(|(_, pem)| Some(pem.as_str()?.to_owned()));
        texts.collect()
    }

    fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
        element(SEQUENCE, &parts.concat())
    }

    fn common_name(name: &str) -> Vec<u8> {
        let attribute = sequence(&[element(OBJECT_IDENTIFIER, COMMON_NAME), element(0x0c, name.as_bytes())]);
        element(SET, &attribute)
    }

    fn alternative_names(names: &[(u8, &str)]) -> Vec<u8> {
        let names: Vec<_> = names.iter().map(|(tag, name)| element(*tag, name.as_bytes())).collect();
        let value = element(OCTET_STRING, &sequence(&names));
        sequence(&[element(OBJECT_IDENTIFIER, SUBJECT_ALTERNATIVE_NAME), element(BOOLEAN, &[0xff]), value])
    }

    /// A certificate with these dates, names of the subject and extensions.
    fn certificate(dates: &[Vec<u8>; 2], subject: &[Vec<u8>], extensions: &[Vec<u8>]) -> Vec<u8> {
        let empty = || sequence(&[]);
        let mut fields =
            vec![element(VERSION, &element(INTEGER, &[2])), element(INTEGER, &[1]), empty(), empty()];
        fields.extend([sequence(dates), sequence(subject), sequence(&[element(BIT_STRING, &[0, 7])])]);
        if !extensions.is_empty() {
            fields.push(element(EXTENSIONS, &sequence(extensions)));
        }
        sequence(&[sequence(&fields), empty(), element(BIT_STRING, &[0, 1])])
    }

    fn dates() -> [Vec<u8>; 2] {
        [element(UTC_TIME, b"250101000000Z"), element(GENERALIZED_TIME, b"20501231235959Z")]
    }

    #[test]
    fn a_certificate_of_aws_is_read() {
        let der = der_of_pem(&recorded()[0]).unwrap();
        let read = Certificate::read(&der).unwrap();
        assert_eq!(read.names, ["sns.amazonaws.com"]);
        assert_eq!(read.not_before.to_string(), "2025-11-10T00:00:00.000Z");
        assert_eq!(read.not_after.to_string(), "2026-10-14T23:59:59.000Z");
        assert_eq!(crate::verify::public_key::rsa_modulus_bytes(read.public_key), Some(256));
    }

    #[test]
    fn host_names_come_before_common_names() {
        let subject = [common_name("Common.example"), common_name("other.example")];
        let names = |extensions: &[Vec<u8>]| {
            let der = certificate(&dates(), &subject, extensions);
            Certificate::read(&der).map(|read| read.names)
        };
        let hosts =
            alternative_names(&[(DNS_NAME, "A.example"), (0x81, "a@b.example"), (DNS_NAME, "b.example")]);
        assert_eq!(names(std::slice::from_ref(&hosts)).unwrap(), ["a.example", "b.example"]);
        let common = ["common.example", "other.example"];
        assert_eq!(names(&[]).unwrap(), common);
        assert_eq!(names(&[alternative_names(&[(0x81, "a@b.example")])]).unwrap(), common);
        assert_eq!(names(&[hosts.clone(), hosts]), None, "two extensions of one kind");
        assert_eq!(names(&[alternative_names(&[(DNS_NAME, "a")]), vec![0x30, 0x80]]), None);
    }

    #[test]
    fn dates_are_whole_and_in_utc() {
        #[track_caller]
        fn check(tag: u8, text: &str, expected: Option<i64>) {
            let der = certificate(&[element(tag, text.as_bytes()), dates()[1].clone()], &[], &[]);
            let read = Certificate::read(&der).map(|read| read.not_before.as_millis());
            assert_eq!(read, expected, "{text}");
        }
        check(UTC_TIME, "491231235959Z", Some(2_524_607_999_000));
        check(UTC_TIME, "500101000000Z", Some(-631_152_000_000));
        check(GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799_000));
        for (tag, bad) in [
            (UTC_TIME, "2501010000Z"),
            (UTC_TIME, "250101000000"),
            (UTC_TIME, "250101000000+0000"),
            (UTC_TIME, "250230000000Z"),
            (UTC_TIME, "25010100000éZ"),
            (UTC_TIME, "-50101000000Z"),
            (UTC_TIME, ""),
            (GENERALIZED_TIME, "250101000000Z"),
            (GENERALIZED_TIME, "20250101000000.5Z"),
            (INTEGER, "250101000000Z"),
        ] {
            check(tag, bad, None);
        }
    }

    #[test]
    fn a_cut_or_extended_certificate_is_rejected() {
        let der = certificate(&dates(), &[common_name("a")], &[alternative_names(&[(DNS_NAME, "a")])]);
        assert!(Certificate::read(&der).is_some());
        for length in 0..der.len() {
            assert_eq!(Certificate::read(&der[..length]), None, "cut at {length}");
        }
        assert_eq!(Certificate::read(&[der.as_slice(), &[0]].concat()), None);
        let content = Reader::only(&der, SEQUENCE).unwrap();
        let extended = element(SEQUENCE, &[content, &sequence(&[])].concat());
        assert_eq!(Certificate::read(&extended), None, "more than a signature");
        assert_eq!(Certificate::read(&vec![0xff; 100_000]), None);
        assert_eq!(Certificate::read(&vec![0x30; 100_000]), None, "nested without an end");
        assert_eq!(Certificate::read(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }

    #[test]
    fn no_change_of_a_byte_is_a_panic() {
        let ders: Vec<_> = recorded().iter().filter_map(|pem| der_of_pem(pem)).collect();
        assert!(ders.iter().any(|der| Certificate::read(der).is_some()));
        for mut der in ders {
            for index in 0..der.len() {
                for bit in 0..8 {
                    der[index] ^= 1 << bit;
                    if let Some(read) = Certificate::read(&der) {
                        crate::verify::public_key::rsa_modulus_bytes(read.public_key);
                    }
                    der[index] ^= 1 << bit;
                }
            }
        }
    }

    #[test]
    fn the_text_is_one_certificate() {
        let pem = &recorded()[0];
        let text = pem.trim();
        assert!(der_of_pem(&format!("\n{}\r\n", text.replace('\n', "\r\n"))).is_some());
        let bad = [
            String::new(),
            format!("{text}\n{text}"),
            text.replace("CERTIFICATE", "PUBLIC KEY"),
            text.replace("END ", "END"),
            text.replacen('\n', "\n*", 1),
            text.replacen('\n', "\nA", 1),
            text.replacen('\n', "\n ", 1),
            "-----BEGIN CERTIFICATE-----".to_owned(),
        ];
        for bad in bad {
            assert_eq!(der_of_pem(&bad), None, "{bad}");
        }
    }
}
