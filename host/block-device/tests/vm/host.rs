//! What the host's own tools and kernel say of disks.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use anyhow::{Context as _, Result, ensure};
use dibhost_block_device::{FilesystemLayout, InspectSecret, InspectedDisk, TableKind, inspect};
use dibhost_sys::{LoopDevice, LoopOptions, SecretBytes};
use dibhost_volumes::FileMedium;

use crate::appliance::{Case, CaseDisk, EPOCH, KEYS, command, noise, output, succeeds, text};

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

/// The filesystems that lie in one piece on a disk, each as a device.
fn devices(case: &Case) -> Result<Vec<(&FilesystemLayout, LoopDevice)>> {
    let mut devices = Vec::new();
    for filesystem in &case.layout.filesystems {
        let Some(place) = &filesystem.place else { continue };
        let mut disks = case.disks.iter().zip(&case.layout.disks);
        let disk = disks.find(|(_, of)| of.node == place.disk).context("a place on no disk")?.0;
        let options = LoopOptions {
            offset: place.extent.offset,
            size_limit: place.extent.size,
            sector_size: disk.sector_size,
            read_only: true,
            ..LoopOptions::default()
        };
        let device = LoopDevice::attach(&File::open(&disk.path)?, &options)?;
        devices.push((filesystem, device));
    }
    Ok(devices)
}

/// Each kind's own `fsck` finds nothing wrong.
pub(crate) fn filesystems(case: &Case) -> Result<()> {
    for (filesystem, device) in devices(case)? {
        let path = device.path();
        let path = text(&path)?;
        match filesystem.format.kind().name() {
            "xfs" => output("xfs_repair", &["-n", path]),
            "btrfs" => output("btrfs", &["check", "--readonly", path]),
            "vfat" => output("fsck.fat", &["-n", path]),
            "erofs" => output("fsck.erofs", &[path]),
            "squashfs" => output("unsquashfs", &["-stat", path]),
            "swap" => output("swaplabel", &[path]),
            _ => output("e2fsck", &["-fn", path]),
        }
        .with_context(|| format!("checking `{}`", filesystem.node))?;
    }
    Ok(())
}

/// Kinds that this kernel knows by now; what is a module it may know only once it was asked.
pub(crate) fn kinds() -> Result<Vec<String>> {
    let known = fs::read_to_string("/proc/filesystems").context("reading /proc/filesystems")?;
    Ok(known.lines().filter_map(|line| line.split('\t').nth(1)).map(str::to_owned).collect())
}

/// What is wrong with what they hold, as this kernel shows it.
pub(crate) fn files(case: &Case) -> Result<Vec<String>> {
    let (known, mut wrong) = (kinds()?, Vec::new());
    for (filesystem, device) in devices(case)? {
        let kind = filesystem.format.kind().name();
        if !known.iter().any(|known| known == kind) {
            continue;
        }
        for mount in case.graph.mounts_of(&filesystem.node) {
            let subvolumes = case.graph.subvolumes();
            let named = |node: &String| subvolumes.iter().find(|found| found.node == *node);
            let path = mount.subvolume.as_ref().and_then(named).map(|subvolume| &subvolume.path);
            let options = path.map_or_else(|| "ro".to_owned(), |path| format!("ro,subvol={path}"));
            wrong.extend(case.wrong(&mount.node, &listed(&device, kind, &options)?));
        }
    }
    Ok(wrong)
}

/// Where nobody else sees it, so that nothing stays mounted.
fn listed(device: &LoopDevice, kind: &str, options: &str) -> Result<String> {
    if kind == "btrfs" {
        // An older kernel keeps in mind what had this UUID before; one that knows none says so.
        let _ = command("btrfs").args(["device", "scan", "--forget"]).output();
    }
    let folder = tempfile::tempdir().context("making a mount point")?;
    let script = r#"mount -t "$0" -o "$1" "$2" "$3" && exec "$4" "$3" "$5""#;
    let (path, time) = (device.path(), EPOCH.to_string());
    let mut list = command("unshare");
    list.args(["--mount", "sh", "-c", script, kind, options, text(&path)?, text(folder.path())?]);
    succeeds(list.args([env!("CARGO_BIN_EXE_list-tree"), &time]))
}

/// Nodes with their sizes, places, labels and UUIDs, as `inspect` reads them back.
fn read_back(case: &Case) -> Result<String> {
    let open = |disk: &CaseDisk| File::open(&disk.path);
    let files = case.disks.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let media = files.iter().map(FileMedium::whole).collect::<Result<Vec<_>, _>>()?;
    let all = case.layout.disks.iter().zip(&case.disks).zip(&media);
    let disks: Vec<_> = all
        .map(|((of, disk), medium)| InspectedDisk {
            name: of.node.clone(),
            medium,
            sector_size: Some(disk.sector_size),
        })
        .collect();
    let secret = |(name, mut bytes): (&str, &[u8])| {
        let bytes = SecretBytes::read_from(&mut bytes, 4096)?.into();
        Ok::<_, std::io::Error>(InspectSecret { name: name.to_owned(), bytes })
    };
    let secrets = KEYS.into_iter().map(secret).collect::<Result<Vec<_>, _>>()?;
    let inspection = inspect(&disks, &secrets);
    ensure!(!inspection.has_problems(), "`inspect` finds faults:\n{}", inspection.to_text());
    Ok(inspection.to_text())
}

/// What `blkid` says of each filesystem.
fn tags(case: &Case) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for (filesystem, device) in devices(case)? {
        let said = output("blkid", &["-p", "-o", "export", text(&device.path())?])?;
        // Btrfs gives each device a random UUID of its own.
        let own = |line: &&str| !["DEVNAME=", "UUID_SUB="].iter().any(|t| line.starts_with(t));
        let lines: Vec<_> = said.lines().filter(own).collect();
        all.push(format!("{}: {}", filesystem.node, lines.join(" ")));
    }
    Ok(all)
}

/// Two back-ends made the same of one tree: sizes, places, labels, UUIDs, files.
pub(crate) fn same(cases: &[Case]) -> Result<()> {
    for case in cases {
        let wrong = files(case)?;
        let by = case.backend.name();
        ensure!(wrong.is_empty(), "by `{by}`, this kernel finds:\n{}", wrong.join("\n"));
    }
    if let [one, two] = cases {
        let sizes = |case: &Case| -> Result<Vec<u64>> {
            let size = |disk: &CaseDisk| Ok(fs::metadata(&disk.path)?.len());
            case.disks.iter().map(size).collect()
        };
        ensure!(sizes(one)? == sizes(two)?, "disks of other sizes");
        let [first, second] = [read_back(one)?, read_back(two)?];
        ensure!(first == second, "`inspect` reads what is not the same:\n{first}and\n{second}");
        let [first, second] = [tags(one)?, tags(two)?];
        ensure!(first == second, "`blkid` says {first:#?} and {second:#?}");
    }
    Ok(())
}
