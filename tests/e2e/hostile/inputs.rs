//! Requests that once took all the memory or seconds of CPU, and the hooks that they are sent to.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::stage::open_hook;

const MIB: usize = 1024 * 1024;

/// The largest body of a hook.
const BODY_BYTES_MAX: usize = 4 * MIB;

/// One request.
pub(super) struct Input {
    pub(super) name: &'static str,
    pub(super) hook: &'static str,
    pub(super) headers: Vec<(&'static str, &'static str)>,
    pub(super) body: Vec<u8>,
}

/// The hooks that the inputs are sent to, and an honest one.
pub(super) fn hooks() -> Value {
    let large = |hook: Value| {
        let mut hook = hook;
        hook["max_body_bytes"] = json!(BODY_BYTES_MAX);
        hook
    };
    let mut sns = large(open_hook("no-files"));
    let topic = "arn:aws:sns:us-east-1:123456789012:deals";
    sns["verify"] = json!({"scheme": "aws-sns", "topic_arn": topic});
    let mut twilio = large(open_hook("no-files"));
    twilio["verify"] = json!({"scheme": "twilio", "secret": "SECRET"});
    let mut open = large(open_hook("no-files"));
    open["when"] = json!("body.wanted");
    open.as_object_mut().unwrap().remove("delivery_id");
    let mut items = open.clone();
    items["each"] = json!("body");
    let mut rounds = large(open_hook("never-ends"));
    rounds["each"] = json!("body.items");
    rounds["params"] = json!({"label": "{% for x in body.big %}{{ x.price | round(2) }};{% endfor %}"});
    let mut honest = open_hook("no-files");
    honest["verify"] = json!({"scheme": "standard-webhooks", "secret": "SECRET"});
    json!({
        "sns": sns, "twilio": twilio, "open": open, "items": items, "rounds": rounds, "honest": honest,
        "huge": open_hook("huge-result"),
    })
}

/// All of them.
pub(super) fn all() -> Vec<Input> {
    let deep = filled(&nested(60), 470 * 1024);
    let input = |name, hook, headers: &[_], body| Input { name, hook, headers: headers.to_vec(), body };
    let json = ("content-type", "application/json");
    let ce = [json, ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t"), ("ce-specversion", "1.0")];
    let batch = [("content-type", "application/cloudevents-batch+json")];
    let form = [("content-type", "application/x-www-form-urlencoded"), ("x-twilio-signature", "AAAA")];
    let text = [("content-type", "text/plain; charset=UTF-8")];
    vec![
        input("sns, 4 MiB of small objects", "sns", &text, filled(r#"{"":0}"#, BODY_BYTES_MAX)),
        input("sns, 1 MiB of objects 60 deep", "sns", &text, filled(&nested(60), MIB)),
        input("sns, 1 MiB of objects 120 deep", "sns", &text, filled(&nested(120), MIB)),
        input("0.47 MiB of objects 60 deep", "open", &[json], deep.clone()),
        input("the same as a CloudEvent", "open", &ce, deep.clone()),
        input("the same as a batch", "items", &[json], deep),
        input("4 MiB of small objects", "open", &[json], filled(r#"{"":0}"#, BODY_BYTES_MAX)),
        input("CloudEvents with arrays as data_base64", "items", &batch, cloud_events()),
        input("a form of 4 MiB", "twilio", &form, fields()),
        input(FAILED_ITEMS, "rounds", &[json], rounds(None)),
        input(LONG_LOOPS, "rounds", &[json], rounds(Some(700))),
    ]
}

/// A body of 1 MB that is never finished.
pub(super) const UNFINISHED_BYTES: usize = 1_000_000;

/// Objects within each other, so many.
fn nested(depth: usize) -> String {
    format!("{}0{}", r#"{"":"#.repeat(depth), "}".repeat(depth))
}

/// An array of as many of these as a body of `bytes` takes.
fn filled(item: &str, bytes: usize) -> Vec<u8> {
    let items = (bytes - 2) / (item.len() + 1);
    format!("[{}]", vec![item; items].join(",")).into_bytes()
}

/// 15 events, each with 195 KB of data.
fn cloud_events() -> Vec<u8> {
    let data = BASE64.encode(filled("[]", 195_000));
    let event = |id: usize| {
        json!({
            "specversion": "1.0", "id": id.to_string(), "source": "/s", "type": "t",
            "datacontenttype": "application/json", "data_base64": data,
        })
    };
    Value::Array((0..15).map(event).collect()).to_string().into_bytes()
}

/// As many distinct form fields as a body takes.
fn fields() -> Vec<u8> {
    let mut body = String::with_capacity(BODY_BYTES_MAX);
    for field in 0.. {
        let field = format!("{field:x}=&");
        if body.len() + field.len() > BODY_BYTES_MAX {
            break;
        }
        body.push_str(&field);
    }
    body.into_bytes()
}

/// 500 items that cannot be mapped, which costs nothing: most of the CPU is for storing 500 failed runs.
pub(super) const FAILED_ITEMS: &str = "500 items without the field";

/// The input whose CPU is compared with that of the one before it: as many runs fail, and are stored.
pub(super) const LONG_LOOPS: &str = "a long loop for each of 500 items";

/// 500 items, each of which asks for so many roundings of the largest numbers.
fn rounds(times: Option<usize>) -> Vec<u8> {
    let items: Vec<usize> = (0..500).collect();
    let big = times.map(|times| format!(r#","big":[{}]"#, vec![r#"{"price":1e308}"#; times].join(",")));
    let (name, big) = (if big.is_some() { "long" } else { "none" }, big.unwrap_or_default());
    format!(r#"{{"id":"rounds-{name}","items":{}{big}}}"#, json!(items)).into_bytes()
}
