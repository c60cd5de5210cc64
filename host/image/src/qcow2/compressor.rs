//! Compresses clusters as QEMU does.

use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};
use sha2::{Digest as _, Sha256};
use zstd::bulk::Compressor as Zstd;

use super::error::Qcow2Error;
use super::layout::CLUSTER;
use crate::Qcow2Compression;

/// Of a Debian disk, QEMU's level (3, zstd's default) takes a third more time and makes the image
/// smaller by 1.3 % (by 1.9 % of texts alone); level 1 takes hardly less, and makes it larger by 1.6 %.
const ZSTD_LEVEL: i32 = 2;
/// zlib's default, which is QEMU's.
const ZLIB_LEVEL: u32 = 6;
/// QEMU reads no larger window (`qcow2_zlib_decompress` in `block/qcow2-threads.c`).
const ZLIB_WINDOW_BITS: u8 = 12;

/// Compresses one cluster after the other. Its memory is used again: what QEMU does anew for each
/// cluster is done once.
pub(super) struct Compressor {
    kind: Kind,
    packed: Vec<u8>,
}

enum Kind {
    Zstd(Zstd<'static>),
    Zlib(Compress),
    None,
}

impl Compressor {
    pub(super) fn new(compression: Qcow2Compression) -> Result<Self, Qcow2Error> {
        let kind = match compression {
            Qcow2Compression::Zstd => {
                Kind::Zstd(Zstd::new(ZSTD_LEVEL).map_err(Qcow2Error::Compress)?)
            }
            Qcow2Compression::Zlib => {
                let level = Compression::new(ZLIB_LEVEL);
                Kind::Zlib(Compress::new_with_window_bits(level, false, ZLIB_WINDOW_BITS))
            }
            Qcow2Compression::None => Kind::None,
        };
        // zstd is quicker where all that may come has room.
        Ok(Self { kind, packed: Vec::with_capacity(zstd::zstd_safe::compress_bound(CLUSTER)) })
    }

    /// The compressed bytes of a cluster; none where they are not fewer.
    pub(super) fn compress(&mut self, plain: &[u8]) -> Result<Option<&[u8]>, Qcow2Error> {
        self.packed.clear();
        match &mut self.kind {
            Kind::Zstd(zstd) => {
                zstd.compress_to_buffer(plain, &mut self.packed).map_err(Qcow2Error::Compress)?;
            }
            Kind::Zlib(zlib) => {
                zlib.reset();
                let packed = zlib.compress_vec(plain, &mut self.packed, FlushCompress::Finish);
                match packed.map_err(|error| Qcow2Error::Compress(io::Error::other(error)))? {
                    Status::StreamEnd => {}
                    // It found no room, so that it has not become smaller.
                    Status::Ok | Status::BufError => return Ok(None),
                }
            }
            Kind::None => return Ok(None),
        }
        Ok(Some(self.packed.as_slice()).filter(|packed| packed.len() < plain.len()))
    }
}

/// What bytes of another compressor, version or level may differ by: the digest of what this one
/// makes of a sample.
pub(super) fn identity(compression: Qcow2Compression) -> Result<[u8; 32], Qcow2Error> {
    let mut digest = Sha256::new();
    digest.update(compression.name());
    digest.update(zstd::zstd_safe::version_number().to_le_bytes());
    let mut compressor = Compressor::new(compression)?;
    // From what becomes much smaller to what hardly does.
    for bits in 1..8 {
        let sample: Vec<_> = noise().map(|byte| byte >> (8 - bits)).take(CLUSTER).collect();
        digest.update(compressor.compress(&sample)?.unwrap_or_default());
    }
    Ok(digest.finalize().into())
}

/// Bytes without a pattern, always the same ones: the upper ones of Knuth's generator.
fn noise() -> impl Iterator<Item = u8> {
    let next = |state: &u64| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    };
    std::iter::successors(Some(1), next).map(|state| (state >> 56) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_become_smaller_is_told() {
        let noise: Vec<_> = noise().take(CLUSTER).collect();
        for compression in [Qcow2Compression::Zstd, Qcow2Compression::Zlib] {
            let mut compressor = Compressor::new(compression).unwrap();
            let first = compressor.compress(&[b'a'; CLUSTER]).unwrap().unwrap().to_vec();
            assert!(first.len() < 512, "{compression}: {}", first.len());
            assert!(compressor.compress(&noise).unwrap().is_none(), "{compression}");
            // Nothing is left of what came before.
            assert_eq!(compressor.compress(&[b'a'; CLUSTER]).unwrap(), Some(&*first));
        }
        let mut none = Compressor::new(Qcow2Compression::None).unwrap();
        assert!(none.compress(&[b'a'; CLUSTER]).unwrap().is_none());
    }
}
