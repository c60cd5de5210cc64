//! Where GRUB finds its menu and the kernels, and the kernel its root.

use dibhost_element_sdk::slots::{Layout, LayoutMount};
use dibhost_element_sdk::{Error, Result};

/// Where things are, as GRUB and the kernel say it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// What `root=` says: `LABEL=cloudimg-rootfs`.
    pub(crate) root: String,
    /// Arguments of `search` that find the filesystem with `/boot`.
    search: String,
    /// The folder of the menu on that filesystem.
    pub(crate) prefix: String,
    /// What to take off a path of the image to have one of that filesystem.
    boot: &'static str,
    /// The module that reads that filesystem.
    pub(crate) module: &'static str,
}

impl Place {
    /// Reads it off the layout.
    ///
    /// # Errors
    /// When there is no root filesystem, or GRUB cannot name or read the one with `/boot`.
    pub(crate) fn of(layout: &Layout) -> Result<Self> {
        let root =
            layout.mount("/").ok_or_else(|| Error::new("No filesystem is mounted at `/`."))?;
        let separate = layout.mount("/boot");
        let boot = separate.unwrap_or(root);
        let prefix = if separate.is_some() { "/grub" } else { "/boot/grub" };
        Ok(Self {
            root: device(root)?,
            search: search(boot)?,
            prefix: prefix.to_owned(),
            boot: if separate.is_some() { "/boot" } else { "" },
            module: module(boot)?,
        })
    }

    /// What GRUB runs before it reads the menu.
    pub(crate) fn early(&self) -> String {
        format!(
            "search --no-floppy {} --set=root\nset prefix=($root){}\n",
            self.search, self.prefix
        )
    }

    /// The line of the menu that finds the filesystem with the kernels.
    pub(crate) fn search(&self) -> String {
        format!("search --no-floppy {} --set=root", self.search)
    }

    /// A file below `/boot` as GRUB names it.
    pub(crate) fn file<'a>(&self, path: &'a str) -> &'a str {
        path.strip_prefix(self.boot).unwrap_or(path)
    }
}

/// A word that means itself to the shell and to GRUB.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+'))
}

fn named(mount: &LayoutMount) -> Result<(&'static str, &str)> {
    let plain =
        |name: &'static str, value: Option<&'_ String>| value.filter(|v| is_plain(v)).map(|_| name);
    if plain("LABEL", mount.label.as_ref()).is_some() {
        return Ok(("LABEL", mount.label.as_deref().unwrap_or_default()));
    }
    if plain("UUID", mount.uuid.as_ref()).is_some() {
        return Ok(("UUID", mount.uuid.as_deref().unwrap_or_default()));
    }
    Err(Error::new(format!(
        "The filesystem at `{}` has neither a label of letters, digits, `-`, `_`, `.` and `+` nor \
         a UUID, by which it could be found at boot.",
        mount.at
    )))
}

fn device(mount: &LayoutMount) -> Result<String> {
    let (name, value) = named(mount)?;
    Ok(format!("{name}={value}"))
}

fn search(mount: &LayoutMount) -> Result<String> {
    let (name, value) = named(mount)?;
    Ok(match name {
        "LABEL" => format!("--label {value}"),
        _ => format!("--fs-uuid {value}"),
    })
}

fn module(mount: &LayoutMount) -> Result<&'static str> {
    Ok(match &*mount.filesystem {
        "ext2" | "ext3" | "ext4" => "ext2",
        "xfs" => "xfs",
        "btrfs" => "btrfs",
        "vfat" => "fat",
        other => {
            let message =
                format!("GRUB cannot read kernels from `{other}`, which is at `{}`.", mount.at);
            return Err(Error::new(message).help("Give `/boot` a filesystem of its own."));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(at: &str, filesystem: &str, label: Option<&str>, uuid: Option<&str>) -> LayoutMount {
        LayoutMount {
            at: at.to_owned(),
            filesystem: filesystem.to_owned(),
            label: label.map(str::to_owned),
            uuid: uuid.map(str::to_owned),
            options: Vec::new(),
        }
    }

    fn layout(mounts: Vec<LayoutMount>) -> Layout {
        Layout { mounts, partitions: Vec::new(), table: Some("gpt".to_owned()) }
    }

    #[test]
    fn boot_may_be_a_filesystem_of_its_own() {
        let together = layout(vec![mount("/", "ext4", Some("root"), Some("u"))]);
        let place = Place::of(&together).unwrap();
        assert_eq!(place.root, "LABEL=root");
        assert_eq!(
            place.early(),
            "search --no-floppy --label root --set=root\nset prefix=($root)/boot/grub\n"
        );
        assert_eq!(place.file("/boot/vmlinuz-1"), "/boot/vmlinuz-1");

        let boot = mount("/boot", "xfs", Some("a b"), Some("1-2"));
        let apart = layout(vec![mount("/", "zfs", Some("root"), None), boot]);
        let place = Place::of(&apart).unwrap();
        assert_eq!(place.search(), "search --no-floppy --fs-uuid 1-2 --set=root");
        assert_eq!(place.file("/boot/vmlinuz-1"), "/vmlinuz-1");
        assert_eq!((&*place.prefix, place.module), ("/grub", "xfs"));
    }

    #[test]
    fn what_cannot_be_found_or_read_is_refused() {
        let without = |mounts| Place::of(&layout(mounts)).unwrap_err().message;
        assert!(without(vec![]).contains("mounted at `/`"));
        assert!(without(vec![mount("/", "ext4", Some("a;b"), None)]).contains("neither a label"));
        assert!(without(vec![mount("/", "erofs", Some("a"), None)]).contains("`erofs`"));
    }
}
