//! MBR partition tables: DIB's vectors (`block_device/tests/test_mbr.py` of diskimage-builder), and what the field's tools say of them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;

use dibhost_block_device::place::mbr::{Request, place};
use dibhost_block_device::{Ground, NoPlace, Size};
use dibhost_volumes::mbr::{self, Found, Hybrid, MbrError, Partition, Table, read};
use dibhost_volumes::{Extent, FileMedium, Medium as _};
use proptest::prelude::*;
use rustix::fs::SeekFrom;

const MIB: u64 = 1 << 20;

fn run(program: &str, args: &[&str], input: Option<&Path>) -> String {
    let mut command = Command::new(program);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8").args(args);
    if let Some(input) = input {
        command.stdin(File::open(input).unwrap());
    }
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}:\n{said}{error}");
    // Kernel and tools warn on stderr about what is none of the table's.
    said
}

fn bytes(size: u64, logical: bool) -> Request {
    Request { size: Size::Bytes(size), content: None, logical }
}

fn table(ground: &Ground, requests: &[Request], types: &[u8]) -> Result<(Table, u64), NoPlace> {
    let placed = place(ground, requests)?;
    let partitions = placed.partitions.iter().enumerate().map(|(i, place)| Partition {
        number: place.number,
        type_id: types.get(i).copied().unwrap_or(0x83),
        active: false,
        extent: place.extent,
        ebr: place.ebr,
    });
    let partitions = partitions.collect();
    let table = Table { signature: 0x1234_abcd, partitions, extended: placed.extended };
    Ok((table, placed.disk))
}

/// Writes a table into a file of its own.
fn disk(folder: &Path, table: &Table, size: u64, sector: u32) -> std::path::PathBuf {
    let path = folder.join("disk.raw");
    let file = File::create_new(&path).unwrap();
    file.set_len(size).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    table.write(&medium, sector).unwrap();
    assert_eq!(read(&medium, sector).unwrap(), Some(Found::Table(table.clone())));
    path
}

/// DIB's test disk: 1 GiB, aligned to 1 MiB.
const DIB: Ground = Ground { disk: Some(1024 * MIB), sector: 512, alignment: MIB, ahead: 0 };

fn partx(path: &Path, sector: u32) -> Vec<String> {
    let columns = "NR,START,END,TYPE,FLAGS,SCHEME";
    let sector = sector.to_string();
    let args = ["--raw", "-S", &sector, "--output", columns, "-g", "-b", "-"];
    let path = path.to_str().unwrap();
    let said = run("partx", &[&args[..], &[path]].concat(), None);
    said.lines().map(|line| line.trim().to_owned()).collect()
}

/// What `partx` says of a table, which `sfdisk` and `fdisk` find no fault with.
fn dib(requests: &[Request], types: &[u8]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (table, size) = table(&DIB, requests, types).unwrap();
    let path = disk(folder.path(), &table, size, 512);
    if !requests.is_empty() {
        let said = run("sfdisk", &["--verify", path.to_str().unwrap()], None);
        assert!(said.contains("No errors detected"), "{said}");
    }
    let said = run("fdisk", &["-l", path.to_str().unwrap()], None);
    assert!(said.contains("Disk identifier: 0x1234abcd"), "{said}");
    partx(&path, 512)
}

