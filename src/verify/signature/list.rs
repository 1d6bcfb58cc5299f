//! How a header lists signatures and other items: `t=1,v1=…`. It splits text and verifies nothing.

/// The most items of one header that are read: signatures, and what is listed beside them.
pub(super) const ITEMS_MAX: usize = 64;

/// The syntax of a list of items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ListSyntax {
    /// What separates the items; `None`: the whole text is one item.
    pub(crate) item_separator: Option<String>,
    /// What separates the label of an item from its value, and the label of signatures; `None`: items have no labels.
    pub(crate) label: Option<(String, String)>,
}

impl ListSyntax {
    /// The label of signatures; empty where items have no labels.
    pub(super) fn signature_label(&self) -> &str {
        self.label.as_ref().map_or("", |(_, label)| label)
    }

    /// The items as labels and values, at most [`ITEMS_MAX`]. Labels are empty where items have none. Blanks around
    /// separators are dropped: no signature, timestamp or label begins or ends with one.
    pub(super) fn items<'a>(&self, text: &'a str) -> Vec<(&'a str, &'a str)> {
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
