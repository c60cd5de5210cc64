//! What is to be preserved: it stays where a device has it exactly as the layout does, and where
//! there is any doubt, nothing is written, whatever may be overwritten.

use super::*;

/// Where the layout has what is preserved, and how large it is.
const START: u64 = 5 * MIB;
const SIZE: u64 = 12 * MIB;

/// Of each thing that makes a partition the layout's: whether the device has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Same {
    table: bool,
    number: bool,
    start: bool,
    size: bool,
    kind: bool,
    content: bool,
}

impl Same {
    /// Every combination.
    fn all() -> impl Iterator<Item = Self> {
        (0..64u32).map(|bits| {
            let same = |bit: u32| bits & 1 << bit == 0;
            Self {
                table: same(0),
                number: same(1),
                start: same(2),
                size: same(3),
                kind: same(4),
                content: same(5),
            }
        })
    }

    fn is_all(self) -> bool {
        Self::all().next() == Some(self)
    }
}

fn nodes_of(kind: TableKind) -> Vec<Node> {
    vec![
        table(kind),
        partition("swap", "swap", Size::Bytes(4 * MIB), false),
        partition("state", "linux-generic", Size::Bytes(SIZE), true),
        partition("root", "linux-generic", Size::Rest, false),
        filesystem("swap-fs", "swap", "swap"),
        filesystem("state-fs", "state", "ext4"),
        filesystem("root-fs", "root", "ext4"),
        mount("/var", "state-fs"),
        mount("/", "root-fs"),
    ]
}

fn other(kind: TableKind) -> TableKind {
    if kind == TableKind::Gpt { TableKind::Mbr } else { TableKind::Gpt }
}

/// Writes a table with one partition, and nothing else.
fn write_table(disk: &Disk, kind: TableKind, number: u32, start: u64, size: u64, same_type: bool) {
    let (label, type_id) = match (kind, same_type) {
        (TableKind::Gpt, true) => ("gpt", "0FC63DAF-8483-4772-8E79-3D69D8477DE4"),
        (TableKind::Gpt, false) => ("gpt", "933AC7E1-2EB4-4F13-B844-0E14E2AEF915"),
        (TableKind::Mbr, true) => ("dos", "83"),
        (TableKind::Mbr, false) => ("dos", "82"),
    };
    let script = format!(
        "label: {label}\nunit: sectors\n\n{number} : start={}, size={}, type={type_id}\n",
        start / 512,
        size / 512
    );
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("script");
    fs::write(&file, script).unwrap();
    let arguments = "sfdisk -q --no-reread --no-tell-kernel --wipe never --wipe-partitions never \"$0\" <\"$1\"";
    run("sh", &["-c", arguments, &disk.path, file.to_str().unwrap()]);
}

fn clear_tables(disk: &Disk) {
    let size = device_size(disk.device.file()).unwrap();
    let zeros = vec![0; 1 << 20];
    for at in [0, size - MIB] {
        disk.device.file().write_all_at(&zeros, at).unwrap();
    }
    disk.device.file().sync_all().unwrap();
}

/// A file with a filesystem, as long as what is preserved.
fn content(make: &[&str]) -> Vec<u8> {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(SIZE).unwrap();
    if let [program, arguments @ ..] = make {
        let path = file.path().to_str().unwrap();
        run(program, &[arguments, &[path]].concat());
    }
    fs::read(file.path()).unwrap()
}

fn put(disk: &Disk, bytes: &[u8], at: u64) {
    disk.device.file().write_all_at(bytes, at).unwrap();
    disk.device.file().sync_all().unwrap();
}

/// Installs, with leave to overwrite; what must not be written is not.
fn refused(disk: &Disk, nodes: Vec<Node>, root: &Path, seed: u8, case: &str) -> String {
    let before = disk.all();
    let error = match install(disk, nodes, root, Some(&disk.path), seed) {
        Ok((_, _, text)) => panic!("{case}: it was written: {text}"),
        Err(error) => error,
    };
    assert!(disk.all() == before, "{case}: it was written to, and then: {error}");
    assert!(error.contains("is not written"), "{case}: {error}");
    error
}

#[test]
fn what_differs_from_the_layout_in_anything_is_refused_and_what_is_equal_keeps_every_byte() {
    let root = tree(small);
    for (kind, seed) in [(TableKind::Gpt, 61), (TableKind::Mbr, 62)] {
        let disk = Disk::new(48 * MIB, 512);
        let (kept, another) =
            (content(&["mke2fs", "-Fq", "-t", "ext4"]), content(&["mkswap", "-q"]));
        let (mut refusals, mut stayed) = (0, 0);
        for same in Same::all() {
            let (start, size) = match (same.start, same.size) {
                (true, true) => (START, SIZE),
                (true, false) => (START, SIZE + 512),
                (false, true) => (START + 512, SIZE),
                (false, false) => (START - MIB, SIZE - 512),
            };
            clear_tables(&disk);
            let on_it = if same.table { kind } else { other(kind) };
            write_table(&disk, on_it, if same.number { 2 } else { 4 }, start, size, same.kind);
            put(&disk, if same.content { &kept } else { &another }, START);
            let case = format!("{kind:?} {same:?}");
            if !same.is_all() {
                let error = refused(&disk, nodes_of(kind), root.path(), seed, &case);
                assert!(error.contains("node `state`: it is preserved"), "{case}: {error}");
                assert!(error.contains("wipefs --all"), "{case}: {error}");
                refusals += 1;
                continue;
            }
            let done = install(&disk, nodes_of(kind), root.path(), Some(&disk.path), seed);
            let (_, _, text) = done.unwrap_or_else(|e| panic!("{case}: {e}"));
            assert!(text.contains("stays: partition 2"), "{text}");
            assert!(disk.bytes(Extent { offset: START, size: SIZE }) == kept, "{case}");
            stayed += 1;
        }
        assert_eq!((refusals, stayed), (63, 1));
    }
}

