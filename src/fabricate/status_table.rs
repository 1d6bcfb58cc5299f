//! What each HTTP status of Fabricate means: the one table for starts, status requests and downloads.
//!
//! It reads a number and decides nothing: what follows from a meaning depends on the request.

/// What an HTTP status says about the request that it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatusMeaning {
    /// 2xx: Fabricate did what was requested.
    Accepted,
    /// 301, 302, 303, 307, 308: the resource is at another address.
    Redirect,
    /// 401: Fabricate does not accept the API key.
    KeyRejected,
    /// 403: the API key does not cover the workspace.
    WorkspaceRejected,
    /// 404: Fabricate does not know the resource.
    NotFound,
    /// Any other 4xx: the same request will fail again.
    Rejected,
    /// 429, 503: Fabricate did not process the request and wants fewer of them; `Retry-After` may say for how long.
    Busy,
    /// 425, 521, 523, 525, 526, 530: Fabricate did not process the request. The 5xx among them are Cloudflare's for an
    /// origin that was never reached.
    NotProcessed,
    /// 408 and any other 5xx: Fabricate failed, perhaps after it had processed the request.
    Failed,
    /// 1xx and any other 3xx: no client expects these here.
    Unexpected,
}

impl StatusMeaning {
    /// The meaning of a status.
    pub(super) fn of(status: u16) -> Self {
        match status {
            200..=299 => Self::Accepted,
            301 | 302 | 303 | 307 | 308 => Self::Redirect,
            401 => Self::KeyRejected,
            403 => Self::WorkspaceRejected,
            404 => Self::NotFound,
            429 | 503 => Self::Busy,
            425 | 521 | 523 | 525 | 526 | 530 => Self::NotProcessed,
            408 | 500.. => Self::Failed,
            400..=499 => Self::Rejected,
            _ => Self::Unexpected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(expected: StatusMeaning, statuses: &[u16]) {
        for status in statuses {
            assert_eq!(StatusMeaning::of(*status), expected, "{status}");
        }
    }

    #[test]
    fn every_status_has_one_meaning() {
        check(StatusMeaning::Accepted, &[200, 201, 202, 204, 206, 299]);
        check(StatusMeaning::Redirect, &[301, 302, 303, 307, 308]);
        check(StatusMeaning::KeyRejected, &[401]);
        check(StatusMeaning::WorkspaceRejected, &[403]);
        check(StatusMeaning::NotFound, &[404]);
        check(StatusMeaning::Rejected, &[400, 402, 405, 410, 416, 422, 451, 499]);
        check(StatusMeaning::Busy, &[429, 503]);
        check(StatusMeaning::NotProcessed, &[425, 521, 523, 525, 526, 530]);
        check(StatusMeaning::Failed, &[408, 500, 502, 504, 520, 522, 524, 599, 600]);
        check(StatusMeaning::Unexpected, &[0, 100, 101, 300, 304, 305, 399]);
    }
}
