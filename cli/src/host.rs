//! What the commands need of the machine: files, a terminal, a network, programs, a clock. Node gives it to the package
//! (`node.rs`), and `cargo xtask` natively. No command reaches the machine in another way.

use std::future::Future;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest answer that is held in memory, bytes. Files are streamed.
pub const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The most bytes that are read from standard input: twice what a Worker takes.
pub const STDIN_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The machine on which a command runs. Paths are relative to the folder in which the command was called.
pub trait Host {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The time since 1970, milliseconds.
    fn now_ms(&self) -> i64;
    /// Fills bytes from the system's source of randomness.
    ///
    /// # Errors
    /// When the system has none.
    fn fill_random(&self, bytes: &mut [u8]) -> Result<()>;

    /// Prints words for a person to standard output. A reader that stops early, as `head` does, is not an error.
    ///
    /// # Errors
    /// When standard output cannot be written.
    fn print(&self, text: &str) -> Result<()>;
    /// Prints data for a program or a file to standard output, byte for byte.
    ///
    /// # Errors
    /// As [`Host::print`].
    fn print_data(&self, text: &str) -> Result<()>;
    /// Prints to standard error.
    fn print_error(&self, text: &str);
    /// Shows what a command waits for in the last line of the terminal; `None` removes the line. Without a terminal it does
    /// nothing.
    fn show_progress(&self, line: Option<&str>);
    /// What standard output is.
    fn terminal(&self) -> Terminal;
    /// Asks for a line at the terminal, and does not show what is typed. `None` where there is no terminal.
    ///
    /// # Errors
    /// [`Interrupted`] when Ctrl-C is pressed.
    fn ask_secret(&self, prompt: &str) -> impl Future<Output = Result<Option<String>>>;
    /// Everything on standard input. Ctrl-C ends the program while it is read.
    ///
    /// # Errors
    /// When it cannot be read, or has more than [`STDIN_BYTES_MAX`].
    fn stdin(&self) -> Result<Vec<u8>>;

    /// The whole content of a file. `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>>;
    /// Writes a file. Missing folders are created. Of a new file that cannot be written whole, nothing stays.
    ///
    /// # Errors
    /// When it cannot be written, or [`Write::New`] finds one.
    fn write_file(&self, path: &str, bytes: &[u8], how: Write) -> Result<()>;
    /// What is at a path. `None` where nothing is.
    fn entry(&self, path: &str) -> Option<Entry>;
    /// The SHA-256 of a file, in hexadecimal.
    ///
    /// # Errors
    /// When it cannot be read.
    fn sha256(&self, path: &str) -> Result<String>;
    /// The name of a folder, also of `.`.
    fn folder_name(&self, path: &str) -> String;
    /// Renames a file, over another if there is one.
    ///
    /// # Errors
    /// When the system refuses.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Sends a request, and returns the head of the answer. Redirects are not followed.
    ///
    /// # Errors
    /// When there is no answer within the request's time.
    fn open(&self, request: &HttpRequest) -> impl Future<Output = Result<HttpHead>>;
    /// The next piece of an answer's body, and `None` at its end.
    ///
    /// # Errors
    /// When the connection breaks off, or nothing comes for 30 s.
    fn read_body(&self, body: u32) -> impl Future<Output = Result<Option<Vec<u8>>>>;
    /// Ends an answer whose body is not wanted.
    fn close_body(&self, body: u32);

    /// Runs a program to its end.
    ///
    /// # Errors
    /// When it cannot be started. A program that fails is no error here.
    fn run(&self, program: &Program) -> impl Future<Output = Result<ProgramOutput>>;
    /// Starts a program that runs beside the command and ends with it. What it prints goes into the file `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    fn start(&self, program: &Program, log: &str) -> Result<u32>;
    /// How a started program is.
    fn process(&self, id: u32) -> ProcessState;
    /// The system's number of our own process.
    fn process_id(&self) -> u32;
    /// Whether a process of this user has this number of the system.
    fn is_running(&self, process_id: u32) -> bool;
    /// Ends a started program and all that it started, and waits until they have ended.
    fn stop(&self, id: u32) -> impl Future<Output = ()>;
    /// The program and first arguments that call wrangler.
    ///
    /// # Errors
    /// When wrangler, or a Node that is new enough for it, can be neither found nor installed.
    fn wrangler(&self) -> impl Future<Output = Result<Vec<String>>>;
    /// Starts the local Fabricate at a port of 127.0.0.1, and returns its address.
    ///
    /// # Errors
    /// When it does not come up.
    fn serve_fabricate(&self, options: &FabricateOptions) -> impl Future<Output = Result<String>>;
    /// Whether a port of 127.0.0.1 is free; 0 asks for any. Returns the port, and `None` where it is taken.
    ///
    /// # Errors
    /// When nobody has it, and this user may not have it either.
    fn free_port(&self, port: u16) -> impl Future<Output = Result<Option<u16>>>;

