//! Signatures that the formats' own tools wrote: we say of them what `blkid` says.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use dibhost_filesystems::probe::{Signature, SignatureKind, signatures};
use dibhost_volumes::md::{self, MdMetadata, MdOptions, RaidLevel};
use dibhost_volumes::{FileMedium, Medium};
use uuid::Uuid;

const MIB: u64 = 1 << 20;
const ID: &str = "0fc63daf-8483-4772-8e79-3d69d8477de4";

fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .args(args)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}:\n{said}{wrong}");
    said
}

fn blkid(file: &Path) -> BTreeMap<String, String> {
    let said = run("blkid", &["-p", "-o", "export", file.to_str().unwrap()]);
    let pairs = said.lines().filter_map(|line| line.split_once('='));
    // What a shell would read otherwise is escaped.
    pairs.map(|(key, value)| (key.to_owned(), value.replace('\\', ""))).collect()
}

fn found(file: &Path) -> Vec<Signature> {
    let file = File::open(file).unwrap();
    signatures(&FileMedium::whole(&file).unwrap()).unwrap()
}

/// `blkid`'s name of what we found.
fn type_name(kind: SignatureKind) -> &'static str {
    match kind {
        SignatureKind::Luks => "crypto_LUKS",
        SignatureKind::PhysicalVolume => "LVM2_member",
        SignatureKind::RaidMember => "linux_raid_member",
        SignatureKind::VerityHash => "DM_verity_hash",
        SignatureKind::Filesystem(kind) => kind.name(),
        SignatureKind::Other(name) => name,
        _ => panic!("a table has no type"),
    }
}

/// The only signature, which says what `blkid` says.
fn as_blkid(file: &Path) -> Signature {
    let (mut found, said) = (found(file), blkid(file));
    assert_eq!(found.len(), 1, "{found:?} {said:?}");
    let found = found.remove(0);
    match found.kind {
        SignatureKind::Gpt | SignatureKind::Mbr => {
            let kind = if found.kind == SignatureKind::Gpt { "gpt" } else { "dos" };
            assert_eq!(said["PTTYPE"], kind);
            assert_eq!(found.uuid.as_ref(), said.get("PTUUID"), "{said:?}");
        }
        kind => {
            assert_eq!(type_name(kind), said["TYPE"], "{said:?}");
            assert_eq!(found.uuid.as_ref(), said.get("UUID"), "{said:?}");
            assert_eq!(found.label.as_ref(), said.get("LABEL"), "{said:?}");
            if let Some(version) = &found.version {
                assert!(said["VERSION"].starts_with(version), "{version} {said:?}");
            }
        }
    }
    found
}

fn sparse(folder: &Path, name: &str, size: u64) -> std::path::PathBuf {
    let path = folder.join(name);
    File::create(&path).unwrap().set_len(size).unwrap();
    path
}

fn said(found: &Signature) -> String {
    found.to_string()
}

#[test]
fn extended_filesystems_are_told_apart_by_their_features() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, options, block) in [
        ("ext2", "", "1024"),
        ("ext3", "", "4096"),
        ("ext4", "", "4096"),
        ("ext4", "64bit,^has_journal", "1024"),
    ] {
        let file = sparse(folder.path(), "fs", 64 * MIB);
        let path = file.to_str().unwrap();
        let mut args = vec!["-q", "-F", "-t", kind, "-L", "a-label", "-U", ID, "-b", block];
        if !options.is_empty() {
            args.extend(["-O", options]);
        }
        run("mke2fs", &[&args[..], &[path, "40M"]].concat());
        let found = as_blkid(&file);
        assert_eq!(type_name(found.kind), kind);
        assert_eq!((found.size, found.block_size), (Some(40 * MIB), Some(block.parse().unwrap())));
        let want = format!("{kind} filesystem, label `a-label`, UUID {ID}");
        assert_eq!(said(&found), want);
    }
}

