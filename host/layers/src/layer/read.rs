//! Reading what is in files, holes left out.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{Mode, OFlags, SeekFrom, openat, seek};
use rustix::io::Errno;

use super::attributes::{At, xattrs};
use super::descent::Descent;
use super::error::{PackError, SurveyError};
use super::inode::{Bytes, CHUNK, Chunk, Xattr, sum};
use super::survey::{Seen, Survey};

/// Bytes of a file that are read at once: `(offset, length)`.
type Range = (u64, u32);

/// What is read of one file at once.
pub(super) struct Part {
    /// Its first name.
    pub(super) name: u32,
    pub(super) what: What,
    /// Whether its extended attributes are read, too: in one of its parts.
    pub(super) xattrs: bool,
}

/// Which content is read.
pub(super) enum What {
    /// None: it is known.
    Nothing,
    /// All that is no hole.
    All,
    /// Of a file that is too large for one part.
    Ranges(Vec<Range>),
}

/// What was read of one file.
pub(super) struct Read {
    pub(super) name: u32,
    /// The chunks, which lie in `bytes` one behind the other.
    pub(super) chunks: Vec<Chunk>,
    pub(super) bytes: Vec<u8>,
    pub(super) xattrs: Option<Vec<Xattr>>,
}

/// Plans the reading of a file; of a large one the places of its holes are found first.
pub(super) fn plan(
    survey: &Survey,
    descent: &mut Descent,
    name: u32,
    known: bool,
    mut add: impl FnMut(Part, u64),
) -> Result<(), PackError> {
    let seen = survey.inodes[survey.names.get(name).of as usize];
    if known || seen.size <= CHUNK {
        let what = if known { What::Nothing } else { What::All };
        add(Part { name, what, xattrs: true }, if known { 0 } else { seen.size });
        return Ok(());
    }
    let file = open(survey, descent, name)?;
    let all = ranges(&file, seen.size).map_err(|e| failed(survey, name, e))?;
    let mut xattrs = true;
    for range in all {
        let what = What::Ranges(vec![range]);
        add(Part { name, what, xattrs }, range.1.into());
        xattrs = false;
    }
    if xattrs {
        add(Part { name, what: What::Nothing, xattrs }, 0);
    }
    Ok(())
}

/// Reads a part, and makes sure that the file is what was surveyed, before and after.
pub(super) fn read(survey: &Survey, descent: &mut Descent, part: &Part) -> Result<Read, PackError> {
    let name = part.name;
    let failed = |e| failed(survey, name, e);
    let seen = survey.inodes[survey.names.get(name).of as usize];
    let file = open(survey, descent, name)?;
    let all;
    let ranges = match &part.what {
        What::Nothing => &[][..],
        What::Ranges(ranges) => ranges,
        What::All => {
            all = ranges(&file, seen.size).map_err(failed)?;
            &all
        }
    };
    let mut bytes = vec![0; ranges.iter().map(|(_, length)| *length as usize).sum()];
    let mut chunks = Vec::with_capacity(ranges.len());
    let mut rest = &mut bytes[..];
    for (offset, length) in ranges {
        let (these, others) = rest.split_at_mut(*length as usize);
        file.read_exact_at(these, *offset).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => PackError::Changed { path: survey.names.shown(name) },
            _ => failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        })?;
        let bytes = Bytes { length: *length, sha256: sum(these) };
        chunks.push(Chunk { offset: *offset, bytes });
        rest = others;
    }
    let xattrs = match part.xattrs {
        true => Some(xattrs(At::Fd(file.as_fd())).map_err(failed)?),
        false => None,
    };
    unchanged(survey, name, &file)?;
    Ok(Read { name, chunks, bytes, xattrs })
}

fn open(survey: &Survey, descent: &mut Descent, name: u32) -> Result<File, PackError> {
    let dentry = survey.names.get(name);
    // Not to wait for a pipe that was put in the file's stead.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = descent
        .go(&survey.names, dentry.parent)
        .and_then(|()| openat(descent.here(), &dentry.name[..], flags, Mode::empty()));
    let file = File::from(opened.map_err(|e| failed(survey, name, e))?);
    unchanged(survey, name, &file)?;
    Ok(file)
}

fn unchanged(survey: &Survey, name: u32, file: &File) -> Result<(), PackError> {
    let now = Seen::of(file.as_fd(), b"").map_err(|e| failed(survey, name, e))?;
    match now == survey.inodes[survey.names.get(name).of as usize] {
        true => Ok(()),
        false => Err(PackError::Changed { path: survey.names.shown(name) }),
    }
}

fn failed(survey: &Survey, name: u32, cause: Errno) -> PackError {
    SurveyError::system(format!("reading {}", survey.names.shown(name)), cause).into()
}

/// Where a file has data, cut at each multiple of a chunk.
fn ranges(file: &File, size: u64) -> Result<Vec<Range>, Errno> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < size {
        let data = match seek(file, SeekFrom::Data(at)) {
            // From here on there is only a hole.
            Err(Errno::NXIO) => break,
            data => data?,
        };
        let end = seek(file, SeekFrom::Hole(data))?.min(size);
        at = data;
        while at < end {
            let next = end.min((at / CHUNK + 1) * CHUNK);
            // A chunk's length is at most `CHUNK`.
            found.push((at, (next - at) as u32));
            at = next;
        }
    }
    Ok(found)
}
