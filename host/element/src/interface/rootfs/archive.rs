//! Files and trees of the target as one blob, and back.

use std::collections::BTreeSet;
use std::io::Read;

use dibhost_check::Check;
use dibhost_tree::{Attributes, Change, Kind, Scope, Stat, Target, TargetError, TargetPath, Walk};
use flate2::read::GzDecoder;

use crate::limits::{CALL_BYTES, CHANGES};
use crate::refusal::Refusal;

/// A file's bytes, or a folder as a tar archive with names below it. None: larger than `room`.
pub(super) fn capture(
    target: &mut dyn Target,
    scope: &Scope,
    path: &TargetPath,
    room: u64,
) -> Result<Option<Vec<u8>>, TargetError> {
    // `read` follows symbolic links and `stat` does not, so a link is read as a file.
    let stat = target.stat(scope, path)?.ok_or_else(|| TargetError::NotFound(path.to_string()))?;
    match stat.kind {
        Kind::File | Kind::Symlink => read_all(target, scope, path, room),
        Kind::Directory => pack(target, scope, path, room),
        _ => Err(TargetError::Invalid(format!("`{path}` is neither a file nor a folder"))),
    }
}

fn read_all(
    target: &mut dyn Target,
    scope: &Scope,
    path: &TargetPath,
    room: u64,
) -> Result<Option<Vec<u8>>, TargetError> {
    let mut content = Vec::new();
    loop {
        let part = target.read(scope, path, content.len() as u64, CALL_BYTES as u64)?;
        if part.is_empty() {
            return Ok(Some(content));
        }
        content.extend_from_slice(&part);
        if content.len() as u64 > room {
            return Ok(None);
        }
    }
}

fn pack(
    target: &mut dyn Target,
    scope: &Scope,
    path: &TargetPath,
    room: u64,
) -> Result<Option<Vec<u8>>, TargetError> {
    let spoilt = |e: std::io::Error| TargetError::Invalid(format!("packing `{path}`: {e}"));
    let mut archive = tar::Builder::new(Vec::new());
    let mut last: Option<TargetPath> = None;
    loop {
        let walk = Walk { recursive: true };
        let entries = target.walk(scope, path, walk, last.as_ref(), 1024)?;
        let Some(end) = entries.last() else { break };
        last = Some(end.path.clone());
        for entry in entries {
            if archive.get_ref().len() as u64 > room {
                return Ok(None);
            }
            let name = entry.path.as_str().strip_prefix(path.as_str()).unwrap_or_default();
            let name = name.trim_start_matches('/');
            if name.is_empty() {
                continue;
            }
            let mut header = header_of(&entry.stat);
            match entry.stat.kind {
                Kind::File => {
                    let used = archive.get_ref().len() as u64;
                    let Some(content) =
                        read_all(target, scope, &entry.path, room.saturating_sub(used))?
                    else {
                        return Ok(None);
                    };
                    header.set_size(content.len() as u64);
                    archive.append_data(&mut header, name, content.as_slice()).map_err(spoilt)?;
                }
                Kind::Directory => {
                    header.set_entry_type(tar::EntryType::Directory);
                    archive.append_data(&mut header, name, std::io::empty()).map_err(spoilt)?;
                }
                Kind::Symlink => {
                    header.set_entry_type(tar::EntryType::Symlink);
                    let to = entry.stat.link_target.as_deref().unwrap_or_default();
                    archive.append_link(&mut header, name, to).map_err(spoilt)?;
                }
                // Devices, pipes and sockets have no content to keep.
                _ => {}
            }
        }
    }
    let packed = archive.into_inner().map_err(spoilt)?;
    Ok((packed.len() as u64 <= room).then_some(packed))
}

fn header_of(stat: &Stat) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_mode(stat.mode);
    header.set_uid(stat.uid.into());
    header.set_gid(stat.gid.into());
    header.set_mtime(u64::try_from(stat.modified).unwrap_or(0));
    header.set_size(0);
    header
}

/// The changes that unpack a tar archive, plain or by gzip, below `path`; `strip` leading
/// components are taken off each name. None: the files hold more than `room`.
pub(super) fn unpack(
    archive: &[u8],
    path: &TargetPath,
    strip: u32,
    room: u64,
) -> Result<Option<Vec<Change>>, Refusal> {
    match archive {
        [0x1f, 0x8b, ..] => {
            // Headers, which are read whole, come on top of the files.
            let most = room.saturating_add(HEADERS);
            entries(GzDecoder::new(archive).take(most), path, strip, room)
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0xfd, b'7', b'z', ..] | [b'B', b'Z', b'h', ..] => {
            Err(Refusal::unsupported(
                "the archive is packed by zstd, xz or bzip2; only tar and tar.gz are unpacked yet",
            ))
        }
        _ => entries(archive, path, strip, room),
    }
}

/// Bytes of the headers and paddings of [`CHANGES`] entries.
const HEADERS: u64 = CHANGES as u64 * 2048;

