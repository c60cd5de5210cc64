//! The files that name volumes: crypttab(5) and mdadm.conf(5).

use dibhost_element_sdk::slots::{Layout, LayoutVolume};

use crate::uuid;

/// Whether the initramfs mounts what belongs here.
pub(crate) fn is_early(at: &str) -> bool {
    matches!(at, "/" | "/usr")
}

/// What the initramfs has to find before it can mount the root filesystem.
pub(crate) fn early(layout: &Layout) -> Vec<&LayoutVolume> {
    let mounts = layout.mounts.iter().filter(|mount| is_early(&mount.at));
    mounts.flat_map(|mount| layout.below(mount)).collect()
}

/// Those of a kind whose names are a word: a space would be a field more, a line end a volume more.
fn of_kind<'a>(layout: &'a Layout, kind: &'a str) -> impl Iterator<Item = &'a LayoutVolume> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let of_kind = layout.volumes.iter().filter(move |volume| volume.kind == kind);
    of_kind.filter(move |volume| volume.name.chars().all(plain))
}

/// A line for each encrypted volume; none: there is none.
pub(crate) fn crypttab(layout: &Layout) -> Option<String> {
    let early = early(layout);
    let mut text = "# <name> <device> <key> <options>; a passphrase is asked for.\n".to_owned();
    let start = text.len();
    for volume in of_kind(layout, "luks") {
        let Some(uuid) = uuid(volume) else { continue };
        // The initramfs of a machine that is not there yet finds no device: it has to be told. No
        // `discard`: what is given back shows how much of the volume is used, and where.
        let is_early = early.iter().any(|e| e.name == volume.name);
        let initramfs = if is_early { ",initramfs" } else { "" };
        text.push_str(&format!("{} UUID={uuid} none luks{initramfs}\n", volume.name));
    }
    (text.len() > start).then_some(text)
}

/// A line for each RAID; none: there is none.
pub(crate) fn mdadm(layout: &Layout) -> Option<String> {
    let mut text = "# Arrays of this machine, by what is in their superblocks.\n\
                    HOMEHOST <ignore>\nMAILADDR root\n"
        .to_owned();
    let start = text.len();
    for volume in of_kind(layout, "raid") {
        let Some(uuid) = uuid(volume) else { continue };
        // Of whichever version its metadata is.
        text.push_str(&format!("ARRAY /dev/md/{} UUID={uuid}\n", volume.name));
    }
    (text.len() > start).then_some(text)
}
