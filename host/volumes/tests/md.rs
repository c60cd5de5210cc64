//! md RAID against `mdadm`: what it says of members that are written here.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibhost_volumes::md::{
    MdMetadata, MdOptions, Raid0Medium, Raid1Medium, RaidLevel, create, read_superblock,
};
use dibhost_volumes::{FileMedium, Medium};
use uuid::{Uuid, uuid};

const MIB: u64 = 1 << 20;
const UUID: Uuid = uuid!("8a4f1c0e-2b7d-5a3e-9c61-d4e5f6a7b8c9");

fn options(level: RaidLevel) -> MdOptions<'static> {
    let time = 1_700_000_000;
    let metadata = MdMetadata::Start;
    let name = "image:root";
    MdOptions { uuid: UUID, name, level, metadata, data_offset: MIB, in_step: true, time }
}

fn members(folder: &Path, sizes: &[u64]) -> Vec<(PathBuf, File)> {
    let member = |(role, size): (usize, &u64)| {
        let path = folder.join(format!("member-{role}"));
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(*size).unwrap();
        (path, file)
    };
    sizes.iter().enumerate().map(member).collect()
}

fn whole(members: &[(PathBuf, File)]) -> Vec<FileMedium<'_>> {
    members.iter().map(|(_, file)| FileMedium::whole(file).unwrap()).collect()
}

