//! XFS: made by `mkfs.xfs`, and filled from a prototype where that can say what the tree holds.
//!
//! A prototype (`mkfs.xfs(8)`, `-p`, of xfsprogs 6.1) knows names, kinds, owners, permissions,
//! links and content. It knows neither times, nor extended attributes, nor hard links, nor the
//! sticky bit, nor sockets, nor names with blanks: such a tree is copied by the kernel.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dibhost_sys::Program;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::totals::Totals;
use crate::site::{MakeError, Site};
use crate::tree::{EntryKind, Tree, TreeEntry};

const MIB: u64 = 1 << 20;
/// `mkfs.xfs` of 5.19 and later makes nothing smaller.
pub(super) const LEAST: u64 = 300 * MIB;
/// Fixed, so that it does not depend on the version of `mkfs.xfs`; its least for such sizes.
const LOG: u64 = 64 * MIB;
/// A prototype's file is read by `mkfs.xfs` with its length in a signed 32-bit number.
const LARGEST_FILE: u64 = i32::MAX as u64;

/// What XFS is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct XfsLayout {
    /// Its UUID.
    pub uuid: Uuid,
    /// Bytes.
    pub size: u64,
    /// Bytes of a sector.
    pub sector: u64,
}

/// Bytes it needs for a part, with `free` bytes beside it: inodes of 512 bytes in chunks of 64,
/// folders twice what is in them (data and hash index), and 1 of 16 for the trees of free space,
/// inodes and extents, what is reserved for them, and air.
pub(super) fn bytes_for(totals: &Totals, free: u64) -> u64 {
    let inodes = totals.inodes.next_multiple_of(64) * 512;
    let folders = (totals.inodes - totals.files.min(totals.inodes)) * 4096;
    let names = 2 * (totals.name_bytes + totals.names * 24);
    let content = totals.length + inodes + folders + names + totals.link_bytes;
    let content = content.saturating_add(totals.with_xattrs * 4096 + totals.xattr_bytes);
    let all = content.saturating_add(free) / 15 * 16 + LOG + 16 * MIB;
    all.max(LEAST).next_multiple_of(MIB)
}

/// Why a prototype cannot say this entry.
pub(super) fn problem(entry: &TreeEntry) -> Option<String> {
    let path = entry.shown();
    let name = entry.path.file_name().map_or(&b""[..], |name| name.as_bytes());
    if name.iter().any(u8::is_ascii_whitespace) || name == b"$" || name.starts_with(b":") {
        return Some(format!("`{path}` has a name with a blank, or of `$` or `:`"));
    }
    if entry.xattrs.space > 0 {
        return Some(format!("`{path}` has extended attributes"));
    }
    if entry.target.iter().any(u8::is_ascii_whitespace) || entry.target.starts_with(b":") {
        return Some(format!("`{path}` points to a name with a blank, or of `:`"));
    }
    if entry.links > 1 && entry.kind != EntryKind::Folder {
        return Some(format!("`{path}` has more than one name"));
    }
    if entry.mode & 0o1000 != 0 {
        return Some(format!("`{path}` has the sticky bit"));
    }
    if entry.kind == EntryKind::Special {
        return Some(format!("`{path}` is a device, pipe or socket"));
    }
    if entry.kind == EntryKind::File && entry.size > LARGEST_FILE {
        return Some(format!("`{path}` has more than 2 GiB"));
    }
    None
}

/// Makes it, of a part or empty.
pub(super) fn make(xfs: &XfsLayout, site: &Site<'_>, tree: &mut dyn Tree) -> Result<(), MakeError> {
    let part = site.part(tree)?;
    let mut program = Program::new("mkfs.xfs")
        .args(["-q", "-f", "-K"])
        // What kernels since 5.10 and GRUB 2.06 read, whatever this `mkfs.xfs` would choose.
        .args(["-m", &format!("crc=1,finobt=1,rmapbt=0,reflink=1,uuid={}", xfs.uuid)])
        .args(["-m", "bigtime=1,inobtcount=1", "-i", "sparse=1,nrext64=0", "-n", "ftype=1"])
        .args(["-s", &format!("size={}", xfs.sector), "-l", &format!("size={LOG}")])
        .args(["-d", &format!("size={}", xfs.size)]);
    if let Some(label) = site.label {
        program = program.args(["-L", label]);
    }
    let mut prototype =
        tempfile::Builder::new().prefix("mkfs.xfs-").suffix(".proto").tempfile_in(site.scratch)?;
    if let (Some(mount), Some(part)) = (site.mount, &part) {
        prototype.write_all(&write_prototype(mount, part, tree)?)?;
        prototype.flush()?;
        tree.admit(prototype.as_file(), false)?;
        program = program.arg("-p").arg(prototype.path());
    }
    tree.program(&program.arg(site.path).held(site.hold(part.as_deref())))?;
    Ok(())
}

fn write_prototype(mount: &str, part: &Path, tree: &mut dyn Tree) -> Result<Vec<u8>, MakeError> {
    let mut entries = BTreeMap::<PathBuf, TreeEntry>::new();
    let mut refused = None;
    tree.entries(mount, &mut |entry| {
        refused = refused.take().or_else(|| problem(entry));
        entries.insert(entry.path.clone(), entry.clone());
    })?;
    let blank = part.as_os_str().as_bytes().iter().any(u8::is_ascii_whitespace);
    if let Some(problem) = refused.or_else(|| blank.then(|| "the part's path has a blank".into())) {
        return Err(io::Error::other(format!("no prototype can say that {problem}")).into());
    }
    // A name for the boot loader's file, and blocks and inodes that nothing reads any more.
    let mut text = b"/dev/null\n0 0\n".to_vec();
    let root = entries.remove(Path::new("")).map_or_else(
        || "d--755 0 0".to_owned(),
        |root| format!("d{} {} {}", mode(root.mode), root.uid, root.gid),
    );
    text.extend_from_slice(root.as_bytes());
    text.push(b'\n');
    let mut depth = 0;
    // In the order of their parts, so that what is in a folder follows it at once.
    for (path, entry) in &entries {
        let level = path.components().count() - 1;
        while depth > level {
            text.extend_from_slice(b"$\n");
            depth -= 1;
        }
        text.extend_from_slice(path.file_name().unwrap_or_default().as_bytes());
        let kind = match entry.kind {
            EntryKind::File => '-',
            EntryKind::Folder => 'd',
            EntryKind::Symlink => 'l',
            EntryKind::Special => return Err(io::Error::other("a device in a prototype").into()),
        };
        let mut line = String::new();
        let _ = write!(line, " {kind}{} {} {}", mode(entry.mode), entry.uid, entry.gid);
        text.extend_from_slice(line.as_bytes());
        match entry.kind {
            EntryKind::File => {
                text.push(b' ');
                text.extend_from_slice(part.join(path).as_os_str().as_bytes());
            }
            EntryKind::Symlink => {
                text.push(b' ');
                text.extend_from_slice(&entry.target);
            }
            EntryKind::Folder => depth += 1,
            EntryKind::Special => {}
        }
        text.push(b'\n');
    }
    for _ in 0..=depth {
        text.extend_from_slice(b"$\n");
    }
    Ok(text)
}

/// Set-id bits as letters, then three octal digits.
fn mode(mode: u32) -> String {
    let user = if mode & 0o4000 == 0 { '-' } else { 'u' };
    let group = if mode & 0o2000 == 0 { '-' } else { 'g' };
    format!("{user}{group}{:03o}", mode & 0o777)
}
