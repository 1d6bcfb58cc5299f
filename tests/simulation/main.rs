//! Whole lives of runs in a simulated world: the real core over stores that are late, fail and crash, a Fabricate
//! that drops answers, and senders that repeat themselves. A seed decides everything, so that each life can be
//! lived again.
//!
//! ```text
//! cargo test --test simulation                          a fixed range of seeds
//! cargo xtask simulate --seeds 1000000 --from 200000    as many as there is time for, built for speed
//! cargo xtask simulate --seed 123                       one life, told line by line
//! ```
//!
//! `docs/simulation.md` says what it shows and what it does not.
//!
//! [`life`] is one life, [`weeks`] what is so of a long one; [`executor`] its time; [`chance`] what its seed decides beforehand; [`world`] what
//! invocations share, and [`operation`] how it fails them; [`kv`], [`inbox`] (over [`journals`]), [`fabricate`]
//! (over [`workflows`]), [`archive`] (over [`files`] and [`uploads`]) and [`queue`] stand behind the ports,
//! [`strangers`] among what is stored; [`hooks`], [`sender`] (with its [`parcel`]s), [`reply`] and [`operator`] are what comes in;
//! [`promises`] is what must hold, [`verdict`] whether it did, [`breakage`] and [`mistakes`] the proof that it
//! would be noticed; [`history`] tells one life, [`search`] lives many.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a panic here is a failed test")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod archive;
mod breakage;
mod chance;
mod executor;
mod fabricate;
mod files;
mod history;
mod hooks;
mod inbox;
mod journals;
mod kv;
mod life;
mod mistakes;
mod operation;
mod operator;
mod parcel;
mod promises;
mod queue;
mod reply;
mod search;
mod sender;
mod strangers;
mod uploads;
mod verdict;
mod weeks;
mod workflows;
mod world;

use breakage::Breakage;

/// How many lives are lived where the environment does not say.
const SEEDS: u64 = 200_000;

/// How many lives a breakage may stay unnoticed.
const SEEDS_UNTIL_NOTICED: u64 = 3_000;

/// How many lives a mistake of the core may go unnoticed; a rule that guards against what is rare needs many.
const SEEDS_UNTIL_MISSED: u64 = 40_000;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how fast real time passes is what is printed")]
fn every_life_keeps_its_promises() {
    let mistake = std::env::var("SEEDHOOK_MISTAKE").ok();
    let mistake = mistake.map(|name| mistakes::named(&name).expect("a mistake of this name"));
    if let Some(seed) = number("SEEDHOOK_SEED") {
        println!("{}", search::tell(seed, mistake));
        assert_eq!(search::first_broken(seed, 1, mistake), None);
        return;
    }
    let (from, count) = (number("SEEDHOOK_FROM").unwrap_or(0), number("SEEDHOOK_SEEDS").unwrap_or(SEEDS));
    let began = std::time::Instant::now();
    if let Some(seed) = search::first_broken(from, count, mistake) {
        let told = search::tell(seed, mistake);
        let made = mistake.map(|mistake| format!(" --mistake {mistake:?}")).unwrap_or_default();
        panic!("{told}\n\nonce more: cargo xtask simulate --seed {seed}{made}");
    }
    let (seconds, lives) = (began.elapsed().as_secs_f64(), u32::try_from(count).unwrap_or(u32::MAX));
    let each_second = f64::from(lives) / seconds;
    println!("{count} lives in {seconds:.1} s: {each_second:.0} a second on {} thread(s)", search::threads());
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

#[test]
fn a_core_that_is_wrong_is_noticed() {
    let next = std::sync::atomic::AtomicUsize::new(0);
    let unnoticed = std::sync::Mutex::new(Vec::new());
    let search = || {
        let hooks = hooks::hooks();
        let take = || mistakes::ALL.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        while let Some((mutation, promise)) = take() {
            let missed = search::missed(&hooks, *mutation, *promise, SEEDS_UNTIL_MISSED);
            if let Some(seed) = missed.get(promise) {
                println!("{mutation:?}: {promise:?} at seed {seed}");
            } else {
                unnoticed
                    .lock()
                    .expect("no panic")
                    .push(format!("{mutation:?}: {promise:?}, but {missed:?}"));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..search::threads() {
            scope.spawn(search);
        }
    });
    let unnoticed = unnoticed.into_inner().expect("no panic");
    assert!(unnoticed.is_empty(), "stay unnoticed:\n{}", unnoticed.join("\n"));
}
