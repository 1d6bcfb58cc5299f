//! A faithful fake of Tonic Fabricate's workflow API: a local server for development and end-to-end tests.
//!
//! It must not become a second implementation of seedhook: it shares no code with it, so that a
//! misreading of the contract on one side shows on the other.
//!
//! Natively, start one with `Server::start`; it listens on 127.0.0.1 until it is dropped. In wasm32,
//! a `LocalFabricate` answers the requests that servers of Node take. Either has two origins: the
//! API, and a storage that some downloads are redirected to.
//!
//! | module | what it is |
//! |---|---|
//! | `config` | how one server is set up |
//! | `server` | natively: the running server with its listeners, its connections, and what tests read from it |
//! | `socket`, `full` | natively: a connection's socket; whether it takes bytes |
//! | `node` | in wasm32: the class that Node calls |
//! | `host` | what differs between the two for everything else: the time, a timer, threads, lines |
//! | `app` | what all requests share |
//! | `api` | the first origin: its addresses |
//! | `gate` | what every request passes first: the record, injected faults, the key |
//! | `start`, `status`, `download` | the three calls of the API |
//! | `send`, `range`, `transfer` | the bytes of a download: which, how fast, and where they break off |
//! | `storage` | the second origin |
//! | `control` | calls that exist for tests only |
//! | `catalog` | **the table of workflows; add one here** |
//! | `workflow`, `parameter` | what an entry of that table can say |
//! | `files` | the files that workflows make, their expected bytes, and how each is sent; in `files::fields`, what a start of the workflow `files` can say |
//! | `stored` | a file as a task keeps it |
//! | `task` | a task, and all the tasks that are kept |
//! | `record`, `counted`, `starts`, `faults` | what was asked, what was started, what is to go wrong |
//! | `answer` | the few forms that an answer takes |
//! | `clock` | the time |

mod answer;
mod api;
mod app;
mod catalog;
mod clock;
mod config;
mod control;
mod counted;
mod download;
mod faults;
pub mod files;
mod full;
mod gate;
mod host;
#[cfg(target_arch = "wasm32")]
mod node;
mod parameter;
mod range;
mod record;
mod send;
#[cfg(not(target_arch = "wasm32"))]
mod server;
#[cfg(not(target_arch = "wasm32"))]
mod socket;
mod start;
mod starts;
mod status;
mod storage;
mod stored;
mod task;
mod transfer;
mod workflow;

pub use catalog::{WORKSPACES, workflow, workflows};
pub use config::{Config, Output};
pub use control::CALLS as CONTROL_CALLS;
pub use faults::{Fault, Faults};
#[cfg(target_arch = "wasm32")]
pub use node::{FabricateAnswer, FabricateRequest, LocalFabricate};
pub use record::{Origin, Request};
#[cfg(not(target_arch = "wasm32"))]
pub use server::Server;
pub use starts::{Start, WorkflowStarts};
pub use workflow::Workflow;
