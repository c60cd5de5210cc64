//! The payload: sectors encrypted on their way to the lower medium.

use std::io;
use std::ops::Range;

use aes::Aes256;
use aes::cipher::KeyInit as _;
use xts_mode::{Xts128, get_tweak_default};

use super::error::LuksError;
use super::key::VolumeKey;
use crate::medium::{Medium, within};

/// Bytes that are encrypted at a time. A piece is shared by two threads, which are started for
/// each: large enough that starting them costs nothing beside the work (0.1 ms to 3 ms).
const PIECE: usize = 2 << 20;

/// Pieces below it are not worth a second thread.
const SHARED: usize = 256 << 10;

/// Bytes that the tweak of a sector counts in, however large the sectors are (dm-crypt without
/// `iv_large_sectors`, which LUKS2 does not set).
const TWEAK_UNIT: u64 = 512;

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

/// The plain bytes of a LUKS2 volume, as dm-crypt shows them.
pub struct LuksMedium<'a> {
    lower: &'a dyn Medium,
    cipher: Xts128<Aes256>,
    /// Bytes from the lower medium's start to the first sector.
    offset: u64,
    sector: u64,
    size: u64,
}

impl<'a> LuksMedium<'a> {
    /// The payload that begins at `offset` of `lower`, in sectors of `sector` bytes.
    ///
    /// # Errors
    /// When the sectors are of a size dm-crypt does not know, or none fits behind `offset`.
    pub fn new(
        lower: &'a dyn Medium,
        offset: u64,
        sector: u32,
        key: &VolumeKey,
    ) -> Result<Self, LuksError> {
        let sector = u64::from(sector);
        let known = matches!(sector, 512 | 1024 | 2048 | 4096);
        let size = lower.size().checked_sub(offset).filter(|size| *size > 0);
        let (true, true, Some(size)) = (known, offset.is_multiple_of(TWEAK_UNIT), size) else {
            let size = lower.size();
            let why = format!(
                "no payload in sectors of {sector} bytes can begin at byte {offset} of {size}"
            );
            return Err(LuksError::Unfit(why));
        };
        let (data, tweak) = key.0.expose().split_at(super::VOLUME_KEY / 2);
        let aes = |key: &[u8]| {
            Aes256::new_from_slice(key).map_err(|_| LuksError::Unfit("the key is too short".into()))
        };
        let cipher = Xts128::new(aes(data)?, aes(tweak)?);
        // The kernel refuses a mapping that is no whole number of sectors.
        Ok(Self { lower, cipher, offset, sector, size: size - size % sector })
    }

    /// The same, with no more than `size` bytes.
    pub fn shortened(self, size: u64) -> Self {
        let size = size.min(self.size);
        Self { size: size - size % self.sector, ..self }
    }

    /// Writes zeros to `range`, so that it reads as zeros in the kernel too (see the module on
    /// which filesystem needs that). About the cost of writing data.
    ///
    /// # Errors
    /// When the range does not fit, or cannot be written.
    pub fn fill_zeros(&self, range: Range<u64>) -> io::Result<()> {
        let zeros = vec![0; PIECE];
        let mut at = range.start;
        while at < range.end {
            // Pieces end on whole pieces: only the first and the last can hold part of a sector.
            let end = (at + 1).next_multiple_of(PIECE as u64).min(range.end);
            let length = usize::try_from(end - at).map_err(io::Error::other)?;
            self.write_all_at(&zeros[..length], at)?;
            at = end;
        }
        Ok(())
    }

