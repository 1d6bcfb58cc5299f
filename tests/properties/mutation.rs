//! What somebody who has no key can do to requests: change a byte, move what was signed, write the same otherwise,
//! put parts of one into another.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD as BASE64, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::choices::Choices;
use super::request::Request;
use super::values::{change, changed_text, value};

/// Changes a request once; `other` is another to the same hook, which finds proofs in the headers `proofs`.
pub(crate) fn mutate(request: &mut Request, other: &Request, proofs: &[String], choices: &mut Choices<'_>) {
    match choices.below(16) {
        0..3 => body_bytes(&mut request.body, &other.body, choices),
        3..5 => body_value(&mut request.body, choices),
        5..9 => header_value(request, other, choices),
        9..12 => headers(request, other, proofs, choices),
        12..14 => address(request, other, choices),
        14 => moved(request, choices),
        _ => spliced(request, other, choices),
    }
}

fn body_bytes(body: &mut Vec<u8>, other: &[u8], choices: &mut Choices<'_>) {
    let place = choices.place(body.len());
    match choices.below(8) {
        0 if place < body.len() => body[place] ^= 1 << choices.below(8),
        1 if place < body.len() => drop(body.remove(place)),
        2 => body.truncate(place),
        3 => {
            let end = (place + choices.below(32)).min(body.len());
            let repeated = body[place..end].to_vec();
            body.splice(place..place, repeated);
        }
        4 => body.extend(choices.pick(&["\n", " ", "\0", "\r\n", "&a=b", "\u{feff}"]).bytes()),
        5 => other.clone_into(body),
        6 => {
            body.truncate(place);
            body.extend(&other[choices.place(other.len())..]);
        }
        _ => body.insert(place, choices.byte()),
    }
}

/// Changes what a JSON body says, or only how it says it.
fn body_value(body: &mut Vec<u8>, choices: &mut Choices<'_>) {
    let Ok(mut parsed) = serde_json::from_slice::<Value>(body) else { return };
    match choices.below(5) {
        0 => *body = serde_json::to_vec_pretty(&parsed).expect("JSON"),
        1 => twice(body, &parsed, choices),
        2 => {
            more_items(&mut parsed, choices);
            *body = parsed.to_string().into_bytes();
        }
        _ => {
            for _ in 0..=choices.below(2) {
                change(&mut parsed, choices, &mut |choices| value(choices, 1));
            }
            *body = parsed.to_string().into_bytes();
        }
    }
}

/// Adds an item to each list, like the first and changed, or another.
fn more_items(parsed: &mut Value, choices: &mut Choices<'_>) {
    for items in parsed
        .as_object_mut()
        .into_iter()
        .flat_map(|object| object.values_mut())
        .filter_map(Value::as_array_mut)
    {
        let mut item =
            items.first().cloned().filter(|_| choices.one_in(2)).unwrap_or_else(|| value(choices, 1));
        change(&mut item, choices, &mut |choices| value(choices, 1));
        items.push(item);
    }
}

/// Gives a name of the outermost object twice, first or last with another value.
fn twice(body: &mut Vec<u8>, parsed: &Value, choices: &mut Choices<'_>) {
    let Some(object) = parsed.as_object().filter(|object| !object.is_empty()) else { return };
    let name = object.keys().nth(choices.below(object.len())).cloned().unwrap_or_default();
    let (name, fresh) = (json!(name), value(choices, 1));
    let text = parsed.to_string();
    let inner = &text[1..text.len() - 1];
    let text = if choices.one_in(2) {
        format!("{{{name}:{fresh},{inner}}}")
    } else {
        format!("{{{inner},{name}:{fresh}}}")
    };
    *body = text.into_bytes();
}

fn header_value(request: &mut Request, other: &Request, choices: &mut Choices<'_>) {
    if request.headers.is_empty() {
        return;
    }
    let place = choices.below(request.headers.len());
    let (name, value) = &request.headers[place];
    let changed = match choices.below(8) {
        0 => changed_text(value, choices),
        1 => other.header(name).unwrap_or_default(),
        2 => retimed(value, choices),
        3 => relisted(value, choices),
        4 => token(value, choices),
        _ => rewritten(value, choices),
    };
    request.headers[place].1 = changed;
}

