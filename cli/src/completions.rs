//! `seedhook completions`: scripts that complete commands, options, senders and hooks in a shell.
//!
//! A script asks the command line itself, `seedhook completions --words …`, so a new command needs no new script.

use anyhow::{Result, bail};
use lexopt::{Arg, ValueExt};
use seedhook::config::sender::sender_names;

use crate::exit::Usage;
use crate::host::Host;
use crate::local_config::LocalConfig;
use crate::{Exit, command_names, help, operator, unexpected};

const HELP: &str = "\
npx seedhook completions SHELL

Prints a script for bash, zsh, fish or powershell that completes commands, options, and the names of hooks and senders.

  bash         echo 'source <(npx seedhook completions bash)' >> ~/.bashrc
  zsh          echo 'source <(npx seedhook completions zsh)' >> ~/.zshrc
  fish         npx seedhook completions fish > ~/.config/fish/completions/seedhook.fish
  powershell   npx seedhook completions powershell >> $PROFILE

They complete the word `seedhook`, as a global installation, or `alias seedhook='npx seedhook'`, makes it.
";

const BASH: &str = r#"_seedhook() {
  local IFS=$'\n'
  COMPREPLY=($(compgen -W "$(seedhook completions --words "${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _seedhook seedhook
"#;

const ZSH: &str = r#"_seedhook() {
  local -a found
  found=("${(@f)$(seedhook completions --words "${(@)words[2,CURRENT-1]}" 2>/dev/null)}")
  compadd -a found
  _files
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
compdef _seedhook seedhook
"#;

const FISH: &str = r"complete -c seedhook -a '(seedhook completions --words (commandline -opc)[2..] 2>/dev/null)'
";

const POWERSHELL: &str = r#"Register-ArgumentCompleter -Native -CommandName seedhook -ScriptBlock {
  param($word, $line, $position)
  $before = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" } | Where-Object { $_ -ne $word })
  seedhook completions --words @before 2>$null | Where-Object { $_ -like "$word*" } | ForEach-Object {
    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
  }
}
"#;

/// Reads the arguments and prints a script, or the words that may come next.
pub(crate) fn run(host: &impl Host, mut arguments: lexopt::Parser) -> Result<Exit> {
    let script = match arguments.next()? {
        Some(Arg::Long("help") | Arg::Short('h')) => return help(host, HELP),
        Some(Arg::Long("words")) => {
            let before: Vec<String> =
                arguments.raw_args()?.map(|word| word.to_string_lossy().into_owned()).collect();
            let words = words(host, &before);
            return host.print_data(&(words.join("\n") + "\n")).map(|()| Exit::Good);
        }
        Some(Arg::Value(shell)) => match shell.string()?.as_str() {
            "bash" => BASH,
            "zsh" => ZSH,
            "fish" => FISH,
            "powershell" | "pwsh" => POWERSHELL,
            other => bail!(Usage(format!("the shells are bash, zsh, fish and powershell, got {other}"))),
        },
        Some(other) => return Err(unexpected(&other)),
        None => bail!(Usage("SHELL is missing: bash, zsh, fish or powershell".to_owned())),
    };
    host.print_data(script)?;
    Ok(Exit::Good)
}

/// What may come after the words of a command line.
fn words(host: &impl Host, before: &[String]) -> Vec<String> {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let Some((command, rest)) = before.split_first() else {
        return command_names().map(ToOwned::to_owned).collect();
    };
    match (command.as_str(), rest.last().map(String::as_str)) {
        (_, Some("--hook")) | ("try" | "sign", None) => hooks(host),
        (_, Some("--sender")) | ("senders", None) => sender_names().map(ToOwned::to_owned).collect(),
        (_, Some("--status")) => {
            owned(&["queued", "in_progress", "archiving", "completed", "failed", "canceled", "unconfirmed"])
        }
        ("completions", None) => owned(&["bash", "zsh", "fish", "powershell"]),
        ("notify", None) => targets(host),
        (command, _) => options(command),
    }
}

fn hooks(host: &impl Host) -> Vec<String> {
    let config = LocalConfig::read(host, None).into_iter();
    config.flat_map(|config| names(config.configuration.hooks.names())).collect()
}

fn targets(host: &impl Host) -> Vec<String> {
    let config = LocalConfig::read(host, None).into_iter();
    config.flat_map(|config| names(config.configuration.targets.names())).collect()
}

fn names(of: impl Iterator<Item = impl ToString>) -> Vec<String> {
    of.map(|name| name.to_string()).collect()
}

/// The options that the help of a command shows.
fn options(command: &str) -> Vec<String> {
    let text = match command {
        "init" => crate::init::HELP.to_owned(),
        "dev" => crate::dev::HELP.to_owned(),
        "deploy" => crate::deploy::HELP.to_owned(),
        "check" => crate::check::HELP.to_owned(),
        "notify" => crate::notify::HELP.to_owned(),
        "senders" => crate::senders::HELP.to_owned(),
        "sign" => crate::sign::HELP.to_owned() + crate::webhook_request::OPTIONS_HELP,
        "try" => crate::try_hook::HELP.to_owned() + crate::webhook_request::OPTIONS_HELP,
        other => operator::help_of(other).unwrap_or_default(),
    };
    let mut found: Vec<String> = text
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(|word| {
            word.trim_end_matches([',', '.', ':', ')']).split('=').next().unwrap_or_default().to_owned()
        })
        .filter(|word| word.len() > 2)
        .collect();
    found.push("--help".to_owned());
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestHost, project_path};

    #[track_caller]
    fn check(before: &[&str], expected: &[&str]) {
        let host = TestHost::within(std::path::Path::new(&project_path("")));
        let before: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        let found = words(&host, &before);
        for word in expected {
            assert!(found.iter().any(|found| found == word), "{before:?}: {word} is not in {found:?}");
        }
    }

    #[test]
    fn words_that_may_come_next() {
        check(&[], &["init", "check", "completions"]);
        check(&["try"], &["crm-deal-won"]);
        check(&["runs", "--hook"], &["crm-deal-won"]);
        check(&["init", "--sender"], &["github", "stripe"]);
        check(&["check", "x"], &["--json", "--config", "--help"]);
        check(&["runs"], &["--status", "--json", "--url", "--all"]);
        check(&["abandon", "--status"], &["unconfirmed"]);
        check(&["nothing"], &["--help"]);
    }

    #[test]
    fn every_command_has_options() {
        for command in command_names() {
            assert!(options(command).len() > 1 || matches!(command, "completions" | "schema"), "{command}");
        }
    }
}
