//! The response that `POST /hooks/{hook}` would send; for an unverified request also the one to a verified request.

use std::fmt;

use seedhook::hook::Hook;
use seedhook::hook::admission::{Admitted, Rejection};
use seedhook::hook::event::Event;
use seedhook::request::RawRequest;
use seedhook::request::body::BodyError;
use seedhook::service::plan::{RUNS_MAX, plan};
use seedhook::verify::rust_crypto::complete;
use seedhook::verify::{Verified, VerifyContext};

/// The response of the Worker to a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExpectedResponse {
    /// The status of the response if the request is not verified. `None` if it is, or need not be.
    unverified: Option<u16>,
    /// The status of the response to a verified request.
    status: u16,
    /// What the response means.
    meaning: String,
    /// Whether every run starts with all its parameters, and there is at least one, or a handshake is answered.
    pub(super) is_good: bool,
}

impl ExpectedResponse {
    /// The response of a hook to a request.
    pub(super) fn to(hook: &Hook, request: RawRequest, context: &VerifyContext<'_>) -> Self {
        if !hook.methods().split(", ").any(|method| method == request.method) {
            return Self::bad(405, format!("the hook accepts {}, got {}", hook.methods(), request.method));
        }
        if request.body.len() as u64 > hook.body_bytes_max {
            return Self::bad(
                413,
                format!(
                    "the body must have at most {} bytes, got {}",
                    hook.body_bytes_max,
                    request.body.len()
                ),
            );
        }
        let request = request.with_content_type(hook.content_type.as_deref());
        match complete(hook.admit(request.clone(), context)) {
            Ok(Admitted::Handshake(reply)) => {
                let body = if reply.body.is_empty() { "an empty body" } else { &reply.body };
                let headers = reply.headers.iter().map(|(name, value)| format!(", {name}: {value}"));
                let headers: String = headers.collect();
                Self::good(reply.status, format!("the answer to a handshake: {body}{headers}"))
            }
            Ok(Admitted::Delivery(verified)) => Self::to_verified(hook, verified),
            Err(error @ Rejection::Verify(_)) => {
                let then = if hook.handshakes.iter().any(|handshake| handshake.is(&request)) {
                    Self::good(200, "the answer to a handshake (--sign shows it)".to_owned())
                } else {
                    Self::to_verified(hook, Verified::assume(request))
                };
                Self { unverified: Some(error.status()), ..then }
            }
            Err(error) => Self::bad(error.status(), error.to_string()),
        }
    }

    /// Whether the request is verified, or need not be.
    pub(super) fn is_verified(&self) -> bool {
        self.unverified.is_none()
    }

    fn to_verified(hook: &Hook, verified: Verified) -> Self {
        if hook.paused {
            return Self::bad(503, "the hook is paused".to_owned());
        }
        let own = hook.answer_to(verified.delivery()).map(|reply| reply.status);
        let mut event = match Event::parse(verified, hook, "") {
            Ok(event) => event,
            Err(error @ BodyError::UnsupportedType) => return Self::bad(415, error.to_string()),
            Err(error) => return Self::bad(400, error.to_string()),
        };
        let id_problem = event.assign_id(hook).err().map(|error| error.to_string());
        let items = event.item_count(hook);
        if items > RUNS_MAX {
            return Self::bad(413, format!("the batch must have at most {RUNS_MAX} items, got {items}"));
        }
        let plans = plan(hook, &event, id_problem.as_deref());
        let failing = plans.iter().filter(|plan| plan.params.is_err()).count();
        match plans.len() {
            0 => Self::bad(own.unwrap_or(200), "ignored, no run".to_owned()),
            runs if runs > RUNS_MAX => {
                Self::bad(413, format!("it must become at most {RUNS_MAX} runs, got {runs} or more"))
            }
            1 if failing == 1 => {
                Self::bad(own.unwrap_or(202), "accepted, but the run would fail at stage mapping".to_owned())
            }
            runs if failing > 0 => {
                let meaning = format!("accepted, but {failing} of {runs} runs would fail at stage mapping");
                Self::bad(own.unwrap_or(202), meaning)
            }
            1 => Self::good(own.unwrap_or(202), "accepted, 1 run".to_owned()),
            runs => Self::good(own.unwrap_or(202), format!("accepted, {runs} runs")),
        }
    }

    fn good(status: u16, meaning: String) -> Self {
        Self { is_good: true, ..Self::bad(status, meaning) }
    }

    fn bad(status: u16, meaning: String) -> Self {
        Self { unverified: None, status, meaning, is_good: false }
    }
}

