//! Filters on text: names made safe, cut to length, encoded, and hashed into stable ids.
//!
//! They know no secrets: what is hashed here is for names, and proves nothing.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use minijinja::value::Value;
use minijinja::{Environment, Error, State};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::arguments::{charge, refuse, text, written};
use super::signatures::add_filter;
use crate::digest::sha256_hex;

/// The longest slug unless the template says otherwise, bytes: DNS labels and names in `PostgreSQL` end here.
const SLUG_BYTES_DEFAULT: usize = 63;

/// How many hex digits `short_hash` gives unless the template says otherwise: among 1,000 names two are the same once
/// in 8,600 times.
const SHORT_HASH_DIGITS_DEFAULT: usize = 8;

/// Hex digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base64 as senders write it: with padding or without.
const INDIFFERENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ANY: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, INDIFFERENT);
const URL_SAFE_ANY: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, INDIFFERENT);

pub(super) fn add_to(environment: &mut Environment<'static>) {
    add_filter(environment, "string", |value: &Value| written(value).map(Cow::into_owned));
    add_filter(environment, "slug", slug);
    add_filter(environment, "truncate", truncate);
    add_filter(environment, "removeprefix", |state: &State, value: &Value, prefix: &str| {
        let text = text(state, "removeprefix", value)?;
        Ok::<_, Error>(text.strip_prefix(prefix).unwrap_or(&text).to_owned())
    });
    add_filter(environment, "removesuffix", |state: &State, value: &Value, suffix: &str| {
        let text = text(state, "removesuffix", value)?;
        Ok::<_, Error>(text.strip_suffix(suffix).unwrap_or(&text).to_owned())
    });
    add_filter(environment, "b64encode", |state: &State, value: &Value| {
        text(state, "b64encode", value).map(|text| STANDARD.encode(text.as_bytes()))
    });
    add_filter(environment, "b64decode", b64decode);
    add_filter(environment, "urlencode", |state: &State, value: &Value| {
        text(state, "urlencode", value).map(|text| utf8_percent_encode(&text, RESERVED).to_string())
    });
    add_filter(environment, "urldecode", urldecode);
    add_filter(environment, "sha256", |state: &State, value: &Value| sha256(state, "sha256", value));
    add_filter(environment, "short_hash", short_hash);
}

/// Lower-case ASCII letters and digits, with one `-` for each run of anything else; accents are dropped.
fn slug(state: &State, value: &Value, bytes_max: Option<usize>) -> Result<String, Error> {
    let text = text(state, "slug", value)?;
    let bytes_max = bytes_max.unwrap_or(SLUG_BYTES_DEFAULT);
    let mut slug = String::new();
    for character in text.chars().flat_map(char::to_lowercase) {
        match plain(character) {
            "" => {
                if !slug.is_empty() && !slug.ends_with('-') {
                    slug.push('-');
                }
            }
            letters => slug.push_str(letters),
        }
        if slug.len() > bytes_max {
            break;
        }
    }
    slug.truncate(bytes_max);
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() {
        return Err(refuse(
            "`slug` takes a text with a Latin letter or a digit in it; `short_hash` takes any",
        ));
    }
    Ok(slug.to_owned())
}

/// A lower-case letter or digit in ASCII; empty for anything that is neither.
fn plain(character: char) -> &'static str {
    const ASCII: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
    match character {
        'à' | 'á' | 'â' | 'ã' | 'ä' | 'å' | 'ā' | 'ă' | 'ą' => "a",
        'æ' => "ae",
        'ç' | 'ć' | 'ĉ' | 'ċ' | 'č' => "c",
        'ď' | 'đ' | 'ð' => "d",
        'è' | 'é' | 'ê' | 'ë' | 'ē' | 'ĕ' | 'ė' | 'ę' | 'ě' => "e",
        'ĝ' | 'ğ' | 'ġ' | 'ģ' => "g",
        'ĥ' | 'ħ' => "h",
        'ì' | 'í' | 'î' | 'ï' | 'ĩ' | 'ī' | 'ĭ' | 'į' | 'ı' => "i",
        'ĵ' => "j",
        'ķ' => "k",
        'ĺ' | 'ļ' | 'ľ' | 'ł' => "l",
        'ñ' | 'ń' | 'ņ' | 'ň' => "n",
        'ò' | 'ó' | 'ô' | 'õ' | 'ö' | 'ø' | 'ō' | 'ŏ' | 'ő' => "o",
        'œ' => "oe",
        'ŕ' | 'ř' => "r",
        'ś' | 'ŝ' | 'ş' | 'š' | 'ș' => "s",
        'ß' => "ss",
        'ţ' | 'ť' | 'ț' | 'ŧ' => "t",
        'þ' => "th",
        'ù' | 'ú' | 'û' | 'ü' | 'ũ' | 'ū' | 'ŭ' | 'ů' | 'ű' | 'ų' => "u",
        'ŵ' => "w",
        'ý' | 'ÿ' => "y",
        'ź' | 'ż' | 'ž' => "z",
        _ => ASCII.find(character).and_then(|at| ASCII.get(at..=at)).unwrap_or_default(),
    }
}

/// At most so many characters; what is cut ends in `…`, or as the template says.
fn truncate(state: &State, value: &Value, length: usize, end: Option<&str>) -> Result<String, Error> {
    let text = text(state, "truncate", value)?;
    if text.chars().nth(length).is_none() {
        return Ok(text.into_owned());
    }
    let end = end.unwrap_or("…");
    let kept = length.saturating_sub(end.chars().count());
    let cut: String = text.chars().take(kept).collect();
    Ok(format!("{}{end}", cut.trim_end()))
}

/// Standard or URL-safe, padded or not; what comes out must be text.
fn b64decode(state: &State, value: &Value) -> Result<String, Error> {
    let text = text(state, "b64decode", value)?;
    let text = text.trim();
    let bytes = STANDARD_ANY.decode(text).or_else(|_| URL_SAFE_ANY.decode(text));
    bytes
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| refuse("`b64decode` takes Base64 of a text"))
}

/// `%41` only: `+` stays, as in a path.
fn urldecode(state: &State, value: &Value) -> Result<String, Error> {
    let text = text(state, "urldecode", value)?;
    let decoded = percent_decode_str(&text).decode_utf8().map(Cow::into_owned);
    decoded.map_err(|_| refuse("`urldecode` takes a percent-encoded text"))
}

fn sha256(state: &State, name: &str, value: &Value) -> Result<String, Error> {
    let text = text(state, name, value)?;
    charge(state, text.len())?;
    Ok(sha256_hex(text.as_bytes()))
}

fn short_hash(state: &State, value: &Value, digits: Option<usize>) -> Result<String, Error> {
    let digits = digits.unwrap_or(SHORT_HASH_DIGITS_DEFAULT);
    if !(1..=HASH_DIGITS).contains(&digits) {
        return Err(refuse(format!("`short_hash` gives 1 to {HASH_DIGITS} digits")));
    }
    let mut hash = sha256(state, "short_hash", value)?;
    hash.truncate(digits);
    Ok(hash)
}
