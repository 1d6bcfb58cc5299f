//! `cargo xtask try`: what a hook would make of a request, by the code that would do it.
//!
//! It asks neither the Worker nor Fabricate, and starts nothing.

mod answer;
mod lines;

use std::process::ExitCode;

use anyhow::Result;
use seedhook::service::preview::preview;
use seedhook::verify::VerifyContext;

use crate::hooks::Hooks;
use crate::request::{OPTIONS_HELP, Request};
use crate::{help, show, sign};
use answer::Answer;

const HELP: &str = "\
cargo xtask try HOOK [PAYLOAD.json|-] [options]

Shows what a hook would make of a request: whether it is verified and why not, what each `when` says and of which
values, each parameter with its type, the request that Fabricate would get; or the answer to a handshake. It is what
`POST /api/hooks/HOOK/preview` answers, without a Worker: hooks are those of wrangler.toml, secrets those of .dev.vars.

  cargo xtask try crm-deal-won
  cargo xtask try github push.json --header 'X-GitHub-Event: push'
  cargo xtask try meta --method GET --query 'hub.mode=subscribe&hub.challenge=1&hub.verify_token=…'

Without PAYLOAD the body is empty; for crm-deal-won it is the sample webhook. Messages of aws-sns are never verified
here: their certificate is fetched by the Worker alone.
Exits 0 when the event would start at least one run and every parameter has its value, or when the request is a
handshake; 1 otherwise. That it is not verified counts only with --verified, so that a payload needs no signature.

  --sign                   sign it first, as `cargo xtask sign` does: what a signed handshake is answered
  --verified               exit 1, too, when it is not verified
  --json                   print what the Worker's preview would answer
";

/// Reads the arguments, prints what would happen.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode> {
    let Some(request) = Request::read(arguments, &["sign", "verified", "json"])? else {
        return Ok(help(&format!("{HELP}{OPTIONS_HELP}")));
    };
    let hooks = Hooks::read(request.config.as_deref())?;
    let hook = hooks.find(request.hook.as_deref())?;
    let mut delivery = request.delivery(hook)?;
    if request.has("sign") {
        delivery = sign::signed(&hooks, hook, delivery, &request.id(), request.now)?;
    }
    let secret = |name: &str| hooks.secret(name);
    let context = VerifyContext { secret: &secret, certificate: None, now: request.now };
    let shown = preview(hook, hooks.configuration.fabricate.as_ref(), &delivery, &context);
    let answer = Answer::to(hook, delivery, &context);
    show(&if request.has("json") {
        format!("{shown:#}\n")
    } else {
        format!("{}\n\n{answer}\n", lines::of(&shown).join("\n"))
    })?;
    let good = answer.is_good && (answer.is_verified() || !request.has("verified"));
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
