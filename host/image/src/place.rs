//! Finished files put in place: all of them or none, from one open folder to another.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions};
use dibhost_check::Check;
use dibhost_sys::Cancel;
use rustix::fs::{Mode, OFlags, fchmod, fsync, openat};

use crate::check::folder_of;
use crate::{ImageError, Scratch};

/// A finished file and where it goes.
#[derive(Debug)]
pub struct Placed {
    /// In the scratch folder, on the disk it goes to; it is gone afterwards.
    pub from: PathBuf,
    /// Where it goes; what is there is replaced.
    pub to: PathBuf,
}

/// What is put in place: the name in the folder of the outputs, and under which in the scratch folder
/// what was there before is kept.
type InPlace<'a> = (&'a Path, &'a OsStr, Option<String>);

/// Renames finished files that are flushed, so that all are there or none.
///
/// # Errors
/// When one cannot be put in place, or the build is cancelled: everything is as it was before then.
pub fn put_in_place(
    files: &[Placed],
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<(), ImageError> {
    for file in files {
        let opened = scratch.open(&file.from)?;
        let stat = opened.metadata().map_err(ImageError::io("reading", &file.from))?;
        // Programs that make filesystems may write to the folder, and no file of theirs, nor a second
        // name of another's, becomes an output.
        let ours = stat.uid() == rustix::process::geteuid().as_raw() && stat.nlink() == 1;
        if !ours && Check::OutputFile.holds() {
            let other = io::Error::other("it is not the file that was made there");
            return Err(ImageError::io("putting in place", &file.from)(other));
        }
        // Temporary files are private; outputs are for whoever may read new files.
        let mode = fchmod(opened, Mode::from_raw_mode(0o644));
        mode.map_err(|e| ImageError::io("setting the mode of", &file.from)(e.into()))?;
    }
    // From here on it is quicker to finish than to undo.
    cancel.check()?;
    let (inside, folder) = (scratch.inside(), scratch.folder());
    let mut placed: Vec<InPlace<'_>> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let put = |kept: &str| {
            let name = check_in(scratch, &file.to)?;
            let before = keep(folder, name, inside, kept)
                .map_err(ImageError::io("keeping", &file.to))?
                .then(|| kept.to_owned());
            inside
                .rename(scratch.name_of(&file.from)?, folder, name)
                .map_err(ImageError::io("putting in place", &file.to))?;
            Ok((&*file.to, name, before))
        };
        match put(&format!("before-{index}")) {
            Ok(done) => placed.push(done),
            Err(cause) => return Err(roll_back(cause, scratch, &placed)),
        }
    }
    // A folder that is held may be no more than a place, which nothing can be asked of.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let synced = openat(folder, ".", flags, Mode::empty()).and_then(fsync);
    match synced {
        Ok(()) => Ok(()),
        Err(error) => {
            let path = files.first().map_or(Path::new("."), |file| folder_of(&file.to));
            let cause = ImageError::io("writing", path)(error.into());
            Err(roll_back(cause, scratch, &placed))
        }
    }
}

/// The name of an output in the folder of the outputs, if it may be there: what it is to replace has
/// to be a file, and no link to one.
pub(crate) fn check_in<'a>(scratch: &Scratch, to: &'a Path) -> Result<&'a OsStr, ImageError> {
    let refuse = |problem: &str, help: &str| ImageError::output(to, problem, help);
    let name = to
        .file_name()
        .ok_or_else(|| refuse("is not the name of a file", "write a path that ends with a name"))?;
    if !scratch.is_in(folder_of(to)) {
        let problem = "is not in the folder that was there when the build began";
        return Err(refuse(problem, "leave the folder where it is until the build has ended"));
    }
    match scratch.folder().symlink_metadata(name) {
        Ok(there) if there.is_file() => Ok(name),
        Ok(there) if there.is_symlink() => Err(refuse(
            "is a symbolic link, and only files are replaced",
            "remove it, or name what it leads to",
        )),
        Ok(_) => Err(refuse("is there and is no file", "write the name of a file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(name),
        Err(error) => {
            Err(refuse(&format!("cannot be looked at ({error})"), "choose another place"))
        }
    }
}

/// Keeps what is there in the scratch folder; answers whether anything is.
fn keep(folder: &Dir, name: &OsStr, inside: &Dir, kept: &str) -> io::Result<bool> {
    match folder.hard_link(name, inside, kept) {
        Ok(()) => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(_) => {}
    }
    // A filesystem without hard links: a copy will do as well, of that very file.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let mut before = File::from(openat(folder, name, flags, Mode::empty())?);
    let stat = before.metadata()?;
    if !stat.is_file() {
        return Err(io::Error::other("it is no file any more"));
    }
    let mut new = OpenOptions::new();
    let mut copy = inside.open_with(kept, new.write(true).create_new(true))?.into_std();
    io::copy(&mut before, &mut copy)?;
    copy.set_permissions(stat.permissions())?;
    Ok(true)
}

fn roll_back(cause: ImageError, scratch: &Scratch, placed: &[InPlace<'_>]) -> ImageError {
    let (inside, folder) = (scratch.inside(), scratch.folder());
    for (path, name, before) in placed.iter().rev() {
        let undone = match before {
            Some(before) => inside.rename(before, folder, name),
            None => folder.remove_file(name),
        };
        if let Err(source) = undone {
            let path = (*path).to_owned();
            return ImageError::RollBack { cause: Box::new(cause), path, source };
        }
    }
    cause
}
