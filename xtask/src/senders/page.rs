//! `docs/senders.md`: the page about verification, and the table of the senders.
//!
//! The prose is `page.md`; a test has the file in `docs` equal to what is made here.

use seedhook::config::sender::{Sender, senders};

use super::card::Card;

const PROSE: &str = include_str!("page.md");

/// The line of the prose in whose place the table stands.
const TABLE_HERE: &str = "<!-- the table -->";

/// The whole page.
pub(super) fn page() -> String {
    PROSE.replace(TABLE_HERE, table().trim_end())
}

fn table() -> String {
    let head =
        "| sender | `verify` | the secret | the event's id | tolerance | handshakes | the answer | note |";
    let rows = senders().iter().map(row);
    let lines = [head.to_owned(), "|---|---|---|---|---|---|---|---|".to_owned()].into_iter().chain(rows);
    lines.map(|line| line + "\n").collect()
}

fn row(sender: &Sender) -> String {
    let card = Card(sender);
    let (handshakes, answers) = (card.handshakes(), card.answers());
    let cells = [
        format!("[{}]({})", sender.name, sender.docs),
        format!("`{}`", card.line()),
        card.secret(),
        [card.ids().join("<br>else "), items(card)].concat(),
        card.tolerance(),
        if handshakes.is_empty() { "–".to_owned() } else { handshakes.join("<br>") },
        if answers.is_empty() { "the runs".to_owned() } else { answers.join("<br>") },
        sender.note.clone().unwrap_or_default(),
    ];
    format!("| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))
}

fn items(card: Card<'_>) -> String {
    let ids = card.item_ids();
    if ids.is_empty() { String::new() } else { format!("<br>of an item: {}", ids.join(", else ")) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use seedhook::config::Configuration;
    use serde_json::json;

    use super::*;
    use crate::project;
    use crate::senders::tests::mistakes;

    #[test]
    fn the_page_in_docs_is_up_to_date() {
        let file = fs::read_to_string(project::path("docs/senders.md")).unwrap_or_default();
        let mend = "mend it with `cargo xtask senders --markdown > docs/senders.md`";
        assert!(file.replace("\r\n", "\n") == page(), "docs/senders.md is not what it is made of: {mend}");
    }

    #[test]
    fn every_example_of_the_page_is_a_hook() {
        let blocks = PROSE.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap());
        let spans = PROSE.split('`').skip(1).step_by(2).filter(|span| span.starts_with("verify = {"));
        let mut count = 0;
        for example in blocks.chain(spans) {
            assert_eq!(mistakes(example), Vec::<String>::new(), "{example}");
            count += 1;
        }
        assert!(count > 10, "{count} examples");
    }

    /// The fields that the Worker's own remedy names for a scheme.
    fn fields(scheme: &str) -> Vec<String> {
        let verify = json!({"scheme": scheme, "secret": "S", "qqqqqqqqqqqqqqqqqqqqqq": 1});
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
        let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
        let mut remedies = configuration.mistakes().map(|mistake| mistake.remedy.as_str());
        let list = remedies.find_map(|remedy| remedy.strip_prefix("the fields here are ")).unwrap();
        list.split(", ").map(ToOwned::to_owned).collect()
    }

    #[test]
    fn every_option_of_every_scheme_is_told() {
        for scheme in
            ["hmac", "ed25519", "ecdsa-p256", "jwt", "bearer", "basic", "header", "query", "field", "none"]
        {
            assert!(PROSE.contains(&format!("`{scheme}`")), "{scheme}");
            for field in fields(scheme) {
                let told = PROSE.contains(&format!("`{field}`")) || PROSE.contains(&format!("{field} = "));
                assert!(told, "{field} of {scheme}");
            }
        }
        for field in fields("hmac").iter().filter(|field| *field != "scheme") {
            assert!(PROSE.contains(&format!("\n| `{field}` |")), "{field} has no row");
        }
    }
}