impl fmt::Display for ExpectedResponse {
    /// One line, or two for an unverified request.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unverified {
            None => write!(f, "The Worker would answer {}: {}", self.status, self.meaning),
            Some(status) => write!(
                f,
                "The Worker would answer {status}: not verified\nIf verified, it would answer {}: {}",
                self.status, self.meaning
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use seedhook::timestamp::Timestamp;
    use serde_json::{Value, json};

    use super::*;
    use seedhook::verify::rust_crypto::RustCrypto;

    fn hook(fields: &Value) -> Hook {
        let mut hook = json!({
            "workspace": "w", "database": "d", "workflow": "f",
            "verify": {"scheme": "github", "secret": "S"},
            "when": "body.seats > 3",
            "params": {"rows": "{{ body.seats * 10 }}", "name": "{{ body.name }}"},
        });
        hook.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let vars = json!({"HOOKS": {"h": hook}});
        Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
    }

    fn response(fields: &Value, method: &str, query: &str, body: &str) -> ExpectedResponse {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let (url, now) = (format!("http://localhost/hooks/h?{query}"), Timestamp::from_millis(0));
        let request = RawRequest::new(method, &url, headers, body.into(), now);
        let secret = |name: &str| (name != "UNSET").then(|| "s3cret".to_owned());
        ExpectedResponse::to(
            &hook(fields),
            request,
            &VerifyContext { secret: &secret, certificate: None, crypto: &RustCrypto, now },
        )
    }

    #[track_caller]
    fn check(fields: &Value, body: &str, expected: &str, is_good: bool) {
        let response = response(fields, "POST", "", body);
        assert_eq!((response.to_string().as_str(), response.is_good), (expected, is_good));
    }

    #[test]
    fn a_run_with_all_its_parameters_is_good_verified_or_not() {
        let open = json!({"verify": {"scheme": "none"}});
        check(&open, r#"{"seats": 5, "name": "n"}"#, "The Worker would answer 202: accepted, 1 run", true);
        check(
            &json!({}),
            r#"{"seats": 5, "name": "n"}"#,
            "The Worker would answer 401: not verified\n\
             If verified, it would answer 202: accepted, 1 run",
            true,
        );
        check(
            &json!({"verify": {"scheme": "github", "secret": "UNSET"}}),
            r#"{"seats": 1}"#,
            "The Worker would answer 503: not verified\n\
             If verified, it would answer 200: ignored, no run",
            false,
        );
    }

    #[test]
    fn a_request_that_starts_nothing_or_fails_is_not_good() {
        let open = json!({"verify": {"scheme": "none"}});
        check(&open, r#"{"seats": 1}"#, "The Worker would answer 200: ignored, no run", false);
        check(
            &open,
            r#"{"seats": 5}"#,
            "The Worker would answer 202: accepted, but the run would fail at stage mapping",
            false,
        );
        let two = json!({"verify": {"scheme": "none"}, "rules": [{"params": {}}, {}]});
        check(
            &two,
            r#"{"seats": 5}"#,
            "The Worker would answer 202: accepted, but 1 of 2 runs would fail at stage mapping",
            false,
        );
        check(&two, r#"{"seats": 5, "name": 1}"#, "The Worker would answer 202: accepted, 2 runs", true);
        let paused = json!({"verify": {"scheme": "none"}, "paused": true});
        check(
            &paused,
            r#"{"seats": 5, "name": 1}"#,
            "The Worker would answer 503: the hook is paused",
            false,
        );
        let small = json!({"verify": {"scheme": "none"}, "max_body_bytes": 3});
        check(
            &small,
            "1234",
            "The Worker would answer 413: the body must have at most 3 bytes, got 4",
            false,
        );
        assert!(response(&open, "POST", "", "{").to_string().contains("would answer 400: "));
        assert_eq!(
            response(&open, "GET", "", "").to_string(),
            "The Worker would answer 405: the hook accepts POST, got GET"
        );
    }

    #[test]
    fn a_handshake_is_good_and_shows_its_answer() {
        let meta = json!({"verify": {"scheme": "meta", "secret": "S", "verify_token": "T"}});
        let asked = |token: &str| format!("hub.mode=subscribe&hub.challenge=12&hub.verify_token={token}");
        let shown = response(&meta, "GET", &asked("s3cret"), "");
        assert_eq!(shown.to_string(), "The Worker would answer 200: the answer to a handshake: 12");
        assert!(shown.is_good && shown.is_verified());
        let wrong = response(&meta, "GET", &asked("x"), "");
        assert_eq!(wrong.to_string(), "The Worker would answer 403: the handshake's token is wrong");
        assert!(!wrong.is_good);
        let slack = json!({"verify": {"scheme": "slack", "secret": "S"}});
        let shown = response(&slack, "POST", "", r#"{"type": "url_verification", "challenge": "c"}"#);
        assert!(shown.is_good && !shown.is_verified());
        assert!(shown.to_string().ends_with("200: the answer to a handshake (--sign shows it)"), "{shown}");
    }

    #[test]
    fn the_hooks_own_answer_replaces_the_default() {
        let own = json!({"verify": {"scheme": "none"}, "answer": {"status": 204}});
        check(&own, r#"{"seats": 5, "name": 1}"#, "The Worker would answer 204: accepted, 1 run", true);
    }
}
