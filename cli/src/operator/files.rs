//! `seedhook files`: lists the files of a run, and downloads them so that a broken download goes on where it was.

mod download;

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use super::arguments::Arguments;
use crate::Exit;
use crate::host::{Host, Interrupted, print_json};
use crate::run_text::{self, text};
use crate::table::{self, is_unsafe, plain};
use crate::worker::{Worker, WorkerError};
use download::{Download, PART};

/// The longest name of a file, characters: systems allow 255 bytes, of which a part's end takes 23.
const NAME_CHARS_MAX: usize = 55;

/// Names that Windows gives to devices. Those of ports have a digit at their end.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];
const PORTS: [&str; 2] = ["com", "lpt"];

/// Prints the list, or downloads.
pub(super) async fn run<H: Host>(host: &H, worker: &Worker<'_, H>, arguments: &Arguments) -> Result<Exit> {
    let run = worker.run(&arguments.run_path()).await?;
    if let Some(folder) = arguments.option("download") {
        return download_all(host, worker, arguments.is_json, &run, folder).await;
    }
    match run_text::files(&run) {
        files if arguments.is_json => print_json(host, &Value::from(files.to_vec()))?,
        [] => host.print(&no_files(&run))?,
        _ => host.print(&(lines(&run).join("\n") + "\n"))?,
    }
    Ok(Exit::Good)
}

/// Downloads the files of a run into a folder. Good if the run completed and all its files are there.
async fn download_all<H: Host>(
    host: &H,
    worker: &Worker<'_, H>,
    is_json: bool,
    run: &Value,
    folder: &str,
) -> Result<Exit> {
    if host.entry(folder).is_some_and(|entry| !entry.is_folder) {
        bail!("{folder} is a file: name a folder");
    }
    host.catch_interrupts()?;
    let (files, mut saved, mut is_complete) = (run_text::files(run), Vec::new(), true);
    for (file, name) in files.iter().zip(local_names(files)) {
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
            Err(error) => {
                if error.is::<Interrupted>() {
                    host.print_error(
                        "interrupted: what came is kept, and the same command goes on from there\n",
                    );
                }
                return Err(error);
            }
        };
        if !is_json {
            host.print(&format!("{what} {}, {}\n", plain(&path), run_text::size(file)))?;
        }
        saved.push(json!({"name": name, "path": path, "size": file["size"], "sha256": file["sha256"]}));
    }
    if is_json {
        print_json(host, &Value::Array(saved))?;
    } else if files.is_empty() {
        host.print(&no_files(run))?;
    }
    let status = text(run, "/status");
    if status != "completed" && !files.is_empty() {
        host.print_error(&format!("the run is {status}, so these may not be all of its files\n"));
    }
    Ok(Exit::good_if(is_complete && status == "completed"))
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

/// A name without folders, characters that change a terminal, and what Windows reserves.
fn safe(name: &str) -> String {
    let is_bad = |character: char| is_unsafe(character) || "/\\:*?\"<>|".contains(character);
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
    let stem = if stem.is_empty() { "file" } else { &stem };
    let head = if is_device(stem) { "_" } else { "" };
    // No name may be the one of another file's part.
    let tail = if ending == PART { "_" } else { "" };
    format!("{head}{stem}{ending}{tail}")
}

/// Whether Windows reads a file name as the name of a device, with any extension.
fn is_device(stem: &str) -> bool {
    let stem = stem.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let port = stem.strip_suffix(|digit: char| digit.is_ascii_digit());
    DEVICES.contains(&stem.as_str()) || port.is_some_and(|port| PORTS.contains(&port))
}

fn numbered(name: &str, count: usize) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => format!("{stem}-{count}.{ending}"),
        _ => format!("{name}-{count}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder_and_differ() {
        let files = [
            "a.csv",
            "A.csv",
            "../../etc/passwd",
            "",
            "..",
            "c:\\x\n",
            "a.csv",
            ".env",
            "LPT9.csv",
            "con.tar.gz",
            "gpj.\u{202e}csv",
        ];
        let files: Vec<Value> = files.iter().map(|name| json!({"name": name})).collect();
        assert_eq!(
            local_names(&files),
            [
                "a.csv",
                "A-2.csv",
                "_.._etc_passwd",
                "file",
                "file-2",
                "c__x_",
                "a-3.csv",
                "env",
                "_LPT9.csv",
                "_con.tar.gz",
                "gpj._csv"
            ]
        );
    }
}
