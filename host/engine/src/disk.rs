//! The finished tree as the block device wants to see it. It is visible in the target's worker
//! process only, so what reads it is run there.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use dibhost_block_device::{EntryKind, Tree, TreeEntry};
use dibhost_sys::{Program, ProgramError, ProgramOutput};
use dibhost_tree::{TargetError, TargetPath, Worker};

/// A tree in parts, one for each mount point.
pub(crate) struct WorkerTree<'a> {
    worker: &'a mut Worker,
    parts: BTreeMap<String, Part>,
    filler: Program,
}

struct Part {
    folder: PathBuf,
    /// Read once: nothing changes the tree any more.
    entries: Option<Vec<TreeEntry>>,
}

impl<'a> WorkerTree<'a> {
    /// Splits the worker's tree at its mount points. `filler` fills filesystems where it is run.
    pub(crate) fn split(
        worker: &'a mut Worker,
        mount_points: &[TargetPath],
        filler: Program,
    ) -> Result<Self, TargetError> {
        let parts = worker.split(mount_points)?;
        let part = |(mount, folder): (TargetPath, PathBuf)| {
            (mount.as_str().to_owned(), Part { folder, entries: None })
        };
        let parts = parts.into_iter().map(part).collect();
        Ok(Self { worker, parts, filler })
    }

    fn known(&mut self, mount: &str) -> io::Result<&[TreeEntry]> {
        let missing = || io::Error::other(format!("the tree has no part for `{mount}`"));
        let part = self.parts.get_mut(mount).ok_or_else(missing)?;
        if part.entries.is_none() {
            let find = Program::new("find").arg(&part.folder).arg("-printf").arg(FIELDS);
            let output = self.worker.run_on_host(&find).map_err(io::Error::other)?;
            part.entries = Some(parse(&output.stdout)?);
        }
        part.entries.as_deref().ok_or_else(missing)
    }

    /// Whether a path is a regular file, and no symbolic link is on the way to it.
    fn is_plain(&mut self, mount: &str, relative: &Path) -> io::Result<bool> {
        let entries = self.known(mount)?;
        let kind = |path: &Path| entries.iter().find(|e| e.path == path).map(|e| e.kind);
        Ok(kind(relative) == Some(EntryKind::File)
            && relative.ancestors().skip(1).all(|above| kind(above) == Some(EntryKind::Folder)))
    }
}

/// Fields of [`parse`], each with a NUL behind it: path, kind, mode, owner, group, time, bytes,
/// blocks of 512 bytes, names, inode.
const FIELDS: &str = "%P\\0%y\\0%m\\0%U\\0%G\\0%T@\\0%s\\0%b\\0%n\\0%i\\0";
const FIELD_COUNT: usize = 10;

fn parse(printed: &[u8]) -> io::Result<Vec<TreeEntry>> {
    let mut fields = printed.split(|byte| *byte == 0).collect::<Vec<_>>();
    fields.pop();
    let (entries, rest) = fields.as_chunks::<FIELD_COUNT>();
    let wrong =
        |what: &str| io::Error::other(format!("`find` printed no {what} where one belongs"));
    if !rest.is_empty() {
        return Err(wrong("whole entry"));
    }
    let entry = |[path, kind, mode, uid, gid, time, size, blocks, links, inode]: &[&[u8]; 10]| {
        let number = |field: &[u8], radix, what| {
            let text = std::str::from_utf8(field).map_err(|_| wrong(what))?;
            let whole = text.split('.').next().unwrap_or_default();
            i64::from_str_radix(whole, radix).map_err(|_| wrong(what))
        };
        let positive = |field, what| {
            number(field, 10, what).and_then(|n| u64::try_from(n).map_err(|_| wrong(what)))
        };
        let small = |field, radix, what| {
            number(field, radix, what).and_then(|n| u32::try_from(n).map_err(|_| wrong(what)))
        };
        let kind = match *kind {
            b"f" => EntryKind::File,
            b"d" => EntryKind::Folder,
            b"l" => EntryKind::Symlink,
            _ => EntryKind::Special,
        };
        let size = positive(size, "size")?;
        let allocated = positive(blocks, "count of blocks")? * 512;
        Ok(TreeEntry {
            path: PathBuf::from(std::ffi::OsStr::from_bytes(path)),
            kind,
            mode: small(mode, 8, "mode")?,
            uid: small(uid, 10, "owner")?,
            gid: small(gid, 10, "group")?,
            mtime: number(time, 10, "time")?,
            size,
            // What a sparse file lacks; filesystems that pack small files are not used for trees.
            holes: if kind == EntryKind::File { size.saturating_sub(allocated) } else { 0 },
            links: small(links, 10, "count of names")?,
            inode: positive(inode, "inode")?,
            xattr_space: 0,
        })
    };
    entries.iter().map(entry).collect()
}

impl Tree for WorkerTree<'_> {
    fn part(&self, mount: &str) -> &Path {
        self.parts.get(mount).map_or(Path::new("/nonexistent"), |part| &part.folder)
    }

    fn entries(&mut self, mount: &str, each: &mut dyn FnMut(&TreeEntry)) -> io::Result<()> {
        self.known(mount)?.iter().for_each(each);
        Ok(())
    }

    fn read(&mut self, mount: &str, relative: &str) -> io::Result<Vec<u8>> {
        let relative = relative.trim_start_matches('/');
        if !self.is_plain(mount, Path::new(relative))? {
            let problem = format!("`{relative}` below `{mount}` of the image is no regular file");
            return Err(io::Error::new(io::ErrorKind::NotFound, problem));
        }
        let path = self.part(mount).join(relative);
        let output = self.worker.run_on_host(&Program::new("cat").arg("--").arg(path));
        Ok(output.map_err(io::Error::other)?.stdout)
    }

    fn filler(&self) -> Option<Program> {
        Some(self.filler.clone())
    }

    fn program(&mut self, program: &Program) -> Result<ProgramOutput, ProgramError> {
        self.worker.run_on_host(program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_sys::Cancel;

    #[test]
    fn find_prints_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a\nb"), "12345").unwrap();
        std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
        let find = Program::new("find").arg(folder.path()).arg("-printf").arg(FIELDS);
        let printed = find.run(&Cancel::new()).unwrap().stdout;
        let entries = parse(&printed).unwrap();
        let of = |path: &str| entries.iter().find(|e| e.path == Path::new(path)).unwrap();
        assert_eq!(entries.len(), 3);
        assert_eq!((of("a\nb").kind, of("a\nb").size), (EntryKind::File, 5));
        assert_eq!((of("link").kind, of("link").size), (EntryKind::Symlink, 4));
        assert_eq!(of("").kind, EntryKind::Folder);
    }

    #[test]
    fn half_an_entry_is_an_error() {
        assert!(parse(b"a\0f\0").is_err());
    }
}
