//! Plans the runs that an event becomes: which rules hold, for which items, with which parameters.
//!
//! Pure: the preview and the intake of a delivery use the same plan.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::expression::{EvaluationError, Scope};
use crate::hook::delivery::DeliveryId;
use crate::hook::event::Event;
use crate::hook::{Hook, Rule};
use crate::run::{MappedFrom, Run, memory_of};

/// The most runs of one delivery: each is a KV record, and the free plan has 1,000 operations in an invocation.
pub const RUNS_MAX: usize = 500;

/// The most memory that the parameters of all runs of one delivery may take, bytes ([`memory_of`]). They are in memory
/// until the delivery is stored, beside those of other deliveries in the isolate.
const PARAMS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A run that an event becomes.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The rule that holds.
    pub rule: &'a Rule,
    /// The rule and the item by their indexes.
    pub mapped_from: MappedFrom,
    /// The item's id, where items are claimed one by one.
    pub item_id: Option<DeliveryId>,
    /// The workflow's parameters, or why they, or the key, cannot be mapped, for the run's error.
    pub params: Result<Map<String, Value>, String>,
    /// Runs with the same key run one at a time.
    pub key: Option<String>,
}

/// The runs that an event becomes: one for each rule that holds and each item of a batch. Of several items with the same
/// id, only the first for which a rule holds counts. Planning stops after [`RUNS_MAX`] + 1 runs.
#[must_use]
pub fn plan<'a>(hook: &'a Hook, event: &Event, id_problem: Option<&str>) -> Vec<Plan<'a>> {
    let mut plans = Vec::new();
    let mut bytes = 0;
    let mut item_ids = BTreeSet::new();
    for (position, scope) in scopes(hook, event).enumerate() {
        let item = hook.batch.as_ref().map(|_| position);
        let mut item_id = None;
        let mut holds_first = true;
        for (index, rule) in hook.rules.iter().enumerate() {
            let held = holds(hook, rule, &scope);
            if held == Ok(false) {
                continue;
            }
            if std::mem::take(&mut holds_first) {
                item_id = event.item_id(hook, &scope, position);
                if item_id.as_ref().is_some_and(|item_id| !item_ids.insert(item_id.clone())) {
                    break;
                }
            }
            let params = match (id_problem, held) {
                (Some(problem), _) => Err(problem.to_owned()),
                (None, Err(problem)) => Err(format!("when: {problem}")),
                (None, Ok(_)) => map(hook, rule, &scope).and_then(|params| bounded(params, &mut bytes)),
            };
            let (params, key) = with_key(rule, &scope, params);
            let mapped_from = MappedFrom { rule_index: index, item_index: item };
            plans.push(Plan { rule, mapped_from, item_id: item_id.clone(), params, key });
            if plans.len() > RUNS_MAX {
                return plans;
            }
        }
    }
    plans
}

/// Adds the key of a run whose parameters are mapped. Where the key cannot be evaluated, the mapping has failed.
pub(super) fn with_key(
    rule: &Rule,
    scope: &Scope,
    params: Result<Map<String, Value>, String>,
) -> (Result<Map<String, Value>, String>, Option<String>) {
    match (params, &rule.concurrency) {
        (Ok(params), Some(concurrency)) => match concurrency.evaluate(scope, &rule.target) {
            Ok(key) => (Ok(params), Some(key)),
            Err(problem) => (Err(problem), None),
        },
        (params, _) => (params, None),
    }
}

/// The rule that a retry of `run` uses, with its index, from the hook as it is configured now. In this order:
/// 1. the rule at the index of the run's own rule, if its target is the same;
/// 2. the first rule with the same target;
/// 3. the rule at that index, unless another run of the same delivery has its target.
///
/// `None`: the hook has no rule for this run any more.
#[must_use]
pub fn rule_again<'a>(hook: &'a Hook, run: &Run, siblings: &[Run]) -> Option<(usize, &'a Rule)> {
    let alone = (hook.rules.len() == 1).then_some(0);
    let index = run.mapped_from.map(|from| from.rule_index).or(alone);
    let at_index = || Some((index?, hook.rules.get(index?)?));
    let same = |rule: &Rule| rule.target == run.target;
    let others =
        |rule: &Rule| siblings.iter().any(|other| other.run_id != run.run_id && other.target == rule.target);
    at_index()
        .filter(|(_, rule)| same(rule))
        .or_else(|| hook.rules.iter().enumerate().find(|(_, rule)| same(rule)))
        .or_else(|| at_index().filter(|(_, rule)| !others(rule)))
}

