//! From the raw disk to the files that were asked for, all of them or none.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dibhost_sys::{Cancel, Program};
use serde::Serialize;

use crate::check::folder_of;
use crate::digest::sha256_of;
use crate::{Compression, Format, ImageError, Manifest, ManifestOutput, Scratch, check_output};

/// An image file that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Output {
    /// Where.
    pub path: PathBuf,
    /// Its format.
    pub format: Format,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of the disk in it.
    pub virtual_size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// All that one build publishes, under one name.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The disks, files in the scratch folder which are gone afterwards, by their names: of one
    /// alone the outputs are `NAME.qcow2`, of several `NAME.DISK.qcow2`.
    pub disks: &'a [(String, PathBuf)],
    /// Folder and name of the outputs, without the format's ending.
    pub stem: &'a Path,
    /// One output each.
    pub formats: Vec<Format>,
    /// Of the qcow2.
    pub compression: Compression,
    /// `outputs` is filled in.
    pub manifest: Manifest,
    /// More files: what is added to the name, and bytes.
    pub beside: Vec<(String, Arc<[u8]>)>,
}

impl Publication<'_> {
    /// Makes the outputs, a `.sha256` for each, `NAME.manifest.json` and the files beside them, and
    /// answers the outputs and the other files.
    ///
    /// # Errors
    /// When an output cannot be made or put in place, or the build is cancelled: everything is as
    /// it was before then.
    pub fn publish(
        mut self,
        scratch: &Scratch,
        cancel: &Cancel,
    ) -> Result<(Vec<Output>, Vec<PathBuf>), ImageError> {
        self.formats.sort_unstable();
        self.formats.dedup();
        let with = |suffix: &str| {
            let mut path = self.stem.as_os_str().to_owned();
            path.push(suffix);
            PathBuf::from(path)
        };
        let mut made = Vec::new();
        for (disk, raw) in self.disks {
            let infix = if self.disks.len() > 1 { format!(".{disk}") } else { String::new() };
            check_suffix(self.stem, if infix.is_empty() { ".disk" } else { &infix })?;
            let path = |f: &Format| (*f, with(&format!("{infix}.{}", f.name())));
            let wanted: Vec<_> = self.formats.iter().map(path).collect();
            made.extend(make(raw, &wanted, self.compression, scratch, cancel)?);
        }
        self.manifest.outputs = made.iter().map(|(output, _)| in_manifest(output)).collect();

        let mut files = files_of(&made, scratch)?;
        let manifest = self.manifest.to_json();
        let beside = std::iter::once((".manifest.json", manifest.as_bytes()))
            .chain(self.beside.iter().map(|(suffix, bytes)| (suffix.as_str(), &**bytes)));
        let outputs = files.len();
        for (suffix, bytes) in beside {
            check_suffix(self.stem, suffix)?;
            let to = with(suffix);
            check_output(&to)?;
            let from = write_new(scratch, bytes)?;
            files.push(Placed { from, to });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = files.iter().find(|f| !seen.insert(&f.to)) {
            let help = "let only one element write a file of that name";
            return Err(ImageError::output(&twice.to, "would be written twice", help));
        }
        put_in_place(&files, scratch, cancel)?;
        let others = files[outputs..].iter().map(|file| file.to.clone()).collect();
        Ok((made.into_iter().map(|(output, _)| output).collect(), others))
    }
}

