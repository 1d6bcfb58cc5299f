//! What is to go wrong on purpose, whatever the workflow; it must not know how it is asked for.

use serde::{Deserialize, Serialize};

/// The faults that are in force. The default is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Answers to start requests; nothing is started.
    pub start: Option<Fault>,
    /// Answers to status requests.
    pub status: Option<Fault>,
    /// Answers to downloads, on the API's origin.
    pub download: Option<Fault>,
    /// Whether every connection is closed without an answer, on both origins.
    pub down: bool,
}

/// An error in place of the next answers of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The status of the answer, 200 to 599.
    pub status: u16,
    /// How many answers; without it, all until the faults are cleared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// `Retry-After` in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// What a request wants, as far as faults tell requests apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    Status,
    Download,
    Other,
}

impl Fault {
    /// A fault of the next so many answers.
    #[must_use]
    pub fn times(status: u16, times: u32) -> Self {
        Self { status, times: Some(times), retry_after: None }
    }
}

impl Faults {
    /// The fault that this request meets, which is then used up once.
    pub(crate) fn take(&mut self, kind: Kind) -> Option<Fault> {
        let slot = match kind {
            Kind::Start => &mut self.start,
            Kind::Status => &mut self.status,
            Kind::Download => &mut self.download,
            Kind::Other => return None,
        };
        let fault = slot.as_mut()?;
        if let Some(times) = &mut fault.times {
            let Some(left) = times.checked_sub(1) else {
                *slot = None;
                return None;
            };
            *times = left;
        }
        *slot
    }

    /// # Errors
    /// A message that names a status that cannot be answered.
    pub(crate) fn check(&self) -> Result<(), String> {
        let faults = [self.start, self.status, self.download];
        match faults.into_iter().flatten().find(|fault| !(200..600).contains(&fault.status)) {
            Some(fault) => Err(format!("status must be from 200 to 599: {}", fault.status)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_met_as_often_as_it_says() {
        let mut faults = Faults { status: Some(Fault::times(500, 2)), ..Faults::default() };
        assert_eq!(faults.take(Kind::Start), None);
        assert_eq!(faults.take(Kind::Status).map(|fault| fault.status), Some(500));
        assert_eq!(faults.take(Kind::Status).map(|fault| fault.status), Some(500));
        assert_eq!(faults.take(Kind::Status), None);
        assert_eq!(faults, Faults::default(), "used up");
    }

    #[test]
    fn a_fault_without_a_number_stays() {
        let fault = Fault { status: 503, times: None, retry_after: None };
        let mut faults = Faults { download: Some(fault), ..Faults::default() };
        for _ in 0..100 {
            assert_eq!(faults.take(Kind::Download), Some(fault));
        }
        assert_eq!(faults.take(Kind::Other), None);
    }
}
