//! Files that a person names, read whole: nothing that never ends, and nothing larger than they are.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use dibhost_check::Check;

/// More bytes than anybody writes by hand.
const WRITTEN_BY_HAND: u64 = 16 << 20;

/// The bytes of a regular file of at most `most` bytes; links are followed.
///
/// # Errors
/// It cannot be read, is a folder, device, pipe or socket, or is larger.
pub fn read_regular(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let no_file = || {
        let why = "it is no regular file but a folder, device, pipe or socket";
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    let is_none = |stat: fs::Metadata| !stat.is_file() && Check::WrittenKind.holds();
    // Looked at before it is opened, which has effects on some devices.
    if is_none(fs::metadata(path)?) {
        return Err(no_file());
    }
    // A pipe that took its place does not make anybody wait.
    let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if is_none(file.metadata()?) {
        return Err(no_file());
    }
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let why = format!("it has more than {most} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
    }
    Ok(bytes)
}

/// The same of what a person wrote by hand.
///
/// # Errors
/// As [`read_regular`].
pub fn read_written_bytes(path: &Path) -> io::Result<Vec<u8>> {
    read_regular(path, if Check::WrittenBytes.holds() { WRITTEN_BY_HAND } else { u64::MAX })
}

/// The same as text.
///
/// # Errors
/// As [`read_regular`], and when it is not UTF-8.
pub fn read_written(path: &Path) -> io::Result<String> {
    let bytes = read_written_bytes(path)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_never_ends_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").unwrap();
        symlink(at("file"), at("link")).unwrap();
        assert_eq!(read_written(&at("link")).unwrap(), "text");
        assert_eq!(read_regular(&at("file"), 4).unwrap(), b"text");
        assert_eq!(read_regular(&at("file"), 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        symlink("/dev/zero", at("zero")).unwrap();
        let pipe = rustix::fs::Mode::from(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, pipe, 0)
            .unwrap();
        for name in ["zero", "pipe", "."] {
            let error = read_written(&at(name)).unwrap_err();
            assert!(error.to_string().contains("no regular file"), "{name}: {error}");
        }
        assert_eq!(read_written(&at("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(at("bytes"), [0xff]).unwrap();
        assert_eq!(read_written(&at("bytes")).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
