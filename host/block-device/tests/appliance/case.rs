//! A block device made of a graph and a tree, and what a machine should find in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use dibhost_block_device::{
    FilesystemKind, FolderTree, Graph, Identities, Layout, Listing, Realise, Realised, Secrets,
    layout, realise,
};
use dibhost_sys::{Cancel, SecretBytes};
use tempfile::TempDir;

use super::machine::{Seen, work_folder};
use super::{luks, script, trees};

/// Nothing in a disk is younger.
pub(crate) const EPOCH: i64 = 1_700_000_000;

/// All secrets by their names: passphrases, and a keyfile with bytes that no text has.
pub(crate) const KEYS: [(&str, &[u8]); 3] = [
    ("passphrase", b"correct horse"),
    ("spare", b"battery staple"),
    ("keyfile", b"\x00\x01\n\xff\xfe and more than that \r\n\x00"),
];

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
pub(crate) struct CaseDisk {
    pub(crate) path: PathBuf,
    pub(crate) sector_size: u32,
}

/// A block device that was made.
pub(crate) struct Case {
    pub(crate) name: String,
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
    _folder: TempDir,
}

impl Case {
    /// Makes the disks of a graph from a tree that suits it.
    pub(crate) fn build(name: &str, graph: Graph) -> Result<Self> {
        let folder = work_folder()?;
        let (root, aside) = (folder.path().join("tree"), folder.path().join("aside"));
        fs::create_dir(&root)?;
        fs::create_dir(&aside)?;
        trees::fill(&root, &graph)?;
        let mounts: Vec<&str> = graph.mounts().iter().map(|mount| mount.at.as_str()).collect();
        let cancel = Cancel::new();
        let mut tree = FolderTree::split(&root, &aside, &mounts, cancel.clone())?;
        // Each has UUIDs of its own: one kernel sees them all.
        let mut seed = [7; 32];
        for (at, byte) in seed.iter_mut().zip(name.bytes().rev()) {
            *at = byte;
        }
        let identities = graph.identities(&seed);
        let layout = layout(&graph, &identities, &mut tree)?;
        let disk = |disk: &dibhost_block_device::DiskLayout| CaseDisk {
            path: folder.path().join(format!("{}.raw", disk.node)),
            sector_size: disk.sector_size,
        };
        let disks: Vec<CaseDisk> = layout.disks.iter().map(disk).collect();
        let path = |(node, disk): (&dibhost_block_device::DiskLayout, &CaseDisk)| {
            (node.node.clone(), disk.path.clone())
        };
        let paths = layout.disks.iter().zip(&disks).map(path).collect();
        let to = Realise { disks: &paths, secrets: &Known, time: EPOCH, cancel: &cancel };
        let realised = realise(&layout, &mut tree, &to)?;
        let mut wants = BTreeMap::new();
        for mount in graph.mounts() {
            let filesystem = graph.filesystem(&mount.filesystem).context("a mount of nothing")?;
            if filesystem.kind.is_mounted() {
                use dibhost_block_device::Tree as _;
                let part = File::open(tree.part(&mount.at))?;
                let mut want = Listing::of(part.as_fd())?;
                want.clamp(EPOCH, true);
                expected(&mut want, filesystem.kind);
                wants.insert(mount.node.clone(), want);
            }
        }
        let volume_keys = luks::volume_keys(&layout, &disks, folder.path())?;
        let (name, also) = (name.to_owned(), String::new());
        Ok(Self {
            name,
            graph,
            identities,
            layout,
            realised,
            disks,
            volume_keys,
            wants,
            also,
            alone: false,
            _folder: folder,
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
        let mut script = if self.alone { String::new() } else { script::of(self, first) };
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
        for (mount, want) in &self.wants {
            let Some(text) = seen.files.get(&format!("{mount}.list")) else {
                faults.push(format!("`{mount}` was not listed"));
                continue;
            };
            faults.extend(self.differences(mount, want, text));
        }
        faults
    }

    fn differences(&self, mount: &str, want: &Listing, text: &str) -> Vec<String> {
        let mount = self.graph.mounts().iter().find(|m| m.node == mount);
        let kind = mount.and_then(|m| self.graph.filesystem(&m.filesystem)).map(|f| f.kind);
        // The path is the last field. The tools that make these keep no times.
        let timeless = matches!(kind, Some(FilesystemKind::Xfs | FilesystemKind::Btrfs));
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
        let want: BTreeMap<_, _> = want.to_string().lines().map(line).collect();
        let have: BTreeMap<_, _> = text.lines().map(line).filter(|(path, _)| !own(path)).collect();
        let mut lines = Vec::new();
        for path in want.keys().chain(have.keys()).collect::<std::collections::BTreeSet<_>>() {
            let (want, have) = (want.get(path), have.get(path));
            if want != have {
                lines.extend(want.map(|line| format!("-{line}")));
                lines.extend(have.map(|line| format!("+{line}")));
            }
        }
        lines
    }
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
