//! The hash of a name by which large folders are sorted: half MD4, with the seed of the filesystem.
//!
//! Source: Linux `fs/ext4/hash.c`, `Documentation/filesystems/ext4/directory.rst`.

/// What stands in an index for it.
pub(super) const HALF_MD4: u8 = 1;

/// Stands for the end of a folder, so no name may have it.
const END: u32 = 0x7fff_ffff << 1;
const DEFAULT_SEED: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// How names of a filesystem are hashed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hasher {
    pub(super) seed: [u32; 4],
    /// Whether bytes are numbers without a sign.
    pub(super) unsigned: bool,
}

impl Hasher {
    /// The hash of a name: an even number, and what tells names of the same one apart.
    pub(super) fn hash(&self, name: &[u8]) -> (u32, u32) {
        let mut state = if self.seed == [0; 4] { DEFAULT_SEED } else { self.seed };
        let mut left = name;
        while !left.is_empty() {
            half_md4(&mut state, &self.words(left));
            left = left.get(32..).unwrap_or_default();
        }
        let hash = state[1] & !1;
        (if hash == END { END - 2 } else { hash }, state[2])
    }

    /// The first 32 bytes, and if there are fewer, the length in their place.
    fn words(&self, name: &[u8]) -> [u32; 8] {
        let length = u32::try_from(name.len()).unwrap_or_default();
        let mut pad = length | length << 8;
        pad |= pad << 16;
        let mut words = [pad; 8];
        for (word, bytes) in words.iter_mut().zip(name.chunks(4)) {
            for byte in bytes {
                let value = if self.unsigned {
                    u32::from(*byte)
                } else {
                    i32::from(byte.cast_signed()).cast_unsigned()
                };
                *word = value.wrapping_add(*word << 8);
            }
        }
        words
    }
}

fn half_md4(state: &mut [u32; 4], input: &[u32; 8]) {
    type Mix = fn(u32, u32, u32) -> u32;
    const ROUNDS: [(Mix, u32, [usize; 8], [u32; 4]); 3] = [
        (|x, y, z| z ^ (x & (y ^ z)), 0, [0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19]),
        (
            |x, y, z| (x & y).wrapping_add((x ^ y) & z),
            0x5a82_7999,
            [1, 3, 5, 7, 0, 2, 4, 6],
            [3, 5, 9, 13],
        ),
        (|x, y, z| x ^ y ^ z, 0x6ed9_eba1, [3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15]),
    ];
    let [mut a, mut b, mut c, mut d] = *state;
    for (mix, constant, order, shifts) in ROUNDS {
        for (step, from) in order.into_iter().enumerate() {
            let value = a
                .wrapping_add(mix(b, c, d))
                .wrapping_add(input[from])
                .wrapping_add(constant)
                .rotate_left(shifts[step % 4]);
            (a, b, c, d) = (d, value, b, c);
        }
    }
    for (word, value) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `debugfs -R "dx_hash -h half_md4 -s 01020304-0506-0708-090a-0b0c0d0e0f10 NAME"` says
    /// (e2fsprogs 1.47.0).
    #[test]
    fn names_have_the_hashes_that_debugfs_says() {
        let seed = [0x0403_0201, 0x0807_0605, 0x0c0b_0a09, 0x100f_0e0d];
        let hasher = Hasher { seed, unsigned: false };
        for (name, hash, minor) in [
            ("hello", 0xe2dd_f968, 0xc8bc_0924),
            ("a-much-longer-name-than-thirty-two-bytes.txt", 0x8880_14dc, 0xf7ef_3e82),
            ("ü", 0xdd59_2a5e, 0x7bcf_fbd0),
        ] {
            assert_eq!(hasher.hash(name.as_bytes()), (hash, minor), "{name}");
        }
        let unsigned = Hasher { seed, unsigned: true };
        assert_eq!(unsigned.hash(b"hello"), hasher.hash(b"hello"));
        assert_ne!(unsigned.hash("ü".as_bytes()), hasher.hash("ü".as_bytes()));
    }
}
