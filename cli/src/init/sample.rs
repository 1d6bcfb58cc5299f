//! What a sender sends, for a first try: a delivery of each known sender, as its documentation or its library's tests have it.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;

use crate::webhook_request::SAMPLE_BODY;

/// The file of a project with the body.
pub(crate) const PAYLOAD: &str = "payload.json";

/// The deliveries, by sender.
static SAMPLES: LazyLock<BTreeMap<String, Sample>> =
    LazyLock::new(|| serde_json::from_str(include_str!("payloads.json")).unwrap_or_default());

/// A delivery, without what proves who sent it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Sample {
    /// The headers that say what it is, such as its type.
    pub(crate) headers: BTreeMap<String, String>,
    body: Value,
}

impl Sample {
    /// The delivery of a sender, or the one of the sample hook.
    pub(crate) fn of(sender: Option<&str>) -> Self {
        let known = sender.and_then(|sender| SAMPLES.get(sender).cloned());
        known.unwrap_or_else(|| Self {
            headers: BTreeMap::new(),
            body: serde_json::from_str(SAMPLE_BODY).unwrap_or_default(),
        })
    }

    /// Its headers as options of `try` and `sign`, each after a blank.
    pub(crate) fn options(&self) -> String {
        let options = self.headers.iter().map(|(name, value)| format!(" --header '{name}: {value}'"));
        options.collect::<Vec<_>>().concat()
    }

    /// The body, indented.
    pub(super) fn text(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(&self.body)? + "\n")
    }

    /// The lines `when` and `params` of a hook that it starts. The local Fabricate's workflow has these parameters.
    pub(super) fn lines(&self) -> (String, String) {
        if self.body.pointer("/data/closed_at").is_some() {
            let when = "# Which events count. Everything else is answered 200 `ignored` and starts nothing.\n\
                        when      = \"body.type == 'deal.won' and body.data.amount >= 1000\"";
            let params = "startDate = \"{{ body.data.closed_at[:10] }}\"\n\
                          rows      = \"{{ body.data.seats * 10 }}\"  # one whole expression keeps its JSON type: a number\n\
                          label     = \"Demo for {{ body.data.account.name }}\"\n\
                          tables    = [\"accounts\", \"orders\"]";
            return (when.to_owned(), params.to_owned());
        }
        let when = "# Which events count; without it, all. Everything else is answered 200 `ignored` and starts nothing.\n\
                    # when    = \"body.type == '…'\"";
        let params = "startDate = \"{{ delivery.received_at[:10] }}\"\n\
                      rows      = 100\n\
                      label     = \"Demo for {{ hook }}\"  # a value of the event: \"{{ body.… }}\"\n\
                      tables    = [\"accounts\", \"orders\"]";
        (when.to_owned(), params.to_owned())
    }
}