    /// Turns whole sectors over, the first of which lies at byte `at` of the payload.
    fn turn(&self, direction: Direction, bytes: &mut [u8], at: u64) {
        let (cipher, sector) = (&self.cipher, self.sector);
        let one = |bytes: &mut [u8], at: u64| {
            let step = u128::from(sector / TWEAK_UNIT);
            let first = u128::from(at / sector);
            let tweak = |sector: u128| get_tweak_default(sector * step);
            #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
            let size = sector as usize;
            match direction {
                Direction::Encrypt => cipher.encrypt_area(bytes, size, first, tweak),
                Direction::Decrypt => cipher.decrypt_area(bytes, size, first, tweak),
            }
        };
        if bytes.len() < SHARED {
            return one(bytes, at);
        }
        // A multiple of 4096, so of every sector's size.
        let half = (bytes.len() / 2).next_multiple_of(4096);
        let (front, back) = bytes.split_at_mut(half);
        std::thread::scope(|scope| {
            scope.spawn(|| one(front, at));
            one(back, at + half as u64);
        });
    }

    /// The plain bytes of whole sectors.
    fn read_sectors(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.lower.read_exact_at(bytes, self.offset + at)?;
        self.turn(Direction::Decrypt, bytes, at);
        Ok(())
    }

    /// The plain bytes of one sector that part of is about to be written: zeros when it was never
    /// written (no sector that was is all zeros), which is what the rest of it is in a scratch file.
    fn read_beneath(&self, bytes: &mut [u8], at: u64) -> io::Result<()> {
        self.lower.read_exact_at(bytes, self.offset + at)?;
        if bytes.iter().any(|byte| *byte != 0) {
            self.turn(Direction::Decrypt, bytes, at);
        }
        Ok(())
    }

    /// Splits a range into pieces of whole sectors: each one's start, and the buffer's length.
    fn pieces(&self, length: usize, offset: u64) -> impl Iterator<Item = (u64, usize)> {
        let (sector, piece) = (self.sector, PIECE as u64);
        let first = offset - offset % sector;
        let end = (offset + length as u64).next_multiple_of(sector);
        let starts = (first..end).step_by(PIECE);
        #[expect(clippy::cast_possible_truncation, reason = "no more than a piece")]
        starts.map(move |at| (at, (end - at).min(piece) as usize))
    }
}

/// What a piece that starts at `at` and a range of bytes that starts at `offset` share: where in
/// the piece, and where in the bytes.
fn shared(at: u64, piece: usize, length: usize, offset: u64) -> (Range<usize>, Range<usize>) {
    let from = at.max(offset);
    let to = (at + piece as u64).min(offset + length as u64);
    #[expect(clippy::cast_possible_truncation, reason = "within buffers that are in memory")]
    let range = |base: u64| (from - base) as usize..(to - base) as usize;
    (range(at), range(offset))
}

impl Medium for LuksMedium<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        let length = bytes.len();
        let mut buffer = Vec::new();
        for (at, size) in self.pieces(length, offset) {
            let (of_piece, of_bytes) = shared(at, size, length, offset);
            if of_piece == (0..size) {
                self.read_sectors(&mut bytes[of_bytes], at)?;
                continue;
            }
            buffer.resize(size, 0);
            self.read_sectors(&mut buffer, at)?;
            bytes[of_bytes].copy_from_slice(&buffer[of_piece]);
        }
        Ok(())
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        within(self.size, bytes.len(), offset)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
        let sector = self.sector as usize;
        let mut buffer = Vec::new();
        for (at, size) in self.pieces(bytes.len(), offset) {
            let (of_piece, of_bytes) = shared(at, size, bytes.len(), offset);
            buffer.resize(size, 0);
            if of_piece.start > 0 {
                self.read_beneath(&mut buffer[..sector], at)?;
            }
            // One sector that both ends lie in is read once.
            if of_piece.end < size && (size > sector || of_piece.start == 0) {
                let last = size - sector;
                self.read_beneath(&mut buffer[last..], at + last as u64)?;
            }
            buffer[of_piece].copy_from_slice(&bytes[of_bytes]);
            self.turn(Direction::Encrypt, &mut buffer, at);
            self.lower.write_all_at(&buffer, self.offset + at)?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for LuksMedium<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { offset, sector, size, .. } = self;
        write!(f, "LuksMedium {{ offset: {offset}, sector: {sector}, size: {size} }}")
    }
}

