//! The files that workflows make: what the task says about each, and the exact bytes, so that a
//! test can compare; it must not send anything, and must not hold a large file in memory.

mod conflict;
mod content;
mod delivery;
mod digest;
mod entry;
mod fields;
mod gzip;
mod noise;
mod pdf;
mod report;

use serde_json::{Value, json};

pub(crate) use conflict::check;
pub(crate) use content::hex;
pub use content::{Chunks, Content};
pub(crate) use delivery::{Break, Delivery, Pace, Pause, Ranges, Refusal, Target};
pub(crate) use digest::Form;
pub(crate) use entry::files as described;
pub(crate) use fields::{FIELDS, FILES_MAX};
pub(crate) use gzip::Gzip;
pub use noise::Noise;
pub use report::Report;

use crate::parameter::{self, Parameters};

/// One file of a completed task.
#[derive(Debug, Clone)]
pub struct File {
    listing: Listing,
    content: Content,
    delivery: Delivery,
}

/// What the task says about a file. What is `None` is left out.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// A string or a number; `None` is the next number of the server.
    pub(crate) id: Option<Value>,
    pub(crate) name: Option<Value>,
    pub(crate) content_type: Option<Value>,
    pub(crate) size: Value,
}

impl File {
    /// The name that the task states.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.listing.name.as_ref()?.as_str()
    }

    /// The content type that the task states.
    #[must_use]
    pub fn content_type(&self) -> Option<&str> {
        self.listing.content_type.as_ref()?.as_str()
    }

    /// The bytes that a whole download sends.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    pub(crate) fn listing(&self) -> &Listing {
        &self.listing
    }

    pub(crate) fn delivery(&self) -> &Delivery {
        &self.delivery
    }

    pub(crate) fn sent(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }

    /// Redirected to the bytes.
    pub(crate) fn redirected(self, target: Target) -> Self {
        self.sent(Delivery { redirects: vec![target], ..Delivery::default() })
    }

    pub(crate) fn stated(mut self, size: u64) -> Self {
        self.listing.size = json!(size);
        self
    }

    pub(crate) fn named(mut self, name: Option<&str>) -> Self {
        self.listing.name = Some(json!(name));
        self
    }

    pub(crate) fn typed(mut self, content_type: Option<&str>) -> Self {
        self.listing.content_type = Some(json!(content_type));
        self
    }

    fn new(name: &str, content_type: &str, content: Content) -> Self {
        let listing = Listing {
            id: None,
            name: Some(json!(name)),
            content_type: Some(json!(content_type)),
            size: json!(content.len()),
        };
        Self { listing, content, delivery: Delivery::default() }
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
                assert_eq!(file.listing.size, file.content().len(), "{}", workflow.name);
            }
        }
    }
}
