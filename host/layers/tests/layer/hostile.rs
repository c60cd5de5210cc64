//! Manifests that somebody made to do harm: they are refused, and nothing beside the folder is
//! touched.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use dibhost_layers::layer::{ManifestError, restore, verify};

use crate::tree::{assert_same, file_of, folder, look};
use crate::wire::{Bound, Bytes, Inode, Kind, TEXT, Wire, bytes, good, inode, sum};

/// Restores in a folder beside another one, and answers what was said; the other is as it was.
pub(crate) fn restored(layers: &[(&Wire, &[u8])]) -> Result<(), String> {
    let outside = folder();
    std::fs::create_dir_all(outside.path().join("root")).unwrap();
    std::fs::create_dir(outside.path().join("victim")).unwrap();
    std::fs::write(outside.path().join("victim/file"), "untouched").unwrap();
    let victim = look(&outside.path().join("victim"));
    let within = |path: &Path| look(path).len();
    let result = layers
        .iter()
        .map(|(wire, pack)| Ok((wire.decode()?, file_of(pack))))
        .collect::<Result<Vec<_>, ManifestError>>()
        .map_err(|e| e.to_string())
        .and_then(|layers| {
            let root = File::open(outside.path().join("root")).unwrap();
            restore(root.as_fd(), &layers).map(drop).map_err(|e| e.to_string())
        });
    assert_same(&victim, &look(&outside.path().join("victim")));
    let root = within(&outside.path().join("root"));
    assert_eq!(within(outside.path()), 1 + root + victim.len());
    result
}

/// What is said of a manifest that is not right in one thing.
fn refused(change: impl FnOnce(&mut Wire)) -> String {
    let (mut wire, pack) = good();
    change(&mut wire);
    let said = restored(&[(&wire, &pack)]).unwrap_err();
    assert_eq!(wire.decode().unwrap_err().to_string(), said);
    said.strip_prefix("the manifest is wrong: ").unwrap_or(&said).to_owned()
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for (name, said) in [
        (&b".."[..], "leads elsewhere"),
        (b".", "leads elsewhere"),
        (b"", "has no name"),
        (b"/etc/passwd", "has a name with a `/` in it"),
        (b"../victim", "has a name with a `/` in it"),
        (b"a\0", "has a name with a NUL in it"),
        (&[b'x'; 256], "has a name of more than 255 bytes"),
    ] {
        let found = refused(|wire| wire.names[2].1 = name.to_vec());
        assert_eq!(found, format!("a name in `/a` {said}"));
    }
}

#[test]
fn what_is_in_no_folder_is_refused() {
    let link = |wire: &mut Wire| wire.inodes[1].kind = Kind::Symlink(b"../victim".to_vec());
    let lost = "a name in `/a` is in no folder, or not told with what is in it";
    assert_eq!(
        refused(|wire| {
            link(wire);
            wire.inodes[1].mode = 0o777;
        }),
        lost
    );
    assert_eq!(
        refused(|wire| wire.names[2].0 = 2),
        "a name in `/` is in no folder, or not told with what is in it"
    );
    assert_eq!(
        refused(|wire| wire.names[2].0 = u32::MAX),
        "a name in `/` is in no folder, or not told with what is in it"
    );
    assert_eq!(refused(|wire| wire.names[0].1 = b"x".to_vec()), "a name in `/` is no root");
    assert_eq!(refused(|wire| wire.names.clear()), "it has no root");
    assert_eq!(refused(|wire| wire.inodes[0].kind = Kind::Fifo), "a name in `/` is no root");
    assert_eq!(
        refused(|wire| {
            // Back in a folder that was left.
            wire.inodes.push(inode(Kind::Fifo));
            wire.inodes.push(inode(Kind::Fifo));
            wire.names.push((0, b"c".to_vec(), Bound::Inode(3)));
            wire.names.push((1, b"d".to_vec(), Bound::Inode(4)));
        }),
        lost
    );
    let deep = |depth: u32| {
        let (mut wire, _) = good();
        wire.inodes = vec![inode(Kind::Folder); depth as usize + 1];
        wire.names = (0..=depth)
            .map(|at| {
                (
                    at.saturating_sub(1),
                    if at == 0 { vec![] } else { b"d".to_vec() },
                    Bound::Inode(at),
                )
            })
            .collect();
        wire.frames.clear();
        wire.decode()
    };
    deep(16_000).unwrap();
    assert!(deep(17_000).unwrap_err().to_string().ends_with("is too deep"));
}

