//! Work on all cores whose outcome is the same with one.

use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// The most threads: with more of them the memory of a builder, and not its cores, is what is short:
/// each has about 30 MiB of content in hand.
const MOST: usize = 16;

/// As many as there are cores that may be used.
pub(super) fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get).min(MOST)
}

/// Does `work` with all items, each thread with a state of its own, and answers what came of them
/// in their order. After an error no more is begun, and the first in that order is answered.
pub(super) fn in_order<I: Sync, S, O: Send, E: Send>(
    threads: usize,
    items: &[I],
    state: impl Fn() -> Result<S, E> + Sync,
    work: impl Fn(&mut S, &I) -> Result<O, E> + Sync,
) -> Result<Vec<O>, E> {
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let run = || {
        let mut done = Vec::new();
        let mut state = match state() {
            Ok(state) => state,
            Err(error) => return vec![(0, Err(error))],
        };
        while !stop.load(Ordering::Relaxed) {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { break };
            let outcome = work(&mut state, item);
            stop.fetch_or(outcome.is_err(), Ordering::Relaxed);
            done.push((at, outcome));
        }
        done
    };
    let mut done = match threads.min(items.len()) {
        0 => Vec::new(),
        1 => run(),
        threads => thread::scope(|scope| {
            let all: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
            let joined = all.into_iter().map(|one| one.join());
            joined.flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic))).collect()
        }),
    };
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_in_the_order_of_the_items_with_any_number_of_threads() {
        let items: Vec<u64> = (0..100).collect();
        for threads in [1, 2, 7, 200] {
            let doubled = in_order(threads, &items, || Ok::<_, ()>(()), |(), n| Ok(n * 2));
            assert_eq!(doubled.unwrap(), items.iter().map(|n| n * 2).collect::<Vec<_>>());
            let failed = in_order(
                threads,
                &items,
                || Ok(()),
                |(), n| match n {
                    0..50 => Ok(*n),
                    _ => Err(*n),
                },
            );
            assert_eq!(failed.unwrap_err(), 50);
        }
    }
}
