//! What the host's own tools say of disks.

use std::os::unix::fs::FileExt as _;

use anyhow::{Result, ensure};
use dibhost_block_device::TableKind;

use crate::appliance::{Case, noise, output, text};

/// Tables on disks of 512-byte sectors: that is how the tools read a file.
pub(crate) fn tables(case: &Case) -> Result<()> {
    for (disk, laid_out) in case.disks.iter().zip(&case.layout.disks) {
        let path = text(&disk.path)?;
        let table = case.layout.tables.iter().find(|table| table.on == laid_out.node);
        let Some(table) = table.filter(|_| disk.sector_size == 512) else { continue };
        if table.kind == TableKind::Gpt {
            let said = output("sgdisk", &["-v", path])?;
            ensure!(said.contains("No problems found"), "sgdisk -v {path}: {said}");
        }
        let said = output("fdisk", &["-l", path])?;
        let rows = said.lines().filter(|line| line.starts_with(path)).count();
        let of = case.layout.partitions.iter().filter(|p| p.table == table.node).count();
        let wanted = of + usize::from(table.extended.is_some());
        ensure!(rows == wanted, "fdisk lists {rows} partitions, not {wanted}: {said}");
        output("sfdisk", &["--verify", path])?;
    }
    Ok(())
}

/// GRUB's core image lies where it was laid out, up to what it is told of its place.
pub(crate) fn boot_loaders(case: &Case) -> Result<()> {
    for grub in &case.layout.grub {
        let disks = case.disks.iter().zip(&case.layout.disks);
        let disk = disks.filter(|(_, of)| of.node == grub.disk).map(|(disk, _)| disk).next();
        let Some(disk) = disk else { continue };
        let mut bytes = vec![0; usize::try_from(grub.extent.size.min(1 << 20))?];
        let file = std::fs::File::open(&disk.path)?;
        file.read_exact_at(&mut bytes, grub.extent.offset)?;
        let core = noise(60_000, 2);
        ensure!(bytes[0x200..core.len()] == core[0x200..], "{}: another core image", grub.node);
        file.read_exact_at(&mut bytes[..8], 0x5c)?;
        let sector = (grub.extent.offset / 512).to_le_bytes();
        ensure!(bytes[..8] == sector, "{}: the boot sector starts another place", grub.node);
    }
    Ok(())
}

/// Filesystems of the ext family that lie in one piece on a disk.
pub(crate) fn filesystems(case: &Case) -> Result<()> {
    for filesystem in &case.layout.filesystems {
        let Some(place) = &filesystem.place else { continue };
        if filesystem.format.kind().name().starts_with("ext") {
            let disks = case.disks.iter().zip(&case.layout.disks);
            let disk = disks.filter(|(_, of)| of.node == place.disk).map(|(disk, _)| disk).next();
            let Some(disk) = disk else { continue };
            let at = format!("{}?offset={}", text(&disk.path)?, place.extent.offset);
            output("e2fsck", &["-fn", &at])?;
        }
    }
    Ok(())
}
