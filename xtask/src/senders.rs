//! `cargo xtask senders`: who a hook knows by name, what each needs, and how to spell out one of your own.
//!
//! All of it is `senders.json`, the Worker's own file; here it is put into words.

mod card;
mod page;
mod proof;
mod toml;

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::config::sender::{Sender, sender, sender_names, senders};
use seedhook::expression::nearest;

use crate::{help, show};
use card::Card;

const HELP: &str = "\
cargo xtask senders [NAME]

Lists the senders that a hook knows by name, and what `verify` needs for each. With NAME: all about one sender, the
line to paste, and its scheme spelt out, to copy and change for a sender that is not known.

  --markdown    print docs/senders.md: `cargo xtask senders --markdown > docs/senders.md`
";

/// Reads the arguments, prints what is known.
pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let (mut name, mut markdown) = (None, false);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(help(HELP)),
            Arg::Long("markdown") => markdown = true,
            Arg::Value(value) if name.is_none() => name = Some(value.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    show(&match name {
        _ if markdown => page::page(),
        None => list(),
        Some(name) => all_about(find(&name)?),
    })?;
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<&'static Sender> {
    let names: Vec<&str> = sender_names().collect();
    match (sender(name), nearest(name, &names)) {
        (Some(sender), _) => Ok(sender),
        (None, Some(near)) => bail!("there is no sender {name}; did you mean {near}?"),
        (None, None) => bail!(
            "there is no sender {name}. Spell it out: `cargo xtask senders github` shows how, docs/senders.md what \
             can be said"
        ),
    }
}

/// One line for each.
fn list() -> String {
    let width = |text: fn(&Sender) -> String| {
        senders().iter().map(|sender| text(sender).chars().count()).max().unwrap_or_default()
    };
    let (name, needs) = (width(|sender| sender.name.clone()), width(|sender| Card(sender).needs()));
    let mut text = String::new();
    for sender in senders() {
        let card = Card(sender);
        let handshake = if sender.handshakes.is_empty() { "" } else { "; handshake" };
        let how = card.how().replace('`', "");
        let _ = writeln!(text, "{:name$}  {:needs$}  {how}{handshake}", sender.name, card.needs());
    }
    text + "\n`cargo xtask senders NAME` tells all about one. Any other sender can be spelt out: docs/senders.md\n"
}

/// Everything that is known of one, and its scheme spelt out.
fn all_about(sender: &Sender) -> String {
    let card = Card(sender);
    let mut rows = vec![("proves", card.how()), ("secret", card.secret()), ("tolerance", card.tolerance())];
    rows.extend(card.ids().into_iter().map(|id| ("id", id)));
    rows.extend(card.item_ids().into_iter().map(|id| ("item's id", id)));
    rows.extend(card.handshakes().into_iter().map(|handshake| ("handshake", handshake)));
    rows.extend(card.answers().into_iter().map(|answer| ("answer", answer)));
    rows.extend(sender.note.clone().map(|note| ("note", note)));
    let adjustable = card.adjustable();
    if !adjustable.is_empty() {
        rows.push(("may say", adjustable.join(", ")));
    }
    let mut text = format!("{}\n{}\n\n{}\n\n", sender.name, sender.docs, card.line());
    for (name, words) in rows {
        let _ = writeln!(text, "{name:9}  {words}");
    }
    let spelt_out = toml::spelt_out(card);
    if spelt_out.is_empty() {
        return text + "\nIt is a scheme of its own, and cannot be spelt out.\n";
    }
    text += "\nThe same spelt out, to copy and change for another sender:\n";
    for (prefix, toml) in &spelt_out {
        match prefix {
            Some(prefix) => {
                let _ = writeln!(text, "\nfor secrets that begin with {prefix}");
            }
            None if spelt_out.len() > 1 => text += "\nfor any other secret\n",
            None => {}
        }
        let _ = writeln!(text, "\n{toml}");
    }
    text
}

#[cfg(test)]
mod tests {
    use seedhook::config::Configuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::check;

    /// What the Worker finds wrong in a piece of TOML: whole hooks, or some fields of one; what a hook needs beside
    /// them is added.
    pub(super) fn mistakes(toml: &str) -> Vec<String> {
        let is_whole = toml.lines().any(|line| line.starts_with("[vars."));
        let toml = if is_whole { toml.to_owned() } else { format!("[vars.HOOKS.my-hook]\n{toml}") };
        let mut vars = match check::variables_of(&toml) {
            Ok(vars) => vars,
            Err(error) => return vec![error.to_string()],
        };
        let rest = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": {"scheme": "none"}});
        for hook in vars.get_mut("HOOKS").and_then(Value::as_object_mut).unwrap().values_mut() {
            for (field, value) in rest.as_object().unwrap() {
                let is_place = field == "database" && hook.get("project").is_some();
                if hook.get(field).is_none() && !is_place {
                    hook[field] = value.clone();
                }
            }
        }
        Configuration::read(&vars).mistakes().map(ToString::to_string).collect()
    }

    #[test]
    fn one_sender_is_told_with_its_line_and_its_scheme() {
        let text = all_about(sender("standard-webhooks").unwrap());
        for part in [
            "verify = { scheme = \"standard-webhooks\", secret = \"STANDARD_WEBHOOKS_SECRET\" }",
            "id         `headers['webhook-id']`: signed\n",
            "for secrets that begin with whpk_\n\n[vars.HOOKS.my-hook]\n",
            "for any other secret\n\n[vars.HOOKS.my-hook]\n",
            "scheme = \"hmac\"\nsecret = \"STANDARD_WEBHOOKS_SECRET\"\nheader = \"webhook-signature\"\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let slack = all_about(sender("slack").unwrap());
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
    fn each_of_several_answers_is_told() {
        let discord = all_about(sender("discord").unwrap());
        for part in [
            "answer     with `body.event`: 204\n",
            "answer     with `body.type` = `4`: 200 with `{",
            "\nanswer = [{",
            "when = { \"body.event\" = true }, status = 204 }",
        ] {
            assert!(discord.contains(part), "{part}\n{discord}");
        }
        let adyen = all_about(sender("adyen").unwrap());
        assert!(adyen.contains("answer     200 with the text `[accepted]`\n"), "{adyen}");
    }

    #[test]
    fn what_cannot_be_spelt_out_is_said() {
        let sns = all_about(sender("aws-sns").unwrap());
        assert!(sns.contains("cannot be spelt out") && !sns.contains("[vars"), "{sns}");
        let meta = all_about(sender("meta").unwrap());
        assert!(
            meta.contains("# its handshake needs verify_token, which only scheme = \"meta\" takes\n"),
            "{meta}"
        );
    }

    #[test]
    fn every_sender_has_its_line() {
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
    fn an_unknown_sender_is_answered_with_the_nearest() {
        let error = |name: &str| find(name).unwrap_err().to_string();
        assert_eq!(error("stirpe"), "there is no sender stirpe; did you mean stripe?");
        assert!(error("zzzzzzzz").contains("Spell it out"));
        assert!(find("stripe").is_ok());
    }
}