/// Makes outputs of a raw disk, which must be a file in the scratch folder and is gone afterwards,
/// and a `.sha256` for each.
///
/// # Errors
/// When one cannot be made or put in place, or the build is cancelled: everything is as it was
/// before then.
pub fn publish(
    raw: &Path,
    outputs: &[(Format, PathBuf)],
    compression: Compression,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<Vec<Output>, ImageError> {
    let made = make(raw, outputs, compression, scratch, cancel)?;
    put_in_place(&files_of(&made, scratch)?, scratch, cancel)?;
    Ok(made.into_iter().map(|(output, _)| output).collect())
}

/// A finished file and where it goes.
#[derive(Debug)]
pub struct Placed {
    /// In the scratch folder, on the disk it goes to; it is gone afterwards.
    pub from: PathBuf,
    /// Where it goes; what is there is replaced.
    pub to: PathBuf,
}

fn in_manifest(output: &Output) -> ManifestOutput {
    ManifestOutput {
        file: name_of(&output.path),
        format: output.format,
        bytes: output.bytes,
        virtual_size: output.virtual_size,
        sha256: output.sha256.clone(),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// It comes from an element: it may lead to no other folder and hide nothing.
fn check_suffix(stem: &Path, suffix: &str) -> Result<(), ImageError> {
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let starts = suffix.starts_with(['.', '-']) && suffix.len() > 1 && suffix.len() <= 64;
    if starts && suffix.chars().all(fine) {
        return Ok(());
    }
    let problem = format!("cannot have `{}` added to its name", suffix.escape_debug());
    let help = "add `.` or `-`, then letters, digits, `-`, `_` and `.`";
    Err(ImageError::output(stem, &problem, help))
}

/// Converts and hashes in the scratch folder, outputs side by side.
fn make(
    raw: &Path,
    outputs: &[(Format, PathBuf)],
    compression: Compression,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<Vec<(Output, PathBuf)>, ImageError> {
    for (_, path) in outputs {
        check_output(path)?;
    }
    let virtual_size = raw.metadata().map_err(ImageError::io("reading", raw))?.len();
    let one = |index: usize, format: Format, path: &Path| {
        let from = match format {
            // Renamed at the end, when nobody reads it any more.
            Format::Raw => raw.to_owned(),
            Format::Qcow2 => {
                let from = scratch.path().join(format!("{}-{index}.qcow2", name_of(raw)));
                convert(raw, &from, compression, cancel)?;
                from
            }
        };
        let sha256 = sha256_of(&from, cancel)?;
        flush(&from)?;
        let bytes = from.metadata().map_err(ImageError::io("reading", &from))?.len();
        let path = path.to_owned();
        Ok((Output { path, format, bytes, virtual_size, sha256 }, from))
    };
    let one = &one;
    std::thread::scope(|scope| {
        let threads: Vec<_> = outputs
            .iter()
            .enumerate()
            .map(|(index, (format, path))| scope.spawn(move || one(index, *format, path)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}

/// One reading thread and writes in order (no `-W`): the same disk gives the same bytes.
fn convert(
    raw: &Path,
    to: &Path,
    compression: Compression,
    cancel: &Cancel,
) -> Result<(), ImageError> {
    let program = Program::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2"]);
    let program = match compression {
        Compression::None => program,
        Compression::Zlib => program.args(["-c", "-o", "compression_type=zlib"]),
        Compression::Zstd => program.args(["-c", "-o", "compression_type=zstd"]),
    };
    // Both are absolute: a name with a colon cannot be taken for a protocol.
    let converted = program.arg(raw).arg(to).run(cancel);
    cancel.check()?;
    converted.map(|_| ()).map_err(|source| ImageError::Convert { path: to.to_owned(), source })
}

fn flush(path: &Path) -> Result<(), ImageError> {
    let context = || ImageError::io("writing", path);
    File::open(path).map_err(context())?.sync_all().map_err(context())
}

fn write_new(scratch: &Scratch, bytes: &[u8]) -> Result<PathBuf, ImageError> {
    let context = || ImageError::io("writing a file in", scratch.path());
    let mut file =
        tempfile::Builder::new().prefix("file-").tempfile_in(scratch.path()).map_err(context())?;
    file.write_all(bytes).map_err(context())?;
    let path = file.into_temp_path().keep().map_err(|e| context()(e.error))?;
    flush(&path)?;
    Ok(path)
}

/// The outputs with their `.sha256`, in the form that `sha256sum -c` reads.
fn files_of(made: &[(Output, PathBuf)], scratch: &Scratch) -> Result<Vec<Placed>, ImageError> {
    let mut files = Vec::new();
    for (output, from) in made {
        files.push(Placed { from: from.clone(), to: output.path.clone() });
        let mut to = output.path.clone().into_os_string();
        to.push(".sha256");
        let to = PathBuf::from(to);
        check_output(&to)?;
        let name = name_of(&output.path);
        let line = match name.contains('\\') {
            // GNU's escape, told by a backslash at the start.
            true => format!("\\{}  {}\n", output.sha256, name.replace('\\', "\\\\")),
            false => format!("{}  {name}\n", output.sha256),
        };
        files.push(Placed { from: write_new(scratch, line.as_bytes())?, to });
    }
    Ok(files)
}

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
        readable(&file.from)?;
    }
    // From here on it is quicker to finish than to undo.
    cancel.check()?;
    let mut placed: Vec<(&Path, Option<PathBuf>)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let kept = scratch.path().join(format!("before-{index}"));
        let before = match fs::hard_link(&file.to, &kept) {
            Ok(()) => Some(kept),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // A filesystem without hard links: a copy will do as well.
            Err(_) if file.to.is_file() => match fs::copy(&file.to, &kept) {
                Ok(_) => Some(kept),
                Err(error) => {
                    let cause = ImageError::io("keeping", &file.to)(error);
                    return Err(roll_back(cause, &placed));
                }
            },
            Err(_) => None,
        };
        if let Err(error) = fs::rename(&file.from, &file.to) {
            let cause = ImageError::io("putting in place", &file.to)(error);
            return Err(roll_back(cause, &placed));
        }
        placed.push((&file.to, before));
    }
    let folders: BTreeSet<&Path> = files.iter().map(|file| folder_of(&file.to)).collect();
    for folder in folders {
        if let Err(cause) = flush(folder) {
            return Err(roll_back(cause, &placed));
        }
    }
    Ok(())
}

/// Temporary files are private; outputs are for whoever may read new files.
fn readable(path: &Path) -> Result<(), ImageError> {
    use std::os::unix::fs::PermissionsExt as _;
    let permissions = fs::Permissions::from_mode(0o644);
    fs::set_permissions(path, permissions).map_err(ImageError::io("setting the mode of", path))
}

fn roll_back(cause: ImageError, placed: &[(&Path, Option<PathBuf>)]) -> ImageError {
    for (path, before) in placed.iter().rev() {
        let undone = match before {
            Some(before) => fs::rename(before, path),
            None => fs::remove_file(path),
        };
        if let Err(source) = undone {
            let path = (*path).to_owned();
            return ImageError::RollBack { cause: Box::new(cause), path, source };
        }
    }
    cause
}