/// Maps the parameters of a run again with a rule of its hook, and its key. The rule's `when` is not evaluated: it held when the
/// event was accepted.
///
/// # Errors
/// Why they cannot be mapped, for the run's error.
pub fn map_again(
    hook: &Hook,
    rule: &Rule,
    event: &Event,
    item: Option<usize>,
) -> Result<(Map<String, Value>, Option<String>), String> {
    let scope = scope_again(hook, event, item)?;
    let (params, key) = with_key(rule, &scope, map(hook, rule, &scope));
    Ok((params?, key))
}

/// What the expressions of a run's rule see of its event, or of its item of the event.
///
/// # Errors
/// Why that is not known.
pub(super) fn scope_again(hook: &Hook, event: &Event, item: Option<usize>) -> Result<Scope, String> {
    let mut scopes = scopes(hook, event);
    match item {
        Some(item) if hook.batch.is_some() => {
            scopes.nth(item).ok_or_else(|| format!("each: the event has no item {item}"))
        }
        _ => match (scopes.next(), scopes.count()) {
            (Some(only), 0) => Ok(only),
            (None, _) => Err("each: the event has no items".to_owned()),
            (Some(_), more) => Err(format!("each: which of the event's {} items is not known", more + 1)),
        },
    }
}

/// The scopes of expressions: that of the event, or those of the items of its batch, each made when it is asked for so
/// that one is in memory at a time.
pub(super) fn scopes<'e>(hook: &Hook, event: &'e Event) -> impl Iterator<Item = Scope> + use<'e> {
    let items = hook.batch.as_ref().map(|each| {
        let mut items = event.items(each);
        items.truncate(RUNS_MAX + 1);
        items
    });
    let count = items.as_ref().map_or(0, Vec::len);
    let whole = items.is_none().then(|| event.scope().clone());
    let items = items.unwrap_or_default().into_iter();
    whole.into_iter().chain(items.map(move |item| event.item_scope(item).for_item_of(count)))
}

/// Whether a rule's `when` holds for this event.
pub(super) fn holds(hook: &Hook, rule: &Rule, scope: &Scope) -> Result<bool, EvaluationError> {
    rule.when.as_ref().map_or(Ok(true), |when| hook.expressions.holds(when, scope))
}

/// Maps a rule's parameters for this event.
pub(super) fn map(hook: &Hook, rule: &Rule, scope: &Scope) -> Result<Map<String, Value>, String> {
    let params = rule.params.evaluate(&hook.expressions, scope).map_err(|error| error.to_string())?;
    bounded(params, &mut 0)
}

