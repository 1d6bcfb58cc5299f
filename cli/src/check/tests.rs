//! Reports of small wrangler.toml texts.

use super::*;
use crate::testing::{TestHost, project_path, project_text};

const GOOD: &str = r#"name = "seeds"
main = "build/index.js"
kv_namespaces = [{ binding = "RUNS" }]
triggers = { crons = ["*/2 * * * *"] }
[[r2_buckets]]
binding = "INBOX"
[[r2_buckets]]
binding = "FILES"
[vars.HOOKS.crm]
workspace = "acme"
database = "sales-demo"
workflow = "seed-account"
verify = { scheme = "standard-webhooks", secret = ["CRM_SECRET", "OLD"] }
[vars.HOOKS.crm.params]
rows = "{{ body.seats * 10 }}"
"#;

/// The secrets that `GOOD` needs.
fn local() -> Secrets {
    dev_vars::parse("CRM_SECRET=a\nOLD=b\nLINK_SECRET=0123456789abcdef0123456789abcdef\n")
}

/// The report of a text.
fn report(text: &str, local: &Secrets) -> Report {
    match ConfigFile::parse("w.toml", text.to_owned()) {
        Ok(file) => Report::of(&file, local, Timestamp::from_millis(crate::testing::NOW_MS)),
        Err(error) => Report::of_syntax_error(error),
    }
}

/// `text` has exactly these findings, in this order. Each is followed by a line with its remedy.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let report = report(text, &local());
    let text_of_report = report.text();
    let found: Vec<&str> = text_of_report
        .lines()
        .filter(|line| line.starts_with("w.toml:") && !line.contains(" mistake"))
        .collect();
    // Only the beginning of each line is compared.
    let fits = found.len() == expected.len()
        && found.iter().zip(expected).all(|(line, start)| line.starts_with(start));
    assert!(fits, "expected {expected:#?}, found\n{}", report.text());
    let mistakes = expected.iter().filter(|line| !line.contains(": warning: ")).count();
    assert_eq!(report.is_good(), mistakes == 0, "{}", report.text());
    let remedies = report.text().lines().filter(|line| line.starts_with("  = ")).count();
    assert!(remedies == expected.len() || report.text().contains("not TOML"), "{}", report.text());
}

/// Checks `GOOD` with one part replaced.
#[track_caller]
fn changed(from: &str, to: &str, expected: &[&str]) {
    assert!(GOOD.contains(from), "{from}");
    check(&GOOD.replace(from, to), expected);
}

#[test]
fn a_good_file_names_its_hooks() {
    let report = report(GOOD, &local());
    let lines = "/hooks/crm (standard-webhooks with CRM_SECRET or OLD) runs acme/sales-demo/seed-account\nw.toml: no mistakes\n";
    assert_eq!(report.text(), lines);
    assert!(report.is_good());
}

#[test]
fn the_projects_own_file_is_good() {
    let report = check_project(&TestHost::new(), Some(&project_path("wrangler.toml"))).unwrap();
    assert!(report.is_good(), "{}", report.text());
}

#[test]
fn what_wrangler_needs_to_deploy_is_named() {
    changed("name = \"seeds\"\n", "", &["w.toml:1:1: warning: name: is missing"]);
    changed("main = \"build/index.js\"\n", "main = 1\n", &["w.toml:2:1: warning: main: is missing"]);
}

#[test]
fn the_dashboard_of_the_package_is_where_npm_puts_it() {
    let of_main = |main: &str| {
        let text =
            GOOD.replace("build/index.js", main).replacen("[vars", "[assets]\nbinding = \"A\"\n[vars", 1);
        report(&text, &local()).text()
    };
    assert!(of_main("build/index.js").contains("write directory = \"build/dashboard\""));
    let packaged = of_main("./node_modules/seedhook/worker/index.js");
    assert!(packaged.contains("write directory = \"node_modules/seedhook/dashboard\""), "{packaged}");
}

#[test]
fn a_mistake_that_the_worker_finds_has_its_line() {
    changed(
        "{{ body.seats * 10 }}",
        "{{ body.seats | uper }}",
        &["w.toml:15:1: HOOKS.crm.params.rows: unknown filter `uper`"],
    );
    changed(
        "workflow =",
        "  workflw =",
        &["w.toml:9:13: HOOKS.crm: `workflow` is missing", "w.toml:12:3: HOOKS.crm.workflw: unknown field"],
    );
    changed(
        "\"standard-webhooks\"",
        "\"githib\"",
        &["w.toml:13:12: HOOKS.crm.verify.scheme: unknown scheme \"githib\""],
    );
}

