//! `seedhook files`: lists the files of a run, and downloads them so that a broken download goes on where it was.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::arguments::Arguments;
use crate::Exit;
use crate::host::{Entry, Host, HttpAnswer, HttpHead, Interrupted, Write, header, print_json};
use crate::run_text::{self, text};
use crate::table::{self, plain};
use crate::worker::{Worker, WorkerError};

/// How often one file is asked for, after its connection broke off.
const ATTEMPTS_MAX: u32 = 5;

/// The pause before an attempt, milliseconds for each that failed.
const PAUSE_MS: u32 = 1_000;

/// The end of the name of a file that is not whole yet.
const PART: &str = ".seedhook-part";

/// The longest name of a file, characters: systems allow 255 bytes, of which the part's end takes some.
const NAME_CHARS_MAX: usize = 60;

/// Names that Windows gives to devices.
const RESERVED: [&str; 8] = ["con", "prn", "aux", "nul", "com1", "com2", "lpt1", "lpt2"];

/// The width of a progress bar, characters.
const BAR_WIDTH: usize = 24;

/// Prints the list, or downloads.
pub(super) async fn run<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    let run = worker.run(&arguments.run_path()).await?;
    let Some(folder) = arguments.option("download") else {
        match run_text::files(&run) {
            files if arguments.is_json => print_json(host, &Value::from(files.to_vec()))?,
            [] => host.print(&no_files(&run))?,
            _ => host.print(&(lines(&run).join("\n") + "\n"))?,
        }
        return Ok(Exit::Good);
    };
    if host.entry(folder).is_some_and(|entry| !entry.is_folder) {
        bail!("{folder} is a file: name a folder");
    }
    host.catch_interrupts()?;
    let (mut saved, mut is_complete) = (Vec::new(), true);
    for (file, name) in run_text::files(&run).iter().zip(local_names(run_text::files(&run))) {
        if text(file, "/state") != "archived" {
            host.print_error(&format!("{}: not archived, it is {}\n", plain(&name), text(file, "/state")));
            is_complete = false;
            continue;
        }
        let path = Path::new(folder).join(&name).to_string_lossy().into_owned();
        let done = Download { host, worker, file, path: &path, name: &name }.run().await;
        host.show_progress(None);
        let what = match done {
            Ok(what) => what,
            // Another file may be there.
            Err(error) if !error.is::<Interrupted>() && !error.is::<WorkerError>() => {
                host.print_error(&format!("{}: {error:#}\n", plain(&name)));
                is_complete = false;
                continue;
            }
            Err(error) => return Err(error),
        };
        if !arguments.is_json {
            host.print(&format!("{what} {}, {}\n", plain(&path), run_text::size(file)))?;
        }
        saved.push(json!({"name": name, "path": path, "size": file["size"], "sha256": file["sha256"]}));
    }
    if arguments.is_json {
        print_json(host, &Value::Array(saved))?;
    } else if run_text::files(&run).is_empty() {
        host.print(&no_files(&run))?;
    }
    Ok(Exit::good_if(is_complete))
}

fn no_files(run: &Value) -> String {
    format!("no files: the run is {}\n", text(run, "/status"))
}

/// The table of files.
pub(super) fn lines(run: &Value) -> Vec<String> {
    let rows: Vec<Vec<String>> = run_text::files(run)
        .iter()
        .map(|file| {
            let note = [text(file, "/error"), text(file, "/key")];
            let note = note.into_iter().find(|note| !note.is_empty()).unwrap_or_default();
            [text(file, "/name"), &run_text::size(file), text(file, "/state"), note]
                .map(ToOwned::to_owned)
                .to_vec()
        })
        .collect();
    table::lines(&["FILE", "SIZE", "STATE", "KEY IN R2, OR ERROR"], &rows, None)
}

/// A name for each file that is safe in a folder, and that no other of the run has.
fn local_names(files: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for file in files {
        let wanted = safe(text(file, "/name"));
        // Some systems see no difference between upper and lower case.
        let is_taken = |name: &String| names.iter().any(|taken| taken.to_lowercase() == name.to_lowercase());
        let name = (1..).map(|count| if count == 1 { wanted.clone() } else { numbered(&wanted, count) });
        names.extend(name.into_iter().find(|name| !is_taken(name)));
    }
    names
}

/// A name without folders, control characters, and what Windows reserves.
fn safe(name: &str) -> String {
    let is_bad = |character: char| character.is_control() || "/\\:*?\"<>|".contains(character);
    let name: String =
        name.chars().map(|character| if is_bad(character) { '_' } else { character }).collect();
    let name = name.trim_matches(['.', ' ']);
    let (stem, ending) = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() < NAME_CHARS_MAX / 2 => {
            (stem, format!(".{ending}"))
        }
        _ => (name, String::new()),
    };
    let stem: String = stem.chars().take(NAME_CHARS_MAX - ending.chars().count()).collect();
    let is_reserved = RESERVED.iter().any(|reserved| stem.eq_ignore_ascii_case(reserved));
    let stem = if stem.is_empty() { "file" } else { &stem };
    // No name may be the one of another file's part.
    let tail = if is_reserved || ending == PART { "_" } else { "" };
    if ending == PART { format!("{stem}{ending}{tail}") } else { format!("{stem}{tail}{ending}") }
}

