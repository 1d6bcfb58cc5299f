//! `docs/senders.md`: the text of `page.md` with the steps and a table of the senders. A test compares the file in `docs` with it.

use seedhook::config::sender::{Sender, senders};

use super::description::Description;
use super::verify_method::VerifyMethod;

/// The page without the steps and the table.
const PROSE: &str = include_str!("page.md");

/// The line that the table replaces.
const TABLE_HERE: &str = "<!-- the table -->";

/// The line that the steps replace.
const STEPS_HERE: &str = "<!-- the steps -->";

/// The whole page.
pub(super) fn page() -> String {
    PROSE.replace(TABLE_HERE, table().trim_end()).replace(STEPS_HERE, steps().trim_end())
}

/// The steps that connect each sender, below its name.
fn steps() -> String {
    let section = |sender: &Sender| {
        let steps = Description(sender).setup_steps();
        let lines = steps.iter().enumerate().map(|(index, step)| format!("{}. {step}\n", index + 1));
        format!("**{}**\n\n{}\n", sender.name, lines.collect::<String>())
    };
    senders().iter().map(section).collect()
}

fn table() -> String {
    let head =
        "| sender | `verify` | the secret | the event's id | tolerance | handshakes | the answer | note |";
    let rows = senders().iter().map(row);
    let lines = [head.to_owned(), "|---|---|---|---|---|---|---|---|".to_owned()].into_iter().chain(rows);
    lines.map(|line| line + "\n").collect()
}

fn row(sender: &Sender) -> String {
    let description = Description(sender);
    let (handshakes, answers) = (description.handshakes(), description.answers());
    let cells = [
        format!("[{}]({})", sender.name, sender.docs),
        format!("`{}`", description.line()),
        description.per_secret(VerifyMethod::secret),
        [description.ids().join("<br>else "), items(description)].concat(),
        description.per_secret(VerifyMethod::tolerance),
        if handshakes.is_empty() { "–".to_owned() } else { handshakes.join("<br>") },
        if answers.is_empty() { "the runs".to_owned() } else { answers.join("<br>") },
        sender.note.clone().unwrap_or_default(),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn items(description: Description<'_>) -> String {
    let ids = description.item_ids();
    if ids.is_empty() { String::new() } else { format!("<br>of an item: {}", ids.join(", else ")) }
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use serde_json::json;

    use super::*;
    use crate::senders::test_support::mistakes;
    use crate::testing::project_text;

    #[test]
    fn the_page_in_docs_is_up_to_date() {
        let file = project_text("docs/senders.md");
        let fix = "update it with `npx seedhook senders --markdown > docs/senders.md`";
        assert!(file.replace("\r\n", "\n") == page(), "docs/senders.md is out of date: {fix}");
    }

    #[test]
    fn every_example_of_the_page_is_a_valid_hook() {
        let blocks = PROSE.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
        let spans = PROSE.split('`').skip(1).step_by(2).filter(|span| span.starts_with("verify = {"));
        let mut count = 0;
        for example in blocks.chain(spans) {
            assert_eq!(mistakes(example), Vec::<String>::new(), "{example}");
            count += 1;
        }
        assert!(count > 10, "{count} examples");
    }

    /// The fields of a scheme, from the remedy of the Worker's own mistake.
    fn fields(scheme: &str) -> Vec<String> {
        let verify = json!({"scheme": scheme, "secret": "S", "qqqqqqqqqqqqqqqqqqqqqq": 1});
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
        let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
        let mut remedies = configuration.mistakes().map(|mistake| mistake.remedy.as_str());
        let list = remedies.find_map(|remedy| remedy.strip_prefix("the fields here are ")).unwrap();
        list.split(", ").map(ToOwned::to_owned).collect()
    }

    #[test]
    fn the_page_has_every_option_of_every_scheme() {
        for scheme in
            ["hmac", "ed25519", "ecdsa-p256", "jwt", "bearer", "basic", "header", "query", "field", "none"]
        {
            assert!(PROSE.contains(&format!("`{scheme}`")), "{scheme}");
            for field in fields(scheme) {
                let is_there =
                    PROSE.contains(&format!("`{field}`")) || PROSE.contains(&format!("{field} = "));
                assert!(is_there, "{field} of {scheme}");
            }
        }
        for field in fields("hmac").iter().filter(|field| *field != "scheme") {
            assert!(PROSE.contains(&format!("\n| `{field}` |")), "{field} has no row");
        }
    }
}
