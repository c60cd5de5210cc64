//! SquashFS, as `unsquashfs` lists it: its tables are packed in one of several ways.
//!
//! ```text
//! drwxr-xr-x 0/0                     122 2026-11-29 01:24 squashfs-root
//! -rw-r--r-- 0/0                       2 2026-11-29 01:24 squashfs-root/a/b
//! lrwxrwxrwx 0/0                       2 2026-11-29 01:24 squashfs-root/link -> ok
//! crw-r--r-- 0/0                  1,  3 2026-11-29 01:24 squashfs-root/null
//! ```
//!
//! It writes names as they are. One may have line ends in it, and what looks like a line: so a line
//! ends where its name is one that went in, and another line, or nothing, follows.

use dibhost_sys::{Hold, Program};

use super::types::{Inode, Made, Name, ReadbackError, broken, shown};
use super::wanted::Wanted;
use crate::tree::{EntryKind, Tree};
use dibhost_volumes::bytes::le32;
use dibhost_volumes::{FileMedium, Medium as _};

const ROOT: &[u8] = b"squashfs-root";

/// Lists it, and holds it to what went in.
pub(super) fn compare(
    mut wanted: Wanted,
    tree: &mut dyn Tree,
    made: &Made<'_>,
) -> Result<(), ReadbackError> {
    // `-lln` changes nothing and unpacks nothing.
    let program = Program::new("unsquashfs").arg("-lln").arg(made.path);
    let program = program.held(Hold::new().whole().read(made.path));
    let printed = tree.program(&program).map_err(std::io::Error::other)?.stdout;
    listed(&printed, &mut wanted)?;
    let want = wanted.inodes();
    wanted.finish()?;
    let mut superblock = [0; 96];
    FileMedium::new(made.file, made.extent).read_exact_at(&mut superblock, 0)?;
    if !superblock.starts_with(b"hsqs") {
        return Err(broken("it has no superblock"));
    }
    let have = u64::from(le32(&superblock, 4));
    match have == want {
        true => Ok(()),
        false => Err(ReadbackError::Differs(format!(
            "{want} files, folders and links of whatever names went in, and {have} are in it"
        ))),
    }
}

/// Takes each line.
pub(super) fn listed(printed: &[u8], wanted: &mut Wanted) -> Result<(), ReadbackError> {
    let mut left = printed;
    let mut number = 0;
    while !left.is_empty() {
        let Some(head) = head(left) else {
            let line = left.split(|byte| *byte == b'\n').next().unwrap_or_default();
            return Err(broken(format!("`unsquashfs` says {}", shown(line))));
        };
        let line = &left[head.length..];
        let (path, length) = path(line, &head, wanted);
        left = &line[length..];
        number += 1;
        let inode = Inode { kind: head.kind, size: head.size, links: None };
        wanted.take(&Name { path, number, inode })?;
    }
    Ok(())
}

/// What a line says before its name.
struct Head {
    kind: EntryKind,
    size: u64,
    length: usize,
}

/// The head of a line, whose name begins below the root.
fn head(line: &[u8]) -> Option<Head> {
    let kind = match line.first()? {
        b'-' => EntryKind::File,
        b'd' => EntryKind::Folder,
        b'l' => EntryKind::Symlink,
        b'b' | b'c' | b'p' | b's' => EntryKind::Special,
        _ => return None,
    };
    let mut at = 0;
    let mut field = || {
        at += line.get(at..)?.iter().position(|byte| *byte != b' ')?;
        let start = at;
        at += line.get(at..)?.iter().position(|byte| *byte == b' ')?;
        line.get(start..at)
    };
    let (mode, owner) = (field()?, field()?);
    let mut size = field()?;
    // Of a device two numbers stand there, and a comma between them.
    if size.ends_with(b",") {
        size = field()?;
    }
    let size = match kind {
        EntryKind::Special => 0,
        _ => std::str::from_utf8(size).ok()?.parse().ok()?,
    };
    let (date, time) = (field()?, field()?);
    let fine = mode.len() == 10
        && mode.iter().all(|byte| b"-dlbcpsrwxStT".contains(byte))
        && owner.iter().all(|byte| byte.is_ascii_digit() || *byte == b'/')
        && date.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-')
        && time.iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
    let name = line.get(at + 1..)?.strip_prefix(ROOT)?;
    (fine && matches!(name.first(), None | Some(b'/' | b'\n'))).then_some(Head {
        kind,
        size,
        length: at + 1 + ROOT.len(),
    })
}

/// The path of a line, and where the line ends: at the first of its ends that leaves a name that went
/// in, or else at the first behind which another line begins.
fn path<'a>(line: &'a [u8], head: &Head, wanted: &Wanted) -> (&'a [u8], usize) {
    let mut other = None;
    for end in line.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(end, _)| end) {
        let rest = &line[end + 1..];
        if !rest.is_empty() && self::head(rest).is_none() {
            continue;
        }
        let mut path = line[..end].strip_prefix(b"/").unwrap_or(&line[..end]);
        if head.kind == EntryKind::Symlink {
            // The name, an arrow, and as many bytes as it says.
            let target = usize::try_from(head.size).unwrap_or(usize::MAX);
            let name = path.len().checked_sub(target).and_then(|length| path.get(..length));
            path = name.and_then(|name| name.strip_suffix(b" -> ")).unwrap_or(path);
        }
        if wanted.get(path).is_some_and(|(kind, _)| kind == head.kind) {
            return (path, end + 1);
        }
        other.get_or_insert((path, end + 1));
        // Names have 255 bytes, and a path 4096: what is longer is no name.
        if end > 1 << 14 {
            break;
        }
    }
    other.unwrap_or((line, line.len()))
}
