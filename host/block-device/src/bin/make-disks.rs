//! Makes disks by the back-end `loop`: `make-disks FOLDER KEYS TIME`. FOLDER holds the tree (`tree`),
//! the nodes as JSON (`nodes.json`) and the seed of all UUIDs as 64 hexadecimal digits (`seed`), and
//! gets the disks (`NODE.raw`); KEYS holds a file for each secret; nothing is younger than TIME
//! (seconds since 1970). The tests' virtual machine makes by it what it then looks at.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use dibhost_block_device::{Backend, Graph, Node, Realise, Secrets, layout, with_parts};
use dibhost_sys::{Cancel, SecretBytes};

/// Bytes of a keyfile at most.
const LONGEST_KEY: usize = 4096;

struct Keys(PathBuf);

impl Secrets for Keys {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        let mut file = fs::File::open(self.0.join(name))?;
        SecretBytes::read_from(&mut file, LONGEST_KEY).map(Arc::new)
    }
}

fn make(folder: &Path, keys: PathBuf, time: i64) -> io::Result<()> {
    let nodes: Vec<Node> = serde_json::from_slice(&fs::read(folder.join("nodes.json"))?)?;
    let graph = Graph::new(nodes).map_err(io::Error::other)?;
    let seed = fs::read(folder.join("seed"))?;
    let seed = data_encoding::HEXLOWER_PERMISSIVE.decode(&seed).map_err(io::Error::other)?;
    let seed = seed.try_into().map_err(|_| io::Error::other("the seed has not 32 bytes"))?;
    let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
    let (cancel, secrets) = (Cancel::new(), Keys(keys));
    let made = with_parts(&folder.join("tree"), &mounts, folder, &cancel, |tree| {
        let layout = layout(&graph, &graph.identities(&seed), tree).map_err(io::Error::other)?;
        let path = |disk: &dibhost_block_device::DiskLayout| {
            (disk.node.clone(), folder.join(format!("{}.raw", disk.node)))
        };
        let disks: BTreeMap<_, _> = layout.disks.iter().map(path).collect();
        let to = Realise { disks: &disks, secrets: &secrets, time, cancel: &cancel };
        Backend::Loop.realise(&layout, tree, &to).map_err(io::Error::other)
    });
    made.map_err(io::Error::other)?.map(drop)
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let made = match &args[..] {
        [folder, keys, time] => match time.to_str().and_then(|time| time.parse().ok()) {
            Some(time) => make(Path::new(folder), keys.into(), time),
            None => Err(io::Error::other("TIME is no number of seconds")),
        },
        _ => Err(io::Error::other("write `make-disks FOLDER KEYS TIME`")),
    };
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do where even that cannot be written.
            let _ = writeln!(io::stderr(), "make-disks: {error}");
            ExitCode::FAILURE
        }
    }
}
