//! A machine for tests of whole deployments: a terminal, and a wrangler that answers as the test says.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use anyhow::Result;

use crate::host::{
    Entry, FabricateOptions, Host, HttpHead, HttpRequest, Interrupted, ProcessState, Program, ProgramOutput,
    Terminal, Write,
};
use crate::testing::TestHost;

/// The address of the Worker.
pub(super) const URL: &str = "https://seeds.acme.workers.dev";

/// The machine.
#[derive(Default)]
pub(super) struct Machine {
    pub(super) inner: TestHost,
    pub(super) is_terminal: bool,
    /// What is typed, answer by answer; then nothing is.
    pub(super) typed: RefCell<VecDeque<&'static str>>,
    /// The prompts.
    pub(super) prompts: RefCell<Vec<String>>,
    /// What wrangler prints when it fails at calls that begin so. Others succeed.
    pub(super) failures: Vec<(&'static str, &'static str)>,
    /// What wrangler lists at a call that begins so.
    pub(super) lists: Vec<(&'static str, &'static str)>,
    /// The call of wrangler during which Ctrl-C is pressed.
    pub(super) interrupted_at: Option<&'static str>,
    /// The calls of wrangler: words and input, and what had been printed before.
    pub(super) calls: RefCell<Vec<Call>>,
    pub(super) catches: Cell<bool>,
    pub(super) is_interrupted: Cell<bool>,
}

/// A call of wrangler.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) words: String,
    pub(super) input: String,
    pub(super) env: Vec<(String, String)>,
    pub(super) printed_before: String,
}

impl Machine {
    /// The calls that changed something, in their order.
    pub(super) fn changes(&self) -> Vec<String> {
        let is_change =
            |words: &&str| *words == "secret bulk" || words.starts_with("deploy") || words.contains(" add ");
        self.calls.borrow().iter().map(|call| call.words.as_str()).filter(is_change).map(Into::into).collect()
    }

    /// The first call that begins so.
    pub(super) fn call(&self, start: &str) -> Call {
        self.calls.borrow().iter().find(|call| call.words.starts_with(start)).unwrap().clone()
    }

    /// Standard output.
    pub(super) fn printed(&self) -> String {
        self.inner.printed.borrow().clone()
    }
}

impl Host for Machine {
    fn env(&self, name: &str) -> Option<String> {
        self.inner.env(name)
    }
    fn now_ms(&self) -> i64 {
        self.inner.now_ms()
    }
    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        self.inner.fill_random(bytes)
    }
    fn print(&self, text: &str) -> Result<()> {
        self.inner.print(text)
    }
    fn print_data(&self, text: &str) -> Result<()> {
        self.inner.print_data(text)
    }
    fn print_error(&self, text: &str) {
        self.inner.print_error(text);
    }
    fn show_progress(&self, line: Option<&str>) {
        self.inner.show_progress(line);
    }
    fn terminal(&self) -> Terminal {
        Terminal { is_terminal: self.is_terminal, columns: 80 }
    }
    async fn ask_secret(&self, prompt: &str) -> Result<Option<String>> {
        self.prompts.borrow_mut().push(prompt.to_owned());
        let typed = self.typed.borrow_mut().pop_front().unwrap_or_default();
        Ok(self.is_terminal.then(|| typed.to_owned()))
    }
    fn stdin(&self) -> Result<Vec<u8>> {
        self.inner.stdin()
    }
    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        self.inner.read_file(path)
    }
    fn write_file(&self, path: &str, bytes: &[u8], how: Write) -> Result<()> {
        self.inner.write_file(path, bytes, how)
    }
    fn entry(&self, path: &str) -> Option<Entry> {
        self.inner.entry(path)
    }
    fn sha256(&self, path: &str) -> Result<String> {
        self.inner.sha256(path)
    }
    fn folder_name(&self, path: &str) -> String {
        self.inner.folder_name(path)
    }
    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.inner.rename(from, to)
    }
    async fn open(&self, request: &HttpRequest) -> Result<HttpHead> {
        self.inner.open(request).await
    }
    async fn read_body(&self, body: u32) -> Result<Option<Vec<u8>>> {
        self.inner.read_body(body).await
    }
    fn close_body(&self, body: u32) {
        self.inner.close_body(body);
    }
    async fn run(&self, program: &Program) -> Result<ProgramOutput> {
        let words = program.words.get(1..).unwrap_or_default().join(" ");
        self.calls.borrow_mut().push(Call {
            words: words.clone(),
            input: program.input.clone().unwrap_or_default(),
            env: program.env.clone(),
            printed_before: self.printed(),
        });
        if self.interrupted_at.is_some_and(|start| words.starts_with(start)) {
            assert!(self.catches.get(), "Ctrl-C would end the command at once");
            self.is_interrupted.set(true);
            return Ok(ProgramOutput { code: 130, stdout: String::new(), stderr: String::new() });
        }
        let answer = |all: &[(&str, &'static str)]| {
            let known = all.iter().find(|(start, _)| words.starts_with(start));
            known.map(|(_, text)| (*text).to_owned())
        };
        if let Some(stderr) = answer(&self.failures) {
            return Ok(ProgramOutput { code: 1, stdout: String::new(), stderr });
        }
        if words.starts_with("deploy") {
            let file = program.env.iter().find(|(name, _)| name == "WRANGLER_OUTPUT_FILE_PATH").unwrap();
            let line = format!("{{\"type\":\"deploy\",\"targets\":[\"{URL}\"]}}\n");
            self.write_file(&file.1, line.as_bytes(), Write::Append)?;
        }
        let stdout = answer(&self.lists).unwrap_or_default();
        Ok(ProgramOutput { code: 0, stdout, stderr: String::new() })
    }
    fn start(&self, program: &Program, log: &str) -> Result<u32> {
        self.inner.start(program, log)
    }
    fn process(&self, id: u32) -> ProcessState {
        self.inner.process(id)
    }
    fn process_id(&self) -> u32 {
        self.inner.process_id()
    }
    fn is_running(&self, process_id: u32) -> bool {
        self.inner.is_running(process_id)
    }
    async fn stop(&self, id: u32) {
        self.inner.stop(id).await;
    }
    async fn wrangler(&self) -> Result<Vec<String>> {
        self.inner.wrangler().await
    }
    async fn serve_fabricate(&self, options: &FabricateOptions) -> Result<String> {
        self.inner.serve_fabricate(options).await
    }
    async fn free_port(&self, port: u16) -> Result<Option<u16>> {
        self.inner.free_port(port).await
    }
    async fn open_in_browser(&self, url: &str) -> bool {
        self.inner.open_in_browser(url).await
    }
    async fn sleep(&self, ms: u32) -> Result<()> {
        self.inner.sleep(ms).await?;
        if self.is_interrupted.get() { Err(Interrupted.into()) } else { Ok(()) }
    }
    fn catch_interrupts(&self) -> Result<()> {
        self.catches.set(true);
        self.inner.catch_interrupts()
    }
}
