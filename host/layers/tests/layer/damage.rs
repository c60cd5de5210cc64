//! What is kept is damaged: no other tree ever comes of it.

use std::os::unix::fs::symlink;

use dibhost_layers::layer::RestoreError;

use crate::tree::{Line, assert_same, folder, look, restored, set_xattr};

/// Three small layers; of the lowest's pack a part is needed no more.
fn layers() -> Line {
    let mut line = Line::new();
    line.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    line.write("gone", "of the first layer");
    std::fs::hard_link(line.at("etc/passwd"), line.at("link")).unwrap();
    line.pack();
    line.write("etc/group", "root:x:0:\n");
    symlink("passwd", line.at("etc/symlink")).unwrap();
    set_xattr(&line.at("etc/group"), "user.a", b"b");
    line.pack();
    std::fs::remove_file(line.at("gone")).unwrap();
    line.write("last", "x");
    line.pack();
    line
}

/// Whether damaged layers are refused; if not, the tree is the right one still.
fn refused(line: &Line, layers: &[(Vec<u8>, Vec<u8>)], what: &str) -> bool {
    let folder = folder();
    match restored(folder.path(), layers) {
        Ok(_) => {
            assert_same(&look(line.root()), &look(folder.path()));
            false
        }
        Err(RestoreError::Corrupt { .. }) => true,
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn every_byte_of_a_manifest_counts() {
    let line = layers();
    for layer in 0..3 {
        for at in 0..line.layers[layer].0.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut layers = line.layers.clone();
                layers[layer].0[at] ^= flip;
                let what = format!("byte {at} of manifest {layer}");
                assert!(refused(&line, &layers, &what), "{what}");
            }
        }
    }
}

#[test]
fn every_byte_of_a_pack_counts() {
    let line = layers();
    for layer in 0..3 {
        assert!(!line.layers[layer].1.is_empty());
        for at in 0..line.layers[layer].1.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut layers = line.layers.clone();
                layers[layer].1[at] ^= flip;
                let what = format!("byte {at} of pack {layer}");
                assert!(refused(&line, &layers, &what), "{what}");
            }
        }
    }
}

#[test]
fn what_is_cut_off_or_too_long_is_refused() {
    let line = layers();
    for layer in 0..3 {
        for pack in [false, true] {
            let length = line.layers[layer].0.len().max(line.layers[layer].1.len());
            for keep in 0..length + 3 {
                let mut layers = line.layers.clone();
                let (manifest, bytes) = &mut layers[layer];
                let cut = if pack { bytes } else { manifest };
                if keep == cut.len() {
                    continue;
                }
                cut.resize(keep, 0);
                let what = format!("{keep} bytes of layer {layer}");
                assert!(refused(&line, &layers, &what), "{what}");
            }
        }
    }
    assert!(!refused(&line, &line.layers, "whole ones"));
}

#[test]
fn a_pack_in_anothers_stead_is_refused() {
    let line = layers();
    let mut layers = line.layers.clone();
    let first = layers[0].1.clone();
    layers[0].1 = std::mem::replace(&mut layers[1].1, first);
    assert!(refused(&line, &layers, "packs in each other's stead"));
}
