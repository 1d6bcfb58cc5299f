//! Every hook that requests are thrown at: one for each sender and each of its proofs, many for each scheme that a
//! configuration can spell out, and SNS as it was recorded.

use std::sync::OnceLock;

use seedhook::config::Configuration;
use seedhook::config::sender::senders;
use seedhook::hook::Hook;
use seedhook::timestamp::Timestamp;
use seedhook::verify::VerifyContext;
use seedhook::verify::rust_crypto::RustCrypto;
use serde_json::{Map, Value, json};

use super::choices::Choices;
use super::generic;
use super::recorded::{Recorded, recorded};
use super::secret::{Form, PrivateKey};

/// The token of senders whose handshakes have one of their own.
pub(crate) const VERIFY_TOKEN: &str = "verify-token-5f0e6f1e";

/// How many hooks are drawn for each scheme that is spelt out.
const DRAWN: &[(&str, u64)] = &[
    ("hmac", 240),
    ("jwt", 32),
    ("field", 8),
    ("header", 4),
    ("query", 4),
    ("bearer", 2),
    ("basic", 2),
    ("ed25519", 12),
    ("ecdsa-p256", 8),
];

/// A hook, the secrets it knows, and those that a forger has instead.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) hook: Hook,
    /// What its sender proves, in the words of the configuration.
    pub(crate) proof: Map<String, Value>,
    /// The address as the sender knows it, where that is another.
    pub(crate) url: Option<String>,
    /// The values of the secrets that the hook names, in their order.
    pub(crate) secrets: Vec<String>,
    /// What a forger has in their place.
    pub(crate) wrong_secrets: Vec<String>,
    /// What the sender signs with where the hook has a public key, and what a forger has instead.
    pub(crate) private_keys: Option<[PrivateKey; 2]>,
    /// A genuine request, where only the sender can make one.
    pub(crate) recorded: Option<Recorded>,
    sender: Option<&'static str>,
}

/// Hooks in groups that are picked with different weights.
#[derive(Debug, Default)]
pub(crate) struct Cases {
    senders: Vec<Case>,
    drawn: Vec<Case>,
    /// Those with public keys.
    slow: Vec<Case>,
}

impl Cases {
    /// All of them, made when the first is asked for.
    pub(crate) fn all() -> &'static Self {
        static CASES: OnceLock<Cases> = OnceLock::new();
        CASES.get_or_init(|| {
            let mut cases = Self::default();
            let drawn =
                DRAWN.iter().flat_map(|(scheme, count)| (0..*count).map(|seed| Case::drawn(scheme, seed)));
            let all =
                senders().iter().flat_map(Case::of_sender).chain(drawn).chain(recorded().map(Case::recorded));
            for case in all {
                let is_slow = case.private_keys.is_some() || case.recorded.is_some();
                let group = match case.sender {
                    _ if is_slow => &mut cases.slow,
                    Some(_) => &mut cases.senders,
                    None => &mut cases.drawn,
                };
                group.push(case);
            }
            cases
        })
    }

    pub(crate) fn pick(&self, choices: &mut Choices<'_>) -> &Case {
        let cases = match choices.below(24) {
            0..11 => &self.senders,
            11..23 => &self.drawn,
            _ => &self.slow,
        };
        &cases[choices.below(cases.len())]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Case> {
        self.senders.iter().chain(&self.drawn).chain(&self.slow)
    }

    /// One whose request is recorded.
    pub(crate) fn pick_recorded(&self, choices: &mut Choices<'_>) -> &Recorded {
        let all: Vec<&Recorded> = self.slow.iter().filter_map(|case| case.recorded.as_ref()).collect();
        choices.pick(&all)
    }
}

impl Case {
    /// One for each proof of a sender.
    fn of_sender(sender: &'static seedhook::config::sender::Sender) -> Vec<Self> {
        // Only AWS can sign for SNS: it is recorded.
        let proofs = sender.verify.iter().filter(|proof| proof["scheme"] != "aws-sns");
        let make = |(index, proof): (usize, &Map<String, Value>)| {
            let form = Form::of(proof);
            let count = if proof.get("paired").is_some() { 2 } else { 1 };
            let keys = form.keys(&format!("{} {index}", sender.name), count);
            let mut verify = json!({"scheme": sender.name, "secret": names(count)});
            if sender.asks.iter().any(|asked| asked == "verify_token") {
                verify["verify_token"] = json!("VERIFY_TOKEN");
            }
            let name = format!("{}/{}", sender.name, proof["scheme"].as_str().unwrap_or_default());
            Self {
                hook: read(&verify, &json!({})),
                name,
                proof: proof.clone(),
                url: None,
                secrets: keys.right,
                wrong_secrets: keys.wrong,
                private_keys: keys.private,
                recorded: None,
                sender: Some(&sender.name),
            }
        };
        proofs.enumerate().map(make).collect()
    }

    /// One of a scheme, with its options drawn.
    fn drawn(scheme: &str, seed: u64) -> Self {
        let mut bytes = [0; 64];
        fastrand::Rng::with_seed(seed).fill(&mut bytes);
        let drawn = generic::draw(scheme, &mut Choices::new(&bytes));
        let keys = Form::of(&drawn.verify).keys(&format!("{scheme} {seed}"), drawn.secrets);
        let mut verify = drawn.verify.clone();
        verify.insert("secret".to_owned(), json!(names(drawn.secrets)));
        Self {
            hook: read(&Value::Object(verify), &drawn.rest),
            name: format!("{scheme} {seed}: {}", Value::Object(drawn.verify.clone())),
            url: drawn.verify.get("url").and_then(Value::as_str).map(ToOwned::to_owned),
            proof: drawn.verify,
            secrets: keys.right,
            wrong_secrets: keys.wrong,
            private_keys: keys.private,
            recorded: None,
            sender: None,
        }
    }

