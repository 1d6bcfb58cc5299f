//! Requests to every kind of hook: only what was signed gets in.
#![no_main]
#![expect(dead_code, reason = "each target calls its own of the invariants")]

#[path = "../../tests/properties/invariants.rs"]
mod invariants;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    invariants::request(data);
    invariants::forged(data);
});