#[test]
fn dibs_vectors() {
    let ten = |count, logical| vec![bytes(10 * MIB, logical); count];
    assert_eq!(dib(&[], &[]), Vec::<String>::new());
    assert_eq!(dib(&ten(1, false), &[]), ["1 2048 22527 0x83 0x0 dos"]);
    assert_eq!(
        dib(&ten(1, true), &[]),
        ["1 2048 2097151 0xf 0x0 dos", "5 4096 24575 0x83 0x0 dos"]
    );
    assert_eq!(
        dib(&ten(3, false), &[]),
        ["1 2048 22527 0x83 0x0 dos", "2 22528 43007 0x83 0x0 dos", "3 43008 63487 0x83 0x0 dos"]
    );
    let mixed = [ten(3, false), ten(7, true)].concat();
    assert_eq!(
        dib(&mixed, &[]),
        [
            "1 2048 22527 0x83 0x0 dos",
            "2 22528 43007 0x83 0x0 dos",
            "3 43008 63487 0x83 0x0 dos",
            "4 63488 2097151 0xf 0x0 dos",
            "5 65536 86015 0x83 0x0 dos",
            "6 88064 108543 0x83 0x0 dos",
            "7 110592 131071 0x83 0x0 dos",
            "8 133120 153599 0x83 0x0 dos",
            "9 155648 176127 0x83 0x0 dos",
            "10 178176 198655 0x83 0x0 dos",
            "11 200704 221183 0x83 0x0 dos",
        ]
    );
    let many: Vec<_> = (0..64u64)
        .map(|i| (i + 5, 4096 + i * 22528))
        .map(|(number, start)| format!("{number} {start} {} 0x83 0x0 dos", start + 20479))
        .collect();
    let said = dib(&ten(64, true), &[]);
    assert_eq!((&said[0][..], &said[1..]), ("1 2048 2097151 0xf 0x0 dos", &many[..]));
    assert_eq!(dib(&ten(1, false), &[0x0c]), ["1 2048 22527 0xc 0x0 dos"]);
}

#[test]
fn dibs_percents_are_of_what_is_free() {
    // DIB 3: free = disk - (next free + alignment), floored to sectors.
    let percent =
        |share, logical| Request { size: Size::ShareOfRest(share), content: None, logical };
    assert_eq!(dib(&[percent(1_000_000, false)], &[]), ["1 2048 2095103 0x83 0x0 dos"]);
    let said = dib(&[percent(500_000, false), percent(1_000_000, true)], &[]);
    assert_eq!(
        said,
        [
            "1 2048 1048575 0x83 0x0 dos",
            "2 1048576 2097151 0xf 0x0 dos",
            "5 1050624 2097151 0x83 0x0 dos",
        ]
    );
    // 33 % of 2 093 056 sectors are 690 708.48 of them.
    assert_eq!(dib(&[percent(330_000, false)], &[]), ["1 2048 692755 0x83 0x0 dos"]);
}

/// The whole records, cylinders, heads and sectors among them, are those that sfdisk writes.
#[test]
fn every_byte_is_as_sfdisk_writes_it() {
    for size in [1024 * MIB, 20 << 30] {
        let folder = tempfile::tempdir().unwrap();
        let ground = Ground { disk: Some(size), ..DIB };
        let requests = [
            bytes(10 * MIB, false),
            bytes(size / 3, false),
            bytes(4 * MIB, true),
            // A link reaches to the end of a slot as DIB has it, and sfdisk's to that of the data.
            bytes((size / 3).next_multiple_of(MIB), true),
            bytes(MIB, true),
        ];
        let (mut table, _) = table(&ground, &requests, &[0x83, 0x0c, 0x8e, 0x82, 0xfd]).unwrap();
        table.partitions[1].active = true;
        let ours = disk(folder.path(), &table, size, 512);

        let (script, theirs) = (folder.path().join("script"), folder.path().join("theirs"));
        let mut text = format!("label: dos\nlabel-id: {:#010x}\n", table.signature);
        let mut line = |extent: Extent, type_id: u8, rest: &str| {
            let (start, length) = (extent.offset / ground.sector, extent.size / ground.sector);
            text += &format!("start={start}, size={length}, type={type_id:x}{rest}\n");
        };
        for partition in &table.partitions {
            if partition.number == 5 {
                line(table.extended.unwrap().extent, mbr::EXTENDED, "");
            }
            let rest = if partition.active { ", bootable" } else { "" };
            line(partition.extent, partition.type_id, rest);
        }
        std::fs::write(&script, text).unwrap();
        File::create_new(&theirs).unwrap().set_len(size).unwrap();
        run("sfdisk", &[theirs.to_str().unwrap()], Some(&script));

        for offset in [written(&ours), written(&theirs)].concat() {
            let [ours, theirs] = [&ours, &theirs].map(|path| {
                let mut bytes = [0; 4096];
                File::open(path).unwrap().read_exact_at(&mut bytes, offset).unwrap();
                bytes
            });
            if let Some(at) = (0..4096).find(|i| ours[*i] != theirs[*i]) {
                let [ours, theirs] = [ours, theirs].map(|b| b[at & !15..][..16].to_vec());
                let at = offset + at as u64;
                panic!("byte {at}\n{ours:02x?} is ours\n{theirs:02x?} is sfdisk's");
            }
        }
    }
}

