//! What one invocation has learned about turns, so that 10,000 runs of one key read its turn once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use super::slots::Slot;
use crate::run::{GroupId, Run, RunId, TurnKey};

/// What an invocation knows. It decides nothing but that a run waits, or that a newer one replaces it: neither becomes untrue.
#[derive(Debug, Default)]
pub(in crate::service) struct TurnMemo {
    /// Whether the invocation knows which run of a key is the oldest, and asks for that one first.
    in_order: Cell<bool>,
    /// The run that each turn was found to wait for.
    busy: RefCell<BTreeMap<TurnKey, RunId>>,
    /// The slots that were read, or written.
    slots: RefCell<BTreeMap<TurnKey, Slot>>,
    /// The newest run of each key that replaces older ones.
    newest: RefCell<BTreeMap<GroupId, RunId>>,
    /// Of each key, the second-oldest run that waits.
    next: RefCell<BTreeMap<GroupId, RunId>>,
}

impl TurnMemo {
    /// Notes that the oldest run of each key is asked for first. Then `next` waits, and `newest` replaces older runs.
    pub(in crate::service) fn note_list(&self, group: GroupId, next: Option<RunId>, newest: Option<RunId>) {
        self.in_order.set(true);
        self.next.borrow_mut().extend(next.map(|next| (group, next)));
        self.newest.borrow_mut().extend(newest.map(|newest| (group, newest)));
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.in_order.get()
    }

    pub(super) fn busy(&self, key: &TurnKey) -> Option<RunId> {
        self.busy.borrow().get(key).copied()
    }

    pub(super) fn note_busy(&self, key: &TurnKey, behind: RunId) {
        self.busy.borrow_mut().insert(key.clone(), behind);
    }

    pub(super) fn slot(&self, key: &TurnKey) -> Option<Slot> {
        self.slots.borrow().get(key).cloned()
    }

    pub(super) fn note_slot(&self, key: TurnKey, slot: Slot) {
        self.slots.borrow_mut().insert(key, slot);
    }

    pub(super) fn newest(&self, key: &TurnKey) -> Option<RunId> {
        self.newest.borrow().get(&key.group()).copied()
    }

    pub(super) fn note_newest(&self, key: &TurnKey, newest: RunId) {
        let mut known = self.newest.borrow_mut();
        let entry = known.entry(key.group()).or_insert(newest);
        *entry = newest.max(*entry);
    }

    /// The runs that others were found to wait for.
    pub(in crate::service) fn holders(&self) -> BTreeSet<RunId> {
        let slots = self.slots.borrow();
        self.busy.borrow().values().copied().chain(slots.values().filter_map(Slot::held_by)).collect()
    }

    /// Another run that waits for the turn of this one.
    pub(super) fn next_of(&self, run: &Run) -> Option<RunId> {
        let next = self.next.borrow().get(&run.group()?).copied();
        next.filter(|next| *next != run.run_id)
    }
}
