//! Archived files, back out: as from any good file server, for the operator and for whoever has a signed link.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::stage::{Answer, FABRICATE_KEY, LINK_SECRET, OPERATOR_TOKEN, Stage, now_ms, open_hook};

const AUTHORIZATION: (&str, &str) = ("authorization", "Bearer an-operator-token-of-at-least-32-characters");

/// The headers that a file has, and a part of one, and `HEAD` of either.
const HEADERS: [&str; 9] = [
    "accept-ranges",
    "cache-control",
    "content-disposition",
    "content-length",
    "content-security-policy",
    "content-type",
    "etag",
    "last-modified",
    "x-content-type-options",
];

/// Sends a request for a file with these headers.
type Send<'a> = &'a dyn Fn(&str, &[(&str, &str)]) -> Answer;

/// A run of this workflow, ended.
#[track_caller]
fn archived(stage: &mut Stage, workflow: &str) -> Value {
    let run_id = stage.post(workflow, &json!({"id": now_ms()}), &[]).run_id();
    stage.wait_until_started(&run_id);
    let run = stage.sweep_until_final(&run_id);
    assert_eq!(run["status"], "completed", "{run}");
    run
}

fn url_of(run: &Value, file: usize) -> String {
    run["files"][file]["url"].as_str().unwrap().to_owned()
}

fn headers_of(answer: &Answer) -> Vec<Option<&str>> {
    HEADERS.iter().map(|name| answer.header(name)).collect()
}

#[track_caller]
fn assert_problem(answer: &Answer, status: u16, kind: &str) {
    assert_eq!(answer.status, status, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.json()["type"], json!(format!("urn:seedhook:problem:{kind}")));
}

