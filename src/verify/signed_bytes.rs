//! The bytes that a sender signed, in pieces: a body of megabytes is hashed where it lies.

use std::borrow::Cow;

/// A message: its pieces, one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignedBytes<'m>(Vec<Cow<'m, [u8]>>);

impl<'m> SignedBytes<'m> {
    /// Adds a piece at the end.
    pub(super) fn push(&mut self, piece: impl Into<Cow<'m, [u8]>>) {
        self.0.push(piece.into());
    }

    /// Adds a text at the end.
    pub(super) fn push_text(&mut self, text: impl Into<Cow<'m, str>>) {
        match text.into() {
            Cow::Borrowed(text) => self.push(text.as_bytes()),
            Cow::Owned(text) => self.push(text.into_bytes()),
        }
    }

    /// The pieces, in order.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|piece| &**piece)
    }

    /// The number of bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.pieces().map(<[u8]>::len).sum()
    }

    /// The message in one piece. A message of one piece is not copied.
    pub(super) fn joined(&self) -> Cow<'_, [u8]> {
        match self.0.as_slice() {
            [only] => Cow::Borrowed(only),
            pieces => Cow::Owned(pieces.concat()),
        }
    }

    /// Its first bytes, at most so many, as text. What is not UTF-8 becomes U+FFFD.
    pub(super) fn beginning(&self, bytes_max: usize) -> String {
        let mut bytes = Vec::new();
        for piece in self.pieces() {
            let left = bytes_max - bytes.len();
            bytes.extend_from_slice(piece.get(..left).unwrap_or(piece));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl<'m> From<&'m [u8]> for SignedBytes<'m> {
    fn from(bytes: &'m [u8]) -> Self {
        Self(vec![bytes.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_their_order_and_count_as_one_message() {
        let mut message = SignedBytes::default();
        message.push(&b"1."[..]);
        message.push_text("é");
        message.push_text(String::from("x"));
        assert_eq!(message.joined(), "1.éx".as_bytes());
        assert_eq!(message.bytes(), 5);
        assert_eq!(message.beginning(3), "1.\u{fffd}");
        assert_eq!(message.beginning(100), "1.éx");
        assert_eq!(SignedBytes::from(&b"ab"[..]).joined(), &b"ab"[..]);
        assert_eq!(SignedBytes::default().bytes(), 0);
    }
}
