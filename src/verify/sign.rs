//! The other side: what a sender that knows the secret would send. For `cargo xtask sign`, and for tests that must not
//! have a signer of their own.
//!
//! It is made from the same data as the check, so that a sender that can be verified can be signed for, too.

use serde_json::Value;

use super::signature::{Signature, Stamp};
use super::signed::Parts;
use super::{Evidence, Means, Proof, Verification};
use crate::digest::sha256_hex;
use crate::request::RawRequest;
use crate::request::source::{Source, View};
use crate::timestamp::Timestamp;

/// A delivery to be signed.
#[derive(Debug)]
pub struct Draft<'a> {
    /// What is sent, without what proves anything.
    pub delivery: RawRequest,
    /// The id of the event, for senders that sign one.
    pub id: &'a str,
}

impl Verification {
    /// Adds what proves a delivery genuine, under the first secret. Where the sender signs in the body, the body is
    /// written anew.
    ///
    /// # Errors
    /// In words, where only the sender can sign, a secret cannot be used, or the body does not fit.
    pub fn sign(&self, draft: Draft<'_>, means: &Means<'_>) -> Result<RawRequest, String> {
        let Some(name) = self.secret_names.first() else {
            return if self.is_open() {
                Ok(draft.delivery)
            } else {
                Err("only AWS can sign for SNS".to_owned())
            };
        };
        let secret = self.secret(name, means.secret).map_err(|error| error.to_string())?;
        let choice = self.choice(&secret).and_then(|index| self.proofs.get(index));
        let choice = choice.ok_or("no proof of this scheme is for this secret")?;
        let Draft { mut delivery, id } = draft;
        match &choice.proof {
            Proof::Signature(signature) => signature.sign(&mut delivery, self, &secret, id, means.now)?,
            Proof::Token(token) => {
                for part in parts(token.each.as_ref(), &delivery)? {
                    token.at.put(&mut delivery, part.as_deref(), token.show(&secret).into())?;
                }
            }
            Proof::Jwt(jwt) => {
                let key = jwt.key(&secret)?;
                let url = self.called_url(&delivery);
                let evidence = Evidence { delivery: &delivery, url: &url, certificate: None, now: means.now };
                let token = jwt.issue(&key, &evidence, id).ok_or("this token cannot be made")?;
                jwt.at.put(&mut delivery, None, token.into())?;
            }
            Proof::Sns(_) => return Err("only AWS can sign for SNS".to_owned()),
        }
        Ok(delivery)
    }
}

impl Signature {
    fn sign(
        &self,
        delivery: &mut RawRequest,
        verification: &Verification,
        secret: &str,
        id: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        let key = self.key(secret)?;
        let at = self.at.first().ok_or("the signature has no place")?;
        for (source, wanted) in self.expect.iter().filter(|(source, _)| source.header_name().is_some()) {
            source.put(delivery, None, wanted.clone().into())?;
        }
        let timestamp = self.timestamp.as_ref().map(|stamp| stamp.unit.write(now)).unwrap_or_default();
        for part in parts(self.each.as_ref(), delivery)? {
            let part = part.as_deref();
            if let Some(stamp) = &self.timestamp {
                stamp.write(delivery, part, &timestamp)?;
            }
            if let Some(source) = &self.id {
                source.put(delivery, part, id.into())?;
            }
            self.state_body_hash(delivery)?;
            let value = part.and_then(|path| delivery.value().and_then(|body| Source::value_by(body, path)));
            let items = [("t", timestamp.as_str())];
            let view = View { body: value, items: &items, ..View::of(delivery) };
            let url = verification.called_url(delivery);
            let message = self.signed.assemble(Parts { view, url: &url, timestamp: &timestamp, id });
            let signature = key.sign(&message).ok_or("only the sender has the private key to sign with")?;
            let text =
                self.list_with(&timestamp, &format!("{}{}", self.prefix, self.encoding.encode(&signature)));
            at.put(delivery, part, text.into())?;
        }
        Ok(())
    }

    fn state_body_hash(&self, delivery: &mut RawRequest) -> Result<(), String> {
        match &self.body_hash {
            Some(source) if !(self.signed.has_form() && delivery.is_form()) => {
                let hash = sha256_hex(&delivery.body);
                source.put(delivery, None, hash.into())
            }
            _ => Ok(()),
        }
    }

    /// The signature as an item of its list, after the timestamp where that is an item, too.
    fn list_with(&self, timestamp: &str, signature: &str) -> String {
        let Some((separator, label)) = &self.list.label else { return signature.to_owned() };
        let signature = format!("{label}{separator}{signature}");
        let stamp = self.timestamp.as_ref().and_then(|stamp| stamp.at.item_label());
        match (stamp, &self.list.item_separator) {
            (Some(stamp), Some(between)) => format!("{stamp}{separator}{timestamp}{between}{signature}"),
            _ => signature,
        }
    }
}

impl Stamp {
    /// An item of the signature's header is written with the signature.
    fn write(&self, delivery: &mut RawRequest, part: Option<&[String]>, text: &str) -> Result<(), String> {
        if self.at.item_label().is_some() {
            return Ok(());
        }
        // In a body it is a number, where it is written as one.
        let number = self.at.body_path().and_then(|_| text.parse::<i64>().ok());
        self.at.put(delivery, part, number.map_or_else(|| Value::from(text), Value::from))
    }
}

/// The paths of the parts that are signed one by one; one nameless part where the body is signed as a whole.
fn parts(each: Option<&Source>, delivery: &RawRequest) -> Result<Vec<Option<Vec<String>>>, String> {
    let Some(each) = each else { return Ok(vec![None]) };
    let path = each.body_path().unwrap_or_default();
    let list = each.find_value(View::of(delivery)).filter(|list| list.is_list());
    let count = list.ok_or_else(|| format!("{} is no list", each.as_str()))?.count();
    Ok((0..count).map(|index| Some([path, &[index.to_string()]].concat())).collect())
}
