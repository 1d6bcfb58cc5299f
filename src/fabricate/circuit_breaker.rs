//! Whether Fabricate may be asked now: a circuit breaker, and a limit on the requests of a minute.
//!
//! During an outage nothing is asked and nothing is decided: requests are only delayed. After an outage one probe goes
//! first, so that Fabricate is not met by all requests that waited. The breaker lives as long as its isolate and does not
//! know other isolates. It knows no runs and has no clock.

use std::cell::{Cell, RefCell};

use super::status_table::StatusMeaning;
use super::{Head, StartOutcome, StatusError, Task};
use crate::timestamp::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// This many failures in a row open the breaker: with four requests in flight, that is two rounds at most.
pub const FAILURES_MAX: u32 = 5;

/// How long the breaker stays open unless Fabricate states a time, milliseconds: shorter than the cron's period, so that
/// the next sweep probes.
const STOP_MS: i64 = 30 * SECOND_MS;

/// The longest time that Fabricate may state, milliseconds; a probe follows it.
const STOP_MS_MAX: i64 = HOUR_MS;

/// A probe without an answer for this long, milliseconds, is lost: it was never sent, or its invocation ended. An answer
/// may take 28 s, and the next sweep may come after a minute.
const PROBE_MS_MAX: i64 = 45 * SECOND_MS;

/// The most runs of an isolate that are followed at the same time: of more, each would take a few requests that the starts
/// of others need.
const FOLLOWED_IN_ISOLATE_MAX: usize = 12;

/// What an answer shows about Fabricate as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Fabricate answers; a rejection is an answer too.
    Well,
    /// A 5xx, a 429, or no answer.
    Failing {
        /// How long Fabricate asks clients to wait, milliseconds, from `Retry-After`.
        wait_ms: Option<i64>,
    },
    /// A start without a clear outcome: it neither opens the breaker nor proves that a probe succeeded.
    Unsure,
}

/// The circuit breaker and the request limit of one isolate.
#[derive(Debug)]
pub struct CircuitBreaker {
    requests_a_minute: Option<u32>,
    minute: Cell<i64>,
    taken: Cell<u32>,
    state: Cell<State>,
    /// Until when each run is followed.
    followed: RefCell<Vec<Timestamp>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed { failures: u32 },
    Open { until: Timestamp },
    Probing { since: Timestamp },
}

impl CircuitBreaker {
    /// A closed breaker with at most `requests_a_minute` in a minute of the clock; `None`: no limit.
    #[must_use]
    pub fn new(requests_a_minute: Option<u32>) -> Self {
        let state = Cell::new(State::Closed { failures: 0 });
        Self {
            requests_a_minute,
            minute: Cell::new(0),
            taken: Cell::new(0),
            state,
            followed: RefCell::default(),
        }
    }

    /// Takes the right to follow so many runs until then; `false` when too many are followed. It ends by its time alone,
    /// because an invocation that the runtime ends gives nothing back.
    pub fn take_followed(&self, runs: usize, now: Timestamp, until: Timestamp) -> bool {
        let mut followed = self.followed.borrow_mut();
        followed.retain(|until| *until > now);
        let fits = followed.len() + runs <= FOLLOWED_IN_ISOLATE_MAX;
        if fits {
            followed.extend(std::iter::repeat_n(until, runs));
        }
        fits
    }

    /// `requests`, or the limit of a minute if that is smaller.
    #[must_use]
    pub fn cap(&self, requests: u32) -> u32 {
        self.requests_a_minute.map_or(requests, |most| requests.min(most))
    }

    /// Takes one request; `false` when none may be sent now. The first request after the breaker was open is the probe.
    pub fn take(&self, now: Timestamp) -> bool {
        if self.is_open(now) {
            return false;
        }
        if let Some(most) = self.requests_a_minute {
            let minute = now.as_millis().div_euclid(MINUTE_MS);
            if self.minute.replace(minute) != minute {
                self.taken.set(0);
            }
            if self.taken.get() >= most {
                return false;
            }
            self.taken.set(self.taken.get() + 1);
        }
        if !self.is_closed() {
            self.state.set(State::Probing { since: now });
        }
        true
    }

