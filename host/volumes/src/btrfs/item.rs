//! The items of all subvolumes' trees.

use std::collections::BTreeMap;

use super::read::{Reader, Root, broken};
use super::tree::Key;
use super::types::{BtrfsBudget, BtrfsError, MOST_SUBVOLUMES};
use crate::bytes::le64;
use crate::medium::Medium;

const ROOT_ITEM: u8 = 132;
/// The subvolume that is there always, and the numbers of all others.
const TOP: u64 = 5;
const NUMBERS: std::ops::RangeInclusive<u64> = 256..=u64::MAX - 256;
/// Bytes of a `ROOT_ITEM` up to its level.
const ITEM_LEAST: usize = 239;

/// An item of a subvolume's tree.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The subvolume.
    pub tree: u64,
    /// The object that it tells of.
    pub of: u64,
    /// Its type.
    pub kind: u8,
    /// What it says.
    pub bytes: &'a [u8],
}

/// Calls with all items of all subvolumes' trees, until it is told to stop.
///
/// # Errors
/// When something is broken or not known, or `budget` is used up.
pub fn items(
    medium: &dyn Medium,
    budget: &mut BtrfsBudget,
    each: &mut dyn FnMut(Item<'_>) -> bool,
) -> Result<(), BtrfsError> {
    let mut reader = Reader::new(medium, budget)?;
    let mut roots: BTreeMap<u64, Root> = BTreeMap::new();
    let root_tree = reader.root_tree;
    let keys = Key { of: TOP, ..Key::FIRST }..=Key { of: *NUMBERS.end(), ..Key::LAST };
    reader.walk(root_tree, &keys, &mut |key, item| {
        let is_subvolume = key.of == TOP || NUMBERS.contains(&key.of);
        if key.kind != ROOT_ITEM || !is_subvolume {
            return Ok(());
        }
        if item.len() < ITEM_LEAST || roots.len() > MOST_SUBVOLUMES {
            return Err(broken("what tells of its subvolumes is cut off, or too much"));
        }
        roots.insert(key.of, Root { at: le64(item, 176), level: item[238] });
        Ok(())
    })?;
    let mut goes_on = true;
    for (tree, root) in roots {
        let all = Key::FIRST..=Key::LAST;
        reader
            .walk(root, &all, &mut |key, bytes| {
                goes_on = goes_on && each(Item { tree, of: key.of, kind: key.kind, bytes });
                match goes_on {
                    true => Ok(()),
                    false => Err(broken("it was not read to its end")),
                }
            })
            .or_else(|error| if goes_on { Err(error) } else { Ok(()) })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}
