//! Records: the shapes in which runs, decisions, deliveries and queue messages are stored as JSON, and their versions.
//!
//! The one place that translates between stored shapes and the domain's types. It reads and writes no store.
//!
//! # Shapes
//! | shape | where | domain type |
//! |---|---|---|
//! | `run` | KV `open/`, `done/`; inside `entry`, `claim`, `item`, `retry` | [`Run`] |
//! | `summary` | KV metadata of `open/` and `done/`; inside `batch` | [`Summary`](crate::run::Summary) |
//! | `entry` | R2 `journal/{run_id}/{number}` | [`Entry`] |
//! | `claim` | R2 `deliveries/{hook}/{digest}` | [`Claim`] |
//! | `item` | R2 `deliveries/~items/{hook}/{digest}` | [`ItemClaim`] |
//! | `retry` | R2 `retries/{run_id}` | [`Retry`] |
//! | `kept` | R2 `ignored/{hook}/{id}` | [`Kept`] |
//! | `turn` | R2 `turns/{hash of key}` | [`Turn`] |
//! | `batch` | queue messages | [`Batch`] |
//!
//! Ids, times and the words of statuses have one spelling in records, the configuration and HTTP: they bring their own
//! serde implementations. Everything else that is stored has a struct of its own here.
//!
//! # Versions
//! Each shape states its version, as `version` or, in a summary, as `v`. A shape without one has version 0: it was
//! written before versions existed. Version 1 differs from version 0 in nothing but the stated version.
//!
//! - **A Worker reads every version up to its own**, for ever: journals and claims are never rewritten. Fixtures in
//!   `tests/records/` hold it to that.
//! - **A Worker leaves newer versions alone.** Such a record cannot be read
//!   ([`StoreError::Unreadable`](crate::ports::StoreError::Unreadable)), and a record that cannot be read is neither
//!   written over nor deleted. This holds for a run inside another record too.
//! - **A Worker ignores fields that it does not know.** So a Worker from before version 1 reads version 1.
//!
//! During a roll-out, and after a rollback, older Workers find records of newer ones. An optional field that an older
//! Worker may ignore therefore needs no new version: give it `#[serde(default, skip_serializing_if = …)]` and append a
//! line that has it to the newest fixture. Note that an older Worker drops the field when it writes a KV record again.
//! A change that an older Worker would misread needs a new version: raise the number in the shape's `Version`,
//! convert the older form here, and add a fixture file. After a rollback, the runs with such records wait until the newer
//! Worker is back.
//!
//! # Which seedhook wrote a record
//! Each record says it, in `seedhook`: the version of the package. It is for people who look into a store. No code reads it: two
//! versions may claim one delivery, and older records do not have it. A run inside another record has none of its own. A summary
//! has none either: KV's metadata is short, and the record beside it says it.

mod batch;
mod delivery;
mod inbox;
mod journal;
mod plain_json;
mod run;
mod summary;
mod task;
mod turn;
mod version;

pub use summary::{read_metadata, to_metadata};

use serde::Serialize;

use crate::journal::Entry;
use crate::ports::{Batch, Claim, ItemClaim, Kept, Retry};
use crate::run::{Run, Turn};

/// A value that is stored as JSON text.
pub trait Record: Sized {
    /// Writes the record in the newest version of its shape.
    ///
    /// # Errors
    /// When `serde_json` cannot write it. No value of the domain causes that.
    fn to_json(&self) -> serde_json::Result<String>;

    /// Reads a record of any version up to the newest.
    ///
    /// # Errors
    /// When the text is no JSON, not of this shape, or of a newer version than this code knows.
    fn from_json(text: &str) -> serde_json::Result<Self>;
}

/// A shape as it is stored: with the version of the seedhook that writes it.
#[derive(Serialize)]
struct Written<S> {
    seedhook: &'static str,
    #[serde(flatten)]
    shape: S,
}

fn to_json<S: Serialize>(shape: S) -> serde_json::Result<String> {
    serde_json::to_string(&Written { seedhook: env!("CARGO_PKG_VERSION"), shape })
}

/// Implements [`Record`] for a domain type by its shape.
macro_rules! record {
    ($domain:ty, $shape:ty) => {
        impl Record for $domain {
            fn to_json(&self) -> serde_json::Result<String> {
                to_json(<$shape>::from(self))
            }

            fn from_json(text: &str) -> serde_json::Result<Self> {
                serde_json::from_str::<$shape>(text).map(Self::from)
            }
        }
    };
}

record!(Run, run::RunShape);
record!(Entry, journal::EntryShape);
record!(Claim, inbox::ClaimShape<'_>);
record!(ItemClaim, inbox::ItemClaimShape);
record!(Retry, inbox::RetryShape);
record!(Kept, inbox::KeptShape<'_>);
record!(Turn, turn::TurnShape);
record!(Batch, batch::BatchShape);
