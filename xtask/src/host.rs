//! The machine of `seedhook_cli`'s commands, natively: this repository is their project.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::future::Future;
use std::io::{IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{Command, Stdio};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;
use std::{env, io};

use anyhow::{Context, Result, bail};
use seedhook_cli::host::{
    Entry, FabricateOptions, Host, HttpHead, HttpRequest, ProcessState, Program, ProgramOutput,
    STDIN_BYTES_MAX, Terminal, Write, bounded_stdin,
};
use sha2::{Digest, Sha256};
use ureq::Agent;

use crate::background_process::BackgroundProcess;
use crate::clock::{self, Stopwatch};
use crate::command::{self, cargo};
use crate::interrupt::Interrupt;
use crate::setup::{Node, npm};
use crate::{project, setup};

/// The piece of a body that is read at once, bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// How long a body may pause, and how long the local Fabricate may take to start.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// The bodies that are being read.
type Bodies = BTreeMap<u32, Box<dyn Read>>;

/// This machine, in the folder of the project.
#[derive(Default)]
pub(crate) struct NativeHost {
    bodies: RefCell<Bodies>,
    processes: RefCell<BTreeMap<u32, BackgroundProcess>>,
    interrupt: RefCell<Option<Interrupt>>,
    /// Whether the last line shows what a command waits for.
    has_progress: RefCell<bool>,
    next: RefCell<u32>,
}

/// Runs a command of `seedhook_cli`: its futures wait for nothing, because everything here blocks.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = TaskContext::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

impl NativeHost {
    fn id(&self) -> u32 {
        *self.next.borrow_mut() += 1;
        *self.next.borrow()
    }

    fn keep(&self, process: BackgroundProcess) -> u32 {
        let id = self.id();
        self.processes.borrow_mut().insert(id, process);
        id
    }

    fn command(program: &Program) -> Result<Command> {
        let (first, rest) = program.words.split_first().context("there is no program")?;
        let mut command = Command::new(first);
        command.args(rest).current_dir(project::root());
        command.envs(program.env.iter().map(|(name, value)| (name, value)));
        command.env("PATH", Node::ready()?.path()?);
        Ok(command)
    }
}

/// A path of the project; an absolute one stays.
fn path(given: &str) -> PathBuf {
    project::path(given)
}

/// What the package calls `npx seedhook` is `cargo xtask` here.
fn in_our_words(text: &str) -> String {
    text.replace("npx seedhook", "cargo xtask")
}

impl Host for NativeHost {
    fn env(&self, name: &str) -> Option<String> {
        env::var(name).ok()
    }

    fn now_ms(&self) -> i64 {
        clock::unix_time().map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        getrandom::fill(bytes).map_err(|error| anyhow::anyhow!("this machine has no randomness: {error}"))
    }

    fn print(&self, text: &str) -> Result<()> {
        self.print_data(&in_our_words(text))
    }

    fn print_data(&self, text: &str) -> Result<()> {
        self.show_progress(None);
        crate::terminal::print(text)
    }

    fn print_error(&self, text: &str) {
        self.show_progress(None);
        eprint!("{}", in_our_words(text));
    }

    fn show_progress(&self, line: Option<&str>) {
        let mut has_progress = self.has_progress.borrow_mut();
        if !io::stderr().is_terminal() || (line.is_none() && !*has_progress) {
            return;
        }
        eprint!("\r\x1b[2K{}", line.unwrap_or_default());
        let _ = io::stderr().flush();
        *has_progress = line.is_some();
    }

    fn terminal(&self) -> Terminal {
        let is_terminal = io::stdout().is_terminal();
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).unwrap_or(160);
        Terminal { is_terminal, columns }
    }

    async fn ask_secret(&self, prompt: &str) -> Result<Option<String>> {
        if !io::stdin().is_terminal() {
            return Ok(None);
        }
        // The terminal shows what is typed: contributors deploy with the package.
        eprint!("{prompt}");
        let mut line = String::new();
        io::stdin().read_line(&mut line)?;
        Ok(Some(line))
    }

    fn stdin(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().take(STDIN_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        bounded_stdin(bytes)
    }

    fn read_file(&self, given: &str) -> Result<Option<Vec<u8>>> {
        match fs::read(path(given)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("{given} cannot be read")),
        }
    }

    fn write_file(&self, given: &str, bytes: &[u8], how: Write) -> Result<()> {
        write(&path(given), bytes, how).with_context(|| format!("{given} cannot be written"))
    }

    fn entry(&self, given: &str) -> Option<Entry> {
        let found = fs::metadata(path(given)).ok()?;
        Some(Entry { is_folder: found.is_dir(), size: found.len() })
    }

    fn sha256(&self, given: &str) -> Result<String> {
        let mut file = fs::File::open(path(given)).with_context(|| format!("{given} cannot be read"))?;
        let mut hash = Sha256::new();
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let read = file.read(&mut piece)?;
            match piece.get(..read) {
                Some(bytes) if read > 0 => hash.update(bytes),
                _ => return Ok(base16ct::lower::encode_string(&hash.finalize())),
            }
        }
    }

    fn folder_name(&self, given: &str) -> String {
        let path = path(given);
        let path = path.canonicalize().unwrap_or(path);
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        fs::rename(path(from), path(to)).with_context(|| format!("{from} cannot be renamed to {to}"))
    }

    async fn open(&self, request: &HttpRequest) -> Result<HttpHead> {
        let agent: Agent = Agent::config_builder()
            // The environment may name a proxy, which must not be used for this machine.
            .proxy(if request.url.starts_with("http://") { None } else { ureq::Proxy::try_from_env() })
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_recv_response(Some(Duration::from_millis(u64::from(request.timeout_ms))))
            .timeout_connect(Some(Duration::from_millis(u64::from(request.timeout_ms))))
            .build()
            .into();
        let mut builder = ureq::http::Request::builder().method(request.method.as_str()).uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let answer = if request.body.is_empty() {
            agent.run(builder.body(())?)
        } else {
            agent.run(builder.body(request.body.as_slice())?)
        }?;
        let headers = answer.headers().iter().map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        });
        let (status, headers) = (answer.status().as_u16(), headers.collect());
        let body = self.id();
        self.bodies.borrow_mut().insert(body, Box::new(answer.into_body().into_reader()));
        Ok(HttpHead { status, headers, body })
    }

    async fn read_body(&self, body: u32) -> Result<Option<Vec<u8>>> {
        let Some(mut reader) = self.bodies.borrow_mut().remove(&body) else { return Ok(None) };
        let mut piece = vec![0; PIECE_BYTES];
        let read = reader.read(&mut piece).context("the connection broke off")?;
        if read == 0 {
            return Ok(None);
        }
        piece.truncate(read);
        self.bodies.borrow_mut().insert(body, reader);
        Ok(Some(piece))
    }

    fn close_body(&self, body: u32) {
        self.bodies.borrow_mut().remove(&body);
    }

    async fn run(&self, program: &Program) -> Result<ProgramOutput> {
        let mut command = Self::command(program)?;
        command.stdin(if program.input.is_some() { Stdio::piped() } else { Stdio::null() });
        if !program.is_shown {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        let mut child =
            command.spawn().with_context(|| format!("{} cannot be started", program.words.join(" ")))?;
        if let (Some(input), Some(mut stdin)) = (&program.input, child.stdin.take()) {
            stdin.write_all(input.as_bytes())?;
        }
        let output = child.wait_with_output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Ok(ProgramOutput { code, stdout: text(&output.stdout), stderr: text(&output.stderr) })
    }

    fn start(&self, program: &Program, log: &str) -> Result<u32> {
        let is_shown = program.is_shown;
        let on_line = move |line: &str| {
            if is_shown {
                println!("  {line}");
            }
        };
        let process = BackgroundProcess::start("wrangler", &mut Self::command(program)?, path(log), on_line)?;
        Ok(self.keep(process))
    }

    fn process(&self, id: u32) -> ProcessState {
        let mut processes = self.processes.borrow_mut();
        match processes.get_mut(&id) {
            Some(process) => ProcessState {
                ended: process.must_be_up().err().map(|_| "it".to_owned()),
                printed: process.printed(),
            },
            None => ProcessState { ended: Some("it was stopped".to_owned()), printed: String::new() },
        }
    }

    fn process_id(&self) -> u32 {
        std::process::id()
    }

    fn is_running(&self, process_id: u32) -> bool {
        is_running(process_id)
    }

    async fn stop(&self, id: u32) {
        drop(self.processes.borrow_mut().remove(&id));
    }

    async fn wrangler(&self) -> Result<Vec<String>> {
        let tools = setup::tools()?;
        let node = tools.node.program.display().to_string();
        Ok(vec![node, npm::wrangler().display().to_string()])
    }

    async fn serve_fabricate(&self, options: &FabricateOptions) -> Result<String> {
        let seconds = f64::from(options.task_ms) / 1000.0;
        let mut fabricate = cargo(&["run", "--quiet", "--package", "fake-fabricate", "--"]);
        fabricate.args(["--port", &options.port.to_string(), "--key", &options.key]);
        // A user's own hooks name their own workspaces and workflows.
        fabricate.args(["--task-seconds", &seconds.to_string(), "--any-names"]);
        let mut process = BackgroundProcess::start("Fabricate", &mut fabricate, path(&options.log), |_| ())?;
        let watch = Stopwatch::start();
        while watch.elapsed() < PAUSE_MAX {
            let printed = process.printed();
            let found = printed.lines().find_map(|line| line.split_once("listening on "));
            if let Some((_, url)) = found {
                self.keep(process);
                return Ok(url.trim().to_owned());
            }
            process.must_be_up()?;
            self.sleep(100).await?;
        }
        bail!("the local Fabricate did not come up\n{}", process.last_lines())
    }

    async fn free_port(&self, port: u16) -> Result<Option<u16>> {
        match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(listener) => Ok(Some(listener.local_addr()?.port())),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                bail!("this user may not listen there")
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn open_in_browser(&self, url: &str) -> bool {
        let (program, arguments): (&str, &[&str]) = if cfg!(target_os = "macos") {
            ("open", &[])
        } else if cfg!(windows) {
            ("cmd", &["/C", "start", ""])
        } else {
            ("xdg-open", &[])
        };
        let mut command = Command::new(program);
        command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    async fn sleep(&self, ms: u32) -> Result<()> {
        let time = Duration::from_millis(u64::from(ms));
        if let Some(interrupt) = &*self.interrupt.borrow() {
            return interrupt.sleep(time);
        }
        std::thread::sleep(time);
        Ok(())
    }

    fn catch_interrupts(&self) -> Result<()> {
        *self.interrupt.borrow_mut() = Some(Interrupt::listen()?);
        Ok(())
    }
}

#[cfg(unix)]
fn is_running(process_id: u32) -> bool {
    let id = nix::unistd::Pid::from_raw(process_id.cast_signed());
    nix::sys::signal::kill(id, None).is_ok()
}

#[cfg(not(unix))]
fn is_running(process_id: u32) -> bool {
    let filter = format!("PID eq {process_id}");
    let listed = Command::new("tasklist").args(["/NH", "/FO", "CSV", "/FI", &filter]).output();
    listed.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(&format!("\"{process_id}\"")))
}

/// Writes a file, as [`Host::write_file`] says.
fn write(path: &Path, bytes: &[u8], how: Write) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match how {
        Write::New | Write::NewSecret => write_new(path, bytes, how == Write::NewSecret),
        Write::Append => OpenOptions::new().append(true).create(true).open(path)?.write_all(bytes),
        Write::Replace => {
            let part = path.with_added_extension(format!("{}.tmp", std::process::id()));
            // One may be left of a process of the same number.
            let _ = fs::remove_file(&part);
            write_new(&part, bytes, false)?;
            fs::rename(&part, path).inspect_err(|_| drop(fs::remove_file(&part)))
        }
    }
}

