//! The sample webhook: what a CRM would send when a deal is won, signed as Standard Webhooks says.
//!
//! It makes requests and sends none.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use seedhook::hook::verify::Scheme;
use sha2::Sha256;

use super::settings::Settings;
use crate::clock;
use crate::project;

/// The hook that it is for.
pub(super) const HOOK: &str = "crm-deal-won";

/// What happened, in the words of the sample hook's expressions. No apostrophe: it stands in a shell line, too.
const BODY: &str = r#"{"type":"deal.won","data":{"amount":25000,"seats":12,"closed_at":"2026-11-20T16:45:00Z","account":{"name":"Globex"}}}"#;

/// The sample, for a hook that can take it.
#[derive(Debug)]
pub(super) struct Sample {
    secret_name: String,
    secret: String,
}

/// One delivery of it.
#[derive(Debug)]
pub(super) struct Delivery {
    /// `webhook-id`
    pub(super) id: String,
    /// `webhook-timestamp`, seconds since 1970.
    pub(super) timestamp: String,
    /// `webhook-signature`
    pub(super) signature: String,
    /// The payload.
    pub(super) body: &'static str,
}

impl Sample {
    /// The sample, or why there is none: wrangler.toml may have no hook for it any more.
    pub(super) fn find(settings: &Settings) -> Result<Self> {
        let mut hooks = settings.configuration.hooks.values().flatten();
        let hook = hooks.find(|hook| hook.name.as_str() == HOOK);
        let verify = &hook.with_context(|| format!("wrangler.toml has no hook `{HOOK}`"))?.verify;
        if verify.scheme != Scheme::StandardWebhooks {
            bail!("the hook `{HOOK}` does not verify with \"standard-webhooks\"");
        }
        let secret_name = verify.secret_names.first().cloned().unwrap_or_default();
        let secret = settings.secret(&secret_name);
        let secret =
            secret.with_context(|| format!(".dev.vars has no {secret_name}, the secret of `{HOOK}`"))?;
        Ok(Self { secret: secret.to_owned(), secret_name })
    }

    /// A new delivery, signed now.
    pub(super) fn delivery(&self) -> Result<Delivery> {
        let now = clock::unix_time();
        let id = format!("msg_{:x}", now.as_nanos());
        let timestamp = now.as_secs().to_string();
        let signature = sign(&self.secret, &id, &timestamp, BODY).with_context(|| {
            format!("{} in .dev.vars is no signing secret: it is whsec_ and then base64", self.secret_name)
        })?;
        Ok(Delivery { id, timestamp, signature, body: BODY })
    }

    /// A line for a shell that signs and sends one. It reads the secret from `.dev.vars` whenever it is pasted, so
    /// that its signature is never stale and no secret stands on the screen.
    pub(super) fn shell_line(&self, base: &str) -> String {
        let file = project::path(".dev.vars");
        let name = &self.secret_name;
        [
            format!("key=$(sed -n \"s/^ *{name} *= *//p\" '{}' | tr -d \"\\\"' \" | sed 's/^whsec_//' | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \\n')", file.display()),
            "id=msg_$(openssl rand -hex 12)".to_owned(),
            "ts=$(date +%s)".to_owned(),
            format!("body='{BODY}'"),
            "sig=$(printf '%s.%s.%s' \"$id\" \"$ts\" \"$body\" | openssl dgst -sha256 -mac HMAC -macopt \"hexkey:$key\" -binary | openssl base64 -A)".to_owned(),
            format!("curl -i {base}/hooks/{HOOK} -H 'content-type: application/json' -H \"webhook-id: $id\" -H \"webhook-timestamp: $ts\" -H \"webhook-signature: v1,$sig\" -d \"$body\""),
        ]
        .join("; ")
    }
}

/// Standard Webhooks' symmetric signature: HMAC-SHA256 over `{id}.{timestamp}.{body}`.
fn sign(secret: &str, id: &str, timestamp: &str, body: &str) -> Result<String> {
    let key = BASE64.decode(secret.trim_start_matches("whsec_")).context("it is not base64")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key)?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Ok(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of <https://github.com/standard-webhooks/standard-webhooks>, its libraries' shared test vector.
    #[test]
    fn the_signature_is_the_published_one() {
        let signature = sign(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signature.unwrap(), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_body_can_stand_in_single_quotes() {
        assert!(!BODY.contains('\''));
        assert!(serde_json::from_str::<serde_json::Value>(BODY).is_ok());
    }
}
