//! The static files, `[assets]`: settings that would keep the Worker or the dashboard from being reached.
//! <https://developers.cloudflare.com/workers/static-assets/binding/>

use serde_json::Value as Json;

use super::environment::Environment;
use super::finding::Finding;

/// Every mistake about static files, of which the dashboard's are in `folder`. A Worker without them has none: it works without
/// the dashboard.
pub(super) fn find(environment: &Environment<'_>, folder: &str) -> Vec<Finding> {
    let Some(assets) = environment.table.get("assets").and_then(Json::as_object) else { return Vec::new() };
    let mut found = Vec::new();
    let missing = assets.get("not_found_handling").filter(|handling| **handling != "none");
    if let Some(handling) = missing {
        found.push(Finding::mistake(
            environment.at(&["assets", "not_found_handling"]),
            format!("{handling} answers calls of the Worker with a page when a browser makes them"),
            "remove it: the Worker answers what is not a file, such as links to files",
        ));
    }
    if assets.get("run_worker_first") == Some(&Json::Bool(true)) {
        found.push(Finding::mistake(
            environment.at(&["assets", "run_worker_first"]),
            "the Worker answers every address itself, so nobody can open the dashboard",
            "remove it: no file has the name of one of the Worker's addresses",
        ));
    }
    if assets.get("directory").is_none() {
        found.push(Finding::mistake(
            environment.at(&["assets"]),
            "the directory is missing",
            format!(
                "write directory = \"{folder}\", or remove [assets]: the Worker works without the dashboard"
            ),
        ));
    }
    found
}