#[test]
fn a_mistake_in_a_rule_has_the_line_of_its_table() {
    let rules = "\n[[vars.HOOKS.crm.rules]]\nwhen = \"true\"\n[[vars.HOOKS.crm.rules]]\nwen = \"true\"\n";
    check(&format!("{GOOD}{rules}"), &["w.toml:20:1: HOOKS.crm.rules.1.wen: unknown field"]);
}

#[test]
fn a_syntax_error_has_its_position() {
    let report = report("name = \"x\"\nvars = {\n  a = = 1\n}\n", &local());
    assert!(report.text().starts_with("w.toml:3:7: not TOML: "), "{}", report.text());
    assert!(!report.is_good());
}

#[test]
fn values_that_json_does_not_have_are_mistakes() {
    let params = "[vars.HOOKS.crm.params]\n";
    let to =
        format!("{params}since = 2024-01-01\nlist = [1, {{ at = 10:00:00 }}, nan]\nbig = 9007199254740992\n");
    changed(
        params,
        &to,
        &[
            "w.toml:15:1: HOOKS.crm.params.since: 2024-01-01 is a date or time",
            "w.toml:16:14: HOOKS.crm.params.list.1.at: 10:00:00 is a date or time",
            "w.toml:16:31: HOOKS.crm.params.list.2: nan is not a finite number",
            "w.toml:17:1: HOOKS.crm.params.big: 9007199254740992 is beyond ±(2^53 - 1)",
        ],
    );
}

#[test]
fn missing_bindings_and_a_missing_cron_are_mistakes() {
    changed("\"RUNS\"", "\"RUN\"", &["w.toml:3:1: kv_namespaces: the binding RUNS is missing"]);
    changed("\"FILES\"", "\"FILE\"", &["w.toml:5:3: r2_buckets: the binding FILES is missing"]);
    changed("[\"*/2 * * * *\"]", "[]", &["w.toml:4:1: triggers: there is no cron trigger"]);
}

#[test]
fn a_secret_in_a_plain_variable_is_a_mistake() {
    changed(
        "[vars.HOOKS.crm]",
        "[vars]\nOLD = \"x\"\nOPERATOR_TOKEN = \"y\"\nLINK_SECRET = \"z\"\n[vars.HOOKS.crm]",
        &[
            "w.toml:10:1: OLD: this is the secret of crm, but written as a plain variable",
            "w.toml:11:1: OPERATOR_TOKEN: this is a secret, but written as a plain variable",
            "w.toml:12:1: LINK_SECRET: this is a secret, but written as a plain variable",
        ],
    );
}

#[test]
fn a_variable_has_at_most_5_kb() {
    let rows = "{{ body.seats * 10 }}";
    let to = "x".repeat(5200);
    changed(rows, &to, &["w.toml:9:7: HOOKS: a variable must have at most 5120 bytes as JSON, got 5369"]);
}

#[test]
fn more_than_64_variables_are_a_warning() {
    let many = (0..64).map(|number| format!("V{number} = 1")).collect::<Vec<_>>().join("\n");
    changed(
        "[vars.HOOKS.crm]",
        &format!("[vars]\n{many}\n[vars.HOOKS.crm]"),
        &[
            "w.toml:9:2: warning: vars: the free plan allows 64 variables and secrets together, got 65 variables",
        ],
    );
}

#[test]
fn an_environment_inherits_nothing() {
    check(
        &format!("{GOOD}[env.staging]\nname = \"s\"\n"),
        &["w.toml:16:6: [env.staging] has no variables and no bindings of its own"],
    );
    check(
        &format!("{GOOD}[env.dev.vars.HOOKS]\n"),
        &[
            "w.toml:16:6: [env.dev] kv_namespaces: the binding RUNS is missing",
            "w.toml:16:6: [env.dev] r2_buckets: the binding INBOX is missing",
            "w.toml:16:6: [env.dev] r2_buckets: the binding FILES is missing",
            "w.toml:16:10: warning: [env.dev] vars: there is no hook",
        ],
    );
    let own = r#"
[env.live]
kv_namespaces = [{ binding = "RUNS" }]
r2_buckets = [{ binding = "INBOX" }]
[env.live.vars]
FABRICATE_URL = "fabricate"
[env.live.vars.HOOKS.crm]
verify = { scheme = "none" }
workspace = "acme"
project = "p"
workflow = "w"
"#;
    check(
        &format!("{GOOD}{own}"),
        &[
            "w.toml:19:1: [env.live] r2_buckets: the binding FILES is missing",
            "w.toml:21:1: [env.live] FABRICATE_URL: ",
        ],
    );
}

