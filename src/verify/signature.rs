//! A signature over the delivery, as data: where it is, how it is written, what it covers. Every sender that signs raw bytes
//! with HMAC, Ed25519 or ECDSA is a value of [`Signature`]; no sender has its own code.

mod list;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::age::{TimestampFormat, check_age};
use super::crypto::{Crypto, UnusableKey};
use super::error::{ProofError, SecretError};
use super::evidence::Evidence;
use super::key::{Algorithm, Encoding, Key, KeyForm};
use super::signed::{SignedText, SignedValues, has_too_many_fields};
use crate::digest::sha256_hex;
use crate::request::body::FIELDS_MAX;
use crate::request::source::{Source, View};
use list::ITEMS_MAX;
pub(crate) use list::ListSyntax;

/// The most signatures of one header that are checked; senders list two while they rotate a secret.
const SIGNATURES_MAX: usize = 16;

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Where signatures are. Any of several sources may hold the right one.
    pub(crate) at: Vec<Source>,
    /// Whether the first source belongs to the first secret, the second to the second, and so on.
    pub(crate) paired: bool,
    pub(crate) list: ListSyntax,
    /// The text before each signature, as `sha256=`.
    pub(crate) prefix: String,
    pub(crate) encoding: Encoding,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_form: KeyForm,
    pub(crate) signed: SignedText,
    pub(crate) timestamp: Option<SignedTimestamp>,
    /// The value of `{id}` in `signed`.
    pub(crate) id: Option<Source>,
    /// A list in the body, each item of which is signed by itself; `body` in the other sources is then the item. Configured
    /// as `each`.
    pub(crate) batch: Option<Source>,
    /// Where the sender states the SHA-256 of the body in hex, if `signed` covers that hash and not the body.
    pub(crate) body_hash: Option<Source>,
    /// Values that must be equal where they are present, as a version or an algorithm.
    pub(crate) expect: Vec<(Source, String)>,
    /// Whether the sender may sign the address with or without its port.
    pub(crate) any_port: bool,
}

/// The time at which the sender signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SignedTimestamp {
    pub(crate) at: Source,
    pub(crate) format: TimestampFormat,
    /// How far it may differ from now, before or after; `None`: any age is accepted.
    pub(crate) tolerance_ms: Option<i64>,
}

