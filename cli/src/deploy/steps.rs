//! What a deployment changes, step by step. Ctrl-C ends it between two steps, or with the wrangler that it ends, too; what is done is
//! said then.

use anyhow::{Error, Result};

use super::Deployment;
use super::lifecycle::Rule;
use super::secrets::Found;
use super::wrangler::Wrangler;
use crate::Exit;
use crate::host::{Host, Interrupted};

/// What is to be done, after everything was planned and collected.
pub(super) struct Steps<'a, H> {
    pub(super) host: &'a H,
    pub(super) wrangler: &'a Wrangler<'a, H>,
    pub(super) deployment: &'a Deployment,
    /// The lifecycle rules to add.
    pub(super) rules: &'a [Rule],
    /// The secrets to set.
    pub(super) found: &'a Found,
}

/// How far it is.
#[derive(Debug, Default)]
struct Progress {
    done: Vec<String>,
    now: &'static str,
}

impl<H: Host> Steps<'_, H> {
    /// Does it.
    ///
    /// # Errors
    /// When a step fails, and [`Interrupted`] on Ctrl-C.
    pub(super) async fn run(&self) -> Result<Exit> {
        // Before, Ctrl-C ends the command at once, and nothing was changed.
        self.host.catch_interrupts()?;
        let mut progress = Progress::default();
        let result = self.all(&mut progress).await;
        if result.as_ref().is_err_and(Error::is::<Interrupted>) {
            self.host.show_progress(None);
            self.host.print_error(&progress.interruption());
        }
        result
    }

    async fn all(&self, progress: &mut Progress) -> Result<Exit> {
        let values = &self.found.values;
        if !values.is_empty() {
            self.begin(progress, "setting the secrets").await?;
            self.show_secrets()?;
            self.wrangler.set_secrets(values).await?;
            progress.done.push(format!("{} secrets are set", values.len()));
        }
        self.begin(progress, "deploying the Worker").await?;
        let url = self.wrangler.deploy(false).await?;
        progress.done.push("the Worker is deployed".to_owned());
        for rule in self.rules {
            self.begin(progress, "adding the lifecycle rules").await?;
            self.wrangler.add_rule(&self.deployment.inbox, rule).await?;
            progress.done.push(format!("{} has its rule", rule.prefix));
        }
        self.begin(progress, "asking /health").await?;
        self.deployment.print_result(self.host, url.as_deref(), self.found).await
    }

    /// # Errors
    /// [`Interrupted`], if Ctrl-C was pressed.
    async fn begin(&self, progress: &mut Progress, step: &'static str) -> Result<()> {
        progress.now = step;
        self.host.sleep(0).await
    }

    /// Prints the secrets that are shown once. They are not set yet: once they are, nothing may come between, because the next
    /// run leaves them as they are and knows them no more.
    fn show_secrets(&self) -> Result<()> {
        let shown = &self.found.shown;
        if shown.is_empty() {
            return Ok(());
        }
        let lines = shown.iter().map(|(name, value)| format!("  {name}={value}\n"));
        let lines: String = lines.collect();
        self.host.print(&format!("Shown once, so keep them now; they are set next:\n{lines}\n"))
    }
}

impl Progress {
    /// What is said after Ctrl-C.
    fn interruption(&self) -> String {
        let done = if self.done.is_empty() { "nothing".to_owned() } else { self.done.join(", ") };
        format!(
            "interrupted at this step: {}. Done before it: {done}. The same command goes on from here\n",
            self.now
        )
    }
}
