//! Trees with one of everything that a filesystem can hold.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::{Context as _, Result};
use dibhost_block_device::Graph;
use dibhost_filesystems::FilesystemKind;

use super::{output, text};

/// Fills what is mounted where with what the filesystem there can hold. Unless `everything` is
/// wanted, XFS and Btrfs get what can be made without the kernel.
pub(crate) fn fill(root: &Path, graph: &Graph, everything: bool) -> Result<()> {
    // Mounts are in the order of their paths: what is below comes after what it is in.
    for mount in graph.mounts() {
        let filesystem = graph.filesystem(&mount.filesystem).context("a mount of nothing")?;
        let at = root.join(mount.at.trim_start_matches('/'));
        fs::create_dir_all(&at).with_context(|| format!("making {}", at.display()))?;
        match filesystem.kind {
            FilesystemKind::Swap => {}
            FilesystemKind::Vfat => fat(&at)?,
            FilesystemKind::Xfs if !everything => plain(&at)?,
            FilesystemKind::Btrfs if !everything => {
                rich(&at)?;
                fs::set_permissions(&at, fs::Permissions::from_mode(0o755))?;
            }
            kind => {
                rich(&at)?;
                devices(&at)?;
                if kind != FilesystemKind::Squashfs {
                    acl(&at.join("etc/empty"))?;
                }
                if kind == FilesystemKind::Erofs {
                    // The longest that `mkfs.erofs` takes.
                    let long = |bytes| at.join("usr").join("n".repeat(bytes));
                    fs::rename(long(255), long(254))?;
                }
            }
        }
    }
    for grub in graph.grub() {
        let mut boot = noise(512, 1);
        boot[0x66..0x68].copy_from_slice(&[0xeb, 0x05]);
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let mut core = noise(60_000, 2);
        core[0x1f4..0x200].copy_from_slice(&[2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20, 0x08]);
        for (path, content) in [(&grub.boot_image, boot), (&grub.core_image, core)] {
            let path = root.join(path.trim_start_matches('/'));
            fs::create_dir_all(path.parent().context("a file in no folder")?)?;
            fs::write(path, content)?;
        }
    }
    Ok(())
}

/// Bytes that no tool can leave away as zeros or compress, equal every time.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[1] | 1
    };
    std::iter::repeat_with(step).take(length).collect()
}

/// Files, folders and links that every kind of filesystem with owners holds.
fn plain(root: &Path) -> Result<()> {
    for folder in ["etc/empty", "usr/bin", "usr/share/many", "home/user"] {
        fs::create_dir_all(root.join(folder))?;
    }
    fs::write(root.join("etc/hostname"), "image\n")?;
    fs::write(root.join("etc/nothing"), "")?;
    fs::write(root.join("etc.d"), "sorted between a folder and what is in it")?;
    fs::write(root.join("usr/bin/tool"), noise(700_001, 4))?;
    fs::write(root.join("usr").join("n".repeat(255)), "a long name")?;
    for number in 0..80_usize {
        let name = format!("usr/share/many/file-with-a-long-name-{number:04}");
        fs::write(root.join(name), noise(number * 101, 5))?;
    }
    symlink("usr/bin", root.join("bin"))?;
    symlink("x".repeat(300), root.join("etc/long"))?;
    symlink("/etc/passwd", root.join("etc/absolute"))?;
    let mode =
        |path: &str, mode| fs::set_permissions(root.join(path), fs::Permissions::from_mode(mode));
    let owner =
        |path: &str, uid, gid| std::os::unix::fs::lchown(root.join(path), Some(uid), Some(gid));
    owner("home/user", 1000, 70_000)?;
    owner("etc/long", 12, 34)?;
    owner("usr/share/many/file-with-a-long-name-0007", 65_534, 4_000_000_000)?;
    mode("usr/bin/tool", 0o4755)?;
    mode("etc/hostname", 0o600)?;
    mode("home/user", 0o2750)?;
    mode("", 0o751)?;
    Ok(())
}

/// And hard links, holes, attributes, names that no script expects.
fn rich(root: &Path) -> Result<()> {
    plain(root)?;
    let sparse = File::create(root.join("usr/sparse"))?;
    sparse.set_len(3 << 20)?;
    sparse.write_all_at(&noise(10_000, 9), 1 << 20)?;
    fs::hard_link(root.join("usr/bin/tool"), root.join("usr/bin/other"))?;
    fs::hard_link(root.join("usr/bin/tool"), root.join("another"))?;
    fs::write(root.join(OsStr::from_bytes(b" -rf \n\"\\\xff\xfe$`:")), "a name")?;
    symlink("../../../a b\nc", root.join("home/blank"))?;
    fs::create_dir(root.join("tmp"))?;
    fs::set_permissions(root.join("tmp"), fs::Permissions::from_mode(0o1777))?;
    let tool = root.join("usr/bin/tool");
    attribute(&tool, "user.origin", "somewhere")?;
    // Changing the owner would remove it.
    attribute(&tool, "security.capability", "0x0100000200200000000000000000000000000000")?;
    attribute(&root.join("etc/empty"), "trusted.note", "n")?;
    output("touch", &["-h", "-d", "@1500000000", text(&tool)?, text(&root.join("bin"))?])?;
    Ok(())
}

fn devices(root: &Path) -> Result<()> {
    fs::create_dir(root.join("dev"))?;
    let at = |name: &str| root.join("dev").join(name);
    output("mknod", &["-m", "666", text(&at("null"))?, "c", "1", "3"])?;
    output("mknod", &["-m", "660", text(&at("sdz300"))?, "b", "259", "300"])?;
    output("mkfifo", &["-m", "600", text(&at("pipe"))?])?;
    Ok(())
}

fn acl(path: &Path) -> Result<()> {
    // `u::rwx,u:1000:r-x,g::r-x,m::r-x,o::---`
    let acl = "0x0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000000ffffffff";
    attribute(path, "system.posix_acl_access", acl)
}

fn attribute(path: &Path, name: &str, value: &str) -> Result<()> {
    output("setfattr", &["-n", name, "-v", value, text(path)?]).map(drop)
}

/// What FAT holds: long names, names in capitals, in small letters and in both, and none of these.
fn fat(root: &Path) -> Result<()> {
    fs::create_dir_all(root.join("EFI/BOOT"))?;
    fs::create_dir_all(root.join("EFI/debian/a folder with blanks"))?;
    fs::write(root.join("EFI/BOOT/BOOTX64.EFI"), noise(123_456, 3))?;
    fs::write(root.join("EFI/debian/grub.cfg"), "configfile\n")?;
    fs::write(root.join("EFI/debian/MixedCase.Txt"), "")?;
    fs::write(root.join("EFI/debian/lower.txt"), "1")?;
    fs::write(root.join("EFI/debian/gr\u{fc}\u{df}e \u{2014} \u{1f600}.txt"), "not ASCII")?;
    fs::write(root.join(format!("{}.conf", "long ".repeat(48))), "a long name")?;
    for number in 0..60_usize {
        fs::write(root.join(format!("EFI/debian/module-{number:03}.mod")), noise(number * 37, 8))?;
    }
    output("touch", &["-d", "@1500000001", text(&root.join("EFI/debian/lower.txt"))?])?;
    Ok(())
}
