//! `npx seedhook sign`: prints a signed request as a `curl` command. Nothing here sends it.

use anyhow::{Result, anyhow, bail};
use seedhook::config::sender::sender;
use seedhook::hook::Hook;
use seedhook::request::RawRequest;
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::RustCrypto;
use seedhook::verify::signer::UnsignedDelivery;
use serde_json::Value;

use crate::host::Host;
use crate::local_config::LocalConfig;
use crate::webhook_request::{OPTIONS_HELP, WebhookRequest};
use crate::{Exit, curl, help};

pub(crate) const HELP: &str = "\
npx seedhook sign HOOK [PAYLOAD|-] [options]

Prints a `curl` command that sends the payload to a hook, signed now as its sender would sign it, with the hook's first
secret in .dev.vars. Run it at once: most signatures expire after five minutes.

  npx seedhook sign crm-deal-won | sh
  npx seedhook sign github push.json --header 'X-GitHub-Event: push' | sh

Without PAYLOAD the body is empty; for crm-deal-won it is the sample webhook. If the signature is part of the body, the
body is rewritten. If the sender sends the secret itself (bearer, basic, header, query, field), the command shows it.
Exits 1 if only the sender can sign: discord, sendgrid, aws-sns, and standard-webhooks with a public key.

";

/// What to do when a request cannot be signed.
const ALTERNATIVES: &str = "\
`npx seedhook try HOOK PAYLOAD` shows what the hook does with a payload, without a signature;
to send one, copy the hook under another name with verify = { scheme = \"none\" }, for local tests only";

/// Reads the arguments and prints the command.
pub(crate) fn run(host: &impl Host, arguments: lexopt::Parser) -> Result<Exit> {
    let Some(request) = WebhookRequest::read(host, arguments, &[])? else {
        return help(host, &format!("{HELP}{OPTIONS_HELP}"));
    };
    let config = LocalConfig::read(host, request.config.as_deref())?;
    let hook = config.hook(request.hook.as_deref())?;
    let delivery = signed(&config, hook, request.delivery(host, hook)?, request.id(), request.now)?;
    host.print_data(&format!("{}\n", curl::line(&delivery)))?;
    Ok(Exit::Good)
}

/// Signs a delivery with the first secret of its hook.
///
/// # Errors
/// When only the sender has the key, the secret is not set, or it is not a valid secret.
pub(crate) fn signed(
    config: &LocalConfig,
    hook: &Hook,
    delivery: RawRequest,
    id: &str,
    now: Timestamp,
) -> Result<RawRequest> {
    let (name, scheme) = (&hook.name, &hook.verify.scheme);
    if needs_private_key(scheme) {
        bail!("only the sender can sign for {scheme}, because it has the private key\n{ALTERNATIVES}");
    }
    let secret = |name: &str| config.secret(name);
    let first = hook.verify.secret_names.first();
    if let Some(unset) = first.filter(|name| secret(name).is_none()) {
        bail!("the secret {unset} of the hook {name} is not set: add a line {unset}=\"…\" to .dev.vars");
    }
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now };
    let signed = hook.verify.sign(UnsignedDelivery { delivery, id }, &context);
    signed.map_err(|problem| {
        anyhow!("a request to the hook {name} ({scheme}) cannot be signed: {problem}\n{ALTERNATIVES}")
    })
}

/// Whether a scheme or a sender signs with a private key in every case.
fn needs_private_key(scheme: &str) -> bool {
    let needs_it = |scheme: &str| matches!(scheme, "ed25519" | "ecdsa-p256" | "aws-sns");
    match sender(scheme) {
        None => needs_it(scheme),
        Some(sender) => {
            let mut schemes = sender.verify.iter().map(|proof| proof.get("scheme").and_then(Value::as_str));
            schemes.all(|scheme| scheme.is_some_and(needs_it))
        }
    }
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use seedhook::config::sender::{Sender, senders};
    use serde_json::json;

    use super::*;
    use seedhook::verify::rust_crypto::complete;

    const NOW: Timestamp = Timestamp::from_millis(1_795_574_653_000);

    /// A body into which each signature of a body can be written.
    const BODY: &str =
        r#"{"value": [{"id": 1}, {"id": 2}], "notificationItems": [{"NotificationRequestItem": {}}]}"#;

    /// A hook `h` whose secrets all have the same value.
    fn config(verify: &Value, secret: &str) -> LocalConfig {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
        let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
        let names = configuration.secret_names().into_iter().map(ToOwned::to_owned);
        let secrets = names.map(|name| (name, secret.to_owned())).collect();
        LocalConfig::new(configuration, secrets, "w.toml".into())
    }

    fn sign_and_check(verify: &Value, secret: &str) -> Result<()> {
        let config = config(verify, secret);
        let hook = config.hook(Some("h"))?;
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let draft = RawRequest::new("POST", "http://localhost:8787/hooks/h", headers, BODY.into(), NOW);
        let delivery = signed(&config, hook, draft, "msg_1", NOW)?;
        let secret = |name: &str| config.secret(name);
        let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: NOW };
        complete(hook.verify.check(&delivery, &context))?;
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
    fn requests_of_every_sender_with_a_shared_secret_can_be_signed() {
        let mut impossible = Vec::new();
        for sender in senders() {
            let tried = ["whsec_c2VlZGhvb2s=", "secret", "00ff"]
                .map(|secret| sign_and_check(&verify_of(sender), secret));
            if tried.iter().all(Result::is_err) {
                let error = tried[0].as_ref().unwrap_err().to_string();
                assert!(
                    error.contains("only the sender can sign") && error.contains("seedhook try"),
                    "{error}"
                );
                impossible.push(sender.name.as_str());
            }
        }
        assert_eq!(impossible, ["sendgrid", "discord", "aws-sns"]);
    }

    #[test]
    fn requests_of_every_shared_secret_scheme_can_be_signed() {
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
    fn an_unsignable_request_is_an_error_with_its_reason_and_the_alternatives() {
        let alternatives = ["npx seedhook try", "scheme = \"none\""];
        let public = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
        let standard = json!({"scheme": "standard-webhooks", "secret": "S"});
        check_refused(&standard, public, &[&["private key"], &alternatives[..]].concat());
        let ed25519 = json!({"scheme": "ed25519", "secret": "S", "header": "x-s"});
        check_refused(&ed25519, "x", &[&["private key"], &alternatives[..]].concat());
        check_refused(&standard, " ", &["add a line S=\"…\" to .dev.vars"]);
        check_refused(&standard, "whsec_?", &["secret S is not base64"]);
    }
}
