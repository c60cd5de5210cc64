//! Filling an empty filesystem in its place: by this process where it sees the tree, else by a program
//! that the tree runs, which is this one again.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::Path;

use dibhost_sys::{Cancel, Program, ProgramError};

use super::volume::Place;
use super::write::write;
use crate::site::{MakeError, Site};
use crate::tree::Tree;

/// What the program's first argument of its own is.
const WORD: &str = "ext";

/// An empty ext2, ext3 or ext4 that is to be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtFilling {
    /// Bytes from the start of the image file.
    pub offset: u64,
    /// Bytes of its place: it may have fewer.
    pub size: u64,
    /// Whether what `mke2fs` did not write reads as zeros.
    pub zeroed: bool,
    /// Nothing in it is younger: seconds since 1970.
    pub time: i64,
}

impl ExtFilling {
    /// Fills it with all that is below a folder, and gives its root the folder's owner, mode, time and
    /// attributes.
    ///
    /// # Errors
    /// What cannot be read or held, or does not fit any more, by its path; a filesystem that is not in
    /// order or has features that are not known here; cancelling. The filesystem is of no use then.
    pub fn fill(&self, image: &File, source: BorrowedFd<'_>, cancel: &Cancel) -> io::Result<()> {
        let Self { offset, size, zeroed, time } = *self;
        write(Place { image, offset, size, zeroed }, source, time, cancel)
    }

    /// The same as arguments of a program say it: what the program's own are followed by when
    /// [`Tree::filler`] fills an ext2, ext3 or ext4. None: they say something else.
    ///
    /// # Errors
    /// Those of [`fill`](Self::fill), and files that cannot be opened.
    pub fn carry_out(arguments: &[OsString]) -> Option<io::Result<()>> {
        let [word, numbers @ .., image, source] = arguments else { return None };
        let numbers: Vec<i64> =
            numbers.iter().map(|n| n.to_str()?.parse().ok()).collect::<Option<_>>()?;
        let (&[offset, size, zeroed, time], true) = (numbers.as_slice(), word == WORD) else {
            return None;
        };
        let (offset, size) = (u64::try_from(offset).ok()?, u64::try_from(size).ok()?);
        let filling = Self { offset, size, zeroed: zeroed == 1, time };
        Some(filling.open(image, source))
    }

    fn open(&self, image: &OsStr, source: &OsStr) -> io::Result<()> {
        let image = File::options().read(true).write(true).open(image)?;
        self.fill(&image, File::open(source)?.as_fd(), &Cancel::new())
    }

    fn arguments(&self, image: &Path, source: &Path) -> Vec<OsString> {
        let Self { offset, size, zeroed, time } = *self;
        let numbers = [offset.to_string(), size.to_string(), u8::from(zeroed).to_string()];
        let mut arguments: Vec<OsString> = vec![WORD.into()];
        arguments.extend(numbers.map(OsString::from));
        arguments.extend([time.to_string().into(), image.into(), source.into()]);
        arguments
    }
}

/// Fills a filesystem of `size` bytes from the part of the tree that belongs there.
pub(super) fn fill(site: &Site<'_>, size: u64, tree: &mut dyn Tree) -> Result<(), MakeError> {
    let (Some(mount), Some(part)) = (site.mount, site.part(tree)?) else { return Ok(()) };
    let (offset, zeroed, time) = (site.offset, site.zeroed, site.time);
    let filling = ExtFilling { offset, size, zeroed, time };
    match (tree.open(mount), tree.filler()) {
        (Ok(source), _) => {
            let cancel = tree.cancel();
            let filled = filling.fill(site.file, source.as_fd(), &cancel);
            cancel.check()?;
            Ok(filled?)
        }
        (Err(error), Some(program)) if error.kind() == io::ErrorKind::Unsupported => {
            by_program(&program.args(filling.arguments(site.path, &part)), tree)
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn by_program(program: &Program, tree: &mut dyn Tree) -> Result<(), MakeError> {
    tree.program(program).map(drop).map_err(|error| match error {
        // It says what went wrong and nothing else; what was killed says nothing.
        ProgramError::Failed { stderr, .. } if !stderr.trim().is_empty() => {
            io::Error::other(stderr.trim().to_owned()).into()
        }
        source => source.into(),
    })
}
