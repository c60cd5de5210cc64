//! Identifiers of LVM: 32 characters, shown in groups.

use std::fmt;

use uuid::Uuid;

/// What lvm makes identifiers of; it reads `!` and `#` too.
const ALPHABET: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
/// How many characters stand between hyphens where one is shown.
const GROUPS: [usize; 7] = [6, 4, 4, 4, 4, 4, 6];

/// The identifier of a volume group, a physical or a logical volume: 32 characters, shown as
/// `6-4-4-4-4-4-6`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LvmId([u8; 32]);

impl LvmId {
    /// The identifier that belongs to 16 bytes, a node's UUID say. The same always: another
    /// derivation changes every image that is built again.
    #[must_use]
    pub fn derived(seed: &[u8; 16]) -> Self {
        let namespace = Uuid::from_bytes(*seed);
        let mut characters = [0; 32];
        for (part, half) in [b"lvm 0", b"lvm 1"].into_iter().zip(characters.chunks_exact_mut(16)) {
            let bytes = Uuid::new_v5(&namespace, part).into_bytes();
            for (character, byte) in half.iter_mut().zip(bytes) {
                *character = ALPHABET[usize::from(byte) % ALPHABET.len()];
            }
        }
        Self(characters)
    }

    /// The identifier of what belongs to the owner of this one: a pool's data volume, say.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let whole = [&self.0, b"/".as_slice(), name.as_bytes()].concat();
        Self::derived(Uuid::new_v5(&Uuid::NAMESPACE_OID, &whole).as_bytes())
    }

    /// Of the 32 characters that stand in a header.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let known = |byte: &u8| ALPHABET.contains(byte) || matches!(byte, b'!' | b'#');
        bytes.iter().all(known).then_some(Self(bytes))
    }

    /// Of the text of lvm's metadata, with or without hyphens.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let characters: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').take(33).collect();
        Self::from_bytes(characters.try_into().ok()?)
    }

    /// The 32 characters, as they stand in a header.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for LvmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.iter();
        for (index, length) in GROUPS.into_iter().enumerate() {
            if index > 0 {
                f.write_str("-")?;
            }
            for byte in rest.by_ref().take(length) {
                write!(f, "{}", char::from(*byte))?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for LvmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LvmId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivation_is_pinned() {
        let id = LvmId::derived(&[7; 16]);
        assert_eq!(id.to_string(), "LeY0IE-vBYA-hbv3-dMSJ-53Zp-nGEa-vMpDi4");
        assert_eq!(id.part("tdata").to_string(), "YMle9A-iNo2-VvtB-Bp51-Ln6P-tms8-2xAEEf");
    }

    #[test]
    fn what_is_shown_is_read() {
        let id = LvmId::derived(&[9; 16]);
        assert_eq!(LvmId::parse(&id.to_string()), Some(id));
        for wrong in ["", "x", &"a".repeat(31), &"a".repeat(33), &"ä".repeat(16)] {
            assert_eq!(LvmId::parse(wrong), None, "{wrong}");
        }
        assert_eq!(LvmId::from_bytes([b' '; 32]), None);
    }
}
