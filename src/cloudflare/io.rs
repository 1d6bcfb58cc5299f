//! Operations of the runtime as futures: started by `io.js`, finished by filling a slot ([`super::slots`]).

use std::cell::OnceCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use js_sys::{Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use super::slots::{Filled, Slots};

/// What an operation becomes: its value, or what it threw.
pub(super) type Outcome = Result<JsValue, JsValue>;

#[wasm_bindgen(module = "/src/cloudflare/io.js")]
extern "C" {
    fn connect(report: &Closure<dyn Fn(u32, bool, JsValue)>);
    fn settled(slot: u32, promise: &Promise);
    fn sleep(slot: u32, millis: u32) -> JsValue;
    fn cancel(timer: &JsValue);
    /// A promise with the function that resolves it.
    pub(super) fn deferred() -> JsValue;
    pub(super) fn promise(deferred: &JsValue) -> Promise;
    pub(super) fn resolve(deferred: &JsValue, value: &JsValue);
    #[wasm_bindgen(js_name = waitUntil)]
    pub(super) fn wait_until(context: &JsValue, work: &Promise);
    /// An answer; it throws where a status has no body.
    #[wasm_bindgen(catch)]
    pub(super) fn response(status: u16, head: &str, body: &JsValue) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen]
extern "C" {
    /// A request body that still arrives, of `entry.js`.
    pub(crate) type Arriving;

    #[wasm_bindgen(method)]
    pub(super) fn more(this: &Arriving) -> Promise;

    #[wasm_bindgen(method)]
    pub(super) fn take(this: &Arriving) -> Uint8Array;

    /// Gives up what has not arrived.
    #[wasm_bindgen(method)]
    pub(super) fn cancel(this: &Arriving);

    /// The log, one text a line.
    #[wasm_bindgen(js_namespace = console, js_name = log)]
    pub(super) fn log_info(text: &str);

    #[wasm_bindgen(js_namespace = console, js_name = warn)]
    pub(super) fn log_warn(text: &str);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(super) fn log_error(text: &str);
}

thread_local! {
    static SLOTS: OnceCell<Rc<Slots<Outcome>>> = const { OnceCell::new() };
}

/// The slots; the first call connects them with `io.js`.
fn open_slot() -> Filled<Outcome> {
    SLOTS.with(|slots| {
        slots
            .get_or_init(|| {
                let slots = Rc::new(Slots::default());
                let filled = Rc::clone(&slots);
                let report = Closure::new(move |slot, is_ok, value| {
                    filled.fill(slot, if is_ok { Ok(value) } else { Err(value) });
                });
                connect(&report);
                // It is needed for as long as the instance lives.
                report.forget();
                slots
            })
            .open()
    })
}

/// Starts an operation that reports to the slot of this number. The future waits for its outcome.
pub(super) fn operation(start: impl FnOnce(u32)) -> Filled<Outcome> {
    let slot = open_slot();
    start(slot.number());
    slot
}

/// Waits for a promise.
pub(super) fn wait_for(promise: &Promise) -> Filled<Outcome> {
    operation(|slot| settled(slot, promise))
}

/// Waits for a time, milliseconds.
pub(super) fn sleep_ms(millis: u32) -> Sleep {
    let slot = open_slot();
    let timer = sleep(slot.number(), millis);
    Sleep { slot, timer }
}

/// A timer. Dropping it stops it.
#[derive(Debug)]
pub(super) struct Sleep {
    slot: Filled<Outcome>,
    timer: JsValue,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.slot).poll(context).map(drop)
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        cancel(&self.timer);
    }
}
