//! Kinds of image files that DIB makes, and ones that people name files after.

use super::fate::Fate;

/// Words behind `-t`, which are endings behind `-o` too, and what becomes of each.
const FORMATS: [(&str, Fate); 17] = [
    ("qcow2", Fate::Same("`formats = [\"qcow2\"]`")),
    ("raw", Fate::Same("`formats = [\"raw\"]`")),
    ("tar", Fate::Same("`formats = [\"tar\"]`")),
    ("tgz", Fate::Same("`formats = [\"tgz\"]`")),
    ("tar.gz", Fate::Instead("`tgz`, which is the same")),
    ("tar.xz", Fate::Instead("`tar.zst`, which is as small in a tenth of the time")),
    ("tar.zst", Fate::Same("`formats = [\"tar.zst\"]`")),
    ("squashfs", Fate::Same("`formats = [\"squashfs\"]`")),
    ("squash", Fate::Instead("`squashfs`")),
    (
        "docker",
        Fate::Instead("`oci`: one file that `podman load` and `skopeo copy oci-archive:…` read"),
    ),
    ("aci", Fate::NotYet("rkt, which read it, has ended; take `raw`")),
    ("vhd", Fate::Same("`formats = [\"vhd\"]`, of a fixed size")),
    ("vhdx", Fate::Same("`formats = [\"vhdx\"]`")),
    ("vmdk", Fate::Same("`formats = [\"vmdk\"]`, compressed, as it is imported")),
    ("vdi", Fate::Same("`formats = [\"vdi\"]`")),
    ("oci", Fate::Same("`formats = [\"oci\"]`")),
    ("iso", Fate::NotYet("take `raw`, which firmware starts from a USB stick")),
];

/// What becomes of a format of DIB's; none: DIB has none of that name either.
#[must_use]
pub fn format(name: &str) -> Option<Fate> {
    let name = name.to_ascii_lowercase();
    FORMATS.iter().find(|(known, _)| *known == name).map(|(_, answer)| *answer)
}

/// The format that a file's name ends with, if it is one that cannot be made: with its answer.
#[must_use]
pub fn ending(file_name: &str) -> Option<(&'static str, Fate)> {
    let refused = FORMATS.iter().filter(|(_, answer)| answer.refuses());
    // The longest: `x.tar.gz` does not end in `gz`.
    let fits = |(known, _): &&(&str, Fate)| {
        file_name
            .len()
            .checked_sub(known.len() + 1)
            .filter(|at| *at > 0 && file_name.is_char_boundary(*at))
            .is_some_and(|at| {
                file_name[at + 1..].eq_ignore_ascii_case(known) && &file_name[at..=at] == "."
            })
    };
    refused
        .filter(fits)
        .max_by_key(|(known, _)| known.len())
        .map(|(known, answer)| (*known, *answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_formats_that_cannot_be_made() {
        for (file, known) in [
            ("x.tar.gz", Some("tar.gz")),
            ("x.ISO", Some("iso")),
            ("image.vmdk", None),
            ("x.qcow2", None),
            ("x.raw", None),
            ("debian-12.5", None),
            ("iso", None),
            (".iso", None),
            ("xiso", None),
            ("ü.iso", Some("iso")),
            ("", None),
        ] {
            assert_eq!(ending(file).map(|(known, _)| known), known, "{file}");
        }
        assert!(format("iso").unwrap().refuses());
        assert!(!format("QCOW2").unwrap().refuses());
        assert_eq!(format("elephant"), None);
    }
}
