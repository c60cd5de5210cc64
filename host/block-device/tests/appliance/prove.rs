//! Builds many block devices, has machines look at them, and says all that is wrong with any.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};
use dibhost_block_device::{Backend, Graph, Node};

use super::case::{Case, Made};
use super::machine::{Seen, boot};
use super::work::WorkFolder;
use super::{output, text};

/// Builds at once: most of the time goes to programs, and small machines have two cores.
const WORKERS: usize = 2;

/// A block device to be built, and what is done with it besides what is done with all.
pub(crate) struct Proof {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    /// What it is built by.
    pub(crate) backends: &'static [Backend],
    /// Compares what several back-ends made of it, on the host.
    pub(crate) same: fn(&[Case]) -> Result<()>,
    /// Looks at the disks of each on the host, and may change what the machine does.
    pub(crate) then: fn(Case) -> Result<Case>,
}

impl Proof {
    fn build(self) -> Result<Made> {
        let (name, then) = (self.name, self.then);
        let build = || {
            let made = Case::build(&name, &Graph::new(self.nodes)?, self.backends)?;
            (self.same)(&made.cases)?;
            let then = |case: Case| {
                let backend = case.backend.name();
                then(case).with_context(|| format!("made by `{backend}`"))
            };
            let cases = made.cases.into_iter().map(then).collect::<Result<_>>()?;
            Ok::<_, anyhow::Error>(Made { cases, ..made })
        };
        build().with_context(|| format!("`{name}`"))
    }
}

/// What came out.
#[derive(Default)]
pub(crate) struct Proved {
    /// What was made by what.
    pub(crate) made: Vec<(String, Backend)>,
    /// What a back-end refused to make, and its sentence.
    pub(crate) refused: Vec<(String, Backend, String)>,
    /// All that is wrong, by the name of the block device.
    pub(crate) faults: Vec<(String, String)>,
}

impl Proved {
    /// # Panics
    /// With all that is wrong.
    pub(crate) fn is_right(&self) {
        let lines = self.faults.iter().map(|(name, fault)| format!("{name}: {fault}"));
        let lines: Vec<_> = lines.collect();
        assert!(lines.is_empty(), "{} faults:\n{}", lines.len(), lines.join("\n"));
    }
}

/// How often a machine boots to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boots {
    /// Once, with one disk of each: that of `file`, if it made one.
    Once,
    /// For each back-end, and what it tells of two is compared.
    ForEach,
}

/// Builds all of them, and has machines look. While one works on what is built,
/// `DIBHOST_TEST_NO_MACHINE` has the host look at it alone.
pub(crate) fn prove(mut proofs: Vec<Proof>, boots: Boots) -> Proved {
    assert!(!proofs.is_empty(), "there is nothing to prove");
    proofs.reverse();
    let left = Mutex::new(proofs);
    let (cases, proved) = (Mutex::new(Vec::new()), Mutex::new(Proved::default()));
    let next = || left.lock().map(|mut left| left.pop()).unwrap_or_default();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(proof) = next() {
                    let name = proof.name.clone();
                    let made = proof.build();
                    let mut proved = proved.lock().unwrap();
                    match made {
                        Ok(made) => {
                            let refused = made.refused.into_iter();
                            proved.refused.extend(refused.map(|(b, why)| (name.clone(), b, why)));
                            proved
                                .made
                                .extend(made.cases.iter().map(|c| (name.clone(), c.backend)));
                            cases.lock().unwrap().extend(made.cases);
                        }
                        Err(error) => proved.faults.push((name, format!("{error:#}"))),
                    }
                }
            });
        }
    });
    let mut cases = cases.into_inner().unwrap();
    // Two that are compared have the same place among the disks of their machines.
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    let mut proved = proved.into_inner().unwrap();
    if std::env::var_os("DIBHOST_TEST_NO_MACHINE").is_some() {
        return proved;
    }
    let by = |case: &Case, backend| case.backend == backend;
    let by_file = |case: &Case| {
        by(case, Backend::File)
            || !cases.iter().any(|other| other.name == case.name && by(other, Backend::File))
    };
    let machines: Vec<Vec<&Case>> = match boots {
        Boots::Once => vec![cases.iter().filter(|case| by_file(case)).collect()],
        Boots::ForEach => {
            let of = |backend| cases.iter().filter(|case| by(case, backend)).collect();
            Backend::ALL.into_iter().map(of).collect()
        }
    };
    let mut seen = Vec::new();
    for own in machines.iter().filter(|own| !own.is_empty()) {
        match boot(own, None) {
            Ok(found) => {
                look(own, &found, &mut proved);
                seen.push(found);
            }
            Err(error) => proved.faults.push(("the machine".to_owned(), format!("{error:#}"))),
        }
    }
    if let [one, two] = &seen[..] {
        for case in cases.iter().filter(|case| case.backend == Backend::File) {
            let (Some(one), Some(two)) = (one.get(&case.name), two.get(&case.name)) else {
                continue;
            };
            let lines = case.other(one, two).into_iter();
            let faults = lines.map(|line| (case.name.clone(), format!("by `loop`: {line}")));
            proved.faults.extend(faults);
        }
    }
    proved
}

/// Bytes of the filesystem in which a machine makes disks, which are sparse.
const WORK: u64 = 12 << 30;

/// Has the machine itself make block devices by `loop`, with its own kernel, and look at them.
pub(crate) fn prove_inside(layouts: Vec<(String, Vec<Node>)>) -> Result<Proved> {
    let work = Arc::new(WorkFolder::new()?);
    let mut cases = Vec::new();
    for (name, nodes) in layouts {
        let graph = Graph::new(nodes)?;
        cases.push(Case::inside(&name, &graph, &work).with_context(|| format!("`{name}`"))?);
    }
    let (folder, image) = (work.path().join("work"), work.path().join("work.raw"));
    File::create(&image)?.set_len(WORK)?;
    output("mke2fs", &["-q", "-t", "ext4", "-d", text(&folder)?, text(&image)?])?;
    fs::remove_dir_all(folder)?;
    let cases: Vec<&Case> = cases.iter().collect();
    let mut proved = Proved::default();
    look(&cases, &boot(&cases, Some(&image))?, &mut proved);
    proved.made.extend(cases.iter().map(|case| (case.name.clone(), case.backend)));
    Ok(proved)
}

fn look(cases: &[&Case], seen: &BTreeMap<String, Seen>, proved: &mut Proved) {
    for case in cases {
        let by = case.backend.name();
        let faults = case.faults(&seen[&case.name]).into_iter();
        proved
            .faults
            .extend(faults.map(|fault| (case.name.clone(), format!("by `{by}`: {fault}"))));
    }
}
