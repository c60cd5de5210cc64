//! From the raw disk, and from archives of the tree, to the files that were asked for, all of them or
//! none.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::fs::OpenOptions;

use dibhost_sys::Cancel;
use dibhost_text::check_suffix;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::archive::{self, Container};
use crate::beside;
use crate::digest::{hexadecimal, sha256_of_file};
use crate::disk;
use crate::place::{check_in, put_in_place};
use crate::qcow2::{self, Clusters, Qcow2Error};
use crate::{
    Format, ImageError, Manifest, ManifestFile, ManifestOutput, Placed, Qcow2Compression, Scratch,
};

/// How files are compressed.
pub struct Packing<'a> {
    /// Of the clusters of qcow2.
    pub compression: Qcow2Compression,
    /// Clusters that were compressed before, by the same compression.
    pub known: Option<&'a mut dyn Clusters>,
    /// How many compress.
    pub threads: usize,
}

impl Packing<'_> {
    /// By that compression, with nothing known, on one thread.
    #[must_use]
    pub fn by(compression: Qcow2Compression) -> Self {
        Self { compression, known: None, threads: 1 }
    }
}

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
    /// Bytes of the disk in it; of a tree: of its archive, before it is compressed.
    pub virtual_size: u64,
    /// In hexadecimal.
    pub sha256: String,
}

/// What was made of the tree alone: files in the scratch folder, which are gone afterwards.
#[derive(Debug, Clone, Default)]
pub struct TreeFiles {
    /// The archive that all but a squashfs are made of; none: nobody wants one.
    pub tar: Option<PathBuf>,
    /// The squashfs.
    pub squashfs: Option<PathBuf>,
    /// What the image of a container says beside it.
    pub container: Container,
}

/// The image files of one build, under one name.
#[derive(Debug, Clone)]
pub struct Images<'a> {
    /// The disks, files in the scratch folder which are gone afterwards, by their names: of one
    /// alone the outputs are `NAME.qcow2`, of several `NAME.DISK.qcow2`.
    pub disks: &'a [(String, PathBuf)],
    /// What formats of the tree are made of.
    pub tree: TreeFiles,
    /// Folder and name of the outputs, without the format's ending.
    pub stem: &'a Path,
    /// One output each.
    pub formats: Vec<Format>,
}

