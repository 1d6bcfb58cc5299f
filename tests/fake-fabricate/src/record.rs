//! The record of what the server was asked and what it answered; it must never hold a key.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

/// More requests are not kept: the oldest is dropped.
pub(crate) const REQUESTS_MAX: usize = 100_000;

/// One request, control requests excepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
    /// Who was asked.
    pub origin: Origin,
    /// The HTTP method.
    pub method: String,
    /// The path as it was sent (percent-encoded), without the query.
    pub path: String,
    /// The workflow that a start names, decoded.
    pub workflow: Option<String>,
    /// The task that a status request or a download names.
    pub task_id: Option<String>,
    /// The file that a download names.
    pub file_id: Option<String>,
    /// Whether an `Authorization` header was sent.
    pub authorization: bool,
    /// Whether the key in it was let in. The storage lets no key in.
    pub authorized: bool,
    /// Some of the headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The status of the answer; `None` before it, and where the connection was closed instead.
    pub status: Option<u16>,
    /// How many bytes of the answer's body the connection has taken so far.
    pub sent_bytes: u64,
    /// What happened, in a few words.
    pub note: String,
}

/// The server's two origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// Fabricate itself.
    Api,
    /// The storage that some downloads are redirected to.
    Storage,
}

/// The requests since they were last cleared.
#[derive(Debug, Default)]
pub(crate) struct Record {
    requests: VecDeque<Request>,
    /// The number of the first request that is kept; numbers are never used again.
    first: u64,
}

impl Record {
    /// Enters a request and gives its number.
    pub(crate) fn add(&mut self, request: Request) -> u64 {
        self.requests.push_back(request);
        if self.requests.len() > REQUESTS_MAX {
            self.requests.pop_front();
            self.first += 1;
        }
        self.first + self.requests.len() as u64 - 1
    }

    /// Changes a request, if it is still kept.
    pub(crate) fn update(&mut self, number: u64, change: impl FnOnce(&mut Request)) {
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(request) = at.and_then(|at| self.requests.get_mut(at)) {
            change(request);
        }
    }

    /// All requests, oldest first.
    pub(crate) fn all(&self) -> Vec<Request> {
        self.requests.iter().cloned().collect()
    }

    /// Forgets all requests.
    pub(crate) fn clear(&mut self) {
        self.first += self.requests.len() as u64;
        self.requests.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(n: usize) -> Request {
        Request {
            at_ms: 0,
            origin: Origin::Api,
            method: "GET".into(),
            path: format!("/{n}"),
            workflow: None,
            task_id: None,
            file_id: None,
            authorization: false,
            authorized: false,
            headers: BTreeMap::new(),
            status: None,
            sent_bytes: 0,
            note: String::new(),
        }
    }

    #[test]
    fn the_oldest_request_is_dropped() {
        let mut record = Record::default();
        for n in 0..=REQUESTS_MAX {
            record.add(request(n));
        }
        record.update(REQUESTS_MAX as u64, |request| request.status = Some(204));
        let all = record.all();
        assert_eq!((all.len(), all[0].path.as_str()), (REQUESTS_MAX, "/1"));
        assert_eq!(all[REQUESTS_MAX - 1].status, Some(204), "numbers do not shift");
    }

    #[test]
    fn a_late_answer_never_reaches_another_request() {
        let mut record = Record::default();
        let before = record.add(request(0));
        record.clear();
        let after = record.add(request(1));
        record.update(before, |request| request.status = Some(500));
        assert_eq!(record.all()[0].status, None);
        record.update(after, |request| request.status = Some(200));
        assert_eq!(record.all()[0].status, Some(200));
    }
}
