//! Filesystems that `mke2fs` makes empty and we fill, and what the kernel and `e2fsck` say of them.

use std::fs::File;
use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_filesystems::{ExtFilling, FilesystemKind, Listing, readback};
use dibhost_sys::Cancel;
use dibhost_volumes::FileMedium;

use crate::mounted::{EPOCH, Mounted, listing, run};

/// How a filesystem is made: the kind, and arguments of `mke2fs` beside the usual ones.
pub(crate) type Kind = (&'static str, &'static [&'static str]);

/// All that are proved: each kind, size of blocks, inodes without and with more fields, and features
/// that change what is written.
pub(crate) const KINDS: [Kind; 14] = [
    ("ext4", &["-b4096"]),
    ("ext4", &["-b1024"]),
    ("ext4", &["-b2048"]),
    ("ext4", &["-b4096", "-O", "metadata_csum_seed,orphan_file"]),
    ("ext4", &["-b4096", "-O", "^metadata_csum,uninit_bg"]),
    ("ext4", &["-b4096", "-O", "^metadata_csum,^uninit_bg,^64bit,^flex_bg"]),
    ("ext4", &["-b1024", "-O", "^dir_index,^has_journal"]),
    ("ext4", &["-b4096", "-I128", "-O", "^metadata_csum"]),
    ("ext4", &["-b2048", "-I512", "-g8192", "-O", "^resize_inode"]),
    ("ext3", &["-b4096"]),
    ("ext3", &["-b1024"]),
    ("ext2", &["-b4096"]),
    ("ext2", &["-b2048", "-O", "^sparse_super,^resize_inode,^filetype"]),
    ("ext2", &["-b1024", "-I128"]),
];

const SEED: &str = "0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f7";

/// An image file with an empty filesystem in it.
pub(crate) fn empty(image: &Path, (kind, args): Kind, size: u64) {
    let file = File::create(image).unwrap();
    file.set_len(size).unwrap();
    let extended = format!("hash_seed={SEED},assume_storage_prezeroed=1,nodiscard");
    let uuid = ["-U", "0e1f2a3b-4c5d-6e7f-8091-a2b3c4d5e6f8", "-E", &extended];
    let done = Command::new("mke2fs")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("E2FSPROGS_FAKE_TIME", EPOCH.to_string())
        .args(["-F", "-q", "-t", kind, "-i4096"])
        .args(args)
        .args(uuid)
        .arg(image)
        .output()
        .unwrap();
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

pub(crate) fn fill(image: &Path, source: &Path) -> io::Result<()> {
    let file = File::options().read(true).write(true).open(image)?;
    let size = file.metadata()?.len();
    let filling = ExtFilling { offset: 0, size, zeroed: true, time: EPOCH };
    filling.fill(&file, File::open(source)?.as_fd(), &Cancel::new())
}

/// What `e2fsck` finds; nothing if it is in order.
pub(crate) fn complaints(image: &Path) -> Option<String> {
    let done = Command::new("e2fsck")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .args(["-f", "-n"])
        .arg(image)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    let fine = |line: &str| {
        line.starts_with("e2fsck 1.") || line.starts_with("Pass ") || line.contains(" blocks")
    };
    (!done.status.success() || !said.lines().all(fine)).then_some(said)
}

/// Makes a filesystem, fills it, and holds it to what is in the tree: by `e2fsck`, by the kernel in
/// every attribute, and by our reader. Whole seconds: inodes without more fields keep no others.
pub(crate) fn proved(source: &Path, kind: Kind, size: u64) -> Result<PathBuf, String> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    empty(&image, kind, size);
    fill(&image, source).map_err(|e| e.to_string())?;
    if let Some(said) = complaints(&image) {
        let kept = folder.keep().join("image");
        return Err(format!("{kind:?}: {}:\n{said}", kept.display()));
    }
    let whole = kind.1.contains(&"-I128");
    let mut want = listing(source);
    want.clamp(EPOCH, whole);
    let have = mounted(&image);
    let differences = want.differences(&have);
    if !differences.is_empty() {
        return Err(format!("{kind:?}:\n{}", differences.join("\n")));
    }
    let file = File::open(&image).unwrap();
    let mut names = 0;
    let medium = FileMedium::whole(&file).unwrap();
    readback::names(FilesystemKind::Ext4, &medium, 1 << 20, &mut |_| {
        names += 1;
        Ok(())
    })
    .map_err(|e| format!("{kind:?}: {e}"))?;
    let lost = usize::from(!want.entries.contains_key(&b"lost+found"[..]));
    if names != want.entries.len() + lost {
        return Err(format!("{kind:?}: {names} names are read back of {}", want.entries.len()));
    }
    let kept = folder.keep();
    Ok(kept)
}

/// What the kernel finds in it, without what `mke2fs` made.
pub(crate) fn mounted(image: &Path) -> Listing {
    let mounted = Mounted::new(image, "ext4", "ro,noload");
    let mut have = listing(mounted.path());
    let empty = {
        let lost = mounted.path().join("lost+found");
        lost.read_dir().is_ok_and(|mut names| names.next().is_none())
    };
    if empty && have.entries.get(&b"lost+found"[..]).is_some_and(|lost| lost.mode == 0o700) {
        have.entries.remove(&b"lost+found"[..]);
    }
    have
}

/// Attributes that not every folder for temporary files takes.
pub(crate) fn attribute(path: &Path, name: &str, value: &[u8]) {
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::lsetxattr(path, name, value, flags).unwrap_or_else(|e| panic!("{name}: {e}"));
}

/// Removes what a proof left.
pub(crate) fn remove(folder: PathBuf) {
    run("rm", &["-r", folder.to_str().unwrap()]);
}
