//! `npx seedhook senders`: lists the senders that hooks know by name, and describes one.
//!
//! Everything comes from `senders.json`, the Worker's own file.

mod description;
mod generic_hook;
mod page;
#[cfg(test)]
mod test_support;
mod toml_text;
mod verify_method;

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::config::sender::{Sender, sender, sender_names, senders};
use seedhook::expression::nearest;
use std::fmt::Write as _;

use crate::exit::Usage;
use crate::host::Host;
use crate::{Exit, help, unexpected};
pub(crate) use description::Description;
use verify_method::VerifyMethod;

pub(crate) const HELP: &str = "\
npx seedhook senders [NAME]

Lists the senders that hooks know by name, and which fields `verify` needs for each. With NAME: describes one sender,
with the line to paste, the steps that connect it, and an example with a generic scheme to change for a sender that is not in the list.

  --markdown    print docs/senders.md: `npx seedhook senders --markdown > docs/senders.md`
";

/// Reads the arguments and prints the list, a description or the page.
pub(crate) fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    let (mut name, mut markdown) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return help(host, HELP),
            Arg::Long("markdown") => markdown = true,
            Arg::Value(value) if name.is_none() => name = Some(value.string()?),
            other => return Err(unexpected(&other)),
        }
    }
    match name {
        _ if markdown => host.print_data(&page::page())?,
        None => host.print(&list())?,
        Some(name) => host.print(&describe(find(&name)?))?,
    }
    Ok(Exit::Good)
}

/// The sender of a name.
///
/// # Errors
/// With the nearest name, when there is none.
pub(crate) fn find(name: &str) -> Result<&'static Sender> {
    let names: Vec<&str> = sender_names().collect();
    match (sender(name), nearest(name, &names)) {
        (Some(sender), _) => Ok(sender),
        (None, Some(near)) => bail!(Usage(format!("there is no sender {name}; did you mean {near}?"))),
        (None, None) => bail!(Usage(format!(
            "there is no sender {name}. Use a generic scheme: `npx seedhook senders github` has an example, and \
             docs/senders.md all options"
        ))),
    }
}

/// One line for each sender.
fn list() -> String {
    let width = |text: fn(&Sender) -> String| {
        senders().iter().map(|sender| text(sender).chars().count()).max().unwrap_or_default()
    };
    let (name, needs) = (width(|sender| sender.name.clone()), width(|sender| Description(sender).needs()));
    let mut text = String::new();
    for sender in senders() {
        let description = Description(sender);
        let handshake = if sender.handshakes.is_empty() { "" } else { "; handshake" };
        let proof = description.per_secret(VerifyMethod::proof).replace('`', "");
        let needs_text = description.needs();
        let _ = writeln!(text, "{:name$}  {needs_text:needs$}  {proof}{handshake}", sender.name);
    }
    text + "\n`npx seedhook senders NAME` describes one. For any other sender use a generic scheme: docs/senders.md\n"
}

