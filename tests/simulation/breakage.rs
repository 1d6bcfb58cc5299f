//! Worlds that are deliberately wrong: each must be noticed, or the simulation proves nothing.

use crate::promises::Promise;

/// What is wrong with a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breakage {
    /// A claim is taken although there is one.
    ClaimsAreNotConditional,
    /// A claim is confirmed and not kept.
    ClaimsAreLost,
    /// A journal's entry replaces the one that is there.
    EntriesAreNotConditional,
    /// `start` entries are confirmed and not kept.
    StartEntriesAreLost,
    /// What came of a start is confirmed and not kept.
    OutcomeEntriesAreLost,
    /// `end` entries are confirmed and not kept.
    EndEntriesAreLost,
    /// A retry is taken although there is one.
    RetriesAreNotConditional,
    /// A retry is confirmed and not kept.
    RetriesAreLost,
    /// Entries of operators are confirmed and not kept.
    OperatorsAreForgotten,
    /// What is read back from a journal does not say that a run was abandoned.
    AbandoningIsForgotten,
    /// KV's list never shows one entry again.
    ListLosesAnEntry,
    /// `open/` records are confirmed and not kept.
    OpenPutsAreLost,
    /// The hint of sweeps stays although it is deleted.
    HintsStay,
    /// Each `open/` record is written twice.
    OpenPutsAreDoubled,
    /// `done/` records are confirmed and not kept.
    DonePutsAreLost,
    /// `done/` records say something else.
    DoneRecordsAreGarbled,
    /// `open/` records stay although they are deleted.
    DeletesAreLost,
    /// Fabricate makes two tasks of one start request.
    FabricateStartsTwice,
    /// Fabricate calls a failed task completed.
    FabricateLies,
    /// Other bytes than Fabricate's are stored.
    CopiesAreCut,
    /// Nothing is stored.
    CopiesAreMissing,
    /// Downloads begin at another's address, with the key.
    DownloadsAreElsewhere,
    /// The client makes a second request for each.
    RequestsAreRepeated,
    /// An invocation is ended three seconds after its answer.
    InvocationsEndEarly,
    /// What is read back from the inbox names no author.
    AuthorsAreForgotten,
    /// Whoever forges a delivery has the secret.
    ForgersKnowTheSecret,
    /// The client takes no notice of `Retry-After`.
    RetryAfterIsDropped,
    /// A record comes back as another.
    RecordsAreMisread,
    /// A target's 2xx is for a message that it did not get.
    MessagesAreLost,
    /// The ledger of alerts is confirmed and not kept.
    LedgersAreLost,
    /// A target that hangs is waited for ten minutes.
    TargetsAreWaitedFor,
    /// A turn is written although another one is stored.
    TurnsAreNotConditional,
    /// What is read of a turn does not name the newest run.
    TurnsForgetTheNewest,
    /// Turns are hardly ever written.
    TurnsAreWrittenRarely,
    /// The ledger of schedules says that the next time was started too.
    SchedulesAreAhead,
}

impl Breakage {
    /// Every breakage, and a promise that it must be seen to break; every promise is in it.
    pub(crate) const ALL: &'static [(Self, Promise)] = &[
        (Self::ClaimsAreNotConditional, Promise::OneEventOneRun),
        (Self::ClaimsAreLost, Promise::AcceptedIsDurable),
        (Self::EntriesAreNotConditional, Promise::JournalsAreAppendOnly),
        (Self::StartEntriesAreLost, Promise::StartsAreJournalled),
        (Self::OutcomeEntriesAreLost, Promise::KnownTasksAreKept),
        (Self::OutcomeEntriesAreLost, Promise::NoSilentSecondStart),
        (Self::EndEntriesAreLost, Promise::FinalStatesNeverChange),
        (Self::RetriesAreNotConditional, Promise::OneRetryEach),
        (Self::RetriesAreLost, Promise::AcceptedIsDurable),
        (Self::OperatorsAreForgotten, Promise::OperatorsDecide),
        (Self::OperatorsAreForgotten, Promise::RetriesFollowAnEnd),
        (Self::AbandoningIsForgotten, Promise::OperatorsDecide),
        (Self::ListLosesAnEntry, Promise::EveryRunEnds),
        (Self::HintsStay, Promise::OpenRunsAreListed),
        (Self::OpenPutsAreLost, Promise::AcceptedIsDurable),
        (Self::OpenPutsAreDoubled, Promise::CostsAreAsStated),
        (Self::DonePutsAreLost, Promise::AcceptedIsDurable),
        (Self::DoneRecordsAreGarbled, Promise::FinalStatesNeverChange),
        (Self::DeletesAreLost, Promise::DoneIsNotOpen),
        (Self::DeletesAreLost, Promise::IdleWritesNothing),
        (Self::FabricateStartsTwice, Promise::OneEventOneRun),
        (Self::FabricateLies, Promise::TheEndIsWhatHappened),
        (Self::CopiesAreCut, Promise::FilesArriveWhole),
        (Self::CopiesAreMissing, Promise::FilesArriveWhole),
        (Self::DownloadsAreElsewhere, Promise::TheKeyStaysHome),
        (Self::RequestsAreRepeated, Promise::WorkIsBounded),
        (Self::InvocationsEndEarly, Promise::ResultsAreSoon),
        (Self::AuthorsAreForgotten, Promise::OwnWritesAreKnown),
        (Self::ForgersKnowTheSecret, Promise::OnlyTheSenderGetsIn),
        (Self::RetryAfterIsDropped, Promise::FabricateIsSpared),
        (Self::RecordsAreMisread, Promise::RecordsAreRead),
        (Self::EndEntriesAreLost, Promise::OnlyEndsAreTold),
        (Self::MessagesAreLost, Promise::EachEndIsTold),
        (Self::MessagesAreLost, Promise::EachAlertIsTold),
        (Self::LedgersAreLost, Promise::OnlyAlertsAreTold),
        (Self::TargetsAreWaitedFor, Promise::TargetsDelayNobody),
        (Self::TurnsAreNotConditional, Promise::OneOfAKeyAtATime),
        (Self::TurnsForgetTheNewest, Promise::ReplacedRunsNeverStart),
        (Self::TurnsAreWrittenRarely, Promise::WaitingRunsGoOn),
        (Self::SchedulesAreAhead, Promise::ScheduledTimesStartOnce),
    ];
}
