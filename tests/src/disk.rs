//! Checks of disk images by other people's tools: `sgdisk`, `sfdisk`, `e2fsck`, `resize2fs`,
//! `debugfs`, `qemu-img`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use crate::tool;

/// A partition as `sfdisk` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number in the table, from 1.
    pub number: u32,
    /// Where it begins, in bytes.
    pub start: u64,
    /// How long it is, in bytes.
    pub size: u64,
    /// GPT: the type's GUID in capitals; MBR: the type's byte in hexadecimal.
    pub kind: String,
    /// GPT: the partition's own GUID in capitals.
    pub guid: Option<String>,
    /// GPT: the partition's name.
    pub name: Option<String>,
}

/// GPT type of a partition that holds GRUB's core image.
pub const BIOS_BOOT: &str = "21686148-6449-6E6F-744E-656564454649";
/// GPT type of an EFI system partition.
pub const EFI_SYSTEM: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/// GPT type of an x86-64 root partition.
pub const LINUX_ROOT_X86_64: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";

/// What `qemu-img info` says of an image: `format`, `virtual-size`, `actual-size`, …
///
/// # Errors
/// When `qemu-img` cannot read it.
pub fn information(image: &Path) -> Result<serde_json::Value> {
    let text = tool::run("qemu-img", &["info", "--output=json", &image.to_string_lossy()])?;
    serde_json::from_str(&text).context("parsing what `qemu-img info` said")
}

/// Checks a qcow2's own tables with `qemu-img check`.
///
/// # Errors
/// When it finds an error or a leaked cluster.
pub fn check_qcow2(image: &Path) -> Result<()> {
    tool::run("qemu-img", &["check", "-q", &image.to_string_lossy()]).map(drop)
}

/// Makes a sparse raw file of an image of any format, in a folder.
///
/// # Errors
/// When `qemu-img` cannot convert it.
pub fn raw_of(image: &Path, folder: &Path) -> Result<PathBuf> {
    let raw = folder.join("disk.raw");
    let (from, to) = (image.to_string_lossy(), raw.to_string_lossy());
    tool::run("qemu-img", &["convert", "-O", "raw", &from, &to])?;
    Ok(raw)
}

/// Checks both headers and tables of a GPT with `sgdisk -v`.
///
/// # Errors
/// When it finds a problem.
pub fn verify_gpt(raw: &Path) -> Result<()> {
    // Its exit status is 0 with problems too, and where there is no GPT it makes one in memory
    // and finds that faultless.
    let said = tool::run("sgdisk", &["-v", &raw.to_string_lossy()])?;
    let made = said.contains("Creating new GPT entries") || said.contains("converting MBR");
    ensure!(!made, "{} has no GPT:\n{said}", raw.display());
    ensure!(said.contains("No problems found"), "`sgdisk -v` found problems:\n{said}");
    Ok(())
}

/// The partitions of a raw disk, in the order of the table.
///
/// # Errors
/// When there is no partition table or `sfdisk` cannot read it.
pub fn partitions(raw: &Path) -> Result<Vec<Partition>> {
    parse_partitions(&tool::run("sfdisk", &["--json", &raw.to_string_lossy()])?)
}

fn parse_partitions(json: &str) -> Result<Vec<Partition>> {
    #[derive(Deserialize)]
    struct Document {
        partitiontable: Table,
    }
    #[derive(Deserialize)]
    struct Table {
        sectorsize: u64,
        #[serde(default)]
        partitions: Vec<Row>,
    }
    #[derive(Deserialize)]
    struct Row {
        node: String,
        start: u64,
        size: u64,
        r#type: String,
        uuid: Option<String>,
        name: Option<String>,
    }
    let table: Document = serde_json::from_str(json).context("parsing what `sfdisk` said")?;
    let table = table.partitiontable;
    let partition = |row: Row| {
        let digits = row.node.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        Ok(Partition {
            number: digits.parse().with_context(|| format!("`{}` has no number", row.node))?,
            start: row.start * table.sectorsize,
            size: row.size * table.sectorsize,
            kind: row.r#type.to_uppercase(),
            guid: row.uuid.map(|guid| guid.to_uppercase()),
            name: row.name,
        })
    };
    table.partitions.into_iter().map(partition).collect()
}

/// Copies a partition of a raw disk into a sparse file of its own, `partition-N`.
///
/// # Errors
/// When `dd` fails.
pub fn extract(raw: &Path, partition: &Partition, folder: &Path) -> Result<PathBuf> {
    let file = folder.join(format!("partition-{}", partition.number));
    let args = [
        format!("if={}", raw.display()),
        format!("of={}", file.display()),
        "bs=1M".into(),
        "iflag=skip_bytes,count_bytes".into(),
        format!("skip={}", partition.start),
        format!("count={}", partition.size),
        "conv=sparse".into(),
        "status=none".into(),
    ];
    tool::run("dd", &args)?;
    // A hole at the end is not written by `dd`.
    let opened = std::fs::File::options().write(true).open(&file);
    opened.and_then(|opened| opened.set_len(partition.size)).context("sizing the partition")?;
    Ok(file)
}

