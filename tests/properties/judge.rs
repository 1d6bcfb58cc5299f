//! Decides whether a request may be accepted; the tests compare the tested code with this decision.
//!
//! It knows no key and computes no signature. It knows what the holder of the key said, and takes a request only if that
//! is what the request says in the places that its scheme covers. So it need not know which changes of a request matter:
//! those that leave what was said as it was (the case of hex digits, the order of a form's fields, all that a scheme
//! does not cover) leave the request genuine, and no others.
//!
//! What a signature does not cover, and so may be changed by anybody who has seen a genuine request:
//!
//! | sender | is not covered |
//! |---|---|
//! | all of them | headers that the signed text does not name: the content type, the id of a delivery where the sender keeps it in a header of its own (github, bitbucket, jira, shopify, linear, twilio, zendesk, pagerduty) |
//! | all but hubspot, twilio, square, bird, messagebird | the address and its query |
//! | all but hubspot | the method |
//! | microsoft-graph, gitlab's older token, okta, telegram, bearer, basic, header, query, field | everything: the secret is shown, nothing is signed |
//! | monday | everything but the token's own claims |
//! | mailgun | everything but the timestamp and the token: the event itself |
//! | adyen | everything but eight fields of each item |
//! | aws-sns | `UnsubscribeURL`, `SigningCertURL`, and every field that SNS does not know |
//! | netlify | nothing of the body, but the token states no age |
//!
//! Some senders sign texts one after another with nothing between them (discord, sendgrid, zendesk: time and body;
//! mailgun: time and token; twitch: id, time and body; hubspot, square and twilio: address and body). A genuine
//! signature then fits every way to cut the same text, and so does this judgement.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT as BASE64, URL_SAFE_NO_PAD};
use seedhook::timestamp::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::case::Case;
use super::request::Request;
use super::seen::{Seen, value_at};

/// What is said in one request, or in one part of it, and what is shown to prove it.
#[derive(Clone)]
pub(crate) struct Statement {
    text: Vec<u8>,
    /// The signatures that stand where, and as, signatures stand; where each has a place of its own, with that.
    signatures: Vec<(usize, Vec<u8>)>,
    /// When it was made, as it is written.
    timestamp: Option<String>,
}

impl std::fmt::Debug for Statement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let signatures: Vec<String> =
            self.signatures.iter().map(|(_, bytes)| base16ct::lower::encode_string(bytes)).collect();
        write!(f, "{:?} at {:?} by {signatures:?}", self.text.escape_ascii().to_string(), self.timestamp)
    }
}

impl Statement {
    /// Whether it says and shows what a genuine one does. A secret that is shown is all that is said.
    fn is(&self, genuine: &Self) -> bool {
        let shows = self.signatures.iter().any(|signature| genuine.signatures.contains(signature));
        self.text == genuine.text && (shows || genuine.signatures.is_empty())
    }
}

/// Whether a request says only what the holder of the key said.
///
/// # Errors
/// The part that the holder of the key did not say.
pub(crate) fn judge(
    case: &Case,
    request: &Request,
    said: &[Statement],
    now: Timestamp,
) -> Result<(), String> {
    let stated = statements(case, request)?;
    if stated.is_empty() {
        return Err("it states nothing".to_owned());
    }
    // What is there twice is joined, and then is neither.
    let is_twice = |name: &String| {
        request.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).count() > 1
    };
    if case.proof_headers().iter().any(is_twice) {
        return Err("its proof is there twice".to_owned());
    }
    for statement in stated {
        if !said.iter().any(|genuine| statement.is(genuine)) {
            return Err(format!("nobody with the key said {statement:?}"));
        }
        if let Some(timestamp) = &statement.timestamp {
            check_age(case, timestamp, now)?;
        }
    }
    match case.scheme() {
        "jwt" => check_claims(case, request, now),
        "aws-sns" => check_topic(case, request),
        _ => check_body_hash(case, request),
    }
}

/// What a request states, part by part.
pub(crate) fn statements(case: &Case, request: &Request) -> Result<Vec<Statement>, String> {
    let plain =
        |text: &str, signatures| Statement { text: text.as_bytes().to_vec(), signatures, timestamp: None };
    match case.scheme() {
        "jwt" => {
            let token = jwt(case, request)?;
            let (message, signature) = token.rsplit_once('.').ok_or("no token")?;
            Ok(vec![plain(message, vec![(0, URL_SAFE_NO_PAD.decode(signature).unwrap_or_default())])])
        }
        "aws-sns" => Ok(vec![sns(request)?]),
        "hmac" | "ed25519" | "ecdsa-p256" => each_part(case, request, |seen| {
            let (text, timestamp) = signed(case, seen)?;
            Ok(Statement { text, signatures: signatures(case, seen), timestamp })
        }),
        _ => each_part(case, request, |seen| shown(case, seen).map(|secret| plain(&secret, Vec::new()))),
    }
}

