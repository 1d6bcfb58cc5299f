//! Reads selected top-level members of a JSON object that arrives in pieces, each up to a bound, and skips the others.
//!
//! It holds the selected texts and one name, however large the object is. It checks the grammar (RFC 8259) of the top
//! level. Within a value it only follows strings and brackets, so that the caller must parse the text of a member.

/// The longest name of a member that is compared, bytes; a longer name is never selected.
const NAME_BYTES_MAX: usize = 64;

/// The most bytes of a member that are kept, by its name; `None`: the member is skipped.
pub(super) type BytesMax = fn(&str) -> Option<usize>;

/// Reads an object piece by piece.
#[derive(Debug)]
pub(super) struct Members {
    bytes_max: BytesMax,
    place: Place,
    found: Vec<Member>,
}

/// A selected member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// The value as it was sent, without spaces around it; `None`: it is larger than its bound.
    pub(super) text: Option<Vec<u8>>,
    /// The value's size.
    pub(super) bytes: u64,
    /// How deep arrays and objects are nested in it: 0 for a scalar.
    pub(super) depth: u32,
}

/// The input is not a JSON object, or ends early. `Display` says what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {0}")]
pub(super) struct Malformed(&'static str);

/// What the reader expects next.
#[derive(Debug)]
enum Place {
    Object,
    NameOrEnd,
    Name,
    InName(Name),
    Colon(Name),
    Value(Name),
    InValue(Value),
    CommaOrEnd,
    End,
}

/// A name as it stands between its quotes, escapes and all.
#[derive(Debug, Default)]
struct Name {
    text: Vec<u8>,
    escaped: bool,
    too_long: bool,
}

#[derive(Debug)]
struct Value {
    /// `None`: the member is skipped.
    name: Option<(String, usize)>,
    text: Option<Vec<u8>>,
    bytes: u64,
    is_scalar: bool,
    open: u32,
    deepest: u32,
    in_string: bool,
    escaped: bool,
}

impl Members {
    pub(super) fn new(bytes_max: BytesMax) -> Self {
        Self { bytes_max, place: Place::Object, found: Vec::new() }
    }

    /// Takes the next piece, of any length.
    ///
    /// # Errors
    /// [`Malformed`] when the input so far is not the beginning of a JSON object. Later pieces are ignored.
    pub(super) fn push(&mut self, mut piece: &[u8]) -> Result<(), Malformed> {
        while let Some((&byte, rest)) = piece.split_first() {
            match &mut self.place {
                Place::InName(name) => {
                    if name.ends_with(byte) {
                        self.place = Place::Colon(std::mem::take(name));
                    }
                }
                Place::InValue(value) => {
                    piece = value.take(piece);
                    // What is left begins after the value.
                    if !piece.is_empty() || value.has_ended() {
                        self.keep();
                    }
                    continue;
                }
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => {}
                Place::Value(name) => {
                    if matches!(byte, b',' | b':' | b'}' | b']') {
                        return Err(Malformed("a value"));
                    }
                    self.place = Place::InValue(Value::new(name.wanted(self.bytes_max), byte));
                    continue;
                }
                place => self.place = next(place, byte)?,
            }
            piece = rest;
        }
        Ok(())
    }

    /// The selected members, in the order in which they arrived. Of two with the same name, the later counts.
    ///
    /// # Errors
    /// [`Malformed`] when the object has not ended.
    pub(super) fn finish(self) -> Result<Vec<Member>, Malformed> {
        match self.place {
            Place::End => Ok(self.found),
            Place::Object => Err(Malformed("a JSON object")),
            _ => Err(Malformed("the rest of the JSON object")),
        }
    }

    fn keep(&mut self) {
        let Place::InValue(value) = std::mem::replace(&mut self.place, Place::CommaOrEnd) else { return };
        let Some((name, _)) = value.name else { return };
        self.found.retain(|member| member.name != name);
        self.found.push(Member { name, text: value.text, bytes: value.bytes, depth: value.deepest });
    }
}

/// What comes after a byte that is neither space nor part of a name or value.
fn next(place: &mut Place, byte: u8) -> Result<Place, Malformed> {
    match (place, byte) {
        (Place::Object, b'{') => Ok(Place::NameOrEnd),
        (Place::Object, _) => Err(Malformed("a JSON object")),
        (Place::NameOrEnd | Place::CommaOrEnd, b'}') => Ok(Place::End),
        (Place::NameOrEnd | Place::Name, b'"') => Ok(Place::InName(Name::default())),
        (Place::NameOrEnd | Place::Name, _) => Err(Malformed("a member's name")),
        (Place::Colon(name), b':') => Ok(Place::Value(std::mem::take(name))),
        (Place::Colon(_), _) => Err(Malformed("a colon")),
        (Place::CommaOrEnd, b',') => Ok(Place::Name),
        (Place::CommaOrEnd, _) => Err(Malformed("a comma or the object's end")),
        (Place::InName(_) | Place::Value(_) | Place::InValue(_) | Place::End, _) => {
            Err(Malformed("nothing after the object"))
        }
    }
}

impl Name {
    /// Takes a byte; returns whether it is the quote that ends the name.
    fn ends_with(&mut self, byte: u8) -> bool {
        if byte == b'"' && !self.escaped {
            return true;
        }
        self.escaped = byte == b'\\' && !self.escaped;
        self.too_long |= self.text.len() >= NAME_BYTES_MAX;
        if !self.too_long {
            self.text.push(byte);
        }
        false
    }

    /// The decoded name of a selected member, and its bound.
    fn wanted(&self, bytes_max: BytesMax) -> Option<(String, usize)> {
        if self.too_long {
            return None;
        }
        let quoted = [b"\"", self.text.as_slice(), b"\""].concat();
        let name: String = serde_json::from_slice(&quoted).ok()?;
        bytes_max(&name).map(|bytes_max| (name, bytes_max))
    }
}

impl Value {
    /// A value that begins with `first`, which is taken with the rest.
    fn new(name: Option<(String, usize)>, first: u8) -> Self {
        Self {
            text: name.is_some().then(Vec::new),
            name,
            bytes: 0,
            is_scalar: !matches!(first, b'"' | b'[' | b'{'),
            open: 0,
            deepest: 0,
            in_string: false,
            escaped: false,
        }
    }

    /// Takes the bytes of the value; returns those after its end.
    fn take<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let end = if self.is_scalar { scalar_end(piece) } else { self.end_in(piece) };
        let (part, rest) = piece.split_at_checked(end).unwrap_or((piece, &[]));
        self.bytes = self.bytes.saturating_add(part.len() as u64);
        let bytes_max = self.name.as_ref().map_or(0, |(_, bytes_max)| *bytes_max);
        self.text.take_if(|text| text.len() + part.len() > bytes_max);
        if let Some(text) = &mut self.text {
            text.extend_from_slice(part);
        }
        rest
    }

    /// Whether a string's last quote or the last bracket was taken. A scalar ends where something else begins.
    fn has_ended(&self) -> bool {
        !self.is_scalar && self.bytes > 0 && self.open == 0 && !self.in_string
    }

    /// Where the value ends in a piece that begins within it; the piece's length where it does not.
    fn end_in(&mut self, piece: &[u8]) -> usize {
        for (at, byte) in piece.iter().enumerate() {
            if self.in_string {
                if std::mem::take(&mut self.escaped) {
                    continue;
                }
                self.escaped = *byte == b'\\';
                self.in_string = *byte != b'"';
            } else {
                match byte {
                    b'"' => self.in_string = true,
                    b'[' | b'{' => {
                        self.open = self.open.saturating_add(1);
                        self.deepest = self.deepest.max(self.open);
                    }
                    b']' | b'}' => self.open = self.open.saturating_sub(1),
                    _ => {}
                }
            }
            if self.open == 0 && !self.in_string {
                return at + 1;
            }
        }
        piece.len()
    }
}