#[test]
fn static_files_must_leave_the_workers_addresses_alone() {
    let with = |lines: &str| format!("{GOOD}[assets]\n{lines}\n");
    check(&with("directory = \"build/dashboard\""), &[]);
    check(&with("directory = \"x\"\nnot_found_handling = \"none\"\nrun_worker_first = [\"/api/*\"]"), &[]);
    check(&with("binding = \"ASSETS\""), &["w.toml:16:2: assets: the directory is missing"]);
    check(
        &with("directory = \"x\"\nnot_found_handling = \"single-page-application\"\nrun_worker_first = true"),
        &[
            "w.toml:18:1: assets.not_found_handling: \"single-page-application\" answers calls of the Worker",
            "w.toml:19:1: assets.run_worker_first: the Worker answers every address itself",
        ],
    );
}

#[test]
fn a_queue_without_a_consumer_is_a_warning() {
    let producer = "[[queues.producers]]\nbinding = \"SWEEP_QUEUE\"\nqueue = \"sweep\"\n";
    let consumer = |queue| format!("{GOOD}{producer}[[queues.consumers]]\nqueue = \"{queue}\"\n");
    let warning = "w.toml:16:10: warning: queues.producers: SWEEP_QUEUE has no consumer here";
    check(&format!("{GOOD}{producer}"), &[warning]);
    check(&consumer("other"), &[warning]);
    check(&consumer("sweep"), &[]);
}

#[test]
fn a_dataset_for_data_points_has_its_name() {
    let with = |binding| {
        format!("{GOOD}[[analytics_engine_datasets]]\nbinding = \"{binding}\"\ndataset = \"seedhook\"\n")
    };
    check(&with("METRICS"), &[]);
    let warning = "w.toml:16:3: warning: analytics_engine_datasets: no dataset is bound as METRICS";
    check(&with("ANALYTICS"), &[warning]);
}

#[test]
fn the_rate_of_fabricate_calls_must_be_a_number() {
    let rate = |value: &str| {
        GOOD.replace("[vars.HOOKS.crm]", &format!("[vars]\nFABRICATE_RATE = {value}\n[vars.HOOKS.crm]"))
    };
    check(&rate("120"), &[]);
    check(&rate("\"many\""), &["w.toml:10:1: FABRICATE_RATE: must be a whole number from 5 to 9000"]);
}

#[test]
fn no_hook_is_a_warning() {
    let (start, _) = GOOD.split_once("[vars").unwrap();
    check(&format!("{start}[vars]\n"), &["w.toml:9:2: warning: vars: there is no hook"]);
    check(start, &["w.toml:1:1: vars: there are no variables, so there is no hook"]);
}

const LIMITED: &str = r#"
[[ratelimits]]
name = "PER_MINUTE"
namespace_id = "1001"
simple = { limit = 100, period = 60 }
[[unsafe.bindings]]
name = "OLDER"
type = "ratelimit"
namespace_id = "1002"
simple = { limit = 100, period = 10 }
[[unsafe.bindings]]
name = "OTHER"
type = "kv"
"#;

/// Checks `GOOD` with a rate limit in its hook, and more text at its end.
#[track_caller]
fn limited(limit: &str, after: &str, expected: &[&str]) {
    let workflow = "workflow = \"seed-account\"";
    let text = GOOD.replace(workflow, &format!("{workflow}\nrate_limit = {limit}"));
    check(&format!("{text}{after}"), expected);
}

#[test]
fn a_rate_limit_needs_its_binding() {
    limited("\"PER_MINUTE\"", LIMITED, &[]);
    limited("{ binding = \"OLDER\", by = \"sender\" }", LIMITED, &[]);
    let missing = "w.toml:13:1: HOOKS.crm.rate_limit: there is no rate-limiting binding";
    limited("\"PER_MINUT\"", LIMITED, &[&format!("{missing} \"PER_MINUT\"; did you mean \"PER_MINUTE\"?")]);
    limited("\"OTHER\"", LIMITED, &[&format!("{missing} \"OTHER\"")]);
    limited("\"X\"", "", &[&format!("{missing} \"X\"")]);
    let own = r#"
[env.live]
kv_namespaces = [{ binding = "RUNS" }]
r2_buckets = [{ binding = "INBOX" }, { binding = "FILES" }]
vars.HOOKS_2.b = { verify = { scheme = "github", secret = "B" }, rate_limit = "PER_MINUTE", workspace = "w", database = "d", workflow = "f" }
"#;
    check(
        &format!("{GOOD}{LIMITED}{own}"),
        &["w.toml:33:66: [env.live] HOOKS_2.b.rate_limit: there is no rate-limiting binding \"PER_MINUTE\""],
    );
}

