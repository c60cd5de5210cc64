//! The first and only root filesystem of the machine: the host's own tools with their libraries,
//! the kernel's modules, and the scripts.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::cpio::Archive;
use super::kernel::Kernel;
use super::{output, text};

/// Modules that drive the machine, and what the kernel would otherwise ask `modprobe` for.
const MODULES: [&str; 36] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_scsi",
    "sd_mod",
    "dm_mod",
    "dm_crypt",
    "dm_snapshot",
    "dm_thin_pool",
    "dm_verity",
    "dm_mirror",
    "md_mod",
    "raid0",
    "raid1",
    "xts",
    "ecb",
    "cbc",
    "essiv",
    "aesni_intel",
    "aes_generic",
    "sha256_ssse3",
    "sha256_generic",
    "sha512_generic",
    "algif_skcipher",
    "algif_hash",
    "crc32c_generic",
    "crc32c_intel",
    "vfat",
    "nls_ascii",
    "nls_cp437",
    "nls_utf8",
    "ext4",
    "xfs",
    "btrfs",
    "squashfs",
    "erofs",
    "loop",
];

/// Programs that the scripts start.
const PROGRAMS: [&str; 26] = [
    "lvm",
    "dmsetup",
    "cryptsetup",
    "veritysetup",
    "mdadm",
    "blkid",
    "e2fsck",
    "xfs_repair",
    "btrfs",
    "fsck.fat",
    "fsck.erofs",
    "thin_check",
    "thin_dump",
    "thin_repair",
    "debugfs",
    "sgdisk",
    "swaplabel",
    // Those that make disks.
    "find",
    "getfattr",
    "losetup",
    "mke2fs",
    "mkfs.btrfs",
    "mkfs.erofs",
    "mkfs.xfs",
    "mksquashfs",
    "thin_restore",
];

/// Libraries that are opened by name, which `ldd` does not see.
const LIBRARIES: [&str; 1] = ["libgcc_s.so.1"];

fn program(name: &str) -> Result<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    let found = folders.iter().map(|folder| Path::new(folder).join(name)).find(|p| p.exists());
    found.with_context(|| format!("`{name}` is missing: `scripts/install-dependencies test`"))
}

/// Writes the archive.
pub(crate) fn write(kernel: &Kernel, to: &Path) -> Result<()> {
    let file = File::create(to).with_context(|| format!("making {}", to.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    let folders =
        ["bin", "dev", "etc", "job", "mnt", "out", "proc", "run", "sys", "tmp", "usr/sbin", "made"];
    for folder in folders.iter().copied().chain(["usr"]).collect::<BTreeSet<_>>() {
        archive.folder(folder)?;
    }
    archive.file("init", 0o755, include_bytes!("init.sh"))?;
    archive.file("functions.sh", 0o644, include_bytes!("functions.sh"))?;
    archive.file("etc/lvm/lvm.conf", 0o644, include_bytes!("lvm.conf"))?;
    archive.copy(&program("busybox")?, "bin/busybox")?;
    let mut libraries = BTreeSet::new();
    let lister = PathBuf::from(env!("CARGO_BIN_EXE_list-tree"));
    let maker = PathBuf::from(env!("CARGO_BIN_EXE_make-disks"));
    let opener = PathBuf::from(env!("CARGO_BIN_EXE_open-device"));
    let mut programs = vec![("list-tree", lister), ("make-disks", maker), ("open-device", opener)];
    for name in PROGRAMS {
        programs.push((name, program(name)?));
    }
    for (name, path) in programs {
        archive.copy(&path, &format!("usr/sbin/{name}"))?;
        for word in output("ldd", &[text(&path)?])?.split_whitespace() {
            if word.starts_with('/') {
                libraries.insert(word.to_owned());
            }
        }
    }
    let beside = libraries.iter().find(|l| l.ends_with("/libc.so.6")).cloned();
    let beside = beside.context("no program needs a C library")?;
    for name in LIBRARIES {
        libraries.insert(beside.replace("libc.so.6", name));
    }
    for library in &libraries {
        archive.copy(Path::new(library), library)?;
    }
    let mut order = String::new();
    for module in kernel.modules(&MODULES)? {
        let name = module.file_name().and_then(|n| n.to_str()).context("a module's name")?;
        archive.copy(&module, &format!("modules/{name}"))?;
        order.push_str(&format!("/modules/{name}\n"));
    }
    archive.file("modules/order", 0o644, order.as_bytes())?;
    archive.finish().context("writing the initramfs")
}
