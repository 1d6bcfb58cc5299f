//! What a request states beside its body: the parameters of its query, and `Prefer`.

use url::Url;

use super::problem::Problem;
use super::recent::RecentQuery;
use super::recent::ring::Outcome;
use super::request::Request;
use crate::fabricate::TaskId;
use crate::hook::HookName;
use crate::hook::delivery::DeliveryId;
use crate::ports::KeptId;
use crate::run::Status;
use crate::service::many::{MANY_MAX, newest_of};
use crate::service::overview::{HOURS_DEFAULT, HOURS_MAX};
use crate::service::queries::{LIMIT_DEFAULT, LIMIT_MAX, Position, Query};

use crate::timestamp::Timestamp;

/// The longest that `Prefer: wait=N` (RFC 7240) may ask for, seconds.
pub(super) const WAIT_MAX_S: u32 = 25;

/// How many deliveries `GET /api/deliveries` lists unless its caller says otherwise.
pub(super) const RECENT_DEFAULT: usize = 100;

/// How much of a wrong value a problem quotes, characters.
const QUOTED_CHARS_MAX: usize = 64;

/// Reads the query of `GET /api/runs`: `status` (one, or several with commas), `hook`, `since`, `until`, `delivery_id`, `task_id`, `limit`
/// (1 to [`LIMIT_MAX`]) and `cursor`, all optional. The id is returned beside the query.
pub(super) fn read_list_query(url: &Url) -> Result<(Query, Option<DeliveryId>), Problem> {
    let mut query = Query { limit: LIMIT_DEFAULT, ..Query::default() };
    let mut delivery_id = None;
    for (name, value) in url.query_pairs() {
        match &*name {
            "status" => {
                let statuses = value.split(',').map(|status| read_status(status, &Status::ALL));
                query.statuses = statuses.collect::<Result<_, _>>()?;
            }
            "task_id" => query.task_id = Some(read_task_id(&value)?),
            "delivery_id" => delivery_id = Some(DeliveryId::from(&*value)),
            _ => {
                let known =
                    "`status`, `hook`, `since`, `until`, `delivery_id`, `task_id`, `limit` and `cursor`";
                read_shared(&mut query, &name, &value, LIMIT_MAX, known)?;
            }
        }
    }
    Ok((query, delivery_id))
}

/// Reads the query of a call that decides about many runs: `status` (`first` where it is absent, or one of
/// the `others`), `hook`, `since`, `until`, `limit` (1 to [`MANY_MAX`]) and `cursor`, all optional.
pub(super) fn read_selection(url: &Url, first: Status, others: &[Status]) -> Result<Query, Problem> {
    let allowed = [&[first], others].concat();
    let mut query = newest_of(first);
    for (name, value) in url.query_pairs() {
        if name == "status" {
            query.statuses = vec![read_status(&value, &allowed)?];
        } else {
            let known = "`status`, `hook`, `since`, `until`, `limit` and `cursor`";
            read_shared(&mut query, &name, &value, MANY_MAX, known)?;
        }
    }
    Ok(query)
}

/// Reads a parameter that every call about a list takes. `known` names all that this one takes.
fn read_shared(
    query: &mut Query,
    name: &str,
    value: &str,
    limit_max: usize,
    known: &str,
) -> Result<(), Problem> {
    match name {
        "hook" => query.hook = Some(read_hook(value)?),
        "since" => query.since = Some(read_time("since", value)?),
        "until" => query.until = Some(read_time("until", value)?),
        "limit" => query.limit = read_limit(value, limit_max)?,
        "cursor" => query.after = Some(read_cursor(value)?),
        other => return Err(unknown(other, known)),
    }
    Ok(())
}

/// Reads the query of `GET /api/deliveries`: `hook`, `outcome` and `limit` (1 to [`LIMIT_MAX`]), all optional.
pub(super) fn read_recent_query(url: &Url) -> Result<RecentQuery, Problem> {
    let mut query = RecentQuery { hook: None, outcome: None, limit: RECENT_DEFAULT };
    for (name, value) in url.query_pairs() {
        match &*name {
            "hook" => query.hook = Some(read_hook(&value)?),
            "outcome" => query.outcome = Some(read_outcome(&value)?),
            "limit" => query.limit = read_limit(&value, LIMIT_MAX)?,
            other => return Err(unknown(other, "`hook`, `outcome` and `limit`")),
        }
    }
    Ok(query)
}

