//! Names: eleven capitals for old readers, UTF-16 for the others.

use std::collections::{BTreeMap, BTreeSet};

/// A name of eleven bytes, without its dot.
pub(super) type ShortName = [u8; 11];

/// UTF-16 units that one entry of a long name holds.
const UNITS: usize = 13;

/// What long names cannot have.
pub(super) fn is_valid(name: &str) -> bool {
    let bad = |c: char| c.is_control() || "\"*/:<>?\\|".contains(c);
    !name.is_empty()
        && name.encode_utf16().count() <= 255
        && !name.contains(bad)
        && !name.ends_with(['.', ' '])
}

fn is_short(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"$%'-_@~`!(){}^#&".contains(&byte)
}

fn joined(base: &[u8], extension: &[u8]) -> ShortName {
    let mut short = [b' '; 11];
    short[..base.len()].copy_from_slice(base);
    short[8..8 + extension.len()].copy_from_slice(extension);
    short
}

/// The name as it is, when it is a short one.
fn exact(name: &str) -> Option<ShortName> {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let fine = |part: &str, most| part.len() <= most && part.bytes().all(is_short);
    let whole = !base.is_empty() && fine(base, 8) && fine(extension, 3);
    let dot = name.contains('.') && extension.is_empty();
    (whole && !dot).then(|| joined(base.as_bytes(), extension.as_bytes()))
}

fn squeezed(part: &str, most: usize) -> Vec<u8> {
    let letters = part.chars().filter(|c| *c != ' ' && *c != '.').map(|c| {
        let c = c.to_ascii_uppercase();
        u8::try_from(c).ok().filter(|byte| is_short(*byte)).unwrap_or(b'_')
    });
    letters.take(most).collect()
}

/// The short names of a folder.
#[derive(Debug, Default)]
pub(super) struct ShortNames {
    taken: BTreeSet<ShortName>,
    /// By what stands before the number, the extension and the digits of the number: the first number that
    /// may be free. Else each of many names that begin alike would try all numbers of those before it.
    free: BTreeMap<(Vec<u8>, Vec<u8>, u32), u32>,
}

impl ShortNames {
    /// A short name that no other has, and whether a long one is needed beside it.
    pub(super) fn take(&mut self, name: &str) -> (ShortName, bool) {
        if let Some(exact) = exact(name)
            && self.taken.insert(exact)
        {
            return (exact, false);
        }
        let trimmed = name.trim_start_matches('.');
        let (base, extension) = trimmed.rsplit_once('.').unwrap_or((trimmed, ""));
        let (base, extension) = (squeezed(base, 8), squeezed(extension, 3));
        for digits in 1..8 {
            let kept = &base[..base.len().min(7 - digits as usize)];
            let free = self.free.entry((kept.to_vec(), extension.clone(), digits));
            let free = free.or_insert(10_u32.pow(digits - 1));
            while *free < 10_u32.pow(digits) {
                let numbered = [kept, format!("~{free}").as_bytes()].concat();
                let short = joined(&numbered, &extension);
                *free += 1;
                if self.taken.insert(short) {
                    return (short, true);
                }
            }
        }
        // Never: a folder has at most as many entries as five digits say.
        (joined(b"~~~~~~~~", b"~~~"), true)
    }
}

fn checksum(short: &ShortName) -> u8 {
    short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// How many entries of 32 bytes a name takes, the one of the file included.
pub(super) fn entries(name: &str, long: bool) -> u64 {
    1 + if long { name.encode_utf16().count().div_ceil(UNITS) as u64 } else { 0 }
}

/// The entries of a long name, in the order in which they stand before the file's own.
pub(super) fn long(name: &str, short: &ShortName) -> Vec<[u8; 32]> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let checksum = checksum(short);
    let count = units.len().div_ceil(UNITS);
    let piece = |(index, piece): (usize, &[u16])| {
        let mut padded = [0xffffu16; UNITS];
        padded[..piece.len()].copy_from_slice(piece);
        if piece.len() < UNITS {
            padded[piece.len()] = 0;
        }
        let mut entry = [0u8; 32];
        // At most 20 pieces: a name has at most 255 units.
        let last = if index + 1 == count { 0x40 } else { 0 };
        entry[0] = u8::try_from(index + 1).unwrap_or(u8::MAX) | last;
        entry[11] = 0x0f;
        entry[13] = checksum;
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        for (at, unit) in places.zip(padded) {
            entry[at..at + 2].copy_from_slice(&unit.to_le_bytes());
        }
        entry
    };
    units.chunks(UNITS).enumerate().map(piece).rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> (String, bool) {
        let (short, long) = ShortNames::default().take(name);
        (String::from_utf8(short.to_vec()).unwrap(), long)
    }

    #[test]
    fn short_names() {
        assert_eq!(one("BOOTX64.EFI"), ("BOOTX64 EFI".into(), false));
        assert_eq!(one("EFI"), ("EFI        ".into(), false));
        assert_eq!(one("grub.cfg"), ("GRUB~1  CFG".into(), true));
        assert_eq!(one("vmlinuz-6.1.0-40-amd64"), ("VMLINU~10-4".into(), true));
        assert_eq!(one(".hidden"), ("HIDDEN~1   ".into(), true));
        assert_eq!(one("A.B.C"), ("AB~1    C  ".into(), true));
        assert_eq!(one("ä"), ("_~1        ".into(), true));
    }

    #[test]
    fn short_names_are_not_taken_twice() {
        let mut names = ShortNames::default();
        let mut seen = BTreeSet::new();
        // Those that stand in the way as they are.
        for name in ["LOADER~2.CON", "LOADE~12.CON", "LOA~1000.CON"] {
            assert!(!names.take(name).1 && seen.insert(exact(name).unwrap()));
        }
        let mut last = ShortName::default();
        for i in 0..1200 {
            let (short, long) = names.take(&format!("loader-entry-{i}.conf"));
            assert!(long && seen.insert(short));
            last = short;
        }
        // The first number that is free: three were not.
        assert_eq!(&last, b"LOA~1203CON");
    }

    #[test]
    fn names_that_differ_behind_what_is_kept_are_told_apart_at_once() {
        let mut names = ShortNames::default();
        for i in 0..40_000 {
            names.take(&format!("ab{i:06}-of-many"));
        }
        let (short, _) = names.take("abx");
        assert_eq!(&short, b"ABX~1      ");
        // For each digit of the number the names that share what stands before it are few.
        assert!(names.free.len() < 60_000, "{}", names.free.len());
    }

    #[test]
    fn a_long_name_is_written_backwards() {
        let entries = long("a-long-name-of-25-letters", b"A-LONG~1   ");
        assert_eq!(entries.len(), 2);
        assert_eq!((entries[0][0], entries[1][0]), (0x42, 1));
        assert_eq!(&entries[1][1..5], b"a\0-\0");
        assert_eq!(super::entries("a-long-name-of-25-letters", true), 3);
        assert_eq!(long("exactly13char", b"EXACTL~1   ").len(), 1);
    }

    #[test]
    fn names_that_fat_cannot_have() {
        for name in ["", "a:b", "a\nb", "a.", "a ", &"x".repeat(256)] {
            assert!(!is_valid(name), "{name:?}");
        }
        assert!(is_valid("grub.cfg") && is_valid("Größe"));
    }
}
