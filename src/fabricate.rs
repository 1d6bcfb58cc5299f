//! Fabricate's workflow API: its addresses, its answers, and what an answer proves.
//!
//! Pure: it makes URLs and reads answers, and never sends anything.
//! Source: <https://docs.tonic.ai/fabricate/fabricate-api-and-cli/using-the-fabricate-api/api-run-workflow>.

mod answer;
mod circuit_breaker;
mod credentials;
mod download;
mod large_answers;
mod members;
mod redirect;
mod result;
mod retry_after;
mod status;
mod status_table;
mod task;

pub use answer::{Answer, StartOutcome, StatusError, read_start, read_status};
pub use circuit_breaker::{CircuitBreaker, FAILURES_MAX, Health};
pub use credentials::{Credentials, KeyAnswer, KeyRefusal};
pub use download::{BodyInfo, Checksum, DownloadOutcome, Expected, Head, Resume, Validator};
pub use large_answers::{LEASE_MS, LargeAnswers, Lease};
pub use redirect::{REDIRECTS_MAX, RedirectError, Redirection, follow_redirect};
pub use result::{JsonText, RESULT_BYTES_MAX, RESULT_DEPTH_MAX, ResultOmitted};
pub(crate) use retry_after::retry_after_ms;
pub use status::{SMALL_ANSWER_BYTES, STATUS_BYTES_MAX, StatusReader};
pub use task::{FileId, InvalidTaskId, Task, TaskFile, TaskId, TaskStatus};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

/// The name of the secret with the API key.
pub const FABRICATE_API_KEY: &str = "FABRICATE_API_KEY";

/// How long an answer may take: its headers, and as much of its body as is read at once. Of a download or a large answer, the
/// headers. Cloudflare sets no limit of its own.
pub const ANSWER_TIMEOUT_MS: u32 = 20_000;

/// The most bytes of an answer that is read into memory at once: to a start, or from an address that a handshake names.
/// Answers to status requests have other bounds ([`StatusReader`]).
pub const ANSWER_BYTES_MAX: u32 = 1024 * 1024;

/// Everything but the unreserved characters of RFC 3986.
const PATH_PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The container of a workflow: newer Fabricate accounts say *project* where older ones say *database*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema), schemars(rename = "TargetPlace"))]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// `/databases/{name}`
    Database(String),
    /// `/projects/{name}`
    Project(String),
}

impl Place {
    /// The database's or project's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Database(name) | Self::Project(name) => name,
        }
    }
}

/// The workflow that a run starts. Names are as people see them, not percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Target {
    /// The Data Agent workspace.
    pub workspace: String,
    /// The database or project in it.
    #[serde(flatten)]
    pub place: Place,
    /// The workflow in that database or project.
    pub workflow: String,
}

/// Whether a name can be a segment of a URL's path: `.` and `..` mean folders, even percent-encoded.
#[must_use]
pub fn is_path_part(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".."
}

/// Percent-encodes any name as one segment of a URL's path.
#[must_use]
pub fn encode_path_part(name: &str) -> String {
    utf8_percent_encode(name, PATH_PART).to_string()
}

/// The addresses of one Fabricate, official or self-hosted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    base: Url,
}

/// Why a `FABRICATE_URL` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "FABRICATE_URL must be an http or https address such as https://fabricate.tonic.ai, with a host in ASCII (xn--…) and \
     without user, query or fragment"
)]
pub struct InvalidFabricateUrl;

impl Api {
    /// Takes the address of Fabricate; `/api/v1` is added unless it is there already.
    ///
    /// # Errors
    /// When it is not an http or https address with a host in ASCII and without user, query and fragment.
    pub fn new(address: &str) -> Result<Self, InvalidFabricateUrl> {
        let mut base = Url::parse(address.trim()).map_err(|_| InvalidFabricateUrl)?;
        let plain = matches!(base.scheme(), "http" | "https")
            && base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !plain {
            return Err(InvalidFabricateUrl);
        }
        let path = base.path().trim_end_matches('/');
        let path = path.strip_suffix("/api/v1").unwrap_or(path).to_owned();
        base.set_path(&format!("{path}/api/v1/"));
        Ok(Self { base })
    }

    /// The address of a start request (`POST`, with the parameter object as its body).
    #[must_use]
    pub fn start_url(&self, target: &Target) -> Url {
        let (kind, place) = match &target.place {
            Place::Database(name) => ("databases", name),
            Place::Project(name) => ("projects", name),
        };
        self.url(&["workspaces", &target.workspace, kind, place, "workflows", &target.workflow])
    }

    /// The address of a task's status (`GET`).
    #[must_use]
    pub fn status_url(&self, task_id: &TaskId) -> Url {
        self.url(&["workflow_tasks", task_id.as_str()])
    }

    /// The address of a file's download (`GET`), which answers with bytes or a redirect.
    #[must_use]
    pub fn download_url(&self, task_id: &TaskId, file_id: &FileId) -> Url {
        self.url(&["workflow_tasks", task_id.as_str(), file_id.as_str(), "download"])
    }

    /// The base address, with which redirects are compared.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.base
    }

    fn url(&self, parts: &[&str]) -> Url {
        let encoded: Vec<String> = parts.iter().map(|part| encode_path_part(part)).collect();
        let mut url = self.base.clone();
        url.set_path(&format!("{}{}", self.base.path(), encoded.join("/")));
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(address: &str) -> Api {
        Api::new(address).unwrap()
    }

    #[test]
    fn the_api_path_is_added_once() {
        for address in ["https://fab.example", "https://fab.example/", "https://fab.example/api/v1/"] {
            assert_eq!(api(address).base().as_str(), "https://fab.example/api/v1/");
        }
        assert_eq!(api("http://h:8/sub/").base().as_str(), "http://h:8/sub/api/v1/");
        assert_eq!(
            api("https://xn--bcher-kva.example").base().as_str(),
            "https://xn--bcher-kva.example/api/v1/"
        );
    }

    #[test]
    fn an_address_that_is_not_plain_http_is_refused() {
        let host = "https://b\u{fc}cher.example";
        for address in
            [host, "fab.example", "ftp://fab.example", "https://u:p@fab.example", "https://fab.example/?a=1"]
        {
            assert_eq!(Api::new(address), Err(InvalidFabricateUrl), "{address}");
        }
    }

    #[test]
    fn names_are_percent_encoded_whole() {
        let target = Target {
            workspace: "big corp/eu".into(),
            place: Place::Database("démo?".into()),
            workflow: "a#b%2f".into(),
        };
        assert_eq!(
            api("https://fab.example").start_url(&target).as_str(),
            "https://fab.example/api/v1/workspaces/big%20corp%2Feu/databases/d%C3%A9mo%3F/workflows/a%23b%252f"
        );
    }

    #[test]
    fn a_project_is_asked_for_as_one() {
        let target =
            Target { workspace: "acme".into(), place: Place::Project("p".into()), workflow: "w".into() };
        assert_eq!(
            api("https://fab.example").start_url(&target).path(),
            "/api/v1/workspaces/acme/projects/p/workflows/w"
        );
    }

    #[test]
    fn folder_names_are_no_path_parts() {
        assert!(!is_path_part("..") && !is_path_part(".") && !is_path_part(""));
        assert!(is_path_part("...") && is_path_part("a/b"));
    }
}
