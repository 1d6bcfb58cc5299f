use super::*;
use crate::run::tests::at;
use crate::run::{FIRST_ATTEMPT_MS, NotificationState};
use crate::timestamp::{MINUTE_MS, SECOND_MS};

const DAY_MS: i64 = 24 * HOUR_MS;

fn target(text: &str) -> TargetName {
    TargetName::try_from(text.to_owned()).unwrap()
}

fn hook(text: &str) -> HookName {
    HookName::try_from(text.to_owned()).unwrap()
}

/// A watch of the hook `crm`, silent after a day, that was last heard then.
fn heard(heard_at: Option<Timestamp>) -> Seen {
    let targets = vec![target("crm"), target("ops")];
    let watched = Watched { hook: hook("crm"), silence_ms: DAY_MS, heard_at, targets };
    Seen { hooks: vec![watched], ..Seen::default() }
}

/// A watch that sees these problems.
fn ill(ids: &[&str]) -> Seen {
    let problem = |id: &&str| Problem { id: (*id).to_owned(), text: format!("{id} is wrong") };
    let problems = ids.iter().map(problem).collect();
    Seen { problems, told_of_health: vec![target("ops")], ..Seen::default() }
}

fn failed() -> Attempted {
    Attempted::Failed { reason: "HTTP 500".into(), retry_after_ms: None }
}

#[test]
fn a_hook_is_silent_once_after_its_last_delivery_however_late_that_was_recorded() {
    let mut ledger = Ledger::default();
    assert!(ledger.watch(&heard(None), at(0)).is_empty());
    // A delivery may have come up to an hour after the one that was recorded.
    let last = at(HOUR_MS);
    for ms in [DAY_MS, DAY_MS + 2 * HOUR_MS - 1] {
        assert_eq!(ledger.watch(&heard(Some(last)), at(ms)), [""; 0], "{ms}");
    }
    let begun = ledger.watch(&heard(Some(last)), at(DAY_MS + 2 * HOUR_MS));
    assert_eq!(begun, [format!("silent_crm_{}", last.as_millis())]);
    let alert = ledger.alerts[0].clone();
    assert_eq!((alert.since, alert.told.len()), (last, 2));
    assert!(ledger.watch(&heard(Some(last)), at(9 * DAY_MS)).is_empty(), "once");
    assert_eq!(ledger.alerts, [alert], "it is the same, and so is its message");
    let again = at(9 * DAY_MS);
    assert!(ledger.watch(&heard(Some(again)), again).is_empty());
    assert!(ledger.alerts.is_empty(), "it is heard");
    let begun = ledger.watch(&heard(Some(again)), at(11 * DAY_MS));
    assert_eq!(begun, [format!("silent_crm_{}", again.as_millis())]);
    let later = at(12 * DAY_MS);
    let begun = ledger.watch(&heard(Some(later)), at(14 * DAY_MS));
    assert_eq!(
        begun,
        [format!("silent_crm_{}", later.as_millis())],
        "no sweep saw that it was heard in between"
    );
    assert_eq!(ledger.alerts.len(), 1);
}

#[test]
fn a_hook_counts_as_heard_when_it_is_first_watched() {
    for before in [None, Some(at(-90 * DAY_MS))] {
        let mut ledger = Ledger::default();
        assert!(ledger.watch(&heard(before), at(0)).is_empty());
        assert!(ledger.watch(&heard(before), at(DAY_MS)).is_empty());
        assert_eq!(ledger.watch(&heard(before), at(DAY_MS + HOUR_MS)).len(), 1);
        assert_eq!(ledger.alerts[0].since, at(0));
        ledger.watch(&Seen::default(), at(3 * DAY_MS));
        assert_eq!(ledger, Ledger::default(), "it is not watched any more");
        assert!(ledger.watch(&heard(before), at(9 * DAY_MS)).is_empty());
    }
}

#[test]
fn an_episode_is_told_once_and_a_problem_that_was_not_in_it_begins_another() {
    let mut ledger = Ledger::default();
    assert!(ledger.watch(&ill(&[]), at(0)).is_empty());
    assert_eq!(ledger, Ledger::default(), "nothing is stored while nothing is wrong");
    let steps: [(&[&str], bool); 8] = [
        (&["a"], true),
        (&["a"], false),
        (&["a", "b"], true),
        (&["b"], false),
        (&["b", "a"], false),
        (&["c"], true),
        (&[], false),
        (&["b"], true),
    ];
    for (step, (ids, is_told)) in (1_i64..).zip(steps) {
        let now = at(step * MINUTE_MS);
        assert_eq!(ledger.lacks(&ill(ids).problems), is_told, "{step}");
        let begun = ledger.watch(&ill(ids), now);
        let expected = is_told.then(|| format!("unhealthy_{}", now.as_millis()));
        assert_eq!(begun, Vec::from_iter(expected), "{step}");
        assert_eq!(ledger.alerts.len(), usize::from(!ids.is_empty()), "{step}");
    }
}

#[test]
fn a_problem_that_was_gone_for_an_hour_is_told_again_while_another_one_lasts() {
    let mut ledger = Ledger::default();
    let minute = |minutes: i64| at(minutes * MINUTE_MS);
    assert_eq!(ledger.watch(&ill(&["lasts", "key"]), minute(0)).len(), 1);
    assert!(ledger.watch(&ill(&["lasts"]), minute(10)).is_empty(), "the key is mended");
    assert!(ledger.watch(&ill(&["lasts", "key"]), minute(60)).is_empty(), "it flaps");
    assert!(ledger.watch(&ill(&["lasts"]), minute(70)).is_empty());
    let before = ledger.clone();
    assert!(ledger.watch(&ill(&["lasts"]), minute(80)).is_empty());
    assert_eq!(ledger, before, "nothing is written while nothing changes");
    assert!(ledger.watch(&ill(&["lasts"]), minute(130)).is_empty());
    assert_eq!(ledger.watch(&ill(&["lasts", "key"]), minute(200)).len(), 1);
}

