//! What an HTTP answer of Fabricate proves: errors by meaning, so that callers never look at a status code.

use serde::Deserialize;

use super::retry_after::retry_after_ms;
use super::status::StatusReader;
use super::status_table::StatusMeaning;
use super::task::MESSAGE_CHARS_MAX;
use super::{Task, TaskId};
use crate::timestamp::Timestamp;

/// An HTTP answer, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`, if any.
    pub content_type: Option<String>,
    /// `Retry-After`, if any, as sent.
    pub retry_after: Option<String>,
    /// The body, at most [`super::ANSWER_BYTES_MAX`] bytes.
    pub body: Vec<u8>,
}

/// The outcome of a start request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartOutcome {
    /// The workflow runs as this task.
    Started(TaskId),
    /// Certainly not started, so that another attempt is safe.
    NotStarted {
        /// The HTTP status; `None`: no answer.
        status: Option<u16>,
        /// Why, for the operator.
        reason: String,
        /// How long Fabricate asked us to wait, milliseconds.
        retry_after_ms: Option<i64>,
        /// Whether the API key is the reason (401, 403), so that Fabricate itself works.
        for_key: bool,
    },
    /// Fabricate rejects the request, and will reject it again.
    Refused {
        /// The HTTP status.
        status: Option<u16>,
        /// Fabricate's message.
        message: String,
    },
    /// The workflow may have been started or not.
    Unknown {
        /// The HTTP status; `None`: no answer.
        status: Option<u16>,
        /// What happened, for the operator.
        reason: String,
    },
}

/// Why the status of a task is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// 401: Fabricate does not accept the API key.
    #[error("Fabricate does not accept the API key (401)")]
    Unauthorized,
    /// 403: the API key does not cover the workspace.
    #[error("the API key does not cover this workspace (403)")]
    Forbidden,
    /// 404: Fabricate does not know the task.
    #[error("Fabricate does not know the task (404)")]
    NotFound,
    /// 429 or 503: Fabricate asks for fewer requests.
    #[error("{reason}")]
    Busy {
        /// Fabricate's message.
        reason: String,
        /// How long Fabricate asks clients to wait, milliseconds.
        retry_after_ms: Option<i64>,
    },
    /// The answer was not read, because another large answer is being read in this isolate.
    #[error("another large answer is being read")]
    NoRoom,
    /// A 2xx with too many bytes. Another request has the same answer.
    #[error("{0}")]
    TooLarge(String),
    /// Anything else; a later request may succeed.
    #[error("{0}")]
    Unavailable(String),
}

/// Reads the answer to a start request by what it proves.
///
/// A rejected key is retried because the operator can replace it. A failure, an unexpected status and a 2xx without a
/// task id prove nothing: the workflow may run.
#[must_use]
pub fn read_start(answer: &Answer, now: Timestamp) -> StartOutcome {
    let status = Some(answer.status);
    let not_started = |for_key| StartOutcome::NotStarted {
        status,
        reason: answer.message(),
        retry_after_ms: answer.retry_after_ms(now),
        for_key,
    };
    match StatusMeaning::of(answer.status) {
        StatusMeaning::Accepted => match serde_json::from_slice::<Started>(&answer.body) {
            Ok(started) => StartOutcome::Started(started.task_id),
            Err(_) => StartOutcome::Unknown {
                status,
                reason: format!("{} without a usable task_id", answer.status),
            },
        },
        StatusMeaning::KeyRejected | StatusMeaning::WorkspaceRejected => not_started(true),
        StatusMeaning::Busy | StatusMeaning::NotProcessed => not_started(false),
        StatusMeaning::NotFound | StatusMeaning::Rejected => {
            StartOutcome::Refused { status, message: answer.message() }
        }
        StatusMeaning::Redirect | StatusMeaning::Failed | StatusMeaning::Unexpected => {
            StartOutcome::Unknown { status, reason: answer.message() }
        }
    }
}