#[test]
fn the_period_of_a_rate_limit_must_be_10_or_60_seconds() {
    let odd = |from: &str, to: &str| LIMITED.replace(from, to);
    limited(
        "\"PER_MINUTE\"",
        &odd("period = 60", "period = 30"),
        &["w.toml:21:25: ratelimits.0.simple.period: the period must be 10 or 60 seconds, got 30"],
    );
    limited(
        "\"PER_MINUTE\"",
        &odd(", period = 10", ""),
        &["w.toml:26:1: unsafe.bindings.0.simple.period: the period of this rate limit is missing"],
    );
}

#[test]
fn a_secret_that_is_not_set_on_this_machine_is_a_warning() {
    changed(
        "[\"CRM_SECRET\", \"OLD\"]",
        "[\"CRM_SECRET\", \"OLDER\"]",
        &["w.toml:13:42: warning: HOOKS.crm.verify.secret: .dev.vars has no OLDER"],
    );
    changed(
        "{ scheme = \"standard-webhooks\", secret = [\"CRM_SECRET\", \"OLD\"] }",
        "{ scheme = \"meta\", secret = \"OLD\", verify_token = \"T\" }",
        &["w.toml:13:45: warning: HOOKS.crm.verify.verify_token: .dev.vars has no T"],
    );
    // The sender sends it in a handshake.
    changed("\"standard-webhooks\", secret = [\"CRM_SECRET\", \"OLD\"]", "\"notion\", secret = \"T\"", &[]);
}

#[test]
fn a_missing_or_short_link_secret_is_a_warning() {
    for (secrets, expected) in [
        ("CRM_SECRET=a\nOLD=b\n", "w.toml:1:1: warning: LINK_SECRET is not set in .dev.vars"),
        (
            "CRM_SECRET=a\nOLD=b\nLINK_SECRET=short\n",
            "w.toml:1:1: warning: LINK_SECRET has fewer than 32 bytes",
        ),
    ] {
        let report = report(GOOD, &dev_vars::parse(secrets));
        assert!(report.is_good() && report.text().starts_with(expected), "{}", report.text());
        assert!(!report.text().contains("short"), "{}", report.text());
    }
    let required = "\"FABRICATE_API_KEY\", \"OPERATOR_TOKEN\", \"CRM_SECRET\", \"OLD\"";
    check(
        &format!("secrets = {{ required = [{required}] }}\n{GOOD}"),
        &["w.toml:1:13: warning: secrets.required: the secret LINK_SECRET is not in this list"],
    );
}

#[test]
fn a_short_operator_token_is_a_warning_with_the_command_that_makes_one() {
    let secrets = |token: &str| format!("CRM_SECRET=a\nOLD=b\nLINK_SECRET={}\n{token}", "l".repeat(32));
    let of = |token: &str| report(GOOD, &dev_vars::parse(&secrets(token)));
    let short = of("OPERATOR_TOKEN=guess-me\n");
    let expected = "w.toml:1:1: warning: OPERATOR_TOKEN must have at least 32 characters, got 8: make one with \
                    `openssl rand -hex 32`";
    assert!(short.is_good() && short.text().starts_with(expected), "{}", short.text());
    assert!(!short.text().contains("guess-me"), "{}", short.text());
    let long = of(&format!("OPERATOR_TOKEN={}\n", "t".repeat(32)));
    assert!(!long.text().contains("OPERATOR_TOKEN"), "{}", long.text());
    assert!(!of("").text().contains("OPERATOR_TOKEN"), "a token that is not set is no warning");
}

#[test]
fn the_list_of_required_secrets_must_be_complete() {
    let all = "\"FABRICATE_API_KEY\", \"OPERATOR_TOKEN\", \"LINK_SECRET\", \"CRM_SECRET\", \"OLD\"";
    let with = |names: &str| format!("secrets = {{ required = [{names}] }}\n{GOOD}");
    check(&with(all), &[]);
    check(
        &with("\"OPERATOR_TOKEN\", \"LINK_SECRET\", \"OLD\""),
        &[
            "w.toml:1:13: secrets.required: the secret FABRICATE_API_KEY is missing",
            "w.toml:1:13: secrets.required: the secret CRM_SECRET is missing",
        ],
    );
}

