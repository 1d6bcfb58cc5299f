//! What in an expression cannot be: names that do not exist, arguments that are never taken, constants that always
//! fail. Found before the first delivery.
//!
//! It knows no event. What it evaluates are constants: in [`constants`].

mod constants;

use std::collections::BTreeSet;

use minijinja::machinery::ast::{Call, CallArg, CallType, Expr, Filter};
use minijinja::machinery::{get_compiled_template, parse};
use minijinja::syntax::SyntaxConfig;

use super::paths::{Path, paths};
use super::program::NAME;
use super::signatures::{self, FILTERS, FUNCTIONS, Signature, TESTS};
use super::{ENV, Expressions, in_words, methods, syntax};
use crate::expression::nearest;

/// How deep expressions may nest in each other, operators that follow one another included.
const DEPTH_MAX: usize = 200;

/// What `delivery` has.
const DELIVERY: &[&str] = &["id", "received_at"];

/// What `loop` has.
#[rustfmt::skip]
const LOOP: &[&str] = &[
    "depth", "depth0", "first", "index", "index0", "last", "length", "nextitem", "previtem", "revindex", "revindex0",
];

/// What a `CloudEvent` has, beside the extensions of its sender.
#[rustfmt::skip]
const EVENT: &[&str] = &[
    "data", "data_base64", "datacontenttype", "dataschema", "id", "source", "specversion", "subject", "time", "type",
];

/// Names that are texts, and have nothing in them.
const TEXTS: &[&str] = &["hook", "body_sha256"];

impl Expressions {
    /// Unknown names, wrong arguments and constants that always fail are mistakes now, not at the first delivery.
    pub(super) fn find_mistakes(&self, template: &str) -> Result<(), String> {
        let tree = parse(template, NAME, SyntaxConfig::default());
        let tree = tree.map_err(|error| in_words(&error).into_owned())?;
        let expressions = syntax::expressions(&tree);
        if expressions.iter().any(|(_, depth)| *depth > DEPTH_MAX) {
            return Err(format!("expressions nest at most {DEPTH_MAX} deep, operators in a row included"));
        }
        self.find_unknown_variables(template)?;
        let assigned = syntax::assigned(&tree);
        for (expr, _) in &expressions {
            match expr {
                // Such a chain would use the engine's own operators.
                Expr::Compare(node) if node.ops.len() > 1 => {
                    return Err("comparisons cannot be chained; write `0 < a and a < 9`".to_owned());
                }
                Expr::Filter(node) => check_filter(node)?,
                Expr::Test(node) => check_named("test", node.name, &node.args)?,
                Expr::Call(node) => self.check_call(node, &assigned)?,
                Expr::GetAttr(_) | Expr::GetItem(_) => self.check_path(expr, &assigned)?,
                _ => {}
            }
        }
        for call in syntax::statement_calls(&tree) {
            self.check_call(call, &assigned)?;
        }
        self.find_constant_mistakes(&tree)
    }

    fn find_unknown_variables(&self, template: &str) -> Result<(), String> {
        let compiled = self.environment.template_from_str(template);
        let compiled = compiled.map_err(|error| in_words(&error).into_owned())?;
        for variable in compiled.undeclared_variables(false).iter().collect::<BTreeSet<_>>() {
            let known = self.scope.contains(&variable.as_str())
                || self.environment.globals().any(|(global, _)| global == variable);
            if !known {
                return Err(unknown("variable", variable, self.scope));
            }
        }
        for path in paths(&get_compiled_template(&compiled).instructions) {
            self.find_unknown_env(&path)?;
        }
        Ok(())
    }

