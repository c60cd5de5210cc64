//! No file is dropped in silence: what went into a filesystem is compared with what is in it, by every
//! back-end, and what is missing, more or another is named. Needs root.

#[path = "built/mod.rs"]
mod built;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use built::{Known, disk, mount, node};
use dibhost_block_device::{
    Backend, Graph, LayoutOptions, Node, NodeKind, Realise, layout_for, with_parts,
};
use dibhost_filesystems::{EntryKind, FolderTree, Tree, TreeEntry};
use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use tempfile::TempDir;

const EPOCH: i64 = 1_700_000_000;

fn run(program: &str, args: &[&str]) {
    let status = Command::new(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(args)
        .status()
        .unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(status.success(), "{program} {args:?}");
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().unwrap().to_owned()
}

/// Another entry, or none, or more, in the place of one.
type Lie<'a> = &'a (dyn Fn(&TreeEntry) -> Vec<TreeEntry> + Sync);

/// A tree that counts how often it is read, and lies at one of these times.
struct Watched<'a> {
    tree: &'a mut FolderTree,
    reads: usize,
    lie: Option<(usize, Lie<'a>)>,
}

impl Tree for Watched<'_> {
    fn part(&self, mount: &str) -> &Path {
        self.tree.part(mount)
    }

    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> std::io::Result<()> {
        self.reads += 1;
        match self.lie.filter(|(at, _)| *at == self.reads) {
            Some((_, lie)) => {
                self.tree.entries(mount, &mut |entry| lie(entry).iter().for_each(&mut *each))
            }
            None => self.tree.entries(mount, each),
        }
    }

    fn read_pieces(
        &mut self,
        mount: &str,
        relative: &str,
        each: &mut dyn FnMut(&[u8]) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        self.tree.read_pieces(mount, relative, each)
    }

    fn open(&self, mount: &str) -> std::io::Result<OwnedFd> {
        self.tree.open(mount)
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.tree.program(program)
    }
}

