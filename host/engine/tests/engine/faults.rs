//! Each call of each trait fails once, in turn, in several ways.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::bench::Bench;
use crate::journal::{WAYS, Way};
use crate::tree::{Listing, listing};

/// What is wrong with how a build ended in which this call failed in this way; none: nothing.
/// `before` is what was in the tree when that call came in a build in which nothing fails.
fn wrong(at: usize, way: Way, before: &Listing) -> Option<String> {
    let mut bench = Bench::full();
    // One step at a time: the calls come in one order.
    bench.jobs = 1;
    bench.fails = Some((at, way));
    let built = bench.build();
    let call = built.calls.get(at).cloned().unwrap_or_default();
    let about = |what: &str| Some(format!("{way:?} of call {at}, `{call}`: {what}"));
    let Err(failure) = &built.result else { return about("a false success") };
    let said = failure.to_string();
    if !said.contains("\n  while ") && !said.starts_with("element `") {
        return about(&format!("says not what was being done: {said}"));
    }
    if failure.message.trim().is_empty() {
        return about("says not why");
    }
    if failure.cancelled != (way == Way::Hang) {
        return about(&format!("cancelled or not: {said}"));
    }
    if !built.files.is_empty() {
        return about(&format!("left {:?}", built.files));
    }
    if way != Way::Hang && built.calls.len() > at + 1 {
        // Nobody goes on with what failed; a worker that died is asked no more either.
        return about(&format!("went on with {:?}", &built.calls[at + 1..]));
    }
    // What was done stays, for whoever looks into it; what failed left nothing half done.
    let after = listing(&built.tree.inner.tree());
    let differ = |path: &&PathBuf| before.get(*path) != after.get(*path);
    let paths: BTreeSet<_> = before.keys().chain(after.keys()).filter(differ).collect();
    if !paths.is_empty() {
        return about(&format!("the tree is another one at {paths:?}"));
    }
    None
}

#[test]
fn no_call_that_fails_makes_a_false_success() {
    let mut bench = Bench::full();
    bench.jobs = 1;
    bench.watched = true;
    let whole = bench.build().ok();
    let (calls, trees) = (&whole.calls, &whole.trees);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls {
        *kinds.entry(call.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    for kind in [
        "apply",
        "base",
        "clamp",
        "commit",
        "deferred",
        "exec",
        "fetch",
        "get",
        "hold",
        "install",
        "installed",
        "look-up",
        "make",
        "publish",
        "read",
        "refresh",
        "resolve",
        "sources",
        "step",
        "unneeded",
        "walk",
    ] {
        assert!(kinds.contains_key(kind), "no call of `{kind}`: {kinds:?}");
    }
    let faults: Vec<_> =
        (0..calls.len()).flat_map(|at| WAYS.into_iter().map(move |way| (at, way))).collect();
    assert!(faults.len() >= 500, "{} faults: {kinds:?}", faults.len());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work = |share: Vec<(usize, Way)>| {
            scope.spawn(move || {
                share
                    .into_iter()
                    .filter_map(|(at, way)| wrong(at, way, &trees[at]))
                    .collect::<Vec<_>>()
            })
        };
        let shares = (0..threads)
            .map(|turn| faults.iter().skip(turn).step_by(threads).copied().collect::<Vec<_>>());
        let running: Vec<_> = shares.map(work).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), faults.len(), wrong.join("\n"));
}
