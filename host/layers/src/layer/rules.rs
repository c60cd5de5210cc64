//! What every manifest holds to, so that what restores one need not ask. A manifest may come from a
//! registry: nothing in it is taken for granted, and there is one way only to say a thing.

use std::collections::HashSet;

use dibhost_check::Check;

use super::attributes::MOST_XATTR;
use super::error::ManifestError;
use super::inode::{Bound, Bytes, CHUNK, Content, Frame, Inode, Kind, Xattr};
use super::names::{DEEPEST, Dentries, Dentry, wrong_name};

/// The most bytes of a frame, decompressed. A frame is closed as soon as it has four MiB, and the
/// last chunk has that many at most.
pub(super) const MOST_PLAIN: u64 = 2 * CHUNK;

/// The most bytes of a frame as it lies in the pack: what zstd makes of noise, generously.
const MOST_COMPRESSED: u64 = MOST_PLAIN + MOST_PLAIN / 64;

/// The longest link that Linux has.
const LONGEST_LINK: usize = 4095;

/// The largest file that Linux has.
const LARGEST: u64 = i64::MAX.cast_unsigned();

/// What a manifest is made of.
pub(super) struct Said<'a> {
    /// Whether there is a layer below.
    pub(super) below: bool,
    pub(super) inodes: &'a [Inode],
    pub(super) names: &'a Dentries<Bound>,
    pub(super) frames: &'a [Frame],
}

impl Said<'_> {
    /// Holds it to all rules; bytes of files may be `most` together.
    pub(super) fn check(&self, most: u64) -> Result<(), ManifestError> {
        self.check_names()?;
        for inode in self.inodes {
            if let Some(what) = wrong_inode(inode) {
                return Err(self.wrong_inode(inode, what));
            }
        }
        let written = self.contents().flat_map(|content| &content.chunks);
        let written = written.fold(0, |sum: u64, c| sum.saturating_add(c.bytes.length.into()));
        if written > most {
            return Err(ManifestError::TooLarge { what: "more content", most });
        }
        self.check_frames()
    }

    fn contents(&self) -> impl Iterator<Item = &Content> {
        self.inodes.iter().filter_map(|inode| match &inode.kind {
            Kind::File(content) => Some(content),
            _ => None,
        })
    }

    fn wrong_inode(&self, inode: &Inode, what: &str) -> ManifestError {
        let named = self.names.iter().find(|(_, dentry)| match dentry.of {
            Bound::Inode(at) => std::ptr::eq(&raw const self.inodes[at as usize], inode),
            _ => false,
        });
        wrong(format!("{} {what}", self.names.shown(named.map_or(0, |(at, _)| at))))
    }

    /// Each name is in a folder, behind its sibling; each inode has a name, and a folder one only.
    fn check_names(&self) -> Result<(), ManifestError> {
        // The folders from the root down to the last name, each with the last name in it.
        let mut way: Vec<(u32, Option<&[u8]>)> = Vec::new();
        let mut named = 0;
        for (at, dentry) in self.names.iter() {
            let root = at == 0;
            let what = if root { self.wrong_root(dentry) } else { self.step(&mut way, dentry) };
            let what = what.or_else(|| self.wrong_bound(dentry.of, &mut named));
            if let Some(what) = what {
                // The name itself may be what is wrong, but the folder was looked at.
                let folder = self.names.shown(if dentry.parent < at { dentry.parent } else { 0 });
                return Err(wrong(format!("a name in {folder} {what}")));
            }
            if self.is_folder(dentry.of) {
                way.push((at, None));
            }
        }
        if self.names.len() == 0 {
            return Err(wrong("it has no root".to_owned()));
        }
        if named as usize != self.inodes.len() {
            return Err(wrong("it has inodes without a name".to_owned()));
        }
        self.passed_by_nothing()
    }

    fn wrong_root(&self, root: &Dentry<Bound>) -> Option<&'static str> {
        let alone = root.parent == 0 && root.name.is_empty();
        (!alone || !self.is_folder(root.of)).then_some("is no root")
    }

    fn step<'a>(
        &self,
        way: &mut Vec<(u32, Option<&'a [u8]>)>,
        dentry: &'a Dentry<Bound>,
    ) -> Option<&'static str> {
        while way.last().is_some_and(|(folder, _)| *folder != dentry.parent) {
            way.pop();
        }
        let depth = way.len();
        let Some((_, last)) = way.last_mut() else {
            return Some("is in no folder, or not told with what is in it");
        };
        if depth > DEEPEST + 1 {
            return Some("is too deep");
        }
        if last.is_some_and(|last| last >= &dentry.name[..]) {
            return Some("is not behind the one before it");
        }
        *last = Some(&dentry.name);
        wrong_name(&dentry.name).filter(|_| Check::LayerNames.holds())
    }

    fn wrong_bound(&self, bound: Bound, named: &mut u32) -> Option<&'static str> {
        match bound {
            Bound::Passed | Bound::Deleted if !self.below => Some("is of a layer below none"),
            Bound::Passed | Bound::Deleted => None,
            Bound::Inode(at) if at as usize >= self.inodes.len() => Some("has no inode"),
            Bound::Inode(at) if at == *named => {
                *named += 1;
                None
            }
            Bound::Inode(at) if at > *named => Some("has an inode that is not the next one"),
            Bound::Inode(_) if self.is_folder(bound) => Some("is a second one of a folder"),
            Bound::Inode(_) => None,
        }
    }

    fn is_folder(&self, bound: Bound) -> bool {
        match bound {
            Bound::Passed => true,
            Bound::Deleted => false,
            Bound::Inode(at) => {
                self.inodes.get(at as usize).is_some_and(|inode| inode.kind == Kind::Folder)
            }
        }
    }

    /// A folder other than the root is passed for something in it only.
    fn passed_by_nothing(&self) -> Result<(), ManifestError> {
        let mut next = self.names.iter().skip(1).map(|(_, dentry)| dentry.parent);
        for (at, dentry) in self.names.iter() {
            let into = next.next() == Some(at);
            if at != 0 && dentry.of == Bound::Passed && !into {
                let shown = self.names.shown(at);
                return Err(wrong(format!("{shown} is passed, and nothing said of what is in it")));
            }
        }
        Ok(())
    }

    /// What the pack has is what files here need and layers below did not have, each once and in
    /// the order of need.
    fn check_frames(&self) -> Result<(), ManifestError> {
        let mut held = HashSet::new();
        for frame in self.frames {
            let plain =
                frame.holds.iter().try_fold(0_u64, |sum, b| sum.checked_add(b.length.into()));
            let plain = plain.filter(|plain| (1..=MOST_PLAIN).contains(plain));
            if plain.is_none() || !(1..=MOST_COMPRESSED).contains(&u64::from(frame.length)) {
                return Err(wrong("a frame is empty or too large".to_owned()));
            }
            for bytes in &frame.holds {
                if wrong_length(*bytes) || !held.insert(bytes.sha256) {
                    return Err(wrong("a frame holds the same twice, or nothing".to_owned()));
                }
            }
        }
        let mut stored = self.frames.iter().flat_map(|frame| &frame.holds).peekable();
        let mut seen = HashSet::new();
        for chunk in self.contents().flat_map(|content| &content.chunks) {
            if seen.contains(&chunk.bytes) {
                continue;
            }
            if stored.next_if_eq(&&chunk.bytes).is_some() {
                seen.insert(chunk.bytes);
            } else if !self.below || held.contains(&chunk.bytes.sha256) {
                return Err(wrong("a file has content that is not kept in its order".to_owned()));
            }
        }
        match stored.next() {
            Some(_) => Err(wrong("a frame holds what no file has".to_owned())),
            None => Ok(()),
        }
    }
}

