//! `dib.lock`, beside the definition.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dibhost_definition::{Definition, LOCK_FILE, Lock, LockedImage, LockedPackages};
use dibhost_engine::{Event, Level};
use dibhost_plan::{Plan, lock};
use dibhost_registry::Found;

use crate::failure::Failure;
use crate::report::Reporter;

/// The lock file of a definition, as it was when it was read.
pub(crate) struct Kept {
    path: PathBuf,
    image: String,
    /// None: there is no such file.
    lock: Option<Lock>,
}

impl Kept {
    /// Reads it. None: an image that was typed has no place for one.
    pub(crate) fn of(definition: &Definition) -> Result<Option<Self>, Failure> {
        if definition.file.is_none() {
            return Ok(None);
        }
        let path = definition.base.join(LOCK_FILE);
        let path = path.strip_prefix(".").map(Path::to_owned).unwrap_or(path);
        let lock = Lock::load(&path).map_err(Failure::wrong)?;
        Ok(Some(Self { path, image: definition.image.name.value.clone(), lock }))
    }

    /// What it says of this image's elements; none: nothing.
    pub(crate) fn image(&self) -> Option<&LockedImage> {
        self.lock.as_ref()?.images.get(&self.image)
    }

    /// What it says of the packages of this image; none: they are not locked.
    pub(crate) fn packages(&self) -> Option<&LockedPackages> {
        self.lock.as_ref()?.packages.get(&self.image)
    }

    /// Writes what this image is made of, unless the file says so; all of it or nothing.
    pub(crate) fn renew_packages(self, packages: LockedPackages) -> Result<(), Failure> {
        if self.packages() == Some(&packages) {
            return Ok(());
        }
        let mut lock = self.lock.unwrap_or_default();
        lock.packages.insert(self.image, packages);
        replace(&self.path, &lock.to_text())
    }

    /// Whether it already says that.
    pub(crate) fn says(&self, image: &LockedImage) -> bool {
        self.image() == Some(image)
    }

    /// The file as people see it.
    pub(crate) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// Writes what this image's elements are, unless the file says so; all of it or nothing.
    pub(crate) fn renew(self, image: LockedImage) -> Result<(), Failure> {
        if self.says(&image) {
            return Ok(());
        }
        let mut lock = self.lock.unwrap_or_default();
        lock.images.insert(self.image, image);
        replace(&self.path, &lock.to_text())
    }
}

/// Writes what a build found and nothing had pinned, so that the next one gets the same. The file
/// is read anew: a build takes minutes, and it has other images too.
pub(crate) fn keep_pins(
    definition: &Definition,
    pins: &Found,
    reporter: &Reporter,
) -> Result<(), Failure> {
    if pins.values().all(BTreeMap::is_empty) {
        return Ok(());
    }
    let warn = |text: String| {
        let source = "host".to_owned();
        reporter.event(&Event::Line { level: Level::Warning, source, text });
    };
    let Some(kept) = Kept::of(definition)? else {
        warn(format!(
            "what was fetched is pinned nowhere: an image that was typed has no `{LOCK_FILE}`, and \
             another build may get something else"
        ));
        return Ok(());
    };
    let mut image = kept.image().cloned().unwrap_or_default();
    for (element, found) in pins {
        // Gone from the file meanwhile: somebody removed it to agree anew.
        let Some(locked) = image.get_mut(element) else { continue };
        locked.pins.extend(found.clone());
    }
    kept.renew(image)
}

/// Refuses elements that changed and ask for more, before anything privileged.
pub(crate) fn refuse_growth(
    kept: &Kept,
    definition: &Definition,
    plan: &Plan,
) -> Result<(), Failure> {
    let Some(image) = kept.image() else { return Ok(()) };
    let file = definition.file.as_deref().unwrap_or_default();
    let said: Vec<String> = lock::grown(image, definition, plan)
        .iter()
        .map(|growth| {
            let lines: String = growth.lines().map(|line| format!("\n  {line}")).collect();
            format!(
                "`{}` changed (version {} then, {} now) and asks for more than `{}` has{lines}",
                growth.element,
                growth.was,
                growth.is,
                kept.shown()
            )
        })
        .collect();
    if said.is_empty() {
        return Ok(());
    }
    Err(Failure::wrong(format!(
        "{}\n  help: `dibhost grant {file}` shows what it asks for and why; `dibhost grant --write {file}` agrees to it",
        said.join("\n")
    )))
}

/// Refuses any change of the file, for `--locked`.
pub(crate) fn refuse_change(kept: &Kept, image: &LockedImage) -> Result<(), Failure> {
    if kept.says(image) {
        return Ok(());
    }
    let nothing = LockedImage::new();
    let lines = lock::differences(kept.image().unwrap_or(&nothing), image);
    let lines: String = lines.iter().map(|line| format!("\n  {line}")).collect();
    Err(Failure::wrong(format!(
        "`{}` would have to change, and `--locked` allows no change of it{lines}\n  help: build without `--locked` where it is looked at, and keep the file that is written",
        kept.shown()
    )))
}

/// Puts a file in the place of another one, with its mode; whoever reads sees one of the two whole.
pub(crate) fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mode = std::fs::metadata(path).map_or(0o644, |m| m.permissions().mode() & 0o777);
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".dibhost-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|e| e.error)?;
        Ok(())
    };
    write().map_err(|error| Failure::failed(format!("writing `{}`: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn found(element: &str, asked: &str) -> Found {
        let pins = BTreeMap::from([(asked.to_owned(), DIGEST.to_owned())]);
        BTreeMap::from([(element.to_owned(), pins)])
    }

    #[test]
    fn what_a_build_found_is_added_to_the_file_as_it_is_by_then() {
        let reporter = Reporter::silent();
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("image.toml"), "[image]\nname = \"web\"\nelements = [\"tool\"]\n")
            .unwrap();
        let definition = Definition::load(&at("image.toml")).unwrap();
        let element = |image: &str| {
            format!(
                "\n[image.{image}.tool]\nfrom = \"tool\"\nversion = \"1.0.0\"\ndigest = \"{DIGEST}\"\n"
            )
        };
        let before = format!("version = 1\n{}", element("web"));
        std::fs::write(at(LOCK_FILE), &before).unwrap();
        // Nothing to add is nothing to write.
        keep_pins(&definition, &BTreeMap::new(), &reporter).unwrap();
        assert_eq!(std::fs::read_to_string(at(LOCK_FILE)).unwrap(), before);

        // Meanwhile another image came in.
        std::fs::write(at(LOCK_FILE), before + &element("other")).unwrap();
        keep_pins(&definition, &found("tool", "https://x.example/a"), &reporter).unwrap();
        keep_pins(&definition, &found("tool", "https://x.example/b"), &reporter).unwrap();
        keep_pins(&definition, &found("gone", "https://x.example/c"), &reporter).unwrap();
        let lock = Lock::load(&at(LOCK_FILE)).unwrap().unwrap();
        let pins = &lock.images["web"]["tool"].pins;
        assert_eq!(pins.keys().collect::<Vec<_>>(), ["https://x.example/a", "https://x.example/b"]);
        assert!(lock.images["other"]["tool"].pins.is_empty());
        assert!(!lock.images["web"].contains_key("gone"));
    }

    #[test]
    fn an_image_that_was_typed_has_no_place_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = "[image]\nname = \"web\"\nelements = [\"tool\"]\n";
        let mut definition = Definition::parse(text, "typed", folder.path()).unwrap();
        definition.file = None;
        let reporter = Reporter::silent();
        keep_pins(&definition, &found("tool", "https://x.example/a"), &reporter).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
