//! Making the inodes of a tree, each by its first name in a folder that was opened through no link.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ftruncate, linkat, makedev, mkdirat, mknodat, openat,
    symlinkat,
};
use rustix::io::{Errno, Result};

use super::attributes::{At, set};
use super::inode::{Content, Inode, Kind};

/// Bytes of a decompressed frame that go into a file.
pub(super) struct Piece {
    /// Where in the frame.
    pub(super) from: usize,
    pub(super) length: usize,
    /// Where in the file.
    pub(super) to: u64,
}

/// Makes a folder, whose attributes are set when all is in it.
pub(super) fn folder(within: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    mkdirat(within, name, Mode::RWXU)
}

/// Makes what is neither a folder nor a file, with all attributes.
pub(super) fn node(within: BorrowedFd<'_>, name: &[u8], inode: &Inode) -> Result<()> {
    let (kind, device) = match &inode.kind {
        Kind::Folder | Kind::File(_) => return Err(Errno::INVAL),
        Kind::Symlink(to) => {
            symlinkat(&to[..], within, name)?;
            return set(At::Name(within, name), inode);
        }
        Kind::Fifo => (FileType::Fifo, None),
        Kind::Socket => (FileType::Socket, None),
        Kind::CharacterDevice(device) => (FileType::CharacterDevice, Some(device)),
        Kind::BlockDevice(device) => (FileType::BlockDevice, Some(device)),
    };
    let device = device.map_or(0, |device| makedev(device.major, device.minor));
    mknodat(within, name, kind, Mode::RUSR, device)?;
    set(At::Name(within, name), inode)
}

/// Makes a file of its size, all of it a hole.
pub(super) fn file(within: BorrowedFd<'_>, name: &[u8], content: &Content) -> Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = File::from(openat(within, name, flags, Mode::WUSR)?);
    // What is written to its end needs no other.
    let end = content.chunks.last().map_or(0, |c| c.offset + u64::from(c.bytes.length));
    if end != content.size {
        ftruncate(&file, content.size)?;
    }
    Ok(file)
}

/// Opens a file that [`file`] made.
pub(super) fn again(within: BorrowedFd<'_>, name: &[u8]) -> Result<File> {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(openat(within, name, flags, Mode::empty())?))
}

/// Writes pieces of a frame to their places.
pub(super) fn write(file: &File, pieces: &[Piece], frame: &[u8]) -> Result<()> {
    for piece in pieces {
        let bytes = frame.get(piece.from..piece.from + piece.length).ok_or(Errno::INVAL)?;
        file.write_all_at(bytes, piece.to)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    }
    Ok(())
}

/// Gives a file that has all its content its attributes.
pub(super) fn finish(file: &File, inode: &Inode) -> Result<()> {
    set(At::Fd(file.as_fd()), inode)
}

/// Gives what has a name another one. What it links to is not meant.
pub(super) fn link(from: (BorrowedFd<'_>, &[u8]), to: (BorrowedFd<'_>, &[u8])) -> Result<()> {
    linkat(from.0, from.1, to.0, to.1, AtFlags::empty())
}