fn lower<'a>(media: &'a [FileMedium<'_>]) -> Vec<&'a dyn Medium> {
    media.iter().map(|medium| medium as &dyn Medium).collect()
}

/// `mdadm --examine`, one space between words.
fn examine(path: &Path) -> String {
    let output = Command::new("/usr/sbin/mdadm")
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .arg("--examine")
        .arg(path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "mdadm: {said}");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn mdadm_finds_a_clean_raid_1() {
    let folder = tempfile::tempdir().unwrap();
    let members = members(folder.path(), &[9 * MIB + 512, 9 * MIB + 4096]);
    let media = whole(&members);
    create(&lower(&media), &options(RaidLevel::Raid1)).unwrap();
    for (role, (path, _)) in members.iter().enumerate() {
        let said = examine(path);
        for wanted in [
            "Version : 1.2 Feature Map : 0x0",
            "Array UUID : 8a4f1c0e:2b7d5a3e:9c61d4e5:f6a7b8c9 Name : image:root",
            "Creation Time : Tue Nov 14 22:13:20 2023 Raid Level : raid1 Raid Devices : 2",
            "Array Size : 8192 KiB (8.00 MiB 8.39 MB)",
            "Data Offset : 2048 sectors Super Offset : 8 sectors",
            "State : clean",
            "Update Time : Tue Nov 14 22:13:20 2023",
            "- correct Events : 1",
            &format!("Device Role : Active device {role} Array State : AA ('A' == active"),
        ] {
            assert!(said.contains(wanted), "no `{wanted}` in:\n{said}");
        }
    }
    let array = Raid1Medium::new(lower(&media), MIB, 8 * MIB).unwrap();
    let plain = noise(70_000);
    array.write_all_at(&plain, 8 * MIB - 70_000).unwrap();
    assert!(array.write_all_at(&plain, 8 * MIB - 69_999).is_err());
    for medium in &media {
        let mut read = vec![0; 70_000];
        medium.read_exact_at(&mut read, 9 * MIB - 70_000).unwrap();
        assert!(read == plain);
        let read = read_superblock(medium).unwrap().unwrap();
        assert_eq!((read.level, read.used_size, read.clean), (RaidLevel::Raid1, 8 * MIB, true));
    }
}

/// A member of which the first byte is the array's, as firmware reads an EFI system partition.
#[test]
fn mdadm_finds_metadata_at_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [9 * MIB + 512, 9 * MIB + 8192];
    let members = members(folder.path(), &sizes);
    let media = whole(&members);
    let end = MdOptions { metadata: MdMetadata::End, data_offset: 0, ..options(RaidLevel::Raid1) };
    create(&lower(&media), &end).unwrap();
    let used = end.array_size(&sizes).unwrap();
    assert!(used <= 9 * MIB - MdMetadata::End.beside(0) + 8192 && used.is_multiple_of(4096));
    for (role, (path, _)) in members.iter().enumerate() {
        let said = examine(path);
        for wanted in [
            "Version : 1.0 Feature Map : 0x0",
            "Raid Level : raid1 Raid Devices : 2",
            "State : clean",
            "- correct Events : 1",
            &format!("Device Role : Active device {role} Array State : AA ('A' == active"),
        ] {
            assert!(said.contains(wanted), "no `{wanted}` in:\n{said}");
        }
    }
    let array = Raid1Medium::new(lower(&media), 0, used).unwrap();
    array.write_all_at(&noise(4096), 0).unwrap();
    array.write_all_at(&noise(4096), used - 4096).unwrap();
    for medium in &media {
        let mut read = vec![0; 4096];
        medium.read_exact_at(&mut read, 0).unwrap();
        assert!(read == noise(4096));
        let read = read_superblock(medium).unwrap().unwrap();
        assert_eq!((read.metadata, read.data_offset, read.used_size), (MdMetadata::End, 0, used));
    }
    let wrong = MdOptions { data_offset: MIB, ..end };
    assert!(wrong.array_size(&sizes).unwrap_err().to_string().contains("with metadata 1.0"));
    assert!(end.array_size(&[128 << 10; 2]).unwrap_err().to_string().contains("no room"));
}

/// What members hold that differ where nothing was written: the kernel has to make them equal.
#[test]
fn mdadm_finds_a_raid_1_that_is_not_in_step() {
    let folder = tempfile::tempdir().unwrap();
    let members = members(folder.path(), &[9 * MIB, 9 * MIB]);
    let media = whole(&members);
    let options = MdOptions { in_step: false, ..options(RaidLevel::Raid1) };
    create(&lower(&media), &options).unwrap();
    for (path, _) in &members {
        let said = examine(path);
        assert!(said.contains("State : active"), "{said}");
    }
    assert!(!read_superblock(&media[0]).unwrap().unwrap().clean);
}

#[test]
fn mdadm_finds_a_clean_raid_0() {
    let folder = tempfile::tempdir().unwrap();
    let sizes = [10 * MIB, 9 * MIB + 300_000, 11 * MIB];
    let members = members(folder.path(), &sizes);
    let media = whole(&members);
    let level = RaidLevel::Raid0 { chunk: 128 << 10 };
    create(&lower(&media), &options(level)).unwrap();
    // Two chunks more than 8 MiB fit into the smallest.
    let used = 8 * MIB + (256 << 10);
    assert_eq!(options(level).array_size(&sizes).unwrap(), 3 * used);
    for (role, (path, _)) in members.iter().enumerate() {
        let said = examine(path);
        for wanted in [
            "Raid Level : raid0 Raid Devices : 3",
            "Avail Dev Size : 16896 sectors (8.25 MiB 8.65 MB) Data Offset : 2048 sectors",
            "State : clean",
            "- correct Events : 1 Chunk Size : 128K",
            &format!("Device Role : Active device {role} Array State : AAA ('A' == active"),
        ] {
            assert!(said.contains(wanted), "no `{wanted}` in:\n{said}");
        }
    }
    let devices: std::collections::BTreeSet<_> =
        media.iter().map(|medium| read_superblock(medium).unwrap().unwrap().device).collect();
    assert_eq!(devices.len(), 3);

    let array = Raid0Medium::new(lower(&media), MIB, used, 128 << 10).unwrap();
    let plain = noise(2 << 20);
    array.write_all_at(&plain, 100_000).unwrap();
    let mut read = vec![0; plain.len()];
    array.read_exact_at(&mut read, 100_000).unwrap();
    assert!(read == plain);
    // The fifth chunk of the array is the second of the second member.
    let chunk = 128 << 10;
    media[1].read_exact_at(&mut read[..chunk], MIB + chunk as u64).unwrap();
    assert!(read[..chunk] == plain[4 * chunk - 100_000..][..chunk]);
}

#[test]
fn two_runs_are_equal_and_touch_the_superblock_alone() {
    let folder = tempfile::tempdir().unwrap();
    let members = members(folder.path(), &[2 * MIB, 2 * MIB]);
    let media = whole(&members);
    let mut all = vec![vec![0; 2 << 20]; 2];
    for bytes in &mut all {
        media[0].write_all_at(&[0xa5; 2 << 20], 0).unwrap();
        create(&lower(&media), &options(RaidLevel::Raid1)).unwrap();
        members[0].1.read_exact_at(bytes, 0).unwrap();
    }
    assert!(all[0] == all[1]);
    assert!(all[0][..4096].iter().chain(&all[0][8192..]).all(|byte| *byte == 0xa5));
}

#[test]
fn what_cannot_be_made_is_said() {
    let refused =
        |options: &MdOptions<'_>, sizes: &[u64]| options.array_size(sizes).unwrap_err().to_string();
    let good = options(RaidLevel::Raid1);
    let two = [2 * MIB, 2 * MIB];
    assert!(refused(&good, &[2 * MIB]).contains("1 members"));
    assert!(refused(&good, &[2 * MIB, MIB]).contains("no room for data"));
    assert!(refused(&MdOptions { name: "", ..good }, &two).contains("named ``"));
    assert!(refused(&MdOptions { data_offset: 4096, ..good }, &two).contains("at byte 4096"));
    assert!(refused(&MdOptions { time: 1 << 40, ..good }, &two).contains("40 bits"));
    let level = RaidLevel::Raid0 { chunk: 12_288 };
    assert!(refused(&MdOptions { level, ..good }, &two).contains("a power of two"));
}

#[test]
fn another_version_is_told_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let members = members(folder.path(), &[2 * MIB]);
    let medium = FileMedium::whole(&members[0].1).unwrap();
    assert_eq!(read_superblock(&medium).unwrap(), None);
    let magic = 0xa92b_4efc_u32.to_le_bytes();
    for (at, version) in [(0, "1.1"), (2 * MIB - 65536, "0.90")] {
        medium.write_all_at(&magic, at).unwrap();
        let error = read_superblock(&medium).unwrap_err().to_string();
        assert!(error.contains(&format!("of version {version};")), "{error}");
        medium.write_all_at(&[0; 4], at).unwrap();
    }
}
