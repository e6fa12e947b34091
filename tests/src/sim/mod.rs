//! The simulation: everything below the API on one thread, a paused clock and a seed.
//!
//! A seed makes webhooks, receivers with their tempers, a workload and faults; the run leaves
//! a [`history::History`], and every invariant is a function over it. Thousands of virtual
//! seconds take well under one real one, and the same seed gives the same run, byte for
//! byte, so a failure that was seen once can be looked at until it is understood:
//!
//! ```text
//! TENTERHOOK_SIM_SEED=123 cargo test -p tenterhook-tests sim::one_seed -- --nocapture
//! ```

mod census;
pub(crate) mod chance;
mod check;
mod collect;
mod drive;
mod history;
mod net;
mod nodes;
mod plan;
mod world;

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use census::Fault;

/// Seeds that are run when the environment does not say.
const SEEDS: u64 = 500;
/// The number of seeds to run, by its name in the environment.
const COUNT: &str = "TENTERHOOK_SIM_SEEDS";
/// The seed that is looked at, by its name in the environment.
const SEED: &str = "TENTERHOOK_SIM_SEED";

/// A number that the environment names.
pub(crate) fn chosen(name: &str) -> Option<u64> {
    #[expect(clippy::disallowed_methods, reason = "how long to look, and at what, is chosen by hand")]
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

/// What became of one seed.
#[derive(Debug)]
struct Report {
    seed: u64,
    broken: Vec<String>,
    census: BTreeSet<Fault>,
}

fn report(seed: u64) -> Report {
    let history = drive::run(seed);
    Report { seed, broken: check::broken(&history), census: Fault::census(&history) }
}

/// Every seed, run once for all tests that look at them, on as many threads as there are cores.
static REPORTS: LazyLock<Vec<Report>> = LazyLock::new(|| {
    let threads = thread::available_parallelism().map_or(1, |count| count.get());
    let seeds = chosen(COUNT).unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let (sender, reports) = sync_channel(seeds as usize);
    thread::scope(|scope| {
        for _ in 0..threads {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds {
                        return;
                    }
                    // A panic is as bad as a broken invariant, and must name its seed too.
                    let report = std::panic::catch_unwind(|| report(seed)).unwrap_or_else(|panic| Report {
                        seed,
                        broken: vec![format!("it panicked: {:?}", panic.downcast_ref::<String>())],
                        census: BTreeSet::new(),
                    });
                    sender.send(report).expect("there is room for every report");
                }
            });
        }
    });
    drop(sender);
    reports.into_iter().collect()
});

#[test]
fn every_invariant_holds_for_every_seed() {
    let broken: Vec<String> = REPORTS
        .iter()
        .flat_map(|report| {
            let repeat = format!("{SEED}={} cargo test -p tenterhook-tests sim::one_seed -- --nocapture", report.seed);
            report.broken.iter().map(move |wrong| format!("{wrong}\n    to repeat it: {repeat}"))
        })
        .collect();
    assert!(broken.is_empty(), "{} invariants broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_kind_of_fault_happens() {
    for fault in Fault::ALL {
        let count = REPORTS.iter().filter(|report| report.census.contains(&fault)).count();
        assert!(count > 0, "no seed has had {fault:?}");
    }
}

#[test]
fn one_seed_gives_the_same_run_twice() {
    for seed in [1, 77, 402] {
        let (one, other) = (drive::run(seed).trace(), drive::run(seed).trace());
        assert!(one == other, "seed {seed} gave two runs; they differ in {:?}", difference(&one, &other));
        assert!(one.lines().count() > 10, "seed {seed} gave a run with nothing in it");
    }
}

fn difference<'a>(one: &'a str, other: &'a str) -> Option<(&'a str, &'a str)> {
    one.lines().zip(other.lines()).find(|(one, other)| one != other)
}

#[test]
fn different_seeds_give_different_runs() {
    assert_ne!(drive::run(3).trace(), drive::run(4).trace());
}

/// Runs the one seed that the environment names, and shows its trace.
#[test]
fn one_seed() {
    let seed = chosen(SEED).unwrap_or(0);
    let history = drive::run(seed);
    println!("{:#?}\n{}", history.plan, history.trace());
    let broken = check::broken(&history);
    assert!(broken.is_empty(), "seed {seed}:\n{}", broken.join("\n"));
}
