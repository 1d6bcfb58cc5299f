//! Unicode's Normalization Form C. A Worker asks JavaScript for it, which has the tables anyway; they would be a large part of
//! the module. Nothing else of Unicode is here.

use std::borrow::Cow;

/// The text in Normalization Form C (<https://unicode.org/reports/tr15/>).
pub(crate) fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { composed(text) }
}

#[cfg(target_arch = "wasm32")]
fn composed(text: &str) -> Cow<'_, str> {
    Cow::Owned(js_sys::JsString::from(text).normalize("NFC").into())
}

#[cfg(not(target_arch = "wasm32"))]
fn composed(text: &str) -> Cow<'_, str> {
    icu_normalizer::ComposingNormalizerBorrowed::new_nfc().normalize(text)
}