#[test]
fn problems_and_hooks_have_a_bound_and_too_many_begin_no_episode_each_time() {
    let names: Vec<String> = (0..60).map(|n| format!("{n}{}", "x".repeat(2 * TEXT_CHARS_MAX))).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut ledger = Ledger::default();
    assert_eq!(ledger.watch(&ill(&names), at(0)).len(), 1);
    assert!(ledger.watch(&ill(&names), at(1)).is_empty());
    assert_eq!(ledger.watch(&ill(&names[20..]), at(2)).len(), 1);
    assert_eq!(ledger.watch(&ill(&names[40..]), at(3)).len(), 1);
    assert!(ledger.watch(&ill(&names[40..]), at(4)).is_empty());
    let Subject::Unhealthy { problems, ids, .. } = &ledger.alerts[0].subject else { panic!() };
    assert_eq!((problems.len(), ids.len()), (PROBLEMS_MAX, REMEMBERED_MAX));
    let short = |text: &String| text.chars().count() <= TEXT_CHARS_MAX;
    assert!(problems.iter().all(short) && ids.iter().all(short));
    let watched = |n| Watched { hook: hook(&format!("h{n}")), ..heard(None).hooks[0].clone() };
    let mut ledger = Ledger::default();
    ledger.watch(&Seen { hooks: (0..150).map(watched).collect(), ..Seen::default() }, at(0));
    assert_eq!(ledger.watched.len(), WATCHED_MAX);
}

#[test]
fn each_target_is_tried_by_the_schedule_of_notifications() {
    let mut ledger = Ledger::default();
    ledger.watch(&heard(None), at(0));
    let began = at(2 * DAY_MS);
    let id = &ledger.watch(&heard(None), began)[0];
    let (crm, ops) = (target("crm"), target("ops"));
    assert!(!ledger.is_due(began) && ledger.is_due(began.plus_ms(FIRST_ATTEMPT_MS)));
    ledger.record(id, &ops, Attempted::Stopped("HTTP 410".into()), began);
    let (mut now, mut waits) = (began, Vec::new());
    loop {
        ledger.record(id, &crm, failed(), now);
        let told = ledger.told(id, &crm).unwrap();
        if !told.is_pending() {
            break;
        }
        waits.push(told.not_before.since_ms(now) / SECOND_MS);
        now = told.not_before;
        assert!(ledger.is_due(now));
    }
    assert_eq!(waits, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    let shown = |name: &TargetName| {
        let told = ledger.told(id, name).unwrap();
        (told.state, told.attempts, told.error.clone().unwrap())
    };
    assert_eq!(shown(&crm), (NotificationState::Failed, 10, "HTTP 500".into()));
    assert_eq!(shown(&ops), (NotificationState::Failed, 1, "HTTP 410".into()));
    assert!(!ledger.is_due(at(99 * DAY_MS)));
    assert!(ledger.watch(&heard(None), at(99 * DAY_MS)).is_empty(), "it is not told again");
    let before = ledger.clone();
    ledger.record(id, &crm, Attempted::Delivered, now);
    ledger.record("silent_crm_1", &crm, Attempted::Delivered, now);
    assert_eq!(ledger, before, "it is over");
}

#[test]
fn a_target_that_fails_is_known_until_it_succeeds() {
    let mut ledger = Ledger::default();
    let ops = target("ops");
    let mut record = |minute: i64, error: Option<&str>| {
        let outcome = Outcome { at: at(minute * MINUTE_MS), error: error.map(ToOwned::to_owned) };
        ledger.record_outcome(&ops, &outcome);
        let known = ledger.failing.get(&ops);
        known.map(|known| {
            let minutes = |at: Timestamp| at.since_ms(super::tests::at(0)) / MINUTE_MS;
            (minutes(known.since), minutes(known.last_at), known.error.clone())
        })
    };
    assert_eq!(record(0, None), None);
    assert_eq!(record(1, Some("HTTP 500")), Some((1, 1, "HTTP 500".into())));
    assert_eq!(record(60, Some("HTTP 500")), Some((1, 1, "HTTP 500".into())), "within an hour");
    assert_eq!(record(61, Some("HTTP 500")), Some((1, 61, "HTTP 500".into())));
    assert_eq!(record(62, Some("HTTP 503")), Some((1, 62, "HTTP 503".into())));
    assert_eq!(record(50, None), Some((1, 62, "HTTP 503".into())), "it was before that");
    assert_eq!(record(63, None), None);
}

#[test]
fn it_is_stored_as_json_and_what_an_earlier_version_lacks_is_empty() {
    let mut ledger = Ledger::default();
    ledger.watch(&heard(None), at(0));
    ledger.watch(&Seen { problems: ill(&["a"]).problems, ..heard(None) }, at(2 * DAY_MS));
    ledger.record_outcome(&target("ops"), &Outcome { at: at(0), error: Some("x".repeat(999)) });
    assert_eq!(ledger.alerts.len(), 2);
    let text = serde_json::to_string(&ledger).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger);
    assert_eq!(serde_json::from_str::<Ledger>(r#"{"author":""}"#).unwrap(), Ledger::default());
}