    /// Whether the breaker is closed. Otherwise the next request is a probe, or none is allowed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.state.get(), State::Closed { .. })
    }

    /// Whether no request may be sent now, because the breaker is open or a probe is under way.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        match self.state.get() {
            State::Closed { .. } => false,
            State::Open { until } => now < until,
            State::Probing { since } => now.since_ms(since) < PROBE_MS_MAX,
        }
    }

    /// Records the outcome of a request. `true` when this one opened the breaker.
    pub fn record_outcome(&self, health: Health, now: Timestamp) -> bool {
        let stop_until =
            |wait_ms: Option<i64>| now.plus_ms(wait_ms.unwrap_or(STOP_MS).clamp(SECOND_MS, STOP_MS_MAX));
        let stop = |wait_ms| State::Open { until: stop_until(wait_ms) };
        let next = match (self.state.get(), health) {
            // An answer to an earlier request may keep the breaker open longer; only a probe closes it.
            (State::Open { until }, Health::Failing { wait_ms: wait_ms @ Some(_) }) => {
                State::Open { until: until.max(stop_until(wait_ms)) }
            }
            (open @ State::Open { .. }, _) => open,
            (closed @ State::Closed { .. }, Health::Unsure) => closed,
            (_, Health::Well) => State::Closed { failures: 0 },
            (State::Closed { failures }, Health::Failing { wait_ms: None })
                if failures + 1 < FAILURES_MAX =>
            {
                State::Closed { failures: failures + 1 }
            }
            (_, Health::Failing { wait_ms }) => stop(wait_ms),
            (State::Probing { .. }, Health::Unsure) => stop(None),
        };
        let before = self.state.replace(next);
        matches!(next, State::Open { .. }) && !matches!(before, State::Open { .. })
    }
}

impl Health {
    /// What the answer to a status request says.
    #[must_use]
    pub fn of_status(answer: &Result<Task, StatusError>) -> Self {
        match answer {
            Err(StatusError::Unavailable(_)) => Self::Failing { wait_ms: None },
            Err(StatusError::Busy { retry_after_ms, .. }) => Self::Failing { wait_ms: *retry_after_ms },
            Ok(_)
            | Err(
                StatusError::Unauthorized
                | StatusError::Forbidden
                | StatusError::NotFound
                | StatusError::NoRoom
                | StatusError::TooLarge(_),
            ) => Self::Well,
        }
    }

    /// What an answer to a download shows that came from Fabricate's own address. A 500 counts for nothing: a run with many
    /// broken files must not stop the others.
    #[must_use]
    pub fn of_download(head: &Head, now: Timestamp) -> Self {
        match StatusMeaning::of(head.status) {
            StatusMeaning::Busy => Self::Failing { wait_ms: head.retry_after_ms(now) },
            StatusMeaning::Failed if head.status == 500 => Self::Unsure,
            StatusMeaning::NotProcessed | StatusMeaning::Failed => Self::Failing { wait_ms: None },
            StatusMeaning::Accepted
            | StatusMeaning::Redirect
            | StatusMeaning::KeyRejected
            | StatusMeaning::WorkspaceRejected
            | StatusMeaning::NotFound
            | StatusMeaning::Rejected
            | StatusMeaning::Unexpected => Self::Well,
        }
    }

    /// What the answer to a start request says. One that may have started its workflow counts for nothing.
    #[must_use]
    pub fn of_start(outcome: &StartOutcome) -> Self {
        match outcome {
            StartOutcome::Started(_)
            | StartOutcome::Refused { .. }
            | StartOutcome::NotStarted { for_key: true, .. } => Self::Well,
            StartOutcome::NotStarted { retry_after_ms, .. } => Self::Failing { wait_ms: *retry_after_ms },
            StartOutcome::Unknown { .. } => Self::Unsure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fabricate::TaskId;

    const FAILING: Health = Health::Failing { wait_ms: None };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_700_000_040_000 + seconds * SECOND_MS)
    }

