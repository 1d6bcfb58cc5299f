//! What is deployed, and which secrets it needs.

mod machine;
mod whole;

use serde_json::json;

use super::secrets::{Needed, Origin};
use super::*;
use crate::testing::{TestHost, project_text};

fn deployment(text: &str, environment: Option<&str>) -> Result<Deployment> {
    let file = ConfigFile::parse("wrangler.toml", text.to_owned()).unwrap();
    Deployment::new(&file, environment.map(ToOwned::to_owned))
}

#[test]
fn names_are_those_that_wrangler_uses() {
    let text = "name = \"seeds\"\n[[r2_buckets]]\nbinding = \"FILES\"\n[[r2_buckets]]\nbinding = \"INBOX\"\n[env.eu]\n\
                [env.us]\nname = \"other\"\nr2_buckets = [{ binding = \"INBOX\", bucket_name = \"mine\" }]\n";
    let names = |environment: Option<&str>| {
        let found = deployment(text, environment).unwrap();
        (found.name, found.inbox)
    };
    let expect = |name: &str, inbox: &str| (name.to_owned(), inbox.to_owned());
    assert_eq!(names(None), expect("seeds", "seeds-inbox"));
    assert_eq!(names(Some("eu")), expect("seeds-eu", "seeds-eu-inbox"));
    assert_eq!(names(Some("us")), expect("other", "mine"));
    assert!(deployment(text, Some("uk")).is_err_and(|error| error.to_string().contains("no [env.uk]")));
    assert!(deployment("main = \"x\"", None).is_err());
}

fn origins(verify: &Value) -> Vec<(String, Origin)> {
    let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
    let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
    assert_eq!(configuration.mistakes().count(), 0, "{verify}");
    let needed = secrets::needed(&configuration);
    needed.iter().map(|needed: &Needed| (needed.name.clone(), needed.origin(&TestHost::new()))).collect()
}

#[test]
fn secrets_that_senders_choose_are_asked_for_and_others_are_random() {
    let own = [
        ("FABRICATE_API_KEY", Origin::Terminal),
        ("OPERATOR_TOKEN", Origin::Random),
        ("LINK_SECRET", Origin::Random),
    ];
    let expect = |more: &[(&str, Origin)]| {
        let all = own.iter().chain(more);
        all.map(|(name, origin)| ((*name).to_owned(), *origin)).collect::<Vec<_>>()
    };
    let one = |scheme: &str| json!({"scheme": scheme, "secret": "S"});
    assert_eq!(origins(&one("github")), expect(&[("S", Origin::Random)]));
    assert_eq!(origins(&one("stripe")), expect(&[("S", Origin::Terminal)]));
    assert_eq!(origins(&one("bearer")), expect(&[("S", Origin::Random)]));
    // Who chooses these is not known.
    let hmac = json!({"scheme": "hmac", "secret": "S", "header": "x-signature"});
    assert_eq!(origins(&hmac), expect(&[("S", Origin::Terminal)]));
    let jwt = json!({"scheme": "jwt", "secret": "S", "header": "authorization"});
    assert_eq!(origins(&jwt), expect(&[("S", Origin::Terminal)]));
    assert_eq!(origins(&one("gitlab")), expect(&[("S", Origin::Terminal)]));
    assert_eq!(origins(&json!({"scheme": "none"})), expect(&[]));
    let meta = json!({"scheme": "meta", "secret": "S", "verify_token": "T"});
    assert_eq!(origins(&meta), expect(&[("S", Origin::Terminal), ("T", Origin::Random)]));
}

#[test]
fn the_projects_own_file_can_be_deployed() {
    let found = deployment(&project_text("wrangler.toml"), None).unwrap();
    assert_eq!((found.name.as_str(), found.inbox.as_str()), ("seedhook", "seedhook-inbox"));
}