fn numbered(name: &str, count: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{count}.{ending}"),
        _ => format!("{name}-{count}"),
    }
}

/// A download of one file into `path`, by way of a part.
struct Download<'a, 'h, H> {
    host: &'a H,
    worker: &'a Worker<'h, H>,
    file: &'a Value,
    path: &'a str,
    name: &'a str,
}

impl<H: Host> Download<'_, '_, H> {
    /// What was done: "downloaded", or "already there:".
    async fn run(&self) -> Result<&'static str> {
        let size = self.file.get("size").and_then(Value::as_u64);
        let sha256 = text(self.file, "/sha256");
        if let Some(Entry { size: found, is_folder }) = self.host.entry(self.path) {
            let differs = is_folder
                || size.is_some_and(|size| size != found)
                || (!sha256.is_empty() && self.host.sha256(self.path)? != sha256);
            if differs || (size.is_none() && sha256.is_empty()) {
                bail!("{} is there already and is another file: move it away", self.path);
            }
            return Ok("already there:");
        }
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.attempt(size).await {
                Ok(()) => break,
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Broken(error)) if attempt >= ATTEMPTS_MAX => return Err(error),
                Err(Failure::Broken(_)) => self.host.sleep(PAUSE_MS * attempt).await?,
            }
        }
        if !sha256.is_empty() && self.host.sha256(&self.part())? != sha256 {
            self.host.write_file(&self.part(), &[], Write::Replace)?;
            bail!("what came has another SHA-256 than the run says: the same command begins anew");
        }
        self.host.rename(&self.part(), self.path)?;
        Ok("downloaded")
    }

    fn part(&self) -> String {
        format!("{}{PART}", self.path)
    }

    /// Asks for what is missing, and appends it to the part.
    async fn attempt(&self, size: Option<u64>) -> Result<(), Failure> {
        let mut has = self.host.entry(&self.part()).map_or(0, |entry| entry.size);
        // The tag of the file is not known before its first answer; a file of a run never changes once it is archived.
        if size.is_some_and(|size| has > size) {
            self.host.write_file(&self.part(), &[], Write::Replace)?;
            has = 0;
        }
        if size == Some(has) && has > 0 {
            return Ok(());
        }
        let url = text(self.file, "/url");
        if !url.starts_with('/') {
            return Err(Failure::Final(self.worker.stranger()));
        }
        let mut request = self.worker.request("GET", url);
        if has > 0 {
            request.headers.push(("range".to_owned(), format!("bytes={has}-")));
        }
        let head = self.host.open(&request).await;
        let head = head.map_err(|error| Failure::Broken(self.worker.unreachable(&error)))?;
        let range = header(&head.headers, "content-range").unwrap_or_default();
        let start = match head.status {
            206 if range.starts_with(&format!("bytes {has}-")) => has,
            // Everything is here already.
            416 if range == format!("bytes */{has}") => {
                self.host.close_body(head.body);
                return Ok(());
            }
            200 => {
                self.host.write_file(&self.part(), &[], Write::Replace)?;
                0
            }
            _ => return Err(self.refused(head).await),
        };
        let total = size.or_else(|| {
            let length: u64 = header(&head.headers, "content-length")?.parse().ok()?;
            Some(start + length)
        });
        self.copy(&head, start, total).await
    }

    async fn copy(&self, head: &HttpHead, start: u64, total: Option<u64>) -> Result<(), Failure> {
        let mut has = start;
        self.show(has, total);
        loop {
            // Ctrl-C ends the command here; the part stays.
            self.host.sleep(0).await?;
            match self.host.read_body(head.body).await {
                Ok(Some(piece)) => {
                    self.host.write_file(&self.part(), &piece, Write::Append)?;
                    has += piece.len() as u64;
                    self.show(has, total);
                }
                Ok(None) if total.is_none_or(|total| has == total) => return Ok(()),
                Ok(None) => {
                    let error =
                        anyhow::anyhow!("the connection ended after {has} of {} bytes", total.unwrap_or(has));
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

    fn show(&self, has: u64, total: Option<u64>) {
        let bar = total.filter(|total| *total > 0).map(|total| {
            let filled = usize::try_from(has.min(total) * BAR_WIDTH as u64 / total).unwrap_or(BAR_WIDTH);
            format!("{}{} {:3} %  ", "█".repeat(filled), "░".repeat(BAR_WIDTH - filled), has * 100 / total)
        });
        let line = format!("{}{}  {}", bar.unwrap_or_default(), run_text::bytes(has), plain(self.name));
        self.host.show_progress(Some(&line));
    }
}

/// Why an attempt failed.
enum Failure {
    /// Another attempt may succeed.
    Broken(anyhow::Error),
    /// None will.
    Final(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder_and_differ() {
        let files = ["a.csv", "A.csv", "../../etc/passwd", "", "..", "c:\\x\n", "a.csv", ".env"];
        let files: Vec<Value> = files.iter().map(|name| json!({"name": name})).collect();
        assert_eq!(
            local_names(&files),
            ["a.csv", "A-2.csv", "_.._etc_passwd", "file", "file-2", "c__x_", "a-3.csv", "env"]
        );
    }
}