/// Everything that is known about a sender, and an example with a generic scheme.
fn describe(sender: &Sender) -> String {
    let description = Description(sender);
    let mut rows = vec![
        ("proof", description.per_secret(VerifyMethod::proof)),
        ("secret", description.per_secret(VerifyMethod::secret)),
        ("tolerance", description.per_secret(VerifyMethod::tolerance)),
    ];
    rows.extend(description.ids().into_iter().map(|id| ("id", id)));
    rows.extend(description.item_ids().into_iter().map(|id| ("item's id", id)));
    rows.extend(description.handshakes().into_iter().map(|handshake| ("handshake", handshake)));
    rows.extend(description.answers().into_iter().map(|answer| ("answer", answer)));
    rows.extend(sender.note.clone().map(|note| ("note", note)));
    let adjustable = description.adjustable();
    if !adjustable.is_empty() {
        rows.push(("options", adjustable.join(", ")));
    }
    let mut text = format!("{}\n{}\n\n{}\n\n", sender.name, sender.docs, description.line());
    for (label, content) in rows {
        let _ = writeln!(text, "{label:9}  {content}");
    }
    text += "\nTo connect it:\n";
    for (index, step) in description.setup_steps().iter().enumerate() {
        let _ = writeln!(text, "{}. {step}", index + 1);
    }
    let examples = generic_hook::examples(description);
    if examples.is_empty() {
        return text + "\nNo generic scheme verifies like this sender.\n";
    }
    text += "\nThe same with a generic scheme, to copy and change for another sender:\n";
    for (prefix, toml) in &examples {
        match prefix {
            Some(prefix) => {
                let _ = writeln!(text, "\nfor secrets that begin with {prefix}");
            }
            None if examples.len() > 1 => text += "\nfor any other secret\n",
            None => {}
        }
        let _ = writeln!(text, "\n{toml}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_has_the_line_to_paste_and_an_example() {
        let text = describe(sender("standard-webhooks").unwrap());
        for part in [
            "verify = { scheme = \"standard-webhooks\", secret = \"STANDARD_WEBHOOKS_SECRET\" }",
            "id         `headers['webhook-id']`: signed\n",
            "for secrets that begin with whpk_\n\n[vars.HOOKS.my-hook]\n",
            "for any other secret\n\n[vars.HOOKS.my-hook]\n",
            "scheme = \"hmac\"\nsecret = \"STANDARD_WEBHOOKS_SECRET\"\nheader = \"webhook-signature\"\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let slack = describe(sender("slack").unwrap());
        assert!(
            slack.contains("handshake  POST with `body.type` = `url_verification` → `body.challenge`"),
            "{slack}"
        );
        assert!(slack.contains("\nhandshake = \"slack\"\n"), "{slack}");
        for part in
            ["answer     with no `body.event_id`: 200 with an empty body\n", "\nanswer = {", "body = \"\""]
        {
            assert!(slack.contains(part), "{part}\n{slack}");
        }
    }

    #[test]
    fn a_description_has_the_steps_that_connect_the_sender() {
        let text = describe(sender("box").unwrap());
        for part in [
            "\nTo connect it:\n1. Developer Console → ",
            "`npx wrangler secret put BOX_SECRET_PRIMARY` and `npx wrangler secret put BOX_SECRET_SECONDARY`.\n2. ",
            " https://seedhook.example/hooks/box",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(describe(sender("github").unwrap()).contains("`npx wrangler secret put GITHUB_SECRET`"));
    }

    #[test]
    fn a_description_has_each_answer() {
        let discord = describe(sender("discord").unwrap());
        for part in [
            "answer     with `body.event`: 204\n",
            "answer     with `body.type` = `4`: 200 with `{",
            "\nanswer = [{",
            "when = { \"body.event\" = true }, status = 204 }",
        ] {
            assert!(discord.contains(part), "{part}\n{discord}");
        }
        let adyen = describe(sender("adyen").unwrap());
        assert!(adyen.contains("answer     200 with the text `[accepted]`\n"), "{adyen}");
    }

    #[test]
    fn an_example_says_what_a_generic_scheme_does_not_have() {
        let sns = describe(sender("aws-sns").unwrap());
        assert!(sns.contains("No generic scheme") && !sns.contains("[vars"), "{sns}");
        let meta = describe(sender("meta").unwrap());
        assert!(
            meta.contains("# its handshake needs verify_token, which only scheme = \"meta\" accepts\n"),
            "{meta}"
        );
    }

    #[test]
    fn the_list_has_every_sender() {
        let list = list();
        for sender in senders() {
            assert!(
                list.lines().any(|line| line.starts_with(&format!("{} ", sender.name))),
                "{}",
                sender.name
            );
        }
    }

    #[test]
    fn an_unknown_sender_gets_a_suggestion() {
        let error = |name: &str| find(name).unwrap_err().to_string();
        assert_eq!(error("stirpe"), "there is no sender stirpe; did you mean stripe?");
        assert!(error("zzzzzzzz").contains("Use a generic scheme"));
        assert!(find("stripe").is_ok());
    }
}