impl Images<'_> {
    /// Makes them in the scratch folder.
    ///
    /// # Errors
    /// When one cannot be made, or the build is cancelled.
    pub fn make(
        mut self,
        mut packing: Packing<'_>,
        scratch: &Scratch,
        cancel: &Cancel,
    ) -> Result<Made, ImageError> {
        self.formats.sort_unstable();
        self.formats.dedup();
        let named = |formats: &[Format], infix: &str| -> Vec<(Format, PathBuf)> {
            let path = |f: &Format| (*f, with(self.stem, &format!("{infix}.{}", f.name())));
            formats.iter().map(path).collect()
        };
        let (of_disk, of_tree): (Vec<_>, Vec<_>) =
            self.formats.iter().copied().partition(|format| format.is_of_disk());
        let mut files = Vec::new();
        for (disk, raw) in self.disks.iter().filter(|_| !of_disk.is_empty()) {
            let infix = if self.disks.len() > 1 { format!(".{disk}") } else { String::new() };
            files.extend(make(raw, &named(&of_disk, &infix), &mut packing, scratch, cancel)?);
        }
        let threads = packing.threads;
        files.extend(make_of_tree(&self.tree, &named(&of_tree, ""), threads, scratch, cancel)?);
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
    /// What they are, under the names that they will have.
    #[must_use]
    pub fn outputs(&self) -> Vec<Output> {
        self.files.iter().map(|(output, _)| output.clone()).collect()
    }

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
    mut packing: Packing<'_>,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<Vec<Output>, ImageError> {
    let made = make(raw, outputs, &mut packing, scratch, cancel)?;
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

/// What a file that is made is called until it is put in place, where it lies then, and what is in it.
fn measured(
    (format, path): (Format, &Path),
    from: PathBuf,
    virtual_size: u64,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<(Output, PathBuf), ImageError> {
    let file = scratch.open(&from)?;
    let reading = || ImageError::io("reading", &from);
    let sha256 = sha256_of_file(file.try_clone().map_err(reading())?, &from, cancel)?;
    file.sync_all().map_err(ImageError::io("writing", &from))?;
    let bytes = file.metadata().map_err(reading())?.len();
    let path = path.to_owned();
    Ok((Output { path, format, bytes, virtual_size, sha256 }, from))
}

/// Converts and hashes in the scratch folder: what is there is hashed while others are made.
fn make(
    raw: &Path,
    outputs: &[(Format, PathBuf)],
    packing: &mut Packing<'_>,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<Vec<(Output, PathBuf)>, ImageError> {
    for (_, path) in outputs {
        check_in(scratch, path)?;
    }
    let disk = scratch.open(raw)?;
    let virtual_size = disk.metadata().map_err(ImageError::io("reading", raw))?.len();
    std::thread::scope(|scope| {
        let mut threads = Vec::new();
        let mut measure = |index, format, path, from| {
            let measure = move || measured((format, path), from, virtual_size, scratch, cancel);
            threads.push((index, scope.spawn(measure)));
        };
        // Renamed at the end, when nobody reads it any more.
        let is_raw = |(_, (format, _)): &(usize, &(Format, _))| *format == Format::Raw;
        let (as_they_are, others): (Vec<_>, Vec<_>) = outputs.iter().enumerate().partition(is_raw);
        for (index, (format, path)) in as_they_are {
            measure(index, *format, path, raw.to_owned());
        }
        for (index, (format, path)) in others {
            let name = format!("{}-{index}.{}", name_of(raw), format.name());
            let from = scratch.path().join(name);
            let mut made = new_file(scratch, &from)?;
            match format {
                Format::Qcow2 => {
                    pack((&disk, raw, virtual_size), (&mut made, &from), packing, cancel)?;
                }
                _ => {
                    let source = disk::Source { raw: &disk, path: raw, size: virtual_size, cancel };
                    disk::write(*format, &source, (&made, &from))?;
                }
            }
            measure(index, *format, path, from);
        }
        threads.sort_by_key(|(index, _)| *index);
        let ended = threads.into_iter().map(|(_, thread)| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        ended.collect()
    })
}

/// Makes what is wanted of the tree's files; they themselves are renamed where they are wanted.
fn make_of_tree(
    tree: &TreeFiles,
    outputs: &[(Format, PathBuf)],
    threads: usize,
    scratch: &Scratch,
    cancel: &Cancel,
) -> Result<Vec<(Output, PathBuf)>, ImageError> {
    for (_, path) in outputs {
        check_in(scratch, path)?;
    }
    let made = outputs.iter().map(|(format, path)| {
        let of = if *format == Format::Squashfs { &tree.squashfs } else { &tree.tar };
        let of = of.as_deref().ok_or_else(|| {
            let other = io::Error::other("the tree was not made into a file");
            ImageError::io("making", path)(other)
        })?;
        let source = scratch.open(of)?;
        let size = source.metadata().map_err(ImageError::io("reading", of))?.len();
        let from = match format {
            Format::Tar | Format::Squashfs => of.to_owned(),
            _ => {
                let from = scratch.path().join(format!("{}.{}", name_of(of), format.name()));
                let made = new_file(scratch, &from)?;
                let container = &tree.container;
                let source = archive::Source { tar: &source, path: of, container, threads, cancel };
                archive::write(*format, &source, (&made, &from))?;
                from
            }
        };
        measured((*format, path), from, size, scratch, cancel)
    });
    made.collect()
}

/// A new file of the scratch folder, empty.
fn new_file(scratch: &Scratch, path: &Path) -> Result<File, ImageError> {
    let mut new = OpenOptions::new();
    let new = new.read(true).write(true).create_new(true);
    let made = scratch.inside().open_with(scratch.name_of(path)?, new);
    Ok(made.map_err(ImageError::io("making", path))?.into_std())
}

/// Writes a disk of so many bytes as a qcow2.
fn pack(
    (disk, raw, size): (&File, &Path, u64),
    (made, to): (&mut File, &Path),
    packing: &mut Packing<'_>,
    cancel: &Cancel,
) -> Result<(), ImageError> {
    let (compression, threads) = (packing.compression, packing.threads);
    let known = packing.known.as_deref_mut().map(|known| known as &mut dyn Clusters);
    qcow2::write(disk, size, made, compression, known, threads, cancel).map_err(
        |error| match error {
            Qcow2Error::Cancelled(cancelled) => ImageError::Cancelled(cancelled),
            Qcow2Error::Read(source) => ImageError::io("reading", raw)(source),
            Qcow2Error::Write(source) => ImageError::io("writing", to)(source),
            source => ImageError::Pack { path: to.to_owned(), source },
        },
    )?;
    Ok(())
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