/// Offsets of the blocks of a file that are no holes.
fn written(path: &Path) -> Vec<u64> {
    let file = File::open(path).unwrap();
    let mut blocks = Vec::new();
    let mut at = 0;
    while let Ok(data) = rustix::fs::seek(&file, SeekFrom::Data(at)) {
        at = rustix::fs::seek(&file, SeekFrom::Hole(data)).unwrap();
        blocks.extend((data..at).step_by(4096));
    }
    assert!(blocks.len() >= 4, "{blocks:?}");
    blocks
}

#[test]
fn sectors_of_4096_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let ground = Ground { sector: 4096, ..DIB };
    let (table, size) = table(&ground, &[bytes(MIB, false), bytes(MIB, true)], &[]).unwrap();
    let path = disk(folder.path(), &table, size, 4096);
    // partx counts in 512 bytes, whatever the sectors have.
    assert_eq!(
        partx(&path, 4096),
        ["1 2048 4095 0x83 0x0 dos", "2 4096 2097151 0xf 0x0 dos", "5 6144 8191 0x83 0x0 dos"]
    );
}

#[test]
fn a_boot_loaders_code_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = File::create_new(folder.path().join("disk")).unwrap();
    file.set_len(1024 * MIB).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    medium.write_all_at(&[0xeb; 512], 0).unwrap();
    let (table, _) = table(&DIB, &[bytes(MIB, false)], &[]).unwrap();
    table.write(&medium, 512).unwrap();
    let mut sector = [0; 512];
    medium.read_exact_at(&mut sector, 0).unwrap();
    assert!(sector[..440].iter().all(|byte| *byte == 0xeb));
    assert_eq!(read(&medium, 512).unwrap(), Some(Found::Table(table)));
}

#[test]
fn what_has_no_place_is_named() {
    let refused = |requests: &[Request]| {
        let refused = place(&DIB, requests).unwrap_err();
        (refused.index, refused.problem)
    };
    let (primary, logical) = (bytes(MIB, false), bytes(MIB, true));
    let (index, problem) = refused(&[primary; 5]);
    assert_eq!((index, problem.contains("fifth primary")), (4, true), "{problem}");
    let (index, problem) = refused(&[primary, primary, primary, primary, logical, logical]);
    assert_eq!((index, problem.contains("no entry")), (4, true), "{problem}");
    let (index, problem) = refused(&[logical, primary]);
    assert_eq!((index, problem.contains("after a logical one")), (1, true), "{problem}");
    // The record of the last takes what the data would have had.
    let (index, problem) = refused(&[bytes(1022 * MIB, false), logical]);
    assert_eq!((index, problem.contains("0 bytes of the disk are left")), (1, true), "{problem}");
    let (index, _) = refused(&[primary, bytes(1023 * MIB, false)]);
    assert_eq!(index, 1);
    let share = Request { size: Size::Share(500_000), content: None, logical: false };
    let unknown = Ground { disk: None, ..DIB };
    assert!(place(&unknown, &[share]).unwrap_err().help.contains("give the disk a size"));
}