/// Reads the query of `GET /api/hooks/{hook}/ignored`: `limit` (1 to [`LIMIT_MAX`]) and `cursor`, both optional.
pub(super) fn read_kept_query(url: &Url) -> Result<(u32, Option<KeptId>), Problem> {
    let (mut limit, mut after) = (LIMIT_DEFAULT, None);
    for (name, value) in url.query_pairs() {
        match &*name {
            "limit" => limit = read_limit(&value, LIMIT_MAX)?,
            "cursor" => {
                let id = KeptId::try_from(value.to_string());
                after = Some(id.map_err(|_| wrong("cursor", "the `cursor` of an earlier answer", &value))?);
            }
            other => return Err(unknown(other, "`limit` and `cursor`")),
        }
    }
    Ok((u32::try_from(limit).unwrap_or(u32::MAX), after))
}

fn read_outcome(value: &str) -> Result<Outcome, Problem> {
    match value {
        "refused" => Ok(Outcome::Refused),
        "ignored" => Ok(Outcome::Ignored),
        _ => Err(wrong("outcome", "`refused` or `ignored`", value)),
    }
}

/// Reads the query of `POST /api/runs/{run_id}/retry`: `force`, `false` unless it is stated.
pub(super) fn read_force(url: &Url) -> Result<bool, Problem> {
    let mut force = false;
    for (name, value) in url.query_pairs() {
        force = match (&*name, &*value) {
            ("force", "true") => true,
            ("force", "false") => false,
            ("force", other) => return Err(wrong("force", "true or false", other)),
            (other, _) => return Err(unknown(other, "`force`")),
        };
    }
    Ok(force)
}

/// Reads the query of `GET /api/overview`: `hours` (1 to [`HOURS_MAX`]), optional.
pub(super) fn read_hours(url: &Url) -> Result<u32, Problem> {
    let mut hours = HOURS_DEFAULT;
    for (name, value) in url.query_pairs() {
        if name != "hours" {
            return Err(unknown(&name, "`hours`"));
        }
        let read = value.parse().ok().filter(|hours| (1..=HOURS_MAX).contains(hours));
        hours = read.ok_or_else(|| wrong("hours", &format!("1 to {HOURS_MAX}"), &value))?;
    }
    Ok(hours)
}

/// 400 where there is any parameter.
pub(super) fn require_no_query(url: &Url) -> Result<(), Problem> {
    match url.query_pairs().next() {
        Some((name, _)) => Err(unknown(&name, "no parameters")),
        None => Ok(()),
    }
}

fn read_status(value: &str, allowed: &[Status]) -> Result<Status, Problem> {
    let names: Vec<&str> = allowed.iter().map(|status| status.as_str()).collect();
    let known = allowed.iter().find(|status| status.as_str() == value).copied();
    known.ok_or_else(|| wrong("status", &format!("one of {}", names.join(", ")), value))
}

fn read_hook(value: &str) -> Result<HookName, Problem> {
    let expected = "1 to 63 of a-z, 0-9 and -, not beginning with -";
    HookName::try_from(value.to_owned()).map_err(|_| wrong("hook", expected, value))
}

fn read_task_id(value: &str) -> Result<TaskId, Problem> {
    TaskId::try_from(value.to_owned()).map_err(|error| wrong("task_id", &error.to_string(), value))
}

fn read_time(parameter: &str, value: &str) -> Result<Timestamp, Problem> {
    let expected = "a time such as 2026-11-25T00:00:00Z";
    Timestamp::parse(value).ok_or_else(|| wrong(parameter, expected, value))
}

fn read_limit(value: &str, limit_max: usize) -> Result<usize, Problem> {
    let limit = value.parse().ok().filter(|limit| (1..=limit_max).contains(limit));
    limit.ok_or_else(|| wrong("limit", &format!("1 to {limit_max}"), value))
}

fn read_cursor(value: &str) -> Result<Position, Problem> {
    Position::decode(value).ok_or_else(|| wrong("cursor", "the `cursor` of an earlier answer", value))
}

fn wrong(parameter: &str, expected: &str, got: &str) -> Problem {
    Problem::BadQuery(format!("`{parameter}` must be {expected}, got {}", quoted(got)))
}

fn unknown(parameter: &str, known: &str) -> Problem {
    Problem::BadQuery(format!("unknown parameter {}: this call takes {known}", quoted(parameter)))
}

/// A value of the caller's, cut.
pub(super) fn quoted(value: &str) -> String {
    let (cut, rest): (String, bool) =
        (value.chars().take(QUOTED_CHARS_MAX).collect(), value.chars().nth(QUOTED_CHARS_MAX).is_some());
    if rest { format!("`{cut}…`") } else { format!("`{cut}`") }
}

/// How long the caller waits for the runs to start, seconds: `wait=N` of its `Prefer`, at most [`WAIT_MAX_S`].
pub(super) fn wait_seconds(request: &Request) -> Option<u32> {
    let prefer = request.header("prefer")?;
    let preference = prefer.split([',', ';']).map(str::trim).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case("wait").then(|| value.trim().trim_matches('"'))
    })?;
    preference.parse().ok().map(|seconds: u32| seconds.min(WAIT_MAX_S))
}