#[test]
fn a_misspelt_name_gets_a_suggestion() {
    for (from, to, remedy) in [
        ("\"standard-webhooks\"", "\"standard-webhook\"", "did you mean \"standard-webhooks\"?"),
        ("\"standard-webhooks\"", "\"gitub\"", "did you mean \"github\"?"),
        ("scheme = \"standard-webhooks\"", "scheme = \"hmac\", heder = \"x\"", "did you mean `header`?"),
        ("scheme =", "tolerence = 5, scheme =", "did you mean `tolerance`?"),
        ("workflow =", "handshake = \"slak\"\nworkflow =", "did you mean \"slack\"?"),
    ] {
        let report = report(&GOOD.replace(from, to), &local());
        assert!(report.text().contains(remedy), "{remedy}: {}", report.text());
    }
}

/// Every field that the remedy for an unknown one lists is documented.
#[test]
fn the_configuration_page_has_every_field_of_a_hook() {
    let page = project_text("docs/configuration.md");
    let unknown = GOOD.replace("workflow = ", "qqqqqqqqqqqqqqqqqqqq = 1\nworkflow = ");
    let text = report(&unknown, &local()).text();
    let (_, fields) = text.split_once("the fields here are ").unwrap();
    let fields: Vec<&str> = fields.lines().next().unwrap().split(", ").collect();
    assert!(fields.len() > 15, "{fields:?}");
    let missing: Vec<_> =
        fields.iter().filter(|field| !page.contains(&format!("`{field}`")) && **field != "verify").collect();
    assert!(missing.is_empty(), "docs/configuration.md lacks {missing:?}");
}

#[test]
fn access_needs_both_variables_and_no_token() {
    let tag = "0123456789abcdef".repeat(4);
    let required =
        "secrets = { required = [\"FABRICATE_API_KEY\", \"CRM_SECRET\", \"OLD\", \"LINK_SECRET\"] }";
    let with = |vars: &str| format!("{required}\n{GOOD}\n[vars]\n{vars}\n");
    let both = format!("ACCESS_TEAM = \"acme\"\nACCESS_AUD = \"{tag}\"");
    check(&with(&both), &[]);
    let no_token = "w.toml:1:13: secrets.required: the secret OPERATOR_TOKEN is missing";
    let alone = format!("ACCESS_AUD = \"{tag}\"");
    check(&with(&alone), &[no_token, "w.toml:19:1: ACCESS_AUD: needs ACCESS_TEAM, too"]);
    let wrong = both.replace("acme", "acme.example");
    check(
        &with(&wrong),
        &[no_token, "w.toml:19:1: ACCESS_TEAM: must be the name of a team, or its domain, got"],
    );
}

#[test]
fn the_secrets_of_targets_are_set_and_can_be_used() {
    let with = |target: &str| format!("{GOOD}\n[vars.NOTIFY.ops]\n{target}\n");
    check(
        &with("url = \"https://example.com\"\nsecret = \"NOPE\""),
        &["w.toml:19:1: warning: NOTIFY.ops.secret: the secret NOPE is not set; ops is not notified"],
    );
    check(
        &with("url_secret = \"NOPE\"\nformat = \"slack\""),
        &["w.toml:18:1: warning: NOTIFY.ops.url_secret: the secret NOPE is not set; ops is not notified"],
    );
    check(
        &with("url = \"https://example.com\"\nsecret = \"OLD\""),
        &["w.toml:19:1: NOTIFY.ops.secret: the secret OLD must be base64"],
    );
    check(
        &with("url_secret = \"OLD\"\nformat = \"slack\""),
        &["w.toml:18:1: NOTIFY.ops.url_secret: the address in OLD must be an https address"],
    );
    check(
        &with("url = \"http://example.com\"\nformat = \"slack\""),
        &["w.toml:18:1: NOTIFY.ops.url: must begin with https://"],
    );
    check(&with("url = \"https://example.com\"\nformat = \"slack\""), &[]);
}

#[test]
fn secrets_of_this_machine_are_no_matter_for_a_deployment() {
    let target = "[vars.NOTIFY.ops]\nurl = \"https://example.com\"\nsecret = \"OLD\"";
    let text = format!("{GOOD}\n{target}\n");
    assert!(!report(&text, &local()).is_good(), "OLD is no key");
    let of_deployment = |text: String| {
        let file = ConfigFile::parse("w.toml", text).unwrap();
        check_deployment(&TestHost::new(), &file)
    };
    let good = of_deployment(text.clone());
    assert!(good.is_good(), "{}", good.text());
    assert!(!of_deployment(text.replace("seats * 10", "seats | uper")).is_good());
}