    fn find_unknown_env(&self, path: &Path) -> Result<(), String> {
        let Some(name) = path.keys.first().filter(|_| path.root == ENV) else {
            return Ok(());
        };
        let name = format!("{ENV}.{name}");
        if self.env_names.contains(&name) {
            return Ok(());
        }
        if self.env_names.is_empty() {
            return Err(format!("unknown variable `{name}`; there is nothing in [vars.ENV]"));
        }
        Err(unknown("variable", &name, &self.env_names.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn check_call(&self, node: &Call<'_>, assigned: &[&str]) -> Result<(), String> {
        match node.identify_call() {
            CallType::Function(name) => match signatures::find(FUNCTIONS, name) {
                Some(signature) => check_arguments(signature, &node.args),
                None if self.scope.contains(&name) && !assigned.contains(&name) => {
                    Err(format!("`{name}` is a value, not a function"))
                }
                None => Ok(()),
            },
            CallType::Method(_, name) => match methods::signature(name) {
                Some(signature) => check_arguments(signature, &node.args),
                None => Err(unknown_method(name)),
            },
            CallType::Object(_) => Ok(()),
        }
    }

    /// `delivery.id`, `event.type`: of names whose fields are known.
    fn check_path(&self, expr: &Expr<'_>, assigned: &[&str]) -> Result<(), String> {
        let (inner, name) = match expr {
            Expr::GetAttr(node) => (&node.expr, Some(node.name)),
            Expr::GetItem(node) => match &node.subscript_expr {
                Expr::Const(key) => (&node.expr, key.value.as_str()),
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        let (Expr::Var(root), Some(name)) = (inner, name) else {
            return Ok(());
        };
        if assigned.contains(&root.id) {
            return Ok(());
        }
        let is_ours = self.scope.contains(&root.id);
        let known = match root.id {
            "delivery" if is_ours => DELIVERY,
            "loop" => LOOP,
            text if is_ours && TEXTS.contains(&text) => {
                return Err(format!("`{text}` is a text: there is no `{text}.{name}`"));
            }
            "event" if is_ours => return check_event(name),
            _ => return Ok(()),
        };
        if known.contains(&name) {
            return Ok(());
        }
        let root = root.id;
        Err(match nearest(name, known) {
            Some(near) => format!("unknown variable `{root}.{name}`; did you mean `{root}.{near}`?"),
            None => format!("unknown variable `{root}.{name}`; `{root}` has {}", known.join(", ")),
        })
    }
}

/// A filter, and the filter or test that it applies to each item.
fn check_filter(node: &Filter<'_>) -> Result<(), String> {
    check_named("filter", node.name, &node.args)?;
    match (node.name, node.args.as_slice()) {
        ("map", [CallArg::Pos(Expr::Const(name)), rest @ ..]) => {
            let name = name.value.as_str().ok_or("`map` takes the name of a filter as a text")?;
            check_named("filter", name, rest)
        }
        ("map", [CallArg::Pos(_), ..]) => Ok(()),
        ("map", named) => {
            let given = named.iter().filter_map(|argument| match argument {
                CallArg::Kwarg(name, _) => Some(*name),
                _ => None,
            });
            signatures::check(("map", "attribute default?"), 0, given)
        }
        ("select" | "reject", [CallArg::Pos(Expr::Const(name)), rest @ ..])
        | ("selectattr" | "rejectattr", [_, CallArg::Pos(Expr::Const(name)), rest @ ..]) => {
            let takes = || format!("`{}` takes the name of a test as a text", node.name);
            check_named("test", name.value.as_str().ok_or_else(takes)?, rest)
        }
        _ => Ok(()),
    }
}

/// A filter or test that is there, with arguments that it takes.
fn check_named(kind: &str, name: &str, arguments: &[CallArg<'_>]) -> Result<(), String> {
    let known = if kind == "filter" { FILTERS } else { TESTS };
    match signatures::find(known, name) {
        Some(signature) => check_arguments(signature, arguments),
        None if kind == "test" && signatures::find(FILTERS, name).is_some() => {
            Err(format!("unknown test `{name}`; that is a filter: `| {name}`"))
        }
        None if kind == "filter" && methods::signature(name).is_some() => {
            Err(format!("unknown filter `{name}`; that is a method: `.{name}(…)`"))
        }
        None => Err(unknown(kind, name, &signatures::names(known))),
    }
}

/// Names of a `CloudEvent`'s attributes are of lower-case letters and digits; any such name may be an extension's. What
/// is none, but near to one that is known, is a mistake.
fn check_event(name: &str) -> Result<(), String> {
    let may_be = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if may_be || EVENT.contains(&name) {
        return Ok(());
    }
    let lower = name.to_ascii_lowercase();
    let plain = lower.replace(['_', '-'], "");
    match nearest(&lower, EVENT).or_else(|| nearest(&plain, EVENT)) {
        Some(near) => Err(format!("unknown variable `event.{name}`; did you mean `event.{near}`?")),
        None => Ok(()),
    }
}

fn check_arguments(signature: Signature, arguments: &[CallArg<'_>]) -> Result<(), String> {
    let mut in_order = 0;
    let mut by_name = Vec::new();
    for argument in arguments {
        match argument {
            CallArg::Pos(_) => in_order += 1,
            CallArg::Kwarg(name, _) => by_name.push(*name),
            // How many there are is known when the template runs.
            CallArg::PosSplat(_) | CallArg::KwargSplat(_) => return Ok(()),
        }
    }
    signatures::check(signature, in_order, by_name)
}

fn unknown_method(name: &str) -> String {
    match name {
        "format" => "unknown method `format`; write `'%s' | format(value)`".to_owned(),
        "append" | "extend" | "insert" => {
            format!("unknown method `{name}`: lists do not change; write `list + [item]`")
        }
        name if signatures::find(FILTERS, name).is_some() => {
            format!("unknown method `{name}`; that is a filter: `| {name}`")
        }
        name => unknown("method", name, &methods::names()),
    }
}

fn unknown(kind: &str, name: &str, known: &[&str]) -> String {
    match nearest(name, known) {
        Some(near) => format!("unknown {kind} `{name}`; did you mean `{near}`?"),
        None if known.is_empty() => format!("unknown {kind} `{name}`"),
        None => format!("unknown {kind} `{name}`; there are {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests;
