//! Reading the answer to a status request: small answers at the same time, a large one alone in its isolate, each
//! within a time. What the bytes mean is for [`crate::fabricate::StatusReader`].

use std::pin::pin;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::future::{Either, select};
use url::Url;
use worker::{ByteStream, Method, ResponseBody};

use super::clock::WorkerClock;
use super::http_fabricate::{BODY_TIMEOUT_MS, Reply, delay, one_line};
use super::world::Cloudflare;
use crate::fabricate::{Answer, LargeAnswers, Lease, StatusError, StatusReader, Task};
use crate::ports::Clock;

/// How long a large answer's body may take once it is its turn, milliseconds: less than
/// [`crate::fabricate::LEASE_MS`].
const LARGE_BODY_TIMEOUT_MS: u32 = 45_000;

/// How often a large answer asks for its turn, and how many times: 20 s, then the next sweep has it.
const TURN_MS: u32 = 250;
const TURNS_MAX: u32 = 80;

thread_local! {
    /// This isolate's.
    static LARGE_ANSWERS: Rc<LargeAnswers> = Rc::default();
}

impl Cloudflare {
    /// Asks for a task's status and reads the answer.
    pub(super) async fn ask_status(&self, url: &Url) -> Result<Task, StatusError> {
        let sent = self.send(Method::Get, url, true, &[], None).await;
        let Reply { mut response, abort } = sent.map_err(StatusError::Unavailable)?;
        let header = |name: &str| response.headers().get(name).ok().flatten();
        let mut reader = StatusReader::new(Answer {
            status: response.status_code(),
            content_type: header("content-type"),
            retry_after: header("retry-after"),
            body: Vec::new(),
        });
        let read = match response.body() {
            ResponseBody::Empty => Ok(None),
            ResponseBody::Body(bytes) => reader.push(bytes).map(|()| None),
            ResponseBody::Stream(_) => match response.stream() {
                Ok(stream) => read_all(stream, &mut reader).await,
                Err(error) => Err(StatusError::Unavailable(one_line(&error))),
            },
        };
        if read.is_err() || reader.needs_no_more() {
            abort.abort();
        }
        // Held until the task is parsed.
        let _lease = read?;
        reader.finish(WorkerClock.now())
    }
}

/// Reads a body to its end. A large one is read with the lease that is given back.
async fn read_all(mut stream: ByteStream, reader: &mut StatusReader) -> Result<Option<Lease>, StatusError> {
    within(BODY_TIMEOUT_MS, read_while(&mut stream, reader, |reader| !reader.is_large())).await?;
    if !reader.is_large() || reader.needs_no_more() {
        return Ok(None);
    }
    let lease = wait_for_turn().await.ok_or(StatusError::NoRoom)?;
    within(LARGE_BODY_TIMEOUT_MS, read_while(&mut stream, reader, |_| true)).await?;
    Ok(Some(lease))
}

/// Reads until the body ends, or `goes_on` is false, or the rest makes no difference.
async fn read_while(
    stream: &mut ByteStream,
    reader: &mut StatusReader,
    goes_on: impl Fn(&StatusReader) -> bool,
) -> Result<(), StatusError> {
    while goes_on(reader) && !reader.needs_no_more() {
        let Some(piece) = stream.next().await else { break };
        reader.push(&piece.map_err(|error| StatusError::Unavailable(one_line(&error)))?)?;
    }
    Ok(())
}

async fn wait_for_turn() -> Option<Lease> {
    for _ in 0..TURNS_MAX {
        let lease = LARGE_ANSWERS.with(|answers| answers.take(WorkerClock.now()));
        if lease.is_some() {
            return lease;
        }
        delay(TURN_MS).await;
    }
    None
}

async fn within(
    timeout_ms: u32,
    reading: impl Future<Output = Result<(), StatusError>>,
) -> Result<(), StatusError> {
    match select(pin!(reading), pin!(delay(timeout_ms))).await {
        Either::Left((read, _)) => read,
        Either::Right(_) => Err(StatusError::Unavailable("the answer's body took too long".to_owned())),
    }
}
