//! The files that workflows make: what the task says about each, and the exact bytes, so that a
//! test can compare; it must not send anything, and must not hold a large file in memory.

mod content;
mod noise;
mod pdf;
mod report;

use serde_json::Value;

pub(crate) use content::hex;
pub use content::{Chunks, Content};
pub use noise::Noise;
pub use report::Report;

use crate::parameter::{self, Parameters};

/// One file of a completed task.
#[derive(Debug, Clone)]
pub struct File {
    name: Option<String>,
    content_type: Option<String>,
    stated_bytes: u64,
    content: Content,
    delivery: Delivery,
}

/// How a download sends the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The bytes, with `Content-Length`.
    Plain,
    /// The bytes, chunked.
    NoLength,
    /// 302 to the storage.
    Storage,
    /// 302 to a relative address on the same origin.
    Relative,
    /// 302 to itself, without end.
    Loop,
    /// The bytes, little by little.
    Trickle,
    /// Half of the bytes, then the connection closes.
    Cut,
    /// 404, although the task lists the file.
    Missing,
}

impl File {
    /// The name that the task states.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The content type that the task states.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The size that the task states; `wrong-size` states another than [`Content::len`].
    #[must_use]
    pub fn stated_bytes(&self) -> u64 {
        self.stated_bytes
    }

    /// The bytes that a whole download sends.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    pub(crate) fn delivery(&self) -> Delivery {
        self.delivery
    }

    pub(crate) fn sent(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }

    pub(crate) fn stated(self, stated_bytes: u64) -> Self {
        Self { stated_bytes, ..self }
    }

    pub(crate) fn named(self, name: Option<&str>) -> Self {
        Self { name: name.map(str::to_owned), ..self }
    }

    pub(crate) fn typed(self, content_type: Option<&str>) -> Self {
        Self { content_type: content_type.map(str::to_owned), ..self }
    }

    fn new(name: &str, content_type: &str, content: Content) -> Self {
        Self {
            name: Some(name.to_owned()),
            content_type: Some(content_type.to_owned()),
            stated_bytes: content.len(),
            content,
            delivery: Delivery::Plain,
        }
    }
}

/// The files that a task of this workflow makes for these parameters, in the task's order: equal
/// parameters give equal bytes. `None` for an unknown workflow or parameters that a start refuses.
#[must_use]
pub fn expected(workflow: &str, parameters: &Value) -> Option<Vec<File>> {
    let workflow = crate::workflow(workflow)?;
    let parameters = parameters.as_object()?;
    parameter::check(workflow.parameters, parameters).ok()?;
    Some((workflow.files)(parameters))
}

/// A CSV report; the label is repeated in each row.
pub(crate) fn report(name: &str, rows: u64, start_date: &str, label: &str) -> File {
    File::new(name, "text/csv", Content::Report(Report::new(rows, start_date, label)))
}

/// A CSV report of three rows.
pub(crate) fn small_report(name: &str) -> File {
    report(name, 3, "2024-01-01", "demo")
}

/// A CSV file with this text.
pub(crate) fn small(name: &str, text: &str) -> File {
    File::new(name, "text/csv", Content::Whole(text.to_owned().into()))
}

/// Pseudo-random bytes: no compression makes them smaller, and no two blocks are equal.
pub(crate) fn noise(name: &str, bytes: u64) -> File {
    File::new(name, "application/octet-stream", Content::Noise(Noise::new(bytes, 0)))
}

/// A PDF of one page that lists the parameters.
pub(crate) fn summary(name: &str, parameters: &Parameters) -> File {
    let lines = parameters.iter().map(|(name, value)| format!("{name}: {value}"));
    File::new(name, "application/pdf", Content::Whole(pdf::page("Seeded account", lines).into()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_start_refuses_has_no_files() {
        assert!(expected("seed-account", &json!({"rows": 1})).is_none());
        assert!(expected("seed-account", &json!([])).is_none());
        assert!(expected("unheard-of", &json!({})).is_none());
    }

    #[test]
    fn every_size_is_stated_right_but_where_it_is_meant_not_to_be() {
        for workflow in crate::workflows().iter().filter(|workflow| workflow.name != "wrong-size") {
            let parameters = json!({"startDate": "2024-01-01", "rows": 1_001, "label": "é \"x\""});
            for file in (workflow.files)(parameters.as_object().unwrap()) {
                assert_eq!(file.stated_bytes(), file.content().len(), "{}", workflow.name);
            }
        }
    }
}
