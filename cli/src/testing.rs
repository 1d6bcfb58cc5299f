//! A machine for tests: the files of this repository, nothing to print on, no network and no programs.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::{
    Entry, FabricateOptions, Host, HttpHead, HttpRequest, ProcessState, Program, ProgramOutput, Terminal,
    Write,
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

/// The machine. What is printed is kept.
#[derive(Debug, Default)]
pub(crate) struct TestHost {
    /// The folder of relative paths.
    pub(crate) folder: PathBuf,
    /// Standard output.
    pub(crate) printed: RefCell<String>,
    /// Standard error.
    pub(crate) errors: RefCell<String>,
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
}

impl Host for TestHost {
    fn env(&self, _: &str) -> Option<String> {
        None
    }
    fn now_ms(&self) -> i64 {
        NOW_MS
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
    fn sha256(&self, path: &str) -> Result<String> {
        bail!("{path} is not hashed")
    }
    fn folder_name(&self, path: &str) -> String {
        let path = self.path(path).components().collect::<PathBuf>();
        path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        Ok(fs::rename(self.path(from), self.path(to))?)
    }
    async fn open(&self, request: &HttpRequest) -> Result<HttpHead> {
        bail!("there is no network for {}", request.url)
    }
    async fn read_body(&self, _: u32) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
    fn close_body(&self, _: u32) {}
    async fn run(&self, program: &Program) -> Result<ProgramOutput> {
        bail!("there are no programs: {:?}", program.words)
    }
    fn start(&self, program: &Program, _: &str) -> Result<u32> {
        bail!("there are no programs: {:?}", program.words)
    }
    fn process(&self, _: u32) -> ProcessState {
        ProcessState { ended: None, printed: String::new() }
    }
    async fn stop(&self, _: u32) {}
    async fn wrangler(&self) -> Result<Vec<String>> {
        bail!("there is no wrangler")
    }
    async fn serve_fabricate(&self, _: &FabricateOptions) -> Result<String> {
        bail!("there is no Fabricate")
    }
    async fn free_port(&self, port: u16) -> Option<u16> {
        Some(port)
    }
    async fn open_in_browser(&self, _: &str) -> bool {
        false
    }
    async fn sleep(&self, _: u32) -> Result<()> {
        Ok(())
    }
    fn catch_interrupts(&self) -> Result<()> {
        Ok(())
    }
}
