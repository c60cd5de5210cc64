//! Where GRUB finds its menu and the kernels, and the kernel its root.

use dibhost_element_sdk::slots::{Layout, LayoutMount, LayoutVolume};
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
    /// The modules that read that filesystem and what it is on.
    pub(crate) modules: Vec<&'static str>,
    /// The subvolume with `/boot` in it: GRUB sees btrfs from its top level.
    subvolume: Option<String>,
    /// What the kernel has to be told of the root filesystem besides `root=`.
    pub(crate) root_flags: Option<String>,
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
        let mut modules = vec![module(boot)?];
        for volume in layout.below(boot) {
            modules.extend(below(volume, boot)?);
        }
        let subvolume = subvolume(boot)?;
        let folder = if separate.is_some() { "/grub" } else { "/boot/grub" };
        let prefix = match &subvolume {
            Some(path) => format!("/{path}{folder}"),
            None => folder.to_owned(),
        };
        Ok(Self {
            root: device(root)?,
            search: search(boot, hint(layout, boot).as_deref())?,
            prefix,
            boot: if separate.is_some() { "/boot" } else { "" },
            modules,
            subvolume,
            root_flags: self::subvolume(root)?.map(|path| format!("rootflags=subvol={path}")),
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
    pub(crate) fn file(&self, path: &str) -> String {
        let below = path.strip_prefix(self.boot).unwrap_or(path);
        match &self.subvolume {
            Some(subvolume) => format!("/{subvolume}{below}"),
            None => below.to_owned(),
        }
    }
}

/// A word that means itself to the shell and to GRUB.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | ':' | '@'))
}

/// What names a filesystem: the word before the `=`, and the name.
fn named(mount: &LayoutMount) -> Result<(&'static str, &str)> {
    // As fstab has it, where GRUB knows filesystems by that too.
    let source = mount.source.as_deref().and_then(|source| source.split_once('='));
    if let Some(("UUID", uuid)) = source.filter(|(_, name)| is_plain(name)) {
        return Ok(("UUID", uuid));
    }
    let plain =
        |name: &'static str, value: Option<&'_ String>| value.filter(|v| is_plain(v)).map(|_| name);
    if plain("LABEL", mount.label.as_ref()).is_some() {
        return Ok(("LABEL", mount.label.as_deref().unwrap_or_default()));
    }
    if plain("UUID", mount.uuid.as_ref()).is_some() {
        return Ok(("UUID", mount.uuid.as_deref().unwrap_or_default()));
    }
    Err(Error::new(format!(
        "The filesystem at `{}` has neither a label of letters, digits, `-`, `_`, `.`, `+`, `:` \
         and `@` nor a UUID, by which it could be found at boot.",
        mount.at
    )))
}

/// What the kernel is told that the root filesystem is on: what fstab names it by.
fn device(mount: &LayoutMount) -> Result<String> {
    let plain =
        |source: &&String| source.split(['=', '/']).all(|part| part.is_empty() || is_plain(part));
    if let Some(source) = mount.source.as_ref().filter(plain) {
        return Ok(source.clone());
    }
    let (name, value) = named(mount)?;
    Ok(format!("{name}={value}"))
}

fn search(mount: &LayoutMount, hint: Option<&str>) -> Result<String> {
    let (name, value) = named(mount)?;
    let hint = hint.map(|hint| format!("--hint={hint} ")).unwrap_or_default();
    Ok(match name {
        "LABEL" => format!("{hint}--label {value}"),
        _ => format!("{hint}--fs-uuid {value}"),
    })
}

/// Where to look first: `search` alone does not make GRUB put RAIDs and volume groups together. The
/// disk that a BIOS starts from is its first; UEFI numbers disks otherwise.
fn hint(layout: &Layout, mount: &LayoutMount) -> Option<String> {
    let in_mbr = layout.partition(&mount.on).filter(|p| p.table.as_deref() == Some("mbr"));
    if let Some(partition) = in_mbr {
        return Some(format!("hd0,msdos{}", partition.number));
    }
    let volume = layout.volume(&mount.on)?;
    let uuid = volume.uuid.as_deref()?;
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let hint = match &*volume.kind {
        "raid" => format!("mduuid/{}", uuid.replace(':', "")),
        "logical-volume" => {
            let group = layout.volume(volume.on.first()?)?.uuid.as_deref()?;
            format!("lvmid/{group}/{uuid}")
        }
        _ => return None,
    };
    hint.split('/').all(plain).then_some(hint)
}

/// The subvolume that a mount is of.
fn subvolume(mount: &LayoutMount) -> Result<Option<String>> {
    let Some(path) = mount.options.iter().find_map(|o| o.strip_prefix("subvol=")) else {
        return Ok(None);
    };
    let path = path.trim_matches('/');
    let fine = |part: &str| is_plain(&part.replace('@', "-"));
    if !path.split('/').all(fine) {
        return Err(Error::new(format!("GRUB cannot be told of the subvolume `{path}`.")));
    }
    Ok(Some(path.to_owned()))
}

