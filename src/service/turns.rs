//! Turns: which of the runs with the same key may start, and how many runs are in progress at a time.
//!
//! A turn is an object in the inbox that names its holder. It is changed by compare-and-set alone. A run takes its turn before it
//! enters `start` in its journal. Nothing gives a turn back: the holder's journal says whether the holder still has it
//! ([`Journal::holds`]), so that no crash leaves a key locked. Nothing here starts or ends a run.

mod memo;
mod slots;

use crate::hook::WhenBusy;
use crate::journal::Journal;
use crate::ports::{Clock, EntryKey, Inbox, StoreError, Turns, Version};
use crate::run::{Holder, Run, RunId, Turn, TurnKey};
use crate::timestamp::Timestamp;

use super::Budget;
use super::journals::read_journal;
pub(super) use memo::TurnMemo;

/// How often a turn is tried to be changed. After that the run waits for the next sweep.
const TRIES: u32 = 3;

/// The pause between two tries, milliseconds: R2 takes one write a second for each key.
const PAUSE_MS: u32 = 1_100;

/// Whether a run may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It has its turn.
    Starts,
    /// It waits for other runs.
    Waits,
    /// It waits for newer runs until then.
    WaitsUntil(Timestamp),
    /// It ends: a newer run replaces it.
    ReplacedBy(RunId),
    /// It ends: another run is started, or waits.
    SkippedFor(RunId),
}

/// What a run does about a turn.
enum Step {
    /// The run has the turn for the attempt that it is about to make.
    Has,
    Take,
    /// Wait for this run.
    WaitFor(RunId),
    /// Wait for newer runs.
    WaitUntil(Timestamp),
    /// Nothing: a later attempt of the same run has the turn, and the journal that was read is out of date.
    Stop,
}

/// Takes the turns that a run needs for its next start attempt.
///
/// # Errors
/// `StoreError` when R2 fails. The run may have some of its turns; the next call goes on.
pub(super) async fn take_turns<W: Turns + Inbox<EntryKey> + Clock>(
    world: &W,
    run: &Run,
    journal: &Journal,
    budget: &Budget,
) -> Result<Admission, StoreError> {
    let memo = budget.turns();
    let entry = journal.next_entry_number();
    if let Some(key) = &run.key {
        let asked = Asked { world, run, entry, may_be_replaced: journal.is_certainly_not_started(), memo };
        let admission = asked.take(&TurnKey::of_key(key)).await?;
        if admission != Admission::Starts {
            return Ok(admission);
        }
    }
    slots::take_slots(world, run, entry, memo).await
}

/// A run that asks for a turn.
struct Asked<'a, W> {
    world: &'a W,
    run: &'a Run,
    /// The number of the `start` entry that it is about to make.
    entry: u32,
    may_be_replaced: bool,
    memo: &'a TurnMemo,
}

