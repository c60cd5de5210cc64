//! What the host's own tools say of disks.

use anyhow::{Result, ensure};
use dibhost_block_device::TableKind;

use crate::appliance::{Case, output, text};

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
