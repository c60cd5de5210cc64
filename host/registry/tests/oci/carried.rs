//! Elements in a file: what is written is the same each time, and what leads out of it is refused.

use dibhost_registry::oci::layout::{Carried, read, write};
use dibhost_registry::oci::{Repository, bundle};
use tar::{Builder, EntryType, Header};

use crate::bench::pulled;

fn carried(version: &str, bundles: &[&[u8]]) -> Carried {
    Carried {
        repository: "registry.example/acme/motd".parse().unwrap(),
        pulled: pulled(version),
        bundles: bundles.iter().map(|b| b.to_vec()).collect(),
    }
}

fn saved(all: &[Carried]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(all, &mut bytes).unwrap();
    bytes
}

fn refused(bytes: &[u8]) -> String {
    read(&mut &bytes[..], None).expect_err("it was loaded").to_string()
}

#[test]
fn what_is_saved_is_loaded_as_it_was_and_is_one_file() {
    let (one, two) = (carried("1.0.0", &[b"{\"a\":1}", b"{\"b\":2}"]), carried("2.0.0", &[]));
    let bytes = saved(&[one.clone(), two.clone()]);
    assert_eq!(bytes, saved(&[two.clone(), one.clone(), two.clone()]), "in any order");
    let mut read = read(&mut bytes.as_slice(), None).unwrap();
    read.sort_by(|a, b| a.pulled.tag.cmp(&b.pulled.tag));
    read[0].bundles.sort();
    assert_eq!(read, [one, two]);
}

#[test]
fn a_signature_is_the_same_artifact_in_the_file_as_in_a_registry() {
    let one = carried("1.0.0", &[b"{}"]);
    let subject = one.pulled.manifest.descriptor();
    let manifest = bundle(b"{}").manifest(&subject).digest;
    let bytes = saved(&[one]);
    let names = names(&bytes);
    assert!(names.contains(&format!("blobs/sha256/{}", manifest.hex())), "{names:?}");
}

fn names(bytes: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap();
    entries.map(|e| e.unwrap().path().unwrap().to_str().unwrap().to_owned()).collect()
}

/// The files of a sound archive.
fn files() -> Vec<(String, Vec<u8>)> {
    let bytes = saved(&[carried("1.0.0", &[b"{}"])]);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let file = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), content)
    };
    archive.entries().unwrap().map(file).collect()
}

fn archive(files: &[(String, Vec<u8>)]) -> Builder<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (name, content) in files {
        add(&mut archive, name, EntryType::Regular, "", content);
    }
    archive
}

