//! Whole lives of runs in a simulated world: the real core over stores that are late, fail and crash, a Fabricate
//! that drops answers, and senders that repeat themselves. A seed decides everything, so that each life can be
//! lived again.
//!
//! ```text
//! cargo test --test simulation                                      a fixed range of seeds
//! SEEDHOOK_SEED=123 cargo test --test simulation                    one life, told line by line
//! SEEDHOOK_SEEDS=100000 SEEDHOOK_FROM=5000 cargo test --test simulation -- --nocapture
//! ```
//!
//! [`life`] is one life; [`executor`] its time; [`chance`] what its seed decides beforehand; [`world`] what
//! invocations share, and [`operation`] how it fails them; [`kv`], [`inbox`] (over [`journals`]), [`fabricate`] (over
//! [`workflows`]) and [`archive`] stand behind the ports; [`hooks`], [`sender`], [`reply`] and [`operator`] are what comes in;
//! [`promises`] is what must hold, [`verdict`] whether it did, [`breakage`] the proof that it would be noticed;
//! [`history`] tells one life, [`search`] lives many.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a panic here is a failed test")]

mod archive;
mod breakage;
mod chance;
mod executor;
mod fabricate;
mod history;
mod hooks;
mod inbox;
mod journals;
mod kv;
mod life;
mod operation;
mod operator;
mod promises;
mod reply;
mod search;
mod sender;
mod verdict;
mod workflows;
mod world;

use breakage::Breakage;

/// How many lives are lived where the environment does not say.
const SEEDS: u64 = 20_000;

/// How many lives a breakage may stay unnoticed.
const SEEDS_UNTIL_NOTICED: u64 = 3_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how fast real time passes is what is printed")]
fn every_life_keeps_its_promises() {
    if let Some(seed) = number("SEEDHOOK_SEED") {
        println!("{}", search::tell(seed, None));
        assert_eq!(search::first_broken(seed, 1), None);
        return;
    }
    let (from, count) = (number("SEEDHOOK_FROM").unwrap_or(0), number("SEEDHOOK_SEEDS").unwrap_or(SEEDS));
    let began = std::time::Instant::now();
    if let Some(seed) = search::first_broken(from, count) {
        panic!(
            "{}\n\nonce more: SEEDHOOK_SEED={seed} cargo test --test simulation",
            search::tell(seed, None)
        );
    }
    let (seconds, lives) = (began.elapsed().as_secs_f64(), u32::try_from(count).unwrap_or(u32::MAX));
    let each_second = f64::from(lives) / seconds;
    println!("{count} lives in {seconds:.1} s: {each_second:.0} a second on {} threads", search::threads());
}

#[test]
fn the_same_seed_is_the_same_life() {
    for seed in 0..20 {
        assert_eq!(search::tell(seed, None), search::tell(seed, None));
    }
}

#[test]
fn a_world_that_is_wrong_is_noticed() {
    let hooks = hooks::hooks();
    for (breakage, promise) in Breakage::ALL {
        let noticed = search::first_noticed(&hooks, *breakage, *promise, SEEDS_UNTIL_NOTICED);
        println!("{breakage:?}: {promise:?} at seed {noticed:?}");
        assert!(noticed.is_some(), "{breakage:?} stays unnoticed: {promise:?}");
    }
}
