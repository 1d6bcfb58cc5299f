//! The rate-limiting bindings: one for each limit that a hook names, with a period that Cloudflare supports.
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/>

use seedhook::expression::nearest;
use serde_json::Value as Json;

use super::environment::{Environment, Table, path, tables};
use super::finding::Finding;

/// The periods that Cloudflare supports, seconds.
const PERIODS_S: [i64; 2] = [10, 60];

/// A rate-limiting binding.
struct Binding<'a> {
    path: Vec<String>,
    table: &'a Table,
}

/// Every mistake about rate limits.
pub(super) fn find(environment: &Environment<'_>) -> Vec<Finding> {
    let bindings = bindings(environment);
    let names: Vec<&str> = bindings.iter().filter_map(Binding::name).collect();
    let mut found: Vec<Finding> = bindings.iter().filter_map(Binding::mistake).collect();
    for hook in environment.configuration.hooks.values().flatten() {
        let Some(limit) = hook.rate_limit.as_ref().filter(|limit| !names.contains(&limit.binding.as_str()))
        else {
            continue;
        };
        let name = &limit.binding;
        let near = nearest(name, &names).map(|near| format!("; did you mean \"{near}\"?"));
        let problem = format!("there is no rate-limiting binding \"{name}\"{}", near.unwrap_or_default());
        let header = environment.header("ratelimits");
        let remedy = format!(
            "write [[{header}]] name = \"{name}\", namespace_id = \"1001\" (a number that no other limit of your \
             account has), simple = {{ limit = 100, period = 60 }}"
        );
        found.push(Finding::mistake(
            environment.at_hook(hook.name.as_str(), &["rate_limit"]),
            problem,
            remedy,
        ));
    }
    found
}

/// The bindings of `[[ratelimits]]`, and of `[[unsafe.bindings]]`, its name before wrangler 4.36.
fn bindings<'a>(environment: &Environment<'a>) -> Vec<Binding<'a>> {
    let listed = |list: Option<&'a Json>, at: Vec<String>| {
        let tables = tables(list).into_iter().enumerate();
        tables.map(move |(index, table)| Binding {
            path: [at.as_slice(), &[index.to_string()]].concat(),
            table,
        })
    };
    let older = environment.table.get("unsafe");
    let older =
        listed(older.and_then(|table| table.get("bindings")), environment.at(&["unsafe", "bindings"]));
    let older = older.filter(|binding| binding.text("type") == Some("ratelimit"));
    listed(environment.table.get("ratelimits"), environment.at(&["ratelimits"])).chain(older).collect()
}

impl<'a> Binding<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.table.get(field).and_then(Json::as_str)
    }

    fn name(&self) -> Option<&'a str> {
        self.text("name")
    }

    fn mistake(&self) -> Option<Finding> {
        let period = self.table.get("simple").and_then(|simple| simple.get("period"));
        if period.and_then(Json::as_i64).is_some_and(|seconds| PERIODS_S.contains(&seconds)) {
            return None;
        }
        let problem = match period {
            Some(period) => {
                format!("the period must be 10 or 60 seconds, got {period}")
            }
            None => "the period of this rate limit is missing".to_owned(),
        };
        let at = [self.path.as_slice(), &path(&["simple", "period"])].concat();
        Some(Finding::mistake(at, problem, "write simple = { limit = 100, period = 60 }"))
    }
}
