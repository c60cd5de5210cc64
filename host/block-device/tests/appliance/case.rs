//! A block device made of a graph and a tree, and what a machine should find in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use dibhost_block_device::{
    Backend, Graph, Identities, Layout, Realise, RealiseError, Realised, Secrets, layout,
    with_parts,
};
use dibhost_filesystems::{FilesystemKind, FolderTree, Listing, Tree as _};
use dibhost_sys::{Cancel, SecretBytes};

use super::machine::Seen;
use super::work::WorkFolder;
use super::{luks, script, trees};

/// Nothing in a disk is younger.
pub(crate) const EPOCH: i64 = 1_700_000_000;

/// All secrets by their names: passphrases, and a keyfile with bytes that no text has.
pub(crate) const KEYS: [(&str, &[u8]); 3] = [
    ("passphrase", b"correct horse"),
    ("spare", b"battery staple"),
    ("keyfile", b"\x00\x01\n\xff\xfe and more than that \r\n\x00"),
];

/// Layouts of names that begin so are made of trees that `file` cannot fill everything with.
pub(crate) const KERNEL: &str = "kernel-";

/// The file in which the machine writes sizes, labels and UUIDs.
const IDENTITY: &str = "identity";

/// Answers [`KEYS`].
pub(crate) struct Known;

impl Secrets for Known {
    fn secret(&self, name: &str) -> io::Result<Arc<SecretBytes>> {
        let found = KEYS.iter().find(|(known, _)| *known == name);
        let &(_, mut bytes) = found.ok_or_else(|| io::Error::other(format!("no `{name}`")))?;
        SecretBytes::read_from(&mut bytes, 4096).map(Arc::new)
    }
}

/// A disk of a case.
#[derive(Clone)]
pub(crate) struct CaseDisk {
    pub(crate) path: PathBuf,
    pub(crate) sector_size: u32,
}

/// A block device that was made by a back-end.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) backend: Backend,
    pub(crate) graph: Graph,
    pub(crate) identities: Identities,
    pub(crate) layout: Layout,
    pub(crate) realised: Realised,
    /// In the order of their nodes.
    pub(crate) disks: Vec<CaseDisk>,
    /// Volume keys of encryptions whose headers lie in one piece on a disk, by their nodes.
    pub(crate) volume_keys: BTreeMap<String, Vec<u8>>,
    /// What mounts hold, by their nodes.
    wants: BTreeMap<String, Listing>,
    /// What its script does besides.
    also: String,
    /// Its script does nothing else.
    alone: bool,
    /// The machine makes the disks itself.
    inside: bool,
    _folder: Arc<WorkFolder>,
}

/// What back-ends made of one graph and one tree.
pub(crate) struct Made {
    pub(crate) cases: Vec<Case>,
    /// What a back-end says that cannot make it.
    pub(crate) refused: Vec<(Backend, String)>,
}

