//! Reading the body of a request within its bounds of size, time and memory. Its memory is counted until its lease is
//! dropped.

pub mod in_flight;
pub mod incoming;

use std::pin::pin;

use futures_util::future::{Either, select};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::context::Context;
use super::problem::Problem;
use super::request::{Arrived, Arriving, Body, Request};
use super::runtime::Runtime;
use crate::log;
use crate::request::RawRequest;
use in_flight::{BYTES_MAX, Full, Lease};
use incoming::{Arrival, Incoming, IncomingError, TimedOut};

/// Reads a body that is a JSON object; no body at all is an empty object. Errors as [`read_body`]; 400 it is no such
/// object.
pub(super) async fn read_json<T: DeserializeOwned, R: Runtime>(
    context: &Context<'_, R>,
    mut request: Request,
    bytes_max: u64,
) -> Result<T, Problem> {
    let (body, _lease) = read_body(context, &mut request, bytes_max).await?;
    let text = if body.is_empty() { b"{}".as_slice() } else { &body };
    if text.trim_ascii_start().first() != Some(&b'{') {
        return Err(Problem::BadBody("the body must be a JSON object, or empty".to_owned()));
    }
    serde_json::from_slice(text).map_err(|error| Problem::BadBody(error.to_string()))
}

/// Reads a delivery, whose body has at most `bytes_max` bytes. The lease counts the memory of the body, and of what is
/// made of it, until it is dropped. Errors as [`read_body`].
pub(super) async fn read_delivery<R: Runtime>(
    context: &Context<'_, R>,
    mut request: Request,
    bytes_max: u64,
) -> Result<(RawRequest, Lease), Problem> {
    let (body, lease) = read_body(context, &mut request, bytes_max).await?;
    let Request { method, address, headers, .. } = request;
    Ok((RawRequest::new(&method, &address, headers, body, context.now()), lease))
}

/// Reads a body of at most `bytes_max` bytes. The lease must be kept for as long as the body, or what is made of it, is in
/// memory.
///
/// 408 the body stopped arriving, or took too long; 413 it has more bytes; 415 it is compressed; 400 it broke off; 503
/// the bodies in flight leave no room for it.
async fn read_body<R: Runtime>(
    context: &Context<'_, R>,
    request: &mut Request,
    bytes_max: u64,
) -> Result<(Vec<u8>, Lease), Problem> {
    let encoding = request.header("content-encoding");
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        return Err(Problem::UnsupportedEncoding);
    }
    let stated: Option<u64> = request.header("content-length").and_then(|length| length.parse().ok());
    if stated.is_some_and(|length| length > bytes_max) {
        return Err(Problem::TooLarge(bytes_max));
    }
    let lease = context.isolate.in_flight.lease(context.now()).map_err(|error| no_room(context, error))?;
    let mut incoming = Incoming::new(bytes_max, stated, lease);
    let not_taken = |error| match error {
        IncomingError::TooLarge(bytes_max) => Problem::TooLarge(bytes_max),
        IncomingError::Full(error) => no_room(context, error),
    };
    let mut body = std::mem::replace(&mut request.body, Body::Whole(Vec::new()));
    match &mut body {
        Body::Whole(body) => incoming.add(body.len()).map_err(not_taken)?,
        Body::Arriving(body) => {
            wait_until_whole(context, &mut **body, |bytes| incoming.add(bytes).map_err(not_taken)).await?;
        }
    }
    // Before the bytes are taken into wasm, whose memory never shrinks.
    let lease = incoming.finish().map_err(|error| no_room(context, error))?;
    let body = match body {
        Body::Whole(body) => body,
        Body::Arriving(body) => body.take(),
    };
    Ok((body, lease))
}

async fn wait_until_whole<R: Runtime>(
    context: &Context<'_, R>,
    body: &mut dyn Arriving,
    mut count: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let mut arrival = Arrival::begin(context.now());
    let timer_of = |arrival: &Arrival| {
        arrival
            .wait_ms(context.now())
            .map(|wait_ms| context.runtime.sleep_ms(wait_ms))
            .map_err(Problem::BodyTimeout)
    };
    // One timer for many pieces: when it fires, the arrival says whether to wait on.
    let mut timer = pin!(timer_of(&arrival)?);
    // Ends: the timer fires at the latest after the time of a whole body.
    loop {
        let mut more = body.more();
        let arrived = loop {
            match select(more, timer.as_mut()).await {
                Either::Left((arrived, _)) => break arrived,
                Either::Right(((), waiting)) => {
                    timer.set(timer_of(&arrival)?);
                    more = waiting;
                }
            }
        };
        match arrived {
            Arrived::Bytes(bytes) => {
                count(bytes)?;
                arrival.record_bytes(context.now());
            }
            Arrived::End => return Ok(()),
            Arrived::BrokenOff => return Err(Problem::UnreadableBody),
            Arrived::Late => return Err(Problem::BodyTimeout(TimedOut::Idle)),
        }
    }
}

/// 503 with the reason in the log.
pub(super) fn no_room<R: Runtime>(context: &Context<'_, R>, error: Full) -> Problem {
    let fields = json!({"bytes_in_flight": error.bytes, "bytes_needed": error.more, "bytes_max": BYTES_MAX});
    context.log(log::BODY_NO_ROOM, fields);
    Problem::Busy
}