/// The same bytes, or almost, in another writing.
fn rewritten(value: &str, choices: &mut Choices<'_>) -> String {
    // What follows the last sign that stands between a label or a scheme and its value.
    let is_between = |character: char| matches!(character, '=' | ',' | ':' | ' ' | ';');
    let trimmed = value.trim_end_matches('=');
    let start = trimmed.rfind(is_between).map_or(0, |place| place + 1);
    let (before, last) = value.split_at(start);
    let bytes = base16ct::mixed::decode_vec(last)
        .or_else(|_| BASE64.decode(last))
        .unwrap_or_else(|_| last.as_bytes().to_vec());
    let last = match choices.below(14) {
        0 => last.to_ascii_uppercase(),
        1 => last.to_ascii_lowercase(),
        2 => base16ct::lower::encode_string(&bytes),
        3 => BASE64.encode(&bytes),
        4 => STANDARD_NO_PAD.encode(&bytes),
        5 => URL_SAFE.encode(&bytes),
        6 => URL_SAFE_NO_PAD.encode(&bytes),
        7 => last.trim_end_matches('=').to_owned(),
        8 => format!("{last}="),
        9 => String::new(),
        10 => format!(" {last} "),
        11 => base16ct::lower::encode_string(&bytes[..bytes.len() / 2]),
        12 => base16ct::lower::encode_string(&vec![0; bytes.len()]),
        _ => format!("{last}00"),
    };
    let before = match choices.below(6) {
        0 => "",
        1 => {
            choices.pick(&["sha256=", "sha1=", "v0=", "v1=", "v1,", "v1a,", "Bearer ", "bearer  ", "Basic "])
        }
        _ => before,
    };
    format!("{before}{last}")
}

/// A list with an item more, less, or elsewhere, or with other labels and separators.
fn relisted(value: &str, choices: &mut Choices<'_>) -> String {
    let separator = choices.pick(&[",", ";", " ", ", "]);
    let mut items: Vec<String> = value.split(separator).map(ToOwned::to_owned).collect();
    let place = choices.below(items.len());
    match choices.below(7) {
        0 => drop(items.remove(place)),
        1 => items.push(items[place].clone()),
        2 => items.reverse(),
        3 => items
            .insert(place, choices.pick(&["v1=00", "t=1", "v1,", "=", "", "v1=", "t=1614265330"]).to_owned()),
        4 => return items.join(choices.pick(&[",", ";", " ", ", ", "\t"])),
        5 => items[place] = items[place].replacen(['=', ','], choices.pick(&["=", ",", ":", "=="]), 1),
        _ => {
            let (_, after) = items[place].split_once(['=', ',']).unwrap_or(("", ""));
            items[place] =
                format!("{}={after}", choices.pick(&["t", "v0", "v1", "v2", "V1", "h1", "ts", ""]));
        }
    }
    items.join(separator)
}

/// A moment somewhat later or earlier, in whatever writing it is.
fn retimed(value: &str, choices: &mut Choices<'_>) -> String {
    let start = value.find(|character: char| character.is_ascii_digit()).unwrap_or(0);
    let digits = value[start..].find(|character: char| !character.is_ascii_digit());
    let end = digits.map_or(value.len(), |length| start + length);
    let number: i64 = value[start..end].parse().unwrap_or(0);
    let number = match choices.below(6) {
        0 => number.saturating_add(1),
        1 => number.saturating_sub(1),
        2 => number.saturating_add(i64::from(choices.byte()) * 60),
        3 => number.saturating_mul(1_000),
        4 => number / 1_000,
        _ => i64::MAX,
    };
    format!("{}{number}{}", &value[..start], &value[end..])
}

/// A token whose parts are changed, and of which nobody with the key knows.
fn token(value: &str, choices: &mut Choices<'_>) -> String {
    let mut parts: Vec<String> = value.split('.').map(ToOwned::to_owned).collect();
    if parts.len() != 3 {
        return changed_text(value, choices);
    }
    let read =
        |part: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok() };
    let write = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    match choices.below(6) {
        0 => {
            let algorithm =
                choices.pick(&["none", "None", "HS256", "HS384", "HS512", "RS256", "ES256", "hs256", ""]);
            parts[0] = write(&json!({"alg": algorithm, "typ": "JWT"}));
        }
        1 => parts[0] = write(&json!({"alg": "HS256", "crit": ["exp"], "exp": 1})),
        2 => {
            let mut claims = read(&parts[1]).unwrap_or_default();
            change(&mut claims, choices, &mut |choices| value_of_claim(choices));
            parts[1] = write(&claims);
        }
        3 => parts[2] = String::new(),
        4 => parts.swap(0, 1),
        _ => drop(parts.pop()),
    }
    parts.join(".")
}

fn value_of_claim(choices: &mut Choices<'_>) -> Value {
    match choices.below(4) {
        0 => json!(1_900_000_000_i64),
        1 => json!("acme"),
        2 => json!(-1),
        _ => value(choices, 1),
    }
}

