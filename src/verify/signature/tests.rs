//! How signatures are listed in a header, and the bound on forms. What each sender signs is in `tests/vectors`.

use serde_json::{Value, json};

use crate::config::test_hook::hook;
use crate::digest::hmac_sha256_hex;
use crate::request::RawRequest;
use crate::timestamp::Timestamp;
use crate::verify::VerifyContext;
use crate::verify::rust_crypto::{RustCrypto, complete};

const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

/// Verifies a delivery with `header`, in which `SIG` stands for the right signature; expects `ok` or the reason.
#[track_caller]
fn check(verify: &Value, header: &str, expected: &str) {
    let hook = hook(&json!({"verify": verify}));
    let signed = if verify.get("timestamp").is_some() { "1760000000.{}" } else { "{}" };
    let signature = hmac_sha256_hex("s3cret", signed.as_bytes()).unwrap();
    let headers = [("x-sig".to_owned(), header.replace("SIG", &signature))];
    let delivery = RawRequest::new("POST", "https://a.example/", headers, b"{}".to_vec(), NOW);
    let secret = |_: &str| Some("s3cret".to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: NOW };
    let got = complete(hook.verify.check(&delivery, &context));
    let got = got.map_or_else(|error| error.to_string(), |()| "ok".to_owned());
    assert_eq!(got, expected, "{header}");
}

fn with_time(separator: &str) -> Value {
    json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "item_separator": separator, "label": "v1",
           "signed": "{timestamp}.{body}", "timestamp": "items.t"})
}

#[test]
fn blanks_around_separators_are_ignored() {
    for header in ["t=1760000000,v1=SIG", "t=1760000000, v1=SIG", "t=1760000000 , v1 = SIG ,\tv0=x,"] {
        check(&with_time(","), header, "ok");
    }
    check(&with_time(";"), "t=1760000000; v1=SIG", "ok");
    check(&with_time(", "), "t=1760000000,v1=SIG", "ok");
}

#[test]
fn another_separator_is_named_in_the_error() {
    let problem = "x-sig does not separate its items with \";\", as item_separator says";
    for header in ["t=1760000000,v1=SIG", "t=1760000000, v1=SIG", "t=1760000000 v1=SIG"] {
        check(&with_time(";"), header, problem);
    }
    let one = json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "label": "v1"});
    let problem = "x-sig has several items, and item_separator is missing";
    check(&one, "t=1760000000, v1=SIG", problem);
    let bare = json!({"scheme": "hmac", "secret": "S", "header": "x-sig"});
    check(&bare, "t=1760000000, v1=SIG", "x-sig holds no <hex>");
    check(&bare, "t=1760000000; v1=SIG", "x-sig holds no <hex>");
}

#[test]
fn a_header_that_was_sent_twice_is_rejected() {
    let twice = "x-sig was sent twice";
    for header in ["t=1760000000,v1=SIG, t=1760000000,v1=SIG", "t=1760000000, v1=SIG, t=1760000000, v1=SIG"] {
        check(&with_time(","), header, twice);
    }
    check(&with_time(";"), "t=1760000000;v1=SIG, t=1760000000;v1=SIG", twice);
    for other in ["", "junk", "v0=x"] {
        check(&with_time(","), &format!("t=1760000000,v1=SIG, {other}"), twice);
        check(&with_time(","), &format!("{other}, t=1760000000,v1=SIG"), twice);
    }
    let bare = json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "prefix": "sha256="});
    check(&bare, "sha256=SIG, sha256=SIG", twice);
    let listed =
        json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "item_separator": ",", "label": "v1"});
    let either = "x-sig was sent twice, or separates its items with \", \" where item_separator is \",\"";
    check(&listed, "v1=00, v1=SIG", either);
    check(&listed, "v1=00,v1=SIG", "ok");
}

#[test]
fn a_form_with_too_many_fields_is_rejected_before_it_is_sorted() {
    let hook = hook(&json!({"verify": {"scheme": "twilio", "secret": "S"}}));
    let secret = |_: &str| Some("s3cret".to_owned());
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: NOW };
    let reason = |count: usize| {
        let headers = [
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
            ("x-twilio-signature".to_owned(), "uP595zUlc214T/lBeD2Tr2G/mwM=".to_owned()),
        ];
        let body = (0..count).map(|number| format!("f{number}=1")).collect::<Vec<_>>().join("&");
        let delivery = RawRequest::new("POST", "https://a.example/", headers, body.into(), NOW);
        complete(hook.verify.check(&delivery, &context)).unwrap_err().to_string()
    };
    assert_eq!(reason(1_001), "the form has more than 1000 fields: send fewer");
    assert!(reason(1_000).starts_with("no signature in x-twilio-signature is that of"), "{}", reason(1_000));
}
