//! The steps that connect a sender to a hook: where to click or what to call, and where the secret comes from.
//!
//! The steps of a known sender are in `senders.json`; those of any other follow from the hook's scheme.

use super::sender::{Sender, read_sender};
use crate::hook::Hook;
use crate::request::source::Source;
use crate::verify::key::{Algorithm, Encoding};
use crate::verify::signature::Signature;
use crate::verify::token::{Token, TokenForm};
use crate::verify::{Proof, Verification};

/// The steps that connect a hook's sender, in order. `url` is the hook's whole address; the hook's own `verify.url` replaces it,
/// because that is the address that the sender calls. A hook without a sender has one step: there is nothing to do.
#[must_use]
pub fn setup_steps(hook: &Hook, url: &str) -> Vec<String> {
    if !hook.has_address() {
        return vec!["Nobody calls this hook: its schedule starts its runs.".to_owned()];
    }
    let verify = &hook.verify;
    let url = verify.url.as_deref().unwrap_or(url);
    let known = hook.sender.as_deref().and_then(|name| read_sender(name).ok().flatten());
    known.map_or_else(|| steps_of_scheme(verify, url), |sender| sender.setup_steps(url, &verify.secret_names))
}

impl Sender {
    /// Its steps for a hook with this whole address and these names of secrets.
    #[must_use]
    pub fn setup_steps(&self, url: &str, secret_names: &[String]) -> Vec<String> {
        self.setup.iter().map(|step| fill(step, url, secret_names)).collect()
    }
}

/// Fills `{url}` and `{secret}`. Several secrets are joined with " and "; code with `{secret}`, which is a command, is repeated
/// for each of them.
fn fill(step: &str, url: &str, secret_names: &[String]) -> String {
    let mut filled = String::new();
    for (index, piece) in step.split('`').enumerate() {
        // Code is between backticks.
        let is_code = index % 2 == 1;
        let piece = match (is_code, piece.contains("{secret}")) {
            (true, true) => {
                let each = secret_names.iter().map(|name| format!("`{}`", piece.replace("{secret}", name)));
                each.collect::<Vec<_>>().join(" and ")
            }
            (true, false) => format!("`{piece}`"),
            (false, _) => piece.replace("{secret}", &secret_names.join(" and ")),
        };
        filled += &piece.replace("{url}", url);
    }
    filled
}

/// The steps for a hook that describes its sender itself.
fn steps_of_scheme(verify: &Verification, url: &str) -> Vec<String> {
    let mut steps =
        vec![fill("Give the sender the address {url}, for requests with the method POST.", url, &[])];
    let proof = verify.proofs.first().map(|keyed| &keyed.proof);
    if !verify.secret_names.is_empty() {
        let origin = match proof {
            Some(Proof::Signature(signature))
                if matches!(signature.algorithm, Algorithm::Ed25519 | Algorithm::EcdsaP256) =>
            {
                "The secret is the sender's public key."
            }
            Some(Proof::Token(Token { form: TokenForm::Basic, .. })) => {
                "The secret is `user:password`: invent both, and enter them at the sender."
            }
            _ => {
                "Take the secret that the sender shows, or invent one (`openssl rand -hex 32`) and enter it at the sender."
            }
        };
        let step = format!("{origin} Set it: `npx wrangler secret put {{secret}}`.");
        steps.push(fill(&step, url, &verify.secret_names));
    }
    steps.push(match proof {
        // Who has no sender has no steps.
        None | Some(Proof::Nobody) => {
            "Nothing proves who calls: anybody who knows the address may send events.".to_owned()
        }
        Some(Proof::Signature(signature)) => step_of_signature(signature),
        Some(Proof::Token(token)) => step_of_token(token),
        Some(Proof::Jwt(jwt)) => {
            format!("The sender signs a JSON Web Token with the secret and sends it in {}.", place(&jwt.at))
        }
        Some(Proof::Sns(_)) => "Amazon SNS signs each message with its own certificate.".to_owned(),
    });
    steps
}

/// "The sender signs each delivery. The signature (HMAC-SHA256, hex) is in the header `x-acme-signature`, after `sha256=`."
fn step_of_signature(signature: &Signature) -> String {
    let encoding = match signature.encoding {
        Encoding::Hex => "hex",
        Encoding::Base64 => "base64",
    };
    let algorithm = match signature.algorithm {
        Algorithm::HmacSha1 => "HMAC-SHA1",
        Algorithm::HmacSha256 => "HMAC-SHA256",
        Algorithm::HmacSha384 => "HMAC-SHA384",
        Algorithm::HmacSha512 => "HMAC-SHA512",
        Algorithm::Ed25519 => "ed25519",
        Algorithm::EcdsaP256 => "ECDSA P-256",
    };
    let places = signature.at.iter().map(place).collect::<Vec<_>>().join(" or ");
    let label = match &signature.list.label {
        Some((separator, label)) => format!(", after `{label}{separator}`"),
        None => String::new(),
    };
    let prefix = match signature.prefix.as_str() {
        "" => String::new(),
        prefix => format!(", after `{prefix}`"),
    };
    let time = match &signature.timestamp {
        Some(timestamp) => format!(" The time is in {}.", place(&timestamp.at)),
        None => String::new(),
    };
    format!(
        "The sender signs each delivery. The signature ({algorithm}, {encoding}) is in {places}{label}{prefix}.{time}"
    )
}

fn step_of_token(token: &Token) -> String {
    match (token.form, token.at.query_name()) {
        (TokenForm::Bearer, _) => {
            "The sender sends the header `authorization` with `Bearer`, a space and the secret.".to_owned()
        }
        (TokenForm::Basic, _) => {
            "The sender sends user and password as Basic authentication, in the header `authorization`."
                .to_owned()
        }
        (TokenForm::Plain, Some(name)) => {
            format!("The address that you give to the sender ends in `?{name}=` and the secret.")
        }
        (TokenForm::Plain, None) => format!("The sender sends the secret in {}.", place(&token.at)),
    }
}

/// "the header `x-acme-token`", or a place such as "`body.token`".
fn place(source: &Source) -> String {
    match source.item_label() {
        Some(label) => format!("the item `{label}` of the same header"),
        None if source.header_name().is_some() => format!("the header `{}`", source.label()),
        None => format!("`{}`", source.as_str()),
    }
}

#[cfg(test)]
mod tests;
