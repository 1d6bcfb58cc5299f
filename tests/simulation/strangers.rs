//! Records that this version cannot read, of an older or newer one: in KV's list, in KV itself, and in the inbox.
//!
//! They are left alone, reported, and in nobody's way.

use std::rc::Rc;

use seedhook::log::Level;
use seedhook::ports::{DeliveryKey, StoreError};
use seedhook::records::read_metadata;
use seedhook::run::{RunId, Summary};
use seedhook::timestamp::Timestamp;
use serde_json::Value;

use crate::promises::Promise;
use crate::world::{BEGINNING_MS, Invocation, State, World};

/// What every error about a stranger says.
const MARK: &str = "of-another-version";

/// How long after a claim was made the pass over the inbox looks at it.
const CLAIM_AGE_MS: i64 = 600_000;

/// What came of them.
#[derive(Default)]
pub(crate) struct Strangers {
    listed: bool,
    reported: bool,
}

fn unreadable(key: &str) -> StoreError {
    StoreError::Unreadable { key: format!("{key}-{MARK}"), reason: "simulated".to_owned() }
}

/// The run whose summary can be read, and whose record cannot.
fn run_id() -> RunId {
    RunId::new(Timestamp::from_millis(BEGINNING_MS - 1), [7; 16])
}

/// An error, if this is the stranger's record.
pub(crate) fn check(id: RunId) -> Result<(), StoreError> {
    if id == run_id() { Err(unreadable("open/record")) } else { Ok(()) }
}

/// An error, if this is the stranger's claim.
pub(crate) fn check_claim(key: &DeliveryKey) -> Result<(), StoreError> {
    if key.digest == MARK { Err(unreadable("deliveries/claim")) } else { Ok(()) }
}

impl Strangers {
    /// What stands at the head of each list: one that cannot be read at all, and one whose record cannot.
    pub(crate) fn list(&mut self) -> [Result<Rc<Summary>, StoreError>; 2] {
        self.listed = true;
        let summary = r#"{"h":"hook","d":"old","s":"queued","w":"acme","p":"demo","f":"seed","r":0}"#;
        let summary = read_metadata(run_id(), summary).expect("a summary");
        [Err(unreadable("open/entry")), Ok(Rc::new(summary))]
    }

    /// A claim that cannot be read, of an age at which it is looked at.
    pub(crate) fn claim(world: &World) -> (DeliveryKey, Timestamp) {
        let key = DeliveryKey { hook: world.hook.name.clone(), digest: MARK.to_owned() };
        (key, world.now().plus_ms(-CLAIM_AGE_MS))
    }

    /// Notes a log line that speaks of one.
    pub(crate) fn hear(&mut self, level: Level, fields: &Value) {
        let told = fields.get("error").and_then(Value::as_str);
        self.reported |= level != Level::Info && told.is_some_and(|error| error.contains(MARK));
    }

    /// Whether they were listed and nobody was told.
    pub(crate) fn judge(&self) -> Option<String> {
        (self.listed && !self.reported).then(|| "listed, and never reported".to_owned())
    }
}

impl State {
    /// Whoever writes to a run must be able to read it.
    pub(crate) fn judge_stranger(&mut self, on: &Invocation, id: RunId) {
        if id == run_id() {
            self.breaks(Promise::StrangersAreLeftAlone, format!("{on} writes to a run that it cannot read"));
        }
    }
}
