//! What of a file is data, and what a hole.

use std::fs::File;
use std::io;
use std::ops::Range;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

/// The first stretch of data that ends behind `at` and begins before `size`, from `at` on; none
/// when only holes follow. A filesystem that knows no holes has data alone.
pub fn data(file: &File, at: u64, size: u64) -> io::Result<Option<Range<u64>>> {
    if at >= size {
        return Ok(None);
    }
    let start = match seek(file, SeekFrom::Data(at)) {
        Ok(start) if start < size => start,
        Ok(_) | Err(Errno::NXIO) => return Ok(None),
        Err(Errno::INVAL) => return Ok(Some(at..size)),
        Err(error) => return Err(error.into()),
    };
    let end = match seek(file, SeekFrom::Hole(start)) {
        Ok(end) => end.min(size),
        Err(Errno::INVAL) => size,
        Err(error) => return Err(error.into()),
    };
    Ok(Some(start..end))
}

/// Bytes of holes before `size`.
pub fn holes(file: &File, size: u64) -> io::Result<u64> {
    let (mut at, mut filled) = (0, 0);
    while let Some(stretch) = data(file, at, size)? {
        filled += stretch.end - stretch.start;
        at = stretch.end;
    }
    Ok(size - filled)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn data_between_holes() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(10 << 20).unwrap();
        for at in [1 << 20, 5 << 20] {
            file.write_all_at(&[1; 64 << 10], at).unwrap();
        }
        let size = 10 << 20;
        assert_eq!(data(&file, 0, size).unwrap(), Some(1 << 20..(1 << 20) + (64 << 10)));
        let middle = (1 << 20) + 4096;
        assert_eq!(data(&file, middle, size).unwrap(), Some(middle..(1 << 20) + (64 << 10)));
        assert_eq!(data(&file, 2 << 20, size).unwrap(), Some(5 << 20..(5 << 20) + (64 << 10)));
        assert_eq!(data(&file, 6 << 20, size).unwrap(), None);
        assert_eq!(data(&file, 2 << 20, 5 << 20).unwrap(), None);
        assert_eq!(data(&file, 0, (1 << 20) + 1).unwrap(), Some(1 << 20..(1 << 20) + 1));
        assert_eq!(holes(&file, size).unwrap(), size - (128 << 10));
        assert_eq!(holes(&file, 0).unwrap(), 0);
    }
}
