//! Events that no sender sent: a time of the hook's schedule, and what the operator starts in its place. Their ids say so, also when they
//! are read from the inbox again.

use std::borrow::Cow;

use super::Event;
use crate::expression::{SCHEDULED_AT, ScopeValue};
use crate::hook::Hook;
use crate::hook::schedule::SCHEDULE_ID;
use crate::request::RawRequest;
use crate::request::body::BodyError;
use crate::timestamp::Timestamp;
use crate::verify::Verified;

/// What the ids of deliveries begin with that the operator makes in place of a schedule. They are claimed like others, and are no time.
const BY_HAND_ID: &str = "schedule:by-hand:";

/// The longest `Idempotency-Key` that follows it unchanged, bytes: of a longer one its SHA-256 does, so that the id is never cut.
const KEY_BYTES_MAX: usize = 256;

impl Event {
    /// The event of a scheduled time: a delivery that nobody sent. Expressions see the time as `scheduled_at`, also when it is read
    /// from the inbox again. `now` is when it is made.
    ///
    /// # Errors
    /// [`BodyError`] when the body cannot be parsed, which is the time alone.
    pub fn scheduled(hook: &Hook, due: Timestamp, now: Timestamp) -> Result<Self, BodyError> {
        let raw = with_time(RawRequest::new("POST", "", [], Vec::new(), now), due);
        let event = Self::parse(Verified::assume(raw), hook, &format!("{SCHEDULE_ID}{due}"))?;
        // The id is assigned.
        Ok(Self { sent_by_operator: true, ..event }.with_scheduled_at())
    }

    /// The event of a request of the operator: what a sender would send, or what the hook's schedule starts, with the time of the
    /// request as `scheduled_at`. It is a new event, unless an `Idempotency-Key` names another one.
    ///
    /// # Errors
    /// [`BodyError`] when the body cannot be parsed.
    pub fn by_hand(hook: &Hook, request: RawRequest, fresh_id: &str) -> Result<Self, BodyError> {
        if !Self::is_for_schedule(hook, &request) {
            return Ok(Self::parse(Verified::assume(request), hook, fresh_id)?.sent_by_operator());
        }
        let now = request.received_at;
        let request = if request.body.is_empty() { with_time(request, now) } else { request };
        let mut event = Self::parse(Verified::assume(request), hook, fresh_id)?.sent_by_operator();
        let id = &event.delivery.delivery_id;
        let id = if id.as_str().len() > KEY_BYTES_MAX { id.digest() } else { id.to_string() };
        event.rename(&format!("{BY_HAND_ID}{id}"));
        Ok(event.with_scheduled_at())
    }

    /// Whether a request of the operator stands for what the hook's schedule starts, because no sender would send it: it is empty and no
    /// handshake, or the hook has no sender.
    #[must_use]
    pub fn is_for_schedule(hook: &Hook, request: &RawRequest) -> bool {
        let is_empty = request.method == "POST" && request.body.is_empty();
        let is_handshake = || hook.handshakes.iter().any(|handshake| handshake.is(request));
        hook.schedule.is_some() && (!hook.has_address() || is_empty && !is_handshake())
    }

    /// The event that a preview of such a request ([`is_for_schedule`](Self::is_for_schedule)) shows: the schedule's next time; with a
    /// body, what the operator would start with it.
    ///
    /// # Errors
    /// [`BodyError`] when the body cannot be parsed.
    pub fn of_schedule(hook: &Hook, request: RawRequest, fresh_id: &str) -> Result<Self, BodyError> {
        let now = request.received_at;
        match hook.schedule.as_ref().and_then(|schedule| schedule.next_after(now)) {
            Some(due) if request.body.is_empty() => Self::scheduled(hook, due, now),
            _ => Self::by_hand(hook, request, fresh_id),
        }
    }

    /// What expressions see as `scheduled_at` where the delivery's id says that no sender sent it: the due time, or when the operator
    /// started it.
    #[must_use]
    pub fn scheduled_at(&self) -> Option<Cow<'_, str>> {
        let delivery = &self.delivery;
        match delivery.delivery_id.as_str() {
            id if id.starts_with(BY_HAND_ID) => Some(delivery.received_at.to_string().into()),
            id => id.strip_prefix(SCHEDULE_ID).map(Cow::Borrowed),
        }
    }

    /// Adds [`scheduled_at`](Self::scheduled_at). Not for a sender's event before its id is that of no schedule.
    pub(super) fn with_scheduled_at(self) -> Self {
        match self.scheduled_at().map(|at| self.scope.with(SCHEDULED_AT, ScopeValue::Text(&at))) {
            Some(scope) => Self { scope, ..self },
            None => self,
        }
    }

    /// Renames an id of a sender, or of the operator, that begins as those of scheduled times do: no delivery takes the place of such a
    /// time.
    pub(crate) fn keep_out_of_schedule(&mut self) {
        let id = self.delivery.delivery_id.as_str();
        if id.starts_with(SCHEDULE_ID) && self.scope.is_missing(SCHEDULED_AT) {
            self.rename(&format!("sent:{id}"));
        }
    }
}

/// A request with a time as its body.
fn with_time(request: RawRequest, time: Timestamp) -> RawRequest {
    let body = format!("{{\"{SCHEDULED_AT}\":\"{time}\"}}").into_bytes();
    let RawRequest { method, url, headers, received_at, .. } =
        request.with_content_type(Some("application/json"));
    RawRequest::new(&method, &url, headers, body, received_at)
}
