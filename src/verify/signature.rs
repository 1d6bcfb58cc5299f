//! A signature over the delivery, as data: where it stands, how it is written, what it covers. All senders that sign
//! raw bytes with HMAC, ed25519 or ECDSA are values of [`Signature`]; none has code of its own.

use super::age::{TimeUnit, check_age};
use super::key::{Algorithm, Encoding, Key, KeyForm};
use super::signed::{Parts, SignedText, has_too_many_fields};
use super::{Evidence, Refusal};
use crate::digest::sha256_hex;
use crate::request::body::FIELDS_MAX;
use crate::request::source::{Source, View};

/// The most signatures that one header may list; senders list two while they rotate a secret.
const SIGNATURES_MAX: usize = 16;

/// The most items of one header that are looked at: signatures, and what stands beside them.
const ITEMS_MAX: usize = 4 * SIGNATURES_MAX;

/// How a sender signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Where signatures stand; of several places any may hold the right one…
    pub(crate) at: Vec<Source>,
    /// …unless each is for the secret at its own place in the list of secrets.
    pub(crate) paired: bool,
    /// How they are listed there.
    pub(crate) list: List,
    /// What stands before each.
    pub(crate) prefix: String,
    pub(crate) encoding: Encoding,
    pub(crate) algorithm: Algorithm,
    pub(crate) key_form: KeyForm,
    /// What is signed.
    pub(crate) signed: SignedText,
    /// When it was signed.
    pub(crate) timestamp: Option<Stamp>,
    /// What `{id}` stands for.
    pub(crate) id: Option<Source>,
    /// A list in the body, each element of which has a signature of its own and is `body` to the other sources.
    pub(crate) each: Option<Source>,
    /// Where the SHA-256 of a body that the signature does not cover itself is stated, in hex.
    pub(crate) body_hash: Option<Source>,
    /// What stands at these places, where something does (a version, an algorithm).
    pub(crate) expect: Vec<(Source, String)>,
    /// The sender may sign the address with or without its port.
    pub(crate) any_port: bool,
}

/// How several signatures, or other items, stand in one text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct List {
    /// Between items; none: the text is one signature.
    pub(crate) item_separator: Option<String>,
    /// Between an item's label and its value, and the label that signatures have.
    pub(crate) label: Option<(String, String)>,
}

/// A signed moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) at: Source,
    pub(crate) unit: TimeUnit,
    /// How far it may lie from now, either way; none: its age is not judged.
    pub(crate) tolerance_ms: Option<i64>,
}

impl Signature {
    /// Proves a delivery genuine under any of the secrets.
    pub(super) fn check(&self, evidence: &Evidence<'_>, secrets: &[&str]) -> Result<(), Refusal> {
        self.check_form(evidence)?;
        let keys: Vec<Key> = secrets.iter().filter_map(|secret| self.key(secret).ok()).collect();
        let parts = View::of(evidence.delivery).parts(self.each.as_ref())?;
        parts.into_iter().try_for_each(|part| self.check_part(evidence, part, &keys))
    }

    /// Anybody can send a form: it is not sorted before its fields are counted.
    fn check_form(&self, evidence: &Evidence<'_>) -> Result<(), Refusal> {
        let is_sorted = self.signed.has_form() && evidence.delivery.is_form();
        if is_sorted && has_too_many_fields(&evidence.delivery.body) {
            return Err(Refusal::too_complex(format!(
                "the form has more than {FIELDS_MAX} fields: send fewer"
            )));
        }
        Ok(())
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
            Some(stamp) => stamp.check(whole_view, evidence).map_err(|refusal| {
                let is_item = stamp.at.item_label().is_some();
                is_item.then(|| self.list_problem(first)).flatten().unwrap_or(refusal)
            })?,
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
        // A header that was sent twice is refused, even where one of the two is right.
        if self.was_doubled(text) {
            return Err(self
                .list_problem(text)
                .unwrap_or_else(|| Refusal::new(format!("{place} was sent twice"))));
        }
        let signatures = self.signatures(&self.list.items(text));
        if signatures.is_empty() {
            let problem = self.list_problem(text);
            return Err(problem.unwrap_or_else(|| Refusal::new(format!("{place} holds no {}", self.form()))));
        }
        Ok(signatures)
    }

