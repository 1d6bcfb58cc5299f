//! Cores that are deliberately wrong: each rule that is left out must be missed, or it is not needed, or not proved.
//!
//! [`crate::breakage`] is its neighbour: there the world is wrong, and here seedhook.

use seedhook::mutation::Mutation;

use crate::promises::Promise;

/// Every mistake, and a promise that it must be seen to break.
pub(crate) const ALL: &[(Mutation, Promise)] = &[
    (Mutation::ClaimsAreNotConditional, Promise::OneEventOneRun),
    (Mutation::ClaimsAreNotReadBack, Promise::OwnWritesAreKnown),
    (Mutation::FailedClaimsAreAcknowledged, Promise::AcceptedIsDurable),
    (Mutation::BatchesAreClaimedWhole, Promise::OneEventOneRun),
    (Mutation::FailedItemsAreAcknowledged, Promise::AcceptedIsDurable),
    (Mutation::ItemsAreNotConditional, Promise::OneEventOneRun),
    (Mutation::ItemsAreNotReconciled, Promise::AcceptedIsDurable),
    (Mutation::MappingEndsAreNotEntered, Promise::FinalStatesNeverChange),
    (Mutation::RedeliveriesDoNotHeal, Promise::AcceptedIsDurable),
    (Mutation::YoungClaimsAreHealed, Promise::CostsAreAsStated),
    (Mutation::HealingIsHasty, Promise::KnownTasksAreKept),
    (Mutation::NothingIsReconciled, Promise::AcceptedIsDurable),
    (Mutation::EntriesAreNotReadBack, Promise::OwnWritesAreKnown),
    (Mutation::EntriesAreNotConditional, Promise::StartsAreJournalled),
    (Mutation::StartsAreNotEntered, Promise::StartsAreJournalled),
    (Mutation::OutcomesAreNotEntered, Promise::NoSilentSecondStart),
    (Mutation::StaleStartsAreSent, Promise::StartsAreJournalled),
    (Mutation::TimeoutsAreRetried, Promise::NoSilentSecondStart),
    (Mutation::WaitsAreSkipped, Promise::FabricateIsSpared),
    (Mutation::KvJustifiesStarts, Promise::NoSilentSecondStart),
    (Mutation::KvJustifiesTasks, Promise::FinalStatesNeverChange),
    (Mutation::UnenteredTasksAreDropped, Promise::KnownTasksAreKept),
    (Mutation::UnenteredTasksStaySo, Promise::KnownTasksAreKept),
    (Mutation::EndsAreNotFollowed, Promise::EveryRunEnds),
    (Mutation::EndsAreNotEntered, Promise::FinalStatesNeverChange),
    (Mutation::LostEndsAreShown, Promise::FinalStatesNeverChange),
    (Mutation::OpenRecordsStay, Promise::DoneIsNotOpen),
    (Mutation::KeysAreNotWaitedFor, Promise::CostsAreAsStated),
    (Mutation::LostStartsStayUnderWay, Promise::EveryRunEnds),
    (Mutation::StartsAreLostAtOnce, Promise::KnownTasksAreKept),
    (Mutation::AttemptsAreNotCounted, Promise::TheEndIsWhatHappened),
    (Mutation::OldJournalsAreFresh, Promise::NoSilentSecondStart),
    (Mutation::AttemptedJournalsAreFresh, Promise::NoSilentSecondStart),
    (Mutation::UndecidedRunsStay, Promise::EveryRunEnds),
    (Mutation::FoundFilesAreNotMeasured, Promise::FilesArriveWhole),
    (Mutation::BadCopiesAreNotCounted, Promise::WorkIsBounded),
    (Mutation::RedirectsKeepTheKey, Promise::TheKeyStaysHome),
    (Mutation::DownloadsAreFree, Promise::WorkIsBounded),
    (Mutation::OtherVersionsAreCarriedOn, Promise::FilesArriveWhole),
    (Mutation::LeasesAreNotHeld, Promise::OneCopiesAtATime),
    (Mutation::StaleUploadsStay, Promise::NothingIsLeftBehind),
    (Mutation::RetriesAreNotConditional, Promise::OneRetryEach),
    (Mutation::RetriesPrecedeTheEnd, Promise::RetriesFollowAnEnd),
    (Mutation::AdoptionsAreNotEntered, Promise::OperatorsDecide),
    (Mutation::LostAbandonsAreTold, Promise::OperatorsDecide),
    (Mutation::ConnectionsAreFree, Promise::WorkIsBounded),
    (Mutation::RequestsAreFree, Promise::WorkIsBounded),
    (Mutation::OnlyOnePageIsListed, Promise::EveryRunEnds),
    (Mutation::UnreadableRecordsStopTheRest, Promise::EveryRunEnds),
    (Mutation::ParkedRunsAreForgotten, Promise::EveryRunEnds),
];

/// A mistake by its name.
pub(crate) fn named(name: &str) -> Option<Mutation> {
    ALL.iter().map(|(mutation, _)| *mutation).find(|mutation| format!("{mutation:?}") == name)
}