fn entries(
    archive: impl Read,
    path: &TargetPath,
    strip: u32,
    room: u64,
) -> Result<Option<Vec<Change>>, Refusal> {
    let spoilt = |e: std::io::Error| Refusal::invalid(format!("the archive cannot be read: {e}"));
    let mut changes =
        vec![Change::MakeDirectory { path: path.clone(), attributes: Attributes::default() }];
    // Many archives name files alone.
    let mut folders = BTreeSet::from([path.as_str().to_owned()]);
    let mut archive = tar::Archive::new(archive);
    let mut left = room;
    for entry in archive.entries().map_err(spoilt)? {
        let mut entry = entry.map_err(spoilt)?;
        // What is said of all entries (`git archive` says the commit) is no entry.
        if entry.header().entry_type() == tar::EntryType::XGlobalHeader {
            continue;
        }
        let Some(at) = place(path, &entry.path_bytes(), strip)? else { continue };
        if Check::ArchiveEntries.holds() && changes.len() >= CHANGES {
            return Err(Refusal::limit(format!("the archive has more than {CHANGES} entries")));
        }
        let number = |n: std::io::Result<u64>| n.map(|n| Some(n.to_string())).map_err(spoilt);
        let attributes = Attributes {
            mode: Some(entry.header().mode().map_err(spoilt)? & 0o7777),
            owner: number(entry.header().uid())?,
            group: number(entry.header().gid())?,
            xattrs: Vec::new(),
        };
        if let Some((folder, _)) = at.as_str().rsplit_once('/')
            && !entry.header().entry_type().is_dir()
            && !folder.is_empty()
            && folders.insert(folder.to_owned())
        {
            let (path, attributes) = (TargetPath::new(folder)?, Attributes::default());
            changes.push(Change::MakeDirectory { path, attributes });
        }
        let link = entry.link_name_bytes().map(|l| text(&l)).transpose()?;
        match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => {
                let mut content = Vec::new();
                let most = left.saturating_add(1);
                entry.by_ref().take(most).read_to_end(&mut content).map_err(spoilt)?;
                let Some(rest) = left.checked_sub(content.len() as u64) else { return Ok(None) };
                left = rest;
                changes.push(Change::Write { path: at, content, attributes });
            }
            tar::EntryType::Directory => {
                folders.insert(at.as_str().to_owned());
                changes.push(Change::MakeDirectory { path: at, attributes });
            }
            tar::EntryType::Symlink => {
                changes.push(Change::Symlink { path: at, to: link.unwrap_or_default() });
            }
            tar::EntryType::Link => {
                let source = place(path, link.unwrap_or_default().as_bytes(), strip)?;
                let source = source.ok_or_else(|| {
                    Refusal::invalid(format!("the hard link `{at}` leads out of the archive"))
                })?;
                changes.push(Change::HardLink { source, destination: at });
            }
            kind if Check::ArchiveKind.holds() => {
                return Err(Refusal::invalid(format!(
                    "`{at}` in the archive is neither a file, a folder nor a link ({kind:?})"
                )));
            }
            _ => {}
        }
    }
    Ok(Some(changes))
}

/// Where an entry goes; none when nothing of its name is left. A name cannot climb.
fn place(path: &TargetPath, name: &[u8], strip: u32) -> Result<Option<TargetPath>, Refusal> {
    let name = text(name)?;
    let parts: Vec<_> =
        name.split('/').filter(|c| !c.is_empty() && *c != ".").skip(strip as usize).collect();
    if Check::ArchiveClimb.holds() && parts.contains(&"..") {
        return Err(Refusal::invalid(format!(
            "`{}` in the archive has `..` in it",
            dibhost_text::harmless(&name, 200)
        )));
    }
    if parts.is_empty() { Ok(None) } else { Ok(Some(path.join(&parts.join("/"))?)) }
}

fn text(bytes: &[u8]) -> Result<String, Refusal> {
    String::from_utf8(bytes.to_vec())
        .map_err(|_| Refusal::invalid("a name in the archive is no UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::XGlobalHeader);
        header.set_size(19);
        archive
            .append_data(&mut header, "pax_global_header", &b"19 comment=0123456\n"[..])
            .unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o750);
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(2);
        archive.append_data(&mut header.clone(), "top/bin/x", &b"hi"[..]).unwrap();
        header.set_size(0);
        header.set_entry_type(tar::EntryType::Link);
        archive.append_link(&mut header.clone(), "top/y", "top/bin/x").unwrap();
        header.set_entry_type(tar::EntryType::Symlink);
        archive.append_link(&mut header, "top/z", "/etc/passwd").unwrap();
        archive.into_inner().unwrap()
    }

    #[test]
    fn an_archive_becomes_changes_below_its_place() {
        let path = TargetPath::new("/opt").unwrap();
        let plain = unpack(&archive(), &path, 1, 2).unwrap().unwrap();
        let at = |p: &str| TargetPath::new(p).unwrap();
        let made =
            Change::MakeDirectory { path: at("/opt/bin"), attributes: Attributes::default() };
        assert_eq!((plain.len(), &plain[1]), (5, &made));
        assert_eq!(
            plain[2],
            Change::Write {
                path: at("/opt/bin/x"),
                content: b"hi".to_vec(),
                attributes: Attributes {
                    mode: Some(0o750),
                    owner: Some("7".into()),
                    group: Some("8".into()),
                    xattrs: vec![],
                },
            }
        );
        assert_eq!(
            plain[3],
            Change::HardLink { source: at("/opt/bin/x"), destination: at("/opt/y") }
        );
        assert_eq!(plain[4], Change::Symlink { path: at("/opt/z"), to: "/etc/passwd".into() });

        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&archive()).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(unpack(&packed, &path, 1, 2).unwrap().unwrap(), plain);
        assert_eq!(unpack(&packed, &path, 1, 1).unwrap(), None);
    }

    #[test]
    fn an_archive_cannot_climb() {
        let path = TargetPath::new("/opt").unwrap();
        assert!(place(&path, b"a/../../etc/passwd", 0).is_err());
        assert_eq!(place(&path, b"./a", 1).unwrap(), None);
        assert!(unpack(b"\xfd7zXZ\0rest", &path, 0, 9).is_err());
    }
}