fn wrong(what: String) -> ManifestError {
    ManifestError::Wrong { what }
}

fn wrong_length(bytes: Bytes) -> bool {
    !(1..=CHUNK).contains(&u64::from(bytes.length))
}

fn wrong_inode(inode: &Inode) -> Option<&'static str> {
    if inode.mode > 0o7777 {
        return Some("has a mode that is none");
    }
    // To the kernel that number says to leave the owner as it is.
    if inode.uid == u32::MAX || inode.gid == u32::MAX {
        return Some("has an owner that is none");
    }
    if inode.mtime.nanoseconds >= 1_000_000_000 {
        return Some("has a time that is none");
    }
    if !inode.xattrs.iter().all(is_xattr) || !inode.xattrs.is_sorted_by(|a, b| a.0 < b.0) {
        return Some("has extended attributes that are none, or not in their order");
    }
    match &inode.kind {
        Kind::Symlink(to) if to.is_empty() || to.len() > LONGEST_LINK || to.contains(&0) => {
            Some("is a link that says nothing, or too much")
        }
        Kind::Symlink(_) if inode.mode != 0o777 => Some("is a link with a mode"),
        Kind::File(content) => wrong_content(content),
        _ => None,
    }
}

fn is_xattr((name, value): &Xattr) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(&0) && value.len() <= MOST_XATTR
}

fn wrong_content(content: &Content) -> Option<&'static str> {
    let mut end = 0;
    for chunk in &content.chunks {
        let after = chunk.offset.checked_add(chunk.bytes.length.into());
        let within = after.filter(|after| *after <= content.size && chunk.offset >= end);
        let Some(after) = within.filter(|_| !wrong_length(chunk.bytes)) else {
            return Some("has content that overlaps or is beyond its end");
        };
        end = after;
    }
    (content.size > LARGEST).then_some("is larger than any file")
}