#[test]
fn two_tib_are_as_far_as_it_reaches() {
    let far = Ground { disk: Some(4 << 40), ..DIB };
    let rest = Request { size: Size::Rest, content: None, logical: false };
    let refused = place(&far, &[bytes(MIB, false), rest]).unwrap_err();
    assert_eq!((refused.index, refused.problem.contains("as far as an MBR")), (1, true));
    // 4096 byte sectors reach eight times as far.
    assert!(place(&Ground { sector: 4096, ..far }, &[bytes(MIB, false), rest]).is_ok());
    // A partition below it may lie on a larger disk, and the extended one ends there.
    let placed = place(&far, &[bytes(MIB, true)]).unwrap();
    assert_eq!(placed.extended.unwrap().extent.end(), 2 << 40);

    let folder = tempfile::tempdir().unwrap();
    let full = bytes((2 << 40) - MIB, false);
    let (table, size) = table(&Ground { disk: Some(3 << 40), ..DIB }, &[full], &[]).unwrap();
    let path = disk(folder.path(), &table, size, 512);
    assert_eq!(partx(&path, 512), ["1 2048 4294967295 0x83 0x0 dos"]);
}

#[test]
fn what_cannot_be_written_is_named() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(100 * MIB).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let good = |number: u32, at: u64| Partition {
        number,
        type_id: 0x83,
        active: false,
        extent: Extent { offset: at * MIB, size: MIB },
        ebr: None,
    };
    let logical = |number, at: u64| Partition { ebr: Some((at - 1) * MIB), ..good(number, at) };
    let extent = Extent { offset: 50 * MIB, size: 50 * MIB };
    let extended = Some(mbr::Extended { number: 4, extent });
    let refused = |partitions: Vec<Partition>, extended| {
        let error = Table { signature: 1, partitions, extended }.write(&medium, 512).unwrap_err();
        // Nothing was written.
        let mut sector = [0; 512];
        medium.read_exact_at(&mut sector, 0).unwrap();
        assert_eq!(sector, [0; 512]);
        error.to_string()
    };
    for (partitions, extended, said) in [
        (vec![good(1, 1), good(2, 1)], None, "partition 2: it lies over partition 1"),
        (vec![good(1, 100)], None, "partition 1: it ends at byte"),
        (vec![good(1, 0)], None, "partition 1: it lies over the table"),
        (vec![Partition { type_id: 0, ..good(1, 1) }], None, "partition 1: type 0x00"),
        (vec![Partition { type_id: 5, ..good(1, 1) }], None, "partition 1: its type is"),
        (vec![Partition { type_id: 0xee, ..good(1, 1) }], None, "partition 1: type 0xee"),
        (vec![good(2, 1), good(1, 3)], None, "partition 1: numbers start at 1 and rise"),
        (vec![good(5, 1)], None, "partition 5: primary partitions are numbered"),
        (vec![logical(5, 51)], None, "partition 5: a logical partition needs an extended"),
        (vec![logical(6, 51)], extended, "partition 6: numbers of logical"),
        (vec![logical(5, 52)], extended, "partition 5: the first record lies at the start"),
        (vec![logical(5, 49)], extended, "partition 5: it does not lie in the extended"),
        (vec![logical(5, 51), logical(6, 52)], extended, "partition 6: it lies over partition 5"),
        (vec![good(1, 60)], extended, "partition 1: it lies over partition 4"),
        (vec![good(4, 1)], extended, "partition 4: the extended partition needs"),
    ] {
        let error = refused(partitions, extended);
        assert!(error.contains(said), "{error:?} does not say {said:?}");
    }
    let odd = Extent { offset: MIB + 1, size: MIB };
    let error = refused(vec![Partition { extent: odd, ..good(1, 1) }], None);
    assert!(error.contains("whole sectors"), "{error}");
}

