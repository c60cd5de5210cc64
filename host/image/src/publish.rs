//! From the raw disk to the files that were asked for, all of them or none.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::OpenOptions;

use dibhost_sys::{Cancel, Program, ProgramError, ProgramOutput};
use dibhost_text::check_suffix;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::beside;
use crate::digest::{hexadecimal, sha256_of_file};
use crate::place::{check_in, put_in_place};
use crate::{
    Format, ImageError, Manifest, ManifestFile, ManifestOutput, Placed, Qcow2Compression, Scratch,
};

/// Runs a program of the builder that reads a disk, held as its bytes demand.
pub type Host<'a> = &'a mut dyn FnMut(&Program) -> Result<ProgramOutput, ProgramError>;

/// An image file that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The image files of one build, under one name.
#[derive(Debug, Clone)]
pub struct Images<'a> {
    /// The disks, files in the scratch folder which are gone afterwards, by their names: of one
    /// alone the outputs are `NAME.qcow2`, of several `NAME.DISK.qcow2`.
    pub disks: &'a [(String, PathBuf)],
    /// Folder and name of the outputs, without the format's ending.
    pub stem: &'a Path,
    /// One output each.
    pub formats: Vec<Format>,
    /// Of the qcow2.
    pub compression: Qcow2Compression,
}

impl Images<'_> {
    /// Makes them in the scratch folder; `host` runs what converts them.
    ///
    /// # Errors
    /// When one cannot be made, or the build is cancelled.
    pub fn make(
        mut self,
        scratch: &Scratch,
        host: Host<'_>,
        cancel: &Cancel,
    ) -> Result<Made, ImageError> {
        self.formats.sort_unstable();
        self.formats.dedup();
        let mut files = Vec::new();
        for (disk, raw) in self.disks {
            let infix = if self.disks.len() > 1 { format!(".{disk}") } else { String::new() };
            let path = |f: &Format| (*f, with(self.stem, &format!("{infix}.{}", f.name())));
            let wanted: Vec<_> = self.formats.iter().map(path).collect();
            files.extend(make(raw, &wanted, self.compression, scratch, host, cancel)?);
        }
        Ok(Made { stem: self.stem.to_owned(), files })
    }
}

/// Image files that nobody sees yet: they lie in the scratch folder.
#[derive(Debug)]
pub struct Made {
    stem: PathBuf,
    files: Vec<(Output, PathBuf)>,
}

