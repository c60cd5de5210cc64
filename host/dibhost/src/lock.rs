//! `dib.lock`, beside the definition.

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use dibhost_definition::{Definition, LOCK_FILE, Lock, LockedImage};
use dibhost_plan::{Plan, lock};

use crate::failure::Failure;

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
