//! Blocks of trees, and what they hold.

use crate::bytes::{le32, le64};

/// Bytes before the entries of a block.
const HEADER: usize = 101;
/// Bytes of what tells of a leaf's item, and of a child.
const ITEM: usize = 25;
const CHILD: usize = 33;

/// What an item is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// What it is of: an object's number.
    pub(super) of: u64,
    /// Its type.
    pub(super) kind: u8,
    pub(super) offset: u64,
}

impl Key {
    pub(super) const BYTES: usize = 17;
    pub(super) const FIRST: Self = Self { of: 0, kind: 0, offset: 0 };
    pub(super) const LAST: Self = Self { of: u64::MAX, kind: u8::MAX, offset: u64::MAX };

    /// From its bytes; those that are missing are zeros.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let kind = bytes.get(8).copied().unwrap_or_default();
        Self { of: le64(bytes, 0), kind, offset: le64(bytes, 9) }
    }

    /// The key before it.
    pub(super) fn before(self) -> Self {
        let Self { of, kind, offset } = self;
        match (of, kind, offset) {
            (_, _, 1..) => Self { offset: offset - 1, ..self },
            (_, 1.., 0) => Self { kind: kind - 1, offset: u64::MAX, of },
            (1.., 0, 0) => Self { of: of - 1, ..Self::LAST },
            (0, 0, 0) => self,
        }
    }
}

/// A block that was checked.
pub(super) struct Block {
    bytes: Vec<u8>,
    pub(super) count: usize,
}

impl Block {
    /// Checks the entries of a block.
    pub(super) fn new(bytes: Vec<u8>) -> Result<Self, String> {
        let block = Self { count: le32(&bytes, 96) as usize, bytes };
        let entry = if block.level() == 0 { ITEM } else { CHILD };
        if block.count > (block.bytes.len() - HEADER) / entry {
            return Err(format!("it has {} entries, more than fit", block.count));
        }
        if (1..block.count).any(|at| block.key(at - 1) >= block.key(at)) {
            return Err("its keys do not rise".to_owned());
        }
        if block.level() == 0 && (0..block.count).any(|at| block.item(at).is_none()) {
            return Err("one of its items lies beyond it".to_owned());
        }
        if block.level() > 0 && block.count == 0 {
            return Err("nothing is below it".to_owned());
        }
        Ok(block)
    }

    pub(super) fn level(&self) -> u8 {
        self.bytes[100]
    }

    pub(super) fn entry(&self, at: usize) -> &[u8] {
        let size = if self.level() == 0 { ITEM } else { CHILD };
        &self.bytes[HEADER + at * size..][..size]
    }

    pub(super) fn key(&self, at: usize) -> Key {
        Key::read(self.entry(at))
    }

    pub(super) fn item(&self, at: usize) -> Option<&[u8]> {
        let entry = self.entry(at);
        let (offset, size) = (le32(entry, 17) as usize, le32(entry, 21) as usize);
        self.bytes.get(HEADER.checked_add(offset)?..)?.get(..size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_before_another() {
        let key = |of, kind, offset| Key { of, kind, offset };
        assert_eq!(key(5, 7, 9).before(), key(5, 7, 8));
        assert_eq!(key(5, 7, 0).before(), key(5, 6, u64::MAX));
        assert_eq!(key(5, 0, 0).before(), key(4, 255, u64::MAX));
        assert_eq!(Key::FIRST.before(), Key::FIRST);
    }
}