#[test]
fn xfs_and_btrfs() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "xfs", 400 * MIB);
    let path = file.to_str().unwrap();
    run("mkfs.xfs", &["-q", "-L", "a-label", "-m", &format!("uuid={ID}"), "-d", "size=320m", path]);
    let found = as_blkid(&file);
    assert_eq!((found.size, found.block_size), (Some(320 * MIB), Some(4096)));

    let file = sparse(folder.path(), "btrfs", 200 * MIB);
    run("mkfs.btrfs", &["-q", "-L", "a label", "-U", ID, "-b", "150m", file.to_str().unwrap()]);
    let found = as_blkid(&file);
    assert_eq!((found.size, found.block_size), (Some(150 * MIB), Some(4096)));
    assert_eq!(said(&found), format!("btrfs filesystem, label `a label`, UUID {ID}"));
}

#[test]
fn fat_of_every_width_and_sector() {
    let folder = tempfile::tempdir().unwrap();
    for (bits, sector, size) in [
        ("12", "512", 4),
        ("16", "512", 32),
        ("32", "512", 64),
        ("16", "4096", 64),
        ("32", "4096", 300),
    ] {
        for label in [Some("A LABEL"), None] {
            let file = sparse(folder.path(), "fat", size * MIB);
            let mut args = vec!["-F", bits, "-S", sector, "-i", "1a2b3c4d"];
            if let Some(label) = label {
                args.extend(["-n", label]);
            }
            args.push(file.to_str().unwrap());
            run("mkfs.vfat", &args);
            let found = as_blkid(&file);
            assert_eq!(found.version, Some(format!("FAT{bits}")));
            assert_eq!(found.uuid.as_deref(), Some("1A2B-3C4D"));
            assert_eq!(found.label.as_deref(), label);
            assert_eq!(found.block_size, Some(sector.parse().unwrap()));
            // Whole tracks, as some versions of mkfs.vfat have it.
            assert!(
                found.size.is_some_and(|have| have <= size * MIB && have > size * MIB * 9 / 10)
            );
        }
    }
}

#[test]
fn a_fat_label_is_that_of_the_root_folder() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "fat", 64 * MIB);
    let path = file.to_str().unwrap();
    run("mkfs.vfat", &["-F", "32", "-n", "FIRST", path]);
    run("mlabel", &["-i", path, "::SECOND"]);
    // The boot sector's stays behind.
    File::options().write(true).open(&file).unwrap().write_all_at(b"FIRST      ", 71).unwrap();
    assert_eq!(as_blkid(&file).label.as_deref(), Some("SECOND"));
}

#[test]
fn swap_space() {
    let folder = tempfile::tempdir().unwrap();
    for page in [4096u32, 16384, 65536] {
        let file = sparse(folder.path(), "swap", 8 * MIB);
        let (path, page_text) = (file.to_str().unwrap(), page.to_string());
        run("mkswap", &["-q", "-p", &page_text, "-L", "space", "-U", ID, path]);
        let found = as_blkid(&file);
        assert_eq!((found.size, found.block_size), (Some(8 * MIB), Some(page)));
        assert_eq!(said(&found), format!("swap space (1), label `space`, UUID {ID}"));
    }
    // A machine that sleeps: what is in it is its memory.
    let file = sparse(folder.path(), "swap", 8 * MIB);
    run("mkswap", &["-q", "-U", ID, file.to_str().unwrap()]);
    File::options().write(true).open(&file).unwrap().write_all_at(b"S1SUSPEND\0", 4086).unwrap();
    assert_eq!(blkid(&file)["TYPE"], "swsuspend");
    assert_eq!(said(&found(&file)[0]), format!("swap space (hibernated), UUID {ID}"));
}

#[test]
fn packed_filesystems() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("file"), vec![7; 100_000]).unwrap();
    let tree = tree.to_str().unwrap();
    let file = folder.path().join("squashfs");
    run("mksquashfs", &[tree, file.to_str().unwrap(), "-quiet", "-no-progress", "-b", "64K"]);
    let found = as_blkid(&file);
    assert_eq!(
        (said(&found), found.block_size),
        ("squashfs filesystem (4.0)".to_owned(), Some(65536))
    );
    assert!(found.size.is_some_and(|size| size <= fs::metadata(&file).unwrap().len()));

    let file = folder.path().join("erofs");
    run("mkfs.erofs", &["-U", ID, file.to_str().unwrap(), tree]);
    let found = as_blkid(&file);
    assert_eq!(said(&found), format!("erofs filesystem, UUID {ID}"));
    assert_eq!(found.size, Some(fs::metadata(&file).unwrap().len()));
}

