//! Archives that do not stay where they are unpacked.

use std::io::Write as _;

use dibhost_check::Check;
use serde_json::Value;

use crate::case::{Case, call};
use crate::cases::rootfs::{apply, folder};

/// One entry: name, kind, what a link says, content.
fn entry(archive: &mut Vec<u8>, name: &str, kind: tar::EntryType, to: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    // The library's own setters refuse such names.
    if let Some(gnu) = header.as_gnu_mut() {
        gnu.name[..name.len()].copy_from_slice(name.as_bytes());
        gnu.linkname[..to.len()].copy_from_slice(to.as_bytes());
    }
    header.set_entry_type(kind);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(content.len() as u64);
    header.set_cksum();
    archive.extend_from_slice(header.as_bytes());
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
}

fn unpacked(archive: &[u8]) -> Vec<Value> {
    vec![
        call("Open", "/mine"),
        apply(&[folder("/mine")]),
        call("Blob", archive),
        call("Unpack", "/mine"),
    ]
}

fn case(check: Check, name: &'static str, archive: &[u8]) -> Case {
    Case::on(check, name).may("rootfs", "write /mine").runs(unpacked(archive))
}

fn of(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, to) in entries {
        let content: &[u8] = if kind.is_file() { b"evil" } else { b"" };
        entry(&mut archive, name, *kind, to, content);
    }
    archive.resize(archive.len() + 1024, 0);
    archive
}

/// More entries than one call applies, in some kilobytes.
fn bomb() -> Vec<u8> {
    let mut one = Vec::new();
    entry(&mut one, "f", tar::EntryType::Regular, "", b"");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..70_000 {
        // Into memory: it cannot fail.
        let _ = packed.write_all(&one);
    }
    packed.finish().unwrap_or_default()
}

pub(crate) fn all() -> Vec<Case> {
    use tar::EntryType as Kind;
    vec![
        case(
            Check::ArchiveClimb,
            "an_archive_whose_name_climbs",
            &of(&[("../../evil", Kind::Regular, "")]),
        )
        .says("`../../evil` in the archive has `..` in it")
        .second_wall("is outside of what it may write"),
        case(
            Check::ArchiveClimb,
            "an_archive_whose_hard_link_climbs",
            &of(&[("f", Kind::Link, "../../evil")]),
        )
        .says("`../../evil` in the archive has `..` in it")
        .second_wall("is outside of what it may write"),
        case(Check::ArchiveKind, "an_archive_with_a_device", &of(&[("sda", Kind::Block, "")]))
            .says("is neither a file, a folder nor a link"),
        case(
            Check::RootfsScope,
            "an_archive_that_writes_through_its_own_link",
            &of(&[("l", Kind::Symlink, "/"), ("l/evil", Kind::Regular, "")]),
        )
        .says("`/evil` is outside of what it may write"),
        case(Check::ArchiveEntries, "an_archive_of_seventy_thousand_files", &bomb())
            .says("the archive has more than 65536 entries")
            // As many descriptors are held as there are changes to be undone.
            .otherwise(),
        Case::held_by("flate2", "an_archive_that_is_none")
            .may("rootfs", "write /mine")
            .runs(unpacked(&[&[0x1f, 0x8b], [0xff; 64].as_slice()].concat()))
            .says("the archive cannot be read"),
    ]
}
