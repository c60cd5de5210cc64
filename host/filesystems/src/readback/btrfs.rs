//! Btrfs, of all its subvolumes, as far as names and inodes.

use std::collections::HashMap;

use super::types::{EachChild, Inode, ReadbackError, Volume, broken, kind_of};
use dibhost_volumes::Medium;
use dibhost_volumes::btrfs::{BtrfsBudget, BtrfsError, Item, items};
use dibhost_volumes::bytes::{le16, le32, le64};

const INODE_ITEM: u8 = 1;
const DIR_INDEX: u8 = 96;
const ROOT_ITEM: u8 = 132;
/// The subvolume that is there always, and the root folder of each.
const TOP: u64 = 5;
const ROOT_FOLDER: u64 = 256;
impl From<BtrfsError> for ReadbackError {
    fn from(error: BtrfsError) -> Self {
        match error {
            BtrfsError::Unknown(why) => Self::Unknown(why),
            BtrfsError::Broken(why) => Self::Broken(why),
            BtrfsError::Io(error) => Self::Io(error),
        }
    }
}

/// A name in a folder: the folder, where in all of them the name lies, and what it leads to.
struct Child {
    folder: u64,
    start: usize,
    end: usize,
    number: u64,
}

/// All names and inodes: they lie in the order of their numbers, not of their folders.
pub(super) struct Btrfs {
    /// A number for each inode of each subvolume, in the order in which they are met.
    numbers: HashMap<(u64, u64), u64>,
    inodes: Vec<Option<Inode>>,
    root: u64,
    /// By their folders.
    children: Vec<Child>,
    names: Vec<u8>,
}

impl Btrfs {
    /// Reads its trees, of no more than so many names.
    pub(super) fn new(medium: &dyn Medium, most: u64) -> Result<Self, ReadbackError> {
        let mut budget = BtrfsBudget {
            bytes: medium.size().max(64 << 20),
            // A block is looked at once; of 4 KiB it is the smallest.
            looks: (medium.size() / 4096).saturating_add(1 << 16),
        };
        let mut read = Self {
            numbers: HashMap::new(),
            inodes: Vec::new(),
            root: 0,
            children: Vec::new(),
            names: Vec::new(),
        };
        read.root = read.number(TOP, ROOT_FOLDER);
        let mut wrong = None;
        let most = most.saturating_add(1 << 10);
        items(medium, &mut budget, &mut |item| {
            let taken = read.take(item, most);
            wrong = wrong.take().or(taken.err());
            wrong.is_none()
        })?;
        match wrong {
            Some(wrong) => Err(wrong),
            None => {
                read.children.sort_by_key(|child| child.folder);
                Ok(read)
            }
        }
    }

    fn number(&mut self, subvolume: u64, inode: u64) -> u64 {
        let next = self.inodes.len() as u64;
        let number = *self.numbers.entry((subvolume, inode)).or_insert(next);
        if number == next {
            self.inodes.push(None);
        }
        number
    }

    fn take(&mut self, item: Item<'_>, most: u64) -> Result<(), ReadbackError> {
        let bytes = item.bytes;
        match item.kind {
            INODE_ITEM if bytes.len() >= 56 && item.of >= ROOT_FOLDER => {
                let inode = Inode {
                    kind: kind_of(le32(bytes, 52))?,
                    size: le64(bytes, 16),
                    links: Some(u64::from(le32(bytes, 40))),
                };
                let number = self.number(item.tree, item.of);
                if let Some(known) =
                    usize::try_from(number).ok().and_then(|n| self.inodes.get_mut(n))
                {
                    *known = Some(inode);
                }
            }
            DIR_INDEX => {
                let length = usize::from(le16(bytes, 27));
                let name = bytes.get(30..).and_then(|name| name.get(..length));
                let name = name.ok_or_else(|| broken("a name is cut off"))?;
                // A name leads to an inode, or to the tree of another subvolume.
                let (of, kind) = (le64(bytes, 0), bytes[8]);
                let number = match kind {
                    ROOT_ITEM => self.number(of, ROOT_FOLDER),
                    _ => self.number(item.tree, of),
                };
                let (start, end) = (self.names.len(), self.names.len() + name.len());
                self.names.extend_from_slice(name);
                let folder = self.number(item.tree, item.of);
                self.children.push(Child { folder, start, end, number });
            }
            _ => {}
        }
        if self.children.len() as u64 > most || self.inodes.len() as u64 > most {
            let why = format!("it has more than {most} names, more than went in");
            return Err(ReadbackError::Differs(why));
        }
        Ok(())
    }
}

impl Volume for Btrfs {
    fn root(&self) -> u64 {
        self.root
    }

    fn inode(&mut self, number: u64) -> Result<Inode, ReadbackError> {
        let inode = usize::try_from(number).ok().and_then(|number| self.inodes.get(number));
        inode.copied().flatten().ok_or_else(|| broken("a name leads to no inode"))
    }

    fn folder(&mut self, number: u64, each: EachChild<'_>) -> Result<(), ReadbackError> {
        let start = self.children.partition_point(|child| child.folder < number);
        for child in self.children[start..].iter().take_while(|child| child.folder == number) {
            each(self.names.get(child.start..child.end).unwrap_or_default(), child.number)?;
        }
        Ok(())
    }
}