/// Where a number, `true`, `false`, `null` or what stands in such a place ends.
fn scalar_end(piece: &[u8]) -> usize {
    let is_end = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    piece.iter().position(is_end).unwrap_or(piece.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keeps `a` up to 8 bytes and `result` up to 40.
    fn bytes_max(name: &str) -> Option<usize> {
        match name {
            "a" => Some(8),
            "result" => Some(40),
            _ => None,
        }
    }

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Member>, Malformed> {
        let mut members = Members::new(bytes_max);
        for piece in pieces {
            members.push(piece)?;
        }
        members.finish()
    }

    /// Reads a text whole, byte by byte, and cut in two at each place.
    #[track_caller]
    fn read_all_ways(text: &str) -> Result<Vec<Member>, Malformed> {
        let bytes = text.as_bytes();
        let whole = read([bytes]);
        assert_eq!(read(bytes.chunks(1)), whole, "byte by byte: {text}");
        for at in 0..=bytes.len() {
            let (first, second) = bytes.split_at(at);
            assert_eq!(read([first, second]), whole, "cut at {at}: {text}");
        }
        whole
    }

    #[track_caller]
    fn check(text: &str, expected: &[(&str, Option<&str>, u64, u32)]) {
        let found = read_all_ways(text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|member| {
                let text = member.text.as_deref().map(|text| std::str::from_utf8(text).unwrap());
                (member.name.as_str(), text, member.bytes, member.depth)
            })
            .collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn wanted_members_are_kept_as_they_were_sent() {
        check("{}", &[]);
        check(r#" { "a" : 1 } "#, &[("a", Some("1"), 1, 0)]);
        check(r#"{"a":-1e9,"b":[1]}"#, &[("a", Some("-1e9"), 4, 0)]);
        check(
            r#"{"a":"x\"}","b":"]}","result":null}"#,
            &[("a", Some(r#""x\"}""#), 6, 0), ("result", Some("null"), 4, 0)],
        );
        check(
            r#"{"b":{"a":1},"result":{ "x": [ "}\\", [] ] }}"#,
            &[("result", Some(r#"{ "x": [ "}\\", [] ] }"#), 22, 3)],
        );
        check(r#"{"a":"\\","result":[]}"#, &[("a", Some(r#""\\""#), 4, 0), ("result", Some("[]"), 2, 1)]);
        check(r#"{"\u0061":true}"#, &[("a", Some("true"), 4, 0)]);
    }

    #[test]
    fn what_is_too_long_is_counted_and_not_kept() {
        check(r#"{"a":"123456","b":1}"#, &[("a", Some(r#""123456""#), 8, 0)]);
        check(r#"{"a":"1234567","b":1}"#, &[("a", None, 9, 0)]);
        check(r#"{"a":123456789}"#, &[("a", None, 9, 0)]);
        check(r#"{"a":[[[[[]]]]],"result":1}"#, &[("a", None, 10, 5), ("result", Some("1"), 1, 0)]);
        let long = "x".repeat(80);
        check(&format!(r#"{{"{long}":1,"a":2}}"#), &[("a", Some("2"), 1, 0)]);
    }

    #[test]
    fn the_later_of_two_members_of_one_name_counts() {
        check(r#"{"a":1,"result":2,"a":3}"#, &[("result", Some("2"), 1, 0), ("a", Some("3"), 1, 0)]);
    }

    #[test]
    fn what_is_no_object_is_malformed() {
        for text in [
            "",
            " ",
            "[]",
            "null",
            "<html>",
            "{",
            r#"{"a""#,
            r#"{"a":"#,
            r#"{"a":1"#,
            r#"{"a":1,"#,
            r#"{"a":1,}"#,
            r#"{"a" 1}"#,
            r#"{"a":}"#,
            r#"{"a":,}"#,
            r"{a:1}",
            r#"{"a":1 2}"#,
            r#"{"a":[] []}"#,
            "{}{}",
            "{} x",
            r#"{"a":"x}"#,
            r#"{"a":[1}"#,
            r#"{"a":1]"#,
            r"{,}",
        ] {
            assert!(read_all_ways(text).is_err(), "{text}");
        }
    }

    #[test]
    fn memory_is_bounded_by_what_is_kept() {
        let mut members = Members::new(bytes_max);
        members.push(br#"{"result":["#).unwrap();
        let row = br#"{"id":1,"note":"seeded"},"#.repeat(400);
        for _ in 0..1_000 {
            members.push(&row).unwrap();
            let Place::InValue(value) = &members.place else { panic!("{:?}", members.place) };
            assert!(value.text.is_none());
        }
        members.push(br#"0],"a":1}"#).unwrap();
        let found = members.finish().unwrap();
        assert_eq!((found[0].bytes, found[0].depth), (1 + 10_000_000 + 2, 2));
        assert_eq!(found[1].text.as_deref(), Some(&b"1"[..]));
    }

    /// Random texts of a few characters: read in pieces, each is what it is whole; and what `serde_json` takes for an
    /// object is taken, with the same values.
    #[test]
    fn pieces_make_no_difference() {
        let mut random = fastrand::Rng::with_seed(7);
        let parts = [
            "{",
            "}",
            "[",
            "]",
            "\"",
            "\\",
            ",",
            ":",
            "\"a\":",
            "\"result\":",
            "1",
            "null",
            " ",
            "é",
            "\"x\"",
        ];
        let mut objects = 0;
        for _ in 0..20_000 {
            let length = random.usize(..14);
            let body: String = (0..length).map(|_| parts[random.usize(..parts.len())]).collect();
            let text = if random.bool() { format!("{{\"a\":{body}}}") } else { format!("{{{body}}}") };
            let bytes = text.as_bytes();
            let whole = read([bytes]);
            let at = random.usize(..=bytes.len());
            let (first, second) = bytes.split_at(at);
            assert_eq!(read([first, second]), whole, "cut at {at}: {text}");
            assert_eq!(read(bytes.chunks(1)), whole, "{text}");
            if let Ok(object) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) {
                objects += 1;
                for member in whole.unwrap() {
                    let Some(kept) = member.text else { continue };
                    let kept: serde_json::Value = serde_json::from_slice(&kept).unwrap();
                    assert_eq!(Some(&kept), object.get(&member.name), "{text}");
                }
            }
        }
        assert!(objects > 100, "{objects}");
    }
}