/// Checks an ext filesystem in a file with `e2fsck -fn`, which changes nothing.
///
/// # Errors
/// When it is not clean; the error shows what `e2fsck` said.
pub fn check_ext4(filesystem: &Path) -> Result<()> {
    tool::run("e2fsck", &["-fn", &filesystem.to_string_lossy()]).map(drop)
}

/// The fields of an ext superblock as `dumpe2fs -h` names them: `Filesystem volume name`,
/// `Block count`, `Filesystem features`, …
///
/// # Errors
/// When it is none.
pub fn superblock(filesystem: &Path) -> Result<BTreeMap<String, String>> {
    let said = tool::run("dumpe2fs", &["-h", &filesystem.to_string_lossy()])?;
    let field = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    Ok(said.lines().filter_map(field).collect())
}

fn blocks(filesystem: &Path) -> Result<u64> {
    let fields = superblock(filesystem)?;
    let count = fields.get("Block count").context("`dumpe2fs` tells no block count")?;
    count.parse().with_context(|| format!("reading the block count `{count}`"))
}

/// How much larger an ext filesystem is than what `resize2fs -M` leaves of it: 1.0 is tight.
/// Works on a copy in `folder`, for `resize2fs -P` only estimates.
///
/// # Errors
/// When a tool fails.
pub fn slack(filesystem: &Path, folder: &Path) -> Result<f64> {
    let copy = folder.join("shrunk");
    let (from, to) = (filesystem.to_string_lossy(), copy.to_string_lossy());
    tool::run("cp", &["--sparse=always", "--reflink=auto", &from, &to])?;
    // resize2fs wants a filesystem checked a moment ago. 1: errors were corrected, which
    // `check_ext4` is there to find.
    let checked = tool::output("e2fsck", &["-fy", &to])?;
    if checked.status.code().is_none_or(|code| code > 1) {
        bail!("`e2fsck -fy` failed: {}", String::from_utf8_lossy(&checked.stdout));
    }
    tool::run("resize2fs", &["-M", &to])?;
    let least = blocks(&copy)?;
    std::fs::remove_file(&copy).context("removing the shrunk copy")?;
    // Block counts fit in 52 bits.
    #[expect(clippy::cast_precision_loss, reason = "block counts have far fewer than 52 bits")]
    Ok(blocks(filesystem)? as f64 / least as f64)
}

/// A file's content in an ext filesystem that is not mounted, or `None` where there is none.
///
/// # Errors
/// When `debugfs` cannot read the filesystem.
pub fn read_file(filesystem: &Path, path: &str) -> Result<Option<Vec<u8>>> {
    let (stdout, stderr) = debugfs(filesystem, &format!("cat \"{path}\""))?;
    let missing = stderr.contains("File not found");
    ensure!(missing || stderr.lines().count() <= 1, "`debugfs` on `{path}`: {stderr}");
    Ok((!missing).then_some(stdout))
}

/// The names in a folder of an ext filesystem that is not mounted, sorted; empty where there
/// is none.
///
/// # Errors
/// When `debugfs` cannot read the filesystem.
pub fn list(filesystem: &Path, path: &str) -> Result<Vec<String>> {
    let (stdout, _) = debugfs(filesystem, &format!("ls -p \"{path}\""))?;
    // `/inode/mode/uid/gid/name/size/` a line.
    let text = String::from_utf8_lossy(&stdout).into_owned();
    let names = text.lines().filter_map(|line| line.split('/').nth(5)).map(str::to_owned);
    let mut names: Vec<_> = names.filter(|n| !matches!(n.as_str(), "" | "." | "..")).collect();
    names.sort();
    Ok(names)
}

/// What `debugfs` says of an inode (`Mode:`, `User:`, `Type:`, extended attributes).
///
/// # Errors
/// When there is no such path.
pub fn stat(filesystem: &Path, path: &str) -> Result<String> {
    let (stdout, stderr) = debugfs(filesystem, &format!("stat \"{path}\""))?;
    let said = String::from_utf8_lossy(&stdout).into_owned();
    ensure!(said.contains("Inode:"), "`debugfs` knows no `{path}`: {stderr}");
    Ok(said)
}

