//! What a deployment ends with: whether the Worker is healthy, the addresses of its hooks, and what is left to do.

use anyhow::Result;
use seedhook::config::setup::setup_steps;
use seedhook::http::secrets::OPERATOR_TOKEN;
use serde_json::Value;

use super::Deployment;
use super::secrets::Found;
use crate::Exit;
use crate::address::Address;
use crate::host::Host;
use crate::worker::{Health, Worker};

/// How long a new Worker may take until its address answers, milliseconds.
const UP_WITHIN_MS: i64 = 60_000;

/// The time between two calls of /health, milliseconds.
const ASK_EVERY_MS: u32 = 3_000;

impl Deployment {
    /// Prints it.
    ///
    /// # Errors
    /// [`crate::host::Interrupted`] on Ctrl-C, while the Worker's address does not answer.
    pub(super) async fn print_result(
        &self,
        host: &impl Host,
        url: Option<&str>,
        found: &Found,
    ) -> Result<Exit> {
        let Some(url) = url else {
            host.print(
                "\nwrangler named no address of the Worker: a route or workers_dev = true gives it one\n",
            )?;
            return Ok(Exit::Good);
        };
        let is_healthy = health(host, url, token(host, found)).await?;
        for hook in self.configuration.hooks.values().flatten().filter(|hook| hook.has_address()) {
            let address = format!("{url}/hooks/{}", hook.name);
            host.print(&format!("\n{address}\n"))?;
            for (index, step) in setup_steps(hook, &address).iter().enumerate() {
                host.print(&format!("  {}. {step}\n", index + 1))?;
            }
        }
        for name in &found.unset {
            host.print(&format!("\nnot set yet: `npx wrangler secret put {name}`; until then its deliveries are answered 503\n"))?;
        }
        host.print(&format!(
            "\nDashboard: {url}/  (with the OPERATOR_TOKEN)\nRuns: SEEDHOOK_URL={url} npx seedhook runs\n"
        ))?;
        Ok(Exit::good_if(is_healthy))
    }
}

/// The Worker's token; empty where we do not know it, or no header can have it. The Worker may have got it in an earlier deployment.
fn token(host: &impl Host, found: &Found) -> String {
    let set = found.values.get(OPERATOR_TOKEN).and_then(Value::as_str).map(ToOwned::to_owned);
    let token = set.or_else(|| host.env(OPERATOR_TOKEN)).unwrap_or_default();
    let is_sendable = token.trim().bytes().all(|byte| byte.is_ascii_graphic());
    if is_sendable { token.trim().to_owned() } else { String::new() }
}

/// Calls /health until the new address answers, and prints what it says.
async fn health(host: &impl Host, url: &str, token: String) -> Result<bool> {
    let has_token = !token.is_empty();
    let worker = Worker::new(host, Address { url: url.to_owned(), token });
    let start_ms = host.now_ms();
    loop {
        host.show_progress(Some("waiting for the Worker's address"));
        let answer = worker.health().await;
        host.show_progress(None);
        match answer {
            // The address of a new Worker is answered by others for some seconds.
            Some(health) if health.is_seedhook() => {
                let is_healthy = health.status == 200;
                let said = if is_healthy { "healthy\n".to_owned() } else { not_healthy(&health, has_token) };
                host.print(&format!("\n{url}/health: {said}"))?;
                return Ok(is_healthy);
            }
            _ if host.now_ms() - start_ms < UP_WITHIN_MS => host.sleep(ASK_EVERY_MS).await?,
            other => {
                let status = other.map_or("nothing".to_owned(), |health| health.status.to_string());
                host.print(&format!("\n{url}/health answers {status}: ask again in some minutes\n"))?;
                return Ok(false);
            }
        }
    }
}

/// The lines that say why a Worker is not healthy. It says that only to a caller with its token.
fn not_healthy(health: &Health, has_token: bool) -> String {
    let mut problems = health.problems(&[]);
    if problems.is_empty() {
        problems.push(if has_token {
            format!("it does not take this {OPERATOR_TOKEN}: set its own in the environment to see why")
        } else {
            format!("set {OPERATOR_TOKEN} in the environment to see why")
        });
    }
    let lines = problems.iter().map(|problem| format!("  {problem}\n"));
    format!("not healthy\n{}", lines.collect::<String>())
}
