//! What must hold of every life, by name; [`crate::verdict`] judges a whole life, the ports what they see at once.

/// A promise of the design, or what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    /// A 2xx means: the delivery is stored, and each of its runs has a record in KV in the end.
    AcceptedIsDurable,
    /// All deliveries of an event name the same runs, and each of these is started as one.
    OneEventOneRun,
    /// A start whose answer never came is not repeated unless the hook says so, and never once the task is known.
    NoSilentSecondStart,
    /// Each start request has its author's `start` entry: the last of the journal, fresh, and used once.
    StartsAreJournalled,
    /// Journals have no gaps, and no entry is replaced.
    JournalsAreAppendOnly,
    /// A run is retried once: whoever retries it is told of the same new run.
    OneRetryEach,
    /// Nothing is retried whose journal does not end.
    RetriesFollowAnEnd,
    /// A task that an operator was told is adopted stays the run's; a run that he was told is abandoned has ended so, is
    /// never started, and is retried by nobody but him.
    OperatorsDecide,
    /// A final state never changes, and is the one that the journal ends with.
    FinalStatesNeverChange,
    /// What KV says in the end is what happened at Fabricate.
    TheEndIsWhatHappened,
    /// Each file of a completed run is an object with exactly its bytes.
    FilesArriveWhole,
    /// Of a copy that nobody carries on any more, no word and no upload that it names is left.
    NothingIsLeftBehind,
    /// Nobody adds to an upload that another carries on, as long as R2 answers.
    OneCopiesAtATime,
    /// A run that is done is not open.
    DoneIsNotOpen,
    /// A task that seedhook knew stays known.
    KnownTasksAreKept,
    /// A write whose confirmation was lost is known for one's own by reading it back.
    OwnWritesAreKnown,
    /// Every run ends, or is parked as `unconfirmed`.
    EveryRunEnds,
    /// A sweep lists open runs if there is one, unless KV is later than minutes, or leaves runs out of several lists.
    OpenRunsAreListed,
    /// A sweep or a reconcile pass over unchanged runs writes nothing but a heartbeat: one in ten minutes, or when a refusal of the
    /// key came or went, or when the last run has ended.
    IdleWritesNothing,
    /// An invocation makes no more outbound requests than it may.
    WorkIsBounded,
    /// A start is not sent again before the time that Fabricate asked for, and no download is requested before then in
    /// an isolate that knows of it.
    FabricateIsSpared,
    /// Where nothing fails, a run whose task ends within seconds of its start, with small files, has ended seconds after that.
    ResultsAreSoon,
    /// Each target that wants to know is told of each end, and of each run that stays `unconfirmed`, or the run shows that it is not.
    EachEndIsTold,
    /// Nobody is told of an end, or that a run is `unconfirmed`, before the journal says so.
    OnlyEndsAreTold,
    /// Where nothing else fails, a target that answers is told minutes after the end, whatever another target does.
    TargetsDelayNobody,
    /// Each target is told of each silence of a hook, and that the Worker is unhealthy, while it lasts.
    EachAlertIsTold,
    /// Nobody is told that a hook is silent, or the Worker unhealthy, before the ledger says so, or when it is not so.
    OnlyAlertsAreTold,
    /// An episode in which the Worker is unhealthy is one, until another problem joins, or one comes again after an hour.
    AlertsAreToldOnce,
    /// Where nothing fails, a run costs 3 KV puts, one more where targets are told, 1 delete and, beside its files, 4 R2 writes.
    CostsAreAsStated,
    /// Of one key, at most one run is between its start request and its end, unless one is parked past its deadline; and no more runs are
    /// in progress than `max_running` allows.
    OneOfAKeyAtATime,
    /// A run that was replaced is never started.
    ReplacedRunsNeverStart,
    /// Where nothing fails, a run that waits starts two sweeps after nothing is in its way any more.
    WaitingRunsGoOn,
    /// Each time of a schedule starts once at the most, and once where a cron came before the next time and nothing failed.
    ScheduledTimesStartOnce,
    /// Nothing is stored of a delivery whose sender is not who the hook says, or that does not count.
    OnlyTheSenderGetsIn,
    /// Fabricate's key goes to Fabricate alone.
    TheKeyStaysHome,
    /// What this version cannot read is left alone and reported, and stands in nobody's way.
    StrangersAreLeftAlone,
    /// What is written can be read, and is the same then.
    RecordsAreRead,
}
