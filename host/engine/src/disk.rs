//! The finished tree as the block device wants to see it. It may be visible in the tree's worker
//! process only, so what reads it is run there.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dibhost_filesystems::{EntryKind, Tree, TreeEntry, XattrTotals};
use dibhost_plan::Plan;
use dibhost_sys::{Program, ProgramError, ProgramOutput};
use dibhost_tree::{Kind, ListedNode, TargetError, TargetPath, Workshop};

use crate::journal::Journal;

/// Bytes of a file read at a time.
const PIECE: u64 = 8 << 20;

/// A tree in parts, one for each mount point.
pub(crate) struct TreeInParts<'a> {
    workshop: &'a mut dyn Workshop,
    parts: BTreeMap<String, Part>,
    filler: Program,
    made: Option<(&'a Journal, &'a Plan)>,
}

struct Part {
    folder: PathBuf,
    /// Read once: nothing changes the tree any more.
    entries: Option<Vec<TreeEntry>>,
}

impl<'a> TreeInParts<'a> {
    /// Splits the tree at its mount points. `filler` fills filesystems where it is run.
    pub(crate) fn split(
        workshop: &'a mut dyn Workshop,
        mount_points: &[TargetPath],
        filler: Program,
    ) -> Result<Self, TargetError> {
        let parts = workshop.split(mount_points)?;
        let part = |(mount, folder): (TargetPath, PathBuf)| {
            (mount.as_str().to_owned(), Part { folder, entries: None })
        };
        let parts = parts.into_iter().map(part).collect();
        Ok(Self { workshop, parts, filler, made: None })
    }

    /// What changed the tree is in a journal.
    pub(crate) fn made_as_in(self, journal: &'a Journal, plan: &'a Plan) -> Self {
        Self { made: Some((journal, plan)), ..self }
    }

    /// Bytes of all files, without holes.
    pub(crate) fn content(&mut self) -> io::Result<u64> {
        let mounts: Vec<String> = self.parts.keys().cloned().collect();
        let mut content = 0;
        for mount in mounts {
            let files = self.known(&mount)?.iter().filter(|entry| entry.kind == EntryKind::File);
            content += files.map(|file| file.size.saturating_sub(file.holes)).sum::<u64>();
        }
        Ok(content)
    }

    fn known(&mut self, mount: &str) -> io::Result<&[TreeEntry]> {
        let missing = || io::Error::other(format!("the tree has no part for `{mount}`"));
        let part = self.parts.get_mut(mount).ok_or_else(missing)?;
        if part.entries.is_none() {
            let mut entries = Vec::new();
            self.workshop
                .list(&part.folder, &mut |node| entries.push(entry(node)))
                .map_err(io::Error::other)?;
            part.entries = Some(entries);
        }
        part.entries.as_deref().ok_or_else(missing)
    }
}

fn entry(node: ListedNode) -> TreeEntry {
    let kind = match node.kind {
        Kind::File => EntryKind::File,
        Kind::Directory => EntryKind::Folder,
        Kind::Symlink => EntryKind::Symlink,
        Kind::CharacterDevice | Kind::BlockDevice | Kind::Fifo | Kind::Socket => EntryKind::Special,
    };
    let attributes = node.attributes.iter();
    let attributes = attributes.map(|(name, length)| (name.as_str(), *length as usize));
    TreeEntry {
        path: node.path.into(),
        kind,
        mode: node.mode,
        uid: node.uid,
        gid: node.gid,
        mtime: node.mtime,
        size: node.size,
        // What a sparse file lacks; filesystems that pack small files are not used for trees.
        holes: if kind == EntryKind::File { node.size.saturating_sub(node.allocated) } else { 0 },
        links: u32::try_from(node.links).unwrap_or(u32::MAX),
        inode: node.inode,
        xattrs: XattrTotals::of(attributes),
        target: node.target,
    }
}

impl Tree for TreeInParts<'_> {
    fn part(&self, mount: &str) -> &Path {
        self.parts.get(mount).map_or(Path::new("/nonexistent"), |part| &part.folder)
    }

    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> io::Result<()> {
        self.known(mount)?.iter().for_each(each);
        Ok(())
    }

    fn read_pieces(
        &mut self,
        mount: &str,
        relative: &str,
        each: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let missing = || io::Error::other(format!("the tree has no part for `{mount}`"));
        let folder = self.parts.get(mount).ok_or_else(missing)?.folder.clone();
        let file = Path::new(relative.trim_start_matches('/'));
        let mut at = 0;
        loop {
            let piece = self.workshop.read_part(&folder, file, at, PIECE);
            let piece = piece.map_err(|error| match error {
                TargetError::Conflict(why) => io::Error::new(io::ErrorKind::NotFound, why),
                error => io::Error::other(error),
            })?;
            if piece.is_empty() {
                return Ok(());
            }
            each(&piece)?;
            at += piece.len() as u64;
        }
    }

    fn open(&self, mount: &str) -> io::Result<OwnedFd> {
        let part = self.parts.get(mount).map(|part| part.folder.as_path());
        part.and_then(|part| self.workshop.open_part(part)).unwrap_or_else(|| {
            let problem = format!("the part of the tree below `{mount}` is not visible here");
            Err(io::Error::new(io::ErrorKind::Unsupported, problem))
        })
    }

    fn maker(&mut self, mount: &str, relative: &Path) -> Option<String> {
        let (journal, plan) = self.made?;
        journal.maker(&mut *self.workshop, plan, &Path::new(mount).join(relative))
    }

    fn filler(&self) -> Option<Program> {
        Some(self.filler.clone())
    }

    fn admit(&self, file: &File, write: bool) -> io::Result<()> {
        if !self.workshop.are_nobody() {
            return Ok(());
        }
        let to_write = if write { 0o022 } else { 0 };
        let mode = if file.metadata()?.is_dir() { 0o755 } else { 0o644 } | to_write;
        file.set_permissions(Permissions::from_mode(mode))
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        // The filler is dibhost itself. With one word more it mounts what it fills; all else reads what
        // elements made, the filler that writes a filesystem itself too.
        let ((name, args, _), (filler, own, _)) = (program.parts(), self.filler.parts());
        if name == filler && args.split_last().is_some_and(|(_, before)| before == own) {
            return self.workshop.run_mounting(program);
        }
        self.workshop.run_on_host(program)
    }
}