/// Adds the size of parameters to `bytes`, the size of those of the delivery's other runs, unless both exceed
/// [`PARAMS_BYTES_MAX`].
fn bounded(params: Map<String, Value>, bytes: &mut usize) -> Result<Map<String, Value>, String> {
    let more = memory_of(&params);
    if *bytes + more > PARAMS_BYTES_MAX {
        return Err(format!("params: the delivery's parameters take more than {PARAMS_BYTES_MAX} bytes"));
    }
    *bytes += more;
    Ok(params)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::config::Configuration;
    use crate::request::RawRequest;
    use crate::run::tests::{at, queued_run};
    use crate::verify::Verified;

    fn hook(changes: &Value) -> Hook {
        let mut hook = json!({"workspace": "acme", "database": "sales-demo", "verify": {"scheme": "none"}});
        hook.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let vars = json!({"HOOKS": {"hook": hook}});
        Configuration::read(vars.as_object().unwrap()).hooks.into_values().next().unwrap().unwrap()
    }

    /// A run of `workflow` by the rule at `place`, if that is known.
    fn run(place: Option<usize>, workflow: &str, id: u8) -> Run {
        let mut run = queued_run();
        run.run_id = crate::run::RunId::new(at(0), [id; 16]);
        workflow.clone_into(&mut Arc::make_mut(&mut run.target).workflow);
        run.mapped_from = place.map(|rule| MappedFrom { rule_index: rule, item_index: None });
        run
    }

    #[track_caller]
    fn check(workflows: &[&str], run: &Run, siblings: &[Run], expected: Option<usize>) {
        let rules: Vec<Value> = workflows.iter().map(|workflow| json!({"workflow": workflow})).collect();
        let hook = hook(&json!({"rules": rules}));
        assert_eq!(rule_again(&hook, run, siblings).map(|(index, _)| index), expected);
    }

    #[test]
    fn a_retry_is_for_the_rule_with_the_runs_workflow_wherever_that_stands_now() {
        check(&["a", "b"], &run(Some(1), "b", 1), &[], Some(1));
        check(&["new", "a", "b"], &run(Some(1), "b", 1), &[], Some(2));
        check(&["b", "b"], &run(Some(1), "b", 1), &[], Some(1));
        check(&["a", "b"], &run(None, "b", 1), &[], Some(1));
    }

    #[test]
    fn a_rule_whose_workflow_was_mended_is_known_by_its_place() {
        check(&["a", "mended"], &run(Some(1), "b", 1), &[], Some(1));
        check(&["mended"], &run(None, "b", 1), &[], Some(0));
        check(&["a", "mended"], &run(None, "b", 1), &[], None);
    }

    #[test]
    fn a_rule_that_is_gone_hands_its_retry_to_none_that_had_its_own_run() {
        let (gone, other) = (run(Some(0), "gone", 1), run(Some(1), "b", 2));
        check(&["b"], &gone, &[gone.clone(), other], None);
        check(&["a", "b"], &run(Some(2), "gone", 1), &[], None);
    }

    fn event(hook: &Hook, body: &Value) -> Event {
        let raw = RawRequest::new("POST", "", [], body.to_string().into_bytes(), at(0));
        Event::parse(Verified::assume(raw), hook, "id").unwrap()
    }

    #[test]
    fn what_was_planned_is_mapped_again_from_its_origin() {
        let hook = hook(&json!({"each": "body", "workflow": "w", "params": {"n": "{{ item.n }}"},
            "rules": [{"when": "item.n > 1"}, {"workflow": "v"}]}));
        let event = event(&hook, &json!([{"n": 1}, {"n": 2}]));
        let plans = plan(&hook, &event, None);
        let origins: Vec<_> =
            plans.iter().map(|plan| (plan.mapped_from.rule_index, plan.mapped_from.item_index)).collect();
        assert_eq!(origins, [(1, Some(0)), (0, Some(1)), (1, Some(1))]);
        for plan in plans {
            let again = map_again(&hook, plan.rule, &event, plan.mapped_from.item_index);
            assert_eq!(again.map(|(params, _)| params), plan.params);
        }
    }

    #[test]
    fn a_batch_is_mapped_again_only_where_the_item_is_known() {
        let params = json!({"workflow": "w", "params": {"n": "{{ item.n }}"}, "each": "body"});
        let batch = hook(&params);
        let again = |body: &Value, item| {
            let mapped = map_again(&batch, &batch.rules[0], &event(&batch, body), item);
            mapped
                .map(|(params, _)| params["n"].clone())
                .map_err(|problem| problem.split(':').next().unwrap().to_owned())
        };
        assert_eq!(again(&json!([{"n": 1}, {"n": 2}]), Some(1)), Ok(json!(2)));
        assert_eq!(again(&json!([{"n": 1}]), None), Ok(json!(1)));
        assert_eq!(again(&json!([{"n": 1}, {"n": 2}]), None), Err("each".to_owned()));
        assert_eq!(again(&json!([{"n": 1}]), Some(7)), Err("each".to_owned()));
    }

    #[test]
    fn when_is_not_asked_again() {
        let hook = hook(&json!({"workflow": "w", "when": "body.n > 1", "params": {"n": "{{ body.n }}"}}));
        let event = event(&hook, &json!({"n": 1}));
        assert!(plan(&hook, &event, None).is_empty());
        assert!(map_again(&hook, &hook.rules[0], &event, None).is_ok());
    }
}