/// Reads the answer to a status request whose body is in memory. [`StatusReader`] reads one that arrives in pieces.
///
/// # Errors
/// [`StatusError`] for everything that is not a 2xx with a task in it.
pub fn read_status(answer: &Answer, now: Timestamp) -> Result<Task, StatusError> {
    let head = Answer { body: Vec::new(), ..answer.clone() };
    let mut reader = StatusReader::new(head);
    reader.push(&answer.body)?;
    reader.finish(now)
}

impl Answer {
    /// Fabricate's message if it sent one as JSON, otherwise the status; never an HTML page.
    #[must_use]
    pub fn message(&self) -> String {
        #[derive(Deserialize)]
        struct Problem {
            error: String,
        }
        let json = self.content_type.as_deref().is_some_and(|value| value.contains("json"));
        let told = json
            .then(|| serde_json::from_slice::<Problem>(&self.body).ok())
            .flatten()
            .filter(|problem| !problem.error.trim().is_empty());
        match told {
            Some(problem) => {
                let text: String = problem.error.chars().take(MESSAGE_CHARS_MAX).collect();
                format!("{text} (HTTP {})", self.status)
            }
            None => format!("HTTP {}", self.status),
        }
    }

    pub(super) fn retry_after_ms(&self, now: Timestamp) -> Option<i64> {
        self.retry_after.as_deref().and_then(|value| retry_after_ms(value, now))
    }
}

#[derive(Deserialize)]
struct Started {
    task_id: TaskId,
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(784_111_777_000); // Sun, 06 Nov 1994 08:49:37 GMT

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            content_type: Some("application/json".into()),
            retry_after: None,
            body: body.as_bytes().to_vec(),
        }
    }

    #[track_caller]
    fn check(status: u16, body: &str, expected: &str) {
        let outcome = match read_start(&answer(status, body), NOW) {
            StartOutcome::Started(id) => format!("started {id}"),
            StartOutcome::NotStarted { .. } => "not started".into(),
            StartOutcome::Refused { message, .. } => format!("refused {message}"),
            StartOutcome::Unknown { .. } => "unknown".into(),
        };
        assert_eq!(outcome, expected, "{status} {body}");
    }

    #[test]
    fn a_start_is_read_by_what_it_proves() {
        check(200, r#"{"task_id":"t1","status":"in_progress"}"#, "started t1");
        check(202, r#"{"task_id":"t1"}"#, "started t1");
        check(200, r#"{"status":"in_progress"}"#, "unknown");
        check(200, r#"{"task_id":null}"#, "unknown");
        check(200, "<html>", "unknown");
        for status in [401, 403, 425, 429, 503, 521, 523, 525, 526, 530] {
            check(status, "{}", "not started");
        }
        for status in [100, 301, 307, 408, 500, 502, 504, 520, 522, 524] {
            check(status, "{}", "unknown");
        }
        check(404, r#"{"error":"no such workflow"}"#, "refused no such workflow (HTTP 404)");
        check(422, r#"{"error":""}"#, "refused HTTP 422");
    }

    #[test]
    fn an_html_page_is_no_message() {
        let mut page = answer(400, "<html>stack trace</html>");
        page.content_type = Some("text/html".into());
        assert_eq!(page.message(), "HTTP 400");
    }

    #[test]
    fn a_status_is_read_by_what_it_means() {
        assert_eq!(read_status(&answer(401, ""), NOW), Err(StatusError::Unauthorized));
        assert_eq!(read_status(&answer(403, ""), NOW), Err(StatusError::Forbidden));
        assert_eq!(read_status(&answer(404, ""), NOW), Err(StatusError::NotFound));
        assert!(matches!(read_status(&answer(502, ""), NOW), Err(StatusError::Unavailable(_))));
        let mut busy = answer(429, "");
        busy.retry_after = Some("90".into());
        let asked = Err(StatusError::Busy { reason: "HTTP 429".into(), retry_after_ms: Some(90_000) });
        assert_eq!(read_status(&busy, NOW), asked);
        assert!(matches!(read_status(&answer(200, "[]"), NOW), Err(StatusError::Unavailable(_))));
        assert!(read_status(&answer(200, r#"{"id":"t","status":"failed"}"#), NOW).is_ok());
    }
}
