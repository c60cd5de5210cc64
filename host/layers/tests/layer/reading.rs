//! Manifests read from bytes, whosever they are.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use dibhost_layers::layer::{Limits, Manifest, restore};

use crate::hostile::restored;
use crate::tree::{Line, file_of, folder};
use crate::wire::{Bound, HEAD, Wire, good, sealed};

#[test]
fn the_format_is_the_one_that_was_written_before() {
    let (wire, pack) = good();
    restored(&[(&wire, &pack)]).unwrap();
    assert_eq!(wire.decode().unwrap().encode().unwrap(), wire.bytes());
    // Whoever must change this line counts the schema up.
    let digest: String = wire.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, "57ebcf03f35ceee95f2160a043340ee2b30ac8786e0b5e9f3264001838069d6b");
}

#[test]
fn other_schemas_and_other_things_are_told_apart() {
    let said = |bytes: &[u8]| Manifest::decode(bytes, &Limits::default()).unwrap_err().to_string();
    let (wire, _) = good();
    let body = postcard::to_allocvec(&wire).unwrap();
    for schema in [0_u32, 2, u32::MAX] {
        let head = [&b"dibhost layer\n"[..], &schema.to_le_bytes()].concat();
        let expected =
            format!("the manifest has schema {schema}, and this version of dibhost reads schema 1");
        assert_eq!(said(&sealed(&head, &body)), expected);
        // Whatever stands behind it.
        assert_eq!(said(&head), expected);
    }
    let mut damaged = wire.bytes();
    damaged[40] ^= 1;
    let digest = "the manifest is damaged: its digest is another than the one at its end";
    assert_eq!(said(&damaged), digest);
    let other = "this is no manifest of a layer";
    for bytes in [&b""[..], b"dibhost layer\n\x01\0\0", b"{}", HEAD, &[0; 100]] {
        assert_eq!(said(bytes), other, "{bytes:?}");
    }
    let unreadable = "the manifest cannot be read";
    assert_eq!(said(&sealed(HEAD, b"")), unreadable);
    assert_eq!(said(&sealed(HEAD, &[&body[..], b"\0"].concat())), unreadable);
    assert_eq!(said(&sealed(HEAD, &body[..body.len() - 1])), unreadable);
    // As many inodes as 64 bits can say.
    let many = [&[0][..], &[0xff; 9], &[0x01]].concat();
    assert_eq!(said(&sealed(HEAD, &many)), unreadable);
    // `below` is none, and the number of inodes is written in two bytes where one is enough.
    assert_eq!(body[..2], [0, 3]);
    let longer = [&[0, 0x83, 0x00][..], &body[2..]].concat();
    assert_eq!(said(&sealed(HEAD, &longer)), unreadable);
}

#[test]
fn more_than_is_allowed_is_refused() {
    let (mut wire, pack) = good();
    let few = Limits { manifest: 100, ..Limits::default() };
    let said = Manifest::decode(&wire.bytes(), &few).unwrap_err().to_string();
    assert_eq!(said, "the manifest has more bytes than the 100 bytes that are allowed");
    // One content in a thousand files.
    for at in 3..1000_u32 {
        wire.inodes.push(wire.inodes[2].clone());
        wire.names.push((1, format!("c{at:05}").into_bytes(), Bound::Inode(at)));
    }
    restored(&[(&wire, &pack)]).unwrap();
    let few = Limits { tree: 10_000, ..Limits::default() };
    let said = Manifest::decode(&wire.bytes(), &few).unwrap_err().to_string();
    assert_eq!(said, "the manifest has more content than the 10000 bytes that are allowed");
}

/// Manifests of trees that were packed, to begin with.
fn corpus(folder: &Path) {
    let mut line = Line::new();
    line.write("etc/passwd", "root");
    line.write("usr/bin/sh", vec![7; 5000]);
    std::os::unix::fs::symlink("passwd", line.at("etc/link")).unwrap();
    std::fs::hard_link(line.at("etc/passwd"), line.at("etc/shadow")).unwrap();
    crate::tree::set_xattr(&line.at("etc"), "user.a", b"b");
    line.pack();
    std::fs::remove_dir_all(line.at("usr/bin")).unwrap();
    line.write("etc/passwd", "other");
    line.pack();
    for (at, (manifest, _)) in line.layers.iter().enumerate() {
        std::fs::write(folder.join(format!("{at}")), manifest).unwrap();
    }
    std::fs::write(folder.join("good"), good().0.bytes()).unwrap();
}

#[test]
fn arbitrary_bytes_do_no_harm() {
    let corpora = folder();
    corpus(corpora.path());
    let (_, pack) = good();
    let tried = std::sync::atomic::AtomicUsize::new(0);
    dibhost_arbitrary::feed(corpora.path(), 20_000, |input| {
        let _ = Manifest::decode(input, &Limits::default());
        // The same with a digest that is right, and a value of nothing but the bytes.
        let body = input.strip_prefix(HEAD).unwrap_or(input);
        let resealed = sealed(HEAD, &body[..body.len().saturating_sub(32)]);
        let made = dibhost_arbitrary::Source::new(input).value::<Wire>().bytes();
        for bytes in [resealed, made] {
            let Ok(manifest) = Manifest::decode(&bytes, &Limits::default()) else { continue };
            assert_eq!(manifest.encode().unwrap(), bytes);
            let root = folder();
            let _ =
                restore(File::open(root.path()).unwrap().as_fd(), &[(manifest, file_of(&pack))]);
            tried.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    });
    assert!(tried.into_inner() > 100);
}
