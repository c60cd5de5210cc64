//! Copies the content of one file, holes left as holes.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags, copy_file_range, openat};
use rustix::io::Errno;

use crate::walk::open;
use dibhost_volumes::sparse;

/// Flags of a file that is read: a pipe in its place must not block.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// Copies a regular file to a new one of the same name; how many bytes are no holes.
pub(super) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &OsStr) -> io::Result<u64> {
    let source = File::from(open(from, Path::new(name), READ)?);
    let stat = source.metadata()?;
    if !stat.is_file() {
        return Err(io::Error::other("it was a file, and is none any more"));
    }
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = File::from(openat(to, name, new, Mode::RUSR | Mode::WUSR)?);
    let size = stat.len();
    target.set_len(size)?;
    let mut at = 0;
    let mut copied = 0;
    while let Some(stretch) = sparse::data(&source, at, size)? {
        extent(&source, &target, stretch.start, stretch.end)?;
        copied += stretch.end - stretch.start;
        at = stretch.end;
    }
    Ok(copied)
}

fn extent(source: &File, target: &File, mut at: u64, end: u64) -> io::Result<()> {
    while at < end {
        let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(1 << 30);
        let (mut read, mut written) = (at, at);
        match copy_file_range(source, Some(&mut read), target, Some(&mut written), length) {
            Ok(0) => return Err(shorter()),
            Ok(done) => at += done as u64,
            // Between two filesystems, or one that cannot.
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                return bytes(source, target, at, end);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn bytes(source: &File, target: &File, mut at: u64, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; usize::try_from((end - at).min(1 << 20)).unwrap_or(1 << 20)];
    while at < end {
        let step = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
        let read = source.read_at(&mut buffer[..step], at)?;
        if read == 0 {
            return Err(shorter());
        }
        target.write_all_at(&buffer[..read], at)?;
        at += read as u64;
    }
    Ok(())
}

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was copied")
}