#[test]
fn encryption_also_by_its_second_header() {
    let folder = tempfile::tempdir().unwrap();
    for version in ["luks1", "luks2"] {
        let file = sparse(folder.path(), version, 32 * MIB);
        let key = sparse(folder.path(), "key", 64);
        let (path, key) = (file.to_str().unwrap(), key.to_str().unwrap());
        let mut args = vec!["luksFormat", "-q", "--type", version, "--uuid", ID, "--key-file", key];
        args.extend(["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]);
        if version == "luks2" {
            args.extend(["--label", "a-label"]);
        }
        args.push(path);
        run("cryptsetup", &args);
        let first = as_blkid(&file);
        assert_eq!(first.kind, SignatureKind::Luks);
        if version == "luks2" {
            assert_eq!(said(&first), format!("LUKS encryption (2), label `a-label`, UUID {ID}"));
            let open = File::options().write(true).open(&file).unwrap();
            open.write_all_at(&[0; 4096], 0).unwrap();
            assert_eq!(found(&file), [first]);
        }
    }
}

#[test]
fn members_of_arrays_of_every_version() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "member", 16 * MIB + 4608);
    let open = File::options().read(true).write(true).open(&file).unwrap();
    let medium = FileMedium::whole(&open).unwrap();
    let options = MdOptions {
        uuid: Uuid::parse_str(ID).unwrap(),
        name: "image:root",
        level: RaidLevel::Raid1,
        metadata: MdMetadata::Start,
        data_offset: md::DEFAULT_DATA_OFFSET,
        in_step: true,
        time: 1,
    };
    md::create(&[&medium, &medium], &options).unwrap();
    let (kind, uuid) = (SignatureKind::RaidMember, Some(ID.to_owned()));
    assert_eq!(as_blkid(&file).version.as_deref(), Some("1.2"));
    // The same superblock where the other versions have it; it says so, and its sum is right.
    let mut superblock = [0; 4096];
    open.read_exact_at(&mut superblock, 4096).unwrap();
    let end = (medium.size() - 8192) / 4096 * 4096;
    for (offset, version) in [(0, "1.1"), (end, "1.0")] {
        let mut moved = superblock;
        moved[144..152].copy_from_slice(&(offset / 512_u64).to_le_bytes());
        let sum = u32::from_le_bytes([moved[216], moved[217], moved[218], moved[219]]);
        let sum = sum.wrapping_sub(8).wrapping_add(u32::try_from(offset / 512).unwrap());
        moved[216..220].copy_from_slice(&sum.to_le_bytes());
        open.set_len(0).unwrap();
        open.set_len(16 * MIB + 4608).unwrap();
        open.write_all_at(&moved, offset).unwrap();
        let found = as_blkid(&file);
        assert_eq!((found.kind, found.version.as_deref()), (kind, Some(version)));
        assert_eq!((&found.uuid, found.label.as_deref()), (&uuid, Some("image:root")));
    }
}

#[test]
fn hashes_of_a_verity_device() {
    let folder = tempfile::tempdir().unwrap();
    let data = sparse(folder.path(), "data", 4 * MIB);
    let hash = sparse(folder.path(), "hash", MIB);
    let args = ["format", "--uuid", ID, data.to_str().unwrap(), hash.to_str().unwrap()];
    run("veritysetup", &args);
    let found = as_blkid(&hash);
    assert_eq!(said(&found), format!("verity hashes (1), UUID {ID}"));
    assert_eq!(found.block_size, Some(4096));
}

