//! The machine of the commands under Node: `npm/host.mjs`, by wasm-bindgen. Nothing here decides anything.

use anyhow::{Error, Result, anyhow};
use js_sys::{Array, Uint8Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::prelude::*;

// npm/fabricate.mjs serves it.
pub use fake_fabricate::LocalFabricate;

use crate::host::{
    Entry, FabricateOptions, Host, HttpHead, HttpRequest, Interrupted, ProcessState, Program, ProgramOutput,
    STDIN_BYTES_MAX, Terminal, Write, bounded_stdin,
};

#[wasm_bindgen]
extern "C" {
    /// What `npm/host.mjs` makes.
    pub type NodeHost;

    #[wasm_bindgen(method)]
    fn env(this: &NodeHost, name: &str) -> Option<String>;
    #[wasm_bindgen(method)]
    fn now(this: &NodeHost) -> f64;
    #[wasm_bindgen(method)]
    fn random(this: &NodeHost, count: u32) -> Uint8Array;
    #[wasm_bindgen(method, catch)]
    fn print(this: &NodeHost, text: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = printError)]
    fn print_error(this: &NodeHost, text: &str);
    #[wasm_bindgen(method, js_name = showProgress)]
    fn show_progress(this: &NodeHost, line: Option<&str>);
    #[wasm_bindgen(method)]
    fn terminal(this: &NodeHost) -> JsValue;
    #[wasm_bindgen(method, catch, js_name = askSecret)]
    async fn ask_secret(this: &NodeHost, prompt: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn stdin(this: &NodeHost, bytes_max: usize) -> Result<Uint8Array, JsValue>;
    #[wasm_bindgen(method, catch, js_name = readFile)]
    fn read_file(this: &NodeHost, path: &str) -> Result<Option<Uint8Array>, JsValue>;
    #[wasm_bindgen(method, catch, js_name = writeFile)]
    fn write_file(this: &NodeHost, path: &str, bytes: Uint8Array, how: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn entry(this: &NodeHost, path: &str) -> JsValue;
    #[wasm_bindgen(method, catch)]
    fn sha256(this: &NodeHost, path: &str) -> Result<String, JsValue>;
    #[wasm_bindgen(method, js_name = folderName)]
    fn folder_name(this: &NodeHost, path: &str) -> String;
    #[wasm_bindgen(method, catch)]
    fn rename(this: &NodeHost, from: &str, to: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn open(this: &NodeHost, request: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = readBody)]
    async fn read_body(this: &NodeHost, body: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = closeBody)]
    fn close_body(this: &NodeHost, body: u32);
    #[wasm_bindgen(method, catch)]
    async fn run(this: &NodeHost, program: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn start(this: &NodeHost, program: JsValue, log: &str) -> Result<u32, JsValue>;
    #[wasm_bindgen(method)]
    fn process(this: &NodeHost, id: u32) -> JsValue;
    #[wasm_bindgen(method, js_name = processId)]
    fn process_id(this: &NodeHost) -> u32;
    #[wasm_bindgen(method, js_name = isRunning)]
    fn is_running(this: &NodeHost, process_id: u32) -> bool;
    #[wasm_bindgen(method, catch)]
    async fn stop(this: &NodeHost, id: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    async fn wrangler(this: &NodeHost) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = serveFabricate)]
    async fn serve_fabricate(this: &NodeHost, options: JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = freePort)]
    async fn free_port(this: &NodeHost, port: u16) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = openInBrowser)]
    async fn open_in_browser(this: &NodeHost, url: &str) -> Result<JsValue, JsValue>;
    /// Whether it was interrupted.
    #[wasm_bindgen(method, catch)]
    async fn sleep(this: &NodeHost, ms: u32) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = catchInterrupts)]
    fn catch_interrupts(this: &NodeHost);
}

/// Runs a command line, without the program's name, and returns the exit code.
#[wasm_bindgen]
pub async fn run(host: NodeHost, arguments: Array) -> u8 {
    let arguments = arguments.iter().filter_map(|argument| argument.as_string()).map(Into::into);
    crate::run(&host, arguments.collect()).await.code()
}

/// The message of the error of a request that Ctrl-C ended, as `npm/host.mjs` has it.
const INTERRUPTED: &str = "interrupted";

/// What JavaScript throws, as an error.
fn thrown(error: &JsValue) -> Error {
    let text = error.as_string().or_else(|| error.dyn_ref::<js_sys::Error>()?.message().as_string());
    if text.as_deref() == Some(INTERRUPTED) {
        return Interrupted.into();
    }
    anyhow!("{}", text.unwrap_or_else(|| "JavaScript threw something that is no error".to_owned()))
}

fn read<T: DeserializeOwned>(value: JsValue) -> Result<T> {
    serde_wasm_bindgen::from_value(value).map_err(|error| anyhow!("the host's answer: {error}"))
}

fn written(value: &impl Serialize) -> Result<JsValue> {
    serde_wasm_bindgen::to_value(value).map_err(|error| anyhow!("the host's question: {error}"))
}