    /// Opens an address in the user's browser. Whether there is one.
    fn open_in_browser(&self, url: &str) -> impl Future<Output = bool>;
    /// Waits.
    ///
    /// # Errors
    /// [`Interrupted`] as soon as Ctrl-C is pressed.
    fn sleep(&self, ms: u32) -> impl Future<Output = Result<()>>;
    /// From now on Ctrl-C interrupts [`Host::sleep`] and requests, so that a command can end what it started.
    ///
    /// # Errors
    /// When the signal cannot be caught.
    fn catch_interrupts(&self) -> Result<()>;
}

/// The error of a command that Ctrl-C, SIGTERM or SIGHUP interrupted.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// What standard output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Terminal {
    /// Whether it is a terminal.
    pub is_terminal: bool,
    /// Its width, characters.
    pub columns: usize,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It must not exist.
    New,
    /// It must not exist, and only its owner may read it.
    NewSecret,
    /// What was there is replaced, at once and whole.
    Replace,
    /// After what is there.
    Append,
}

/// What is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Entry {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// The size of a file, bytes.
    pub size: u64,
}

/// A request.
#[derive(Debug, Clone, Serialize)]
pub struct HttpRequest {
    /// The method.
    pub method: String,
    /// The whole address.
    pub url: String,
    /// Names and values.
    pub headers: Vec<(String, String)>,
    /// The body. Empty for none.
    #[cfg_attr(target_arch = "wasm32", serde(with = "serde_bytes"))]
    pub body: Vec<u8>,
    /// How long the head of the answer may take, milliseconds.
    pub timeout_ms: u32,
}

/// The head of an answer.
#[derive(Debug, Clone, Deserialize)]
pub struct HttpHead {
    /// The status.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, for [`Host::read_body`].
    pub body: u32,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// Names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The value of a header.
#[must_use]
pub fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A program to run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Program {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Environment variables that it gets beside ours.
    pub env: Vec<(String, String)>,
    /// What it reads from standard input.
    pub input: Option<String>,
    /// Whether it prints on our terminal. Otherwise its output is returned.
    pub is_shown: bool,
}

/// What a program printed, and how it ended.
#[derive(Debug, Clone, Deserialize)]
pub struct ProgramOutput {
    /// The exit code; -1 where a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// How a started program is.
#[derive(Debug, Clone, Deserialize)]
pub struct ProcessState {
    /// How it ended, if it has.
    pub ended: Option<String>,
    /// Everything that it printed so far; of much, the last 256 KiB.
    pub printed: String,
}

/// How the local Fabricate is set up.
#[derive(Debug, Clone, Serialize)]
pub struct FabricateOptions {
    /// Its port of 127.0.0.1.
    pub port: u16,
    /// The API key that it accepts.
    pub key: String,
    /// How long a workflow takes, milliseconds.
    pub task_ms: u32,
    /// The file with what it prints.
    pub log: String,
}

/// Sends a request, and returns the whole answer.
///
/// # Errors
/// When there is no answer in time, the connection breaks off, or the answer has more than [`ANSWER_BYTES_MAX`].
pub async fn fetch(host: &impl Host, request: &HttpRequest) -> Result<HttpAnswer> {
    let head = host.open(request).await?;
    let mut body = Vec::new();
    while let Some(piece) = host.read_body(head.body).await? {
        body.extend_from_slice(&piece);
        if body.len() > ANSWER_BYTES_MAX {
            host.close_body(head.body);
            bail!("the answer to {} {} has more than {ANSWER_BYTES_MAX} bytes", request.method, request.url);
        }
    }
    Ok(HttpAnswer { status: head.status, headers: head.headers, body })
}

/// Bytes of standard input, of which at most one more was read than is allowed.
///
/// # Errors
/// When there are more than [`STDIN_BYTES_MAX`].
pub fn bounded_stdin(bytes: Vec<u8>) -> Result<Vec<u8>> {
    if bytes.len() > STDIN_BYTES_MAX {
        bail!("there are more than {} MiB, and a Worker takes at most 4", STDIN_BYTES_MAX >> 20);
    }
    Ok(bytes)
}

/// Prints JSON, indented.
///
/// # Errors
/// As [`Host::print`].
pub fn print_json(host: &impl Host, json: &Value) -> Result<()> {
    host.print_data(&format!("{json:#}\n"))
}

/// The text of a file. `None` where there is none.
///
/// # Errors
/// When it cannot be read, or is not UTF-8.
pub fn read_text(host: &impl Host, path: &str) -> Result<Option<String>> {
    let Some(bytes) = host.read_file(path)? else { return Ok(None) };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(_) => bail!("{path} is not UTF-8 text"),
    }
}
