//! Redirects before the bytes, and what the second origin does with a description.

use fake_fabricate::Origin;
use serde_json::{Value, json};

use crate::client::{Answer, Local, bearer};

/// Follows an answer's `Location`, a whole path on the storage's origin, with the key on the API's origin alone.
fn follow(local: &Local, from: &str, answer: &Answer) -> (String, Answer) {
    let location = answer.header("location").unwrap();
    let base = &from[..from.find('?').unwrap_or(from.len())];
    let address = match location {
        whole if whole.starts_with("http") => whole.to_owned(),
        path if path.starts_with('/') => format!("{}{path}", local.server.storage_url()),
        relative => format!("{}/{relative}", &base[..base.rfind('/').unwrap()]),
    };
    let key = bearer();
    let key = (!address.starts_with(local.server.storage_url())).then_some(key.as_str());
    let answer = local.send("GET", &address, key, None).unwrap();
    (address, answer)
}

/// Follows all redirects of one file; gives the origins and statuses on the way, and the last answer.
fn travel(local: &Local, file: Value) -> (Vec<(Origin, Option<u16>)>, Answer) {
    let path = local.path_of(file);
    local.server.clear_requests();
    let mut at = (path.clone(), local.get(&path));
    while at.1.header("location").is_some() && local.server.requests().len() < 9 {
        at = follow(local, &at.0, &at.1);
    }
    (local.server.requests().iter().map(|request| (request.origin, request.status)).collect(), at.1)
}

#[test]
fn redirects_are_followed_in_turn() {
    let local = Local::start();
    let (way, answer) = travel(
        &local,
        json!({"redirect": ["relative", "relative", "storage", "relative", "storage"], "id": "a/ü", "redirect_status": 307}),
    );
    let (api, storage) = (Origin::Api, Origin::Storage);
    let moved = Some(307);
    let expected =
        [(api, moved), (api, moved), (api, moved), (storage, moved), (storage, moved), (storage, Some(200))];
    assert_eq!(way, expected);
    assert_eq!(answer.bytes().len(), 1_024);
}

#[test]
fn a_redirect_is_302_unless_the_entry_says_otherwise() {
    let local = Local::start();
    assert_eq!(travel(&local, json!({"redirect": ["relative"]})).0[0].1, Some(302));
}

#[test]
fn a_step_cannot_be_left_out_at_the_storage() {
    let local = Local::start();
    let path = local.path_of(json!({"redirect": ["storage", "relative"]}));
    let (address, _) = follow(&local, &path, &local.get(&path));
    let forged = address.replace("X-Hop=1", "X-Hop=2");
    assert_eq!(local.send("GET", &forged, None, None).unwrap().status, 403);
}

#[test]
fn a_loop_has_no_end_after_other_redirects() {
    let local = Local::start();
    let (way, _) = travel(&local, json!({"redirect": ["storage", "loop"]}));
    assert_eq!(way[1..], [(Origin::Storage, Some(302)); 8]);
}

#[test]
fn any_address_is_told_as_it_is() {
    let local = Local::start();
    for address in
        ["http://10.0.0.1/x", "ftp://a/b", "http://[::1]/", "//x", "", "javascript:alert(1)", "http://é/"]
    {
        let answer = local.get(&local.path_of(json!({"redirect": [address]})));
        assert_eq!((answer.status, answer.headers["location"].as_bytes()), (302, address.as_bytes()));
    }
}

#[test]
fn a_storage_can_want_a_key() {
    let local = Local::start();
    let (way, answer) = travel(&local, json!({"redirect": ["relative", "storage-401"]}));
    assert_eq!(way[2], (Origin::Storage, Some(401)));
    assert_eq!(answer.header("content-type"), Some("application/xml"));
    let request = local.server.requests().pop().unwrap();
    assert_eq!((request.file_id.as_deref(), request.authorization), (Some("123"), false));
}

#[test]
fn the_storage_serves_as_the_api_does() {
    let local = Local::start();
    let file = json!({
        "redirect": ["storage"], "status": 503, "times": 1, "retry_after": 3, "served_type": "a/b", "etag": "\"e\"",
        "ranges": true, "length": "chunked", "digest": "repr-digest", "cut_after": 10, "cut_times": 1,
    });
    let path = local.path_of(file);
    let fetch = || follow(&local, &path, &local.get(&path)).1;
    let refused = fetch();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("3")));
    let cut = fetch();
    assert_eq!((cut.status, cut.body.is_err()), (200, true));
    let whole = fetch();
    assert_eq!((whole.status, whole.bytes().len(), whole.header("content-length")), (200, 1_024, None));
    assert_eq!((whole.header("content-type"), whole.header("etag")), (Some("a/b"), Some("\"e\"")));
    assert!(whole.header("repr-digest").is_some() && whole.header("accept-ranges").is_some());
    let sent: Vec<_> = local.server.requests().iter().rev().map(|request| request.sent_bytes).collect();
    assert_eq!((sent[0], sent[1], sent[2], sent[3]), (1_024, 0, 10, 0), "redirects have no body");
}