/// Writes a file that must not exist. Where it cannot be written whole, nothing of it stays.
#[cfg_attr(not(unix), expect(unused_variables, reason = "files of a user are the user's on Windows"))]
fn write_new(path: &Path, bytes: &[u8], is_secret: bool) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if is_secret {
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    }
    let written = options.open(path)?.write_all(bytes);
    written.inspect_err(|_| drop(fs::remove_file(path)))
}

/// Compiles the local Fabricate, so that it starts quickly.
pub(crate) fn compile_fabricate() -> Result<()> {
    println!("compiling the local Fabricate (a minute the first time)");
    command::run(&mut cargo(&["build", "--quiet", "--package", "fake-fabricate"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and contents of the files in a folder.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let file = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        };
        entries.filter(|path| path.is_file()).map(file).collect()
    }

    #[test]
    fn a_file_is_replaced_whole_or_not_at_all() {
        let folder = env::temp_dir().join(format!("seedhook-write-{}", std::process::id()));
        let file = folder.join("a");
        write(&file, b"1", Write::New).unwrap();
        assert!(write(&file, b"2", Write::New).is_err(), "it is there");
        let before = fs::File::open(&file).unwrap();
        write(&file, b"34", Write::Replace).unwrap();
        write(&file, b"5", Write::Append).unwrap();
        let mut whole = String::new();
        io::Read::take(before, 9).read_to_string(&mut whole).unwrap();
        assert_eq!(whole, "1", "who reads the old one reads all of it");
        fs::create_dir(folder.join("b")).unwrap();
        assert!(write(&folder.join("b"), b"6", Write::Replace).is_err(), "it is a folder");
        assert_eq!(files(&folder), [("a".to_owned(), "345".to_owned())]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
