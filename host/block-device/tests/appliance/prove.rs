//! Builds many block devices, has one machine look at them, and says all that is wrong with any.

use std::sync::Mutex;

use anyhow::{Context as _, Result};
use dibhost_block_device::{Graph, Node};

use super::case::Case;
use super::machine::boot;

/// Builds at once: most of the time goes to programs, and small machines have two cores.
const WORKERS: usize = 2;

/// A block device to be built, and what the machine does with it besides what it does with all.
pub(crate) struct Proof {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    /// Looks at the disks on the host, and may change what the machine does.
    pub(crate) then: fn(Case) -> Result<Case>,
}

impl Proof {
    fn build(self) -> Result<Case> {
        let context = format!("building `{}`", self.name);
        let graph = Graph::new(self.nodes).with_context(|| context.clone())?;
        Case::build(&self.name, graph).and_then(self.then).context(context)
    }
}

/// Builds all of them and boots once. `DIBHOST_TEST_CASE` picks those whose names have it in them.
///
/// # Panics
/// With all that is wrong, by the name of the block device.
pub(crate) fn prove(mut proofs: Vec<Proof>) {
    if let Ok(only) = std::env::var("DIBHOST_TEST_CASE") {
        proofs.retain(|proof| proof.name.contains(&only));
    }
    assert!(!proofs.is_empty(), "there is nothing to prove");
    let left = Mutex::new(proofs);
    let (cases, faults) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let next = || left.lock().map(|mut left| left.pop()).unwrap_or_default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(proof) = next() {
                    match proof.build() {
                        Ok(case) => cases.lock().unwrap().push(case),
                        Err(error) => faults.lock().unwrap().push(format!("{error:#}")),
                    }
                }
            });
        }
    });
    let (cases, mut faults) = (cases.into_inner().unwrap(), faults.into_inner().unwrap());
    let seen = boot(&cases).unwrap_or_else(|error| panic!("{}\n{error:#}", faults.join("\n")));
    for case in &cases {
        let found = case.faults(&seen[&case.name]);
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", case.name)));
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}
