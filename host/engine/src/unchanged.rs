//! Outputs of an earlier build that are there as it left them: nothing is to be done then.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use dibhost_image::Output as ImageFile;
use dibhost_layers::store::{Digest, Key};
use dibhost_plan::Plan;
use dibhost_sys::Signature;
use serde::{Deserialize, Serialize};

use crate::output::Files;

/// A file, and what it was when it was written: [`Signature::fields`].
type Written = (PathBuf, [i64; 7]);

fn written(path: &Path) -> io::Result<Written> {
    let path = std::path::absolute(path)?;
    let stat = rustix::fs::lstat(&path)?;
    Ok((path, Signature::of(&stat).fields()))
}

/// All files of a build, as it left them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Outputs {
    images: Vec<ImageFile>,
    beside: Vec<PathBuf>,
    files: Vec<Written>,
}

/// The file in which it is noted what the outputs of that folder and name are.
pub(crate) fn noted_at(folder: &Path, outputs: &Path) -> PathBuf {
    let place = std::path::absolute(outputs).unwrap_or_else(|_| outputs.to_owned());
    let name = Digest::of(place.as_os_str().as_encoded_bytes());
    folder.join(format!("{name}.json"))
}

/// The plan that the outputs of that folder and name were built by last, as it may be shown; none: it is
/// not known.
#[must_use]
pub fn last_plan(cache: &Path, outputs: &Path) -> Option<Plan> {
    let noted = noted_at(&cache.join(NOTED), outputs).with_extension(PLAN);
    serde_json::from_str(&dibhost_sys::read_written(&noted).ok()?).ok()
}

/// The folder of the cache in which is noted what outputs are.
pub(crate) const NOTED: &str = "outputs";

/// Beside the note of the outputs: the plan that they were built by.
const PLAN: &str = "plan.json";

/// What is noted of the outputs at one place.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Note {
    /// What they were made of.
    key: Key,
    outputs: Outputs,
}

impl Outputs {
    /// What was noted in a file of the outputs of that key; none: nothing.
    pub(crate) fn read(noted: &Path, key: &Key) -> Option<Self> {
        let text = dibhost_sys::read_written(noted).ok()?;
        let note: Note = serde_json::from_str(&text).ok()?;
        (note.key == *key).then_some(note.outputs)
    }

    /// Notes it, in the place of what was noted before.
    pub(crate) fn write(self, noted: &Path, key: &Key, plan: &Plan) -> io::Result<()> {
        let note = serde_json::to_vec(&Note { key: *key, outputs: self })?;
        put(noted, &note)?;
        put(&noted.with_extension(PLAN), &serde_json::to_vec(&plan.to_be_shown()?)?)
    }

    /// The image files among them.
    pub(crate) fn images(&self) -> &[ImageFile] {
        &self.images
    }

    /// Those that were just put in place.
    pub(crate) fn of(files: &Files) -> io::Result<Self> {
        let sums = files.images.iter().map(|image| image.path.with_added_extension("sha256"));
        let images = files.images.iter().map(|image| image.path.clone());
        let all = images.chain(sums).chain(files.beside.iter().cloned());
        Ok(Self {
            images: files.images.clone(),
            beside: files.beside.clone(),
            files: all.map(|path| written(&path)).collect::<io::Result<_>>()?,
        })
    }

    /// The files, where each of them is what it was.
    pub(crate) fn unchanged(self) -> Option<Files> {
        let same = |file: &Written| written(&file.0).is_ok_and(|now| now == *file);
        let Self { images, beside, files } = self;
        files.iter().all(same).then_some(Files { images, beside })
    }
}

/// Writes a file whole, in the place of what was there.
fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    new.write_all(bytes)?;
    new.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use dibhost_image::Format;

    use super::*;

    #[test]
    fn a_file_that_was_touched_in_any_way_is_not_what_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["a.raw", "a.raw.sha256", "a.manifest.json"] {
            std::fs::write(at(name), name).unwrap();
        }
        let image = ImageFile {
            path: at("a.raw"),
            format: Format::Raw,
            bytes: 5,
            virtual_size: 5,
            sha256: String::new(),
        };
        let files = Files { images: vec![image], beside: vec![at("a.manifest.json")] };
        let outputs = Outputs::of(&files).unwrap();
        assert_eq!(outputs.clone().unchanged(), Some(files));
        // As it was, but for the time at which that was said.
        let before = std::fs::metadata(at("a.raw.sha256")).unwrap().modified().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::write(at("a.raw.sha256"), "a.raw.sha256").unwrap();
        let file = std::fs::File::options().write(true).open(at("a.raw.sha256")).unwrap();
        file.set_modified(before).unwrap();
        assert_eq!(outputs.clone().unchanged(), None);
        std::fs::remove_file(at("a.manifest.json")).unwrap();
        assert_eq!(outputs.unchanged(), None);
    }
}
