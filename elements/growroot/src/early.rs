//! What has to grow before an encryption is opened, in the initramfs: it takes what lies below it at
//! that moment, and to enlarge it later takes the passphrase once more.

use std::fmt::Write as _;

use dibhost_element_sdk::slots::{Layout, LayoutMount};

/// The steps of the initramfs, a line of a shell each; none: the root filesystem is on no encryption,
/// or nothing below one can grow.
pub(crate) fn steps(layout: &Layout, root: &LayoutMount) -> Option<String> {
    let below = layout.below(root);
    let upper = below.iter().rposition(|volume| volume.kind == "luks")?;
    let mut text = String::new();
    let mut names: Vec<&str> = below[..=upper].iter().flat_map(|v| &v.on).map(|n| &**n).collect();
    names.sort_unstable();
    names.dedup();
    for partition in layout.partitions.iter().filter(|p| names.contains(&p.name.as_str())) {
        let Some(path) = by_partuuid(partition.partuuid.as_deref()) else { continue };
        let _ = writeln!(text, "name=$(device {path}) && partition \"$name\"");
    }
    for volume in below[..upper].iter().filter(|volume| is_plain(&volume.name)) {
        match &*volume.kind {
            "raid" => {
                let Some(path) = path(layout, &volume.name) else { continue };
                let _ = writeln!(text, "name=$(device {path}) && array \"$name\"");
            }
            "physical-volume" => {
                let Some(path) = volume.on.first().and_then(|on| path(layout, on)) else {
                    continue;
                };
                let _ = writeln!(
                    text,
                    "name=$(device {path}) && {{ lvm pvresize --quiet --quiet \"/dev/$name\" || fail \"growing {}\"; }}",
                    volume.name
                );
            }
            "logical-volume" | "thin-volume" => {
                let pool = volume.on.first().filter(|_| volume.kind == "thin-volume");
                let group = match pool.and_then(|pool| layout.volume(pool)) {
                    Some(pool) => pool.on.first(),
                    None => volume.on.first(),
                };
                let Some(group) = group.filter(|group| is_plain(group)) else { continue };
                let _ = writeln!(text, "volume '{group}' '{}'", volume.name);
            }
            // One in another is opened after it: nothing is there of it yet.
            "luks" => break,
            _ => {}
        }
    }
    (!text.is_empty()).then_some(text)
}

/// Where udev says which device a node became; none: it has no name of its own.
fn path(layout: &Layout, node: &str) -> Option<String> {
    if let Some(partition) = layout.partition(node) {
        return by_partuuid(partition.partuuid.as_deref());
    }
    let raid = layout.volume(node).filter(|volume| volume.kind == "raid")?;
    let uuid = raid.uuid.as_deref().filter(|uuid| is_plain(&uuid.replace(':', "-")))?;
    Some(format!("/dev/disk/by-id/md-uuid-{uuid}"))
}

fn by_partuuid(partuuid: Option<&str>) -> Option<String> {
    partuuid.filter(|id| is_plain(id)).map(|id| format!("/dev/disk/by-partuuid/{id}"))
}

fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
