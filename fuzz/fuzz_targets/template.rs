//! Expressions, object keys and signed texts: a value or an error, within bounds.
#![no_main]
#![expect(dead_code, reason = "each target calls its own of the invariants")]

#[path = "../../tests/properties/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| invariants::template(data));