fn each_part(
    case: &Case,
    request: &Request,
    judge: impl Fn(Seen<'_>) -> Result<Statement, String>,
) -> Result<Vec<Statement>, String> {
    let body = request.value(case.hook.content_type.as_deref());
    let seen = Seen { request, body: body.as_ref(), items: &[] };
    let Some(each) = case.word("each") else { return Ok(vec![judge(seen)?]) };
    let parts = body.as_ref().and_then(|body| value_at(body, each.strip_prefix("body").unwrap_or_default()));
    let parts = parts.and_then(Value::as_array).ok_or("no list of parts")?;
    parts.iter().map(|part| judge(Seen { body: Some(part), ..seen })).collect()
}

/// The secret that a caller shows.
fn shown(case: &Case, seen: Seen<'_>) -> Result<String, String> {
    let authorization = || seen.find("headers.authorization").ok_or("no authorization");
    let after = |scheme: &str, text: &str| {
        let rest = text.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme));
        rest.and_then(|_| text.get(scheme.len()..)).map(|rest| rest.trim().to_owned())
    };
    let place = |root: &str, field: &str| format!("{root}{}", case.word(field).unwrap_or_default());
    let secret = match case.scheme() {
        "bearer" => after("bearer ", &authorization()?),
        "basic" => {
            let encoded = after("basic ", &authorization()?).unwrap_or_default();
            BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        }
        "header" => seen.find(&place("headers.", "header")),
        "query" => seen.find(&place("query.", "parameter")),
        _ => seen.find(&place("", "field")),
    };
    secret.ok_or_else(|| "no secret".to_owned())
}

/// The text that a signature is for, and its timestamp.
pub(crate) fn signed(case: &Case, seen: Seen<'_>) -> Result<(Vec<u8>, Option<String>), String> {
    let places = case.signature_places();
    let first = places.iter().find_map(|place| seen.find(place)).unwrap_or_default();
    let items = items(case, &first);
    let with_items = Seen { items: &items, ..seen };
    let timestamp = match case.word("timestamp") {
        Some(place) => Some(with_items.find(place).ok_or("no timestamp")?),
        None => None,
    };
    let id = case.word("id").and_then(|place| with_items.find(place)).unwrap_or_default();
    let template = case.word("signed").unwrap_or("{body}").replace("{{", "{").replace("}}", "}");
    let body = &seen.request.body;
    let mut text = Vec::new();
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("an open brace")?;
        text.extend(before.as_bytes());
        match name.trim() {
            "body" => text.extend(body),
            "body_sha256" => text.extend(base16ct::lower::encode_string(&Sha256::digest(body)).bytes()),
            "body_sha256_bytes" => text.extend(Sha256::digest(body)),
            "timestamp" => text.extend(timestamp.as_deref().unwrap_or_default().bytes()),
            "id" => text.extend(id.bytes()),
            "method" => text.extend(seen.request.method.bytes()),
            "url" => text.extend(address(case, seen.request).bytes()),
            "url_decoded" => text.extend(some_decoded(&address(case, seen.request)).bytes()),
            "form" => text.extend(form(seen.request).bytes()),
            place => text.extend(seen.find(place).unwrap_or_default().bytes()),
        }
        rest = after;
    }
    text.extend(rest.as_bytes());
    Ok((text, timestamp))
}

/// The signatures of a request, each with its place where that counts.
fn signatures(case: &Case, seen: Seen<'_>) -> Vec<(usize, Vec<u8>)> {
    let paired = case.proof.contains_key("paired");
    let prefix = case.word("prefix").unwrap_or_default();
    let mut all = Vec::new();
    for (place, text) in case.signature_places().iter().map(|place| seen.find(place)).enumerate() {
        let text = text.unwrap_or_default();
        let listed = match (case.word("label"), case.word("item_separator")) {
            (Some(label), _) => {
                let own = items(case, &text).into_iter().filter(|(found, _)| found == label);
                own.map(|(_, value)| value).collect()
            }
            (None, Some(separator)) => text.split(separator).map(ToOwned::to_owned).collect(),
            (None, None) => vec![text],
        };
        let decoded = listed.iter().filter_map(|value| {
            let value = value.strip_prefix(prefix)?;
            if case.word("encoding") == Some("base64") {
                BASE64.decode(value).ok()
            } else {
                base16ct::mixed::decode_vec(value).ok()
            }
        });
        all.extend(
            decoded.filter(|bytes| !bytes.is_empty()).map(|bytes| (if paired { place } else { 0 }, bytes)),
        );
    }
    all
}