#[test]
fn a_partition_that_holds_something_else_is_refused() {
    let root = tree(small);
    let disk = Disk::new(48 * MIB, 512);
    write_table(&disk, TableKind::Gpt, 2, START, SIZE, true);
    for (make, said) in [
        (&[][..], "nothing that is known"),
        (&["mke2fs", "-Fq", "-t", "ext2"], "ext2 filesystem"),
        (&["mke2fs", "-Fq", "-t", "ext3"], "ext3 filesystem"),
        (&["mkfs.fat"], "vfat filesystem"),
        (&["mkswap", "-q"], "swap space"),
    ] {
        put(&disk, &content(make), START);
        let error = refused(&disk, nodes_of(TableKind::Gpt), root.path(), 63, said);
        assert!(error.contains(said) && error.contains("ext4 filesystem"), "{error}");
    }
}

#[test]
fn a_device_that_lost_its_table_is_refused_and_one_without_anything_is_a_first_installation() {
    let root = tree(small);
    for (kind, seed) in [(TableKind::Gpt, 64), (TableKind::Mbr, 65)] {
        let disk = Disk::new(48 * MIB, 512);
        let nodes = || nodes_of(kind);
        // What is no signature is nothing.
        install(&disk, nodes(), root.path(), None, seed).unwrap();
        let start = disk.bytes(Extent { offset: 0, size: MIB });

        clear_tables(&disk);
        let error = refused(&disk, nodes(), root.path(), seed, "no table");
        assert!(error.contains("ext4 filesystem") && error.contains("blkdiscard"), "{error}");
        // The mark of an MBR and a GPT's protective entry stay where nothing else does.
        let mut protective = vec![0; 512];
        protective[446..462]
            .copy_from_slice(&[0, 0, 2, 0, 0xee, 255, 255, 255, 1, 0, 0, 0, 9, 0, 0, 0]);
        protective[510..].copy_from_slice(&[0x55, 0xaa]);
        put(&disk, &protective, 0);
        let error = refused(&disk, nodes(), root.path(), seed, "a protective MBR");
        assert!(error.contains("its MBR says that it has a GPT"), "{error}");
        if kind == TableKind::Gpt {
            let mut torn = start.clone();
            torn[1024] ^= 1;
            put(&disk, &torn, 0);
            let error = refused(&disk, nodes(), root.path(), seed, "a torn GPT");
            assert!(error.contains("checksum"), "{error}");
        }

        // Nothing is there any more: as at first.
        clear_tables(&disk);
        let size = device_size(disk.device.file()).unwrap();
        put(&disk, &vec![0; usize::try_from(size).unwrap()], 0);
        install(&disk, nodes(), root.path(), None, seed).unwrap();
    }
}

/// A first installation that did not end leaves what it made, and the next one knows it.
#[test]
fn a_first_installation_that_did_not_end_is_made_again() {
    let root = tree(small);
    for (kind, seed) in [(TableKind::Gpt, 66), (TableKind::Mbr, 67)] {
        let disk = Disk::new(48 * MIB, 512);
        let failed = install_with(&disk, nodes_of(kind), root.path(), None, seed, &Known, &|| {
            fs::write(root.path().join("larger"), noise(60 << 20, 5)).unwrap();
        });
        let error = failed.unwrap_err();
        assert!(error.contains("half written: it has no partition table"), "{error}");
        fs::remove_file(root.path().join("larger")).unwrap();
        let said = output("blkid", &["-p", "-o", "export", "-O", "5242880", &disk.path]);
        assert!(said.contains("TYPE=ext4"), "nothing was made that could be in doubt: {said}");
        install(&disk, nodes_of(kind), root.path(), None, seed).unwrap();
        // The table wrote over the mark: what loses it is in doubt.
        run("wipefs", &["--all", "--quiet", &disk.path]);
        refused(&disk, nodes_of(kind), root.path(), seed, "its table was wiped");
    }
}

/// Of a table on an array, what is in it is not looked for.
#[test]
fn what_is_preserved_in_a_table_on_an_array_stays_with_the_array_or_is_refused() {
    let root = tree(small);
    let disk = Disk::new(120 * MIB, 512);
    let raid = NodeKind::Driver { name: "raid".into(), settings: r#"{"level": 1}"#.into() };
    let nodes = |members: bool, inner: bool| {
        let mut nodes = vec![
            table(TableKind::Gpt),
            partition("a", "linux-raid", Size::Bytes(40 * MIB), members),
            partition("b", "linux-raid", Size::Bytes(40 * MIB), members),
            partition("root", "linux-generic", Size::Rest, false),
            node("array", &["a", "b"], raid.clone()),
            node("inner", &["array"], NodeKind::Table { kind: TableKind::Gpt, alignment: None }),
            partition("state", "linux-generic", Size::Rest, inner),
            filesystem("state-fs", "state", "ext4"),
            filesystem("root-fs", "root", "ext4"),
            mount("/var", "state-fs"),
            mount("/", "root-fs"),
        ];
        nodes[6].on = vec!["inner".into()];
        nodes
    };
    install(&disk, nodes(false, true), root.path(), None, 68).unwrap();
    let error = refused(&disk, nodes(false, true), root.path(), 68, "the array is made anew");
    assert!(error.contains("node `state`: it is preserved"), "{error}");
    let before = disk.bytes(Extent { offset: MIB, size: 80 * MIB });
    install(&disk, nodes(true, true), root.path(), Some(&disk.path), 68).unwrap();
    assert!(disk.bytes(Extent { offset: MIB, size: 80 * MIB }) == before);
}