/// The modules that find a volume which the filesystem with the kernels is on.
fn below(volume: &LayoutVolume, mount: &LayoutMount) -> Result<Vec<&'static str>> {
    Ok(match &*volume.kind {
        "physical-volume" => Vec::new(),
        "volume-group" | "logical-volume" => vec!["lvm"],
        "raid" => vec!["mdraid1x"],
        other => {
            let message = format!(
                "GRUB cannot read kernels from `{}`, which is on `{}` of the kind `{other}`.",
                mount.at, volume.name
            );
            let help = "Give `/boot` a partition of its own.";
            return Err(Error::new(message).help(help));
        }
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
    use dibhost_element_sdk::slots::LayoutPartition;

    fn mount(at: &str, filesystem: &str, label: Option<&str>, uuid: Option<&str>) -> LayoutMount {
        LayoutMount {
            at: at.to_owned(),
            on: at.to_owned(),
            filesystem: filesystem.to_owned(),
            label: label.map(str::to_owned),
            uuid: uuid.map(str::to_owned),
            options: Vec::new(),
            source: None,
        }
    }

    fn layout(mounts: Vec<LayoutMount>) -> Layout {
        Layout {
            mounts,
            partitions: Vec::new(),
            table: Some("gpt".to_owned()),
            grub_bios: Vec::new(),
            volumes: Vec::new(),
        }
    }

    #[test]
    fn a_partition_of_an_mbr_is_looked_for_on_the_disk_that_starts() {
        let mut layout = layout(vec![mount("/", "ext4", Some("root"), None)]);
        layout.partitions = vec![LayoutPartition {
            name: "/".to_owned(),
            number: 5,
            table: Some("mbr".to_owned()),
            label: None,
            type_id: "83".to_owned(),
            partuuid: None,
        }];
        let place = Place::of(&layout).unwrap();
        let search = "search --no-floppy --hint=hd0,msdos5 --label root --set=root";
        assert_eq!(place.search(), search);
        assert_eq!(place.early(), format!("{search}\nset prefix=($root)/boot/grub\n"));
    }

    /// Two names of one filesystem are two answers where the label is another one's too.
    #[test]
    fn the_kernel_is_told_what_fstab_says() {
        for (source, root, search) in [
            ("LABEL=root", "LABEL=root", "--label root"),
            ("UUID=1-2", "UUID=1-2", "--fs-uuid 1-2"),
            ("PARTUUID=3-4", "PARTUUID=3-4", "--label root"),
            ("/dev/mapper/vg-lv--root", "/dev/mapper/vg-lv--root", "--label root"),
            ("LABEL=a;b", "LABEL=root", "--label root"),
        ] {
            let mut mount = mount("/", "ext4", Some("root"), Some("1-2"));
            mount.source = Some(source.to_owned());
            let place = Place::of(&layout(vec![mount])).unwrap();
            assert_eq!(place.root, root);
            assert_eq!(place.search(), format!("search --no-floppy {search} --set=root"));
        }
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
        assert_eq!((&*place.prefix, &*place.modules), ("/grub", &["xfs"][..]));
    }

    #[test]
    fn what_cannot_be_found_or_read_is_refused() {
        let without = |mounts| Place::of(&layout(mounts)).unwrap_err().message;
        assert!(without(vec![]).contains("mounted at `/`"));
        assert!(without(vec![mount("/", "ext4", Some("a;b"), None)]).contains("neither a label"));
        assert!(without(vec![mount("/", "erofs", Some("a"), None)]).contains("`erofs`"));
    }

    fn volume(name: &str, kind: &str, on: &str) -> LayoutVolume {
        let (name, kind, on) = (name.to_owned(), kind.to_owned(), vec![on.to_owned()]);
        LayoutVolume { name, kind, uuid: None, on, level: None }
    }

    #[test]
    fn what_the_kernels_lie_on_is_read_or_refused() {
        let mut nested = layout(vec![mount("/", "ext4", Some("root"), None)]);
        nested.mounts[0].on = "lv".to_owned();
        nested.volumes = vec![
            volume("md", "raid", "a"),
            volume("pv", "physical-volume", "md"),
            volume("vg", "volume-group", "pv"),
            volume("lv", "logical-volume", "vg"),
        ];
        let place = Place::of(&nested).unwrap();
        for module in ["ext2", "lvm", "mdraid1x"] {
            assert!(place.modules.contains(&module), "{module}");
        }
        nested.volumes[2].uuid = Some("vvvvvv-v".to_owned());
        nested.volumes[3].uuid = Some("llllll-l".to_owned());
        let hinted = Place::of(&nested).unwrap().search();
        let wanted = "search --no-floppy --hint=lvmid/vvvvvv-v/llllll-l --label root --set=root";
        assert_eq!(hinted, wanted);
        nested.volumes[0].uuid = Some("0a:1b:2c:3d".to_owned());
        let mut mirrored = nested.clone();
        mirrored.mounts[0].on = "md".to_owned();
        let hinted = Place::of(&mirrored).unwrap().search();
        assert_eq!(hinted, "search --no-floppy --hint=mduuid/0a1b2c3d --label root --set=root");
        nested.volumes[0].kind = "luks".to_owned();
        let refused = Place::of(&nested).unwrap_err();
        assert!(refused.message.contains("`md` of the kind `luks`"), "{}", refused.message);
        nested.mounts.push(mount("/boot", "ext4", Some("boot"), None));
        assert_eq!(Place::of(&nested).unwrap().modules, ["ext2"]);
    }

    #[test]
    fn grub_sees_btrfs_from_its_top_level() {
        let mut root = mount("/", "btrfs", Some("root"), None);
        root.options = vec!["compress=zstd".to_owned(), "subvol=@".to_owned()];
        let place = Place::of(&layout(vec![root])).unwrap();
        assert_eq!(place.prefix, "/@/boot/grub");
        assert_eq!(place.file("/boot/vmlinuz-1"), "/@/boot/vmlinuz-1");
        assert_eq!(place.root_flags.as_deref(), Some("rootflags=subvol=@"));
    }
}
