//! Cloudflare Access in front of `/api/`: the team and the audience tags, from the variables. A mistake closes Access alone.

use serde_json::{Map, Value};

use super::mistake::{Mistake, quoted};
use super::{ACCESS_AUD, ACCESS_TEAM, mistake};
use crate::verify::access::{Access, InvalidAccess};

/// Reads both variables. `None`: neither is set, or there is a mistake.
pub(super) fn read_access(vars: &Map<String, Value>, mistakes: &mut Vec<Mistake>) -> Option<Access> {
    let (team, audiences) = match (vars.get(ACCESS_TEAM), vars.get(ACCESS_AUD)) {
        (Some(team), Some(audiences)) => (team, audiences),
        (None, None) => return None,
        (alone, _) => {
            let (name, other) =
                if alone.is_some() { (ACCESS_TEAM, ACCESS_AUD) } else { (ACCESS_AUD, ACCESS_TEAM) };
            let problem = format!("needs {other}, too: nobody can sign in by Cloudflare Access");
            mistakes.push(mistake(&[name], problem, "set both variables, or neither"));
            return None;
        }
    };
    // A value that is not a text is neither a team nor a tag.
    let text = |value: &Value| value.as_str().unwrap_or_default().trim().to_owned();
    let access = Access::new(&text(team), &text(audiences));
    access
        .map_err(|problem| {
            let (name, value, remedy) = match problem {
                InvalidAccess::Team => {
                    (ACCESS_TEAM, team, "write acme, or acme.cloudflareaccess.com, as Zero Trust shows it")
                }
                InvalidAccess::Audience => {
                    (ACCESS_AUD, audiences, "copy the application's Audience (AUD) tag in Zero Trust")
                }
            };
            mistakes.push(mistake(&[name], format_args!("{problem}, got {}", quoted(value)), remedy));
        })
        .ok()
}
