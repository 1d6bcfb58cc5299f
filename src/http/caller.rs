//! Who calls `/api/`: the holder of a token, or a user of Cloudflare Access.

use serde::Serialize;

use super::access::{require_own_page, token_of, user_of};
use super::api_token::{ApiTokens, InvalidToken, Role};
use super::context::Context;
use super::problem::Problem;
use super::rate_limit::count_failed_operator_call;
use super::request::Request;
use super::runtime::Runtime;
use crate::verify::access::Access;
use crate::verify::bearer_token;

/// A caller who got in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) role: Role,
    pub(super) signed_in_by: SignedInBy,
    /// Who it is; `None` with one of our tokens, which name nobody.
    pub(super) user: Option<String>,
}

/// What says who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SignedInBy {
    /// `OPERATOR_TOKEN` or `READ_TOKEN`.
    Token,
    /// The token of Cloudflare Access.
    Access,
}

impl Caller {
    /// Lets the caller in by what the request has. `Authorization` decides alone. A caller who gets in is never counted.
    ///
    /// 503 neither a usable token nor Access is configured, or the keys of Access cannot be fetched; 401 the caller is nobody
    /// who gets in; 429 too many such callers at this address.
    pub(super) async fn authenticate<R: Runtime>(
        context: &Context<'_, R>,
        request: &Request,
    ) -> Result<Self, Problem> {
        let access = context.isolate.configuration.access.as_ref();
        let caller = match (access, request.header("authorization")) {
            // Boxed: the future of a call with a token stays small.
            (Some(access), None) => Box::pin(Self::of_access(context, access, request)).await,
            (_, header) => Self::of_token(context, header.unwrap_or_default(), access.is_some()),
        };
        if let Err(Problem::NoToken | Problem::NotSignedIn(_)) = caller {
            count_failed_operator_call(context, request).await?;
        }
        caller
    }

    fn of_token<R: Runtime>(
        context: &Context<'_, R>,
        authorization: &str,
        has_access: bool,
    ) -> Result<Self, Problem> {
        let tokens = match ApiTokens::read(|name| context.usable_secret(name)) {
            Ok(tokens) => tokens,
            // There need not be a token where people sign in.
            Err(InvalidToken::Missing | InvalidToken::Example) if has_access => return Err(Problem::NoToken),
            Err(error) => return Err(Problem::NoOperator(error)),
        };
        let role = tokens.role(bearer_token(authorization).unwrap_or_default()).ok_or(Problem::NoToken)?;
        Ok(Self { role, signed_in_by: SignedInBy::Token, user: None })
    }

    /// Access decides who gets in, so that each of its users is an operator.
    async fn of_access<R: Runtime>(
        context: &Context<'_, R>,
        access: &Access,
        request: &Request,
    ) -> Result<Self, Problem> {
        let token = token_of(request).ok_or(Problem::NoToken)?;
        let user = user_of(context, access, token).await?;
        Ok(Self { role: Role::Operator, signed_in_by: SignedInBy::Access, user })
    }

    /// Whether the caller may make a call that `decides`: 403 a reader may not; 403 and 415 see [`require_own_page`].
    pub(super) fn require_right(&self, request: &Request, decides: bool) -> Result<(), Problem> {
        if decides && self.role == Role::Reader {
            return Err(Problem::ReadOnly);
        }
        // A call that decides nothing may store something all the same, or show it.
        let is_read = matches!(request.method.as_str(), "GET" | "HEAD");
        if self.signed_in_by == SignedInBy::Access && !is_read { require_own_page(request) } else { Ok(()) }
    }
}