impl Case {
    /// Makes the disks of a graph from a tree that suits it, by each of some back-ends: the same
    /// tree, the same layout, the same UUIDs.
    pub(crate) fn build(name: &str, graph: &Graph, backends: &[Backend]) -> Result<Made> {
        let folder = Arc::new(WorkFolder::new()?);
        let (root, aside) = (folder.path().join("tree"), folder.path().join("aside"));
        fs::create_dir(&root)?;
        fs::create_dir(&aside)?;
        trees::fill(&root, graph, name.starts_with(KERNEL))?;
        let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
        let cancel = Cancel::new();
        let mut tree = FolderTree::split(&root, &aside, &mounts, cancel.clone())?;
        let identities = graph.identities(&seed(name));
        let layout = layout(graph, &identities, &mut tree)?;
        let wants = wants(graph, &tree)?;
        let mut made = Made { cases: Vec::new(), refused: Vec::new() };
        for &backend in backends {
            let own = folder.path().join(backend.name());
            fs::create_dir(&own)?;
            let disk = |disk: &dibhost_block_device::DiskLayout| CaseDisk {
                path: own.join(format!("{}.raw", disk.node)),
                sector_size: disk.sector_size,
            };
            let disks: Vec<CaseDisk> = layout.disks.iter().map(disk).collect();
            let path = |(node, disk): (&dibhost_block_device::DiskLayout, &CaseDisk)| {
                (node.node.clone(), disk.path.clone())
            };
            let paths = layout.disks.iter().zip(&disks).map(path).collect();
            let to = Realise { disks: &paths, secrets: &Known, time: EPOCH, cancel: &cancel };
            let realised = match backend.realise(&layout, &mut tree, &to) {
                Ok(realised) => realised,
                Err(error) if is_refusal(&error) => {
                    made.refused.push((backend, error.to_string()));
                    continue;
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("by `{}`", backend.name()));
                }
            };
            made.cases.push(Self {
                name: name.to_owned(),
                backend,
                graph: graph.clone(),
                identities: identities.clone(),
                layout: layout.clone(),
                realised,
                volume_keys: luks::volume_keys(&layout, &disks, folder.path())?,
                disks,
                wants: wants.clone(),
                also: String::new(),
                alone: false,
                inside: false,
                _folder: folder.clone(),
            });
        }
        Ok(made)
    }

    /// A case whose disks the machine makes by `loop`, in `work/NAME`, from what is put there.
    pub(crate) fn inside(name: &str, graph: &Graph, work: &Arc<WorkFolder>) -> Result<Self> {
        let folder = work.path().join("work").join(name);
        let root = folder.join("tree");
        fs::create_dir_all(&root)?;
        trees::fill(&root, graph, true)?;
        fs::write(folder.join("nodes.json"), serde_json::to_vec(graph.nodes())?)?;
        fs::write(folder.join("seed"), data_encoding::HEXLOWER.encode(&seed(name)))?;
        let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
        let identities = graph.identities(&seed(name));
        let made = with_parts(&root, &mounts, work.path(), &Cancel::new(), |tree| {
            let layout = layout(graph, &identities, tree)?;
            Ok::<_, anyhow::Error>((layout, wants(graph, tree)?))
        });
        let (layout, wants) = made??;
        Ok(Self {
            name: name.to_owned(),
            backend: Backend::Loop,
            graph: graph.clone(),
            identities,
            layout,
            realised: Realised::default(),
            disks: Vec::new(),
            volume_keys: BTreeMap::new(),
            wants,
            also: String::new(),
            alone: false,
            inside: true,
            _folder: work.clone(),
        })
    }

    /// Lines that its script runs after its own; `@N` stands for the device of its disk N.
    pub(crate) fn also(mut self, lines: &str) -> Self {
        self.also.push_str(lines);
        self
    }

    /// Lines that its script is, instead of its own; nothing is listed.
    pub(crate) fn alone(mut self, lines: &str) -> Self {
        self.wants.clear();
        self.alone = true;
        self.also(lines)
    }

    /// What the machine runs, its disks being numbered from `first` on.
    pub(crate) fn script(&self, first: usize) -> String {
        let mut script = String::new();
        if self.inside {
            let disk = |disk: &dibhost_block_device::DiskLayout| {
                format!(" {} {}", disk.node, disk.sector_size)
            };
            let disks: String = self.layout.disks.iter().map(disk).collect();
            script.push_str(&format!("inside {} {EPOCH}{disks}\n", self.name));
        }
        if !self.alone {
            script.push_str(&script::of(self, first));
        }
        let mut also = self.also.clone();
        for number in 0..self.disks.len() {
            also = also.replace(&format!("@{number}"), &format!("/dev/d/{}", first + number));
        }
        script.push_str(&also);
        script
    }

    /// What is wrong with what the machine saw.
    pub(crate) fn faults(&self, seen: &Seen) -> Vec<String> {
        let mut faults = Vec::new();
        if seen.status != "0" {
            let lines: Vec<_> = seen.log.lines().collect();
            let shown = lines[lines.len().saturating_sub(40)..].join("\n    ");
            faults.push(format!("its script ended with `{}`:\n    {shown}", seen.status));
        }
        for mount in self.wants.keys() {
            match seen.files.get(&format!("{mount}.list")) {
                Some(text) => faults.extend(self.wrong(mount, text)),
                None => faults.push(format!("`{mount}` was not listed")),
            }
        }
        faults
    }

    /// The lines in which what a mount holds is not what it should hold.
    pub(crate) fn wrong(&self, mount: &str, have: &str) -> Vec<String> {
        let Some(want) = self.wants.get(mount) else { return Vec::new() };
        self.differences(mount, &want.to_string(), have, self.backend == Backend::File)
    }

    /// What the machine saw in the same block device made by another back-end, and not in this.
    pub(crate) fn other(&self, seen: &Seen, other: &Seen) -> Vec<String> {
        let mut lines = Vec::new();
        let names = seen.files.keys().chain(other.files.keys()).collect::<BTreeSet<_>>();
        let (none, list) = (String::new(), ".list");
        for name in names.into_iter().filter(|name| *name == IDENTITY || name.ends_with(list)) {
            let [one, two] = [seen, other].map(|seen| seen.files.get(name).unwrap_or(&none));
            if name == IDENTITY && one != two {
                lines.push(format!("{name}:\n{one}and\n{two}"));
            } else if let Some(mount) = name.strip_suffix(list) {
                lines.extend(self.differences(mount, one, two, true));
            }
        }
        lines
    }

    /// Lines that two listings of a mount do not share.
    fn differences(&self, mount: &str, want: &str, have: &str, by_tools: bool) -> Vec<String> {
        let mount = self.graph.mounts().iter().find(|m| m.node == mount);
        let kind = mount.and_then(|m| self.graph.filesystem(&m.filesystem)).map(|f| f.kind);
        // The path is the last field. The tools that make these keep no times.
        let timeless = matches!(kind, Some(FilesystemKind::Xfs | FilesystemKind::Btrfs));
        let timeless = timeless && by_tools;
        let line = |line: &str| {
            let path = line.rsplit(' ').next().unwrap_or_default().to_owned();
            let mut fields: Vec<_> = line.split(' ').map(str::to_owned).collect();
            if (timeless || (kind == Some(FilesystemKind::Vfat) && path == "/"))
                && let Some(time) = fields.get_mut(4)
            {
                *time = "-".to_owned();
            }
            (path, fields.join(" "))
        };
        let own = |path: &str| path == "/lost+found";
        let sorted = |text: &str| -> BTreeMap<_, _> {
            text.lines().map(line).filter(|(path, _)| !own(path)).collect()
        };
        let (want, have) = (sorted(want), sorted(have));
        let mut lines = Vec::new();
        for path in want.keys().chain(have.keys()).collect::<BTreeSet<_>>() {
            let (want, have) = (want.get(path), have.get(path));
            if want != have {
                lines.extend(want.map(|line| format!("-{line}")));
                lines.extend(have.map(|line| format!("+{line}")));
            }
        }
        lines
    }
}

