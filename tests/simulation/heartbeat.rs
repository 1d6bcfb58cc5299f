//! Simulated R2: the heartbeat of sweeps, and whether it is written no more often than it may be.

use std::cell::RefCell;

use seedhook::fabricate::KeyRefusal;
use seedhook::ports::{Heartbeat, Heartbeats, StoreError, Version};
use seedhook::service::heartbeat::HEARTBEAT_MS;
use seedhook::timestamp::Timestamp;

use crate::promises::Promise;
use crate::world::{Invocation, State};

/// The heartbeat as it is stored.
#[derive(Default)]
pub(crate) struct Stored(Option<(Heartbeat, Version)>);

impl Stored {
    /// A heartbeat says that the key is refused: by itself (`None`), or for these workspaces.
    pub(crate) fn refuse(&mut self, workspaces: &[Option<String>], now: Timestamp, author: u64) {
        let refusal = |workspace: &Option<String>| KeyRefusal {
            workspace: workspace.clone(),
            since: now,
            last_at: now,
        };
        let refusals = workspaces.iter().map(refusal).collect();
        let author = author.to_string();
        let version = Version { etag: author.clone(), at: now };
        self.0 = Some((Heartbeat { author, at: now, open: 1, refusals, gap: None }, version));
    }
}

impl State {
    fn put_heartbeat(&mut self, on: &Invocation, next: &Heartbeat, expected: Option<&Version>) -> bool {
        let etag = |version: &Version| version.etag.clone();
        let holds = self.heartbeat.0.as_ref().map(|(_, version)| etag(version)) == expected.map(etag);
        if !holds {
            return false;
        }
        on.tell(self, || format!("R2 heartbeat := {} open, {} refused", next.open, next.refusals.len()));
        if let Some((last, _)) = &self.heartbeat.0
            && !may_replace(last, next)
        {
            let how = format!("{on} replaces {last:?} by {next:?}");
            self.breaks(Promise::IdleWritesNothing, how);
        }
        self.heartbeat.0 = Some((next.clone(), Version { etag: next.author.clone(), at: on.world.now() }));
        true
    }
}

/// Ten minutes have passed, a refusal came or went, or the last run has ended.
fn may_replace(last: &Heartbeat, next: &Heartbeat) -> bool {
    let refused = |heartbeat: &Heartbeat| -> Vec<Option<String>> {
        heartbeat.refusals.iter().map(|KeyRefusal { workspace, .. }| workspace.clone()).collect()
    };
    let has_ended = next.open == 0 && last.open > 0;
    next.at.since_ms(last.at) >= HEARTBEAT_MS || has_ended || refused(last) != refused(next)
}

impl Heartbeats for Invocation {
    async fn get_heartbeat(&self) -> Result<Option<(Heartbeat, Version)>, StoreError> {
        self.operate_beside("R2 get heartbeat", |state| Ok(state.heartbeat.0.clone())).await
    }

    async fn put_heartbeat(
        &self,
        heartbeat: &Heartbeat,
        expected: Option<&Version>,
    ) -> Result<bool, StoreError> {
        let put = |state: &mut State| Ok(state.put_heartbeat(self, heartbeat, expected));
        self.operate_beside("R2 put heartbeat", put).await
    }

    fn known_heartbeat(&self) -> &RefCell<Option<Heartbeat>> {
        &self.world.known_heartbeat[self.place]
    }
}
