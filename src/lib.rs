//! **seedhook**: webhooks in, seeded databases out.
//!
//! A Cloudflare Worker. A sender posts an event to a hook; seedhook checks that it is genuine, decides whether it
//! counts, maps it to parameters, starts a database workflow at Tonic Fabricate, follows that to its end, and
//! stores the files that it produced. This page is the map: read it, and you know where a change goes.
//!
//! # Life of a delivery
//! 1. `POST /hooks/{hook}` (`cloudflare/intake.rs`): the body is read within its bounds of size, time and memory
//!    (`cloudflare/request_body.rs`). [`hook::admission`] answers a handshake, or verifies the raw
//!    bytes ([`verify`]), and only then is the body parsed ([`request::body`], [`hook::event`]).
//! 2. [`service::plan`] asks each rule's `when` whether the event, or each item of its batch, counts, and maps it to
//!    parameters ([`expression`], [`hook::mapping`]). Nothing counts: 200, nothing stored.
//! 3. [`service::receive`] **claims** the delivery and its runs: one create-only put in the inbox, which exactly one
//!    of any number of simultaneous redeliveries wins. From here on nothing is lost. Where the items of a batch have ids
//!    of their own, the delivery is stored once and each item is claimed by itself (`service/batch.rs`).
//! 4. The runs are shown in KV as `queued`, and the sender has its 202.
//! 5. After the answer, [`service::advance`] starts them; every two minutes [`service::sweep`] advances each open
//!    run that is due: polls its task, archives its files, closes it; or hands the runs to a queue, where one is
//!    bound. **A webhook, a sweep and a queue only poke; one place moves a run.** A lost poke costs a delay, never a
//!    run.
//! 6. Once an hour [`service::reconcile`] compares the inbox with KV and heals what was lost between 3 and 4.
//! 7. An archived file goes back out, streamed, to the operator, or to whoever has a signed [`link`] to it
//!    (`cloudflare/files.rs`).
//! 8. What failed is retried by the operator ([`service::retry`]), or, where the hook wants it, by its sender's
//!    redelivery: a new run, claimed in the inbox as a delivery is, so that each run is retried once.
//!
//! **The journal decides, KV shows.** KV is late and its last write wins, so nothing that must happen once is
//! decided there. Each run has a [`journal`] in R2, whose entries are created and never changed: whoever creates
//! entry k+1 has decided what comes next, and KV gets a copy.
//!
//! # Promises
//! They are what the tests are for; the simulation asserts them over thousands of lives with crashes at every
//! step, a late KV and a faulty Fabricate.
//! 1. **Accepted is durable.** A 2xx means: stored, and it will reach a final, visible state.
//! 2. **One event, one run.** Redeliveries, also simultaneous ones in different places, start it once.
//! 3. **Never a silent second start.** A start whose answer never came is parked as `unconfirmed`. Expiry starts nothing.
//! 4. **Only the sender gets in.** No hook without a stated verification; nothing about secrets in an answer or
//!    a log line.
//! 5. **Files arrive whole**, or the run says what failed. No file is ever held in memory: two parts of one, at most.
//! 6. **Nothing stops the rest.** One broken run, hook or file never blocks the others; everything has a bound.
//! 7. **Idle costs nothing.** A sweep over unchanged runs writes nothing.
//!
//! # Words
//! | word | means |
//! |---|---|
//! | hook | a configured endpoint: who may call, which events count, what to run with which parameters |
//! | sender | the tool that calls a hook |
//! | delivery | one HTTP attempt of a sender; redeliveries share its delivery id |
//! | event | what a verified delivery says happened |
//! | run | our unit of work: an accepted delivery becomes one run, or one for each rule that holds and item of a batch |
//! | task | Fabricate's own record of the workflow that it executes |
//! | sweep | the cron pass that moves every open run forward |
//! | inbox | the R2 bucket with each accepted delivery, whole, the retries and the journals |
//! | journal | the create-only list of decisions about one run; what it says is so |
//! | archive | copying a task's files to R2 |
//! | operator | the person or program that runs seedhook and holds the operator token |
//!
//! # Where a change goes
//! | to change… | go to | it may touch |
//! |---|---|---|
//! | what the configuration may say, how a mistake is told | [`config`] | values only |
//! | a sender: what it signs, its ids and handshakes | `config/senders.json`; new words in `config/signature.rs`, `config/verify.rs` or `config/handshake.rs` | data only |
//! | how signatures and tokens are checked | [`verify`] | bytes, secrets and the time it is given |
//! | how handshakes are answered, who gets in | [`verify::handshake`], [`hook::admission`] | the same |
//! | which secret that a sender offers in a handshake is kept for the operator | [`verify::offered_secret`]; `cloudflare/handshake.rs` stores it | values and the time it is given |
//! | which handshakes would be a signing oracle | `verify/signing_oracle.rs` | values only |
//! | what a sender is answered | [`verify::answer`] | values and secrets |
//! | how tools and tests sign a delivery | `verify/signer.rs`, native only | values and secrets |
//! | which bodies are understood | [`request::body`] | values only |
//! | how a JSON value is kept in little memory, what it may hold | [`document`]; how expressions see it in `expression/lazy.rs` | text only |
//! | what is previewed, and so what is planned | [`service::preview`], [`service::plan`] | values only |
//! | what names an event, or an item of a batch | [`hook::event_ids`]; how items are claimed in `service/batch.rs` | values; the world, by its ports |
//! | conditions, templates, parameters | [`expression`], [`hook::mapping`]; `docs/mapping.md` is their page | values only |
//! | a filter, a test, a method, a function | its table in `expression/filters.rs`, `predicates.rs`, `methods.rs` or `functions.rs` | values only |
//! | what a template may say, and what it means | `expression/lexer.rs`, `parser.rs`, `ast.rs`; `operators.rs`, `evaluate.rs` | values only |
//! | what expressions see and may cost | `expression/scope.rs`, `value.rs`, `fuel.rs` | values only |
//! | where a file lies in R2 (the key template, safe names) | [`hook::archive_key`] | values only |
//! | what an answer of Fabricate means, where a redirect may lead | [`fabricate`] | values only |
//! | what is kept of a task, and how much of a status answer is read | `fabricate/status.rs`, `fabricate/result.rs` | bytes |
//! | which network addresses a redirect may name | `fabricate/address.rs` | values only |
//! | when Fabricate is asked no more, and how often in a minute | `fabricate/pace.rs` | values and the time it is given |
//! | states, deadlines | [`run`]: answers to polls in `run/poll.rs`, passes over files in `run/archive.rs` | values only |
//! | how a run, a decision, a claim, a retry or a queue message is stored, and its versions | [`records`]; each released form has a fixture in `tests/records/` | values and text |
//! | when a file is tried again, when it fails for good | `run/file.rs` | values and the time it is given |
//! | when a run is due, how long a retry waits | `run/schedule.rs` | values and the time it is given |
//! | what an operator sees of a run | `run/view.rs` | values only |
//! | what a download is answered: conditions, ranges, headers | [`download`] | values only |
//! | what a signed link to a file says, and how long it works | [`link`] | values, its secret and the time it is given |
//! | who may decide what | [`journal`] reads, `service/decide.rs` writes | the inbox, by its port |
//! | how long R2 and KV keep things, what an expired journal means | [`journal::retention`] | values and the time it is given |
//! | starting, polling, closing | [`service::advance`]; one attempt to start in its `start.rs`, the end of a run that is not started any more in `give_up.rs` | the world, by its ports |
//! | what the operator may decide of a run | [`service::operator`] | the same |
//! | what is retried, with what, and by whom | [`service::retry`], [`service::retry_many`], `service/redeliver.rs` | the same |
//! | copying files: the lanes, parts, who is at it | `service/archive.rs` and its folder; what an answer means in `fabricate/download.rs`; `docs/files.md` is their page | the same |
//! | how long a body may take to arrive, and how much memory all bodies in flight may take | `service/incoming.rs`, [`service::in_flight`] | values, bytes and the time they are given |
//! | how much one invocation may do, and how much of it at once | `service/budget.rs`, `service/at_once.rs` | nothing: they count |
//! | fairness and budget of a sweep, what the queue gets | [`service::sweep`]: whose turn it is in `turns.rs`, advancing many in `pass.rs` | the same |
//! | lists and look-ups | [`service::look`] | the same, reading |
//! | what the service needs of the world | [`ports`] | nothing: traits |
//! | what the log may say of an address | [`redact`] | values only |
//! | HTTP: routes, answers, streams; KV and R2 keys | `cloudflare/` | everything of Cloudflare, deciding nothing |
//!
//! Imports point one way: `cloudflare → service → ports → journal → run → { hook, fabricate }`; `cloudflare → records →
//! ports`; and to `download` and `link` from `cloudflare` alone. `worker` is a dependency for wasm32 only, so the compiler keeps that border: a
//! `use worker::…` above `cloudflare/` fails the native tests. The core has no clock, no network and no randomness of
//! its own; they are arguments, or [`ports::Clock`].
//!
//! Tests: units beside the code; `tests/vectors/` known answers of each sender, and in `ids/` what names its events;
//! `tests/records/` stored records of every version; `tests/properties/` (and `fuzz/`) what holds of any input; `tests/simulation/` whole lives in simulated stores
//! (`docs/simulation.md`);
//! `tests/wasm.rs` what only exists in wasm; `tests/e2e/` the built Worker in workerd, and how fast it copies;
//! `tests/fake-fabricate/` the fake Fabricate. `xtask/` is what a developer types.

pub mod config;
pub mod digest;
pub mod document;
pub mod expression;
pub mod fabricate;
pub mod hook;
pub mod http;
pub mod journal;
pub mod log;
pub mod ports;
pub mod records;
pub mod redact;
pub mod request;
pub mod run;
pub mod service;
#[cfg(test)]
mod testing;
pub mod timestamp;
mod value;
pub mod verify;

#[cfg(target_arch = "wasm32")]
mod cloudflare;