impl<W: Turns + Inbox<EntryKey> + Clock> Asked<'_, W> {
    async fn take(&self, key: &TurnKey) -> Result<Admission, StoreError> {
        let (run, memo) = (self.run, self.memo);
        if let Some(newest) = self.memo.newest(key).filter(|newest| self.is_replaced_by(*newest)) {
            return Ok(Admission::ReplacedBy(newest));
        }
        if let Some(behind) = memo.busy(key).filter(|behind| *behind != run.run_id && !run.replaces()) {
            return Ok(if self.is_skipped() { Admission::SkippedFor(behind) } else { Admission::Waits });
        }
        let mut failed = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.world.sleep_ms(PAUSE_MS).await;
            }
            let Some((stored, version)) = read(self.world, key).await? else { return Ok(Admission::Waits) };
            if let Some(by) = stored.replacement_of(run.run_id).filter(|_| self.may_be_replaced) {
                memo.note_newest(key, by);
                return Ok(Admission::ReplacedBy(by));
            }
            let mut next = stored.clone();
            next.register(run);
            let step = self.step(&next).await?;
            let admission = match step {
                Step::Has => return Ok(Admission::Starts),
                Step::Stop => return Ok(Admission::Waits),
                Step::Take => {
                    self.hold(&mut next);
                    Admission::Starts
                }
                Step::WaitUntil(until) => Admission::WaitsUntil(until),
                Step::WaitFor(behind) => {
                    memo.note_busy(key, behind);
                    if self.is_skipped() {
                        return Ok(Admission::SkippedFor(behind));
                    }
                    // The oldest run that is known to wait keeps younger ones from overtaking.
                    if next.waiting.is_none_or(|waiting| run.run_id < waiting || run.replaces()) {
                        next.waiting = Some(run.run_id);
                    }
                    Admission::Waits
                }
            };
            if admission != Admission::Starts && next == stored {
                return Ok(admission);
            }
            next.author = super::author(self.world);
            match self.world.put_turn(key, &next, version.as_ref()).await {
                Ok(true) => return Ok(admission),
                Ok(false) => failed = None,
                // It may have been written: the turn is read again.
                Err(error) => failed = Some(error),
            }
            if admission == Admission::Waits && !run.replaces() {
                // Without the mark a younger run may overtake this one, and nothing else.
                return Ok(Admission::Waits);
            }
        }
        failed.map_or(Ok(Admission::Waits), Err)
    }

    fn is_replaced_by(&self, newest: RunId) -> bool {
        self.may_be_replaced && newest > self.run.run_id
    }

    /// Whether it ends where another run is in its way. One that may have been started waits to be started again.
    fn is_skipped(&self) -> bool {
        self.run.settings.when_busy == WhenBusy::Skip && self.may_be_replaced
    }

    async fn step(&self, turn: &Turn) -> Result<Step, StoreError> {
        let (world, run, now) = (self.world, self.run, self.world.now());
        match turn.holder {
            Some(holder) if holder.run_id == run.run_id && holder.entry == self.entry => {
                return Ok(Step::Has);
            }
            Some(holder) if holder.run_id == run.run_id && holder.entry > self.entry => {
                return Ok(Step::Stop);
            }
            Some(holder) if holder.run_id == run.run_id => return Ok(Step::Take),
            Some(holder) if is_held(world, &holder).await? => return Ok(Step::WaitFor(holder.run_id)),
            _ => {}
        }
        if let Some(until) = turn.debounced_until(run).filter(|until| now < *until) {
            return Ok(Step::WaitUntil(until));
        }
        match turn.waiting {
            Some(older)
                if !self.memo.is_in_order()
                    && older < run.run_id
                    && turn.replacement_of(older).is_none()
                    && waits(world, older).await? =>
            {
                Ok(Step::WaitFor(older))
            }
            _ => Ok(Step::Take),
        }
    }

    fn hold(&self, turn: &mut Turn) {
        let (run_id, deadline_ms) = (self.run.run_id, self.run.settings.deadline_ms);
        turn.holder = Some(Holder { run_id, entry: self.entry, deadline_ms });
        turn.burst_since = None;
        if turn.waiting.is_some_and(|waiting| waiting <= run_id) {
            turn.waiting = self.memo.next_of(self.run);
        }
    }
}

/// Reads a turn; an absent one is free. `None`: it is there and cannot be read, so that nobody may take it.
pub(super) async fn read<W: Turns>(
    world: &W,
    key: &TurnKey,
) -> Result<Option<(Turn, Option<Version>)>, StoreError> {
    match world.get_turn(key).await {
        Ok(Some((turn, version))) => Ok(Some((turn, Some(version)))),
        Ok(None) => Ok(Some((Turn::default(), None))),
        Err(StoreError::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The run that replaces this one, which waits for its next attempt.
///
/// # Errors
/// `StoreError` when R2 fails.
pub(super) async fn replaced_by<W: Turns>(
    world: &W,
    run: &Run,
    journal: &Journal,
    budget: &Budget,
) -> Result<Option<RunId>, StoreError> {
    let Some(key) = run.key.as_ref().map(|key| TurnKey::of_key(key)) else { return Ok(None) };
    if !journal.is_certainly_not_started() {
        return Ok(None);
    }
    if let Some(newest) = budget.turns().newest(&key).filter(|newest| *newest > run.run_id) {
        return Ok(Some(newest));
    }
    Ok(read(world, &key).await?.and_then(|(turn, _)| turn.replacement_of(run.run_id)))
}

/// Whether the holder of a turn still holds it. To be asked after the turn was read.
pub(super) async fn is_held<W: Inbox<EntryKey> + Clock>(
    world: &W,
    holder: &Holder,
) -> Result<bool, StoreError> {
    still(world, holder, Journal::holds).await
}

/// Whether a rule about the journal of a holder says that nobody else may take its place.
async fn still<W: Inbox<EntryKey> + Clock>(
    world: &W,
    holder: &Holder,
    rule: fn(&Journal, &Holder, Timestamp) -> bool,
) -> Result<bool, StoreError> {
    match read_journal(world, holder.run_id).await {
        Ok(journal) => Ok(rule(&journal, holder, world.now())),
        // It was written by a newer version, which may have started the run.
        Err(StoreError::Unreadable { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether a run that was seen to wait still waits for its first start.
pub(super) async fn waits<W: Inbox<EntryKey> + Clock>(world: &W, run_id: RunId) -> Result<bool, StoreError> {
    let holder = Holder { run_id, entry: 1, deadline_ms: 0 };
    match read_journal(world, run_id).await {
        Ok(journal) => Ok(journal.next_entry_number() == 1 && journal.holds(&holder, world.now())),
        Err(StoreError::Unreadable { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