#[test]
fn a_file_comes_back_as_from_a_good_file_server() {
    let mut stage = Stage::for_workflows(&["redirects", "zero-bytes"]);
    let run = archived(&mut stage, "redirects");
    let url = url_of(&run, 0);
    let send = |method: &str, headers: &[(&str, &str)]| {
        stage.send(method, &url, &[headers, &[AUTHORIZATION]].concat(), b"")
    };
    let whole = send("GET", &[]);
    let size = whole.body.len();
    assert_eq!((whole.status, size), (200, 300_000));
    stage.assert_same_bytes(&run, &run["files"][0]);
    assert_eq!(whole.header("content-length"), Some("300000"));
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    assert_eq!(whole.header("content-disposition"), Some("attachment; filename=\"report.bin\""));
    assert_eq!(whole.header("content-security-policy"), Some("sandbox"));
    assert_eq!(whole.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(whole.header("cache-control"), Some("private, no-cache, no-transform"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    let modified = whole.header("last-modified").unwrap();
    assert!(modified.ends_with(" GMT"), "{modified}");

    let head = send("HEAD", &[]);
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(headers_of(&head), headers_of(&whole));
    assert_eq!(headers_of(&send("HEAD", &[("range", "bytes=0-0")])), headers_of(&whole), "no ranges of HEAD");
    ranges(&send, &whole.body);
    conditions(&send, whole.header("etag").unwrap(), modified);

    assert_eq!(send("POST", &[]).header("allow"), Some("GET, HEAD"));
    assert_problem(&stage.send("GET", &url, &[], b""), 401, "no-token");
    assert_problem(&stage.operator(&format!("{url}0")), 404, "no-such-file");
    an_empty_file(&mut stage);
}

fn ranges(send: Send<'_>, whole: &[u8]) {
    let size = whole.len();
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=-5", size - 5, size - 1),
        ("bytes=100-", 100, size - 1),
        ("bytes=65536-199999", 65_536, 199_999),
        ("bytes=0-", 0, size - 1),
        ("bytes=299999-99999999999999999999", size - 1, size - 1),
        ("bytes=-99999999", 0, size - 1),
    ] {
        let part = send("GET", &[("range", range)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, whole[first..=last], "{range}");
        assert_eq!(part.header("content-range"), Some(format!("bytes {first}-{last}/{size}").as_str()));
        assert_eq!(part.header("content-length"), Some((last - first + 1).to_string().as_str()));
    }
    for range in ["bytes=0-1,3-4", "lines=1-2", "bytes=5-1", "bytes=x"] {
        let answer = send("GET", &[("range", range)]);
        assert_eq!((answer.status, answer.body.len()), (200, size), "{range}");
        assert_eq!(answer.header("content-range"), None);
    }
    for range in ["bytes=300000-", "bytes=-0"] {
        let beyond = send("GET", &[("range", range)]);
        assert_problem(&beyond, 416, "range-not-satisfiable");
        assert_eq!(beyond.header("content-range"), Some("bytes */300000"));
    }
}

fn conditions(send: Send<'_>, etag: &str, modified: &str) {
    let (old, weak) = ("Sun, 06 Nov 1994 08:49:37 GMT", format!("W/{etag}"));
    let range = ("range", "bytes=0-0");
    for (headers, status) in [
        (vec![("if-none-match", etag)], 304),
        (vec![("if-none-match", weak.as_str())], 304),
        (vec![("if-none-match", "\"other\", *")], 200),
        (vec![("if-none-match", "*"), range], 304),
        (vec![("if-none-match", "\"other\"")], 200),
        (vec![("if-modified-since", modified)], 304),
        (vec![("if-modified-since", old)], 200),
        (vec![("if-none-match", "\"other\""), ("if-modified-since", modified)], 200),
        (vec![("if-match", etag)], 200),
        (vec![("if-match", "\"other\"")], 412),
        (vec![("if-match", weak.as_str())], 412),
        (vec![("if-match", etag), ("if-unmodified-since", old)], 200),
        (vec![("if-unmodified-since", modified), range], 206),
        (vec![("if-unmodified-since", old), range], 412),
        (vec![("if-match", "\"other\""), ("if-none-match", etag)], 412),
        (vec![("if-range", etag), range], 206),
        (vec![("if-range", modified), range], 206),
        (vec![("if-range", weak.as_str()), range], 200),
        (vec![("if-range", old), range], 200),
    ] {
        let answer = send("GET", &headers);
        assert_eq!(answer.status, status, "{headers:?}");
        let of_head = send("HEAD", &headers);
        assert_eq!(of_head.status, if status == 206 { 200 } else { status }, "HEAD {headers:?}");
        assert!(of_head.body.is_empty());
        if status == 304 {
            assert!(answer.body.is_empty());
            assert_eq!((answer.header("etag"), answer.header("last-modified")), (Some(etag), Some(modified)));
            assert_eq!(answer.header("cache-control"), Some("private, no-cache, no-transform"));
        }
        if status == 412 {
            assert_problem(&answer, 412, "precondition-failed");
        }
    }
}

fn an_empty_file(stage: &mut Stage) {
    let run = archived(stage, "zero-bytes");
    let get = |method: &str, headers: &[(&str, &str)]| {
        stage.send(method, &url_of(&run, 0), &[headers, &[AUTHORIZATION]].concat(), b"")
    };
    let whole = get("GET", &[]);
    assert_eq!((whole.status, whole.body.len(), whole.header("content-length")), (200, 0, Some("0")));
    assert_eq!(headers_of(&get("HEAD", &[])), headers_of(&whole));
    assert_eq!(get("GET", &[("range", "bytes=-1")]).status, 200);
    let beyond = get("GET", &[("range", "bytes=0-")]);
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */0")));
}

#[test]
fn a_file_counts_only_while_its_object_is_there() {
    let mut stage = Stage::for_workflows(&["redirects"]);
    let run = archived(&mut stage, "redirects");
    let url = url_of(&run, 0);
    let link = make_link(&stage, &url, "");
    assert_eq!(stage.send("GET", &link, &[], b"").status, 200);
    stage.kill_worker();
    stage.lose_r2();
    stage.start_worker();
    assert_problem(&stage.operator(&url), 404, "no-such-file");
    assert_eq!(stage.send("HEAD", &url, &[AUTHORIZATION], b"").status, 404);
    assert_problem(&stage.send("GET", &link, &[], b""), 404, "no-such-file");
    assert_problem(&post_link(&stage, &url, ""), 404, "no-such-file");
}

fn post_link(stage: &Stage, file_url: &str, body: &str) -> Answer {
    stage.send("POST", &format!("{file_url}/link"), &[AUTHORIZATION], body.as_bytes())
}

/// A link, without the Worker's address.
#[track_caller]
fn make_link(stage: &Stage, file_url: &str, body: &str) -> String {
    let answer = post_link(stage, file_url, body);
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    let url = answer.json()["url"].as_str().unwrap().to_owned();
    url.strip_prefix(&format!("http://{}", stage.base_address())).unwrap().to_owned()
}

/// A link as somebody with the secret would sign it.
fn sign(secret: &str, run_id: &str, file_id: &str, expires: u64) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    let message = format!("seedhook-link-v1\nGET\n{run_id}\n{expires}\n{file_id}");
    let signature = base16ct::lower::encode_string(&mac.chain_update(message).finalize().into_bytes());
    format!("/files/{run_id}/{file_id}?expires={expires}&signature={signature}")
}

#[test]
fn a_link_reads_one_file_for_a_while() {
    let mut stage = Stage::for_workflows(&["many-files"]);
    let run = archived(&mut stage, "many-files");
    let other = archived(&mut stage, "many-files");
    let (run_id, file_id) = (run["run_id"].as_str().unwrap(), run["files"][0]["id"].as_str().unwrap());
    let whole = stage.operator(&url_of(&run, 0));
    let get = |link: &str, headers: &[(&str, &str)]| stage.send("GET", link, headers, b"");

    let link = make_link(&stage, &url_of(&run, 0), "");
    let answer = get(&link, &[]);
    assert_eq!((answer.status, &answer.body), (200, &whole.body));
    assert_eq!(headers_of(&answer), headers_of(&whole));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let head = stage.send("HEAD", &link, &[], b"");
    assert_eq!((head.status, headers_of(&head)), (200, headers_of(&whole)));
    let part = get(&link, &[("range", "bytes=1-2")]);
    assert_eq!((part.status, part.body.as_slice()), (206, &whole.body[1..=2]));
    assert_eq!(get(&link, &[("if-none-match", whole.header("etag").unwrap())]).status, 304);
    assert_eq!(get(&format!("{link}&utm_source=mail"), &[]).status, 200);

    // Whatever is altered, it is no link, and says nothing more.
    let (path, query) = link.split_once('?').unwrap();
    let altered = [
        path.to_owned(),
        format!("{path}?"),
        format!("{path}?{}", query.replace("expires=", "expires=1")),
        format!("{path}?{query}0"),
        format!("{path}?{query}&expires=9999999999"),
        link.replace(run_id, other["run_id"].as_str().unwrap()),
        link.replace(run_id, "x"),
        link.replace(run_id, &run_id.to_uppercase()),
        link.replace(&format!("/{file_id}?"), &format!("/{}?", run["files"][1]["id"].as_str().unwrap())),
        sign("another-secret-of-at-least-32-bytes", run_id, file_id, now_ms() / 1_000 + 60),
    ];
    let refusal = get(&altered[0], &[]).json();
    for link in &altered {
        let answer = get(link, &[AUTHORIZATION]);
        assert_problem(&answer, 403, "bad-link");
        assert_eq!(answer.json(), refusal, "{link}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(stage.send("HEAD", link, &[], b"").status, 403);
    }
    // What somebody else signs with the secret is a link, until it expires.
    let now = now_ms() / 1_000;
    assert_eq!(get(&sign(LINK_SECRET, run_id, file_id, now + 60), &[]).status, 200);
    assert_problem(&get(&sign(LINK_SECRET, run_id, file_id, now - 1), &[]), 403, "link-expired");
    assert_problem(&get(&sign(LINK_SECRET, run_id, "no-such", now + 60), &[]), 404, "no-such-file");
    let no_run = "0197f1a2-0000-7000-8000-000000000000";
    assert_problem(&get(&sign(LINK_SECRET, no_run, file_id, now + 60), &[]), 404, "no-such-run");
    // It is for reading, and opens nothing else.
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = stage.send(method, &link, &[], b"");
        assert_problem(&answer, 405, "wrong-method");
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
    assert_problem(&get(&format!("{}?{query}", url_of(&run, 0)), &[]), 401, "no-token");
    let (_, signature) = query.rsplit_once('=').unwrap();
    let log = stage.log();
    let mut ours = log.lines().filter(|line| line.contains("\"level\""));
    assert!(ours.all(|line| !line.contains(signature) && !line.contains(LINK_SECRET)), "{log}");
}

#[test]
fn the_operator_says_how_long_a_link_works() {
    let mut stage = Stage::for_workflows(&["redirects"]);
    let run = archived(&mut stage, "redirects");
    let url = url_of(&run, 0);
    let (run_id, file_id) = (run["run_id"].as_str().unwrap(), run["files"][0]["id"].as_str().unwrap());
    let start = format!("http://{}/files/{run_id}/{file_id}?expires=", stage.base_address());
    for (body, seconds) in [
        ("", 3_600),
        ("{}", 3_600),
        ("{\"expires_in\": 1}", 1),
        ("{\"expires_in\": 60}", 60),
        ("{\"expires_in\": 604800}", 604_800),
    ] {
        let before = now_ms() / 1_000;
        let answer = post_link(&stage, &url, body);
        let after = now_ms() / 1_000;
        assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")), "{body}");
        let made = answer.json();
        let rest = made["url"].as_str().unwrap().strip_prefix(&start).unwrap();
        let expires: u64 = rest.split_once("&signature=").unwrap().0.parse().unwrap();
        assert!((before + seconds..=after + seconds + 1).contains(&expires), "{body}: {expires}");
        let expires_at: jiff::Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(expires_at.as_millisecond(), i64::try_from(expires).unwrap() * 1_000);
    }
    for body in ["{\"expires_in\": 0}", "{\"expires_in\": 604801}", "{\"expires_in\": \"60\"}"] {
        let answer = post_link(&stage, &url, body);
        assert_problem(&answer, 400, "bad-body");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("seconds from 1 to 604800"), "{detail}");
    }
    assert_problem(&post_link(&stage, &url, "x"), 400, "bad-body");
    assert_problem(&post_link(&stage, &format!("{url}0"), ""), 404, "no-such-file");
    assert_problem(&stage.send("POST", &format!("{url}/link"), &[], b""), 401, "no-token");
    assert_eq!(stage.operator(&format!("{url}/link")).header("allow"), Some("POST"));
}

#[test]
fn without_a_long_secret_there_are_no_links() {
    for secret in ["", "too-short"] {
        let secrets = [
            ("FABRICATE_API_KEY", FABRICATE_KEY),
            ("OPERATOR_TOKEN", OPERATOR_TOKEN),
            ("LINK_SECRET", secret),
        ];
        let mut stage = Stage::new(&json!({"redirects": open_hook("redirects")}), |_| (), &secrets);
        let run = archived(&mut stage, "redirects");
        let (url, run_id) = (url_of(&run, 0), run["run_id"].as_str().unwrap());
        let file_id = run["files"][0]["id"].as_str().unwrap();
        let link = sign(secret, run_id, file_id, now_ms() / 1_000 + 60);
        for answer in [post_link(&stage, &url, ""), stage.send("GET", &link, &[], b"")] {
            assert_problem(&answer, 503, "no-links");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("wrangler secret put LINK_SECRET") && detail.contains("32"), "{detail}");
        }
        assert_eq!(stage.operator(&url).status, 200, "the operator needs none");
        assert_eq!(stage.send("GET", "/health", &[], b"").status, 200);
    }
}
