//! Reading the answer to a status request: small answers at the same time, a large one alone in its isolate, each
//! within a time. What the bytes mean is for [`crate::fabricate::StatusReader`].

use std::pin::pin;
use std::rc::Rc;

use futures_util::future::{Either, select};
use url::Url;

use super::clock::WorkerClock;
use super::http_fabricate::delay;
use super::outbound::{Outgoing, Rest};
use super::world::Cloudflare;
use crate::fabricate::{LargeAnswers, Lease, SMALL_ANSWER_BYTES, StatusError, StatusReader, Task};
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
        let request = Outgoing { method: "GET", url, authorized: true, body: None, traceparent: None };
        let exchanged = self.exchange(request, SMALL_ANSWER_BYTES).await;
        let (mut answer, rest) = exchanged.map_err(StatusError::Unavailable)?;
        let beginning = std::mem::take(&mut answer.body);
        let mut reader = StatusReader::new(answer);
        reader.push(&beginning)?;
        drop(beginning);
        // Held until the task is parsed.
        let _lease = match rest {
            Some(rest) if !reader.needs_no_more() => Some(read_rest(&rest, &mut reader).await?),
            _ => None,
        };
        reader.finish(WorkerClock.now())
    }
}

/// Reads the rest of a large body, with the lease that is given back.
async fn read_rest(rest: &Rest, reader: &mut StatusReader) -> Result<Lease, StatusError> {
    let lease = wait_for_turn().await.ok_or(StatusError::NoRoom)?;
    let reading = async {
        // Ends: the reader takes a bounded number of bytes.
        while !reader.needs_no_more() {
            let Some(piece) = rest.next().await.map_err(StatusError::Unavailable)? else { break };
            reader.push(&piece)?;
        }
        Ok(())
    };
    match select(pin!(reading), pin!(delay(LARGE_BODY_TIMEOUT_MS))).await {
        Either::Left((read, _)) => read.map(|()| lease),
        Either::Right(_) => Err(StatusError::Unavailable("the answer's body took too long".to_owned())),
    }
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