#[test]
fn hostile_records_are_said() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(100 * MIB).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    let ground = Ground { disk: Some(100 * MIB), ..DIB };
    let (table, _) = table(&ground, &[bytes(MIB, true), bytes(MIB, true)], &[]).unwrap();
    let said = |offset: u64, bytes: &[u8]| {
        table.write(&medium, 512).unwrap();
        medium.write_all_at(bytes, offset).unwrap();
        read(&medium, 512).unwrap_err().to_string()
    };
    let link = MIB + 446 + 16;
    // To itself, out of the extended partition, to no record, out of the disk.
    assert!(said(link + 8, &[0; 4]).contains("in a circle"));
    assert!(said(link + 8, &[0xff; 4]).contains("beyond the extended partition"));
    assert!(said(link + 8, &[1, 0, 0, 0]).contains("there is no record"));
    assert!(said(446 + 8, &[0xff; 4]).contains("partition 1: it ends at byte"));
    assert!(said(MIB + 446 + 12, &[0xff; 4]).contains("its partition lies beyond"));
    assert!(said(MIB + 510, &[0]).contains("not 55 aa"));
    assert!(said(MIB + 446 + 32 + 4, &[5, 0, 0, 0, 9, 0, 0, 0, 1]).contains("two records"));
    // An extended partition nobody has been in yet.
    table.write(&medium, 512).unwrap();
    medium.write_all_at(&[0; 512], MIB).unwrap();
    let Some(Found::Table(empty)) = read(&medium, 512).unwrap() else { panic!("a table") };
    assert_eq!((empty.partitions.len(), empty.extended), (0, table.extended));
}

#[test]
fn a_filesystems_boot_sector_is_no_table() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fat");
    File::create_new(&path).unwrap().set_len(8 * MIB).unwrap();
    run("mkfs.vfat", &[path.to_str().unwrap()], None);
    let file = File::open(&path).unwrap();
    assert_eq!(read(&FileMedium::whole(&file).unwrap(), 512).unwrap(), None);
}

#[test]
fn a_hybrid_is_as_sgdisk_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| folder.path().join(name));
    File::create_new(&theirs).unwrap().set_len(64 * MIB).unwrap();
    let theirs = theirs.to_str().unwrap();
    #[rustfmt::skip]
    run("sgdisk", &["-n", "1:2048:+10M", "-t", "1:ef00", "-n", "2:0:+10M", "-t", "2:8300",
        "-n", "3:0:+8M", "-t", "3:8200", theirs], None);
    std::fs::copy(theirs, &ours).unwrap();
    run("sgdisk", &["-h", "1:3", theirs], None);

    let file = File::options().read(true).write(true).open(&ours).unwrap();
    let medium = FileMedium::whole(&file).unwrap();
    assert_eq!(read(&medium, 512).unwrap(), Some(Found::Protective));
    let partition = |number, type_id, offset, size| Partition {
        number,
        type_id,
        active: false,
        extent: Extent { offset: offset * MIB, size: size * MIB },
        ebr: None,
    };
    let partitions = vec![partition(2, 0xef, 1, 10), partition(3, 0x82, 21, 8)];
    let hybrid = Hybrid { signature: 0, partitions };
    hybrid.write(&medium, 512).unwrap();
    assert_eq!(read(&medium, 512).unwrap(), Some(Found::Hybrid(hybrid.clone())));
    assert_eq!(std::fs::read(&ours).unwrap(), std::fs::read(theirs).unwrap());
    let said = run("sgdisk", &["-v", ours.to_str().unwrap()], None);
    assert!(said.contains("No problems found"), "{said}");
    assert!(!said.contains("Problem") && !said.contains("Caution"), "{said}");

    // What a hybrid cannot have.
    let many = |numbers: &[u32]| {
        let partitions = numbers.iter().map(|n| partition(*n, 0x83, u64::from(*n), 1)).collect();
        Hybrid { signature: 0, partitions }.write(&medium, 512).unwrap_err().to_string()
    };
    assert!(many(&[]).contains("one to three"));
    assert!(many(&[1, 2, 3, 4]).contains("one to three"));
    assert!(many(&[1]).contains("partition 1: numbers in a hybrid MBR"));
    assert!(many(&[3, 3]).contains("partition 3: numbers in a hybrid MBR"));
    let over =
        Hybrid { partitions: vec![partition(2, 0x83, 1, 2), partition(3, 0x83, 2, 1)], ..hybrid };
    let error = over.write(&medium, 512).unwrap_err();
    assert!(matches!(error, MbrError::Partition { number: 3, .. }), "{error}");
}

