//! Many lives: over all cores, up to the first whose promises are broken, which is told in full.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use seedhook::hook::Hook;

use crate::breakage::Breakage;
use crate::hooks::hooks;
use crate::life::live;
use crate::promises::Promise;

/// How many seeds a thread takes at a time.
const BATCH: u64 = 64;

/// How many lives are lived at a time.
pub(crate) fn threads() -> usize {
    let asked = std::env::var("SEEDHOOK_THREADS").ok().and_then(|number| number.parse().ok());
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Lives all lives from `from` on; the seed of one with a broken promise, the smallest that was found.
pub(crate) fn first_broken(from: u64, count: u64) -> Option<u64> {
    let next = AtomicU64::new(from);
    let broken = AtomicU64::new(u64::MAX);
    let until = from.saturating_add(count);
    let search = || {
        let hooks = hooks();
        loop {
            let begin = next.fetch_add(BATCH, Ordering::Relaxed);
            if begin >= until || begin > broken.load(Ordering::Relaxed) {
                return;
            }
            for seed in begin..until.min(begin + BATCH) {
                if !live(seed, &hooks, None, false).broken.is_empty() {
                    broken.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads() {
            scope.spawn(search);
        }
    });
    Some(broken.into_inner()).filter(|seed| *seed != u64::MAX)
}

/// The first of `count` seeds at which a breakage is noticed as the breach of `promise`.
pub(crate) fn first_noticed(
    hooks: &[Rc<Hook>],
    breakage: Breakage,
    promise: Promise,
    count: u64,
) -> Option<u64> {
    let notices = |seed: &u64| {
        let broken = live(*seed, hooks, Some(breakage), false).broken;
        broken.iter().any(|(breached, _)| *breached == promise)
    };
    (0..count).find(notices)
}

/// The promises that break, by their names, each with the first seed that breaks it. The search ends with the first
/// seed that breaks `wanted`, or after `count` seeds.
pub(crate) fn broken_until(wanted: &str, count: u64) -> BTreeMap<String, u64> {
    let hooks = hooks();
    let mut broken = BTreeMap::new();
    for seed in 0..count {
        for (promise, _) in live(seed, &hooks, None, false).broken {
            broken.entry(format!("{promise:?}")).or_insert(seed);
        }
        if broken.contains_key(wanted) {
            break;
        }
    }
    broken
}

/// A life in words: each line of its history, and at last what was broken.
pub(crate) fn tell(seed: u64) -> String {
    let ended = live(seed, &hooks(), None, true);
    let broken: Vec<String> =
        ended.broken.iter().map(|(promise, how)| format!("{promise:?}: {how}")).collect();
    format!("{}\n\nseed {seed}: {:?}\n{}", ended.history, ended.ends, broken.join("\n"))
}
