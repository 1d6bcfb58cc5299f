//! The tokens that open `/api/`: which texts are accepted as one, and what the caller who has one may do.

use std::fmt;

use serde::Serialize;

use super::secrets::{OPERATOR_TOKEN, READ_TOKEN};
use crate::digest::is_same_secret;
use crate::example_secrets::{EXAMPLE, NoSecret};

/// The shortest token, characters: a shorter one can be guessed, and a token gives access to every run.
pub const TOKEN_CHARS_MIN: usize = 32;

/// The command that makes a token: 64 hexadecimal digits.
pub const MAKE_TOKEN: &str = "openssl rand -hex 32";

/// What a caller of `/api/` may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Read and decide: the caller has `OPERATOR_TOKEN`, or signed in by Cloudflare Access.
    Operator,
    /// Read: the caller has `READ_TOKEN`.
    Reader,
}

/// The tokens that are configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiTokens {
    operator: ApiToken,
    /// `None`: it is not set, or not accepted.
    reader: Option<ApiToken>,
}

/// A token that is long enough.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiToken(String);

/// Why a token is not accepted. Each text continues the name of the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidToken {
    /// The token is not set, or blank.
    #[error("is not set: make one with `{MAKE_TOKEN}`")]
    Missing,
    /// A deployed Worker has the token of an example.
    #[error("{EXAMPLE}: make one with `{MAKE_TOKEN}`")]
    Example,
    /// The token is too short; holds the number of its characters.
    #[error("must have at least {TOKEN_CHARS_MIN} characters, got {0}: make one with `{MAKE_TOKEN}`")]
    TooShort(usize),
}

impl ApiTokens {
    /// Reads the tokens; `secret` is the value of a secret by its name, or why there is none. A `READ_TOKEN` that is not accepted
    /// opens nothing.
    ///
    /// # Errors
    /// [`InvalidToken`] when `OPERATOR_TOKEN` is not accepted: without it nobody gets in.
    pub fn read(secret: impl Fn(&str) -> Result<String, NoSecret>) -> Result<Self, InvalidToken> {
        let operator = secret(OPERATOR_TOKEN).map_err(|why| match why {
            NoSecret::NotSet => InvalidToken::Missing,
            NoSecret::Example => InvalidToken::Example,
        })?;
        let operator = ApiToken::new(Some(&operator))?;
        let reader = ApiToken::new(secret(READ_TOKEN).ok().as_deref()).ok();
        Ok(Self { operator, reader })
    }

    /// The role of a caller's token; `None`: it is none of these.
    #[must_use]
    pub fn role(&self, given: &str) -> Option<Role> {
        // Both are compared, so that the time says nothing about which one is nearly right.
        let (is_operator, is_reader) =
            (self.operator.is(given), self.reader.as_ref().is_some_and(|token| token.is(given)));
        if is_operator { Some(Role::Operator) } else { is_reader.then_some(Role::Reader) }
    }
}

impl ApiToken {
    /// Accepts a configured token. White space around it is not counted.
    ///
    /// # Errors
    /// [`InvalidToken`] when it is not set, or has fewer than [`TOKEN_CHARS_MIN`] characters.
    pub fn new(configured: Option<&str>) -> Result<Self, InvalidToken> {
        let token = configured.unwrap_or_default();
        match token.trim().chars().count() {
            0 => Err(InvalidToken::Missing),
            chars @ ..TOKEN_CHARS_MIN => Err(InvalidToken::TooShort(chars)),
            _ => Ok(Self(token.to_owned())),
        }
    }

    /// Compares a caller's token in constant time.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        is_same_secret(given, &self.0)
    }
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(configured: Option<&str>, expected: Result<(), InvalidToken>) {
        assert_eq!(ApiToken::new(configured).map(drop), expected, "{configured:?}");
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
        assert_eq!(text, "must have at least 32 characters, got 14: make one with `openssl rand -hex 32`");
        assert!(InvalidToken::Missing.to_string().ends_with("make one with `openssl rand -hex 32`"));
        let token = ApiToken::new(Some(&"x".repeat(32))).unwrap();
        assert_eq!(format!("{token:?}"), "ApiToken(…)");
    }

    #[test]
    fn only_the_whole_token_matches() {
        let token = ApiToken::new(Some(&"x".repeat(40))).unwrap();
        assert!(token.is(&"x".repeat(40)));
        for wrong in [String::new(), "x".repeat(39), "x".repeat(41), "X".repeat(40)] {
            assert!(!token.is(&wrong), "{wrong}");
        }
    }

    #[test]
    fn each_token_has_its_role() {
        let (operator, reader, short) = ("o".repeat(32), "r".repeat(32), "r".repeat(31));
        let roles = |operator: Option<&str>, reader: Option<&str>, given: &str| {
            let secret = |name: &str| if name == OPERATOR_TOKEN { operator } else { reader };
            let read = |name: &str| secret(name).map(ToOwned::to_owned).ok_or(NoSecret::NotSet);
            ApiTokens::read(read).map(|tokens| tokens.role(given))
        };
        let both = |given: &str| roles(Some(&operator), Some(&reader), given);
        assert_eq!(both(&operator), Ok(Some(Role::Operator)));
        assert_eq!(both(&reader), Ok(Some(Role::Reader)));
        assert_eq!(both(""), Ok(None));
        assert_eq!(roles(Some(&operator), None, &reader), Ok(None));
        assert_eq!(roles(Some(&operator), None, ""), Ok(None));
        assert_eq!(roles(Some(&operator), Some(&short), &short), Ok(None));
        assert_eq!(roles(Some(&operator), Some(&operator), &operator), Ok(Some(Role::Operator)));
        assert_eq!(roles(None, Some(&reader), &reader), Err(InvalidToken::Missing));
    }
}
