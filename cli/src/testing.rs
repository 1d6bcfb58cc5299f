//! A machine for tests: the files of this repository, nothing to print on, and no network and no programs unless the test has
//! them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;

use crate::host::{
    Entry, FabricateOptions, Host, HttpHead, HttpRequest, Interrupted, ProcessState, Program, ProgramOutput,
    Terminal, Write,
};

/// The time on the machine, milliseconds since 1970.
pub(crate) const NOW_MS: i64 = 1_795_574_653_000;

/// The path of a file of the repository.
pub(crate) fn project_path(relative: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    root.join(relative).to_str().unwrap().to_owned()
}

/// The text of a file of the repository.
pub(crate) fn project_text(relative: &str) -> String {
    fs::read_to_string(project_path(relative)).unwrap()
}

/// The number of the machine's own process.
pub(crate) const PROCESS_ID: u32 = 100;

/// Answers a request.
type Respond = dyn Fn(&HttpRequest) -> Result<Answer>;

/// What the network answers to a request.
pub(crate) struct Network(Box<Respond>);

impl Network {
    /// A network with this server.
    pub(crate) fn new(server: impl Fn(&HttpRequest) -> Result<Answer> + 'static) -> Self {
        Self(Box::new(server))
    }

    /// What it answers.
    pub(crate) fn answer(&self, request: &HttpRequest) -> Result<Answer> {
        (self.0)(request)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Network")
    }
}

/// An answer of the network.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// The pieces of the body; `None`: the connection breaks off.
    pub(crate) pieces: VecDeque<Option<Vec<u8>>>,
}

impl Answer {
    /// An answer in JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: Vec::new(), pieces: [Some(body.to_string().into_bytes())].into() }
    }
}

/// The machine. What is printed is kept.
#[derive(Debug, Default)]
pub(crate) struct TestHost {
    /// The folder of relative paths.
    pub(crate) folder: PathBuf,
    /// The environment.
    pub(crate) env: Vec<(&'static str, &'static str)>,
    /// Standard output.
    pub(crate) printed: RefCell<String>,
    /// Standard error.
    pub(crate) errors: RefCell<String>,
    /// The name of a file that cannot be written.
    pub(crate) unwritable: Option<&'static str>,
    /// Where there is a network, there are wrangler and the local Fabricate, too.
    pub(crate) network: Option<Network>,
    /// The requests.
    pub(crate) asked: RefCell<Vec<HttpRequest>>,
    /// The bodies that are being read.
    pub(crate) bodies: RefCell<BTreeMap<u32, VecDeque<Option<Vec<u8>>>>>,
    /// After how many milliseconds of sleep Ctrl-C is pressed; never without.
    pub(crate) interrupted_after_ms: Option<i64>,
    /// How long it slept, milliseconds.
    pub(crate) slept_ms: Cell<i64>,
    /// The ports that are taken, and those that this user may not have.
    pub(crate) taken_ports: Vec<u16>,
    pub(crate) forbidden_ports: Vec<u16>,
    /// The other processes that run.
    pub(crate) processes: Vec<u32>,
    /// How many of the programs that were started still run.
    pub(crate) started: Cell<usize>,
}

impl TestHost {
    /// A machine whose folder is the one of the test.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A machine in a folder.
    pub(crate) fn within(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..Self::default() }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Everything that was printed, and then all errors.
    pub(crate) fn said(&self) -> String {
        format!("{}{}", self.printed.borrow(), self.errors.borrow())
    }

    /// Whether Ctrl-C was pressed.
    fn is_interrupted(&self) -> bool {
        self.interrupted_after_ms.is_some_and(|after_ms| self.slept_ms.get() >= after_ms)
    }
}

