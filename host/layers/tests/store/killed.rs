//! Builds that are killed at random moments while others write and collect.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dibhost_layers::store::{Committed, Entry, Found, Lease, Policy};
use rustix::process::getpid;

use crate::common::{folder, key, open, try_commit};

const STORE: &str = "DIBHOST_TEST_KILLED";
const ROLE: &str = "DIBHOST_TEST_ROLE";

/// So many builds are killed.
const KILLS: usize = 200;
/// Few keys, so that they meet.
const CHAINS: u64 = 4;
const LENGTH: u64 = 3;

/// Always the same numbers from the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

fn name(chain: u64, at: u64) -> String {
    format!("{chain}-{at}")
}

/// What an entry has to have: one object of its own, one that its chain has, one that all have.
fn contents(chain: u64, at: u64) -> [(&'static str, Vec<u8>); 3] {
    let own = name(chain, at).into_bytes().repeat(3000);
    [("all", b"all".to_vec()), ("chain", vec![chain as u8; 5000]), ("own", own)]
}

fn is_right(entry: &Entry, chain: u64, at: u64) {
    for (object, content) in contents(chain, at) {
        assert!(entry.read(object, 1 << 20).unwrap() == content, "{object} of {chain}-{at}");
    }
}

/// Finds or makes a chain, from the base up, as a build does.
fn build(lease: &Lease, chain: u64) {
    let mut below: Vec<Entry> = Vec::new();
    for at in 0..LENGTH {
        let entry = match lease.get(&key(&name(chain, at))).unwrap() {
            Found::Here(entry) => {
                is_right(&entry, chain, at);
                entry
            }
            Found::Absent => {
                let contents = contents(chain, at);
                let objects: Vec<(&str, &[u8])> =
                    contents.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
                let on: Vec<&Entry> = below.last().into_iter().collect();
                match try_commit(lease, &name(chain, at), &on, &objects) {
                    Committed::Kept(entry) => entry,
                    other => panic!("the same contents are others: {other:?}"),
                }
            }
            Found::Dropped(dropped) => panic!("something was half there: {dropped:?}"),
        };
        below.push(entry);
    }
}

#[test]
fn child() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let mut random = Random(u64::from(getpid().as_raw_nonzero().get().unsigned_abs()));
    let store = open(path.as_ref());
    let role = std::env::var(ROLE).unwrap();
    loop {
        if role == "build" {
            build(&store.lease().unwrap(), random.below(CHAINS));
        } else {
            let most_bytes = Some(random.below(100_000));
            let policy = Policy { most_bytes, useless: Some(Duration::ZERO), ..Policy::default() };
            store.gc(&policy).unwrap();
            std::thread::sleep(Duration::from_millis(random.below(5)));
        }
    }
}

fn begin(path: &Path, role: &str) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "killed::child", "--nocapture"]).env(STORE, path).env(ROLE, role);
    child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn kill(mut child: Child) {
    let early = child.try_wait().unwrap();
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(early.is_none(), "it failed: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn builds_that_are_killed_leave_nothing_half_there() {
    let folder = folder();
    let path = folder.store.path();
    let mut random = Random(1);
    let mut builds = [begin(path, "build"), begin(path, "build")];
    let mut collector = begin(path, "collect");
    let begun = Instant::now();
    for n in 0..KILLS {
        std::thread::sleep(Duration::from_millis(random.below(50)));
        let which = n % 2;
        kill(std::mem::replace(&mut builds[which], begin(path, "build")));
        if n % 10 == 9 {
            kill(std::mem::replace(&mut collector, begin(path, "collect")));
            // While they are at work.
            assert_eq!(folder.verify().bad, [], "after {n} kills");
        }
    }
    builds.into_iter().chain([collector]).for_each(kill);
    assert!(begun.elapsed() < Duration::from_secs(120));
    assert_eq!(folder.verify().bad, []);
    let store = open(path);
    let lease = store.lease().unwrap();
    for chain in 0..CHAINS {
        for at in 0..LENGTH {
            match lease.get(&key(&name(chain, at))).unwrap() {
                Found::Here(entry) => is_right(&entry, chain, at),
                Found::Absent => {}
                Found::Dropped(dropped) => panic!("{dropped:?}"),
            }
        }
        build(&lease, chain);
    }
    for name in ["drafts", "claims"] {
        assert_eq!(std::fs::read_dir(folder.at(name)).unwrap().count(), 0, "{name}");
    }
}