impl Signature {
    /// Checks the signatures of a delivery with any of the secrets.
    pub(super) async fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), ProofError> {
        self.check_form(evidence)?;
        let keys = secrets.iter().map(|secret| self.key(secret)).collect::<Result<Vec<Key>, _>>();
        let keys = keys.map_err(|problem| ProofError::new(format!("a secret {problem}")))?;
        let parts = View::whole(evidence.delivery).parts(self.batch.as_ref())?;
        for part in parts {
            self.check_part(evidence, part, &keys).await?;
        }
        Ok(())
    }

    /// Any caller can send a form, so its fields are counted before they are sorted.
    fn check_form(&self, evidence: &Evidence<'_>) -> Result<(), ProofError> {
        let is_sorted = self.signed.has_form() && evidence.delivery.is_form();
        if is_sorted && has_too_many_fields(&evidence.delivery.body) {
            return Err(ProofError::too_complex(format!(
                "the form has more than {FIELDS_MAX} fields: send fewer"
            )));
        }
        Ok(())
    }

    /// Reads a secret as a key.
    pub(super) fn key(&self, secret: &str) -> Result<Key, SecretError> {
        self.algorithm.key(secret, self.key_form)
    }

    async fn check_part(
        &self,
        evidence: &Evidence<'_>,
        view: View<'_>,
        keys: &[Key],
    ) -> Result<(), ProofError> {
        self.check_expected(view)?;
        let texts: Vec<_> = self.at.iter().map(|source| source.find(view)).collect();
        let Some(first) = texts.iter().flatten().next() else {
            return Err(ProofError::new(format!("{} is missing", self.label())));
        };
        let items = self.list.items(first);
        let view = View { items: &items, ..view };
        let timestamp = match &self.timestamp {
            None => String::new(),
            Some(signed) => signed.check(view, evidence).map_err(|failure| {
                let is_item = signed.at.item_label().is_some();
                is_item.then(|| self.list_failure(first)).flatten().unwrap_or(failure)
            })?,
        };
        let id = match &self.id {
            Some(source) => source
                .find(view)
                .filter(|id| !id.is_empty())
                .ok_or_else(|| ProofError::new(format!("{} is missing", source.label())))?,
            None => "".into(),
        };
        // Otherwise the text could be split in another way: `a.b` and `c` sign the same text as `a` and `b.c`.
        if self.signed.after_id().is_some_and(|separator| id.contains(separator)) {
            return Err(ProofError::new(
                "the id contains the separator between it and the rest of the signed text",
            ));
        }
        if let Some(source) = self.signed.unreadable(view) {
            return Err(ProofError::new(format!("{} must be a short text", source.label())));
        }
        self.check_body_hash(view)?;
        let values = SignedValues { view, url: evidence.url, timestamp: &timestamp, id: &id };
        self.check_texts(&texts, values, keys, evidence.crypto).await
    }

    /// Checks the signatures in the texts of the sources, until one is right.
    async fn check_texts(
        &self,
        texts: &[Option<Cow<'_, str>>],
        values: SignedValues<'_>,
        keys: &[Key],
        crypto: &dyn Crypto,
    ) -> Result<(), ProofError> {
        let label = self.label();
        let addresses = self.addresses(values.url);
        let mut failure = ProofError::new(format!("no signature in {label} is for a secret of this hook"));
        for (index, text) in texts.iter().enumerate() {
            let Some(text) = text else { continue };
            let signatures = match self.read_signatures(text) {
                Ok(signatures) => signatures,
                Err(failed) => {
                    failure = failed;
                    continue;
                }
            };
            let keys = if self.paired { keys.get(index..=index).unwrap_or_default() } else { keys };
            for url in &addresses {
                let assemble = || self.signed.assemble(SignedValues { url, ..values });
                for key in keys {
                    let verified = key.verifies(assemble, &signatures, crypto).await;
                    let unusable = |UnusableKey| {
                        ProofError::unusable_secret(SecretError::NotPublicKey(self.algorithm.name()))
                    };
                    if verified.map_err(unusable)? {
                        return Ok(());
                    }
                }
            }
            let (algorithm, signed) = (self.algorithm.name(), self.signed.as_str());
            let reason = format!("no signature in {label} is that of {algorithm} over {signed}");
            failure = ProofError::new(reason);
            if let Some(url) = addresses.last() {
                let message = self.signed.assemble(SignedValues { url, ..values });
                failure = failure.with_signed_text(&message);
            }
        }
        Err(failure)
    }

    /// The signatures in a header, decoded.
    fn read_signatures(&self, text: &str) -> Result<Vec<Vec<u8>>, ProofError> {
        let label = self.label();
        if text.is_empty() {
            return Err(ProofError::new(format!("{label} is empty")));
        }
        // A header that was sent twice is rejected, even if one of the two is right.
        if self.was_sent_twice(text) {
            return Err(self
                .list_failure(text)
                .unwrap_or_else(|| ProofError::new(format!("{label} was sent twice"))));
        }
        let signatures = self.signatures(&self.list.items(text));
        if signatures.is_empty() {
            let problem = self.list_failure(text);
            return Err(
                problem.unwrap_or_else(|| ProofError::new(format!("{label} holds no {}", self.form())))
            );
        }
        Ok(signatures)
    }

    /// Whether a header was sent twice. The runtime joins two headers of one name with `", "`. So it was sent twice if
    /// one part between `", "` is a whole header (it has a signature and, where the timestamp is an item, that too) and
    /// there is another part.
    fn was_sent_twice(&self, text: &str) -> bool {
        let separator = self.list.item_separator.as_deref();
        if separator.is_some_and(|separator| separator.contains(", ")) {
            return false;
        }
        let is_whole = |part: &str| {
            let items = self.list.items(part);
            let has_label = |label: &str| items.iter().any(|(found, _)| *found == label);
            match separator {
                None => !self.signatures(&items).is_empty(),
                Some(_) => has_label(self.list.signature_label()) && self.time_label().is_none_or(has_label),
            }
        };
        let whole = text.split(", ").take(ITEMS_MAX).filter(|part| is_whole(part)).count();
        // Without a list, both parts must be whole: otherwise the header is wrong for another reason.
        text.contains(", ") && whole > usize::from(separator.is_none())
    }

    /// What is wrong with the list in a header; `None` where nothing is.
    fn list_failure(&self, text: &str) -> Option<ProofError> {
        let header = self.label();
        let items = self.list.items(text);
        let count = |label: &str| items.iter().filter(|(found, _)| *found == label).count();
        let separator = self.list.item_separator.as_deref();
        if self.time_label().is_some_and(|label| count(label) > 1) {
            return Some(ProofError::new(format!("{header} was sent twice")));
        }
        if self.was_sent_twice(text) {
            // Without a timestamp in the list, two headers and one list look alike.
            let or = separator.filter(|_| self.time_label().is_none()).map(|separator| {
                format!(", or separates its items with \", \" where item_separator is \"{separator}\"")
            });
            return Some(ProofError::new(format!("{header} was sent twice{}", or.unwrap_or_default())));
        }
        let (between, label) = self.list.label.as_ref()?;
        let is_there = text.contains(&format!("{label}{between}"));
        let problem = match separator {
            Some(separator) => {
                format!("does not separate its items with \"{separator}\", as item_separator says")
            }
            None => "has several items, and item_separator is missing".to_owned(),
        };
        (is_there && count(label) == 0).then(|| ProofError::new(format!("{header} {problem}")))
    }

    /// The label of the timestamp, where that is an item beside the signature.
    fn time_label(&self) -> Option<&str> {
        self.timestamp.as_ref().and_then(|stamp| stamp.at.item_label())
    }

    fn check_expected(&self, view: View<'_>) -> Result<(), ProofError> {
        self.expect.iter().try_for_each(|(source, wanted)| match source.find(view) {
            Some(stated) if stated != *wanted => {
                Err(ProofError::new(format!("{} is not {wanted}", source.label())))
            }
            _ => Ok(()),
        })
    }

    /// Compares the body with its stated hash. The signed text covers the hash and, except for a form, not the body.
    #[inline(never)]
    fn check_body_hash(&self, view: View<'_>) -> Result<(), ProofError> {
        let Some(source) = &self.body_hash else { return Ok(()) };
        if self.signed.has_form() && view.delivery.is_form() {
            return Ok(());
        }
        match source.find(view) {
            None if view.delivery.body.is_empty() => Ok(()),
            None => {
                Err(ProofError::new(format!("{} is missing, and the body is not a form", source.label())))
            }
            Some(stated) if stated.eq_ignore_ascii_case(&sha256_hex(&view.delivery.body)) => Ok(()),
            Some(_) => Err(ProofError::new(format!("{} is not the SHA-256 of the body", source.label()))),
        }
    }

    fn signatures(&self, items: &[(&str, &str)]) -> Vec<Vec<u8>> {
        let wanted = self.list.signature_label();
        let values = items.iter().filter(|(label, _)| *label == wanted).map(|(_, value)| *value);
        let bytes = values.filter_map(|value| {
            self.encoding.decode(value.strip_prefix(self.prefix.as_str())?).filter(|bytes| !bytes.is_empty())
        });
        bytes.take(SIGNATURES_MAX).collect()
    }

    /// The addresses that the sender may have signed: as called, and with or without the default port.
    fn addresses(&self, url: &str) -> Vec<String> {
        let mut all = vec![url.to_owned()];
        if self.any_port {
            all.extend(other_port(url));
        }
        all
    }

    /// The names of the sources of signatures, for messages.
    fn label(&self) -> String {
        self.at.iter().map(Source::label).collect::<Vec<_>>().join(" or ")
    }

    /// How a signature is written, for messages.
    fn form(&self) -> String {
        let label = self.list.label.as_ref().map(|(separator, label)| format!("{label}{separator}"));
        format!("{}{}<{}>", label.unwrap_or_default(), self.prefix, self.encoding.name())
    }
}

impl SignedTimestamp {
    /// Checks the age, and returns the text of the timestamp.
    fn check(&self, view: View<'_>, evidence: &Evidence<'_>) -> Result<String, ProofError> {
        let text = self.at.find(view);
        let text = text.ok_or_else(|| ProofError::new(format!("{} is missing", self.at.label())))?;
        check_age(&text, self.format, self.tolerance_ms, evidence.now)
            .map_err(|problem| ProofError::new(format!("{}: {problem}", self.at.label())))?;
        Ok(text.into_owned())
    }
}

/// The address without its port, or with the default port of its scheme where it has none.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let (host, path) = rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))?;
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    match host.rsplit_once(':').filter(|(_, port)| is_port(port)) {
        Some((host, _)) => Some(format!("{scheme}://{host}{path}")),
        None => Some(format!("{scheme}://{host}:{}{path}", if scheme == "https" { 443 } else { 80 })),
    }
}