    fn stopped() -> CircuitBreaker {
        let breaker = CircuitBreaker::new(None);
        for failure in 1..=FAILURES_MAX {
            assert!(breaker.take(at(0)));
            assert_eq!(
                breaker.record_outcome(FAILING, at(0)),
                failure == FAILURES_MAX,
                "told once, failure {failure}"
            );
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_stop_it_and_it_is_told_once() {
        let breaker = stopped();
        assert!(!breaker.take(at(1)) && breaker.is_open(at(1)) && !breaker.is_closed());
        assert!(!breaker.record_outcome(FAILING, at(1)), "one that was under way");
        assert!(!breaker.take(at(29)));
    }

    #[test]
    fn failures_with_an_answer_between_them_do_not() {
        let breaker = CircuitBreaker::new(None);
        for _ in 0..100 {
            (1..FAILURES_MAX).for_each(|_| assert!(!breaker.record_outcome(FAILING, at(0))));
            assert!(!breaker.record_outcome(Health::Unsure, at(0)), "says nothing");
            assert!(!breaker.record_outcome(Health::Well, at(0)));
        }
        assert!(breaker.is_closed());
    }

    #[test]
    fn so_many_runs_are_followed_until_their_time_is_over() {
        let breaker = CircuitBreaker::new(None);
        assert!(breaker.take_followed(FOLLOWED_IN_ISOLATE_MAX - 1, at(0), at(26)));
        assert!(!breaker.take_followed(2, at(25), at(51)) && breaker.take_followed(1, at(25), at(51)));
        assert!(breaker.take_followed(FOLLOWED_IN_ISOLATE_MAX - 1, at(26), at(52)), "the first have ended");
        assert!(!breaker.take_followed(1, at(50), at(76)));
    }

    #[test]
    fn one_probe_decides_whether_it_goes_on() {
        for (heard, goes_on) in [(Health::Well, true), (FAILING, false), (Health::Unsure, false)] {
            let breaker = stopped();
            breaker.record_outcome(Health::Well, at(2));
            assert!(!breaker.is_closed(), "an answer from before the stop is no probe");
            assert!(breaker.take(at(60)) && !breaker.take(at(60)), "one, and no second beside it");
            assert_eq!(breaker.record_outcome(heard, at(61)), !goes_on);
            assert_eq!((breaker.is_closed(), breaker.take(at(61))), (goes_on, goes_on), "{heard:?}");
        }
    }

    #[test]
    fn a_lost_probe_is_followed_by_another() {
        let breaker = stopped();
        assert!(breaker.take(at(60)) && !breaker.take(at(104)) && breaker.take(at(105)));
    }

    #[test]
    fn what_fabricate_asks_for_is_given_at_once_and_within_bounds() {
        for (asked_s, stopped_s) in [(0, 1), (2, 2), (90, 90), (86_400, 3_600)] {
            let breaker = CircuitBreaker::new(None);
            assert!(breaker.record_outcome(Health::Failing { wait_ms: Some(asked_s * SECOND_MS) }, at(0)));
            assert!(!breaker.take(at(stopped_s - 1)) && breaker.take(at(stopped_s)), "{asked_s}");
        }
    }

    #[test]
    fn the_longest_wait_of_several_answers_counts() {
        for waits_s in [[10, 90], [90, 10]] {
            let breaker = CircuitBreaker::new(None);
            let opened = waits_s.map(|wait_s| {
                breaker.record_outcome(Health::Failing { wait_ms: Some(wait_s * SECOND_MS) }, at(0))
            });
            assert_eq!(opened, [true, false]);
            breaker.record_outcome(FAILING, at(1));
            assert!(!breaker.take(at(89)) && breaker.take(at(90)), "{waits_s:?}");
        }
    }

    #[test]
    fn a_minute_has_its_number_of_requests() {
        let breaker = CircuitBreaker::new(Some(3));
        let taken = |second| (0..10).filter(|_| breaker.take(at(second))).count();
        assert_eq!([taken(0), taken(59), taken(60), taken(130)], [3, 0, 3, 3]);
        assert_eq!((breaker.cap(40), breaker.cap(2), CircuitBreaker::new(None).cap(40)), (3, 2, 40));
    }

    #[test]
    fn an_answer_to_a_status_request_is_a_sign_of_health_also_where_it_refuses() {
        let task = serde_json::from_str(r#"{"id": "t", "status": "failed"}"#).unwrap();
        let busy = StatusError::Busy { reason: "HTTP 429".into(), retry_after_ms: Some(7) };
        for (answer, expected) in [
            (Ok(task), Health::Well),
            (Err(StatusError::Unauthorized), Health::Well),
            (Err(StatusError::Forbidden), Health::Well),
            (Err(StatusError::NotFound), Health::Well),
            (Err(StatusError::Unavailable("HTTP 502".into())), FAILING),
            (Err(busy), Health::Failing { wait_ms: Some(7) }),
        ] {
            assert_eq!(Health::of_status(&answer), expected, "{answer:?}");
        }
    }

    #[test]
    fn an_answer_to_a_download_counts_by_its_status() {
        for (status, expected) in [
            (200, Health::Well),
            (206, Health::Well),
            (302, Health::Well),
            (401, Health::Well),
            (404, Health::Well),
            (416, Health::Well),
            (408, FAILING),
            (500, Health::Unsure),
            (502, FAILING),
            (521, FAILING),
            (429, Health::Failing { wait_ms: Some(7_000) }),
            (503, Health::Failing { wait_ms: Some(7_000) }),
        ] {
            let headers = std::iter::once(("retry-after".to_owned(), "7".to_owned())).collect();
            assert_eq!(Health::of_download(&Head { status, headers }, at(0)), expected, "{status}");
        }
    }

    #[test]
    fn an_answer_to_a_start_counts_only_where_it_is_certain() {
        let not_started = |for_key| StartOutcome::NotStarted {
            status: Some(503),
            reason: "HTTP 503".into(),
            retry_after_ms: Some(7),
            for_key,
        };
        for (outcome, expected) in [
            (StartOutcome::Started(TaskId::try_from("t".to_owned()).unwrap()), Health::Well),
            (StartOutcome::Refused { status: Some(422), message: "no".into() }, Health::Well),
            (not_started(true), Health::Well),
            (not_started(false), Health::Failing { wait_ms: Some(7) }),
            (StartOutcome::Unknown { status: Some(502), reason: "HTTP 502".into() }, Health::Unsure),
        ] {
            assert_eq!(Health::of_start(&outcome), expected, "{outcome:?}");
        }
    }
}
