//! The operator's token: which texts are accepted as one, and the check of a caller's token.

use std::fmt;

use crate::digest::is_same_secret;

/// The shortest token, characters: a shorter one can be guessed, and the token gives access to every run.
pub const OPERATOR_TOKEN_CHARS_MIN: usize = 32;

/// The command that makes a token: 64 hexadecimal digits.
pub const MAKE_OPERATOR_TOKEN: &str = "openssl rand -hex 32";

/// A token that is long enough.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken(String);

/// Why a token is not accepted, so that no operator can call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// The token is not set, or blank.
    #[error("OPERATOR_TOKEN is not set: make one with `{MAKE_OPERATOR_TOKEN}`")]
    Missing,
    /// The token is too short; holds the number of its characters.
    #[error(
        "OPERATOR_TOKEN must have at least {OPERATOR_TOKEN_CHARS_MIN} characters, got {0}: make one with `{MAKE_OPERATOR_TOKEN}`"
    )]
    TooShort(usize),
}

impl OperatorToken {
    /// Accepts a configured token. White space around it is not counted.
    ///
    /// # Errors
    /// [`InvalidToken`] when it is not set, or has fewer than [`OPERATOR_TOKEN_CHARS_MIN`] characters.
    pub fn new(configured: Option<&str>) -> Result<Self, InvalidToken> {
        let token = configured.unwrap_or_default();
        match token.trim().chars().count() {
            0 => Err(InvalidToken::Missing),
            chars @ ..OPERATOR_TOKEN_CHARS_MIN => Err(InvalidToken::TooShort(chars)),
            _ => Ok(Self(token.to_owned())),
        }
    }

    /// Compares a caller's token in constant time.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        is_same_secret(given, &self.0)
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(configured: Option<&str>, expected: Result<(), InvalidToken>) {
        assert_eq!(OperatorToken::new(configured).map(drop), expected, "{configured:?}");
    }

    #[test]
    fn a_token_has_at_least_32_characters() {
        let (short, long) = ("x".repeat(31), "x".repeat(32));
        check(None, Err(InvalidToken::Missing));
        check(Some("  "), Err(InvalidToken::Missing));
        check(Some("operator-token"), Err(InvalidToken::TooShort(14)));
        check(Some(&short), Err(InvalidToken::TooShort(31)));
        check(Some(&format!("  {short}  ")), Err(InvalidToken::TooShort(31)));
        check(Some(&"é".repeat(31)), Err(InvalidToken::TooShort(31)));
        check(Some(&long), Ok(()));
    }

    #[test]
    fn an_error_names_the_command_and_not_the_token() {
        let text = InvalidToken::TooShort(14).to_string();
        assert_eq!(
            text,
            "OPERATOR_TOKEN must have at least 32 characters, got 14: make one with `openssl rand -hex 32`"
        );
        assert!(InvalidToken::Missing.to_string().ends_with("make one with `openssl rand -hex 32`"));
        let token = OperatorToken::new(Some(&"x".repeat(32))).unwrap();
        assert_eq!(format!("{token:?}"), "OperatorToken(…)");
    }

    #[test]
    fn only_the_whole_token_matches() {
        let token = OperatorToken::new(Some(&"x".repeat(40))).unwrap();
        assert!(token.is(&"x".repeat(40)));
        for wrong in [String::new(), "x".repeat(39), "x".repeat(41), "X".repeat(40)] {
            assert!(!token.is(&wrong), "{wrong}");
        }
    }
}
