//! What extended attributes take, on filesystems in general and on ext2, ext3 and ext4.

/// Prefixes that stand as numbers on ext2, ext3 and ext4.
pub(crate) const EXT_PREFIXES: [(&[u8], u8); 3] =
    [(b"user.", 1), (b"trusted.", 4), (b"security.", 6)];
/// Names of access control lists: numbers as a whole.
pub(crate) const EXT_LISTS: [(&[u8], u8); 2] =
    [(b"system.posix_acl_access", 2), (b"system.posix_acl_default", 3)];

/// What the extended attributes of an entry take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct XattrTotals {
    /// Names and values, each in steps of 4 bytes, and 16 bytes for each.
    pub space: u64,
    /// The same as ext2, ext3 and ext4 keep them: prefixes of names and the ids in access control lists
    /// that say nothing take no room.
    pub ext_space: u64,
    /// Bytes of the largest, its name and its value.
    pub largest: u64,
    /// Whether one of them is an access control list.
    pub acl: bool,
}

impl XattrTotals {
    /// Of names, and how many bytes the value of each has.
    pub fn of<'a>(attributes: impl IntoIterator<Item = (&'a str, usize)>) -> Self {
        let mut totals = Self::default();
        for (name, value) in attributes {
            totals.space += space(name.len(), value);
            let acl = EXT_LISTS.iter().any(|(list, _)| *list == name.as_bytes());
            totals.ext_space += match acl {
                true => space(0, ext_acl(value)),
                false => space(ext_name(name), value),
            };
            totals.largest = totals.largest.max((name.len() + value) as u64);
            totals.acl |= acl;
        }
        totals
    }
}

fn space(name: usize, value: usize) -> u64 {
    16 + name.next_multiple_of(4) as u64 + value.next_multiple_of(4) as u64
}

/// Bytes of a name behind its prefix.
fn ext_name(name: &str) -> usize {
    let rest = EXT_PREFIXES.iter().find_map(|(prefix, _)| name.as_bytes().strip_prefix(*prefix));
    rest.map_or(name.len(), <[u8]>::len)
}

/// Bytes of a list that has so many as the kernel shows it: 4, and 8 for each entry. Owner, group and
/// others are in each, a mask is where anybody else is, and these four have no id, which takes 4.
fn ext_acl(shown: usize) -> usize {
    let entries = shown.saturating_sub(4) / 8;
    4 + entries * 8 - entries.min(4) * 4
}