impl Made {
    /// Puts them in place, with a `.sha256` for each, `NAME.manifest.json` and files beside them
    /// (what is added to the name, and bytes); answers the outputs and the other files. The
    /// manifest's `outputs` and `beside` are filled in.
    ///
    /// # Errors
    /// When one cannot be put in place, or the build is cancelled: everything is as it was before
    /// then.
    pub fn publish(
        self,
        mut manifest: Manifest,
        beside: &[(String, Arc<[u8]>)],
        scratch: &Scratch,
        cancel: &Cancel,
    ) -> Result<(Vec<Output>, Vec<PathBuf>), ImageError> {
        let with = |suffix: &str| with(&self.stem, suffix);
        manifest.outputs = self.files.iter().map(|(output, _)| in_manifest(output)).collect();

        let mut files = files_of(&self.files, scratch)?;
        for (suffix, bytes) in beside {
            check_suffix(suffix).map_err(|why| {
                let problem = format!("cannot have `{}` added: it {why}", suffix.escape_debug());
                ImageError::output(&self.stem, &problem, "have the element choose another one")
            })?;
            let sha256 = hexadecimal(&Sha256::digest(bytes));
            manifest.beside.push(ManifestFile { file: name_of(&with(suffix)), sha256 });
        }
        manifest.beside.sort_unstable();
        let before = with(".manifest.json");
        let theirs = beside.iter().map(|(suffix, _)| with(suffix)).collect::<Vec<_>>();
        beside::check_in(scratch.folder(), &before, &theirs, cancel)?;
        let manifest = manifest.to_json();
        let others = std::iter::once((".manifest.json", manifest.as_bytes()))
            .chain(beside.iter().map(|(suffix, bytes)| (suffix.as_str(), &**bytes)));
        let outputs = files.len();
        for (suffix, bytes) in others {
            let to = with(suffix);
            check_in(scratch, &to)?;
            let from = write_new(scratch, &format!("beside-{}", files.len()), bytes)?;
            files.push(Placed { from, to });
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = files.iter().find(|f| !seen.insert(&f.to)) {
            let help = "let only one element write a file of that name";
            return Err(ImageError::output(&twice.to, "would be written twice", help));
        }
        put_in_place(&files, scratch, cancel)?;
        let others = files[outputs..].iter().map(|file| file.to.clone()).collect();
        Ok((self.files.into_iter().map(|(output, _)| output).collect(), others))
    }
}

fn with(stem: &Path, suffix: &str) -> PathBuf {
    let mut path = stem.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
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
    compression: Qcow2Compression,
    scratch: &Scratch,
    host: Host<'_>,
    cancel: &Cancel,
) -> Result<Vec<Output>, ImageError> {
    let made = make(raw, outputs, compression, scratch, host, cancel)?;
    put_in_place(&files_of(&made, scratch)?, scratch, cancel)?;
    Ok(made.into_iter().map(|(output, _)| output).collect())
}

fn in_manifest(output: &Output) -> ManifestOutput {
    ManifestOutput {
        file: name_of(&output.path),
        format: output.format.name().to_owned(),
        bytes: output.bytes,
        virtual_size: output.virtual_size,
        sha256: output.sha256.clone(),
    }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Converts and hashes in the scratch folder: what is there is hashed while others are made.
fn make(
    raw: &Path,
    outputs: &[(Format, PathBuf)],
    compression: Qcow2Compression,
    scratch: &Scratch,
    host: Host<'_>,
    cancel: &Cancel,
) -> Result<Vec<(Output, PathBuf)>, ImageError> {
    for (_, path) in outputs {
        check_in(scratch, path)?;
    }
    let disk = scratch.open(raw)?;
    let virtual_size = disk.metadata().map_err(ImageError::io("reading", raw))?.len();
    let measured = |format: Format, path: &Path, from: PathBuf| {
        let file = scratch.open(&from)?;
        let reading = || ImageError::io("reading", &from);
        let sha256 = sha256_of_file(file.try_clone().map_err(reading())?, &from, cancel)?;
        file.sync_all().map_err(ImageError::io("writing", &from))?;
        let bytes = file.metadata().map_err(reading())?.len();
        let path = path.to_owned();
        Ok((Output { path, format, bytes, virtual_size, sha256 }, from))
    };
    let measured = &measured;
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for (index, (format, path)) in outputs.iter().enumerate() {
            // Renamed at the end, when nobody reads it any more.
            if *format == Format::Raw {
                let thread = scope.spawn(|| measured(*format, path, raw.to_owned()));
                threads.push((index, thread));
            }
        }
        for (index, (format, path)) in outputs.iter().enumerate() {
            if *format == Format::Qcow2 {
                let from = scratch.path().join(format!("{}-{index}.qcow2", name_of(raw)));
                convert(raw, &from, compression, scratch, host, cancel)?;
                threads.push((index, scope.spawn(move || measured(*format, path, from))));
            }
        }
        threads.sort_by_key(|(index, _)| *index);
        let ended = threads.into_iter().map(|(_, thread)| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        ended.collect()
    })
}

/// One reading thread and writes in order (no `-W`): the same disk gives the same bytes. The program
/// may be nobody on this machine, and has the scratch folder open and nothing beside it.
fn convert(
    raw: &Path,
    to: &Path,
    compression: Qcow2Compression,
    scratch: &Scratch,
    host: Host<'_>,
    cancel: &Cancel,
) -> Result<(), ImageError> {
    let making = || ImageError::io("making", to);
    let mut new = OpenOptions::new();
    let made = scratch.inside().open_with(scratch.name_of(to)?, new.write(true).create_new(true));
    // Whoever gets into the private folder that it is in.
    let anybody = Permissions::from_mode(0o666);
    made.and_then(|made| made.into_std().set_permissions(anybody)).map_err(making())?;
    let program = Program::new("qemu-img").args(["convert", "-f", "raw", "-O", "qcow2"]);
    let program = match compression {
        Qcow2Compression::None => program,
        Qcow2Compression::Zlib => program.args(["-c", "-o", "compression_type=zlib"]),
        Qcow2Compression::Zstd => program.args(["-c", "-o", "compression_type=zstd"]),
    };
    let converted = host(&program.arg(raw).arg(to));
    cancel.check()?;
    converted.map(|_| ()).map_err(|source| ImageError::Convert { path: to.to_owned(), source })
}

/// A new file of the scratch folder, on the disk.
fn write_new(scratch: &Scratch, name: &str, bytes: &[u8]) -> Result<PathBuf, ImageError> {
    let path = scratch.path().join(name);
    let mut new = OpenOptions::new();
    let written = scratch
        .inside()
        .open_with(name, new.write(true).create_new(true))
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(ImageError::io("writing", &path))?;
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
        check_in(scratch, &to)?;
        let name = name_of(&output.path);
        let line = match name.contains('\\') {
            // GNU's escape, told by a backslash at the start.
            true => format!("\\{}  {}\n", output.sha256, name.replace('\\', "\\\\")),
            false => format!("{}  {name}\n", output.sha256),
        };
        let from = write_new(scratch, &format!("sum-{}", files.len()), line.as_bytes())?;
        files.push(Placed { from, to });
    }
    Ok(files)
}