fn request() -> impl Strategy<Value = Request> {
    let size = prop_oneof![
        (1u64..1 << 34).prop_map(Size::Bytes),
        (1u32..=1_000_000).prop_map(Size::Share),
        (1u32..=1_000_000).prop_map(Size::ShareOfRest),
        Just(Size::Rest),
        Just(Size::Content(0)),
    ];
    (size, proptest::option::of(1u64..1 << 34), any::<bool>())
        .prop_map(|(size, content, logical)| Request { size, content, logical })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_has_its_place_is_written_and_read_back(
        mut requests in proptest::collection::vec(request(), 0..12),
        types in proptest::collection::vec(prop_oneof![Just(0x83u8), Just(0xef), Just(0x01)], 12),
        space in proptest::option::of(1u64..1 << 42),
        signature in any::<u32>(),
        large in any::<bool>(),
        power in 12u32..24,
        ahead in 0u64..1 << 20,
    ) {
        let sector = if large { 4096 } else { 512 };
        let space = space.map(|disk| disk.next_multiple_of(sector));
        let ground = Ground { disk: space, sector, alignment: 1 << power, ahead };
        // One of them takes the rest, and primaries come first, as the graph sees to.
        let mut seen = false;
        requests.retain(|r| r.size != Size::Rest || !std::mem::replace(&mut seen, true));
        requests.sort_by_key(|r| r.logical);
        if let Ok((mut table, size)) = table(&ground, &requests, &types) {
            table.signature = signature;
            prop_assert_eq!(table.partitions.len(), requests.len());
            let mut last = sector + ahead;
            for (partition, request) in table.partitions.iter().zip(&requests) {
                let extent = partition.extent;
                prop_assert_eq!(partition.ebr.is_some(), request.logical);
                if let Some(ebr) = partition.ebr {
                    prop_assert!(ebr >= last && ebr % ground.alignment == 0);
                    last = ebr + sector;
                }
                prop_assert!(extent.offset >= last && extent.offset % ground.alignment == 0);
                if let Size::Bytes(bytes) = request.size {
                    prop_assert!(extent.size >= bytes && extent.size - bytes < sector);
                }
                last = extent.end();
            }
            prop_assert!(last <= size);
            let file = tempfile::tempfile().unwrap();
            file.set_len(size).unwrap();
            let medium = FileMedium::whole(&file).unwrap();
            table.write(&medium, sector as u32).unwrap();
            prop_assert_eq!(read(&medium, sector as u32).unwrap(), Some(Found::Table(table)));
        }
    }

    #[test]
    fn any_bytes_are_a_table_or_an_error(
        entries in proptest::collection::vec(
            (any::<bool>(), prop_oneof![Just(0x05u8), Just(0x83), Just(0xee), any::<u8>()],
             0u32..40, 0u32..40), 4..=40),
    ) {
        // Ten records in ten sectors, which lead anywhere.
        let file = tempfile::tempfile().unwrap();
        file.set_len(32 * 512).unwrap();
        let medium = FileMedium::whole(&file).unwrap();
        for (record, entries) in entries.chunks(4).enumerate() {
            let mut bytes = [0u8; 512];
            for (i, (active, type_id, start, sectors)) in entries.iter().enumerate() {
                let at = 446 + 16 * i;
                bytes[at] = u8::from(*active) << 7;
                bytes[at + 4] = *type_id;
                bytes[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
                bytes[at + 12..at + 16].copy_from_slice(&sectors.to_le_bytes());
            }
            bytes[510..].copy_from_slice(&[0x55, 0xaa]);
            medium.write_all_at(&bytes, record as u64 * 512).unwrap();
        }
        match read(&medium, 512) {
            Ok(Some(Found::Table(table))) => {
                prop_assert!(table.partitions.iter().all(|p| p.extent.end() <= medium.size()));
            }
            Ok(_) => {}
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }
}
