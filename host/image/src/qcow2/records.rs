//! The index of a cluster cache: a header, then records of a fixed length, the last of a digest
//! counts. All are little-endian; changing anything of it needs another `MAGIC`.
//!
//! ```text
//! 0   magic (8)          what the file is, and its version
//! 8   identity (32)      of the compressor: another one makes other bytes
//! 40  records (56 each)  digest (32) │ offset (8) │ length (4) │ check (8) │ check of those (4)
//! ```

use std::collections::HashMap;

use sha2::{Digest as _, Sha256};

const MAGIC: [u8; 8] = *b"dibclus\x01";
/// Bytes before the records.
pub(super) const HEADER: usize = 8 + 32;
/// Bytes of a record.
pub(super) const RECORD: usize = 32 + 8 + 4 + 8 + 4;

/// Where compressed bytes lie in the pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) offset: u64,
    /// 0 for a cluster that does not become smaller.
    pub(super) length: u32,
    /// Of the bytes, as [`check`] makes it.
    pub(super) check: [u8; 8],
}

/// The start of the SHA-256 of bytes: finds what was torn or damaged, no more.
pub(super) fn check(bytes: &[u8]) -> [u8; 8] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    *digest.first_chunk().unwrap_or(&[0; 8])
}

/// The header of an index.
pub(super) fn header(identity: &[u8; 32]) -> Vec<u8> {
    [MAGIC.as_slice(), identity].concat()
}

/// A record of an index.
pub(super) fn record(digest: &[u8; 32], place: Packed) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(RECORD);
    bytes.extend(digest);
    bytes.extend(place.offset.to_le_bytes());
    bytes.extend(place.length.to_le_bytes());
    bytes.extend(place.check);
    let check = check(&bytes);
    bytes.extend(&check[..4]);
    bytes
}

/// The places of an index by digest, damaged records left out; none: it is not of that identity.
pub(super) fn parse(bytes: &[u8], identity: &[u8; 32]) -> Option<HashMap<[u8; 32], Packed>> {
    let records = bytes.strip_prefix(header(identity).as_slice())?;
    Some(records.chunks_exact(RECORD).filter_map(parse_record).collect())
}

fn parse_record(bytes: &[u8]) -> Option<([u8; 32], Packed)> {
    let (digest, rest) = bytes.split_first_chunk::<32>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (check, _) = rest.split_first_chunk::<8>()?;
    let (offset, length) = (u64::from_le_bytes(*offset), u32::from_le_bytes(*length));
    let place = Packed { offset, length, check: *check };
    (record(digest, place) == bytes).then_some((*digest, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_damaged_is_left_out_and_the_last_counts() {
        let place = |offset| Packed { offset, length: 7, check: check(b"seven") };
        let mut bytes = header(&[1; 32]);
        for (digest, offset) in [(1, 0), (2, 7), (3, 14), (1, 21)] {
            bytes.extend(record(&[digest; 32], place(offset)));
        }
        assert_eq!(bytes.len(), HEADER + 4 * RECORD);
        let sorted = |bytes: &[u8]| {
            let mut found: Vec<_> = parse(bytes, &[1; 32])
                .unwrap()
                .into_iter()
                .map(|(digest, place)| (digest[0], place.offset))
                .collect();
            found.sort_unstable();
            found
        };
        assert_eq!(sorted(&bytes), [(1, 21), (2, 7), (3, 14)]);
        assert_eq!(parse(&bytes, &[2; 32]), None);
        assert_eq!(sorted(&bytes[..bytes.len() - 1]), [(1, 0), (2, 7), (3, 14)]);
        for at in HEADER + RECORD..HEADER + 2 * RECORD {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            assert_eq!(sorted(&bytes), [(1, 21), (3, 14)], "{at}");
        }
    }
}
