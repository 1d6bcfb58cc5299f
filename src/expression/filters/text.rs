//! Filters that make names, encodings and stable ids of texts.
//!
//! They know no secrets: what is hashed here is for names, and proves nothing.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::super::arguments::Arguments;
use crate::digest::sha256_hex;
use crate::value::Value;
use crate::value::error::{Error, refuse};

/// The longest slug unless the template says otherwise, bytes: DNS labels and names in `PostgreSQL` end here.
const SLUG_BYTES_DEFAULT: usize = 63;

/// How many hex digits `short_hash` gives unless the template says otherwise: among 1,000 names two are the same once
/// in 8,600 times.
const SHORT_HASH_DIGITS_DEFAULT: usize = 8;

/// What hashing costs beside the text that is hashed, in fuel.
const HASH_FUEL: u64 = 4;

/// Hex digits of a SHA-256.
const HASH_DIGITS: usize = 64;

/// All but the unreserved characters of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base64 as senders write it: with padding or without.
const INDIFFERENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ANY: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, INDIFFERENT);
const URL_SAFE_ANY: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, INDIFFERENT);

/// `value | string`
pub(super) fn string(value: &Value, _: &Arguments) -> Result<Value, Error> {
    value.written().map(|text| Value::text(&text))
}

/// `text | b64encode`
pub(super) fn b64encode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    arguments.own_text(value).map(|text| Value::text(&STANDARD.encode(text.as_bytes())))
}

/// `text | urlencode`
pub(super) fn urlencode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    Ok(Value::text(&utf8_percent_encode(&text, RESERVED).to_string()))
}

/// Lower-case ASCII letters and digits, with one `-` for each run of anything else; accents are dropped.
pub(super) fn slug(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let bytes_max = arguments.optional_count(0)?.unwrap_or(SLUG_BYTES_DEFAULT);
    let text = arguments.own_text(value)?;
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
    Ok(Value::text(slug))
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

/// Standard or URL-safe, padded or not; what comes out must be text.
pub(super) fn b64decode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    let text = text.trim();
    let bytes = STANDARD_ANY.decode(text).or_else(|_| URL_SAFE_ANY.decode(text));
    bytes
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(|decoded| Value::text(&decoded))
        .ok_or_else(|| refuse("`b64decode` takes Base64 of a text"))
}

/// `%41` only: `+` stays, as in a path.
pub(super) fn urldecode(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let text = arguments.own_text(value)?;
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded
        .map(|decoded| Value::text(&decoded))
        .map_err(|_| refuse("`urldecode` takes a percent-encoded text"))
}

/// `text | sha256`
pub(super) fn sha256(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    hash(value, arguments).map(|hash| Value::text(&hash))
}

/// `text | short_hash(digits)`
pub(super) fn short_hash(value: &Value, arguments: &Arguments) -> Result<Value, Error> {
    let digits = arguments.optional_count(0)?.unwrap_or(SHORT_HASH_DIGITS_DEFAULT);
    if !(1..=HASH_DIGITS).contains(&digits) {
        return Err(refuse(format!("`short_hash` gives 1 to {HASH_DIGITS} digits")));
    }
    let hash = hash(value, arguments)?;
    Ok(Value::text(hash.get(..digits).unwrap_or_default()))
}

fn hash(value: &Value, arguments: &Arguments) -> Result<String, Error> {
    let text = arguments.own_text(value)?;
    arguments.fuel.spend(HASH_FUEL)?;
    arguments.fuel.spend_on_text(text.len())?;
    Ok(sha256_hex(text.as_bytes()))
}
