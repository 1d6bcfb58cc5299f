//! Reads DER (ITU-T X.690): tags, lengths and numbers, strictly; and writes elements. It knows no type and reads nothing twice.

/// The tags that are read here (X.680, section 8.6).
pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// What is still to be read of an encoding.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

/// A value with its tag.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// Tag, length and content.
    pub(super) encoding: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(encoding: &'a [u8]) -> Self {
        Self { rest: encoding }
    }

    /// The content of an encoding that is one element with this tag, and nothing after it.
    pub(super) fn only(encoding: &'a [u8], tag: u8) -> Option<&'a [u8]> {
        let mut reader = Self::new(encoding);
        reader.read(tag).filter(|_| reader.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element. Lengths have as few bytes as possible (X.690, section 10.1), at most three.
    pub(super) fn element(&mut self) -> Option<Element<'a>> {
        let whole = self.rest;
        let [tag, first, after @ ..] = whole else { return None };
        // A tag of more than one byte (X.690, section 8.1.2.4) is in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, after) = match *first {
            short @ 0..=0x7f => (usize::from(short), after),
            0x81 => {
                let (&length, after) = after.split_first()?;
                (Some(usize::from(length)).filter(|length| *length > 0x7f)?, after)
            }
            0x82 => {
                let (length, after) = after.split_first_chunk::<2>()?;
                (Some(usize::from(u16::from_be_bytes(*length))).filter(|length| *length > 0xff)?, after)
            }
            _ => return None,
        };
        let (content, rest) = after.split_at_checked(length)?;
        let encoding = whole.get(..whole.len() - rest.len())?;
        self.rest = rest;
        Some(Element { tag: *tag, content, encoding })
    }

    /// The content of the next element, if it has this tag; another element stays unread.
    pub(super) fn read(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let element = ahead.element().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element.content)
    }

    /// The bytes of the next number, without the zero that may come before them. `None` where it is not above zero.
    pub(super) fn positive(&mut self) -> Option<&'a [u8]> {
        match self.read(INTEGER)? {
            [0, number @ ..] => number.first().is_some_and(|byte| *byte >= 0x80).then_some(number),
            number => number.first().is_some_and(|byte| *byte < 0x80).then_some(number),
        }
    }

    /// The next string of whole bytes.
    pub(super) fn bits(&mut self) -> Option<&'a [u8]> {
        let [0, bytes @ ..] = self.read(BIT_STRING)? else { return None };
        Some(bytes)
    }
}

/// An element in DER; `None` where its content has more than 65,535 bytes.
pub(super) fn encode(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    Some([head, content].concat())
}

/// Makes DER for tests.
#[cfg(test)]
pub(super) mod testing {
    /// An element in DER with a content of at most 65,535 bytes.
    pub(in crate::verify) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        super::encode(tag, content).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(encoding: &[u8], expected: Option<(u8, usize, usize)>) {
        let mut reader = Reader::new(encoding);
        let got =
            reader.element().map(|element| (element.tag, element.content.len(), element.encoding.len()));
        assert_eq!(got, expected, "{encoding:x?}");
        assert!(expected.is_some() || reader.rest == encoding, "nothing is consumed");
    }

    #[test]
    fn lengths_are_as_short_as_possible() {
        let long = |head: &[u8], content: usize| [head, &vec![7; content]].concat();
        check(&[4, 0], Some((4, 0, 2)));
        check(&[4, 1, 9, 9], Some((4, 1, 3)));
        check(&long(&[0x30, 0x7f], 0x7f), Some((0x30, 0x7f, 0x81)));
        check(&long(&[0x30, 0x81, 0x80], 0x80), Some((0x30, 0x80, 0x83)));
        check(&long(&[0x30, 0x82, 1, 0], 0x100), Some((0x30, 0x100, 0x104)));
        for bad in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80, 0, 0],
            &[4, 0x81, 1, 9],
            &[4, 0x83, 0, 0, 1, 9],
            &[0x1f, 1, 9],
        ] {
            check(bad, None);
        }
        check(&long(&[4, 0x81, 0x7f], 0x7f), None);
        check(&long(&[4, 0x82, 0, 0xff], 0xff), None);
        check(&long(&[4, 0x82, 1, 0], 0xff), None);
    }

    #[test]
    fn numbers_are_above_zero_and_have_no_needless_zeros() {
        let positive = |encoding: &[u8]| Reader::new(encoding).positive().map(<[u8]>::to_vec);
        assert_eq!(positive(&[2, 1, 1]), Some(vec![1]));
        assert_eq!(positive(&[2, 2, 0, 0x80]), Some(vec![0x80]));
        for bad in [&[2, 0][..], &[2, 1, 0], &[2, 1, 0x80], &[2, 2, 0, 1], &[2, 2, 0, 0], &[3, 1, 1]] {
            assert_eq!(positive(bad), None, "{bad:x?}");
        }
    }

    #[test]
    fn a_string_of_bits_has_whole_bytes() {
        assert_eq!(Reader::new(&[3, 2, 0, 9]).bits(), Some(&[9][..]));
        assert_eq!(Reader::new(&[3, 2, 1, 8]).bits(), None);
        assert_eq!(Reader::new(&[3, 0]).bits(), None);
    }
}
