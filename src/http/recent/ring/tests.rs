use super::*;
use crate::run::tests::at;

fn refused(hook: &str, at_ms: i64) -> RecentDelivery {
    RecentDelivery {
        at: at(at_ms),
        hook: hook.into(),
        outcome: Outcome::Refused,
        status: 401,
        problem: Some("not-verified".into()),
        reason: "the signature does not match".into(),
        content_type: None,
        bytes: None,
        header_names: vec!["content-type".into()],
        delivery_id: None,
        kept: None,
    }
}

#[test]
fn each_hook_and_outcome_has_its_share() {
    let ignored = RecentDelivery { outcome: Outcome::Ignored, ..refused("a", 0) };
    let mut all: Vec<_> = (1..=50).map(|ms| refused("a", ms)).collect();
    all.extend([ignored.clone(), refused("b", 0)]);
    let kept = newest(all, at(60));
    assert_eq!(kept.len(), OF_HOOK_MAX + 2, "a flood of one hook hides no other");
    assert_eq!(kept.first(), Some(&refused("a", 50)));
    assert!(kept.contains(&ignored) && kept.contains(&refused("b", 0)));
}

#[test]
fn names_that_no_hook_has_count_as_one_hook() {
    let stray = |number: i64| RecentDelivery {
        problem: Some("no-such-hook".into()),
        ..refused(&format!("stray-{number}"), number)
    };
    assert_eq!(newest((0..100).map(stray).collect(), at(100)).len(), OF_HOOK_MAX);
}

#[test]
fn a_list_is_bounded_in_number_bytes_and_age() {
    let hooks = |count: usize, reason: &str| {
        let all = (0..count).map(|number| RecentDelivery {
            reason: reason.into(),
            header_names: vec!["x".repeat(1_000); 100],
            ..refused(&format!("hook-{number}"), 0)
        });
        all.map(RecentDelivery::bounded).collect()
    };
    let long = newest(hooks(300, &"é".repeat(1_000)), at(0));
    let text = serde_json::to_string(&long).unwrap();
    assert!((BYTES_MAX / 2..=BYTES_MAX).contains(&text.len()), "{}", text.len());
    let short = (0..1_000).map(|number| refused(&format!("hook-{number}"), 0)).collect();
    assert_eq!(newest(short, at(0)).len(), ALL_MAX);
    assert_eq!(newest(vec![refused("a", 0)], at(LISTED_MS - 1)).len(), 1);
    assert_eq!(newest(vec![refused("a", 0)], at(LISTED_MS)), []);
}

#[test]
fn the_same_delivery_stands_in_a_list_once() {
    assert_eq!(newest(vec![refused("a", 0), refused("a", 0)], at(0)).len(), 1);
}

#[test]
fn texts_are_cut() {
    let bounded = RecentDelivery {
        delivery_id: Some("é".repeat(201)),
        content_type: Some("x".repeat(100)),
        ..refused(&"h".repeat(5_000), 0)
    }
    .bounded();
    assert_eq!((bounded.hook.chars().count(), bounded.hook.capacity()), (101, 103));
    assert_eq!(bounded.delivery_id, Some("é".repeat(200) + "…"));
    assert_eq!(bounded.content_type, Some("x".repeat(100)));
}