    /// Whether a header was sent twice. Two of one name reach us joined by a comma and a space, so it was where something
    /// stands beside a whole header: a part between `", "` that has a signature and, where the signed time is an item,
    /// that too.
    fn was_doubled(&self, text: &str) -> bool {
        let separator = self.list.item_separator.as_deref();
        if separator.is_some_and(|separator| separator.contains(", ")) {
            return false;
        }
        let is_whole = |part: &str| {
            let items = self.list.items(part);
            let has_label = |label: &str| items.iter().any(|(found, _)| *found == label);
            match separator {
                None => !self.signatures(&items).is_empty(),
                Some(_) => has_label(self.list.signature_label()) && self.stamp_label().is_none_or(has_label),
            }
        };
        let whole = text.split(", ").take(ITEMS_MAX).filter(|part| is_whole(part)).count();
        // Without a list no such header verifies; to be called twice, both have to be there.
        text.contains(", ") && whole > usize::from(separator.is_none())
    }

    /// What is wrong with how a header lists its items, where something is.
    fn list_problem(&self, text: &str) -> Option<Refusal> {
        let place = self.places();
        let items = self.list.items(text);
        let count = |label: &str| items.iter().filter(|(found, _)| *found == label).count();
        let separator = self.list.item_separator.as_deref();
        if self.stamp_label().is_some_and(|label| count(label) > 1) {
            return Some(Refusal::new(format!("{place} was sent twice")));
        }
        if self.was_doubled(text) {
            // Items without a time between them: nothing tells two headers from one list.
            let or = separator.filter(|_| self.stamp_label().is_none()).map(|separator| {
                format!(", or separates its items with \", \" where item_separator is \"{separator}\"")
            });
            return Some(Refusal::new(format!("{place} was sent twice{}", or.unwrap_or_default())));
        }
        let (between, label) = self.list.label.as_ref()?;
        let is_there = text.contains(&format!("{label}{between}"));
        let problem = match separator {
            Some(separator) => {
                format!("does not separate its items with \"{separator}\", as item_separator says")
            }
            None => "has several items, and no item_separator says what stands between them".to_owned(),
        };
        (is_there && count(label) == 0).then(|| Refusal::new(format!("{place} {problem}")))
    }

    /// The label of the signed time, where that is an item beside the signature.
    fn stamp_label(&self) -> Option<&str> {
        self.timestamp.as_ref().and_then(|stamp| stamp.at.item_label())
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
        let wanted = self.list.signature_label();
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
    /// The label of items that are signatures; empty where items have no labels.
    fn signature_label(&self) -> &str {
        self.label.as_ref().map_or("", |(_, label)| label)
    }

    /// The items with their labels; without a list one item, whose label is empty. Blanks around separators are passed
    /// over: no signature, timestamp or label begins or ends with one.
    fn items<'a>(&self, text: &'a str) -> Vec<(&'a str, &'a str)> {
        let texts: Vec<&str> = match self.item_separator.as_deref() {
            Some(separator) => {
                let bare = separator.trim();
                let separator = if bare.is_empty() { separator } else { bare };
                text.split(separator).map(str::trim).filter(|item| !item.is_empty()).take(ITEMS_MAX).collect()
            }
            None => vec![text],
        };
        match &self.label {
            Some((separator, _)) => texts
                .into_iter()
                .filter_map(|item| item.split_once(separator.as_str()))
                .map(|(label, value)| (label.trim(), value.trim()))
                .collect(),
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::config::Configuration;
    use crate::digest::hmac_sha256_hex;
    use crate::request::RawRequest;
    use crate::timestamp::Timestamp;
    use crate::verify::Means;

    const NOW: Timestamp = Timestamp::from_millis(1_760_000_000_000);

    /// The text in `header`, with `SIG` for the right signature of the body, judged under `verify`: `ok`, or why not.
    #[track_caller]
    fn check(verify: &Value, header: &str, expected: &str) {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f", "verify": verify});
        let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
        let mistakes: Vec<String> = configuration.mistakes().map(ToString::to_string).collect();
        let hook =
            configuration.hooks.into_values().next().unwrap().unwrap_or_else(|_| panic!("{mistakes:?}"));
        let signed = if verify.get("timestamp").is_some() { "1760000000.{}" } else { "{}" };
        let signature = hmac_sha256_hex("s3cret", signed.as_bytes()).unwrap();
        let headers = [("x-sig".to_owned(), header.replace("SIG", &signature))];
        let delivery = RawRequest::new("POST", "https://a.example/", headers, b"{}".to_vec(), NOW);
        let secret = |_: &str| Some("s3cret".to_owned());
        let means = Means { secret: &secret, certificate: None, now: NOW };
        let got =
            hook.verify.check(&delivery, &means).map_or_else(|error| error.to_string(), |()| "ok".to_owned());
        assert_eq!(got, expected, "{header}");
    }

    fn with_time(separator: &str) -> Value {
        json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "item_separator": separator, "label": "v1",
               "signed": "{timestamp}.{body}", "timestamp": "items.t"})
    }

