//! Links signed, altered, expired, and signed with something else.

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const RUN: &str = "0197f1a2-0000-7000-8000-000000000000";
const FILE: &str = "12/3 é";
/// Made outside, with Python's `hmac`, for [`FILE`] of [`RUN`] and an hour from [`now`].
const SIGNATURE: &str = "ff724871d5474a64859f1947a844840b2d5595de7c2118b259ba8a89a4a27246";
const EXPIRES: i64 = 1_795_604_400;

fn now() -> Timestamp {
    Timestamp::parse("2026-11-25T09:59:59.300Z").unwrap()
}

fn secret() -> LinkSecret {
    LinkSecret::new(Some(SECRET)).unwrap()
}

fn run() -> RunId {
    RUN.parse().unwrap()
}

#[test]
fn a_link_is_what_anybody_with_the_secret_would_sign() {
    let link = secret().link(run(), &FileId::from(FILE), now(), ExpiresIn::default());
    let expected = format!("/files/{RUN}/12%2F3%20%C3%A9?expires={EXPIRES}&signature={SIGNATURE}");
    assert_eq!(link.reference, expected);
    assert_eq!(link.expires_at.to_string(), "2026-11-25T11:00:00.000Z");
}

#[test]
fn a_link_works_until_it_expires() {
    let query = format!("expires={EXPIRES}&signature={SIGNATURE}");
    let verify = |at| secret().verify(run(), &FileId::from(FILE), &query, at);
    let expires_at = Timestamp::from_millis(EXPIRES * SECOND_MS);
    assert_eq!(verify(now()), Ok(()));
    assert_eq!(verify(expires_at.plus_ms(-1)), Ok(()));
    assert_eq!(verify(expires_at), Err(LinkError::Expired));
    assert_eq!(verify(expires_at.plus_ms(1_000_000_000_000)), Err(LinkError::Expired));
    // What was signed is what counts, whatever is added.
    let query = format!("utm_source=mail&{query}&x");
    assert_eq!(secret().verify(run(), &FileId::from(FILE), &query, now()), Ok(()));
}

#[test]
fn an_altered_link_is_not_valid_and_says_nothing_more() {
    let later = EXPIRES + 1;
    let mut other = SIGNATURE.to_owned();
    other.replace_range(63.., "7");
    for query in [
        String::new(),
        format!("expires={EXPIRES}"),
        format!("signature={SIGNATURE}"),
        format!("expires={EXPIRES}&signature="),
        format!("expires={later}&signature={SIGNATURE}"),
        format!("expires=1&signature={SIGNATURE}"),
        format!("expires=0{EXPIRES}&signature={SIGNATURE}"),
        format!("expires=%2B{EXPIRES}&signature={SIGNATURE}"),
        format!("expires={EXPIRES}.0&signature={SIGNATURE}"),
        format!("expires=99999999999999999999&signature={SIGNATURE}"),
        format!("expires=&signature={SIGNATURE}"),
        format!("expires={EXPIRES}&signature={other}"),
        format!("expires={EXPIRES}&signature={}", SIGNATURE.to_uppercase()),
        format!("expires={EXPIRES}&signature={SIGNATURE}0"),
        format!("expires={EXPIRES}&signature={}", &SIGNATURE[..63]),
        // Which of the two was meant?
        format!("expires={EXPIRES}&expires={EXPIRES}&signature={SIGNATURE}"),
        format!("expires={EXPIRES}&signature={SIGNATURE}&signature={SIGNATURE}"),
        format!("Expires={EXPIRES}&signature={SIGNATURE}"),
    ] {
        for at in [now(), now().plus_ms(1_000_000_000_000)] {
            let verified = secret().verify(run(), &FileId::from(FILE), &query, at);
            assert_eq!(verified, Err(LinkError::Invalid), "{query}");
        }
    }
}

#[test]
fn a_link_is_for_one_file_under_one_secret() {
    let link = secret().link(run(), &FileId::from("1"), now(), ExpiresIn::default());
    let (_, query) = link.reference.split_once('?').unwrap();
    let verify = |secret: &LinkSecret, run_id: RunId, file_id: &str| {
        secret.verify(run_id, &FileId::from(file_id), query, now())
    };
    assert_eq!(verify(&secret(), run(), "1"), Ok(()));
    for file_id in ["", "2", "11", "1\n", "\n1", "1 "] {
        assert_eq!(verify(&secret(), run(), file_id), Err(LinkError::Invalid), "{file_id:?}");
    }
    let other_run = RunId::new(now(), [1; 16]);
    assert_eq!(verify(&secret(), other_run, "1"), Err(LinkError::Invalid));
    let rotated = LinkSecret::new(Some("0123456789abcdef0123456789abcdeg")).unwrap();
    assert_eq!(verify(&rotated, run(), "1"), Err(LinkError::Invalid));
}

/// No file's name can stand for an expiry: the fields that come before it cannot hold a line's end.
#[test]
fn a_file_id_cannot_be_read_as_another_field() {
    let expires_in = ExpiresIn::default();
    let links: Vec<String> = ["1", "1795604400\n1", "\n1", "1\n1"]
        .iter()
        .map(|file_id| secret().sign(&Subject::File(run(), &FileId::from(*file_id)), EXPIRES).unwrap())
        .collect();
    for (at, signature) in links.iter().enumerate() {
        assert!(!links[..at].contains(signature));
    }
    let link = secret().link(run(), &FileId::from("../../api/runs?x=1#y"), now(), expires_in);
    assert!(link.reference.starts_with(&format!("/files/{RUN}/..%2F..%2Fapi%2Fruns%3Fx%3D1%23y?expires=")));
}

#[test]
fn a_secret_has_to_be_long() {
    for (text, expected) in [
        (None, Err(InvalidSecret::Missing)),
        (Some(""), Err(InvalidSecret::Missing)),
        (Some(" \n"), Err(InvalidSecret::Missing)),
        (Some(&SECRET[..31]), Err(InvalidSecret::TooShort)),
        (Some("  0123456789abcdef0123456789abcde \n"), Err(InvalidSecret::TooShort)),
        (Some(SECRET), Ok(secret())),
        (Some("0123456789abcdef0123456789abcdef\n"), Ok(secret())),
    ] {
        assert_eq!(LinkSecret::new(text), expected, "{text:?}");
    }
    assert!(!format!("{:?}", secret()).contains("0123"));
}

#[test]
fn a_link_works_for_a_whole_number_of_seconds_within_bounds() {
    for (value, expected) in [
        ("1", Some(1)),
        ("604800", Some(604_800)),
        ("604801", None),
        ("0", None),
        ("-1", None),
        ("1.5", None),
        ("4294967297", None),
        ("\"3600\"", None),
        ("[3600]", None),
        ("true", None),
    ] {
        let read = serde_json::from_str::<ExpiresIn>(value);
        assert_eq!(read.as_ref().ok(), expected.map(ExpiresIn).as_ref(), "{value}");
        let Err(error) = read else { continue };
        let words = format!("a whole number of seconds from 1 to 604800 (7 days), got {value}");
        assert!(error.to_string().contains(&words), "{value}: {error}");
    }
}
