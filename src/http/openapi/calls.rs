//! What the document says of each call beside the documentation of its [`Route`]: parameters, bodies, answers and problems.
//!
//! It decides nothing. The tests compare it with what the Worker answers.

use serde_json::{Value, json};

use super::answers::{Answer, Body, with_example};
use super::parameters as take;
use crate::http::route::Route;
use crate::run::Status;

/// Every address. The methods that it takes are those for which [`Route::find`] has a call.
pub(super) const ADDRESSES: &[&str] = &[
    "/health",
    "/hooks/{hook}",
    "/status/{run_id}",
    "/files/{run_id}/{file_id}",
    "/api/session",
    "/api/overview",
    "/api/runs",
    "/api/runs/retry",
    "/api/runs/abandon",
    "/api/runs/{run_id}",
    "/api/runs/{run_id}/timeline",
    "/api/runs/{run_id}/mapping",
    "/api/runs/{run_id}/delivery",
    "/api/runs/{run_id}/retry",
    "/api/runs/{run_id}/adopt",
    "/api/runs/{run_id}/abandon",
    "/api/runs/{run_id}/files/{file_id}",
    "/api/runs/{run_id}/files/{file_id}/link",
    "/api/hooks",
    "/api/hooks/{hook}/preview",
    "/api/hooks/{hook}/runs",
    "/api/hooks/{hook}/ignored",
    "/api/hooks/{hook}/ignored/{kept}",
    "/api/hooks/{hook}/ignored/{kept}/run",
    "/api/deliveries",
];

/// The groups in which calls are shown, and what is in each.
pub(super) const TAGS: [(&str, &str); 5] = [
    ("senders", "Deliveries, and the handshakes before them."),
    ("runs", "Looking at runs, and deciding about them."),
    ("files", "Archived files."),
    ("hooks", "What is configured, and what a delivery would do."),
    ("service", "The Worker itself."),
];

/// What the document says of a call.
pub(super) struct Call {
    pub(super) tag: &'static str,
    /// What its documentation as a [`Route`] does not say; may be empty.
    pub(super) notes: &'static str,
    /// Beside those of the path.
    pub(super) parameters: Vec<Value>,
    pub(super) body: Option<Value>,
    pub(super) answers: Vec<Answer>,
    /// The names of the problems that it may state, beside those of all calls under `/api/`.
    pub(super) problems: Vec<&'static str>,
}

/// A store, a binding or the configuration fails.
const STORE: &[&str] = &["not-ready"];
const RUN: &[&str] = &["no-such-run", "not-ready"];
/// A body is not read.
const BODY: &[&str] = &["unreadable-body", "body-timeout", "too-large", "unsupported-encoding", "busy"];
/// The body of a delivery is not parsed.
const PARSED: &[&str] = &["malformed-body", "complex-body", "unsupported-type", "too-many-runs"];
const LINK: &[&str] = &["bad-link", "link-expired", "no-links"];
const FILE: &[&str] =
    &["no-such-run", "no-such-file", "precondition-failed", "range-not-satisfiable", "not-ready"];
const DECIDED: &[&str] = &["no-such-run", "wrong-state", "not-ready"];
const KEPT: &[&str] = &["no-such-hook", "no-such-delivery"];
const AGAIN: &[&str] = &["not-configured", "no-delivery"];

const WAITED: &[&str] = &["Preference-Applied"];
const VALIDATORS: &[&str] = &["ETag", "Last-Modified"];
const OF_FILE: &[&str] = &[
    "ETag",
    "Last-Modified",
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Security-Policy",
];
const OF_PART: &[&str] = &[
    "ETag",
    "Last-Modified",
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Length",
    "Content-Range",
    "Content-Security-Policy",
];

