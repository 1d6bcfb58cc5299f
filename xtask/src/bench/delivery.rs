//! The hook and the deliveries of the benchmark, as bytes on the wire.

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::clock::unix_time;

/// The secret of the hook: the example key of Standard Webhooks.
pub(super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const KIB: usize = 1024;

/// The hook `bench`, and so many others that nobody calls.
pub(super) fn hooks(others: usize) -> Value {
    let hook = |name: &str| {
        json!({
            "workspace": "acme", "database": "demo", "workflow": "seed", "max_body_bytes": 4 * KIB * KIB,
            "verify": {"scheme": "standard-webhooks", "secret": "BENCH_SECRET"},
            "when": format!("body.type == 'deal.won' and body.data.amount >= 1000 and '{name}' != ''"),
            "params": {
                "startDate": "{{ body.data.closed_at[:10] }}",
                "rows": "{{ body.data.seats * 10 }}",
                "label": "Demo for {{ body.data.account.name }}",
                "tables": ["accounts", "orders"],
            },
        })
    };
    let names = (0..others).map(|number| format!("other-{number}")).chain(["bench".to_owned()]);
    Value::Object(names.map(|name| (name.clone(), hook(&name))).collect())
}

/// A body of about so many bytes: an event with a list of line items, as CRMs and shops send them.
pub(super) fn body(bytes: usize, event_type: &str) -> String {
    let item = |number: usize| {
        json!({
            "id": format!("li_{number:08}"), "sku": format!("SKU-{:05}", number * 7 % 99_999),
            "description": "Seat, yearly, \"enterprise\" plan", "quantity": number % 50 + 1,
            "unit_price": 49.95, "discount": null, "taxable": number.is_multiple_of(2),
        })
    };
    let event = |items: &[Value]| {
        json!({
            "type": event_type, "timestamp": "2026-11-28T09:30:00Z",
            "data": {
                "id": "deal_4711", "amount": 48_000, "currency": "EUR", "seats": 40,
                "closed_at": "2026-11-28T09:29:58Z",
                "account": {"id": "acc_1", "name": "Müller & Søn GmbH", "country": "DE"},
                "owner": {"id": "usr_9", "email": "ada@example.com", "name": "Ada"},
                "items": items,
            },
        })
        .to_string()
    };
    let each = item(12_345_678).to_string().len() + 1;
    let items: Vec<Value> = (0..bytes.saturating_sub(event(&[]).len()) / each).map(item).collect();
    event(&items)
}

/// A request to the hook `bench`, signed now. A wrong signature has the right form.
pub(super) fn request(id: &str, body: &str, is_genuine: bool) -> Result<Vec<u8>> {
    let key = BASE64.decode(SECRET.trim_start_matches("whsec_")).context("the secret is base64")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).context("HMAC takes keys of any length")?;
    let timestamp = unix_time()?.as_secs();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    if !is_genuine {
        mac.update(b"!");
    }
    let signature = BASE64.encode(mac.finalize().into_bytes());
    let head = format!(
        "POST /hooks/bench HTTP/1.1\r\nhost: seedhook.example\r\ncontent-type: application/json\r\n\
         accept: */*\r\naccept-encoding: gzip, br\r\nuser-agent: Svix-Webhooks/1.62 (sender-9YMgn)\r\n\
         cf-connecting-ip: 203.0.113.7\r\ncf-ipcountry: DE\r\ncf-ray: 9a4f3c2b1d0e-FRA\r\n\
         cf-visitor: {{\"scheme\":\"https\"}}\r\nx-forwarded-proto: https\r\nx-real-ip: 203.0.113.7\r\n\
         webhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: v1,{signature}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    Ok([head.as_bytes(), body.as_bytes()].concat())
}

/// A request of the benchmark itself (`tests/bench/host.js`).
pub(super) fn control(path: &str) -> Vec<u8> {
    format!("GET /bench/{path} HTTP/1.1\r\nhost: seedhook.example\r\n\r\n").into_bytes()
}
