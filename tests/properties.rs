//! Properties that hold for every input: no input causes a panic or exceeds a bound, and no request is accepted without the
//! key.
//!
//! ```text
//! cargo test --test properties                                             a fixed range of seeds
//! SEEDHOOK_FUZZ_INPUTS=10000000 cargo test --release --test properties -- --nocapture
//! SEEDHOOK_FUZZ_SEED=123 SEEDHOOK_FUZZ_INPUTS=1 cargo test --test properties forged      one input again
//! ```
//!
//! An input is bytes, and bytes are decisions ([`invariants`] reads them): which hook, which genuine request, what is
//! done to it. The same functions are what `fuzz/` runs under libFuzzer.
#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic here is a failed test"
)]

#[path = "properties/invariants.rs"]
mod invariants;

use std::panic::catch_unwind;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The most bytes of one input.
const INPUT_BYTES_MAX: usize = 384;

/// When an input is taken to have no end: thousands of times what any takes, so that a busy machine does not matter.
const INPUT_TIME_MAX: Duration = Duration::from_mins(1);

/// A Worker has half of it, and pointers of half the size.
const STACK_BYTES: usize = 2 * 1024 * 1024;

/// Inputs that run in one thread. Its name tells which they are where the stack overflows, and nothing can be caught.
const BLOCK: u64 = 2_048;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Checks an invariant over many inputs.
#[expect(clippy::disallowed_methods, reason = "how fast inputs are judged is what is printed")]
fn check(name: &'static str, inputs: u64, invariant: fn(&[u8])) {
    let from = number("SEEDHOOK_FUZZ_SEED").unwrap_or(0);
    let inputs = number("SEEDHOOK_FUZZ_INPUTS").unwrap_or(inputs);
    let began = Instant::now();
    for block in (0..inputs).step_by(usize::try_from(BLOCK).expect("a small number")) {
        let seeds = from + block..from + inputs.min(block + BLOCK);
        let thread = thread::Builder::new().name(format!("{name}, seeds {seeds:?}")).stack_size(STACK_BYTES);
        let (tell, told) = mpsc::channel();
        let run = move || {
            for seed in seeds {
                tell.send(seed).expect("somebody who waits");
                let data = input(seed);
                let again = format!(
                    "SEEDHOOK_FUZZ_SEED={seed} SEEDHOOK_FUZZ_INPUTS=1 cargo test --test properties {name}"
                );
                let held = catch_unwind(|| invariant(&data)).is_ok();
                assert!(held, "once more: {again}");
            }
        };
        let thread = thread.spawn(run).expect("a thread");
        let mut last = from + block;
        loop {
            match told.recv_timeout(INPUT_TIME_MAX) {
                Ok(seed) => last = seed,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("{name}: seed {last} has no end"),
            }
        }
        thread.join().expect("no input breaks the invariant");
    }
    let seconds = began.elapsed().as_secs_f64();
    let each_second = f64::from(u32::try_from(inputs).unwrap_or(u32::MAX)) / seconds;
    println!("{name}: {inputs} inputs in {seconds:.1} s, {each_second:.0} a second");
}

/// Bytes that follow from a seed.
fn input(seed: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut data = vec![0; rng.usize(..=INPUT_BYTES_MAX)];
    rng.fill(&mut data);
    data
}

#[test]
fn only_signed_requests_are_accepted() {
    check("only_signed_requests_are_accepted", 25_000, invariants::request);
}

#[test]
fn a_request_with_another_key_is_rejected() {
    check("a_request_with_another_key_is_rejected", 25_000, invariants::forged);
}

#[test]
fn any_body_is_parsed_or_rejected() {
    check("any_body_is_parsed_or_rejected", 25_000, invariants::body);
}

#[test]
fn any_template_has_a_value_or_an_error() {
    check("any_template_has_a_value_or_an_error", 15_000, invariants::template);
}

#[test]
fn any_configuration_is_valid_or_has_mistakes() {
    check("any_configuration_is_valid_or_has_mistakes", 6_000, invariants::configuration);
}