/// The labelled items of a signature's header.
fn items(case: &Case, text: &str) -> Vec<(String, String)> {
    let Some(label_separator) = case.label_separator() else { return Vec::new() };
    let items: Vec<&str> = match case.word("item_separator") {
        // Blanks around separators do not count; a separator may itself be one.
        Some(separator) if separator.trim().is_empty() => text.split(separator).collect(),
        Some(separator) => text.split(separator.trim()).collect(),
        None => vec![text],
    };
    let halves = items.into_iter().filter_map(|item| item.split_once(label_separator));
    halves.map(|(label, value)| (label.trim().to_owned(), value.trim().to_owned())).collect()
}

/// The address that was called. Where its port may be left out it is.
fn address(case: &Case, request: &Request) -> String {
    let called = match (&case.url, request.url.split_once('?')) {
        (None, _) => request.url.clone(),
        (Some(url), Some((_, query))) if !url.contains('?') => format!("{url}?{query}"),
        (Some(url), _) => url.clone(),
    };
    if case.proof.get("any_port") != Some(&Value::Bool(true)) {
        return called;
    }
    let start = called.find("://").map_or(0, |scheme| scheme + 3);
    let end = called[start..].find(['/', '?']).map_or(called.len(), |length| start + length);
    let host = called[start..end].split(':').next().unwrap_or_default();
    format!("{}{host}{}", &called[..start], &called[end..])
}

/// The rule of `HubSpot`: some characters are decoded, others are not.
fn some_decoded(address: &str) -> String {
    let mut decoded = String::new();
    let mut rest = address;
    while let Some((before, after)) = rest.split_once('%') {
        let code = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        decoded.push_str(before);
        if let Some(character) = code.filter(|character| ":/?@!$'()*,;".contains(*character)) {
            decoded.push(character);
            rest = &after[2..];
        } else {
            decoded.push('%');
            rest = after;
        }
    }
    decoded + rest
}