fn nodes(kind: &str, subvolumes: bool) -> Vec<Node> {
    let filesystem =
        NodeKind::Filesystem { kind: kind.into(), label: None, uuid: None, tuning: vec![] };
    let mut nodes = vec![disk("disk"), node("fs", &["disk"], filesystem)];
    if subvolumes {
        for (name, path) in [("system", "a/@"), ("spare", "spare")] {
            let settings = format!(r#"{{"path": "{path}"}}"#);
            nodes.push(node(
                name,
                &["fs"],
                NodeKind::Driver { name: "subvolume".into(), settings },
            ));
        }
        nodes.push(mount("/", "system"));
    } else {
        nodes.push(mount("/", "fs"));
    }
    nodes
}

/// Builds it, and says how often the tree was read; or what went wrong.
fn build(
    backend: Backend,
    nodes: Vec<Node>,
    root: &Path,
    lie: Option<(usize, Lie<'_>)>,
) -> Result<usize, String> {
    let graph = Graph::new(nodes).unwrap_or_else(|e| panic!("{e}"));
    let folder = TempDir::new().unwrap();
    let cancel = Cancel::new();
    let mounts: Vec<&str> = graph.mounts().iter().map(|m| m.at.as_str()).collect();
    let done = with_parts(root, &mounts, folder.path(), &cancel, |tree| {
        let mut tree = Watched { tree, reads: 0, lie };
        // Each of its own: the kernel mounts no two filesystems of one UUID.
        let mut seed = [0; 32];
        random(&mut seed);
        let identities = graph.identities(&seed);
        let laid_out = layout_for(&graph, &identities, &mut tree, LayoutOptions::default());
        let laid_out = laid_out.map_err(|e| e.to_string())?;
        let disks = [("disk".to_owned(), folder.path().join("disk"))].into();
        let realise = Realise { disks: &disks, secrets: &Known, time: EPOCH, cancel: &cancel };
        backend.realise(&laid_out, &mut tree, &realise).map_err(|e| e.to_string())?;
        Ok(tree.reads)
    });
    done.map_err(|e| e.to_string())?
}

fn random(bytes: &mut [u8]) {
    File::open("/dev/urandom").unwrap().read_exact_at(bytes, 0).unwrap();
}

/// Names that some tool might leave out, at several depths.
fn lost_and_found(root: &Path) {
    for folder in ["lost+found", "a/lost+found", "a/b/lost+found.d/deep"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for file in ["lost+found/one", "lost+found.txt", "a/lost+foundation", "a/lost+found/two"] {
        fs::write(root.join(file), file).unwrap();
    }
    fs::write(root.join("a/b/lost+found.d/deep/lost+found"), "three").unwrap();
}

/// What every kind can hold.
fn plain(root: &Path) {
    for folder in ["empty/within/empty", "many", "etc"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for number in 0..1500 {
        let name = format!("many/a file of a long name, one of very many {number}");
        let name = name.replace(' ', "-");
        fs::write(root.join(name), vec![b'x'; number % 700]).unwrap();
    }
    fs::write(root.join("etc/nothing"), "").unwrap();
    fs::write(root.join("etc/ümläut"), "text").unwrap();
    fs::write(root.join("l".repeat(250)), "long").unwrap();
    let sparse = File::create(root.join("sparse")).unwrap();
    sparse.set_len(40 << 20).unwrap();
    sparse.write_all_at(&[7; 10_000], 20 << 20).unwrap();
}

fn links(root: &Path) {
    symlink("etc/nothing", root.join("link")).unwrap();
    symlink("x".repeat(900), root.join("etc/long-link")).unwrap();
    symlink("/nowhere", root.join("etc/absolute")).unwrap();
}

fn hard_links(root: &Path) {
    fs::write(root.join("etc/first"), "one of three").unwrap();
    fs::hard_link(root.join("etc/first"), root.join("second")).unwrap();
    fs::hard_link(root.join("etc/first"), root.join("empty/third")).unwrap();
    // Of the names of this one, one is not in the tree.
    fs::write(root.join("etc/alone"), "alone").unwrap();
}

fn odd_names(root: &Path) {
    let names: [&[u8]; 6] =
        [b"new\nline", b"\n", b" -> ", b"\xff\xfe\x01", b"-rf $`\"\\", b"a -> b\nlrwxrwxrwx 0"];
    for name in names {
        fs::write(root.join(OsStr::from_bytes(name)), name).unwrap();
        symlink(OsStr::from_bytes(name), root.join("etc").join(OsStr::from_bytes(name))).unwrap();
    }
}

fn longest_name(root: &Path) {
    fs::write(root.join("n".repeat(255)), "").unwrap();
    fs::write(root.join(OsStr::from_bytes(&[0xfe; 255])), "").unwrap();
}

fn special(root: &Path) {
    fs::create_dir(root.join("dev")).unwrap();
    run("mknod", &[&text(root.join("dev/null")), "c", "1", "3"]);
    run("mknod", &[&text(root.join("dev/sdz300")), "b", "259", "300"]);
    run("mkfifo", &[&text(root.join("dev/pipe"))]);
    drop(UnixListener::bind(root.join("dev/socket")).unwrap());
}

type Make = fn(&Path);
const ALL: &[Make] = &[plain, lost_and_found, links, hard_links, odd_names, longest_name, special];
/// Each kind with what it can hold, by `file` and by `loop`.
const KINDS: &[(&str, &[Make], &[Make])] = &[
    ("ext2", ALL, ALL),
    ("ext3", ALL, ALL),
    ("ext4", ALL, ALL),
    ("xfs", &[plain, lost_and_found, links], ALL),
    ("btrfs", &[plain, lost_and_found, links, hard_links, odd_names, longest_name], ALL),
    ("vfat", &[plain, lost_and_found], &[plain, lost_and_found]),
    ("squashfs", ALL, &[plain, lost_and_found, links]),
    ("erofs", &[plain, links, hard_links, odd_names, special], &[plain, links]),
];

fn tree(makes: &[Make]) -> TempDir {
    let folder = TempDir::new().unwrap();
    makes.iter().for_each(|make| make(folder.path()));
    // A mode that nothing minds.
    run("chmod", &["0755", &text(folder.path())]);
    folder
}

#[test]
fn whatever_a_filesystem_can_hold_is_in_it() {
    for (kind, by_file, by_loop) in KINDS {
        for (backend, makes) in [(Backend::File, by_file), (Backend::Loop, by_loop)] {
            let root = tree(makes);
            let done = build(backend, nodes(kind, false), root.path(), None);
            done.unwrap_or_else(|e| panic!("{kind} by {}: {e}", backend.name()));
        }
    }
}

#[test]
fn subvolumes_are_read_too() {
    let root = tree(ALL);
    let reads = build(Backend::Loop, nodes("btrfs", true), root.path(), None).unwrap();
    let lie: Lie<'_> = &|entry| match entry.path == Path::new("a/lost+foundation") {
        true => vec![],
        false => vec![entry.clone()],
    };
    let error = build(Backend::Loop, nodes("btrfs", true), root.path(), Some((reads, lie)));
    let error = error.unwrap_err();
    assert!(error.contains("`/a/@/a/lost+foundation` is in it, and did not go in"), "{error}");
}

/// A large folder of ext and xfs has an index, and extents in a tree of their own.
#[test]
fn a_folder_of_many_names_is_read_to_its_end() {
    let root = TempDir::new().unwrap();
    let holes: Vec<PathBuf> = (0..2).map(|i| root.path().join(format!("{i}"))).collect();
    holes.iter().for_each(|folder| fs::create_dir(folder).unwrap());
    for number in 0..3000 {
        for folder in &holes {
            let name = format!("{number}-{}", "n".repeat(number % 200));
            fs::write(folder.join(name), "").unwrap();
        }
    }
    run("chmod", &["0755", &text(root.path())]);
    for (kind, ..) in KINDS.iter().filter(|(kind, ..)| *kind != "vfat") {
        for backend in Backend::ALL {
            let done = build(backend, nodes(kind, false), root.path(), None);
            done.unwrap_or_else(|e| panic!("{kind} by {}: {e}", backend.name()));
        }
    }
}

/// Each comparison is given another tree, and names what it lacks.
#[test]
fn what_is_not_as_it_went_in_is_named() {
    let gone = |entry: &TreeEntry| match entry.path == Path::new("etc/nothing") {
        true => vec![],
        false => vec![entry.clone()],
    };
    let more = |entry: &TreeEntry| match entry.path == Path::new("etc/nothing") {
        true => vec![entry.clone(), TreeEntry { path: "etc/taken away".into(), ..entry.clone() }],
        false => vec![entry.clone()],
    };
    let changed = |path: &'static str, change: fn(&mut TreeEntry)| {
        move |entry: &TreeEntry| {
            let mut entry = entry.clone();
            if entry.path == Path::new(path) {
                change(&mut entry);
            }
            vec![entry]
        }
    };
    let larger = changed("sparse", |entry| entry.size += 1);
    let other_kind = changed("empty/within", |entry| entry.kind = EntryKind::Special);
    let longer = changed("link", |entry| entry.size += 1);
    let split = changed("second", |entry| entry.links = 1);
    for (kind, by_file, by_loop) in KINDS {
        for (backend, makes) in [(Backend::File, by_file), (Backend::Loop, by_loop)] {
            let has = |make: Make| makes.iter().any(|one| std::ptr::fn_addr_eq(*one, make));
            let root = tree(makes);
            let reads = build(backend, nodes(kind, false), root.path(), None).unwrap();
            let mut lies: Vec<(Lie<'_>, &str)> = vec![
                (&gone, "`/etc/nothing` is in it, and did not go in"),
                (&more, "`/etc/taken away` went in and is missing"),
                (&larger, "`/sparse` had 41943041 bytes and has 41943040 in it"),
                (&other_kind, "`/empty/within` was a device, pipe or socket and is a folder"),
            ];
            if has(links) && *kind != "squashfs" {
                lies.push((&longer, "`/link` had 12 bytes and has 11 in it"));
            }
            if has(hard_links) {
                lies.push((
                    &split,
                    match *kind {
                        "squashfs" => "of whatever names went in",
                        _ => "`/second` had one name and has 3 in it",
                    },
                ));
            }
            for (lie, said) in lies {
                let done = build(backend, nodes(kind, false), root.path(), Some((reads, lie)));
                let error = done.err().unwrap_or_else(|| panic!("{kind}: {said}"));
                assert!(error.contains(said), "{kind} by {}: {said}: {error}", backend.name());
                assert!(error.contains("node `fs`"), "{error}");
            }
        }
    }
}

#[test]
fn what_mkfs_erofs_would_leave_out_is_refused_before_it_is_started() {
    for name in ["lost+found", "lost+found.txt", "a/lost+foundation", "a/b/c/lost+found"] {
        let root = TempDir::new().unwrap();
        fs::create_dir_all(root.path().join("a/b/c")).unwrap();
        fs::write(root.path().join(name), "kept").unwrap();
        let error = build(Backend::File, nodes("erofs", false), root.path(), None).unwrap_err();
        let said = format!("`/{name}` would be lost");
        assert!(error.contains(&said) && error.contains("give it another name"), "{error}");
    }
}
