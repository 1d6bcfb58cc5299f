//! The running server: two listeners on 127.0.0.1, their connections, and what tests in the same
//! process read and change. It must not know what any request is answered.

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tower_service::Service as _;

use crate::answer::HangUp;
use crate::app::App;
use crate::config::{Config, Output};
use crate::faults::Faults;
use crate::full::Full;
use crate::record::{self, Record};
use crate::socket::Socket;
use crate::starts::{Start, Starts, WorkflowStarts};
use crate::task::Tasks;
use crate::{api, download, storage};

/// More connections wait until one is closed.
const CONNECTIONS_MAX: usize = 1_024;
/// The pause after a connection could not be accepted, for want of file descriptors, say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A running server. It stops, and closes every connection, when it is dropped.
#[derive(Debug)]
pub struct Server {
    url: String,
    app: Arc<App>,
    listeners: [AbortHandle; 2],
}

impl Server {
    /// Starts a server on 127.0.0.1. It needs the Tokio runtime that it is started on to keep running.
    ///
    /// # Errors
    /// A port that is taken, or no key, or an empty one.
    pub async fn start(config: Config) -> io::Result<Self> {
        config.check().map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        let api_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.port)).await?;
        let storage_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, config.storage_port)).await?;
        let url = format!("http://{}", api_listener.local_addr()?);
        let app = Arc::new(App::new(config, format!("http://{}", storage_listener.local_addr()?)));
        // Before anything is accepted, so that it is the first line.
        if app.config.output != Output::Silent {
            app.lines.write(&format!("Fabricate (a fake) listening on {url}"));
        }
        let listeners = [
            tokio::spawn(serve(api_listener, api::router(app.clone()))).abort_handle(),
            tokio::spawn(serve(storage_listener, storage::router(app.clone()))).abort_handle(),
        ];
        Ok(Self { url, app, listeners })
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without `/api/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where the storage listens.
    #[must_use]
    pub fn storage_url(&self) -> &str {
        &self.app.storage_url
    }

    /// What was asked of both origins, oldest first; the last 100,000.
    #[must_use]
    pub fn requests(&self) -> Vec<record::Request> {
        self.app.record.with(|record| record.all())
    }

    /// Forgets what was asked.
    pub fn clear_requests(&self) {
        self.app.record.with(Record::clear);
    }

    /// What was started, by workflow.
    #[must_use]
    pub fn starts(&self) -> BTreeMap<&'static str, WorkflowStarts> {
        self.app.starts.with(|starts| starts.by_workflow())
    }

    /// The starts of one workflow that made a task.
    #[must_use]
    pub fn starts_of(&self, workflow: &str) -> Vec<Start> {
        self.starts().remove(workflow).unwrap_or_default().starts
    }

    /// How many tasks of one workflow were made with this value of a parameter.
    #[must_use]
    pub fn starts_with(&self, workflow: &str, parameter: &str, value: &Value) -> usize {
        self.starts_of(workflow).iter().filter(|start| start.params.get(parameter) == Some(value)).count()
    }

    /// How many tasks were begun in a workspace's database or project while an earlier one of the same was still running.
    #[must_use]
    pub fn overlaps(&self, workspace: &str, database: &str) -> usize {
        self.app.starts.with(|starts| starts.overlaps(workspace, database))
    }

    /// Forgets what was started; workflows that count starts begin anew.
    pub fn clear_starts(&self) {
        self.app.starts.with(Starts::clear);
    }

    /// Puts these faults in force instead of any others.
    ///
    /// # Errors
    /// A status that cannot be answered.
    pub fn set_faults(&self, faults: Faults) -> io::Result<()> {
        faults.check().map_err(|message| io::Error::new(io::ErrorKind::InvalidInput, message))?;
        self.app.faults.with(|current| *current = faults);
        Ok(())
    }

    /// Clears all faults.
    pub fn clear_faults(&self) {
        self.app.faults.with(|faults| *faults = Faults::default());
    }

    /// Refuses every key (401), or lets the configured ones in again.
    pub fn refuse_keys(&self, refused: bool) {
        self.app.refuse_keys(refused);
    }

    /// Drops all tasks: each is unknown from now on.
    pub fn forget_tasks(&self) {
        self.app.tasks.with(Tasks::clear);
    }

    /// Puts the server's clock forward, so that a test need not wait for a task to end.
    pub fn advance(&self, by: Duration) {
        self.app.clock.advance(by);
    }

    /// The SHA-256 of a file that a task shows, in lower-case hex; of a file that changes, as the
    /// last download got it.
    #[must_use]
    pub fn sha256(&self, task_id: &str, file_id: &str) -> Option<String> {
        Some(download::find(&self.app, task_id, file_id)?.1.sha256())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for listener in &self.listeners {
            listener.abort();
        }
    }
}

/// Accepts connections until it is aborted, which closes them all.
async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, router.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
}

/// Serves one connection to its end. How it ends is the client's affair.
async fn connection(stream: TcpStream, router: Router) {
    // Without this, the last bytes of a small answer may wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let socket = Socket { stream, full: Full::default() };
    let full = socket.full.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(full.clone());
        respond(router.clone(), request)
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(socket), service);
    let _ = connection.await;
}

/// An error makes hyper close the connection without an answer.
async fn respond(mut router: Router, request: Request<Incoming>) -> io::Result<Response> {
    let Ok(response) = router.call(request).await;
    match response.extensions().get::<HangUp>() {
        Some(HangUp) => Err(io::Error::other("hung up on purpose")),
        None => Ok(response),
    }
}
