//! Why an operation on values has no result. No message quotes a value of the event.

use std::borrow::Cow;

/// Why an operation has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// The event does not have the field.
    #[error("a field is missing")]
    Missing,
    /// The evaluation took more work than it may.
    #[error("takes more work than one expression may")]
    OutOfFuel,
    /// The operation does not take these values.
    #[error("{0}")]
    Refused(Cow<'static, str>),
}

/// The error for values that an operation does not take.
pub(crate) fn refuse(reason: impl Into<Cow<'static, str>>) -> Error {
    Error::Refused(reason.into())
}