#[test]
fn a_link_of_a_layer_below_is_no_folder() {
    let (mut below, pack) = good();
    below.inodes = vec![inode(Kind::Folder), inode(Kind::Symlink(b"../victim".to_vec()))];
    below.names.truncate(2);
    below.frames.clear();
    let (mut above, _) = good();
    above.below = Some(below.digest());
    above.inodes.drain(..2);
    above.names[0].2 = Bound::Passed;
    above.names[1].2 = Bound::Passed;
    above.names[2].2 = Bound::Inode(0);
    let said = restored(&[(&below, b""), (&above, &pack)]).unwrap_err();
    assert_eq!(said, "the layers are damaged: layer 2 changes what is no folder: `/a`");
    above.names[2].2 = Bound::Deleted;
    above.inodes.clear();
    above.frames.clear();
    let said = restored(&[(&below, b""), (&above, b"")]).unwrap_err();
    assert_eq!(said, "the layers are damaged: layer 2 changes what is no folder: `/a`");
    above.names.pop();
    assert_eq!(
        restored(&[(&below, b""), (&above, b"")]).unwrap_err(),
        "the manifest is wrong: `/a` is passed, and nothing said of what is in it"
    );
    above.names[1] = (0, b"b".to_vec(), Bound::Deleted);
    let said = restored(&[(&below, b""), (&above, b"")]).unwrap_err();
    assert_eq!(said, "the layers are damaged: layer 2 deletes what is not there: `/b`");
    above.names[1] = (0, b"a".to_vec(), Bound::Deleted);
    restored(&[(&below, b""), (&above, b"")]).unwrap();
    let said = restored(&[(&above, b"")]).unwrap_err();
    assert_eq!(said, "the layers are damaged: layer 1 was not packed upon those below it");
}

#[test]
fn names_and_inodes_belong_together() {
    let another = |bound| {
        move |wire: &mut Wire| {
            wire.inodes.push(inode(Kind::Fifo));
            wire.names.push((0, b"c".to_vec(), bound));
        }
    };
    assert_eq!(refused(another(Bound::Inode(2))), "it has inodes without a name");
    assert_eq!(refused(another(Bound::Inode(4))), "a name in `/` has no inode");
    assert_eq!(refused(another(Bound::Inode(1))), "a name in `/` is a second one of a folder");
    assert_eq!(refused(another(Bound::Deleted)), "a name in `/` is of a layer below none");
    assert_eq!(refused(another(Bound::Passed)), "a name in `/` is of a layer below none");
    for name in [&b"a"[..], b"A", b"Z\xff"] {
        let found = refused(|wire| {
            another(Bound::Inode(3))(wire);
            wire.names[3].1 = name.to_vec();
        });
        assert_eq!(found, "a name in `/` is not behind the one before it", "{name:?}");
    }
    let early = refused(|wire| wire.names[1].2 = Bound::Inode(2));
    assert_eq!(early, "a name in `/` has an inode that is not the next one");
}

#[test]
fn attributes_that_no_inode_has_are_refused() {
    let of = |change: &dyn Fn(&mut Inode)| refused(|wire| change(&mut wire.inodes[2]));
    let mode = "`/a/b` has a mode that is none";
    assert_eq!(of(&|inode| inode.mode = 0o10000), mode);
    let owner = "`/a/b` has an owner that is none";
    assert_eq!(of(&|inode| inode.uid = u32::MAX), owner);
    assert_eq!(of(&|inode| inode.gid = u32::MAX), owner);
    assert_eq!(of(&|inode| inode.mtime.1 = 1_000_000_000), "`/a/b` has a time that is none");
    let xattrs = "`/a/b` has extended attributes that are none, or not in their order";
    let one = |name: &[u8]| (name.to_vec(), Vec::new());
    assert_eq!(of(&|inode| inode.xattrs = vec![one(b"")]), xattrs);
    assert_eq!(of(&|inode| inode.xattrs = vec![one(b"a\0")]), xattrs);
    assert_eq!(of(&|inode| inode.xattrs = vec![one(b"a"), one(b"a")]), xattrs);
    assert_eq!(of(&|inode| inode.xattrs = vec![one(b"b"), one(b"a")]), xattrs);
    assert_eq!(of(&|inode| inode.xattrs = vec![(b"a".to_vec(), vec![0; 65537])]), xattrs);
    let link = "`/a/b` is a link that says nothing, or too much";
    for to in [&b""[..], b"a\0b", &[b'x'; 4096]] {
        assert_eq!(of(&|inode| inode.kind = Kind::Symlink(to.to_vec())), link);
    }
    let moded = of(&|inode| inode.kind = Kind::Symlink(b"x".to_vec()));
    assert_eq!(moded, "`/a/b` is a link with a mode");
}

