//! `cargo xtask sign`: what a sender that knows the secret would send, as a line for a shell.
//!
//! The Worker's own code signs, so that whatever it can verify can be tried out. It sends nothing.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use seedhook::config::sender::sender;
use seedhook::hook::Hook;
use seedhook::request::RawRequest;
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::signer::UnsignedDelivery;
use serde_json::Value;

use crate::hooks::Hooks;
use crate::request::{OPTIONS_HELP, Request};
use crate::{curl, help, show};

const HELP: &str = "\
cargo xtask sign HOOK [PAYLOAD|-] [options]

Prints a `curl` line that sends the payload to a hook, signed as its sender would sign it now, with the hook's first
secret of .dev.vars. Run it at once, most signatures are stale after five minutes:

  cargo xtask sign crm-deal-won | sh
  cargo xtask sign github push.json --header 'X-GitHub-Event: push' | sh

Without PAYLOAD the body is empty; for crm-deal-won it is the sample webhook. Where the sender signs inside the body,
the body is written anew. Where it shows the secret itself (bearer, basic, header, query, field), so does the line.
Exits 1 where only the sender can sign: discord, sendgrid, aws-sns, and standard-webhooks with a public key.

";

/// How to go on without a signature.
const WITHOUT: &str = "\
`cargo xtask try HOOK PAYLOAD` shows what the hook makes of a payload, without a signature;
to send one, copy the hook under another name with verify = { scheme = \"none\" }, for local tests alone";

/// Reads the arguments, prints the line.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode> {
    let Some(request) = Request::read(arguments, &[])? else {
        return Ok(help(&format!("{HELP}{OPTIONS_HELP}")));
    };
    let hooks = Hooks::read(request.config.as_deref())?;
    let hook = hooks.find(request.hook.as_deref())?;
    let delivery = signed(&hooks, hook, request.delivery(hook)?, &request.id(), request.now)?;
    show(&format!("{}\n", curl::line(&delivery)))?;
    Ok(ExitCode::SUCCESS)
}

/// The delivery with what proves it genuine.
pub(crate) fn signed(
    hooks: &Hooks,
    hook: &Hook,
    delivery: RawRequest,
    id: &str,
    now: Timestamp,
) -> Result<RawRequest> {
    let (name, scheme) = (&hook.name, &hook.verify.scheme);
    if is_public(scheme) {
        bail!("nobody but the sender can sign for {scheme}: only it has the private key\n{WITHOUT}");
    }
    let secret = |name: &str| hooks.secret(name);
    let first = hook.verify.secret_names.first();
    if let Some(unset) = first.filter(|name| secret(name).is_none()) {
        bail!("the hook {name} is signed for with {unset}: add a line {unset}=\"…\" to .dev.vars");
    }
    let context = VerifyContext { secret: &secret, certificate: None, now };
    let signed = hook.verify.sign(UnsignedDelivery { delivery, id }, &context);
    signed.map_err(|problem| anyhow!("the hook {name} ({scheme}) cannot be signed for: {problem}\n{WITHOUT}"))
}

/// Whether a scheme's or a sender's signatures are made with a private key, whatever the secret.
fn is_public(scheme: &str) -> bool {
    let is_public = |scheme: &str| matches!(scheme, "ed25519" | "ecdsa-p256" | "aws-sns");
    match sender(scheme) {
        None => is_public(scheme),
        Some(sender) => {
            let mut schemes = sender.verify.iter().map(|proof| proof.get("scheme").and_then(Value::as_str));
            schemes.all(|scheme| scheme.is_some_and(is_public))
        }
    }
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use seedhook::config::sender::{Sender, senders};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_574_653_000);

    /// A body with a place for every signature that stands in one.
    const BODY: &str =
        r#"{"value": [{"id": 1}, {"id": 2}], "notificationItems": [{"NotificationRequestItem": {}}]}"#;

    /// One hook `h`, all of whose secrets have the same value.
    fn hooks(verify: &Value, secret: &str) -> Hooks {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
        let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
        let names = configuration.secret_names().into_iter().map(ToOwned::to_owned);
        let secrets = names.map(|name| (name, secret.to_owned())).collect();
        Hooks::new(configuration, secrets, "w.toml".into())
    }

    fn sign_and_check(verify: &Value, secret: &str) -> Result<()> {
        let hooks = hooks(verify, secret);
        let hook = hooks.find(Some("h"))?;
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let draft = RawRequest::new("POST", "http://localhost:8787/hooks/h", headers, BODY.into(), NOW);
        let delivery = signed(&hooks, hook, draft, "msg_1", NOW)?;
        let secret = |name: &str| hooks.secret(name);
        hook.verify.check(&delivery, &VerifyContext { secret: &secret, certificate: None, now: NOW })?;
        Ok(())
    }

    fn verify_of(sender: &Sender) -> Value {
        let mut verify = json!({"scheme": sender.name});
        if sender.needs_secret() {
            verify["secret"] = json!("S");
        }
        for asked in &sender.asks {
            verify[asked] =
                if asked == "topic_arn" { json!("arn:aws:sns:us-east-1:1:t") } else { json!("T") };
        }
        verify
    }

    #[test]
    fn every_sender_with_a_shared_secret_can_be_signed_for() {
        let mut impossible = Vec::new();
        for sender in senders() {
            let tried = ["whsec_c2VlZGhvb2s=", "secret", "00ff"]
                .map(|secret| sign_and_check(&verify_of(sender), secret));
            if tried.iter().all(Result::is_err) {
                let error = tried[0].as_ref().unwrap_err().to_string();
                assert!(
                    error.contains("nobody but the sender can sign") && error.contains("xtask try"),
                    "{error}"
                );
                impossible.push(sender.name.as_str());
            }
        }
        assert_eq!(impossible, ["sendgrid", "discord", "aws-sns"]);
    }

    #[test]
    fn schemes_that_are_spelt_out_can_be_signed_for() {
        for verify in [
            json!({"scheme": "hmac", "secret": "S", "header": "x-s", "prefix": "sha256="}),
            json!({"scheme": "hmac", "secret": ["S", "T"], "signature": "query.sig", "signed": "{body}"}),
            json!({"scheme": "jwt", "secret": "S", "header": "authorization", "body_claim": "sha"}),
            json!({"scheme": "bearer", "secret": "S"}),
            json!({"scheme": "basic", "secret": "S"}),
            json!({"scheme": "header", "secret": "S", "header": "x-key"}),
            json!({"scheme": "query", "secret": "S", "parameter": "key"}),
            json!({"scheme": "field", "secret": "S", "field": "body.token"}),
            json!({"scheme": "none"}),
        ] {
            assert!(sign_and_check(&verify, "user:password").is_ok(), "{verify}");
        }
    }

    #[track_caller]
    fn check_refused(verify: &Value, secret: &str, expected: &[&str]) {
        let error = sign_and_check(verify, secret).unwrap_err().to_string();
        for part in expected {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn who_cannot_sign_is_told_why_and_what_to_do() {
        let without = ["cargo xtask try", "scheme = \"none\""];
        let public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let standard = json!({"scheme": "standard-webhooks", "secret": "S"});
        check_refused(&standard, public, &[&["private key"], &without[..]].concat());
        let ed25519 = json!({"scheme": "ed25519", "secret": "S", "header": "x-s"});
        check_refused(&ed25519, "x", &[&["private key"], &without[..]].concat());
        check_refused(&standard, " ", &["add a line S=\"…\" to .dev.vars"]);
        check_refused(&standard, "whsec_?", &["secret S is not base64"]);
    }
}
