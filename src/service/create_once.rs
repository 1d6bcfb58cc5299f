//! Creating a record of the inbox exactly once, although a put may fail after it wrote and its answer may be lost.

use crate::ports::{Clock, Inbox, InboxKey, StoreError};
use crate::timestamp::Timestamp;

/// How often a put is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    /// Attempts in all, at least one.
    pub(super) count: u32,
    /// Pause between two attempts, milliseconds.
    pub(super) pause_ms: u32,
}

/// Creates a record under `key` unless there is one. `None`: this record stands. `Some`: the record of another attempt
/// stands, with the time at which R2 created it.
///
/// After a put that failed, or that found a record, the record is read: its author tells whether this attempt wrote it.
///
/// # Errors
/// The last [`StoreError`] when every attempt failed. The record may have been created all the same.
pub(super) async fn create_once<K: InboxKey, W: Inbox<K> + Clock>(
    world: &W,
    key: &K,
    record: &K::Record,
    tries: Tries,
) -> Result<Option<(K::Record, Timestamp)>, StoreError> {
    let mut error = StoreError::Busy("INBOX");
    for attempt in 0..tries.count {
        if attempt > 0 && tries.pause_ms > 0 {
            world.sleep_ms(tries.pause_ms).await;
        }
        match world.create(key, record).await {
            Ok(true) => return Ok(None),
            Ok(false) => {}
            Err(failed) => error = failed,
        }
        match world.get(key).await {
            Ok(Some((standing, at))) => {
                let is_ours = K::author(&standing) == K::author(record);
                return Ok((!is_ours).then_some((standing, at)));
            }
            Ok(None) => {}
            Err(failed) => error = failed,
        }
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::journal::{Decision, Entry};
    use crate::ports::EntryKey;
    use crate::run::tests::queued_run;
    use crate::testing::MemoryWorld;

    #[test]
    fn attempts_are_separated_by_the_pause() {
        let slept = |count, pause_ms| {
            let world = MemoryWorld::default();
            world.inbox_fails.set(true);
            let key = EntryKey { run_id: queued_run().run_id, number: 1 };
            let entry = Entry { author: "a".into(), decision: Decision::Start };
            let created = create_once(&world, &key, &entry, Tries { count, pause_ms }).now_or_never();
            assert_eq!(created, Some(Err(StoreError::Busy("INBOX"))));
            world.slept.take()
        };
        assert!(slept(1, 500).is_empty());
        assert_eq!(slept(4, 500), [500, 500, 500]);
        assert!(slept(4, 0).is_empty());
    }
}