#[cfg(test)]
mod tests {
    use dibhost_sys::SecretBytes;
    use proptest::prelude::*;

    use super::*;
    use crate::extent::Extent;
    use crate::medium::FileMedium;

    const SIZE: u64 = 3 << 20;
    const OFFSET: u64 = 8192;

    fn key(byte: u8) -> VolumeKey {
        let bytes: Vec<u8> = (0..64).map(|index| index ^ byte).collect();
        VolumeKey::new(SecretBytes::read_from(&mut &bytes[..], 64).unwrap()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]
        /// Whatever is written, in whatever pieces, is what a scratch file would hold: what lies
        /// beside it in a sector that nothing was written to before is zeros.
        #[test]
        fn writes_of_any_range_read_back(
            writes in proptest::collection::vec(
                (0..SIZE - OFFSET, prop_oneof![0usize..6000, 200_000usize..2_500_000], any::<u8>()),
                1..6,
            ),
            large in any::<bool>(),
        ) {
            let sector = if large { 4096 } else { 512 };
            let file = tempfile::tempfile().unwrap();
            let lower = FileMedium::new(&file, Extent { offset: 0, size: SIZE });
            file.set_len(SIZE).unwrap();
            let medium = LuksMedium::new(&lower, OFFSET, sector, &key(1)).unwrap();
            let mut mirror = vec![0; (SIZE - OFFSET) as usize];
            let mut written = vec![false; mirror.len() / sector as usize];
            for (offset, length, byte) in writes {
                let at = offset as usize;
                let end = (at + length).min(mirror.len());
                let bytes: Vec<u8> = (at..end).map(|place| (place as u8) ^ byte).collect();
                medium.write_all_at(&bytes, offset).unwrap();
                mirror[at..end].copy_from_slice(&bytes);
                if at < end {
                    written[at / sector as usize..end.div_ceil(sector as usize)].fill(true);
                }
            }
            let mut read = vec![0; mirror.len()];
            medium.read_exact_at(&mut read, 0).unwrap();
            let step = sector as usize;
            for (index, written) in written.iter().enumerate() {
                let range = index * step..(index + 1) * step;
                // What was never written is noise, as the kernel sees it.
                prop_assert_eq!(read[range.clone()] == mirror[range], *written, "sector {}", index);
            }
            // Ranges that begin and end anywhere read the same.
            let (from, to) = (step - 1, mirror.len() - step - 1);
            let mut part = vec![0; to - from];
            medium.read_exact_at(&mut part, from as u64).unwrap();
            prop_assert!(part == read[from..to]);
        }
    }

    #[test]
    fn zeros_fill_a_range_and_no_more() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8 << 20).unwrap();
        let lower = FileMedium::whole(&file).unwrap();
        let medium = LuksMedium::new(&lower, OFFSET, 4096, &key(2)).unwrap();
        let size = usize::try_from(medium.size()).unwrap();
        medium.write_all_at(&vec![0x77; size], 0).unwrap();
        medium.fill_zeros(5000..5_000_001).unwrap();
        let mut read = vec![0; size];
        medium.read_exact_at(&mut read, 0).unwrap();
        assert!(read[..5000].iter().chain(&read[5_000_001..]).all(|byte| *byte == 0x77));
        assert!(read[5000..5_000_001].iter().all(|byte| *byte == 0));
        assert!(medium.fill_zeros(0..size as u64 + 1).is_err());
    }

    #[test]
    fn what_is_no_payload_is_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(SIZE).unwrap();
        let lower = FileMedium::whole(&file).unwrap();
        for (offset, sector) in [(SIZE, 512), (8192, 513), (8192, 0), (100, 512), (u64::MAX, 512)] {
            assert!(LuksMedium::new(&lower, offset, sector, &key(3)).is_err());
        }
    }
}
