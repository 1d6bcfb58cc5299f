//! The variables: what the Worker's own code says of them, and Cloudflare's limits.

use super::environment::Environment;
use super::finding::Finding;
use crate::config_file::LossyValue;

/// Cloudflare's limit for one variable, bytes: 5 KB on every plan.
const VARIABLE_BYTES_MAX: usize = 5 * 1024;

/// Cloudflare's limit for all variables and secrets together on the free plan. The paid plan has 128.
const VARIABLES_MAX: usize = 64;

/// What to do when there is no hook.
const WRITE_A_HOOK: &str = "write [vars.HOOKS.name] with the fields of a hook";

/// Every mistake and warning about variables. `lossy` are all the lossy values of the file.
pub(super) fn find(environment: &Environment<'_>, lossy: &[LossyValue]) -> Vec<Finding> {
    let at = environment.at(&["vars"]);
    let Some(vars) = environment.vars else {
        return vec![Finding::mistake(at, "there are no variables, so there is no hook", WRITE_A_HOOK)];
    };
    let mut found: Vec<Finding> = lossy
        .iter()
        .filter(|value| value.path.starts_with(&at))
        .map(|value| {
            let problem = format!("{} {}", value.written, value.reason);
            Finding::mistake(
                value.path.clone(),
                problem,
                format!("write it in quotes: \"{}\"", value.written),
            )
        })
        .collect();
    let configuration = &environment.configuration;
    found.extend(configuration.mistakes().map(|mistake| Finding::of_worker(&at, mistake)));
    if configuration.hooks.is_empty() && configuration.mistakes.is_empty() {
        found.push(Finding::warning(at.clone(), "there is no hook", WRITE_A_HOOK));
    }
    for (name, value) in vars {
        let bytes = value.as_str().map_or_else(|| value.to_string().len(), str::len);
        if bytes > VARIABLE_BYTES_MAX {
            let problem =
                format!("a variable must have at most {VARIABLE_BYTES_MAX} bytes as JSON, got {bytes}");
            let remedy = "move some hooks to a second variable: [vars.HOOKS_2.name]";
            found.push(Finding::mistake(environment.at(&["vars", name]), problem, remedy));
        }
    }
    if vars.len() > VARIABLES_MAX {
        let problem = format!(
            "the free plan allows {VARIABLES_MAX} variables and secrets together, got {} variables",
            vars.len()
        );
        found.push(Finding::warning(at, problem, "put hooks into one variable, or use the paid plan (128)"));
    }
    found
}