fn debugfs(filesystem: &Path, request: &str) -> Result<(Vec<u8>, String)> {
    let output = tool::output("debugfs", &["-R", request, &filesystem.to_string_lossy()])?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.success() && !stderr.contains("Filesystem not open"),
        "`debugfs` cannot read {}: {stderr}",
        filesystem.display()
    );
    Ok((output.stdout, stderr))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk of 64 MiB: a BIOS boot partition and an ext4 with two files.
    fn disk(folder: &Path) -> PathBuf {
        let tree = folder.join("tree");
        std::fs::create_dir_all(tree.join("etc")).unwrap();
        std::fs::write(tree.join("etc/hostname"), "here\n").unwrap();
        std::fs::write(tree.join("etc/motd"), "").unwrap();
        let raw = folder.join("made.raw");
        let name = raw.to_string_lossy().into_owned();
        std::fs::File::create(&raw).unwrap().set_len(64 << 20).unwrap();
        let layout = ["-n1:2048:+1M", "-t1:ef02", "-c1:bios", "-n2:0:0", "-t2:8304", "-c2:root"];
        tool::run("sgdisk", &[&layout[..], &[&name]].concat()).unwrap();
        let (tree, offset) = (tree.to_string_lossy().into_owned(), "offset=2097152");
        let mke2fs = ["-q", "-t", "ext4", "-L", "label", "-d", &tree, "-E", offset, &name, "60M"];
        tool::run("mke2fs", &mke2fs).unwrap();
        raw
    }

    #[test]
    fn a_made_disk_is_read_as_it_was_made() {
        let folder = crate::work_folder().unwrap();
        let made = disk(folder.path());
        let qcow2 = folder.path().join("made.qcow2");
        let (from, to) = (made.to_string_lossy(), qcow2.to_string_lossy());
        tool::run("qemu-img", &["convert", "-O", "qcow2", &from, &to]).unwrap();
        assert_eq!(information(&qcow2).unwrap()["format"], "qcow2");
        check_qcow2(&qcow2).unwrap();

        let raw = raw_of(&qcow2, folder.path()).unwrap();
        verify_gpt(&raw).unwrap();
        let table = partitions(&raw).unwrap();
        let kinds: Vec<_> = table.iter().map(|p| (p.number, p.kind.as_str())).collect();
        assert_eq!(kinds, [(1, BIOS_BOOT), (2, LINUX_ROOT_X86_64)]);
        assert_eq!((table[0].start, table[0].size), (1 << 20, 1 << 20));
        assert_eq!(table[1].name.as_deref(), Some("root"));

        let root = extract(&raw, &table[1], folder.path()).unwrap();
        check_ext4(&root).unwrap();
        assert_eq!(superblock(&root).unwrap()["Filesystem volume name"], "label");
        assert_eq!(read_file(&root, "/etc/hostname").unwrap().unwrap(), b"here\n");
        assert_eq!(read_file(&root, "/etc/motd").unwrap().unwrap(), b"");
        assert_eq!(read_file(&root, "/etc/none").unwrap(), None);
        assert_eq!(list(&root, "/etc").unwrap(), ["hostname", "motd"]);
        assert!(list(&root, "/none").unwrap().is_empty());
        assert!(stat(&root, "/etc/hostname").unwrap().contains("Type: regular"));
        // 60 MiB of nothing: a copy is shrunk, the filesystem itself is not.
        assert!(slack(&root, folder.path()).unwrap() > 3.0);
        assert_eq!(blocks(&root).unwrap() * 1024, 60 << 20);
    }

    #[test]
    fn damage_is_found() {
        let folder = crate::work_folder().unwrap();
        let raw = disk(folder.path());
        let root = extract(&raw, &partitions(&raw).unwrap()[1], folder.path()).unwrap();
        let mut bytes = std::fs::read(&root).unwrap();
        // The group descriptors, whose checksums then are wrong.
        bytes[2048..2064].fill(0xff);
        std::fs::write(&root, bytes).unwrap();
        assert!(check_ext4(&root).is_err());

        let mut bytes = std::fs::read(&raw).unwrap();
        bytes[1024 + 40] ^= 1;
        std::fs::write(&raw, bytes).unwrap();
        let error = verify_gpt(&raw).unwrap_err().to_string();
        assert!(error.contains("CRC"), "{error}");
    }

    #[test]
    fn an_image_without_a_table_has_no_partitions() {
        let folder = crate::work_folder().unwrap();
        let raw = folder.path().join("empty.raw");
        std::fs::File::create(&raw).unwrap().set_len(1 << 20).unwrap();
        assert!(partitions(&raw).is_err());
        assert!(verify_gpt(&raw).unwrap_err().to_string().contains("has no GPT"));
        tool::run("sh", &["-c", &format!("echo ',,83' | sfdisk -q {}", raw.display())]).unwrap();
        assert!(verify_gpt(&raw).unwrap_err().to_string().contains("has no GPT"));
        assert!(superblock(&raw).is_err());
    }
}
