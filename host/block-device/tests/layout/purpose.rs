//! Layouts for speed and for size.

use dibhost_block_device::{LayoutOptions, Node, NodeKind, Optimise, Size, VolumeMap};

use crate::built::*;

fn for_purpose(optimise: Option<Optimise>) -> LayoutOptions {
    LayoutOptions { optimise }
}

const PURPOSES: [Option<Optimise>; 3] = [None, Some(Optimise::Speed), Some(Optimise::Size)];

fn plain() -> Vec<Node> {
    vec![
        disk("disk"),
        gpt("table", "disk"),
        partition("bios", "table", "bios-boot", Size::Bytes(300_032)),
        partition("root", "table", "root-x86-64", Size::Content(0)),
        partition("lvm", "table", "linux-lvm", Size::Content(0)),
        node("pv", &["lvm"], NodeKind::PhysicalVolume),
        node("vg", &["pv"], NodeKind::VolumeGroup { extent_size: 4 * MIB }),
        volume("lv", "vg", Size::Content(0), 1),
        ext4("root-fs", "root"),
        ext4("home-fs", "lv"),
        mount("/", "root-fs"),
        mount("/home", "home-fs"),
    ]
}

#[test]
fn everything_begins_where_the_purpose_wants_it_and_is_whole() {
    let mut sizes = Vec::new();
    for (purpose, step) in PURPOSES.into_iter().zip([MIB, 4 * MIB, 4096]) {
        let built = build_for(plain(), for_purpose(purpose));
        for partition in &built.layout.partitions {
            assert_eq!(partition.extent.offset % step, 0, "{purpose:?}: {partition:?}");
        }
        assert_eq!(built.layout.tables[0].alignment, step);
        for filesystem in &built.layout.filesystems {
            let offset = filesystem.place.as_ref().unwrap().extent.offset;
            assert_eq!(offset % step, 0, "{purpose:?}: {filesystem:?}");
            let image = format!("{}?offset={offset}", built.path("disk").display());
            run("e2fsck", &["-fn", &image]);
        }
        let path = built.path("disk");
        assert!(run("sgdisk", &["-v", path.to_str().unwrap()]).contains("No problems found"));
        sizes.push(built.layout.disk().unwrap().size);
    }
    let [usual, speed, size] = sizes[..] else { panic!() };
    assert!(size < usual && usual <= speed, "{sizes:?}");
    // Two filesystems of 16 MiB of air, less what the extents of 4 MiB take back.
    assert!(usual - size > 20 * MIB, "{sizes:?}");
}

#[test]
fn headers_of_encryptions_and_arrays_follow_the_purpose() {
    let nodes = || {
        vec![
            disk("one"),
            disk("two"),
            gpt("table-one", "one"),
            gpt("table-two", "two"),
            partition("a", "table-one", "linux-raid", Size::Content(0)),
            partition("b", "table-two", "linux-raid", Size::Content(0)),
            driver("mirror", &["a", "b"], "raid", r#"{"level": 1, "name": "root"}"#),
            luks_on("crypt", "mirror"),
            ext4("root", "crypt"),
            mount("/", "root"),
        ]
    };
    let mut headers = Vec::new();
    for purpose in PURPOSES {
        let built = build_for(nodes(), for_purpose(purpose));
        let offset = |node: &str| match built.layout.volume(node).unwrap().map {
            VolumeMap::Luks { data_offset, .. } | VolumeMap::Raid { data_offset, .. } => {
                data_offset
            }
            _ => panic!("{node}"),
        };
        headers.push((offset("mirror"), offset("crypt")));
        let member = std::fs::read(built.extract("a")).unwrap();
        let start = usize::try_from(offset("mirror")).unwrap();
        let array = built.folder.path().join("array");
        std::fs::write(&array, &member[start..]).unwrap();
        run("cryptsetup", &["luksDump", array.to_str().unwrap()]);
        let plain = built.folder.path().join("plain");
        std::fs::write(&plain, decrypted(&array)).unwrap();
        holds_the_files(plain.to_str().unwrap());
    }
    // Two secrets, a slot to change one of them, 252 KiB each, and 32 KiB before.
    let small = (2 * 16 + 3 * 252) << 10;
    assert_eq!(headers, [(MIB, 16 * MIB), (4 * MIB, 16 * MIB), (MIB, small)]);
}

#[test]
fn what_a_node_says_counts_more_than_the_purpose() {
    let mut nodes = plain();
    let NodeKind::Table { alignment, .. } = &mut nodes[1].kind else { panic!() };
    *alignment = Some(64 << 10);
    for purpose in PURPOSES {
        let built = build_for(nodes.clone(), for_purpose(purpose));
        assert_eq!(built.layout.tables[0].alignment, 64 << 10);
    }
}
