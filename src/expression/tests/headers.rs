//! Header names are case-insensitive.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::expression::{EVENT_SCOPE, Expressions, Scope, ScopeValue};

#[test]
fn a_header_is_found_in_upper_or_lower_case() {
    let headers = BTreeMap::from([
        ("x-github-event".to_owned(), "push".to_owned()),
        ("X-Other".to_owned(), "y".to_owned()),
    ]);
    let scope = Scope::named([("headers", ScopeValue::Headers(&headers))]);
    for (source, expected) in [
        ("headers['X-GitHub-Event']", json!("push")),
        ("headers['x-github-event']", json!("push")),
        ("headers.get('X-GitHub-Event')", json!("push")),
        ("headers.get('X-GitLab-Event', 'none')", json!("none")),
        ("headers['x-other']", json!("y")),
        ("'X-GITHUB-EVENT' in headers", json!(true)),
        ("'X-GitLab-Event' in headers", json!(false)),
        ("headers['X-GitLab-Event'] is defined", json!(false)),
        ("headers['X-GitLab-Event'] | default('z')", json!("z")),
        ("headers.keys()", json!(["x-github-event", "x-other"])),
        ("headers | items", json!([["x-github-event", "push"], ["x-other", "y"]])),
        ("headers | length", json!(2)),
        ("headers", json!({"x-github-event": "push", "x-other": "y"})),
        ("{'push': 1}[headers['X-GitHub-Event']]", json!(1)),
    ] {
        let mut expressions = Expressions::new(EVENT_SCOPE);
        let template = expressions.template(&format!("{{{{ {source} }}}}")).unwrap();
        assert_eq!(expressions.evaluate(&template, &scope), Ok(expected), "{source}");
    }
}

#[test]
fn a_condition_shows_the_headers_that_it_saw() {
    let headers = BTreeMap::from([("x-github-event".to_owned(), "push".to_owned())]);
    let scope = Scope::named([("headers", ScopeValue::Headers(&headers))]);
    let mut expressions = Expressions::new(EVENT_SCOPE);
    let source = "headers['X-GitHub-Event'] == 'push' or headers.get('X-A') == '1' \
                  or headers.get('X-GitHub-Event', 'b') == '2' or 'X-B' in headers";
    let condition = expressions.condition(source).unwrap();
    let seen: Vec<(String, Option<Value>)> = expressions.values_seen(&condition, &scope);
    assert_eq!(
        seen,
        [
            ("headers['X-GitHub-Event']".to_owned(), Some(json!("push"))),
            ("headers['X-A']".to_owned(), None),
            ("headers".to_owned(), Some(json!({"x-github-event": "push"}))),
        ]
    );
}
