//! Secrets for a machine or a deployed Worker: fresh and random, in the form that each scheme takes.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seedhook::config::Configuration;
use seedhook::config::sender::sender;
use seedhook::hook::Hook;
use seedhook::http::secrets::{FABRICATE_API_KEY, LINK_SECRET, OPERATOR_TOKEN};
use seedhook::request::RawRequest;
use seedhook::timestamp::Timestamp;
use serde_json::Map;

use crate::config_file::ConfigFile;
use crate::dev::LOCAL_KEY;
use crate::dev_vars::Secrets;
use crate::host::Host;
use crate::local_config::LocalConfig;
use crate::sign;

/// The random bytes of a secret.
const BYTES: usize = 32;

/// A random secret in hexadecimal.
///
/// # Errors
/// When the machine has no randomness.
pub(crate) fn random(host: &impl Host) -> Result<String> {
    Ok(base16ct::lower::encode_string(&random_bytes(host)?))
}

fn random_bytes(host: &impl Host) -> Result<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    host.fill_random(&mut bytes)?;
    Ok(bytes)
}

/// The text of a `.dev.vars` for a configuration. A secret that only the sender can make is empty, with a comment.
///
/// # Errors
/// When the machine has no randomness.
pub(crate) fn fresh(host: &impl Host, file: &ConfigFile) -> Result<String> {
    let own = format!(
        "# Secrets for this machine. git ignores the file. A deployed Worker has others: `npx seedhook deploy` sets them.\n\n\
         # Your Fabricate API key. `npx seedhook dev` needs none; `npx seedhook dev --live` needs a real one.\n\
         {FABRICATE_API_KEY}=\"{LOCAL_KEY}\"\n\n\
         # Opens everything under /api/, and the dashboard.\n\
         {OPERATOR_TOKEN}=\"{}\"\n\n\
         # Signs links to files.\n\
         {LINK_SECRET}=\"{}\"\n",
        random(host)?,
        random(host)?
    );
    let mut parts = vec![own];
    let configuration = Configuration::read(&file.variables());
    for hook in configuration.hooks.values().flatten() {
        parts.push(format!(
            "\n# The hook {} verifies deliveries with it ({}).\n",
            hook.name, hook.verify.scheme
        ));
        parts.extend(of_hook(host, hook)?.into_iter().map(|(name, value)| match value {
            Some(value) => format!("{name}=\"{value}\"\n"),
            None => format!("# Only the sender has it: enter what it shows.\n{name}=\"\"\n"),
        }));
    }
    Ok(parts.concat())
}

/// The entries of `package.json` that say what the hooks' secrets are for.
pub(super) fn descriptions(file: &ConfigFile) -> String {
    let configuration = Configuration::read(&file.variables());
    let hooks = configuration.hooks.values().flatten();
    let entries = hooks.flat_map(|hook| {
        let of = format!("Verifies deliveries to the hook {} ({})", hook.name, hook.verify.scheme);
        hook.verify
            .all_secret_names()
            .map(move |name| format!(",\n      \"{name}\": {{ \"description\": \"{of}\" }}"))
    });
    entries.collect()
}

/// Random secrets for a hook, by name; `None` for one that only the sender can make.
///
/// # Errors
/// When the machine has no randomness.
pub(crate) fn of_hook(host: &impl Host, hook: &Hook) -> Result<Vec<(String, Option<String>)>> {
    let names: Vec<String> = hook.verify.all_secret_names().map(ToOwned::to_owned).collect();
    let mut secrets = Vec::new();
    for name in &names {
        let bytes = random_bytes(host)?;
        let hex = base16ct::lower::encode_string(&bytes);
        // Standard Webhooks, most others, and Basic authentication. Where any text is a secret, `whsec_` would mislead.
        let prefixed = has_prefix(hook).then(|| format!("whsec_{}", STANDARD.encode(bytes)));
        let mut forms = prefixed.into_iter().chain([hex.clone(), format!("seedhook:{hex}")]);
        let usable = forms.find(|secret| is_usable(hook, &names, secret));
        secrets.push((name.clone(), usable));
    }
    Ok(secrets)
}

/// Whether secrets of the hook's sender begin with `whsec_`, as those of Standard Webhooks do.
fn has_prefix(hook: &Hook) -> bool {
    let mut proofs = sender(&hook.verify.scheme).into_iter().flat_map(|sender| &sender.verify);
    proofs.any(|proof| proof.contains_key("secret_prefix"))
}

/// Whether a delivery to the hook can be signed with the secret.
fn is_usable(hook: &Hook, names: &[String], secret: &str) -> bool {
    let secrets: Secrets = names.iter().map(|name| (name.clone(), secret.to_owned())).collect();
    let config = LocalConfig::new(Configuration::read(&Map::new()), secrets, String::new());
    let now = Timestamp::from_millis(0);
    let headers = [("content-type".to_owned(), "application/json".to_owned())];
    let body = br#"{"value": [{}], "notificationItems": [{"NotificationRequestItem": {}}]}"#;
    let delivery = RawRequest::new("POST", "https://localhost/", headers, body.to_vec(), now);
    sign::signed(&config, hook, delivery, "msg", now).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::TestHost;

    #[test]
    fn a_secret_has_the_form_that_its_scheme_takes() {
        let forms = [
            ("standard-webhooks", "whsec_"),
            ("svix", "whsec_"),
            ("github", "0102"),
            ("bearer", "0102"),
            ("basic", "seedhook:"),
        ];
        for (scheme, start) in forms {
            let verify = json!({"scheme": scheme, "secret": "S"});
            let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
            let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
            let hook = configuration.hooks.into_values().next().unwrap().unwrap();
            let secrets = of_hook(&TestHost::new(), &hook).unwrap();
            let secret = secrets[0].1.as_deref().unwrap();
            assert!(secret.starts_with(start), "{scheme}: {secret}");
        }
    }
}