impl Host for NodeHost {
    fn env(&self, name: &str) -> Option<String> {
        NodeHost::env(self, name)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a time in milliseconds is far below 2^53")]
    fn now_ms(&self) -> i64 {
        self.now() as i64
    }

    fn fill_random(&self, bytes: &mut [u8]) -> Result<()> {
        let count = u32::try_from(bytes.len())?;
        self.random(count).copy_to(bytes);
        Ok(())
    }

    fn print(&self, text: &str) -> Result<()> {
        NodeHost::print(self, text).map_err(|error| thrown(&error))
    }

    fn print_data(&self, text: &str) -> Result<()> {
        Host::print(self, text)
    }

    fn print_error(&self, text: &str) {
        NodeHost::print_error(self, text);
    }

    fn show_progress(&self, line: Option<&str>) {
        NodeHost::show_progress(self, line);
    }

    fn terminal(&self) -> Terminal {
        let plain = Terminal { is_terminal: false, columns: 80 };
        read(NodeHost::terminal(self)).unwrap_or(plain)
    }

    async fn ask_secret(&self, prompt: &str) -> Result<Option<String>> {
        let answer = NodeHost::ask_secret(self, prompt).await.map_err(|error| thrown(&error))?;
        if answer.is_undefined() {
            return Err(Interrupted.into());
        }
        Ok(answer.as_string())
    }

    fn stdin(&self) -> Result<Vec<u8>> {
        let bytes = NodeHost::stdin(self, STDIN_BYTES_MAX).map_err(|error| thrown(&error))?;
        bounded_stdin(bytes.to_vec())
    }

    fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let bytes = NodeHost::read_file(self, path).map_err(|error| thrown(&error))?;
        Ok(bytes.map(|bytes| bytes.to_vec()))
    }

    fn write_file(&self, path: &str, bytes: &[u8], how: Write) -> Result<()> {
        let how = match how {
            Write::New => "new",
            Write::NewSecret => "new_secret",
            Write::Replace => "replace",
            Write::Append => "append",
        };
        NodeHost::write_file(self, path, Uint8Array::from(bytes), how).map_err(|error| thrown(&error))
    }

    fn entry(&self, path: &str) -> Option<Entry> {
        read(NodeHost::entry(self, path)).ok().flatten()
    }

    fn sha256(&self, path: &str) -> Result<String> {
        NodeHost::sha256(self, path).map_err(|error| thrown(&error))
    }

    fn folder_name(&self, path: &str) -> String {
        NodeHost::folder_name(self, path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        NodeHost::rename(self, from, to).map_err(|error| thrown(&error))
    }

    async fn open(&self, request: &HttpRequest) -> Result<HttpHead> {
        read(NodeHost::open(self, written(request)?).await.map_err(|error| thrown(&error))?)
    }

    async fn read_body(&self, body: u32) -> Result<Option<Vec<u8>>> {
        let piece = NodeHost::read_body(self, body).await.map_err(|error| thrown(&error))?;
        Ok(piece.dyn_into::<Uint8Array>().ok().map(|bytes| bytes.to_vec()))
    }

    fn close_body(&self, body: u32) {
        NodeHost::close_body(self, body);
    }

    async fn run(&self, program: &Program) -> Result<ProgramOutput> {
        read(NodeHost::run(self, written(program)?).await.map_err(|error| thrown(&error))?)
    }

    fn start(&self, program: &Program, log: &str) -> Result<u32> {
        NodeHost::start(self, written(program)?, log).map_err(|error| thrown(&error))
    }

    fn process(&self, id: u32) -> ProcessState {
        let unknown = ProcessState { ended: Some("it is unknown".to_owned()), printed: String::new() };
        read(NodeHost::process(self, id)).unwrap_or(unknown)
    }

    fn process_id(&self) -> u32 {
        NodeHost::process_id(self)
    }

    fn is_running(&self, process_id: u32) -> bool {
        NodeHost::is_running(self, process_id)
    }

    async fn stop(&self, id: u32) {
        // It ends with us, too.
        let _ = NodeHost::stop(self, id).await;
    }

    async fn wrangler(&self) -> Result<Vec<String>> {
        read(NodeHost::wrangler(self).await.map_err(|error| thrown(&error))?)
    }

    async fn serve_fabricate(&self, options: &FabricateOptions) -> Result<String> {
        read(NodeHost::serve_fabricate(self, written(options)?).await.map_err(|error| thrown(&error))?)
    }

    async fn free_port(&self, port: u16) -> Result<Option<u16>> {
        read(NodeHost::free_port(self, port).await.map_err(|error| thrown(&error))?)
    }

    async fn open_in_browser(&self, url: &str) -> bool {
        NodeHost::open_in_browser(self, url).await.is_ok_and(|opened| opened.is_truthy())
    }

    async fn sleep(&self, ms: u32) -> Result<()> {
        let is_interrupted = NodeHost::sleep(self, ms).await.map_err(|error| thrown(&error))?;
        if is_interrupted.is_truthy() { Err(Interrupted.into()) } else { Ok(()) }
    }

    fn catch_interrupts(&self) -> Result<()> {
        NodeHost::catch_interrupts(self);
        Ok(())
    }
}