#[cfg(test)]
mod tests {
    use dibhost_block_device::config::Config;
    use dibhost_block_device::{Graph, LayoutOptions, NoSecrets, Realise, layout_for, realise};
    use dibhost_sys::Cancel;
    use dibhost_tree::{HostPrograms as _, SimulatedTarget};

    use super::*;

    fn target() -> SimulatedTarget {
        let answers = |_: &_, _: &mut dyn FnMut(_)| unreachable!("nothing runs in the tree");
        SimulatedTarget::new_in(&memory(), 1_700_000_000, Box::new(answers)).unwrap()
    }

    /// Where thousands of small files take no time.
    fn memory() -> PathBuf {
        let shared = PathBuf::from("/dev/shm");
        if shared.is_dir() { shared } else { std::env::temp_dir() }
    }

    fn shell(target: &mut SimulatedTarget, script: &str) {
        let program = Program::new("sh").args(["-ec", script, "sh"]).arg(target.tree());
        target.run_on_host(&program).unwrap();
    }

    /// Makes a filesystem of the tree; answers its file.
    fn made(target: &mut SimulatedTarget, folder: &Path, kind: &str) -> Result<PathBuf, String> {
        let text = format!(
            "block-device = [\n{{ name = \"disk\", type = \"disk\" }},\n\
             {{ name = \"fs\", type = \"filesystem\", on = \"disk\", format = \"{kind}\", \
             mount = \"/\" }},\n]\n"
        );
        let config = Config::parse(&text).unwrap();
        let graph = Graph::of_image(config.nodes).unwrap();
        let mut tree =
            TreeInParts::split(target, &[TargetPath::root()], Program::new("false")).unwrap();
        let identities = graph.identities(&[7; 32]);
        let layout = layout_for(&graph, &identities, &mut tree, LayoutOptions::default())
            .map_err(|e| e.to_string())?;
        let path = folder.join("disk.raw");
        let disks = BTreeMap::from([("disk".to_owned(), path.clone())]);
        let cancel = Cancel::new();
        let to =
            Realise { disks: &disks, secrets: &NoSecrets, time: 1_700_000_000, cancel: &cancel };
        realise(&layout, &mut tree, &to).map_err(|e| e.to_string())?;
        Ok(path)
    }

    /// 1,500 files with an attribute of 3 KiB each, which nothing makes smaller.
    const ATTRIBUTES: &str = r##"cd "$1"; for i in $(seq 1500); do echo $i > $i; done
        head -c 3400000 /dev/urandom | base64 -w3000 | head -n 1500 |
        awk '{ printf "# file: %d\nuser.note=\"v%s\"\n\n", NR, $0 }' | setfattr --restore=-"##;

    #[test]
    fn a_tree_with_large_attributes_fits_into_each_filesystem() {
        for kind in ["ext4", "squashfs", "erofs"] {
            let folder = tempfile::tempdir_in(memory()).unwrap();
            let mut target = target();
            shell(&mut target, ATTRIBUTES);
            let made = made(&mut target, folder.path(), kind);
            let path = made.unwrap_or_else(|why| panic!("{kind}: {why}"));
            if kind == "ext4" {
                let read =
                    Program::new("debugfs").args(["-R", "ea_get /1499 user.note"]).arg(&path);
                let said = read.run(&Cancel::new()).unwrap().text();
                assert!(said.len() > 3000, "{said}");
            }
        }
    }

    #[test]
    fn a_tree_whose_list_is_long_is_known_whole_and_a_large_file_is_read() {
        let mut target = target();
        // Over 16 MiB of paths, by few files that lie deep.
        let script = "cd \"$1\"; head -c 20000000 /dev/zero > large; ln -s large link; \
                      name=$(printf %0240d 0); for i in $(seq 12); do mkdir $name; cd $name; done; \
                      seq -f \"$name-%g\" 6000 | xargs touch";
        shell(&mut target, script);
        let mut tree =
            TreeInParts::split(&mut target, &[TargetPath::root()], Program::new("false")).unwrap();
        let (mut count, mut bytes) = (0, 0);
        tree.entries("/", &mut |entry| {
            count += 1;
            bytes += entry.path.as_os_str().len();
        })
        .unwrap();
        assert_eq!(count, 6_015);
        assert!(bytes > 16 << 20, "{bytes}");
        assert_eq!(tree.read("/", "/large", 20_000_000).unwrap().len(), 20_000_000);
        let error = tree.read("/", "/large", 19_999_999).unwrap_err();
        assert_eq!(error.to_string(), "`/large` has more than 19999999 bytes");
        let error = tree.read("/", "link", 9).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