/// Twilio's rule for forms; of another body its hash stands in the address.
fn form(request: &Request) -> String {
    if !request.is_form() {
        return String::new();
    }
    let fields: BTreeSet<_> = url::form_urlencoded::parse(&request.body).collect();
    fields.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

fn check_body_hash(case: &Case, request: &Request) -> Result<(), String> {
    let Some(place) = case.word("body_hash") else { return Ok(()) };
    let covered = case.word("signed").is_some_and(|signed| signed.contains("{form}")) && request.is_form();
    let stated = Seen { request, body: None, items: &[] }.find(place);
    match stated {
        _ if covered => Ok(()),
        None if request.body.is_empty() => Ok(()),
        Some(hash)
            if hash.eq_ignore_ascii_case(&base16ct::lower::encode_string(&Sha256::digest(&request.body))) =>
        {
            Ok(())
        }
        _ => Err("the hash is not that of the body".to_owned()),
    }
}

fn jwt(case: &Case, request: &Request) -> Result<String, String> {
    let header = case.word("header").unwrap_or_default();
    let token = request.header(header).ok_or("no token")?;
    let bearer = token.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let bearer = bearer.filter(|_| header.eq_ignore_ascii_case("authorization"));
    Ok(bearer.map_or(token.clone(), |(_, token)| token.trim().to_owned()))
}

/// A token's claims: they are the sender's own, but say they that about this request, and now?
fn check_claims(case: &Case, request: &Request, now: Timestamp) -> Result<(), String> {
    let token = jwt(case, request)?;
    let claims =
        token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    let claims: Value = serde_json::from_slice(&claims).map_err(|error| error.to_string())?;
    let is_hash = |name: &str, bytes: &[u8]| {
        let stated = claims.get(name).and_then(Value::as_str).unwrap_or_default();
        stated.eq_ignore_ascii_case(&base16ct::lower::encode_string(&Sha256::digest(bytes)))
    };
    let body = &request.body;
    if let Some(name) = case.word("body_claim")
        && !(is_hash(name, body) || body.is_empty() && claims.get(name).is_none())
    {
        return Err("the token is for another body".to_owned());
    }
    if let Some(name) = case.word("url_claim")
        && !is_hash(name, address(case, request).as_bytes())
    {
        return Err("the token is for another address".to_owned());
    }
    let leeway_ms = case.tolerance_ms().unwrap_or(300_000);
    let moment_ms =
        |name: &str| claims.get(name).and_then(Value::as_i64).map(|seconds| seconds.saturating_mul(1_000));
    let now_ms = now.as_millis();
    let in_time = moment_ms("exp").is_none_or(|end| now_ms.saturating_sub(end) <= leeway_ms)
        && moment_ms("nbf").is_none_or(|begin| begin.saturating_sub(now_ms) <= leeway_ms);
    if in_time { Ok(()) } else { Err("the token is not valid now".to_owned()) }
}

/// What SNS signs of a message.
fn sns(request: &Request) -> Result<Statement, String> {
    const NOTIFICATION: &[&str] = &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"];
    const OTHERS: &[&str] =
        &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"];
    let message: Map<String, Value> =
        serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
    let is_notification = message.get("Type").and_then(Value::as_str) == Some("Notification");
    let mut text = String::new();
    for name in if is_notification { NOTIFICATION } else { OTHERS } {
        match message.get(*name) {
            None | Some(Value::Null) => {}
            Some(Value::String(value)) => text.extend([name, "\n", value, "\n"]),
            Some(other) => text.extend([name, "\n", &other.to_string(), "\n"]),
        }
    }
    let timestamp = message.get("Timestamp").and_then(Value::as_str).unwrap_or_default();
    let signature =
        message.get("Signature").and_then(Value::as_str).and_then(|text| BASE64.decode(text).ok());
    let signatures = vec![(0, signature.unwrap_or_default())];
    Ok(Statement { text: text.into_bytes(), signatures, timestamp: Some(timestamp.to_owned()) })
}

fn check_topic(case: &Case, request: &Request) -> Result<(), String> {
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let same = message.get("TopicArn").and_then(Value::as_str) == case.word("topic_arn");
    if same { Ok(()) } else { Err("a message of another topic".to_owned()) }
}

fn check_age(case: &Case, timestamp: &str, now: Timestamp) -> Result<(), String> {
    let number =
        || timestamp.parse::<i64>().ok().filter(|_| timestamp.bytes().all(|byte| byte.is_ascii_digit()));
    let sent_ms = match case.word("timestamp_unit") {
        _ if case.scheme() == "aws-sns" => Timestamp::parse(timestamp).map(Timestamp::as_millis),
        Some("rfc3339") => Timestamp::parse(timestamp).map(Timestamp::as_millis),
        Some("ms") => number(),
        _ => number().map(|seconds| seconds.saturating_mul(1_000)),
    };
    let sent_ms = sent_ms.ok_or("no moment")?;
    match case.tolerance_ms() {
        Some(tolerance_ms) if now.as_millis().saturating_sub(sent_ms).saturating_abs() > tolerance_ms => {
            Err("it is not of now".to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether a request is a handshake that proves nothing by a signature: open to all, or with the token that only it has.
pub(crate) fn is_open_handshake(case: &Case, request: &Request) -> bool {
    let body = request.value(case.hook.content_type.as_deref());
    let seen = Seen { request, body: body.as_ref(), items: &[] };
    let word = |handshake: &Map<String, Value>, name: &str| {
        handshake.get(name).and_then(Value::as_str).and_then(|place| seen.find(place))
    };
    case.handshakes().any(|handshake| {
        let is_true = |name: &str| handshake.get(name) == Some(&Value::Bool(true));
        let method = handshake.get("method").and_then(Value::as_str).unwrap_or("POST");
        let stands = |name: &str| {
            let signs = handshake.get(name).and_then(Value::as_object);
            signs.into_iter().flatten().all(|(place, wanted)| match (seen.find(place), wanted) {
                (found, Value::Bool(wanted)) => found.is_some_and(|text| !text.is_empty()) == *wanted,
                (found, Value::String(wanted)) => found.as_ref() == Some(wanted),
                (found, other) => found == Some(other.to_string()),
            })
        };
        let proved = match (handshake.contains_key("token"), is_true("open_until_set")) {
            (true, _) => word(handshake, "token").as_deref() == Some(super::case::VERIFY_TOKEN),
            (_, true) => word(handshake, "remember").is_some_and(|secret| case.secrets.contains(&secret)),
            _ => !is_true("verified"),
        };
        method == request.method && proved && stands("when") && stands("expect")
    })
}