#[test]
fn partition_tables_and_what_is_left_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "gpt", 16 * MIB);
    let path = file.to_str().unwrap();
    run("sgdisk", &["-n", "1:0:0", "-U", ID, path]);
    let first = as_blkid(&file);
    assert_eq!(said(&first), format!("GPT, UUID {ID}"));
    // A hybrid MBR is a second table.
    run("sgdisk", &["-h", "1", path]);
    let kinds: Vec<_> = found(&file).iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [SignatureKind::Gpt, SignatureKind::Mbr]);
    // Only the backup is left.
    let open = File::options().write(true).open(&file).unwrap();
    open.write_all_at(&[0; 34 * 512], 0).unwrap();
    assert_eq!(found(&file), [first]);

    let file = sparse(folder.path(), "mbr", 16 * MIB);
    let script = folder.path().join("script");
    fs::write(&script, "label: dos\nlabel-id: 0xdeadbeef\n2048 8192 83 *\n").unwrap();
    let script = File::open(&script).unwrap();
    let sfdisk = Command::new("sfdisk").arg("-q").arg(&file).stdin(script).status().unwrap();
    assert!(sfdisk.success());
    assert_eq!(said(&as_blkid(&file)), "MBR partition table, UUID deadbeef");
    // A protective MBR that protects nothing.
    let open = File::options().write(true).open(&file).unwrap();
    open.write_all_at(&[0xee], 446 + 4).unwrap();
    assert_eq!(found(&file)[0].kind, SignatureKind::Mbr);
    // A boot loader's sector that is no table.
    open.write_all_at(&[0; 510], 0).unwrap();
    assert_eq!(found(&file), []);
}

#[test]
fn others_are_seen_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "iso", MIB);
    let open = File::options().write(true).open(&file).unwrap();
    let mut descriptor = [b' '; 2048];
    descriptor[..8].copy_from_slice(b"\x01CD001\x01\0");
    descriptor[40..46].copy_from_slice(b"VOLUME");
    descriptor[80..88].copy_from_slice(&[0, 1, 0, 0, 0, 0, 1, 0]);
    descriptor[128..132].copy_from_slice(&[0, 8, 8, 0]);
    open.write_all_at(&descriptor, 32768).unwrap();
    let found = as_blkid_type(&file, "iso9660");
    assert_eq!((found.label.as_deref(), found.size), (Some("VOLUME"), Some(512 << 10)));
}

fn as_blkid_type(file: &Path, kind: &str) -> Signature {
    let mut found = found(file);
    assert_eq!((blkid(file)["TYPE"].as_str(), found.len()), (kind, 1));
    assert_eq!(type_name(found[0].kind), kind);
    found.remove(0)
}

#[test]
fn an_empty_volume_of_any_size_carries_nothing() {
    let file = tempfile::tempfile().unwrap();
    for size in [0, 1, 511, 512, 4096, 32768, 65536, MIB + 1] {
        file.set_len(size).unwrap();
        assert_eq!(signatures(&FileMedium::whole(&file).unwrap()).unwrap(), []);
    }
}

/// One over the other: both are seen, for both may be dear to somebody.
#[test]
fn no_signature_hides_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "both", 200 * MIB);
    run("mkfs.btrfs", &["-q", file.to_str().unwrap()]);
    let open = File::options().write(true).open(&file).unwrap();
    open.write_all_at(b"LUKS\xba\xbe\0\x02", 0).unwrap();
    let kinds: Vec<_> = found(&file).iter().map(|found| type_name(found.kind)).collect();
    assert_eq!(kinds, ["crypto_LUKS", "btrfs"]);
}

/// A file as a loop device, which goes with it.
struct Loop(String);

impl Drop for Loop {
    fn drop(&mut self) {
        run("losetup", &["-d", &self.0]);
    }
}

#[test]
fn a_physical_volume() {
    let folder = tempfile::tempdir().unwrap();
    let file = sparse(folder.path(), "pv", 16 * MIB);
    let device = run("losetup", &["-f", "--show", file.to_str().unwrap()]);
    let device = Loop(device.trim().to_owned());
    let config =
        format!("devices {{ use_devicesfile=0 filter=[\"a|^{}$|\", \"r|.*|\"] }}", device.0);
    run("pvcreate", &["-q", "--config", &config, &device.0]);
    drop(device);
    assert_eq!(as_blkid(&file).size, Some(16 * MIB));
}
