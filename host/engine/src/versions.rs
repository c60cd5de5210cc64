//! Versions of the builder's programs that shape an image. No plan knows them, for it is the same
//! on every machine; the keys of a build have them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use data_encoding::HEXLOWER;
use dibhost_plan::Action;
use dibhost_sys::{Cancel, Program};

/// How long a program may think about it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What each program that the actions name says of its version; nothing of one that is not there,
/// or does not say. Whoever needs it will tell.
pub(crate) fn of(actions: &[Action], cancel: &Cancel) -> BTreeMap<String, String> {
    let mut versions = BTreeMap::new();
    for program in actions.iter().flat_map(|action| &action.programs) {
        if versions.contains_key(program) {
            continue;
        }
        let Ok(said) = asked(program).run(cancel) else { continue };
        let said = [said.stdout, said.stderr].concat();
        // What follows is of its libraries and its licence.
        let first = String::from_utf8_lossy(&said).lines().next().map(str::to_owned);
        versions.extend(first.map(|version| (program.clone(), version)));
    }
    versions
}

/// A program that is to say its version, at once.
pub(crate) fn asked(program: &str) -> Program {
    let question = match program {
        "mke2fs" | "mkfs.xfs" => "-V",
        "mkfs.erofs" => "--help",
        "mksquashfs" => "-version",
        _ => "--version",
    };
    let program = Program::new(program).arg(question).within(PATIENCE);
    // Debian's dnf makes a database of packages in the home folder, to say how old it is.
    if program.parts().0 == "dnf" { program.env("HOME", "/proc") } else { program }
}

/// What tells this program from every other one that was built of other sources: the build id that
/// its linker gave it ([ELF notes](https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.pheader.html#note_section)),
/// else its version.
pub(crate) fn own() -> String {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let read = || {
        let mut start = Vec::new();
        File::open("/proc/self/exe").ok()?.take(HEADERS).read_to_end(&mut start).ok()?;
        build_id(&start).map(|id| HEXLOWER.encode(id))
    };
    match read() {
        Some(id) => format!("{version} {id}"),
        None => version,
    }
}

/// More than the headers and notes of a program, which come first.
const HEADERS: u64 = 64 << 10;

/// The build id of a little-endian ELF file of 64 bits that begins so.
fn build_id(elf: &[u8]) -> Option<&[u8]> {
    const NOTES: u32 = 4;
    const BUILD_ID: u32 = 3;
    let bytes = |at: usize, n: usize| elf.get(at..at.checked_add(n)?);
    let word = |at: usize| Some(u32::from_le_bytes(bytes(at, 4)?.try_into().ok()?));
    let half = |at: usize| Some(usize::from(u16::from_le_bytes(bytes(at, 2)?.try_into().ok()?)));
    let long = |at: usize| usize::try_from(u64::from_le_bytes(bytes(at, 8)?.try_into().ok()?)).ok();
    if bytes(0, 6)? != b"\x7fELF\x02\x01" {
        return None;
    }
    let (table, size, count) = (long(32)?, half(54)?, half(56)?);
    for header in (0..count).map_while(|i| table.checked_add(i.checked_mul(size)?)) {
        if word(header)? != NOTES {
            continue;
        }
        let (mut at, end) = (
            long(header.checked_add(8)?)?,
            long(header + 8)?.checked_add(long(header.checked_add(32)?)?)?,
        );
        while at.checked_add(12)? <= end {
            let (name, content) = (word(at)? as usize, word(at + 4)? as usize);
            let from = at + 12 + name.next_multiple_of(4);
            if word(at + 8)? == BUILD_ID && bytes(at + 12, name)? == b"GNU\0" {
                return bytes(from, content);
            }
            at = from.checked_add(content.next_multiple_of(4))?;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_plan::Work;

    #[test]
    fn this_program_is_known_by_its_build() {
        let own = own();
        let (version, id) = own.split_once(' ').unwrap();
        assert_eq!(version, env!("CARGO_PKG_VERSION"));
        assert!(id.len() >= 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{own}");
        for wrong in [&b""[..], b"\x7fELF\x02\x01", &[0xff; 4096]] {
            assert_eq!(build_id(wrong), None);
        }
        let mut far = b"\x7fELF\x02\x01".to_vec();
        far.resize(64, 0xff);
        assert_eq!(build_id(&far), None);
    }

    #[test]
    fn a_program_says_its_version_and_one_that_is_not_there_says_none() {
        let programs = ["mke2fs", "apt-get", "no-such-program-anywhere"].map(str::to_owned);
        let action =
            Action { programs: programs.to_vec(), ..Action::new("x", Work::Disk, Vec::new()) };
        let versions = of(&[action], &Cancel::new());
        assert_eq!(versions.len(), 2, "{versions:?}");
        assert!(versions["mke2fs"].starts_with("mke2fs 1."), "{versions:?}");
        assert!(versions["apt-get"].starts_with("apt "), "{versions:?}");
    }
}