impl Host for TestHost {
    fn env(&self, name: &str) -> Option<String> {
        let set = self.env.iter().find(|(known, _)| *known == name);
        set.map(|(_, value)| (*value).to_owned())
    }
    fn now_ms(&self) -> i64 {
        NOW_MS + self.slept_ms.get()
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        bytes.iter_mut().zip(1..).for_each(|(byte, count)| *byte = count);
        Ok(())
    }
    fn print(&self, text: &str) -> Result<()> {
        self.printed.borrow_mut().push_str(text);
        Ok(())
    }
    fn print_data(&self, text: &str) -> Result<()> {
        self.print(text)
    }
    fn print_error(&self, text: &str) {
        self.errors.borrow_mut().push_str(text);
    }
    fn show_progress(&self, _: Option<&str>) {}
    fn terminal(&self) -> Terminal {
        Terminal { is_terminal: false, columns: 80 }
    }
    async fn ask_secret(&self, _: &str) -> Result<Option<String>> {
        Ok(None)
    }
    fn stdin(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }
    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(path);
        Ok(if path.is_file() { Some(fs::read(path)?) } else { None })
    }
    fn write_file(&self, path: &str, bytes: &[u8], how: Write) -> Result<()> {
        let path = self.path(path);
        if self.unwritable.is_some_and(|name| path.ends_with(name)) {
            bail!("{} cannot be written", path.display());
        }
        if matches!(how, Write::New | Write::NewSecret) && path.exists() {
            bail!("{} exists", path.display());
        }
        fs::create_dir_all(path.parent().context("no folder")?)?;
        let before = if how == Write::Append { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        Ok(fs::write(path, [&before, bytes].concat())?)
    }
    fn entry(&self, path: &str) -> Option<Entry> {
        let found = fs::metadata(self.path(path)).ok()?;
        Some(Entry { is_folder: found.is_dir(), size: found.len() })
    }
    /// Not one, but as good: the content itself.
    fn sha256(&self, path: &str) -> Result<String> {
        Ok(base16ct::lower::encode_string(&fs::read(self.path(path))?))
    }
    fn folder_name(&self, path: &str) -> String {
        let path = self.path(path).components().collect::<PathBuf>();
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        Ok(fs::rename(self.path(from), self.path(to))?)
    }
    async fn open(&self, request: &HttpRequest) -> Result<HttpHead> {
        if self.is_interrupted() {
            return Err(Interrupted.into());
        }
        let Some(network) = &self.network else { bail!("there is no network for {}", request.url) };
        self.asked.borrow_mut().push(request.clone());
        let Answer { status, headers, pieces } = network.answer(request)?;
        let body = u32::try_from(self.asked.borrow().len())?;
        self.bodies.borrow_mut().insert(body, pieces);
        Ok(HttpHead { status, headers, body })
    }
    async fn read_body(&self, body: u32) -> Result<Option<Vec<u8>>> {
        let piece = self.bodies.borrow_mut().get_mut(&body).and_then(VecDeque::pop_front);
        piece.map(|piece| piece.ok_or_else(|| anyhow!("the connection broke off"))).transpose()
    }
    fn close_body(&self, body: u32) {
        self.bodies.borrow_mut().remove(&body);
    }
    async fn run(&self, program: &Program) -> Result<ProgramOutput> {
        bail!("there are no programs: {:?}", program.words)
    }
    fn start(&self, program: &Program, _: &str) -> Result<u32> {
        if self.network.is_none() {
            bail!("there are no programs: {:?}", program.words);
        }
        self.started.update(|started| started + 1);
        Ok(1)
    }
    fn process(&self, _: u32) -> ProcessState {
        ProcessState { ended: None, printed: String::new() }
    }
    fn process_id(&self) -> u32 {
        PROCESS_ID
    }
    fn is_running(&self, process_id: u32) -> bool {
        self.processes.contains(&process_id)
    }
    async fn stop(&self, _: u32) {
        self.started.update(|started| started - 1);
    }
    async fn wrangler(&self) -> Result<Vec<String>> {
        if self.network.is_none() {
            bail!("there is no wrangler");
        }
        Ok(vec!["wrangler".to_owned()])
    }
    async fn serve_fabricate(&self, options: &FabricateOptions) -> Result<String> {
        if self.network.is_none() {
            bail!("there is no Fabricate");
        }
        Ok(format!("http://127.0.0.1:{}", options.port))
    }
    async fn free_port(&self, port: u16) -> Result<Option<u16>> {
        if self.forbidden_ports.contains(&port) {
            bail!("this user may not listen there");
        }
        let port = if port == 0 { 49_152 } else { port };
        Ok(Some(port).filter(|port| !self.taken_ports.contains(port)))
    }
    async fn open_in_browser(&self, _: &str) -> bool {
        false
    }
    async fn sleep(&self, ms: u32) -> Result<()> {
        self.slept_ms.update(|slept_ms| slept_ms + i64::from(ms));
        if self.is_interrupted() { Err(Interrupted.into()) } else { Ok(()) }
    }
    fn catch_interrupts(&self) -> Result<()> {
        Ok(())
    }
}
