//! The trace that a sender's `traceparent` header names (W3C Trace Context, levels 1 and 2): which headers are valid, and the
//! header that continues the trace at Fabricate.
//!
//! Source: <https://www.w3.org/TR/trace-context-2/#traceparent-header>. Nothing here fails: a header that is not valid names no
//! trace. `tracestate` is neither kept nor sent, because only its own vendors understand it.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroU64;

/// The header's name.
pub const TRACEPARENT: &str = "traceparent";

/// The length of a header of version 00, bytes. One of a later version has at least as many.
const TRACEPARENT_BYTES: usize = 55;

/// The flags that version 00 knows, "sampled" and "random trace id". The others are reserved and are sent as zero.
const KNOWN_FLAGS: u8 = 0b11;

/// The only flag that is read of a version after 00: "sampled".
const SAMPLED: u8 = 0b01;

/// The trace that a run belongs to. The sender's own span is not kept: seedhook's span stands in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    flags: u8,
}

impl TraceContext {
    /// The trace that the headers of a delivery name, by their names in lower case. `None`: there is no valid header. A header
    /// that was sent twice is not valid.
    #[must_use]
    pub fn of_headers(headers: &BTreeMap<String, String>) -> Option<Self> {
        Self::parse(headers.get(TRACEPARENT)?)
    }

    /// Reads a header: `00-<trace id>-<span id>-<flags>`, all in lower-case hexadecimal. Of a version after 00, the first four
    /// fields are read, whatever follows them.
    #[must_use]
    pub fn parse(header: &str) -> Option<Self> {
        let (known, tail) = header.as_bytes().split_at_checked(TRACEPARENT_BYTES)?;
        let mut fields = known.split(|byte| *byte == b'-');
        let [version] = hex(fields.next()?)?;
        let trace_id: [u8; 16] = hex(fields.next()?)?;
        let span_id: [u8; 8] = hex(fields.next()?)?;
        let [flags] = hex(fields.next()?)?;
        let readable = match version {
            0x00 => tail.is_empty().then_some(KNOWN_FLAGS),
            0xff => None,
            _ => matches!(tail, [] | [b'-', ..]).then_some(SAMPLED),
        };
        let is_valid = fields.next().is_none() && trace_id != [0; 16] && span_id != [0; 8];
        readable.filter(|_| is_valid).map(|readable| Self { trace_id, flags: flags & readable })
    }

    /// The trace's id: 32 lower-case hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        base16ct::lower::encode_string(&self.trace_id)
    }

    /// The header that continues the trace with a span of seedhook's own, whose id is not zero.
    #[must_use]
    pub fn traceparent(&self, span_id: NonZeroU64) -> String {
        format!("00-{}-{span_id:016x}-{:02x}", self.trace_id(), self.flags)
    }

    /// Reads what [`Display`](fmt::Display) writes.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let (trace_id, flags) = text.split_once('-')?;
        let (trace_id, [flags]) = (hex(trace_id.as_bytes())?, hex(flags.as_bytes())?);
        (trace_id != [0; 16]).then_some(Self { trace_id, flags })
    }
}

/// The stored form: `<trace id>-<flags>`, 35 bytes.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02x}", self.trace_id(), self.flags)
    }
}

