//! The bytes of an answer, held by the runtime: handed on as a stream, or read piece by piece into its own memory.
//! They never enter wasm's.

use std::pin::pin;

use futures_util::future::{Either, select};
use js_sys::{Function, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    ReadableStream, ReadableStreamByobReader, ReadableStreamGetReaderOptions, ReadableStreamReaderMode,
};
use worker::{AbortController, ResponseBody};

use super::http_fabricate::{Reply, delay, one_line};
use super::io;
use crate::ports::{CopyError, Part};

/// How long it may take until the next piece is there, milliseconds: slower, and not even one part would come in the
/// time that a sweep has.
const IDLE_TIMEOUT_MS: u32 = 30_000;

/// The least that a piece has, but for the last: each is a call out of wasm and back.
const PIECE_BYTES: u32 = 256 * 1024;

/// Bytes to come. Dropping it ends the connection.
pub(super) struct Body {
    /// `None`: there are none.
    stream: Option<ReadableStream>,
    reader: Option<ReadableStreamByobReader>,
    abort: AbortController,
}

impl Drop for Body {
    fn drop(&mut self) {
        // Of an answer that was read to its end, nothing is left to abort.
        std::mem::take(&mut self.abort).abort();
    }
}

impl From<Reply> for Body {
    fn from(Reply { response, abort }: Reply) -> Self {
        let stream = match response.body() {
            ResponseBody::Stream(stream) => Some(stream.clone()),
            // An answer to a fetch has its bytes in a stream, or has none.
            ResponseBody::Empty | ResponseBody::Body(_) => None,
        };
        Self { stream, reader: None, abort }
    }
}

impl Body {
    /// The stream, to be handed on whole.
    pub(super) fn stream(&self) -> Option<&ReadableStream> {
        self.stream.as_ref()
    }

    /// The next so many bytes; fewer at the end alone.
    pub(super) async fn next_part(&mut self, bytes: u64) -> Result<Part<Uint8Array>, CopyError> {
        let length =
            u32::try_from(bytes).map_err(|_| CopyError::Refused("a part is too large".to_owned()))?;
        let Some(reader) = self.reader() else {
            return Ok(Part { bytes: 0, data: Uint8Array::new_with_length(0) });
        };
        let mut buffer = Uint8Array::new_with_length(length);
        let mut filled = 0;
        // Ends: each read brings at least a byte, or is the last.
        while filled < length {
            let reading =
                read_at_least(&reader, PIECE_BYTES.min(length - filled), &buffer.subarray(filled, length))?;
            let read = match select(pin!(io::wait_for(&reading)), pin!(delay(IDLE_TIMEOUT_MS))).await {
                Either::Left((read, _)) => read.map_err(broken)?,
                Either::Right(_) => {
                    let reason =
                        format!("less than {} KiB came in {} s", PIECE_BYTES / 1024, IDLE_TIMEOUT_MS / 1_000);
                    return Err(CopyError::Unavailable(reason));
                }
            };
            let value = Reflect::get(&read, &"value".into()).map_err(broken)?;
            let Ok(view) = value.dyn_into::<Uint8Array>() else { break };
            // The read took the buffer, and gives it back.
            buffer = Uint8Array::new(&view.buffer());
            filled += view.length();
            if view.length() == 0 || Reflect::get(&read, &"done".into()).is_ok_and(|done| done.is_truthy()) {
                break;
            }
        }
        Ok(Part { bytes: filled.into(), data: buffer.subarray(0, filled) })
    }

    fn reader(&mut self) -> Option<ReadableStreamByobReader> {
        if self.reader.is_none() {
            let options = ReadableStreamGetReaderOptions::new();
            options.set_mode(ReadableStreamReaderMode::Byob);
            self.reader = Some(self.stream.as_ref()?.get_reader_with_options(&options).unchecked_into());
        }
        self.reader.clone()
    }
}

/// The runtime's own way to read no less than so many bytes at once, but at the end.
/// Source: <https://developers.cloudflare.com/workers/runtime-apis/streams/readablestreambyobreader/>.
fn read_at_least(
    reader: &ReadableStreamByobReader,
    bytes: u32,
    buffer: &Uint8Array,
) -> Result<Promise, CopyError> {
    let method = Reflect::get(reader, &"readAtLeast".into()).map_err(broken)?;
    let method: Function = method.dyn_into().map_err(broken)?;
    let reading = method.call2(reader, &bytes.into(), buffer).map_err(broken)?;
    reading.dyn_into().map_err(broken)
}

fn broken(error: JsValue) -> CopyError {
    CopyError::Unavailable(format!("cut short: {}", one_line(&worker::Error::from(error))))
}
