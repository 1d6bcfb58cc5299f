//! The download of one file: what comes is kept in a part, whose name says of which version of which file it is.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use anyhow::{Error, Result, anyhow, bail};
use serde_json::Value;

use crate::host::{Entry, Host, HttpAnswer, HttpHead, Write, header};
use crate::run_text::{self, text};
use crate::table::plain;
use crate::worker::Worker;

/// How often one file is asked for, after its connection broke off.
const ATTEMPTS_MAX: u32 = 5;

/// The pause before an attempt, milliseconds for each that failed.
const PAUSE_MS: u32 = 1_000;

/// The end of the name of a file that is not whole yet.
pub(super) const PART: &str = ".seedhook-part";

/// The width of a progress bar, characters.
const BAR_WIDTH: usize = 24;

/// A download of one file into `path`.
pub(super) struct Download<'a, 'h, H> {
    pub(super) host: &'a H,
    pub(super) worker: &'a Worker<'h, H>,
    pub(super) file: &'a Value,
    pub(super) path: &'a str,
    pub(super) name: &'a str,
}

impl<H: Host> Download<'_, '_, H> {
    /// What was done: "downloaded", or "already there:".
    pub(super) async fn run(&self) -> Result<&'static str> {
        if let Some(found) = self.host.entry(self.path) {
            return self.compared(found);
        }
        let (mut tag, mut failed) = (None, 0);
        let part = loop {
            match self.attempt(&mut tag).await {
                Ok(Some(part)) => break part,
                Ok(None) => {}
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Broken(error)) => {
                    failed += 1;
                    if failed == ATTEMPTS_MAX {
                        return Err(error);
                    }
                    self.host.sleep(PAUSE_MS * failed).await?;
                }
            }
        };
        let sha256 = text(self.file, "/sha256");
        if !sha256.is_empty() && self.host.sha256(&part)? != sha256 {
            self.host.write_file(&part, &[], Write::Replace)?;
            bail!("what came has another SHA-256 than the run says: the same command begins anew");
        }
        self.host.rename(&part, self.path)?;
        Ok("downloaded")
    }

    /// Compares what is at the path with what the run says.
    fn compared(&self, found: Entry) -> Result<&'static str> {
        let (size, sha256) = (self.size(), text(self.file, "/sha256"));
        let differs = found.is_folder
            || size.is_some_and(|size| size != found.size)
            || (!sha256.is_empty() && self.host.sha256(self.path)? != sha256);
        if differs || (size.is_none() && sha256.is_empty()) {
            bail!("{} is there already and is another file: move it away", self.path);
        }
        // Where Fabricate states no SHA-256, the run has none.
        Ok(if sha256.is_empty() { "already there (only the size was compared):" } else { "already there:" })
    }

    fn size(&self) -> Option<u64> {
        self.file.get("size").and_then(Value::as_u64)
    }

    /// The part of a version, which its entity tag names. Parts of two versions must never be joined, nor those of two runs.
    fn part(&self, tag: Option<&str>) -> String {
        let mut hasher = DefaultHasher::new();
        (text(self.file, "/url"), tag).hash(&mut hasher);
        // It tells apart the few parts of one name, so half of it is enough.
        format!("{}.{:08x}{PART}", self.path, hasher.finish() >> 32)
    }

    /// How many bytes of a version are here already. Without a tag nobody can say of which version they are.
    fn has(&self, tag: Option<&str>) -> u64 {
        let Some(tag) = tag else { return 0 };
        let has = self.host.entry(&self.part(Some(tag))).map_or(0, |entry| entry.size);
        if self.size().is_some_and(|size| has > size) { 0 } else { has }
    }

    /// Asks for what is missing, and appends it to the part. Returns the part once it is whole; `None` where the answer says that
    /// an earlier command left a part of the same version, which is to be gone on with.
    async fn attempt(&self, tag: &mut Option<String>) -> Result<Option<String>, Failure> {
        let (part, has) = (self.part(tag.as_deref()), self.has(tag.as_deref()));
        if has > 0 && self.size() == Some(has) {
            return Ok(Some(part));
        }
        let head = self.ask(has, tag.as_deref()).await?;
        let range = header(&head.headers, "content-range").unwrap_or_default();
        match head.status {
            206 if has > 0 && range.starts_with(&format!("bytes {has}-")) => {
                self.copy(&head, &part, has).await?;
                Ok(Some(part))
            }
            // Everything is here already.
            416 if has > 0 && range == format!("bytes */{has}") => {
                self.host.close_body(head.body);
                Ok(Some(part))
            }
            200 => {
                let is_first = tag.is_none();
                *tag = strong_tag(&head);
                if is_first && self.has(tag.as_deref()) > 0 {
                    self.host.close_body(head.body);
                    return Ok(None);
                }
                let part = self.part(tag.as_deref());
                self.host.write_file(&part, &[], Write::Replace)?;
                self.copy(&head, &part, 0).await?;
                Ok(Some(part))
            }
            _ => Err(self.refused(head).await),
        }
    }

    /// Asks for the file from a byte on. Where it has another version by now, the answer is the whole file.
    async fn ask(&self, has: u64, tag: Option<&str>) -> Result<HttpHead, Failure> {
        let url = text(self.file, "/url");
        if !url.starts_with('/') {
            return Err(Failure::Final(self.worker.stranger()));
        }
        let mut request = self.worker.request("GET", url);
        if let Some(tag) = tag.filter(|_| has > 0) {
            request.headers.push(("range".to_owned(), format!("bytes={has}-")));
            request.headers.push(("if-range".to_owned(), tag.to_owned()));
        }
        let head = self.host.open(&request).await;
        head.map_err(|error| Failure::Broken(self.worker.unreachable(&error)))
    }

    /// How many bytes the file has, of which the answer brings those after `start`.
    fn total(&self, head: &HttpHead, start: u64) -> Result<u64> {
        let length = header(&head.headers, "content-length").and_then(|length| length.parse::<u64>().ok());
        match (self.size(), length.map(|length| start.saturating_add(length))) {
            (Some(size), Some(sent)) if size != sent => {
                bail!("the Worker sends a file of {sent} bytes, and the run says {size}: it is another file")
            }
            (Some(size), _) => Ok(size),
            (None, Some(sent)) => Ok(sent),
            (None, None) => bail!("neither the run nor the Worker says how many bytes it has"),
        }
    }

    async fn copy(&self, head: &HttpHead, part: &str, start: u64) -> Result<(), Failure> {
        let total = self.total(head, start).inspect_err(|_| self.host.close_body(head.body))?;
        let mut has = start;
        self.show(has, total);
        loop {
            // Ctrl-C ends the command here; the part stays.
            self.host.sleep(0).await?;
            match self.host.read_body(head.body).await {
                Ok(Some(piece)) => {
                    has += piece.len() as u64;
                    if has > total {
                        self.host.close_body(head.body);
                        self.host.write_file(part, &[], Write::Replace)?;
                        return Err(Failure::Final(anyhow!(
                            "more than its {total} bytes came: it is another file"
                        )));
                    }
                    self.host.write_file(part, &piece, Write::Append)?;
                    self.show(has, total);
                }
                Ok(None) if has == total => return Ok(()),
                Ok(None) => {
                    let error = anyhow!("the connection ended after {has} of {total} bytes");
                    return Err(Failure::Broken(error));
                }
                Err(error) => return Err(Failure::Broken(error)),
            }
        }
    }

    async fn refused(&self, head: HttpHead) -> Failure {
        let body = self.host.read_body(head.body).await.ok().flatten().unwrap_or_default();
        self.host.close_body(head.body);
        let status = head.status;
        let error = self.worker.refusal(&HttpAnswer { status, headers: head.headers, body });
        if status >= 500 { Failure::Broken(error) } else { Failure::Final(error) }
    }

    fn show(&self, has: u64, total: u64) {
        let line = format!("{}{}  {}", bar(has, total), run_text::bytes(has), plain(self.name));
        self.host.show_progress(Some(&line));
    }
}

/// How much of a file is here; nothing for an empty one.
fn bar(has: u64, total: u64) -> String {
    let part = |of: u64| u128::from(has) * u128::from(of) / u128::from(total.max(1));
    let filled = usize::try_from(part(BAR_WIDTH as u64)).unwrap_or(BAR_WIDTH).min(BAR_WIDTH);
    if total == 0 {
        return String::new();
    }
    format!("{}{} {:3} %  ", "█".repeat(filled), "░".repeat(BAR_WIDTH - filled), part(100))
}

/// The tag by which a range can be asked for (RFC 9110, section 13.1.5): a weak one does not say that every byte is the same.
fn strong_tag(head: &HttpHead) -> Option<String> {
    header(&head.headers, "etag").filter(|tag| tag.starts_with('"')).map(ToOwned::to_owned)
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may succeed.
    Broken(Error),
    /// None will.
    Final(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}