/// An entry whose name is what it is, whatever that is.
fn add(archive: &mut Builder<Vec<u8>>, name: &str, kind: EntryType, to: &str, content: &[u8]) {
    let mut header = Header::new_gnu();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.as_mut_bytes()[157..157 + to.len()].copy_from_slice(to.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

#[test]
fn names_that_lead_out_of_it() {
    for (name, says) in [
        ("../evil", "leads out"),
        ("blobs/sha256/../../../evil", "leads out"),
        ("/etc/evil", "leads out"),
        ("./../evil", "leads out"),
        ("evil", "no such file"),
        ("blobs/sha256/short", "no such file"),
        ("blobs/sha512/x", "no such file"),
        ("index.json/x", "no such file"),
    ] {
        let mut archive = archive(&files());
        add(&mut archive, name, EntryType::Regular, "", b"evil");
        let told = refused(&archive.into_inner().unwrap());
        assert!(told.contains(says) && told.contains("in the file"), "{name}: {told}");
    }
}

#[test]
fn what_is_no_file() {
    let hex = "0".repeat(64);
    let name = format!("blobs/sha256/{hex}");
    for (kind, says) in [
        (EntryType::Symlink, "a link"),
        (EntryType::Link, "a link"),
        (EntryType::Char, "a device"),
        (EntryType::Block, "a device"),
        (EntryType::Fifo, "a device or pipe"),
        (EntryType::GNULongName, "neither a file"),
        (EntryType::GNULongLink, "neither a file"),
        (EntryType::XHeader, "neither a file"),
        (EntryType::XGlobalHeader, "neither a file"),
        (EntryType::GNUSparse, "neither a file"),
        (EntryType::new(b'?'), "neither a file"),
    ] {
        let mut archive = archive(&files());
        add(&mut archive, &name, kind, "/etc/passwd", b"");
        let told = refused(&archive.into_inner().unwrap());
        assert!(told.contains(says), "{kind:?}: {told}");
    }
}

#[test]
fn a_file_that_is_there_twice() {
    for place in [0, 1, 2] {
        let all = files();
        let mut archive = archive(&all);
        let name = &all[place].0;
        add(&mut archive, name, EntryType::Regular, "", b"{}");
        let told = refused(&archive.into_inner().unwrap());
        assert!(told.contains("twice"), "{name}: {told}");
    }
}

#[test]
fn sizes_that_are_not_so() {
    let mut archive = archive(&files());
    let mut header = Header::new_gnu();
    header.set_path(format!("blobs/sha256/{}", "0".repeat(64))).unwrap();
    for (size, says) in [(1 << 40, "has more than"), (200 << 20, "ends within it")] {
        let mut bytes = archive.get_ref().clone();
        header.set_size(size);
        header.set_cksum();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(b"and that is all");
        let told = refused(&bytes);
        assert!(told.contains(says), "{told}");
    }
    add(&mut archive, "oci-layout-", EntryType::Directory, "", b"");
    assert!(refused(archive.get_ref()).contains("no such folder"));
}

#[test]
fn blobs_that_are_missing_or_others() {
    let all = files();
    for place in 2..all.len() {
        let mut fewer = all.clone();
        let (name, _) = fewer.remove(place);
        if name.contains("44136fa3") {
            // The empty configuration of a signature, which nobody needs.
            continue;
        }
        let told = refused(&archive(&fewer).into_inner().unwrap());
        assert!(told.contains("is missing"), "{name}: {told}");
        let mut flipped = all.clone();
        flipped[place].1[0] ^= 1;
        let told = refused(&archive(&flipped).into_inner().unwrap());
        assert!(told.contains("is not what it has to be"), "{name}: {told}");
    }
}

#[test]
fn what_is_no_layout() {
    let all = files();
    for (change, says) in
        [("oci-layout", "there is no `oci-layout`"), ("index.json", "there is no `index.json`")]
    {
        let fewer: Vec<_> = all.iter().filter(|(name, _)| name != change).cloned().collect();
        let told = refused(&archive(&fewer).into_inner().unwrap());
        assert!(told.contains(says), "{told}");
    }
    for (name, text, says) in [
        ("oci-layout", "{\"imageLayoutVersion\":\"2.0.0\"}", "none of version 1"),
        ("oci-layout", "garbage", "none of version 1"),
        ("index.json", "garbage", "no manifest"),
        ("index.json", "{\"schemaVersion\":2,\"manifests\":[]}", "lists no element"),
    ] {
        let mut other = all.clone();
        other.iter_mut().find(|(n, _)| n == name).unwrap().1 = text.as_bytes().to_vec();
        let told = refused(&archive(&other).into_inner().unwrap());
        assert!(told.contains(says), "{told}");
    }
    for bytes in [&b""[..], b"garbage", &[0; 1024], &[255; 2048]] {
        assert!(!refused(bytes).is_empty());
    }
}

#[test]
fn an_element_that_does_not_say_where_it_is_from_or_wrongly() {
    let named = |pairs: &[(&str, &str)]| {
        let mut all = files();
        let mut text = String::from_utf8(all[1].1.clone()).unwrap();
        for (from, to) in pairs {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, to);
        }
        all[1].1 = text.into_bytes();
        archive(&all).into_inner().unwrap()
    };
    let (own, usual) = ("dev.dibhost.repository", "org.opencontainers.image.ref.name");
    let from = |bytes: &[u8], otherwise: Option<&Repository>| {
        read(&mut &bytes[..], otherwise).map(|read| read[0].repository.to_string())
    };
    // One of the two names is enough.
    for gone in [own, usual] {
        let bytes = named(&[(gone, "x")]);
        assert_eq!(from(&bytes, None).unwrap(), "registry.example/acme/motd");
    }
    let neither = named(&[(own, "x"), (usual, "y")]);
    assert!(refused(&neither).contains("`--repository`"), "{}", refused(&neither));
    let other: Repository = "mirror.example/motd".parse().unwrap();
    assert_eq!(from(&neither, Some(&other)).unwrap(), "mirror.example/motd");
    let odd = named(&[("\"registry.example/acme/motd\"", "\"../../etc\"")]);
    assert!(refused(&odd).contains("is no repository"), "{}", refused(&odd));
    // An older version under the name of a newer one.
    let replayed = named(&[("acme/motd:1.0.0", "acme/motd:1.1.0")]);
    assert!(
        refused(&replayed).contains("says itself that it is version"),
        "{}",
        refused(&replayed)
    );
}
