//! The host as Node is it, which has one thread; it must not know what it is asked for.

use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_channel::oneshot;
use wasm_bindgen::prelude::*;

/// The longest time that `setTimeout` can wait.
const TIMEOUT_MS_MAX: i32 = i32::MAX;

#[wasm_bindgen]
extern "C" {
    /// A running timer of Node.
    type Timeout;

    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: JsValue, delay_ms: i32) -> Timeout;
    /// Lets the process end before the timer does.
    #[wasm_bindgen(method)]
    fn unref(this: &Timeout);
}

/// Where lines about requests go: they are kept until the answer takes them along.
#[derive(Debug, Default)]
pub(crate) struct Lines(Mutex<String>);

impl Lines {
    /// Keeps a line.
    pub(crate) fn write(&self, line: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(line);
    }

    /// The lines that are kept, which are kept no longer.
    pub(crate) fn take(&self) -> String {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The system's clock, in milliseconds since 1970.
pub(crate) fn unix_ms() -> u64 {
    millis(date_now()).as_millis().try_into().unwrap_or_default()
}

/// The time since this process began, which no change of the system's clock moves.
pub(crate) fn monotonic() -> Duration {
    millis(performance_now())
}

/// A number of JavaScript as a duration.
fn millis(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms / 1_000.0).unwrap_or_default()
}

/// Waits. The future is `Send`, for it holds nothing of JavaScript's; a timer that nobody waits for any more runs
/// out, and keeps no process alive.
pub(crate) async fn sleep(duration: Duration) {
    let (sender, receiver) = oneshot::channel();
    let callback = Closure::once_into_js(move || {
        // Nobody waits for it any more.
        let _ = sender.send(());
    });
    set_timeout(callback, duration.as_millis().try_into().unwrap_or(TIMEOUT_MS_MAX)).unref();
    // The timer keeps the sender until it is due.
    let _ = receiver.await;
}

/// Runs what takes long, and the whole of Node waits.
pub(crate) async fn run_blocking<T>(work: impl FnOnce() -> T) -> Option<T> {
    Some(work())
}
