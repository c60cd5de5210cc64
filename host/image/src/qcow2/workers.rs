//! Reads and compresses on several threads; what comes out is in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use dibhost_sys::Cancel;
use sha2::{Digest as _, Sha256};

use super::clusters::Clusters;
use super::compressor::Compressor;
use super::error::Qcow2Error;
use super::layout::{CLUSTER, CLUSTER_BYTES};
use super::run::{Run, Source};
use crate::Qcow2Compression;

/// Runs under way, of a thread: one that it works at and one that waits, so that none of the two
/// threads waits for the other as long as the file takes what it is given.
const UNDER_WAY: u64 = 2;

/// What all workers share.
#[derive(Clone, Copy)]
pub(super) struct Work<'a, 'k> {
    pub(super) raw: &'a File,
    /// Bytes of the disk that the file has.
    pub(super) end: u64,
    pub(super) compression: Qcow2Compression,
    pub(super) known: Option<&'a Mutex<&'k mut (dyn Clusters + 'k)>>,
    pub(super) cancel: &'a Cancel,
}

type Done = Result<Run, Qcow2Error>;

impl Work<'_, '_> {
    /// Compresses runs of clusters on `threads` threads, and gives them to `take` in their order.
    ///
    /// # Errors
    /// The first that comes.
    pub(super) fn each(
        self,
        threads: usize,
        mut runs: impl Iterator<Item = io::Result<Range<u64>>>,
        mut take: impl FnMut(&Run) -> Result<(), Qcow2Error>,
    ) -> Result<(), Qcow2Error> {
        let threads = threads.max(1);
        let (give, given) = channel();
        let given = Mutex::new(given);
        let (done, dones) = channel();
        std::thread::scope(|scope| {
            // Both ends go when this is left, by an error too: the workers end then.
            let (give, dones) = (give, dones);
            for _ in 0..threads {
                let (given, done) = (&given, done.clone());
                scope.spawn(move || self.work(given, &done));
            }
            drop(done);
            let mut free: Vec<_> =
                (0..threads as u64 * UNDER_WAY).map(|_| Run::default()).collect();
            let mut waiting = BTreeMap::new();
            let (mut begun, mut taken) = (0, 0);
            loop {
                self.cancel.check()?;
                while let Some(run) = free.pop() {
                    let Some(clusters) = runs.next() else { break };
                    let run = run.begin(begun, clusters.map_err(Qcow2Error::Read)?);
                    give.send(run).map_err(|_| gone())?;
                    begun += 1;
                }
                if taken == begun {
                    return Ok(());
                }
                let run: Run = dones.recv().map_err(|_| gone())??;
                waiting.insert(run.number, run);
                while let Some(run) = waiting.remove(&taken) {
                    take(&run)?;
                    taken += 1;
                    free.push(run);
                }
            }
        })
    }

    fn work(self, given: &Mutex<Receiver<Run>>, done: &Sender<Done>) {
        let _alarm = Alarm(done);
        let mut worker = match Worker::new(self) {
            Ok(worker) => worker,
            // Where nobody listens any more, another was first.
            Err(error) => return drop(done.send(Err(error))),
        };
        loop {
            // Locked while it waits: who comes after waits for that.
            let next = given.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(mut run) = next else { return };
            let filled = worker.fill(&mut run);
            let is_end = filled.is_err();
            if done.send(filled.map(|()| run)).is_err() || is_end {
                return;
            }
        }
    }
}

/// Says that a thread panicked, which the others would wait for without end. Nobody reads it: the
/// panic goes on where the threads are joined.
struct Alarm<'a>(&'a Sender<Done>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Where nobody listens any more, nobody waits.
            let _ = self.0.send(Err(gone()));
        }
    }
}

fn gone() -> Qcow2Error {
    Qcow2Error::Compress(io::Error::other("a thread ended before its time"))
}

