//! Simulated R2: the hint that spares sweeps the list, and whether a run is open meanwhile.

use std::cell::Cell;
use std::hash::{Hash, Hasher};

use seedhook::journal::Decision;
use seedhook::ports::{IdleHint, IdleHints, StoreError, Version};
use seedhook::run::RunId;
use seedhook::timestamp::Timestamp;

use crate::breakage::Breakage;
use crate::promises::Promise;
use crate::world::{Invocation, State, World};

/// KV is this late at the most where no run may stay unseen, milliseconds.
const LATE_MS_MAX: i64 = 4 * 60_000;

/// The hint as it is stored.
#[derive(Default)]
pub(crate) struct Hint(Option<(IdleHint, Version)>);

impl Hint {
    /// Whether it spares sweeps the list.
    pub(crate) fn is_idle(&self) -> bool {
        self.0.as_ref().is_some_and(|(hint, _)| hint.is_idle)
    }
}

impl State {
    /// A run that was open before `began_ms`, and has not ended since.
    fn open_before(&self, began_ms: i64) -> Option<RunId> {
        let ended = |run_id| matches!(self.journals.last(run_id), Some(Decision::End { .. }));
        self.records.open_before(began_ms).find(|run_id| !ended(*run_id))
    }

    fn put_hint(&mut self, on: &Invocation, hint: &IdleHint, expected: Option<&Version>) -> bool {
        let etag = |version: &Version| version.etag.clone();
        let holds = self.hint.0.as_ref().map(|(_, version)| etag(version)) == expected.map(etag);
        if holds {
            on.tell(self, || format!("R2 hint := idle {}", hint.is_idle));
            // R2's entity tag is a digest of the bytes: what is written again has the same.
            let mut hasher = std::hash::DefaultHasher::new();
            (&hint.author, hint.is_idle).hash(&mut hasher);
            let etag = format!("{:x}", hasher.finish());
            self.hint.0 = Some((hint.clone(), Version { etag, at: on.world.now() }));
        }
        holds
    }
}

/// Judges a sweep that began then and is over: if it did not list, nothing was open.
pub(crate) fn judge_sweep(on: &Invocation, began_ms: i64) {
    let (world, profile): (&World, _) = (&on.world, &on.world.profile);
    let state = &mut *world.state.borrow_mut();
    let in_time = profile.stall == 0.0 && profile.seen_ms_max() <= LATE_MS_MAX && state.left_out < 2;
    if on.lists.get() == 0
        && in_time
        && let Some(run_id) = state.open_before(began_ms)
    {
        let how = format!("{on} does not list, and {} is open", state.name(run_id));
        state.breaks(Promise::OpenRunsAreListed, how);
    }
}

impl IdleHints for Invocation {
    async fn get_hint(&self) -> Result<Option<(IdleHint, Version)>, StoreError> {
        self.operate_beside("R2 get hint", |state| Ok(state.hint.0.clone())).await
    }

    async fn put_hint(&self, hint: &IdleHint, expected: Option<&Version>) -> Result<bool, StoreError> {
        self.operate_beside("R2 put hint", |state| Ok(state.put_hint(self, hint, expected))).await
    }

    async fn delete_hint(&self) -> Result<(), StoreError> {
        self.operate_beside("R2 delete hint", |state| {
            if self.world.profile.hint_stuck && !state.calm && state.chance(0.5) {
                return Err(StoreError::Busy("INBOX"));
            }
            if !self.world.breaks(Breakage::HintsStay) {
                state.hint.0 = None;
            }
            Ok(())
        })
        .await
    }

    fn hint_deleted_at(&self) -> &Cell<Option<Timestamp>> {
        &self.world.hint_deleted_at[self.place]
    }
}
