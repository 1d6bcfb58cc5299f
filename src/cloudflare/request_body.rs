//! The body of a request: read within its bounds of size, time and memory, and kept counted until its lease is dropped.

use std::pin::pin;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use serde_json::json;
use worker::{ByteStream, Request};

use super::clock::{WorkerClock, WorkerLog};
use super::http_fabricate::delay;
use super::respond::Problem;
use crate::ports::{Clock, Level, Log};
use crate::service::in_flight::{BYTES_MAX, Full, InFlight, Lease};
use crate::service::incoming::{Arrival, Incoming, IncomingError};

thread_local! {
    /// This isolate's.
    static IN_FLIGHT: Rc<InFlight> = Rc::new(InFlight::default());
}

/// Reads a body of at most `bytes_max` bytes. The lease is to be kept for as long as the body, or what is made of it,
/// is in memory.
///
/// 408 the body stopped arriving, or took too long; 413 it has more bytes; 415 it is compressed; 400 it broke off; 503
/// the bodies in flight leave no room for it.
pub(super) async fn read_body(request: &mut Request, bytes_max: u64) -> Result<(Vec<u8>, Lease), Problem> {
    let header = |name: &str| request.headers().get(name).ok().flatten();
    if header("content-encoding").is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::encoded());
    }
    let stated: Option<u64> = header("content-length").and_then(|length| length.parse().ok());
    if stated.is_some_and(|length| length > bytes_max) {
        return Err(Problem::too_large(bytes_max));
    }
    let lease = IN_FLIGHT.with(|in_flight| in_flight.lease(WorkerClock.now())).map_err(full)?;
    let incoming = Incoming::new(bytes_max, stated, lease);
    // A request without a body has no stream.
    let incoming = match request.stream() {
        Ok(stream) => read_stream(stream, incoming).await?,
        Err(_) => incoming,
    };
    incoming.finish().map_err(full)
}

async fn read_stream(mut stream: ByteStream, mut incoming: Incoming) -> Result<Incoming, Problem> {
    let mut arrival = Arrival::begin(WorkerClock.now());
    let wait = |arrival: &Arrival| arrival.wait_ms(WorkerClock.now()).map(delay).map_err(Problem::timed_out);
    // One timer for many chunks: when it fires, the arrival says whether to wait on.
    let mut timer = pin!(wait(&arrival)?);
    // Ends: the timer fires at the latest after the time of a whole body.
    loop {
        match select(stream.next(), timer.as_mut()).await {
            Either::Left((None, _)) => return Ok(incoming),
            Either::Left((Some(chunk), _)) => {
                let chunk = chunk.map_err(|_| Problem::unreadable_body())?;
                incoming.push(&chunk).map_err(|error| match error {
                    IncomingError::TooLarge(bytes_max) => Problem::too_large(bytes_max),
                    IncomingError::Full(error) => full(error),
                })?;
                if !chunk.is_empty() {
                    arrival.record_bytes(WorkerClock.now());
                }
            }
            Either::Right(_) => timer.set(wait(&arrival)?),
        }
    }
}

/// The answer to a request for which there is no room.
pub(super) fn full(error: Full) -> Problem {
    let fields = json!({"bytes_in_flight": error.bytes, "bytes_needed": error.more, "bytes_max": BYTES_MAX});
    WorkerLog.log(
        Level::Warn,
        "request body refused: the bodies in flight fill this isolate's share",
        fields,
    );
    Problem::busy()
}
