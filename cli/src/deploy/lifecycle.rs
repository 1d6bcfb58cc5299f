//! The lifecycle rules of the inbox bucket, as docs/operations.md explains them.

/// A rule: objects below a prefix expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Its name at Cloudflare.
    pub(super) name: &'static str,
    /// The beginning of the keys.
    pub(super) prefix: &'static str,
    /// After how many days.
    pub(super) days: u32,
}

/// The rules, in the order in which they are added: what may expire first has its rule first, so that an interruption never
/// leaves a journal that expires before its delivery, or a retry before its journal.
pub(super) const RULES: [Rule; 6] = [
    Rule { name: "deliveries", prefix: "deliveries/", days: 30 },
    Rule { name: "journal", prefix: "journal/", days: 37 },
    Rule { name: "retries", prefix: "retries/", days: 37 },
    Rule { name: "turns", prefix: "turns/", days: 45 },
    Rule { name: "ignored", prefix: "ignored/", days: 7 },
    Rule { name: "handshakes", prefix: "handshakes/", days: 1 },
];

/// The rules that a bucket does not have. `listed` is what wrangler prints of the bucket's rules. A rule of the user's own for
/// a prefix stays as it is.
pub(super) fn missing(listed: &str) -> Vec<Rule> {
    let has =
        |rule: &&Rule| listed.lines().any(|line| line.split_whitespace().any(|word| word == rule.prefix));
    RULES.iter().filter(|rule| !has(rule)).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::project_text;

    #[test]
    fn the_rules_are_those_of_the_documentation_in_its_order() {
        let page = project_text("docs/operations.md");
        let lines: Vec<&str> =
            page.lines().filter(|line| line.contains("lifecycle add <inbox bucket>")).collect();
        let expected: Vec<String> = RULES
            .iter()
            .map(|rule| {
                let Rule { name, prefix, days } = rule;
                format!("$ npx wrangler r2 bucket lifecycle add <inbox bucket> {name} {prefix} --expire-days {days}")
            })
            .collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_rule_that_is_there_is_not_added_again() {
        let listed = "Listing lifecycle rules for bucket 'x'...\n\
                      name:     Default Multipart Abort Rule\nprefix:   (all prefixes)\n\n\
                      name:     mine\nenabled:  Yes\nprefix:   journal/\naction:   Expire objects after 99 days\n";
        let names: Vec<&str> = missing(listed).iter().map(|rule| rule.name).collect();
        assert_eq!(names, ["deliveries", "retries", "turns", "ignored", "handshakes"]);
        assert_eq!(missing(""), RULES);
    }
}
