//! A signature over the delivery, as data: where it stands, how it is written, what it covers. All senders that sign
//! raw bytes with HMAC, ed25519 or ECDSA are values of [`Signature`]; none has code of its own.

use super::age::{TimeUnit, check_age};
use super::key::{Algorithm, Encoding, Key, KeyForm, sha256_hex};
use super::signed::{Parts, SignedText};
use super::source::{Source, View};
use super::{Evidence, Refusal};

/// The most signatures that one header may list; senders list two while they rotate a secret.
const SIGNATURES_MAX: usize = 16;

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Where signatures stand; of several places any may hold the right one…
    pub(in crate::hook) at: Vec<Source>,
    /// …unless each is for the secret at its own place in the list of secrets.
    pub(in crate::hook) paired: bool,
    /// How they are listed there.
    pub(in crate::hook) list: List,
    /// What stands before each.
    pub(in crate::hook) prefix: String,
    pub(in crate::hook) encoding: Encoding,
    pub(in crate::hook) algorithm: Algorithm,
    pub(in crate::hook) key_form: KeyForm,
    /// What is signed.
    pub(in crate::hook) signed: SignedText,
    /// When it was signed.
    pub(in crate::hook) timestamp: Option<Stamp>,
    /// What `{id}` stands for.
    pub(in crate::hook) id: Option<Source>,
    /// A list in the body, each element of which has a signature of its own and is `body` to the other sources.
    pub(in crate::hook) each: Option<Source>,
    /// Where the SHA-256 of a body that the signature does not cover itself is stated, in hex.
    pub(in crate::hook) body_hash: Option<Source>,
    /// What stands at these places, where something does (a version, an algorithm).
    pub(in crate::hook) expect: Vec<(Source, String)>,
    /// The sender may sign the address with or without its port.
    pub(in crate::hook) any_port: bool,
}

/// How several signatures, or other items, stand in one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::hook) struct List {
    /// Between items; none: the text is one signature.
    pub(in crate::hook) item_separator: Option<String>,
    /// Between an item's label and its value, and the label that signatures have.
    pub(in crate::hook) label: Option<(String, String)>,
}

/// A signed moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::hook) struct Stamp {
    pub(in crate::hook) at: Source,
    pub(in crate::hook) unit: TimeUnit,
    /// How far it may lie from now, either way; none: its age is not judged.
    pub(in crate::hook) tolerance_ms: Option<i64>,
}

