//! `npx seedhook try`: shows what a hook would do with a request. It calls the Worker's own code, and sends nothing.

mod expected_response;
mod preview_text;

use anyhow::{Result, bail};
use seedhook::service::preview::preview;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::{RustCrypto, complete};

use crate::exit::Usage;
use crate::host::{Host, print_json};
use crate::local_config::LocalConfig;
use crate::webhook_request::{OPTIONS_HELP, WebhookRequest};
use crate::{Exit, help, sign};
use expected_response::ExpectedResponse;

pub(crate) const HELP: &str = "\
npx seedhook try HOOK [PAYLOAD.json|-] [options]

Shows what a hook would do with a request: whether it is verified, or why not; the result of each `when` with the values
that it read; each parameter with its type; and the request that Fabricate would get. For a handshake it shows the answer.
`POST /api/hooks/HOOK/preview` returns the same. This needs no Worker: it reads the configuration and .dev.vars.

  npx seedhook try crm-deal-won
  npx seedhook try github push.json --header 'X-GitHub-Event: push'
  npx seedhook try meta --method GET --query 'hub.mode=subscribe&hub.challenge=1&hub.verify_token=…'

Without PAYLOAD the body is empty; for crm-deal-won it is the sample webhook. A hook with a `schedule` then shows what
its schedule starts next; one without a sender shows with a PAYLOAD what a start by hand does. Messages of aws-sns are
never verified here, because only the Worker downloads their certificate.
Exits 0 if the event would start at least one run and no parameter fails, or if the request is a handshake that is
answered. Otherwise exits 1. A payload needs no signature: the request may be unverified, unless --verified is given.

  --sign                   sign the request first, as `npx seedhook sign` does: shows the answer to a signed handshake
  --verified               exit 1 if the request is not verified
  --json                   print the JSON that the Worker's preview would return
";

/// Reads the arguments and prints the preview.
pub(crate) fn run(host: &impl Host, arguments: lexopt::Parser) -> Result<Exit> {
    let Some(request) = WebhookRequest::read(host, arguments, &["sign", "verified", "json"])? else {
        return help(host, &format!("{HELP}{OPTIONS_HELP}"));
    };
    let config = LocalConfig::read(host, request.config.as_deref())?;
    let hook = config.hook(request.hook.as_deref())?;
    let mut delivery = request.delivery(host, hook)?;
    if request.has("sign") {
        if !hook.has_address() {
            bail!(Usage(format!("the hook {} has no sender that signs: leave out --sign", hook.name)));
        }
        delivery = sign::signed(&config, hook, delivery, request.id(), request.now)?;
    }
    let secret = |name: &str| config.secret(name);
    let context = VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now: request.now };
    let preview = complete(preview(hook, config.configuration.fabricate.as_ref(), &delivery, &context));
    let preview = serde_json::to_value(preview)?;
    let response = ExpectedResponse::to(hook, delivery, &context);
    if request.has("json") {
        print_json(host, &preview)?;
    } else {
        host.print(&format!("{}\n\n{response}\n", preview_text::lines(&preview).join("\n")))?;
    }
    let good = response.is_good && (response.is_verified() || !request.has("verified"));
    Ok(Exit::good_if(good))
}