    #[test]
    fn blanks_around_separators_are_passed_over() {
        for header in ["t=1760000000,v1=SIG", "t=1760000000, v1=SIG", "t=1760000000 , v1 = SIG ,\tv0=x,"] {
            check(&with_time(","), header, "ok");
        }
        check(&with_time(";"), "t=1760000000; v1=SIG", "ok");
        check(&with_time(", "), "t=1760000000,v1=SIG", "ok");
    }

    #[test]
    fn other_separators_are_called_that() {
        let problem = "x-sig does not separate its items with \";\", as item_separator says";
        for header in ["t=1760000000,v1=SIG", "t=1760000000, v1=SIG", "t=1760000000 v1=SIG"] {
            check(&with_time(";"), header, problem);
        }
        let one = json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "label": "v1"});
        let problem = "x-sig has several items, and no item_separator says what stands between them";
        check(&one, "t=1760000000, v1=SIG", problem);
        let bare = json!({"scheme": "hmac", "secret": "S", "header": "x-sig"});
        check(&bare, "t=1760000000, v1=SIG", "x-sig holds no <hex>");
        check(&bare, "t=1760000000; v1=SIG", "x-sig holds no <hex>");
    }

    #[test]
    fn a_header_that_was_sent_twice_is_called_that_and_refused() {
        let twice = "x-sig was sent twice";
        for header in
            ["t=1760000000,v1=SIG, t=1760000000,v1=SIG", "t=1760000000, v1=SIG, t=1760000000, v1=SIG"]
        {
            check(&with_time(","), header, twice);
        }
        check(&with_time(";"), "t=1760000000;v1=SIG, t=1760000000;v1=SIG", twice);
        for other in ["", "junk", "v0=x"] {
            check(&with_time(","), &format!("t=1760000000,v1=SIG, {other}"), twice);
            check(&with_time(","), &format!("{other}, t=1760000000,v1=SIG"), twice);
        }
        let bare = json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "prefix": "sha256="});
        check(&bare, "sha256=SIG, sha256=SIG", twice);
        let listed =
            json!({"scheme": "hmac", "secret": "S", "header": "x-sig", "item_separator": ",", "label": "v1"});
        let either = "x-sig was sent twice, or separates its items with \", \" where item_separator is \",\"";
        check(&listed, "v1=00, v1=SIG", either);
        check(&listed, "v1=00,v1=SIG", "ok");
    }

    #[test]
    fn a_form_of_too_many_fields_is_refused_before_it_is_sorted() {
        let hook = json!({"workspace": "w", "database": "d", "workflow": "f",
                          "verify": {"scheme": "twilio", "secret": "S"}});
        let configuration = Configuration::read(json!({"HOOKS": {"h": hook}}).as_object().unwrap());
        let hook = configuration.hooks.into_values().next().unwrap().unwrap();
        let secret = |_: &str| Some("s3cret".to_owned());
        let means = Means { secret: &secret, certificate: None, now: NOW };
        let why = |count: usize| {
            let headers = [
                ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
                ("x-twilio-signature".to_owned(), "uP595zUlc214T/lBeD2Tr2G/mwM=".to_owned()),
            ];
            let body = (0..count).map(|number| format!("f{number}=1")).collect::<Vec<_>>().join("&");
            let delivery = RawRequest::new("POST", "https://a.example/", headers, body.into(), NOW);
            hook.verify.check(&delivery, &means).unwrap_err().to_string()
        };
        assert_eq!(why(1_001), "the form has more than 1000 fields: send fewer");
        assert!(why(1_000).starts_with("no signature in x-twilio-signature is that of"), "{}", why(1_000));
    }
}
