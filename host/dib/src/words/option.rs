//! The options of `disk-image-create` 3.43, and what becomes of each here: the parser of `dibhost
//! build`, its answers, and the table of `docs/from-diskimage-builder.md` are made of this.

use super::fate::Fate;

/// An option of `disk-image-create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DibOption {
    name: &'static str,
    /// `-a` without its dash.
    pub short: Option<char>,
    /// `--image-size` without its dashes.
    pub long: Option<&'static str>,
    /// What its value is called; none: it takes none.
    pub value: Option<&'static str>,
    /// For `--help`: what it does here, without a full stop.
    pub help: &'static str,
    /// What becomes of it.
    pub fate: Fate,
}

impl DibOption {
    /// A name for programs, unique: `image-size`, `a`.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.name
    }

    /// As it is typed: `--image-size`, `-a`.
    #[must_use]
    pub fn typed(&self) -> String {
        match (self.long, self.short) {
            (Some(long), _) => format!("--{long}"),
            (None, short) => format!("-{}", short.map(String::from).unwrap_or_default()),
        }
    }
}

const fn short(
    name: &'static str,
    value: Option<&'static str>,
    help: &'static str,
    fate: Fate,
) -> DibOption {
    let short = Some(name.as_bytes()[0] as char);
    DibOption { name, short, long: None, value, help, fate }
}

const fn long(
    long: &'static str,
    value: Option<&'static str>,
    help: &'static str,
    fate: Fate,
) -> DibOption {
    DibOption { name: long, short: None, long: Some(long), value, help, fate }
}

/// All of them, in the order of its own help.
pub const OPTIONS: [DibOption; 25] = [
    short(
        "a",
        Some("ARCH"),
        "The machine the image is for, as Debian names it",
        Fate::Same("`image.arch`"),
    ),
    short(
        "o",
        Some("PATH"),
        "The image's name, and where it goes",
        Fate::Same("`image.name`; an ending that is a format is one of the formats"),
    ),
    short(
        "t",
        Some("FORMATS"),
        "Formats, separated by commas",
        Fate::Same("`image.formats`; what is not made is named, with what is nearest"),
    ),
    short("x", None, "Tell every line that programs in the image say", Fate::Same("`--verbose`")),
    short("u", None, "Do not compress a qcow2", Fate::Same("`image.qcow2-compression = \"none\"`")),
    short(
        "c",
        None,
        "Obey no variable of diskimage-builder's",
        Fate::Same(
            "no variable of DIB's is obeyed then; programs in an image never see the builder's",
        ),
    ),
    long(
        "logfile",
        Some("FILE"),
        "Write every line into this file, and only warnings to standard error",
        Fate::Same("`--logfile`"),
    ),
    long(
        "checksum",
        None,
        "Nothing: the SHA-256 of every file is beside it anyway",
        Fate::Nothing("the SHA-256 of every file is beside it (`.sha256`); MD5 is not made"),
    ),
    long(
        "image-size",
        Some("GIB"),
        "The size of the whole disk in GiB, or with a unit (`20GB`)",
        Fate::Same("`disk.size`"),
    ),
    long(
        "image-extra-size",
        Some("MIB"),
        "Free space in the root filesystem in MiB, or with a unit",
        Fate::Same(
            "`root-filesystem.free-space`; a number alone is MiB, as in DIB's code (its help says GB)",
        ),
    ),
    long(
        "image-cache",
        Some("DIR"),
        "Where downloads are kept, as `--cache` says",
        Fate::Same("`--cache`"),
    ),
    long(
        "max-online-resize",
        Some("BLOCKS"),
        "How far the mounted root can grow later, in blocks of 4 KiB, or with a unit",
        Fate::Same("`root-filesystem.max-online-resize`, in bytes"),
    ),
    long(
        "min-tmpfs",
        Some("GIB"),
        "Nothing: memory is used as far as it is free",
        Fate::Nothing("memory is used as far as it is free; `--no-tmpfs` uses none"),
    ),
    long(
        "mkfs-journal-size",
        Some("MIB"),
        "Nothing: a journal is as large as its filesystem asks for",
        Fate::Nothing("a journal is as large as its filesystem asks for"),
    ),
    long(
        "mkfs-options",
        Some("OPTIONS"),
        "Options of mkfs for the root filesystem: `-i`, `-m`, `-E resize=`",
        Fate::Same("`root-filesystem.tuning`, `root-filesystem.max-online-resize`"),
    ),
    long(
        "no-tmpfs",
        None,
        "Never use memory for the tree that is being built, but the cache's folder",
        Fate::Same("`--no-tmpfs`"),
    ),
    long(
        "offline",
        None,
        "Refused: a build without the network is not there yet",
        Fate::NotYet(
            "every build asks the mirror; name one on this machine by the parameter `mirror`",
        ),
    ),
    long(
        "qemu-img-options",
        Some("KEY=VALUE,..."),
        "Options of a qcow2: `compression_type=zlib`, `compat=1.1`",
        Fate::Same("`image.qcow2-compression` for `compression_type`; `compat=1.1` is always so"),
    ),
    long(
        "root-label",
        Some("LABEL"),
        "The label of the root filesystem",
        Fate::Same("`root-filesystem.label`"),
    ),
    long(
        "ramdisk-element",
        Some("ELEMENT"),
        "Refused: ramdisks are not made yet",
        Fate::NotYet("ramdisks are not made; leave it out for an image"),
    ),
    long(
        "install-type",
        Some("TYPE"),
        "`package`, which is always so",
        Fate::Same("everything is installed from packages; `source` is refused"),
    ),
    long(
        "docker-target",
        Some("TARGET"),
        "Refused: images of containers are not made yet",
        Fate::NotYet(
            "nothing is put into Docker; `formats = [\"oci\"]` makes the image of a container",
        ),
    ),
    short(
        "n",
        None,
        "Nothing: no element is added to those that are named",
        Fate::Nothing("no element is added to those that are named; there is no `base`"),
    ),
    short(
        "p",
        Some("PACKAGES"),
        "Packages, separated by commas; may be given several times",
        Fate::Same("`packages = […]`"),
    ),
    DibOption {
        name: "help",
        short: Some('h'),
        long: Some("help"),
        value: None,
        help: "Print help",
        fate: Fate::Same("`--help`; `--version` too"),
    },
];

/// The option of that id.
#[must_use]
pub fn option(id: &str) -> Option<&'static DibOption> {
    OPTIONS.iter().find(|option| option.id() == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What `disk-image-create` 3.43 gives to `getopt`, and the two that its help has besides.
    const GETOPT: &str = "a: o: t: x u c n p: checksum no-tmpfs offline help min-tmpfs: image-size: \
        image-cache: max-online-resize: mkfs-options: qemu-img-options: ramdisk-element: root-label: \
        install-type: docker-target: logfile: image-extra-size: mkfs-journal-size:";

    #[test]
    fn no_option_of_disk_image_create_is_missing() {
        let known: BTreeSet<String> = OPTIONS
            .iter()
            .map(|option| option.id().to_owned() + if option.value.is_some() { ":" } else { "" })
            .collect();
        let getopt: BTreeSet<String> = GETOPT.split_whitespace().map(str::to_owned).collect();
        assert_eq!(known, getopt);
        assert_eq!(known.len(), OPTIONS.len(), "an option is there twice");
    }

    #[test]
    fn options_are_found_as_they_are_typed() {
        assert_eq!(option("image-size").unwrap().typed(), "--image-size");
        assert_eq!(option("a").unwrap().typed(), "-a");
        assert!(option("version").is_none());
    }
}