impl Call {
    fn new(tag: &'static str, answers: Vec<Answer>, problems: &[&[&'static str]]) -> Self {
        Self { tag, notes: "", parameters: Vec::new(), body: None, answers, problems: problems.concat() }
    }

    fn notes(self, notes: &'static str) -> Self {
        Self { notes, ..self }
    }

    fn takes(mut self, parameters: impl IntoIterator<Item = Value>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// A JSON body with this schema.
    fn reads(self, schema: &str, is_required: bool) -> Self {
        let body = json!({"required": is_required, "content": {"application/json": with_example(schema)}});
        Self { body: Some(body), ..self }
    }

    /// A body as a sender sends it.
    fn reads_delivery(self) -> Self {
        let example =
            json!({"summary": "An event", "value": {"type": "deal.won", "data": {"amount": 25_000}}});
        let body = json!({
            "description": "What the sender sends: JSON, a form, multipart fields, text, XML, or a CloudEvent.",
            "content": {"application/json": {"schema": {}, "examples": {"Event": example}}, "*/*": {}},
        });
        Self { body: Some(body), ..self }
    }

    /// What the document says of a call by its method.
    pub(super) fn of(route: &Route, method: &str) -> Self {
        match route {
            Route::Webhook(_) if method == "POST" => webhook(),
            Route::Webhook(_) => handshake(method),
            Route::Health => health(),
            Route::GetSession => {
                Self::new("service", vec![Answer::json("200", "What the caller may do.", "Session")], &[])
            }
            Route::FollowStatus(_) => one_run("SharedRun", &[LINK, RUN]).takes(take::of_link()),
            Route::FollowLink(..) => download(&[LINK, FILE]).takes(take::of_link()),
            Route::GetFile(..) => download(&[FILE]),
            Route::MakeLink(..) => make_link(),
            Route::ListHooks => {
                let answer = Answer::json("200", "The hooks, without secrets.", "HookList");
                Self::new("hooks", vec![answer], &[])
            }
            Route::Preview(_) => preview(),
            Route::StartByHand(_) => start_by_hand(),
            Route::ListRecent | Route::ListKept(_) | Route::GetKept(..) | Route::RunKept(..) => {
                Self::of_ignored(route)
            }
            Route::GetOverview
            | Route::ListRuns
            | Route::GetRun(_)
            | Route::GetDelivery(_)
            | Route::GetTimeline(_)
            | Route::GetMapping(_) => Self::of_look(route),
            Route::Adopt(_) | Route::Abandon(_) | Route::Retry(_) | Route::RetryMany | Route::AbandonMany => {
                Self::of_decision(route)
            }
        }
    }

    /// Calls about deliveries that started nothing.
    fn of_ignored(route: &Route) -> Self {
        let hooks = |description, schema, problems: &[&[&'static str]]| {
            Self::new("hooks", vec![Answer::json("200", description, schema)], problems)
        };
        match route {
            Route::ListRecent => {
                hooks("What was refused or ignored.", "RecentList", &[STORE, &["bad-query"]])
                    .takes(take::of_recent())
            }
            Route::ListKept(_) => {
                hooks("A page of what is kept.", "KeptList", &[STORE, &["bad-query", "no-such-hook"]])
                    .takes(take::of_kept())
            }
            Route::GetKept(..) => hooks("The delivery, without credentials.", "Delivery", &[STORE, KEPT]),
            _ => {
                let problems = [STORE, KEPT, PARSED, &["busy"]].concat();
                Self::new("hooks", delivery_answers(), &[&problems]).takes([take::prefer()])
            }
        }
    }

    /// Calls that look at runs.
    fn of_look(route: &Route) -> Self {
        let runs = |description, schema, problems: &[&[&'static str]]| {
            Self::new("runs", vec![Answer::json("200", description, schema)], problems)
        };
        match route {
            Route::GetOverview => {
                runs("How runs went.", "Overview", &[STORE, &["bad-query"]]).takes([take::hours()])
            }
            Route::ListRuns => runs("A page of runs.", "RunList", &[STORE, &["bad-query"]])
                .notes("A page may have fewer runs than `limit`, even none, and still a `cursor`.")
                .takes(take::of_list()),
            Route::GetTimeline(_) => runs("What happened, in order of time.", "Timeline", &[RUN]),
            Route::GetDelivery(_) => {
                runs("The delivery, without credentials.", "Delivery", &[RUN, &["no-delivery"]])
            }
            Route::GetMapping(_) => runs("How its parameters were made.", "Mapping", &[RUN, AGAIN]),
            _ => one_run("Run", &[RUN]),
        }
    }

    /// Calls that decide about runs.
    fn of_decision(route: &Route) -> Self {
        let runs = |answers, problems: &[&[&'static str]]| Self::new("runs", answers, problems);
        let many = &[STORE, &["bad-query"]][..];
        match route {
            Route::Adopt(_) => runs(
                vec![Answer::json("200", "The run, which has the task.", "Run")],
                &[DECIDED, BODY, &["bad-body"]],
            )
            .reads("AdoptRequest", true),
            Route::Abandon(_) => runs(
                vec![Answer::json("200", "The run, which failed.", "Run")],
                &[DECIDED, BODY, &["bad-body"]],
            )
            .reads("AbandonRequest", false),
            Route::Retry(_) => {
                let answers = vec![
                    Answer::json("202", "The new run.", "Run"),
                    Answer::json("200", "The new run, which an earlier call made.", "Run"),
                ];
                runs(answers, &[DECIDED, AGAIN, &["bad-query"]]).takes([take::force()])
            }
            Route::RetryMany => {
                let others = [Status::Canceled, Status::Unconfirmed];
                runs(vec![Answer::json("200", "What became of each run.", "RetryManyAnswer")], many)
                    .takes(take::of_selection(Status::Failed, &others))
            }
            _ => runs(
                vec![Answer::json("200", "What became of each run.", "AbandonManyAnswer")],
                &[many.concat().as_slice(), BODY, &["bad-body"]],
            )
            .reads("AbandonRequest", false)
            .takes(take::of_selection(Status::Unconfirmed, &[Status::Queued])),
        }
    }
}

/// The answer to a delivery, as a hook or its sender may change it.
fn of_sender(status: &'static str, description: &'static str, schema: Option<&'static str>) -> Answer {
    let body = Body::OfSender(schema);
    Answer { status, description, body, headers: &[], optional_headers: &["Preference-Applied"] }
}

fn health() -> Call {
    let answers = vec![
        Answer::json("200", "It does its work.", "Health"),
        Answer::json("503", "Something is wrong: with a token, what it is.", "Health").with(&["Retry-After"]),
    ];
    Call::new("service", answers, &[STORE])
        .notes("With a token, the answer has the version, what is wrong and what to do. With a wrong one it is as without.")
}

fn webhook() -> Call {
    let answers = vec![
        of_sender("202", "Accepted, or retried.", Some("DeliveryAnswer")),
        of_sender("200", "A duplicate, or ignored; or the answer to a handshake.", Some("DeliveryAnswer")),
        of_sender("2XX", "What the hook, or its sender, states for accepted deliveries or handshakes.", None),
    ];
    let own = &["no-such-hook", "too-often", "bad-handshake", "not-verified", "paused", "not-ready"];
    Call::new("senders", answers, &[own, BODY, PARSED])
        .notes("The sender authenticates as the hook's `verify` says: by a signature or a token.")
        .takes([take::prefer(), take::idempotency_key()])
        .reads_delivery()
}

fn handshake(method: &str) -> Call {
    let mut answer = of_sender("200", "The answer to the handshake.", None);
    let mut other = of_sender("2XX", "The same with another status.", None);
    if method == "OPTIONS" {
        (answer.headers, other.headers) = (&["Allow"], &["Allow"]);
    }
    (answer.optional_headers, other.optional_headers) = (&[], &[]);
    let own = &["no-such-hook", "wrong-method", "too-often", "bad-handshake", "not-verified", "not-ready"];
    Call::new("senders", vec![answer, other], &[own, BODY, &["complex-body"]])
        .notes("Only for hooks whose sender makes such a handshake.")
}

fn one_run(schema: &'static str, problems: &[&[&'static str]]) -> Call {
    let unchanged = Answer {
        status: "304",
        description: "The caller has the run as it is.",
        body: Body::Empty,
        headers: &["ETag"],
        optional_headers: WAITED,
    };
    let answer = Answer::json("200", "The run.", schema).with(&["ETag"]).perhaps_with(WAITED);
    Call::new("runs", vec![answer, unchanged], problems)
        .notes(
            "With `Prefer: wait=N`, the answer waits until the run is another one than `If-None-Match` names, or than \
             it is when the call comes. Nobody waits for a final run.",
        )
        .takes([take::prefer(), take::if_none_match()])
}

fn download(problems: &[&[&'static str]]) -> Call {
    let answer = |status, description, headers| Answer {
        status,
        description,
        body: Body::File,
        headers,
        optional_headers: &[],
    };
    let unchanged = Answer { body: Body::Empty, ..answer("304", "The caller has the file.", VALIDATORS) };
    let answers =
        vec![answer("200", "The file.", OF_FILE), answer("206", "A part of the file.", OF_PART), unchanged];
    Call::new("files", answers, problems).takes(take::of_download())
}

fn make_link() -> Call {
    let answer = Answer::json("200", "The link.", "LinkAnswer");
    let own = &["no-such-run", "no-such-file", "no-such-page", "no-links", "bad-body", "not-ready"];
    Call::new("files", vec![answer], &[own, BODY]).reads("LinkRequest", false)
}

fn preview() -> Call {
    let answer = Answer::json("200", "What the delivery would do.", "Preview");
    Call::new("hooks", vec![answer], &[&["no-such-hook", "not-ready"], BODY])
        .notes("Send body, headers and query as the sender would. Nothing is stored or started.")
        .takes([take::sender_authorization()])
        .reads_delivery()
}

fn delivery_answers() -> Vec<Answer> {
    vec![
        Answer::json("202", "Accepted, or retried.", "DeliveryAnswer").perhaps_with(WAITED),
        Answer::json("200", "A duplicate, or ignored.", "DeliveryAnswer").perhaps_with(WAITED),
    ]
}

fn start_by_hand() -> Call {
    Call::new("hooks", delivery_answers(), &[&["no-such-hook", "not-ready"], BODY, PARSED])
        .takes([take::prefer(), take::idempotency_key()])
        .reads_delivery()
}