/// Each has UUIDs of its own: one kernel sees them all, and those of another test too.
fn seed(name: &str) -> [u8; 32] {
    let mut seed = [7; 32];
    seed[..4].copy_from_slice(&std::process::id().to_be_bytes());
    for (at, byte) in seed[4..].iter_mut().zip(name.bytes().rev()) {
        *at = byte;
    }
    seed
}

/// What a back-end says before it makes anything that it cannot make, or that this kernel lacks.
fn is_refusal(error: &RealiseError) -> bool {
    match error {
        RealiseError::NeedsKernel { .. } => true,
        RealiseError::Write { source, .. } => source.kind() == io::ErrorKind::Unsupported,
        _ => false,
    }
}

/// What mounts should hold, by their nodes.
fn wants(graph: &Graph, tree: &FolderTree) -> Result<BTreeMap<String, Listing>> {
    let mut wants = BTreeMap::new();
    for mount in graph.mounts() {
        let filesystem = graph.filesystem(&mount.filesystem).context("a mount of nothing")?;
        if filesystem.kind.is_mounted() {
            let part = File::open(tree.part(&mount.at))?;
            let mut want = Listing::of(part.as_fd())?;
            want.clamp(EPOCH, true);
            expected(&mut want, filesystem.kind);
            wants.insert(mount.node.clone(), want);
        }
    }
    Ok(wants)
}

/// What of a tree a filesystem keeps.
fn expected(want: &mut Listing, kind: FilesystemKind) {
    if kind != FilesystemKind::Vfat {
        return;
    }
    for listed in want.entries.values_mut() {
        // It has no owners, no modes but one bit, and steps of two seconds: mounted with what
        // `script` says.
        (listed.mode, listed.uid, listed.gid) = (0o755, 0, 0);
        listed.mtime.0 -= listed.mtime.0.rem_euclid(2);
        listed.xattrs.clear();
        listed.first = None;
    }
}