impl Signature {
    /// Proves a delivery genuine under any of the secrets.
    pub(super) fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), Refusal> {
        let keys: Vec<Key> = secrets.iter().filter_map(|secret| self.key(secret).ok()).collect();
        let parts = View::of(evidence.delivery).parts(self.each.as_ref())?;
        parts.into_iter().try_for_each(|part| self.check_part(evidence, part, &keys))
    }

    /// The key of a secret.
    pub(super) fn key(&self, secret: &str) -> Result<Key, String> {
        self.algorithm.key(secret, self.key_form)
    }

    fn check_part(&self, evidence: &Evidence<'_>, view: View<'_>, keys: &[Key]) -> Result<(), Refusal> {
        self.check_expected(view)?;
        let texts: Vec<_> = self.at.iter().map(|source| source.find(view)).collect();
        let Some(first) = texts.iter().flatten().next() else {
            return Err(Refusal::new(format!("{} is missing", self.places())));
        };
        let items = self.list.items(first);
        let whole_view = View { items: &items, ..view };
        let timestamp = match &self.timestamp {
            None => String::new(),
            Some(stamp) => stamp.check(whole_view, evidence)?,
        };
        let id = match &self.id {
            Some(source) => source
                .find(whole_view)
                .filter(|id| !id.is_empty())
                .ok_or_else(|| Refusal::new(format!("{} is missing", source.label())))?,
            None => "".into(),
        };
        // Else the three could be cut elsewhere: `a.b` and `c` sign the same text as `a` and `b.c`.
        if self.signed.after_id().is_some_and(|separator| id.contains(separator)) {
            return Err(Refusal::new("the id contains what separates it from the rest of the signed text"));
        }
        if let Some(source) = self.signed.unreadable(whole_view) {
            return Err(Refusal::new(format!("{} is no text, or too long", source.label())));
        }
        self.check_body_hash(view)?;
        let mut refusal =
            Refusal::new(format!("no signature in {} is for a secret of this hook", self.places()));
        for (place, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            let signatures = match self.read_signatures(text) {
                Ok(signatures) => signatures,
                Err(refused) => {
                    refusal = refused;
                    continue;
                }
            };
            let keys = if self.paired { keys.get(place..=place).unwrap_or_default() } else { keys };
            let mut message = Vec::new();
            for url in self.addresses(evidence.url) {
                message = self.signed.assemble(Parts {
                    view: whole_view,
                    url: &url,
                    timestamp: &timestamp,
                    id: &id,
                });
                if keys.iter().any(|key| key.verifies(&message, &signatures)) {
                    return Ok(());
                }
            }
            let (algorithm, signed) = (self.algorithm.name(), self.signed.as_str());
            let reason = format!("no signature in {} is that of {algorithm} over {signed}", self.places());
            refusal = Refusal::new(reason).over(&message);
        }
        Err(refusal)
    }

    /// The signatures in a header, decoded.
    fn read_signatures(&self, text: &str) -> Result<Vec<Vec<u8>>, Refusal> {
        let place = self.places();
        if text.is_empty() {
            return Err(Refusal::new(format!("{place} is empty")));
        }
        if self.list.was_doubled(text) {
            return Err(Refusal::new(format!("{place} was sent twice")));
        }
        let signatures = self.signatures(&self.list.items(text));
        if signatures.is_empty() {
            return Err(Refusal::new(format!("{place} holds no {}", self.form())));
        }
        Ok(signatures)
    }

    fn check_expected(&self, view: View<'_>) -> Result<(), Refusal> {
        self.expect.iter().try_for_each(|(source, wanted)| match source.find(view) {
            Some(stated) if stated != *wanted => {
                Err(Refusal::new(format!("{} is not {wanted}", source.label())))
            }
            _ => Ok(()),
        })
    }

    /// A body that the signed text leaves out must be covered by a hash that the signed text has in it.
    fn check_body_hash(&self, view: View<'_>) -> Result<(), Refusal> {
        let Some(source) = &self.body_hash else { return Ok(()) };
        if self.signed.has_form() && view.delivery.is_form() {
            return Ok(());
        }
        match source.find(view) {
            None if view.delivery.body.is_empty() => Ok(()),
            None => Err(Refusal::new(format!("{} is missing, and the body is no form", source.label()))),
            Some(stated) if stated.eq_ignore_ascii_case(&sha256_hex(&view.delivery.body)) => Ok(()),
            Some(_) => Err(Refusal::new(format!("{} is not the SHA-256 of the body", source.label()))),
        }
    }

    fn signatures(&self, items: &[(&str, &str)]) -> Vec<Vec<u8>> {
        let wanted = self.list.label.as_ref().map_or("", |(_, label)| label);
        let values = items.iter().filter(|(label, _)| *label == wanted).map(|(_, value)| *value);
        let bytes = values.filter_map(|value| {
            self.encoding.decode(value.strip_prefix(self.prefix.as_str())?).filter(|bytes| !bytes.is_empty())
        });
        bytes.take(SIGNATURES_MAX).collect()
    }

    /// The addresses that may have been signed: as called, and with or without the scheme's own port.
    fn addresses(&self, url: &str) -> Vec<String> {
        let mut all = vec![url.to_owned()];
        if self.any_port {
            all.extend(other_port(url));
        }
        all
    }

    /// Where signatures stand, for a person.
    pub(super) fn places(&self) -> String {
        self.at.iter().map(Source::label).collect::<Vec<_>>().join(" or ")
    }

    /// How a signature is written, for a person.
    fn form(&self) -> String {
        let label = self.list.label.as_ref().map(|(separator, label)| format!("{label}{separator}"));
        format!("{}{}<{}>", label.unwrap_or_default(), self.prefix, self.encoding.name())
    }
}

impl Stamp {
    fn check(&self, view: View<'_>, evidence: &Evidence<'_>) -> Result<String, Refusal> {
        let text = self.at.find(view);
        let text = text.ok_or_else(|| Refusal::new(format!("{} is missing", self.at.label())))?;
        check_age(&text, self.unit, self.tolerance_ms, evidence.now)
            .map_err(|problem| Refusal::new(format!("{}: {problem}", self.at.label())))?;
        Ok(text.into_owned())
    }
}

impl List {
    /// Two headers of the same name reach us joined by a comma and a space, which no list of a sender contains.
    fn was_doubled(&self, text: &str) -> bool {
        let separates = self.item_separator.as_deref().is_some_and(|separator| separator.contains(", "));
        !separates && text.contains(", ")
    }

    /// The items with their labels; without a list one item, whose label is empty.
    fn items<'a>(&self, text: &'a str) -> Vec<(&'a str, &'a str)> {
        let texts: Vec<&str> = match &self.item_separator {
            Some(separator) => text.split(separator.as_str()).take(4 * SIGNATURES_MAX).collect(),
            None => vec![text],
        };
        match &self.label {
            Some((separator, _)) => {
                texts.into_iter().filter_map(|item| item.split_once(separator.as_str())).collect()
            }
            None => texts.into_iter().map(|item| ("", item)).collect(),
        }
    }
}

/// The address without its port, or with its scheme's where it has none.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))?;
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match host.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, _)) => Some(format!("{scheme}://{host}{path}")),
        None => Some(format!("{scheme}://{host}:{}{path}", if scheme == "https" { 443 } else { 80 })),
    }
}
