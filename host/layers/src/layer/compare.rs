//! What two layers say otherwise that the same action made.

use std::collections::HashMap;

use super::inode::{Bound, Inode, Kind, Time};
use super::manifest::Manifest;
use super::names::{Dentries, Dentry, place};

/// What a layer says of a name; none of a folder that is only on the way.
type Said<'a> = Option<Option<&'a Inode>>;

/// A name of which two layers say different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Otherwise {
    /// Where.
    pub path: Vec<u8>,
    /// Bytes of the regular file that it is by the other layer.
    pub size: Option<u64>,
}

/// Of what two layers say different things, in no order and `most` of it at most. Moments behind
/// `youngest`, in seconds since 1970, are all one: nothing in an image is younger.
#[must_use]
pub fn differing(one: &Manifest, other: &Manifest, youngest: i64, most: usize) -> Vec<Otherwise> {
    let mut names: Dentries<[Said<'_>; 2]> = Dentries::default();
    let mut known: HashMap<(u32, &[u8]), u32> = HashMap::new();
    for (which, manifest) in [one, other].into_iter().enumerate() {
        let mut places = Vec::with_capacity(manifest.names().len());
        for (at, dentry) in manifest.names().iter() {
            // The root is in no folder.
            let parent = places.get(dentry.parent as usize).copied();
            let key = (parent.map_or(u32::MAX, |parent| parent), &dentry.name[..]);
            let next = place(names.len());
            let there = *known.entry(key).or_insert(next);
            if there == next {
                names.push(parent.unwrap_or(0), dentry.name.clone(), [None, None]);
            }
            let mut said = names.get(there).of;
            said[which] = match manifest.names().get(at).of {
                Bound::Passed => None,
                Bound::Deleted => Some(None),
                Bound::Inode(inode) => Some(Some(manifest.inode(inode))),
            };
            names.set(there, said);
            places.push(there);
        }
    }
    let differs = |(_, dentry): &(u32, &Dentry<[Said<'_>; 2]>)| match dentry.of {
        [Some(Some(one)), Some(Some(other))] => !is_same(one, other, youngest),
        [one, other] => one != other,
    };
    let size = |dentry: &Dentry<[Said<'_>; 2]>| match dentry.of[1] {
        Some(Some(Inode { kind: Kind::File(content), .. })) => Some(content.size),
        _ => None,
    };
    let otherwise =
        |(at, dentry): (u32, &_)| Otherwise { path: names.path(at), size: size(dentry) };
    names.iter().filter(differs).take(most).map(otherwise).collect()
}

fn is_same(one: &Inode, other: &Inode, youngest: i64) -> bool {
    let clamped = |inode: &Inode| {
        let most = Time { seconds: youngest, nanoseconds: 0 };
        Inode { mtime: inode.mtime.min(most), ..inode.clone() }
    };
    clamped(one) == clamped(other)
}
