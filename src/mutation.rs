//! Deliberate mistakes, each of which the simulation must notice; without the feature `mutations` there are none.
//!
//! A rule of the core that can be left out without being missed is either not needed or not proved. So each is left
//! out here once, by one word at its place. It must never be in a Worker: on wasm32 the feature does not compile.

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// `receive`: a claim that stands is taken for one's own.
    ClaimsAreNotConditional,
    /// `receive`: a claim whose put failed, or lost, is not read back for its author.
    ClaimsAreNotReadBack,
    /// `receive`: a claim that could not be made is answered as if it had been.
    FailedClaimsAreAcknowledged,
    /// `receive`: the items of a batch are claimed together, by the delivery's id.
    BatchesAreClaimedWhole,
    /// `receive`: a batch is answered as accepted although the claims of some items failed.
    FailedItemsAreAcknowledged,
    /// `receive`: a claim of an item that stands is taken for one's own.
    ItemsAreNotConditional,
    /// `accept`: the end of a run whose mapping failed is shown, and not entered.
    MappingEndsAreNotEntered,
    /// `receive`: a redelivery heals nothing.
    RedeliveriesDoNotHeal,
    /// `receive`: a claim of this very moment is healed.
    YoungClaimsAreHealed,
    /// `accept`: a record that may hold the only word of a task is written over.
    HealingIsHasty,
    /// `reconcile`: there is no such pass.
    NothingIsReconciled,
    /// `reconcile`: claims of items are not looked up.
    ItemsAreNotReconciled,
    /// `decide`: an entry whose put failed, or lost, is not read back for its author.
    EntriesAreNotReadBack,
    /// `decide`: whoever finds a place taken goes on as its author.
    EntriesAreNotConditional,
    /// `advance`: a start request is sent without an entry.
    StartsAreNotEntered,
    /// `advance`: what came of a start request is not entered.
    OutcomesAreNotEntered,
    /// `advance`: a start request is sent however long its entry took.
    StaleStartsAreSent,
    /// `advance`: no answer is taken for "not started".
    TimeoutsAreRetried,
    /// `advance`: waits are not waited for.
    WaitsAreSkipped,
    /// `advance`: a run that KV shows as queued is started.
    KvJustifiesStarts,
    /// `advance`: a task that KV shows is believed, whatever the journal says.
    KvJustifiesTasks,
    /// `advance`: a task whose entry failed is not put to KV.
    UnenteredTasksAreDropped,
    /// `advance`: a task that only KV knows is never entered.
    UnenteredTasksStaySo,
    /// `advance`: an end that somebody else entered is not followed.
    EndsAreNotFollowed,
    /// `record`: an end is shown, and not entered.
    EndsAreNotEntered,
    /// `record`: whoever finds another end shows its own all the same.
    LostEndsAreShown,
    /// `record`: the `open/` record of a run that ended stays.
    OpenRecordsStay,
    /// `record`: a key is written twice within a second.
    KeysAreNotWaitedFor,
    /// `journal`: a `start` without a successor stays under way.
    LostStartsStayUnderWay,
    /// `journal`: a `start` without a successor is lost at once.
    StartsAreLostAtOnce,
    /// `journal`: attempts are not counted.
    AttemptsAreNotCounted,
    /// `retention`: the empty journal of a run that is older than seven days is taken for fresh.
    OldJournalsAreFresh,
    /// `retention`: the empty journal of a run whose record shows an attempt is taken for fresh.
    AttemptedJournalsAreFresh,
    /// `retention`: a run whose start stays undecided never ends.
    UndecidedRunsStay,
    /// `archive`: an object that is there is taken whatever its size.
    FoundFilesAreNotMeasured,
    /// `archive`: wrong bytes are asked for again without an end.
    BadCopiesAreNotCounted,
    /// `archive`: the key goes along wherever a redirect leads.
    RedirectsKeepTheKey,
    /// `archive`: downloads do not count as requests.
    DownloadsAreFree,
    /// `download`: the rest of another version is taken for the file's.
    OtherVersionsAreCarriedOn,
    /// `lease`: an upload that another carries on is taken.
    LeasesAreNotHeld,
    /// `stale`: word of copies that nobody carries on stays.
    StaleUploadsStay,
    /// `retry`: each call makes a new run.
    RetriesAreNotConditional,
    /// `retry`: a parked run is retried without being given up.
    RetriesPrecedeTheEnd,
    /// `operate`: an adopted task is shown, and not entered.
    AdoptionsAreNotEntered,
    /// `operate`: whoever finds the place taken is told that its run is given up.
    LostAbandonsAreTold,
    /// `sweep`: each run copies as many files at once as one may alone.
    ConnectionsAreFree,
    /// `sweep`: polls and starts do not count as requests.
    RequestsAreFree,
    /// `sweep`: only the first page of open runs is read.
    OnlyOnePageIsListed,
    /// `sweep`: a record that cannot be read ends the list.
    UnreadableRecordsStopTheRest,
    /// `sweep`: nobody looks at parked runs again.
    ParkedRunsAreForgotten,
}

#[cfg(feature = "mutations")]
mod switch {
    use std::cell::Cell;

    use super::Mutation;

    thread_local! {
        static MADE: Cell<Option<Mutation>> = const { Cell::new(None) };
    }

    /// Makes a mistake on this thread from now on, or none.
    pub fn make(mutation: Option<Mutation>) {
        MADE.set(mutation);
    }

    /// Whether a mistake is to be made.
    pub(crate) fn makes(mutation: Mutation) -> bool {
        MADE.get() == Some(mutation)
    }
}

#[cfg(feature = "mutations")]
pub use switch::make;
#[cfg(feature = "mutations")]
pub(crate) use switch::makes;

/// Whether a mistake is to be made: never.
#[cfg(not(feature = "mutations"))]
#[inline]
pub(crate) const fn makes(_: Mutation) -> bool {
    false
}

#[cfg(all(feature = "mutations", target_arch = "wasm32"))]
compile_error!("the feature `mutations` makes deliberate mistakes: it is for tests, and never for a Worker");
