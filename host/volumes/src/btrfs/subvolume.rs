//! Subvolumes and their paths.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::read::{Reader, Root, broken};
use super::tree::Key;
use super::types::{BtrfsBudget, BtrfsError, MOST_SUBVOLUMES, Subvolume, Subvolumes};
use crate::bytes::{array, le16, le64};
use crate::medium::Medium;

const INODE_REF: u8 = 12;
const DIR_ITEM: u8 = 84;
const ROOT_ITEM: u8 = 132;
const ROOT_BACKREF: u8 = 144;
/// The subvolume that is there always: the top level.
const TOP: u64 = 5;
/// The numbers of all others.
const NUMBERS: std::ops::RangeInclusive<u64> = 256..=u64::MAX - 256;
/// The root folder of every subvolume.
const ROOT_FOLDER: u64 = 256;
/// Bytes of a `ROOT_ITEM` up to its level; old kernels write no more.
const ITEM_LEAST: usize = 239;
const READ_ONLY: u64 = 1;
/// Bytes of a path: what Linux takes.
const PATH_MOST: usize = 4096;

/// A subvolume's own tree, and where it is.
struct Found {
    root: Root,
    flags: u64,
    uuid: Uuid,
    parent: Uuid,
    /// The subvolume it is in, the folder of that, and its name there.
    at: Option<(u64, u64, Vec<u8>)>,
}

/// Reads which subvolumes a filesystem on one device has. Those that were deleted, and whose files are
/// still being removed, are none.
///
/// # Errors
/// When something is broken or not known, or `budget` is used up.
pub fn subvolumes(medium: &dyn Medium, budget: &mut BtrfsBudget) -> Result<Subvolumes, BtrfsError> {
    let mut reader = Reader::new(medium, budget)?;
    let mut found: BTreeMap<u64, Found> = BTreeMap::new();
    let all = |of, kind| Key { of, kind, offset: 0 }..=Key { of, kind, offset: u64::MAX };
    let root_tree = reader.root_tree;
    let others =
        Key { of: *NUMBERS.start(), ..Key::FIRST }..=Key { of: *NUMBERS.end(), ..Key::LAST };
    for keys in [all(TOP, ROOT_ITEM), others] {
        reader.walk(root_tree, &keys, &mut |key, item| take(&mut found, key, item))?;
    }
    let mut default = TOP;
    let folder = all(reader.root_folder, DIR_ITEM);
    reader.walk(root_tree, &folder, &mut |_, item| {
        let name = item.get(30..).and_then(|rest| rest.get(..usize::from(le16(item, 27))));
        if name == Some(&b"default"[..]) {
            default = Key::read(item).of;
        }
        Ok(())
    })?;
    let mut folders = Folders { known: BTreeMap::new() };
    let mut subvolumes = Vec::new();
    for (id, one) in &found {
        if *id == TOP {
            continue;
        }
        // Where it, or one that it is in, was deleted, it is going.
        let Some(path) = path_of(&mut reader, &found, &mut folders, *id)? else { continue };
        subvolumes.push(Subvolume {
            id: *id,
            path,
            uuid: one.uuid,
            default: *id == default,
            read_only: one.flags & READ_ONLY != 0,
            snapshot: !one.parent.is_nil(),
        });
    }
    subvolumes.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Subvolumes { found: subvolumes, damage: reader.damage })
}

fn take(found: &mut BTreeMap<u64, Found>, key: &Key, item: &[u8]) -> Result<(), BtrfsError> {
    let of = key.of;
    match key.kind {
        ROOT_ITEM if item.len() >= ITEM_LEAST => {
            // The top level is one more.
            if found.len() > MOST_SUBVOLUMES && !found.contains_key(&of) {
                return Err(broken(format!("it has more than {MOST_SUBVOLUMES} subvolumes")));
            }
            let uuid = |at| Uuid::from_bytes(array(item, at));
            let root = Root { at: le64(item, 176), level: item[238] };
            let (flags, uuid, parent) = (le64(item, 208), uuid(247), uuid(263));
            found.insert(of, Found { root, flags, uuid, parent, at: None });
            Ok(())
        }
        ROOT_ITEM => Err(broken(format!("what tells of subvolume {of} is cut off"))),
        ROOT_BACKREF => {
            let name = name(item, 16, 18);
            let name = name.ok_or_else(|| broken(format!("subvolume {of} has no name")))?;
            // Without a tree of its own it is none any more.
            if let Some(one) = found.get_mut(&of) {
                one.at = Some((key.offset, le64(item, 0), name));
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// A name with its length before it; one that a file can have.
fn name(item: &[u8], length: usize, at: usize) -> Option<Vec<u8>> {
    let name = item.get(at..)?.get(..usize::from(le16(item, length)))?;
    let fine = !name.is_empty() && !name.contains(&b'/') && !name.contains(&0);
    fine.then(|| name.to_vec())
}

/// Where a subvolume is, from the top level; none: not below it.
fn path_of(
    reader: &mut Reader<'_>,
    found: &BTreeMap<u64, Found>,
    folders: &mut Folders,
    id: u64,
) -> Result<Option<Vec<u8>>, BtrfsError> {
    // From the last name to the first.
    let mut parts: Vec<Vec<u8>> = Vec::new();
    let mut at = id;
    let mut length = 0;
    while at != TOP {
        let Some((parent, folder, name)) = found.get(&at).and_then(|one| one.at.as_ref()) else {
            return Ok(None);
        };
        let Some(of) = found.get(parent) else { return Ok(None) };
        let above = folders.path(reader, *parent, of.root, *folder)?;
        length += name.len() + above.len() + 2;
        if length > PATH_MOST {
            return Err(broken(format!("subvolume {id} lies in itself, or too deep")));
        }
        parts.push(name.clone());
        if !above.is_empty() {
            parts.push(above);
        }
        at = *parent;
    }
    parts.reverse();
    Ok(Some(parts.join(&b'/')))
}

/// Paths of folders in their subvolumes, once they are known.
struct Folders {
    known: BTreeMap<(u64, u64), Vec<u8>>,
}

impl Folders {
    /// The path of a folder of a subvolume: empty, of its root.
    fn path(
        &mut self,
        reader: &mut Reader<'_>,
        subvolume: u64,
        root: Root,
        folder: u64,
    ) -> Result<Vec<u8>, BtrfsError> {
        if let Some(known) = self.known.get(&(subvolume, folder)) {
            return Ok(known.clone());
        }
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let (mut at, mut length) = (folder, 0);
        while at != ROOT_FOLDER {
            let keys = Key { of: at, kind: INODE_REF, offset: 0 }..=Key {
                of: at,
                kind: INODE_REF,
                offset: u64::MAX,
            };
            let mut above = None;
            reader.walk(root, &keys, &mut |key, item| {
                above = name(item, 8, 10).map(|name| (key.offset, name));
                Ok(())
            })?;
            let Some((parent, name)) = above else {
                return Err(broken(format!("folder {at} of subvolume {subvolume} has no name")));
            };
            // No name is empty: it ends.
            length += name.len() + 1;
            if length > PATH_MOST {
                let why = format!("folder {folder} of subvolume {subvolume} lies in itself");
                return Err(broken(why));
            }
            parts.push(name);
            at = parent;
        }
        parts.reverse();
        let path = parts.join(&b'/');
        self.known.insert((subvolume, folder), path.clone());
        Ok(path)
    }
}
