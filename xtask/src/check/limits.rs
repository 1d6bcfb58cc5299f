//! The rate limits that hooks name: whether wrangler.toml has a binding for each, with a period that Cloudflare knows.
//! <https://developers.cloudflare.com/workers/runtime-apis/bindings/rate-limit/>
//!
//! Whether a hook may have a limit is the Worker's to judge.

use seedhook::expression::nearest;
use toml_edit::{Item, TableLike};

use super::finding::Finding;
use super::scope::{Scope, path, tables};
use super::values;

/// The periods in which Cloudflare counts, seconds.
const PERIODS_S: [i64; 2] = [10, 60];

/// A rate-limiting binding.
struct Binding<'a> {
    path: Vec<String>,
    table: &'a dyn TableLike,
}

/// Every mistake about rate limits.
pub(super) fn find(scope: &Scope<'_>) -> Vec<Finding> {
    let bindings = bindings(scope);
    let names: Vec<&str> = bindings.iter().filter_map(Binding::name).collect();
    let mut found: Vec<Finding> = bindings.iter().filter_map(Binding::mistake).collect();
    for hook in scope.configuration.hooks.values().flatten() {
        let Some(limit) = hook.rate_limit.as_ref().filter(|limit| !names.contains(&limit.binding.as_str()))
        else {
            continue;
        };
        let name = &limit.binding;
        let near = nearest(name, &names).map(|near| format!("; did you mean \"{near}\"?"));
        let problem = format!("there is no rate-limiting binding \"{name}\"{}", near.unwrap_or_default());
        let header = scope.header("ratelimits");
        let remedy = format!(
            "write [[{header}]] name = \"{name}\", namespace_id = \"1001\" (any number that no other limit of \
             your account has), simple = {{ limit = 100, period = 60 }}"
        );
        found.push(Finding::mistake(scope.at_hook(hook.name.as_str(), &["rate_limit"]), problem, remedy));
    }
    found
}

/// `[[ratelimits]]`, and what wrangler called it before version 4.36.
fn bindings<'a>(scope: &Scope<'a>) -> Vec<Binding<'a>> {
    let listed = |list: Option<&'a Item>, at: Vec<String>| {
        let tables = tables(list).into_iter().enumerate();
        tables.map(move |(index, table)| Binding {
            path: [at.as_slice(), &[index.to_string()]].concat(),
            table,
        })
    };
    let older = scope.table.get("unsafe").and_then(Item::as_table_like);
    let older = listed(older.and_then(|table| table.get("bindings")), scope.at(&["unsafe", "bindings"]));
    let older = older.filter(|binding| binding.text("type") == Some("ratelimit"));
    listed(scope.table.get("ratelimits"), scope.at(&["ratelimits"])).chain(older).collect()
}

impl<'a> Binding<'a> {
    fn text(&self, field: &str) -> Option<&'a str> {
        self.table.get(field).and_then(Item::as_str)
    }

    fn name(&self) -> Option<&'a str> {
        self.text("name")
    }

    fn mistake(&self) -> Option<Finding> {
        let simple = self.table.get("simple").and_then(Item::as_table_like);
        let period = simple.and_then(|simple| simple.get("period"));
        if period.and_then(Item::as_integer).is_some_and(|seconds| PERIODS_S.contains(&seconds)) {
            return None;
        }
        let problem = match period {
            Some(period) => {
                format!("{} is no period of a rate limit: it is 10 or 60 seconds", values::of_item(period))
            }
            None => "this rate limit has no period".to_owned(),
        };
        let at = [self.path.as_slice(), &path(&["simple", "period"])].concat();
        Some(Finding::mistake(at, problem, "write simple = { limit = 100, period = 60 }"))
    }
}