/// The bytes that a field has in lower-case hexadecimal.
fn hex<const N: usize>(field: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let decoded = base16ct::lower::decode(field, &mut bytes).ok()?;
    (decoded.len() == N).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    /// What a header is read as, in its stored form; `None`: it is not valid.
    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        let read = TraceContext::parse(header).map(|trace| trace.to_string());
        assert_eq!(read.as_deref(), expected, "{header}");
    }

    /// The flags that are read of a header with these four fields and a tail.
    #[track_caller]
    fn check_flags(version: &str, flags: &str, tail: &str, expected: Option<&str>) {
        let expected = expected.map(|flags| format!("{TRACE}-{flags}"));
        check(&format!("{version}-{TRACE}-{SPAN}-{flags}{tail}"), expected.as_deref());
    }

    /// Trace Context level 1, sections 3.2.2 and 3.2.5: the examples.
    #[test]
    fn the_examples_of_the_specification_are_read() {
        check_flags("00", "01", "", Some("01"));
        check_flags("00", "00", "", Some("00"));
        check(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            Some("0af7651916cd43dd8448eb211c80319c-01"),
        );
    }

    #[test]
    fn reserved_flags_are_dropped_and_both_known_ones_kept() {
        for (flags, expected) in [("02", "02"), ("03", "03"), ("09", "01"), ("fc", "00"), ("ff", "03")] {
            check_flags("00", flags, "", Some(expected));
        }
    }

    #[test]
    fn version_00_has_four_fields_and_nothing_more() {
        for tail in ["-", "-what-the-future-brings", ".", "0", " "] {
            check_flags("00", "01", tail, None);
        }
    }

    #[test]
    fn a_later_version_is_read_by_its_first_four_fields() {
        for tail in ["", "-", "-what-the-future-will-be-like", "-ZZ"] {
            check_flags("cc", "01", tail, Some("01"));
            check_flags("01", "02", tail, Some("00"));
            check_flags("fe", "ff", tail, Some("01"));
        }
        for tail in [".what-the-future-will-not-be-like", "0", " "] {
            check_flags("cc", "01", tail, None);
        }
    }

    #[test]
    fn version_ff_is_not_valid() {
        check_flags("ff", "01", "", None);
        check_flags("ff", "01", "-tail", None);
    }

    #[test]
    fn only_lower_case_hexadecimal_digits_are_read() {
        for (version, flags) in
            [("0A", "01"), ("A0", "01"), (".0", "01"), ("00", "0A"), ("00", ".0"), ("0x", "01")]
        {
            check_flags(version, flags, "", None);
        }
        check(&format!("00-{}-{SPAN}-01", TRACE.to_uppercase()), None);
        check(&format!("00-{TRACE}-{}-01", SPAN.to_uppercase()), None);
        check(&format!("00-{TRACE}-{SPAN}-01").replace("4bf9", ".bf9"), None);
        check(&format!("00-{TRACE}-{SPAN}-01").replace("00f0", "ü00"), None);
    }

    #[test]
    fn an_id_of_zeros_is_not_valid() {
        check(&format!("00-{}-{SPAN}-01", "0".repeat(32)), None);
        check(&format!("00-{TRACE}-{}-01", "0".repeat(16)), None);
    }

    #[test]
    fn fields_of_another_length_are_not_valid() {
        for header in [
            "",
            "-",
            "00",
            "00-",
            TRACE,
            &format!("00-{TRACE}-{SPAN}"),
            &format!("00-{TRACE}-{SPAN}-"),
            &format!("00-{TRACE}-{SPAN}-1"),
            &format!("0-{TRACE}-{SPAN}-001"),
            &format!("000-{TRACE}-{SPAN}-1"),
            &format!("00-{TRACE}0-{}-01", &SPAN[1..]),
            &format!("00-{}-0{SPAN}-01", &TRACE[1..]),
            &format!("00_{TRACE}_{SPAN}_01"),
            &format!(" 00-{TRACE}-{SPAN}-01"),
            &format!("00-{TRACE}-{SPAN}-01, 00-{TRACE}-{SPAN}-01"),
            &format!("cc-{TRACE}--{}-01", &SPAN[1..]),
            &"0".repeat(100_000),
        ] {
            check(header, None);
        }
    }

    #[test]
    fn the_trace_goes_on_with_a_span_of_seedhooks_own() {
        let trace = TraceContext::parse(&format!("cc-{TRACE}-{SPAN}-01-tail")).unwrap();
        let header = trace.traceparent(NonZeroU64::new(0x00c0_ffee).unwrap());
        assert_eq!(header, format!("00-{TRACE}-0000000000c0ffee-01"));
        assert_eq!(TraceContext::parse(&header), Some(trace));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let trace = TraceContext::parse(&format!("00-{TRACE}-{SPAN}-03")).unwrap();
        assert_eq!(TraceContext::from_stored(&trace.to_string()), Some(trace));
        for text in ["", "-", TRACE, &format!("{TRACE}-"), &format!("{}-01", "0".repeat(32)), "x-01"] {
            assert_eq!(TraceContext::from_stored(text), None, "{text}");
        }
    }
}
