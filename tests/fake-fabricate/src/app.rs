//! What all requests to one server share; it must not answer any.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use crate::clock::{Clock, millis};
use crate::config::{Config, Output};
use crate::faults::Faults;
use crate::host::Lines;
use crate::parameter::Parameters;
use crate::record::Record;
use crate::start::Place;
use crate::starts::{Start, Starts};
use crate::storage::Signer;
use crate::task::Tasks;
use crate::workflow::Workflow;

/// The state of one server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) storage_url: String,
    pub(crate) signer: Signer,
    pub(crate) clock: Clock,
    pub(crate) tasks: Shared<Tasks>,
    pub(crate) starts: Shared<Starts>,
    pub(crate) record: Shared<Record>,
    pub(crate) faults: Shared<Faults>,
    /// The lines about requests.
    pub(crate) lines: Lines,
    keys_refused: AtomicBool,
}

/// A value behind a lock that is never held across an await.
#[derive(Debug)]
pub(crate) struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Works with the value, alone.
    pub(crate) fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl App {
    pub(crate) fn new(config: Config, storage_url: String) -> Self {
        Self {
            config,
            storage_url,
            signer: Signer::new(),
            clock: Clock::new(),
            tasks: Shared::new(Tasks::new()),
            starts: Shared::new(Starts::default()),
            record: Shared::new(Record::default()),
            faults: Shared::new(Faults::default()),
            lines: Lines::default(),
            keys_refused: AtomicBool::new(false),
        }
    }

    /// Whether the value of an `Authorization` header is let in.
    pub(crate) fn lets_in(&self, authorization: &str) -> bool {
        let key = match authorization.split_once(' ') {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
            _ => return false,
        };
        !self.keys_refused.load(Ordering::SeqCst) && self.config.keys.iter().any(|known| known == key)
    }

    pub(crate) fn refuse_keys(&self, refused: bool) {
        self.keys_refused.store(refused, Ordering::SeqCst);
    }

    /// Makes a task and enters its start.
    pub(crate) fn start_task(
        &self,
        place: &Place,
        workflow: &'static Workflow,
        parameters: Parameters,
    ) -> Uuid {
        let now_ms = self.clock.now_ms();
        let duration: Duration = workflow.duration.unwrap_or(self.config.task_duration);
        let parameters = Arc::new(parameters);
        let ends_ms = now_ms.saturating_add(millis(duration));
        let id = self.tasks.with(|tasks| tasks.add(workflow, parameters.clone(), now_ms, ends_ms));
        let start = Start {
            at_ms: now_ms,
            ends_ms,
            place: place.kind,
            workspace: place.workspace.clone(),
            database: place.database.clone(),
            params: parameters,
            task_id: id.to_string(),
        };
        self.starts.with(|starts| starts.add(workflow.name, start));
        id
    }

    /// Prints a line about a request, if the server is to.
    pub(crate) fn print(&self, line: &str) {
        if self.config.output == Output::Requests {
            self.lines.write(line);
        }
    }
}
