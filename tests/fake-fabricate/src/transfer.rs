//! A file on its way: how fast its bytes go, and where they break off; it must not hold more than
//! one block of it in memory.

use std::future::pending;
use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;

use crate::files::{Delivery, Pause};
use crate::full::Full;
use crate::host;

/// How long a download that breaks off waits, again and again, until what was sent before has left.
const BREAK_PAUSE: Duration = Duration::from_millis(50);
/// How often in a second a download with a rate sends something.
const STEPS_PER_S: u64 = 20;

/// The bytes of a body that are yet to be sent.
pub(crate) struct Transfer {
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    /// What is left of the last chunk.
    rest: Bytes,
    sent: u64,
    chunk_bytes_max: u64,
    pause: Option<Duration>,
    bytes_per_s: Option<u64>,
    /// As the host's monotonic time.
    since: Duration,
    cut: Option<u64>,
    stall: Option<u64>,
    full: Full,
}

impl Transfer {
    /// The transfer of these bytes, the n-th of those of the file that get bytes.
    pub(crate) fn new(
        chunks: Box<dyn Iterator<Item = Bytes> + Send>,
        delivery: &Delivery,
        served: u64,
        tick: Duration,
        full: Full,
    ) -> Self {
        let pace = delivery.pace;
        let step = pace.bytes_per_s.map_or(u64::MAX, |bytes_per_s| (bytes_per_s / STEPS_PER_S).max(1));
        Self {
            chunks,
            rest: Bytes::new(),
            sent: 0,
            chunk_bytes_max: pace.chunk_bytes.unwrap_or(u64::MAX).min(step),
            pause: pace.pause.map(|pause| match pause {
                Pause::Tick => tick,
                Pause::Fixed(pause) => pause,
            }),
            bytes_per_s: pace.bytes_per_s,
            since: host::monotonic(),
            cut: delivery.cut.and_then(|cut| cut.of(served)),
            stall: delivery.stall.and_then(|stall| stall.of(served)),
            full,
        }
    }

    /// The body that sends them.
    pub(crate) fn body(self) -> Body {
        Body::from_stream(stream::unfold(self, |mut transfer| async {
            transfer.next().await.map(|chunk| (chunk, transfer))
        }))
    }

    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.stall.is_some_and(|after| self.sent >= after) {
            pending::<()>().await;
        }
        if self.cut.is_some_and(|after| self.sent >= after) {
            host::sleep(BREAK_PAUSE).await;
            while self.full.get() {
                host::sleep(BREAK_PAUSE).await;
            }
            return Some(Err(io::Error::other("cut short on purpose")));
        }
        if self.rest.is_empty() {
            self.rest = self.chunks.next()?;
        }
        self.wait().await;
        let left = [self.stall, self.cut].into_iter().flatten().map(|after| after - self.sent).min();
        let bytes = self.chunk_bytes_max.min(left.unwrap_or(u64::MAX));
        let chunk = self.rest.split_to(usize::try_from(bytes).unwrap_or(usize::MAX).min(self.rest.len()));
        self.sent += chunk.len() as u64;
        Some(Ok(chunk))
    }

    async fn wait(&mut self) {
        if let Some(pause) = self.pause {
            host::sleep(pause).await;
        }
        if let Some(bytes_per_s) = self.bytes_per_s {
            let ms = u128::from(self.sent) * 1_000 / u128::from(bytes_per_s);
            let due = Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX));
            host::sleep((self.since + due).saturating_sub(host::monotonic())).await;
        }
    }
}
