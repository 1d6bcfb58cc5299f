//! The form of public keys and of signatures under them, strictly: what is rejected here never reaches the runtime's
//! cryptography. That a point is on its curve is for the runtime to say.

use super::der::{BIT_STRING, INTEGER, NULL, OBJECT_IDENTIFIER, Reader, SEQUENCE, encode};

/// `id-ecPublicKey` (RFC 5480, section 2.1.1) and `secp256r1` (section 2.1.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP256R1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// `rsaEncryption` (RFC 8017, appendix A.1).
const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

/// The sizes of RSA keys, bits: smaller ones can be factored, larger ones only cost time.
const RSA_BITS: std::ops::RangeInclusive<u32> = 1024..=8192;

/// The sizes of RSA exponents, bits. The usual one, 65,537, has 17; runtimes take 33 at the most.
const RSA_EXPONENT_BITS: std::ops::RangeInclusive<u32> = 2..=33;

/// The points of Ed25519 whose order divides eight, without the bit of their sign, each in every encoding (`y` and `y + p`,
/// where that has 255 bits).
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    ends([0; 32], 1, 0),
    ends([0xff; 32], 0xec, 0x7f),
    ends([0xff; 32], 0xed, 0x7f),
    ends([0xff; 32], 0xee, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

/// The bytes with another first and last one.
const fn ends(mut bytes: [u8; 32], first: u8, last: u8) -> [u8; 32] {
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Whether the bytes can be a key for Ed25519. Under a key of small order one signature is valid for any message.
pub(super) fn is_ed25519_key(bytes: &[u8]) -> bool {
    bytes.len() == 32 && !is_of_small_order(bytes)
}

/// Whether the bytes can be a signature by Ed25519: a point that is not of small order, and a number.
pub(super) fn is_ed25519_signature(bytes: &[u8]) -> bool {
    bytes.len() == 64 && bytes.get(..32).is_some_and(|point| !is_of_small_order(point))
}

/// Whether a point has an order that divides eight. Keys and signatures are public, so the time does not matter.
fn is_of_small_order(point: &[u8]) -> bool {
    SMALL_ORDER.iter().any(|small| match (point, small) {
        ([start @ .., last], [small @ .., small_last]) => start == small && last & 0x7f == *small_last,
        _ => false,
    })
}

/// Whether the bytes are a `SubjectPublicKeyInfo` with a point of P-256, compressed or not (SEC 1, section 2.3.3).
pub(super) fn is_p256_key(spki: &[u8]) -> bool {
    let point = spki_parts(spki).and_then(|(mut algorithm, point)| {
        let is_p256 = algorithm.read(OBJECT_IDENTIFIER)? == EC_PUBLIC_KEY
            && algorithm.read(OBJECT_IDENTIFIER)? == SECP256R1
            && algorithm.is_empty();
        is_p256.then_some(point)
    });
    matches!(point, Some([4, x_and_y @ ..]) if x_and_y.len() == 64)
        || matches!(point, Some([2 | 3, x @ ..]) if x.len() == 32)
}

/// A signature by ECDSA over P-256 as `r` and `s` of 32 bytes each, from its DER (RFC 3279, section 2.2.3).
pub(super) fn p256_signature(der: &[u8]) -> Option<[u8; 64]> {
    let mut numbers = Reader::new(Reader::only(der, SEQUENCE)?);
    let mut both = [0; 64];
    let (r, s) = both.split_at_mut(32);
    for part in [r, s] {
        let number = numbers.positive()?;
        let zeros = part.len().checked_sub(number.len())?;
        part.get_mut(zeros..)?.copy_from_slice(number);
    }
    numbers.is_empty().then_some(both)
}

/// The bytes of the modulus of an RSA key; `None` where the bytes are not a `SubjectPublicKeyInfo` with a key of a size and
/// an exponent that are accepted.
pub(super) fn rsa_modulus_bytes(spki: &[u8]) -> Option<usize> {
    let (mut algorithm, key) = spki_parts(spki)?;
    let is_rsa = algorithm.read(OBJECT_IDENTIFIER)? == RSA_ENCRYPTION
        && algorithm.read(NULL)?.is_empty()
        && algorithm.is_empty();
    let mut numbers = Reader::new(Reader::only(key, SEQUENCE)?);
    let (modulus, exponent) = (numbers.positive()?, numbers.positive()?);
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let is_right = numbers.is_empty()
        && RSA_BITS.contains(&bits(modulus)?)
        && RSA_EXPONENT_BITS.contains(&bits(exponent)?)
        && is_odd(modulus)
        && is_odd(exponent);
    (is_rsa && is_right).then_some(modulus.len())
}

/// An RSA key that is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RsaKey {
    /// `SubjectPublicKeyInfo` in DER.
    pub(super) spki: Vec<u8>,
    /// The bytes of its modulus, and of each signature.
    pub(super) modulus_bytes: usize,
}

/// An RSA key from its numbers, the first byte the highest; `None` where [`rsa_modulus_bytes`] does not accept them, or the
/// modulus has fewer bits.
pub(super) fn rsa_key(modulus: &[u8], exponent: &[u8], bits_min: u32) -> Option<RsaKey> {
    let integer = |number: &[u8]| {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let number = number.get(zeros..)?;
        let sign: &[u8] = if *number.first()? >= 0x80 { &[0] } else { &[] };
        encode(INTEGER, &[sign, number].concat())
    };
    let key = encode(SEQUENCE, &[integer(modulus)?, integer(exponent)?].concat())?;
    let algorithm = [encode(OBJECT_IDENTIFIER, RSA_ENCRYPTION)?, encode(NULL, &[])?].concat();
    let key = encode(BIT_STRING, &[&[0], key.as_slice()].concat())?;
    let spki = encode(SEQUENCE, &[encode(SEQUENCE, &algorithm)?, key].concat())?;
    let modulus_bytes = rsa_modulus_bytes(&spki)?;
    let modulus = modulus.get(modulus.len().checked_sub(modulus_bytes)?..)?;
    (bits(modulus)? >= bits_min).then_some(RsaKey { spki, modulus_bytes })
}

/// How many bits a number has whose first byte is not zero.
fn bits(number: &[u8]) -> Option<u32> {
    Some(u32::try_from(number.len()).ok()? * 8 - number.first()?.leading_zeros())
}

/// The algorithm and the key of a `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
fn spki_parts(spki: &[u8]) -> Option<(Reader<'_>, &[u8])> {
    let mut parts = Reader::new(Reader::only(spki, SEQUENCE)?);
    let algorithm = Reader::new(parts.read(SEQUENCE)?);
    let key = parts.bits()?;
    parts.is_empty().then_some((algorithm, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::der::testing::element;

    fn spki(algorithm: &[(u8, &[u8])], key: &[u8]) -> Vec<u8> {
        let algorithm: Vec<u8> = algorithm.iter().flat_map(|(tag, content)| element(*tag, content)).collect();
        let key = element(BIT_STRING, &[&[0], key].concat());
        element(SEQUENCE, &[element(SEQUENCE, &algorithm), key].concat())
    }

    #[test]
    fn a_point_of_small_order_is_neither_key_nor_signature() {
        let mut key = [7; 32];
        assert!(is_ed25519_key(&key));
        assert!(!is_ed25519_key(&key[1..]) && !is_ed25519_key(&[7; 33]));
        for point in SMALL_ORDER {
            for sign in [0, 0x80] {
                key = point;
                key[31] |= sign;
                assert!(!is_ed25519_key(&key), "{key:x?}");
                assert!(!is_ed25519_signature(&[key, [1; 32]].concat()), "{key:x?}");
                // The native implementation knows each of them that is written in its only encoding.
                let weak = ed25519_dalek::VerifyingKey::from_bytes(&key).map(|key| key.is_weak());
                assert_ne!(weak.ok(), Some(false), "{key:x?}");
            }
        }
        assert!(is_ed25519_signature(&[7; 64]) && !is_ed25519_signature(&[7; 63]));
    }

    #[test]
    fn a_key_of_p256_is_a_point_of_its_curve() {
        let (key, curve) = ((OBJECT_IDENTIFIER, EC_PUBLIC_KEY), (OBJECT_IDENTIFIER, SECP256R1));
        let point = |first: u8, bytes: usize| [&[first], vec![7; bytes].as_slice()].concat();
        assert!(is_p256_key(&spki(&[key, curve], &point(4, 64))));
        assert!(is_p256_key(&spki(&[key, curve], &point(2, 32))));
        for bad in [
            spki(&[key, curve], &point(4, 63)),
            spki(&[key, curve], &point(2, 64)),
            spki(&[key, curve], &point(6, 64)),
            spki(&[key, curve], &[0]),
            spki(&[key, key], &point(4, 64)),
            spki(&[curve, key], &point(4, 64)),
            spki(&[key, curve, (NULL, &[])], &point(4, 64)),
            spki(&[(OBJECT_IDENTIFIER, RSA_ENCRYPTION), (NULL, &[])], &point(4, 64)),
            [spki(&[key, curve], &point(4, 64)), vec![0]].concat(),
            point(4, 64),
        ] {
            assert!(!is_p256_key(&bad), "{bad:x?}");
        }
    }

    #[test]
    fn a_signature_of_p256_is_two_numbers() {
        let numbers =
            |r: &[u8], s: &[u8]| element(SEQUENCE, &[element(INTEGER, r), element(INTEGER, s)].concat());
        let mut expected = [0; 64];
        (expected[31], expected[32], expected[63]) = (1, 0x80, 9);
        let s = [&[0, 0x80], [0; 30].as_slice(), &[9]].concat();
        assert_eq!(p256_signature(&numbers(&[1], &s)), Some(expected));
        for bad in [
            numbers(&[0], &s),
            numbers(&[1], &[0x80]),
            numbers(&[0, 1], &s),
            numbers(&[1], &[1; 33]),
            numbers(&[1], &[]),
            [numbers(&[1], &s), vec![0]].concat(),
            element(SEQUENCE, &element(INTEGER, &[1]).repeat(3)),
            element(SEQUENCE, &element(INTEGER, &[1])),
            vec![0x30; 5_000],
            Vec::new(),
        ] {
            assert_eq!(p256_signature(&bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn an_rsa_key_has_a_size_within_bounds() {
        #[track_caller]
        fn check(modulus_bytes: usize, last: u8, exponent: &[u8], expected: Option<usize>) {
            let mut modulus = vec![0xff; modulus_bytes + 1];
            (modulus[0], modulus[modulus_bytes]) = (0, last);
            let numbers = [element(INTEGER, &modulus), element(INTEGER, exponent)].concat();
            let algorithm = [(OBJECT_IDENTIFIER, RSA_ENCRYPTION), (NULL, &[][..])];
            let key = spki(&algorithm, &element(SEQUENCE, &numbers));
            assert_eq!(rsa_modulus_bytes(&key), expected);
        }
        let usual = [1, 0, 1];
        for bytes in [128, 256, 512, 1024] {
            check(bytes, 1, &usual, Some(bytes));
        }
        for bytes in [127, 1025, 60_000] {
            check(bytes, 1, &usual, None);
        }
        check(256, 2, &usual, None);
        check(256, 1, &[3], Some(256));
        check(256, 1, &[1, 0xff, 0xff, 0xff, 0xff], Some(256));
        for exponent in [&[1][..], &[2], &[2, 0, 0, 0, 1], &[0], &[]] {
            check(256, 1, exponent, None);
        }
        assert_eq!(rsa_modulus_bytes(&[0x30; 5_000]), None);
    }

    #[test]
    fn an_rsa_key_of_numbers_has_its_one_encoding() {
        let modulus = |first: u8, bytes: usize| [&[first], vec![0xff; bytes - 1].as_slice()].concat();
        let usual = [1, 0, 1];
        let numbers =
            [element(INTEGER, &[&[0], modulus(0x80, 256).as_slice()].concat()), element(INTEGER, &usual)];
        let algorithm = [(OBJECT_IDENTIFIER, RSA_ENCRYPTION), (NULL, &[][..])];
        let expected =
            RsaKey { spki: spki(&algorithm, &element(SEQUENCE, &numbers.concat())), modulus_bytes: 256 };
        assert_eq!(rsa_key(&modulus(0x80, 256), &usual, 2048), Some(expected.clone()));
        let padded = [&[0, 0], modulus(0x80, 256).as_slice()].concat();
        assert_eq!(rsa_key(&padded, &[0, 1, 0, 1], 2048), Some(expected));
        assert_eq!(rsa_key(&modulus(0x7f, 256), &usual, 2048), None, "2,047 bits");
        assert_eq!(rsa_key(&modulus(0xff, 128), &usual, 2048), None);
        assert!(rsa_key(&modulus(0xff, 128), &usual, 1024).is_some());
        assert!(rsa_key(&modulus(1, 257), &usual, 2048).is_some());
        for (modulus, exponent) in [
            (modulus(0xff, 1025), &usual[..]),
            (modulus(0xff, 70_000), &usual),
            (modulus(0xff, 256), &[]),
            (modulus(0xff, 256), &[1]),
            (modulus(0xff, 256), &[2]),
            (Vec::new(), &usual),
            (vec![0; 256], &usual),
        ] {
            assert_eq!(rsa_key(&modulus, exponent, 2048), None);
        }
    }
}
