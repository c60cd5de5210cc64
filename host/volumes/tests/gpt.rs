//! GUID partition tables that others made: read, of either copy, or refused in words.

use std::fs::File;
use std::process::Command;

use dibhost_volumes::gpt::{Gpt, GptError, GptPartition, read};
use dibhost_volumes::{Extent, FileMedium, Medium as _};
use gptman::{GPT, GPTPartitionEntry};
use proptest::prelude::*;
use uuid::Uuid;

const MIB: u64 = 1 << 20;
const LAST: u64 = 64 * MIB - 512;

fn disk() -> File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(64 * MIB).unwrap();
    file
}

fn id(last: u128) -> Uuid {
    Uuid::from_u128(0x8bad_f00d_0000_4000_8000_0000_0000_0000 + last)
}

/// What `sgdisk` makes, and what is to be read of it.
fn sgdisk() -> (File, Gpt) {
    let named = tempfile::NamedTempFile::new().unwrap();
    named.as_file().set_len(64 * MIB).unwrap();
    let [disk, first, second] = [0, 1, 2].map(|n| id(n).to_string());
    let output = Command::new("sgdisk")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .args(["-U", &disk, "-n", "1:2048:+10M", "-t", "1:ef00", "-c", "1:EFI System ø"])
        .args(["-u", &format!("1:{first}"), "-n", "5:0:+8M", "-t", "5:8300", "-A", "5:set:59"])
        .args(["-u", &format!("5:{second}"), "-c", "5:root"])
        .arg(named.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let partition = |number, type_id, id, label: &str, attributes, offset, size| GptPartition {
        number,
        type_id: Uuid::try_parse(type_id).unwrap(),
        id,
        label: label.to_owned(),
        attributes,
        extent: Extent { offset: offset * MIB, size: size * MIB },
    };
    let esp = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
    let linux = "0fc63daf-8483-4772-8e79-3d69d8477de4";
    let table = Gpt {
        sector: 512,
        id: id(0),
        partitions: vec![
            partition(1, esp, id(1), "EFI System ø", 0, 1, 10),
            partition(5, linux, id(2), "root", 1 << 59, 11, 8),
        ],
        damage: vec![],
    };
    (named.into_file(), table)
}

#[test]
fn what_sgdisk_makes_is_read() {
    let (file, table) = sgdisk();
    assert_eq!(read(&FileMedium::whole(&file).unwrap()).unwrap(), Some(table));
}

#[test]
fn either_copy_serves_and_what_is_wrong_is_said() {
    let (file, table) = sgdisk();
    let medium = FileMedium::whole(&file).unwrap();
    let spoiled = |offset: u64, bytes: &[u8]| {
        let mut kept = vec![0; bytes.len()];
        medium.read_exact_at(&mut kept, offset).unwrap();
        medium.write_all_at(bytes, offset).unwrap();
        let found = read(&medium);
        medium.write_all_at(&kept, offset).unwrap();
        let found = found.unwrap().unwrap();
        assert_eq!((found.id, &found.partitions), (table.id, &table.partitions));
        found.damage.join("; ")
    };
    for (offset, bytes, said) in [
        (512, &[0; 8][..], "the first copy: there is none"),
        (512 + 60, &[0xff; 4], "the first copy: corrupted CRC32 checksum"),
        (1024 + 32, &[0xff; 4], "the first copy: the checksum of its entries is wrong"),
        (LAST, &[0; 8], "the backup: there is none"),
        (LAST + 60, &[0xff; 4], "the backup: corrupted CRC32 checksum"),
        (LAST - 32 * 512 + 32, &[0xff; 4], "the backup: the checksum of its entries is wrong"),
    ] {
        let damage = spoiled(offset, bytes);
        assert!(damage.contains(said), "{damage:?} does not say {said:?}");
    }
    // A disk that grew.
    file.set_len(65 * MIB).unwrap();
    let grown = read(&FileMedium::whole(&file).unwrap()).unwrap().unwrap();
    assert!(grown.damage[0].contains("the backup lies in sector 131071"), "{:?}", grown.damage);
    // A disk that was cut off.
    file.set_len(32 * MIB).unwrap();
    let error = read(&FileMedium::whole(&file).unwrap()).unwrap_err().to_string();
    assert!(error.contains("partitions would lie in sectors 34 to 131038"), "{error}");
}

#[test]
fn two_broken_copies_are_an_error_and_none_is_none() {
    let (file, _) = sgdisk();
    let medium = FileMedium::whole(&file).unwrap();
    medium.write_all_at(&[0xff; 4], 512 + 60).unwrap();
    medium.write_all_at(&[0; 512], LAST).unwrap();
    let error = read(&medium).unwrap_err();
    assert!(matches!(error, GptError::Broken { .. }));
    assert!(error.to_string().contains("and its backup: there is none"), "{error}");
    assert_eq!(read(&FileMedium::whole(&disk()).unwrap()).unwrap(), None);
    assert_eq!(read(&FileMedium::whole(&tempfile::tempfile().unwrap()).unwrap()).unwrap(), None);
}

/// A table of gptman's, with its checksums right whatever it says.
fn written(sector: u64, change: impl Fn(&mut GPT)) -> File {
    let mut file = disk();
    let mut table = GPT::new_from(&mut file, sector, id(0).to_bytes_le()).unwrap();
    change(&mut table);
    let partitions: Vec<_> = table.iter().map(|(_, partition)| partition.clone()).collect();
    table.header.write_into(&mut file, sector, &partitions).unwrap();
    file
}

fn entry(start: u64, end: u64, own: u128) -> GPTPartitionEntry {
    GPTPartitionEntry {
        partition_type_guid: [7; 16],
        unique_partition_guid: id(own).to_bytes_le(),
        starting_lba: start,
        ending_lba: end,
        attribute_bits: 0,
        partition_name: "x".into(),
    }
}

#[test]
fn a_table_that_contradicts_itself_is_refused() {
    for (change, said) in [
        (&(|t: &mut GPT| t[1] = entry(9, 8, 1)) as &dyn Fn(&mut GPT), "partition 1 lies in"),
        (&|t: &mut GPT| t[1] = entry(2048, u64::MAX, 1), "partition 1 lies in sectors 2048"),
        (&|t: &mut GPT| t[1] = entry(2, 2048, 1), "of which 34 to 131038 are for partitions"),
        (
            &|t: &mut GPT| {
                t[2] = entry(2048, 4096, 1);
                t[1] = entry(4096, 5000, 2);
            },
            "partitions 2 and 1 lie over each other",
        ),
        (
            &|t: &mut GPT| {
                t[1] = entry(2048, 4095, 1);
                t[2] = entry(4096, 5000, 1);
            },
            "partition 2 has the GUID of another",
        ),
        (&|t: &mut GPT| t.header.last_usable_lba = u64::MAX, "partitions would lie in sectors"),
    ] {
        let file = written(512, change);
        let error = read(&FileMedium::whole(&file).unwrap()).unwrap_err().to_string();
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(
        large in any::<bool>(),
        disk_id in any::<[u8; 16]>(),
        gaps in proptest::collection::vec((0u64..100, 1u64..100), 0..100),
        types in proptest::collection::vec(any::<[u8; 16]>(), 100),
        attributes in proptest::collection::vec(any::<u64>(), 100),
        names in proptest::collection::vec("[^\u{0}]{0,18}", 100),
    ) {
        let sector = if large { 4096 } else { 512 };
        let mut file = disk();
        let mut table = GPT::new_from(&mut file, sector, disk_id).unwrap();
        let mut partitions = Vec::new();
        let mut next = table.header.first_usable_lba;
        for (i, (gap, size)) in gaps.into_iter().enumerate() {
            let start = next + gap;
            next = start + size;
            if next > table.header.last_usable_lba || types[i] == [0; 16] {
                break;
            }
            let number = i as u32 + 1;
            table[number] = GPTPartitionEntry {
                partition_type_guid: types[i],
                attribute_bits: attributes[i],
                partition_name: names[i].as_str().into(),
                ..entry(start, next - 1, number.into())
            };
            partitions.push(GptPartition {
                number,
                type_id: Uuid::from_bytes_le(types[i]),
                id: id(number.into()),
                label: names[i].clone(),
                attributes: attributes[i],
                extent: Extent { offset: start * sector, size: size * sector },
            });
        }
        table.write_into(&mut file).unwrap();
        let expected =
            Gpt { sector: sector as u32, id: Uuid::from_bytes_le(disk_id), partitions, damage: vec![] };
        prop_assert_eq!(read(&FileMedium::whole(&file).unwrap()).unwrap(), Some(expected));
    }
}
