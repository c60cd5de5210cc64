//! Labels that no reader takes for something else.

use super::kind::FilesystemKind;
use super::refused::{Refused, refuse};

/// A label goes into `fstab`, boot loader configurations and program arguments, none of which
/// quote alike: letters, digits and a few marks that mean nothing to any of them.
///
/// # Errors
/// It is none that every reader of this kind takes.
pub fn check_label(kind: FilesystemKind, label: &str) -> Result<(), Refused> {
    let limit = kind.label_limit();
    if limit == 0 {
        return refuse(format!("{} has no label", kind.name()), "leave `label` out");
    }
    if label.is_empty() {
        return refuse("the label is empty", "leave `label` out, or write one");
    }
    if label.len() > limit {
        let (have, kind, label) = (label.len(), kind.name(), label.escape_debug());
        return refuse(
            format!("the label `{label}` has {have} bytes and {kind} takes {limit}"),
            "shorten it",
        );
    }
    let fine = |c: char| c.is_ascii_alphanumeric() || "-_.+:@".contains(c);
    if let Some(bad) = label.chars().find(|c| !fine(*c)) {
        return refuse(
            format!("the label `{}` has the character {bad:?}", label.escape_debug()),
            "use letters, digits and `-_.+:@`",
        );
    }
    if label.starts_with('-') {
        return refuse(format!("the label `{label}` starts with `-`"), "start it with a letter");
    }
    if kind == FilesystemKind::Vfat
        && label.chars().any(|c| c.is_ascii_lowercase() || "+:.@".contains(c))
    {
        return refuse(
            format!("the label `{label}` is not one that every FAT reader takes"),
            format!("write capitals, digits, `-` and `_`, such as `{}`", fat_label(label)),
        );
    }
    Ok(())
}

fn fat_label(label: &str) -> String {
    label.to_ascii_uppercase().replace(['+', ':', '.', '@'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn labels_have_their_limits() {
        assert!(check_label(FilesystemKind::Ext4, "cloudimg-rootfs").is_ok());
        assert!(check_label(FilesystemKind::Ext4, "seventeen-bytes-x").is_err());
        assert!(check_label(FilesystemKind::Xfs, "img-rootfs-xx").is_err());
        assert!(check_label(FilesystemKind::Vfat, "MKFS_ESP").is_ok());
        let (problem, help) = check_label(FilesystemKind::Vfat, "mkfs_esp").unwrap_err();
        assert!(problem.contains("`mkfs_esp`") && help.contains("`MKFS_ESP`"), "{problem} {help}");
        assert!(check_label(FilesystemKind::Ext4, "-d").is_err());
        assert!(check_label(FilesystemKind::Ext4, "a b").is_err());
        assert!(check_label(FilesystemKind::Ext4, "a\"b").is_err());
        assert!(check_label(FilesystemKind::Squashfs, "a").is_err());
    }

    proptest! {
        #[test]
        fn no_accepted_label_can_be_an_option_or_break_a_line(label in ".{0,20}") {
            for kind in FilesystemKind::ALL {
                if check_label(kind, &label).is_ok() {
                    prop_assert!(!label.starts_with('-') && !label.is_empty());
                    prop_assert!(label.bytes().all(|b| b.is_ascii_graphic()));
                    prop_assert!(!label.contains(['"', '\'', '\\', '$', '`', '#', ',', '/']));
                }
            }
        }
    }
}