fn headers(request: &mut Request, other: &Request, proofs: &[String], choices: &mut Choices<'_>) {
    let count = request.headers.len();
    if count == 0 {
        other.headers.clone_into(&mut request.headers);
        return;
    }
    let (place, second) = (choices.below(count), choices.below(count));
    match choices.below(10) {
        8 if !proofs.is_empty() => {
            let proof = request.headers.iter().position(|(name, _)| proofs.contains(name));
            proofs[choices.below(proofs.len())].clone_into(&mut request.headers[proof.unwrap_or(place)].0);
        }
        0 => drop(request.headers.remove(place)),
        1 => request.headers.push(request.headers[place].clone()),
        2 => {
            let name = request.headers[place].0.clone();
            let value = other.header(&name).unwrap_or_else(|| choices.text(8));
            request.headers.insert(second, (name, value));
        }
        3 => {
            let value = request.headers[place].1.clone();
            request.headers[place].1 = std::mem::replace(&mut request.headers[second].1, value);
        }
        4 => request.headers[place].0 = request.headers[second].0.clone(),
        5 => request.headers[place].0 = request.headers[place].0.to_ascii_uppercase(),
        6 => {
            let types = [
                "application/json",
                "application/x-www-form-urlencoded",
                "text/plain",
                "multipart/form-data; boundary=b",
                "application/cloudevents+json",
                "application/json; charset=utf-16",
                "",
                "application/xml",
            ];
            request.set_header("content-type", types[choices.below(types.len())]);
        }
        7 => request.set_header(
            choices.pick(&[
                "x-amz-sns-message-type",
                "x-goog-resource-state",
                "ce-specversion",
                "twitch-eventsub-message-type",
            ]),
            choices.pick(&["revocation", "Notification", "sync", "1.0"]),
        ),
        _ => {
            let name = changed_text(&request.headers[place].0, choices);
            request.headers[place].0 = name;
        }
    }
}

fn address(request: &mut Request, other: &Request, choices: &mut Choices<'_>) {
    let url = &request.url;
    request.url = match choices.below(8) {
        0 => changed_text(url, choices),
        1 => other.url.clone(),
        2 => {
            let separator = if url.contains('?') { '&' } else { '?' };
            let parameter = choices.pick(&[
                "challenge=x",
                "validationToken=x",
                "bodySHA256=00",
                "hash=00",
                "q=1",
                "key=1",
                "hub.mode=subscribe&hub.verify_token=x&hub.challenge=5",
            ]);
            format!("{url}{separator}{parameter}")
        }
        3 => url.replacen(
            "seedhook.example",
            choices.pick(&["seedhook.example:443", "evil.example", "seedhook.example:80"]),
            1,
        ),
        4 => url.replace("%2C", ",").replace("%3b", ";"),
        5 => format!("{url}#x"),
        6 => url.split('?').next().unwrap_or_default().to_owned(),
        _ => url.clone(),
    };
    if choices.one_in(4) {
        request.method = choices.pick(&["GET", "POST", "PUT", "post", ""]).to_owned();
    }
}

/// Moves the border between two texts that are signed one after the other.
fn moved(request: &mut Request, choices: &mut Choices<'_>) {
    if request.headers.is_empty() {
        return;
    }
    let place = choices.below(request.headers.len());
    let value = &mut request.headers[place].1;
    match choices.below(4) {
        0 if !request.body.is_empty() && request.body[0].is_ascii() => {
            value.push(char::from(request.body.remove(0)));
        }
        1 if value.chars().last().is_some_and(|last| last.is_ascii()) => {
            request.body.splice(0..0, value.pop().map(|last| last as u8));
        }
        2 if request.body.last().is_some_and(u8::is_ascii) => {
            value.insert(0, request.body.pop().map_or('0', char::from));
        }
        _ => {
            let end = request.body.len().min(choices.below(4));
            if let Ok(start) = std::str::from_utf8(&request.body[..end]) {
                request.url.push_str(start);
                request.body.drain(..end);
            }
        }
    }
}

/// One request with parts of another.
fn spliced(request: &mut Request, other: &Request, choices: &mut Choices<'_>) {
    match choices.below(4) {
        0 => request.body.clone_from(&other.body),
        1 => request.headers.clone_from(&other.headers),
        2 => request.headers.extend(other.headers.clone()),
        _ => {
            for (name, value) in &other.headers {
                if choices.one_in(2) {
                    request.set_header(name, value);
                }
            }
        }
    }
}