    fn recorded(recorded: Recorded) -> Self {
        Self {
            name: recorded.name.clone(),
            hook: read(&Value::Object(recorded.verify.clone()), &json!({})),
            proof: recorded.verify.clone(),
            url: None,
            secrets: Vec::new(),
            wrong_secrets: Vec::new(),
            private_keys: None,
            recorded: Some(recorded),
            sender: Some("aws-sns"),
        }
    }

    pub(crate) fn scheme(&self) -> &str {
        self.proof["scheme"].as_str().unwrap_or_default()
    }

    /// A word of what is to be proved.
    pub(crate) fn word(&self, name: &str) -> Option<&str> {
        self.proof.get(name).and_then(Value::as_str)
    }

    /// Where signatures stand.
    pub(crate) fn signature_places(&self) -> Vec<String> {
        let (field, root) =
            if self.proof.contains_key("signature") { ("signature", "") } else { ("header", "headers.") };
        match self.proof.get(field) {
            Some(Value::Array(places)) => {
                places.iter().filter_map(Value::as_str).map(|place| format!("{root}{place}")).collect()
            }
            place => {
                place.and_then(Value::as_str).map(|place| format!("{root}{place}")).into_iter().collect()
            }
        }
    }

    /// The headers in which signatures, or the secret itself, may stand, in lower case.
    pub(crate) fn proof_headers(&self) -> Vec<String> {
        let places = self.signature_places().join("|").to_ascii_lowercase();
        places.split('|').filter_map(|place| place.strip_prefix("headers.")).map(ToOwned::to_owned).collect()
    }

    /// What stands between the label of a signature and the signature.
    pub(crate) fn label_separator(&self) -> Option<&str> {
        self.word("field_separator").or(self.word("label").map(|_| "="))
    }

    /// How far a signed moment may lie from now; none: however far.
    pub(crate) fn tolerance_ms(&self) -> Option<i64> {
        match self.proof.get("tolerance") {
            None if self.scheme() == "aws-sns" => Some(3_900_000),
            None => Some(300_000),
            Some(Value::String(none)) if none == "none" => None,
            Some(Value::String(text)) => {
                let (number, unit) = text.split_at(text.len() - 1);
                let seconds = [("s", 1), ("m", 60), ("h", 3_600)].into_iter().find(|(name, _)| *name == unit);
                Some(number.parse::<i64>().expect("a number") * seconds.expect("a unit").1 * 1_000)
            }
            Some(seconds) => Some(seconds.as_i64().expect("seconds") * 1_000),
        }
    }

    /// The handshakes of its sender, in the words of the configuration.
    pub(crate) fn handshakes(&self) -> impl Iterator<Item = &'static Map<String, Value>> {
        let sender = self.sender.and_then(seedhook::config::sender::sender);
        sender.into_iter().flat_map(|sender| &sender.handshakes)
    }

    /// Calls with what the hook is given when a request arrives.
    pub(crate) fn with_context<T>(
        &self,
        certificate_url: Option<&str>,
        now: Timestamp,
        call: impl FnOnce(&VerifyContext<'_>) -> T,
    ) -> T {
        let secret = |name: &str| value_of(name, &self.secrets);
        let certificate = certificate_url.and_then(|address| self.certificate(address));
        call(&VerifyContext { secret: &secret, certificate, crypto: &RustCrypto, now })
    }

    /// What lies at an address of SNS: among them the certificates of other topics, which are genuine, too.
    pub(crate) fn certificate(&self, address: &str) -> Option<&str> {
        let others = Cases::all().slow.iter().filter_map(|case| case.recorded.as_ref());
        let found =
            self.recorded.iter().chain(others).find_map(|recorded| recorded.certificates.get(address));
        found.and_then(Value::as_str)
    }
}

/// `SECRET_0`, `SECRET_1`, …
fn names(count: usize) -> Vec<String> {
    (0..count).map(|index| format!("SECRET_{index}")).collect()
}

/// The value of a secret by its name.
pub(crate) fn value_of(name: &str, secrets: &[String]) -> Option<String> {
    if name == "VERIFY_TOKEN" {
        return Some(VERIFY_TOKEN.to_owned());
    }
    let index: usize = name.strip_prefix("SECRET_")?.parse().ok()?;
    secrets.get(index).cloned()
}

/// A hook that says `verify`, and what `rest` says besides.
fn read(verify: &Value, rest: &Value) -> Hook {
    let mut hook = json!({
        "workspace": "w", "database": "d", "workflow": "f", "verify": verify,
        "params": {
            "all": "{{ body }}", "id": "{{ delivery.id }}", "sha": "for {{ body_sha256 }}",
            "first": "{{ body.items[0].name | default('none') }}", "count": "{{ headers | length + query | length }}",
        },
    });
    for (name, value) in rest.as_object().into_iter().flatten() {
        hook[name] = value.clone();
    }
    let vars = json!({"HOOKS": {"h": hook}});
    let configuration = Configuration::read(vars.as_object().expect("an object"));
    let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
    let hook = configuration.hooks.into_values().next().and_then(Result::ok);
    hook.unwrap_or_else(|| panic!("{verify} is no hook: {}", mistakes.join("; ")))
}