#[test]
fn content_beyond_its_place_is_refused() {
    let of = |size: u64, chunks: &[(u64, Bytes)]| {
        refused(|wire| wire.inodes[2].kind = Kind::File(size, chunks.to_vec()))
    };
    let beyond = "`/a/b` has content that overlaps or is beyond its end";
    let text = bytes(TEXT);
    assert_eq!(of(18, &[(0, text)]), beyond);
    assert_eq!(of(19, &[(1, text)]), beyond);
    assert_eq!(of(u64::MAX, &[(u64::MAX, text)]), beyond);
    assert_eq!(of(u64::MAX, &[(u64::MAX - 18, text)]), beyond);
    assert_eq!(of(100, &[(0, text), (18, text)]), beyond);
    assert_eq!(of(100, &[(50, text), (0, text)]), beyond);
    assert_eq!(of(100, &[(0, (0, text.1))]), beyond);
    assert_eq!(of(1 << 40, &[(0, ((4 << 20) + 1, text.1))]), beyond);
    assert_eq!(of(1 << 63, &[(0, text)]), "`/a/b` is larger than any file");
    assert_eq!(of(u64::MAX, &[]), "`/a/b` is larger than any file");
}

#[test]
fn frames_hold_what_files_need_and_no_more() {
    let order = "a file has content that is not kept in its order";
    let odd = "a frame is empty or too large";
    assert_eq!(refused(|wire| wire.frames.clear()), order);
    assert_eq!(refused(|wire| wire.frames[0].2[0].1[0] ^= 1), order);
    assert_eq!(refused(|wire| wire.frames[0].2[0].0 += 1), order);
    assert_eq!(refused(|wire| wire.frames[0].0 = 0), odd);
    assert_eq!(refused(|wire| wire.frames[0].0 = u32::MAX), odd);
    assert_eq!(refused(|wire| wire.frames[0].2.clear()), odd);
    assert_eq!(refused(|wire| wire.frames[0].2 = vec![(u32::MAX, [0; 32]); 100]), odd);
    assert_eq!(
        refused(|wire| wire.frames[0].2.push((1, [0; 32]))),
        "a frame holds what no file has"
    );
    let twice = "a frame holds the same twice, or nothing";
    assert_eq!(refused(|wire| wire.frames[0].2.push(bytes(TEXT))), twice);
    assert_eq!(refused(|wire| wire.frames[0].2.push((0, [0; 32]))), twice);
    let (mut wire, pack) = good();
    wire.frames.push(wire.frames[0].clone());
    assert!(restored(&[(&wire, &pack)]).is_err());
}

#[test]
fn a_frame_that_becomes_more_or_less_than_it_says_is_refused() {
    let damaged = "the layers are damaged: a frame of the pack is not what was written";
    let with = |plain: &[u8]| {
        let (mut wire, _) = good();
        let pack = zstd::bulk::compress(plain, 1).unwrap();
        wire.frames[0].0 = u32::try_from(pack.len()).unwrap();
        wire.frames[0].1 = sum(&pack);
        restored(&[(&wire, &pack)])
    };
    with(TEXT).unwrap();
    // A bomb of a gigabyte.
    assert_eq!(with(&vec![0; 1 << 30]).unwrap_err(), damaged);
    assert_eq!(with(&[TEXT, b"x"].concat()).unwrap_err(), damaged);
    assert_eq!(with(&TEXT[1..]).unwrap_err(), damaged);
    assert_eq!(with(b"").unwrap_err(), damaged);
    // As many bytes, and others than the manifest says that the file has.
    let (mut wire, _) = good();
    let pack = zstd::bulk::compress(b"What is in the file", 1).unwrap();
    wire.frames[0].0 = u32::try_from(pack.len()).unwrap();
    wire.frames[0].1 = sum(&pack);
    let said = verify(&wire.decode().unwrap(), &file_of(&pack)).unwrap_err().to_string();
    assert_eq!(said, "the layers are damaged: a frame holds something else than the manifest says");
    let (mut wire, _) = good();
    wire.frames[0].1 = sum(b"no frame at all");
    wire.frames[0].0 = 15;
    assert_eq!(restored(&[(&wire, b"no frame at all")]).unwrap_err(), damaged);
}
