//! **seedhook**: webhooks in, seeded databases out.
//!
//! A Cloudflare Worker. A sender posts an event to a hook. seedhook verifies the sender, decides whether the event counts,
//! maps it to parameters, starts a database workflow at Tonic Fabricate, follows the workflow to its end, and stores the
//! files that it produced. This page is the map: it says where a change goes. `docs/design.md` explains the protocol.
//!
//! # How a delivery travels
//! 1. `POST /hooks/{hook}` ([`http`], `http/intake.rs`): the body is read within its bounds of size, time and memory
//!    (`http/request_body.rs`). [`hook::admission`] answers a handshake, or verifies the raw bytes ([`verify`]). Only a
//!    verified body is parsed ([`request::body`], [`hook::event`]).
//! 2. [`service::plan`] evaluates each rule's `when` over the event, or over each item of its batch, and maps the parameters
//!    ([`expression`], [`hook::mapping`]). If no rule holds, the answer is 200 and nothing is stored.
//! 3. [`service::receive`] **claims** the delivery with its runs: one create-only put in the inbox, which exactly one of any
//!    number of simultaneous redeliveries wins. From here on nothing is lost. Items of a batch that have ids are claimed
//!    one by one (`service/batch.rs`).
//! 4. The runs are shown in KV as `queued`, and the sender gets 202.
//! 5. After the answer, [`service::advance`] starts the runs, and [`service::follow`] polls a few of them for half a minute, so
//!    that short workflows end in it. Every two minutes [`service::sweep`] advances each open run
//!    that is due: it polls the task, archives the files and closes the run. Where a queue is bound, the sweep sends the due
//!    runs to it. **Webhook, sweep, queue and operator only call `advance`, the one place that moves a run**; if a call is
//!    lost, the run is delayed.
//! 6. `service/close.rs` is the one place that ends a run. What follows from an end starts there. The targets of the run are
//!    notified at once, and by the sweeps until each has answered ([`service::notify`]).
//!    Runs with the same key start one at a time: before its start, a run takes its turn in the inbox (`service/turns.rs`).
//!    A sweep also claims what schedules say ([`service::schedule`]).
//! 7. Once an hour [`service::reconcile`] compares the inbox with KV and restores records that were lost between 3 and 4.
//! 8. An archived file is streamed to the operator, or to the holder of a signed link (`http/files.rs`, [`link`]).
//! 9. The operator retries a failed run ([`service::retry`]), or its sender's redelivery does, if the hook says so. A retry is
//!    a new run, claimed in the inbox like a delivery, so that each run is retried once.
//!
//! **The journal decides, KV shows.** KV is eventually consistent and its last write wins, so nothing that must happen once
//! is decided there. Each run has a [`journal`] in R2 whose entries are created once and never changed. The invocation that
//! creates the next entry has decided; KV gets a copy.
//!
//! # Promises
//! The simulation asserts them over many thousand simulated lives, with crashes at every step, a late KV and a faulty
//! Fabricate.
//! 1. **Accepted is durable.** A 2xx means that the delivery is stored and will reach a final, visible state.
//! 2. **One event, one run.** Redeliveries, also simultaneous ones in different places, start the workflow once.
//! 3. **Never a silent second start.** A start without an answer is parked as `unconfirmed`. Expiry starts nothing.
//! 4. **Only the sender gets in.** Every hook states a verification. No answer and no log line says anything about secrets.
//! 5. **Files arrive whole**, or the run says what failed. At most two parts of a file are in memory.
//! 6. **Nothing stops the rest.** One broken run, hook or file never blocks the others. Everything has a bound.
//! 7. **Idle costs nothing.** A sweep over unchanged runs writes nothing but, every ten minutes, a heartbeat. While no run is
//!    open, sweeps do not list and write nothing at all.
//! 8. **Targets are notified.** Each target is notified of each end at least once, and never before the end is durable; or the run
//!    shows that it is not. A target that fails delays nobody.
//! 9. **One key, one run at a time.** Of the runs with a key at most one is between its start request and its end, other than an
//!    `unconfirmed` one that is older than its deadline. A replaced run is never started. A due time that a sweep saw starts once.
//!
//! # Words
//! | word | meaning |
//! |---|---|
//! | hook | a configured endpoint: who may call, which events count, what to run with which parameters |
//! | sender | the tool that calls a hook |
//! | delivery | one HTTP attempt of a sender; redeliveries share its delivery id |
//! | event | what a verified delivery reports |
//! | run | our unit of work: an accepted delivery becomes a run for each rule that holds and each item of a batch |
//! | task | Fabricate's record of the workflow that it executes |
//! | sweep | the cron pass that advances every open run |
//! | inbox | the R2 bucket with the claimed deliveries, the retries and the journals |
//! | key | what the `concurrency` of a hook makes of a run: runs with the same key run one at a time |
//! | turn | which of the runs with a key may start; a slot is a turn that any of them may have |
//! | journal | the create-only list of decisions about one run |
//! | archive | copying a task's files to R2 |
//! | operator | the person or program that runs seedhook: it holds the operator token, or signs in by Cloudflare Access |
//!
//! # Where a change goes
//! | to change… | go to | it may use |
//! |---|---|---|
//! | **Requests and expressions** | | |
//! | which bodies are understood | [`request::body`] | values |
//! | where a value is looked up in a request (`headers.x`, `body.a.b`) | [`request::source`] | values |
//! | how JSON is held in little memory | `crates/document`, a crate of its own, because it is compiled for speed and all else for size | text |
//! | the values of expressions, their numbers, their cost | `value.rs` and its folder | values |
//! | the syntax of templates, and what it means | `expression/lexer.rs`, `parser.rs`, `ast.rs`; `operators.rs`, `evaluate.rs` | values |
//! | a filter, a test, a method, a function | the table in `expression/filters.rs`, `predicates.rs`, `methods.rs`, `functions.rs`; `docs/mapping.md` is the page | values |
//! | **Who may call** | | |
//! | how signatures and tokens are verified | [`verify`] | bytes, secrets, a time |
//! | public keys, HMACs of large bodies | [`verify::crypto`], `verify/public_key.rs`; `cloudflare/web_crypto.rs` | bytes |
//! | a sender: what it signs, its ids, handshakes and set-up steps | `config/senders.json`; a new scheme also in `config/signature.rs`, `config/verify.rs` or `config/handshake.rs`; the steps of other schemes in `config/setup.rs` | data |
//! | how handshakes and deliveries are answered | [`verify::handshake`], [`verify::answer`], [`hook::admission`] | values, secrets |
//! | **Hooks and configuration** | | |
//! | what the configuration may say, and its error messages | [`config`] | values |
//! | the id of an event or of an item of a batch | [`hook::event_ids`] | values |
//! | parameters | [`hook::mapping`] | values |
//! | where a file is stored in R2 | [`hook::archive_key`] | values |
//! | **Fabricate** | | |
//! | what an HTTP status of Fabricate means (429, 401, …) | `fabricate/status_table.rs` | values |
//! | when Fabricate is not asked | `fabricate/circuit_breaker.rs` | values, a time |
//! | what is read of a task, a result, a download | `fabricate/status.rs`, `result.rs`, `download.rs` | bytes |
//! | where a redirect may lead | `fabricate/redirect.rs`, `reach.rs` | values |
//! | **Runs** | | |
//! | states and deadlines | [`run`], `run/poll.rs`, `run/archive.rs` | values, a time |
//! | when a run is polled, how long a retry waits | `run/schedule.rs` | values, a time |
//! | what a journal says, when it has expired | [`journal`], [`journal::retention`] | values, a time |
//! | the stored shape of a record, and its version | [`records`]; fixtures in `tests/records/`, whole stores of earlier versions in `tests/upgrade/` | values, text |
//! | starting and following runs | [`service::advance`] | all ports |
//! | how started runs are followed for half a minute, and by the queue | [`service::follow`] | all ports |
//! | which runs wait for each other, are replaced or skipped | [`hook::concurrency`] makes keys; `run/turn.rs`, `journal/holding.rs`; `service/turns.rs` and its folder; `service/sweep/waiting.rs` chooses whom a sweep asks | values, a time; R2 |
//! | when hooks run by themselves | [`hook::schedule`]; [`service::schedule`] | values, a time; all ports |
//! | ending runs; what happens at an end | `service/close.rs` | journal, KV, log, metrics |
//! | when targets are notified | [`service::notify`]; `run/notification.rs` has the schedule | KV, the targets, log |
//! | operator decisions: adopt, abandon, retry | [`service::operator`], [`service::retry`], [`service::retry_many`], [`service::abandon_many`] | the ports that each names |
//! | copying files | `service/archive.rs` and its folder; `docs/files.md` is the page | all ports |
//! | fairness and budget of a sweep | [`service::sweep`], `service/sweep/fair_queue.rs`, `service/sweep/pass.rs`, `service/budget.rs` | all ports |
//! | when a hook is silent, and when targets are told of it or that the Worker is unhealthy; which targets fail | `notify/ledger.rs`, [`service::alerts`], `service/notify/outcomes.rs`; `http/heard.rs` records deliveries | values, a time; R2, targets |
//! | when a sweep need not list | `service/idle.rs` | KV, R2 |
//! | when a sweep leaves a heartbeat; when sweeps are missing | [`service::heartbeat`] | R2, Fabricate's answers |
//! | whether Fabricate refuses the API key | `fabricate/credentials.rs` | values, a time |
//! | which `traceparent` headers name a trace, and how Fabricate is told of it | [`trace_context`] | text, a run's id |
//! | which rule and delivery a run comes from | `service/origin.rs` | the inbox |
//! | which deliveries that started nothing are shown, and kept | `http/recent.rs`, `http/recent/ring.rs`; [`service::kept`], `http/kept.rs` | R2 |
//! | what is shown of how a run came about | [`service::timeline`], [`service::explain`] | the journal, the inbox |
//! | how runs went in the last hours | [`service::overview`] | KV |
//! | lists and look-ups | [`service::queries`] | KV, journal |
//! | **Notifications** | | |
//! | what a message says, and in which format | `notify/news.rs`; `notify/slack.rs`, `discord.rs`, `teams.rs`, and `message.rs` for programs | values |
//! | what a target may be, its address, how it is signed | [`notify::target`], `notify/signature.rs`; `config/notify.rs` reads it | values, secrets, a time |
//! | which network addresses are private | `reach.rs` | values |
//! | **HTTP** | | |
//! | what `GET /health` says, and targets are told | [`service::health`] makes the problems; `http/health.rs` | R2, the configuration |
//! | a route or an operator call | `http/route.rs`, then its handler in `http/` (`runs.rs`, `decisions.rs`, `hooks.rs`, `files.rs`) | the ports, by [`http::runtime`] |
//! | a JSON body of a request or response | `http/schema/`, `run/view.rs` | values |
//! | a call's documentation in `openapi.json` | `http/openapi.rs` says how; `http/openapi/calls.rs`, `examples.json` there; then `cargo xtask openapi` | types and text; natively alone |
//! | what anyone with a signed link sees | [`link`], `http/status.rs`, `http/files.rs` | values, the journal, KV |
//! | a problem (error response) | `http/problem.rs` | values |
//! | which secrets a deployed Worker refuses, because an example has published them | [`example_secrets`] | values, an address |
//! | who may call `/api/`, and what each may do | [`http::caller`], [`http::api_token`], [`http::route`] | secrets |
//! | who signs in by Cloudflare Access | [`verify::access`] judges a token, `http/access.rs` finds it and fetches keys, `http/access_keys.rs` says when; `config/access.rs` | values, a time; one request |
//! | **Around** | | |
//! | the dashboard | `dashboard/`: pages, and `dashboard/src/values/` for what comes from outside; `tests/browser/` | the API, by types that are made from `openapi.json` |
//! | a data point, and its layout | `ports/metrics.rs`; `http/delivery_point.rs` for deliveries; `cloudflare/analytics.rs`; `docs/operations.md` has the layout | values |
//! | what the service needs of the outside | [`ports`] | traits |
//! | a log line | [`log`]; `docs/operations.md` lists them | text |
//! | how KV, R2, queue and HTTP of Cloudflare are used | `cloudflare/`; what it calls is in `storage.js`, `outbound.js`, `io.js` there | everything of the runtime; it decides nothing |
//! | what the runtime calls, and what it reads before wasm is entered | `cloudflare/entry.js`, `cloudflare.rs` | everything of the runtime |
//! | how futures go on when an operation ends | `cloudflare/executor.rs`, `cloudflare/slots.rs` | nothing |
//! | a command of users (`init`, `check`, `deploy`, `runs`) | `cli/src/lib.rs` is its map | this crate; its own `Host` |
//! | what is in the npm package | `xtask/src/package.rs`, `cli/npm/` | files |
//! | what a delivery costs | `cargo xtask bench`; `docs/performance.md` is the page; `tests/instructions/` has the gate's counts | – |
//!
//! # Rules
//! Imports point one way: `cloudflare → http → service → ports → { journal, notify → link } → run → { hook, fabricate }`, with `records`
//! between `cloudflare` and `ports`, and `config → { notify, hook } → verify → { request, expression } → { document, value }` below. `worker` is a
//! dependency for wasm32 only, so that a `use worker::…` outside `cloudflare/` fails the native tests. Everything else has
//! no clock, no network and no randomness: they are arguments, or [`ports::Clock`].
//!
//! `tests/README.md` says which suite proves what. `cli/` has the commands of users, as wasm for Node and natively; `xtask/` has
//! those of contributors. The feature `worker` is the Worker itself; the command line has the core without it.

pub mod config;
pub mod digest;
pub mod example_secrets;
pub mod expression;
pub mod fabricate;
pub mod hook;
pub mod http;
pub mod journal;
pub mod link;
pub mod log;
pub mod notify;
pub mod ports;
mod reach;
pub mod records;
pub mod redact;
pub mod request;
pub mod run;
pub mod service;
#[cfg(test)]
mod testing;
pub mod timestamp;
pub mod trace_context;
mod unicode;
mod value;
pub mod verify;

pub use seedhook_document as document;

#[cfg(all(target_arch = "wasm32", feature = "worker"))]
mod cloudflare;

// For the tests under Node, which have the runtime's cryptography too.
#[cfg(all(target_arch = "wasm32", feature = "worker"))]
#[doc(hidden)]
pub use cloudflare::web_crypto::WebCrypto;

// Their unit tests need no runtime.
#[cfg(all(test, not(target_arch = "wasm32")))]
#[path = "cloudflare/executor.rs"]
mod executor;
#[cfg(all(test, not(target_arch = "wasm32")))]
#[path = "cloudflare/platform_errors.rs"]
mod platform_errors;
#[cfg(all(test, not(target_arch = "wasm32")))]
#[path = "cloudflare/slots.rs"]
mod slots;