struct Worker<'a, 'k> {
    work: Work<'a, 'k>,
    compressor: Compressor,
    /// One cluster: it is still in the processor's cache when it is compressed.
    plain: Vec<u8>,
}

impl<'a, 'k> Worker<'a, 'k> {
    fn new(work: Work<'a, 'k>) -> Result<Self, Qcow2Error> {
        let compressor = Compressor::new(work.compression)?;
        Ok(Self { work, compressor, plain: vec![0; CLUSTER] })
    }

    fn fill(&mut self, run: &mut Run) -> Result<(), Qcow2Error> {
        self.work.cancel.check()?;
        for cluster in run.clusters.clone() {
            self.read(cluster).map_err(Qcow2Error::Read)?;
            if is_zeros(&self.plain) {
                continue;
            }
            let mut source = Source::Made;
            if let Some(known) = self.work.known {
                let digest = Sha256::digest(&self.plain).into();
                let found = known.lock().unwrap_or_else(PoisonError::into_inner).get(&digest);
                match found {
                    Some(packed) if packed.is_empty() => {
                        run.push(cluster, &self.plain, false, Source::Known);
                        continue;
                    }
                    Some(packed) if packed.len() < CLUSTER => {
                        run.push(cluster, &packed, true, Source::Known);
                        continue;
                    }
                    Some(_) | None => source = Source::New(digest),
                }
            }
            match self.compressor.compress(&self.plain)? {
                Some(packed) => run.push(cluster, packed, true, source),
                None => run.push(cluster, &self.plain, false, source),
            }
        }
        Ok(())
    }

    /// The last cluster may be longer than the disk.
    fn read(&mut self, cluster: u64) -> io::Result<()> {
        let at = cluster * CLUSTER_BYTES;
        let there = self.work.end.saturating_sub(at).min(CLUSTER_BYTES) as usize;
        let (bytes, after) = self.plain.split_at_mut(there);
        after.fill(0);
        self.work.raw.read_exact_at(bytes, at)
    }
}

/// Every byte is as the next, and the first is zero: `memcmp` is quicker than a loop.
fn is_zeros(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [first, rest @ ..] => *first == 0 && *rest == bytes[..bytes.len() - 1],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_nothing_else() {
        assert!(is_zeros(&[]) && is_zeros(&[0]) && is_zeros(&[0; 1000]));
        for at in [0, 1, 500, 999] {
            let mut bytes = [0; 1000];
            bytes[at] = 1;
            assert!(!is_zeros(&bytes), "{at}");
        }
        assert!(!is_zeros(&[7; 1000]));
    }

    #[test]
    fn runs_come_in_order_and_a_panic_ends_it() {
        let raw = tempfile::tempfile().unwrap();
        raw.set_len(64 * CLUSTER_BYTES).unwrap();
        for at in 0..64 {
            raw.write_all_at(&[at as u8 + 1; 1 << 15], at * CLUSTER_BYTES).unwrap();
        }
        struct Panics;
        impl Clusters for Panics {
            fn get(&mut self, _: &[u8; 32]) -> Option<Vec<u8>> {
                panic!("on purpose")
            }
            fn put(&mut self, _: &[u8; 32], _: &[u8]) {}
        }
        let (end, cancel) = (64 * CLUSTER_BYTES, &Cancel::new());
        let compression = Qcow2Compression::Zlib;
        let work = Work { raw: &raw, end, compression, known: None, cancel };
        let runs = || (0..64).map(|n| Ok(n..n + 1));
        let mut seen = Vec::new();
        work.each(5, runs(), |run| {
            seen.extend(run.stored().map(|(stored, _)| stored.cluster));
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, (0..64).collect::<Vec<_>>());

        let mut panics = Panics;
        let known: Mutex<&mut dyn Clusters> = Mutex::new(&mut panics);
        let work = Work { known: Some(&known), ..work };
        let each = || work.each(3, runs(), |_| Ok(()));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(each)).is_err());
    }
}
