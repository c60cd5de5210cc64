//! Which machines' programs this one can run: its own, those that its processor also is, and those
//! that the kernel starts an interpreter for (binfmt_misc, as `qemu-user-static` registers it).

use std::env::consts;
use std::fs;
use std::path::Path;

/// This machine, as Debian names it.
#[must_use]
pub fn own_machine() -> &'static str {
    match consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        "arm" => "armhf",
        "loongarch64" => "loong64",
        "mips64" => "mips64el",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

/// Why programs of a machine, as Debian names it, do not run here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotRun {
    /// The kernel has no interpreter for them.
    #[error("the kernel of this machine ({own}) has no interpreter for programs of `{machine}`")]
    NoInterpreter {
        /// This machine.
        own: &'static str,
        /// The one whose programs do not run.
        machine: String,
    },
    /// The interpreter is a file that is not there in the image.
    #[error(
        "`{interpreter}`, which runs programs of `{machine}` here, is opened anew by each of them, and the image does not have it"
    )]
    NotFixed {
        /// Its path on this machine.
        interpreter: String,
        /// The machine whose programs it runs.
        machine: String,
    },
}

/// Whether programs of a machine, as Debian names it, run here in a tree of that machine.
///
/// # Errors
/// They do not, and why.
pub fn can_run(machine: &str) -> Result<(), CannotRun> {
    can_run_by(own_machine(), machine, Path::new("/proc/sys/fs/binfmt_misc"))
}

fn can_run_by(own: &'static str, machine: &str, registered: &Path) -> Result<(), CannotRun> {
    // Whether a 64-bit ARM runs 32-bit programs is for its processor; most that serve do.
    let too: &[&str] = match own {
        "amd64" => &["i386"],
        "arm64" => &["armhf", "armel"],
        "armhf" => &["armel"],
        _ => &[],
    };
    if machine == own || too.contains(&machine) {
        return Ok(());
    }
    let none = CannotRun::NoInterpreter { own, machine: machine.to_owned() };
    let Some(header) = header(machine) else { return Err(none) };
    let Ok(entries) = fs::read_dir(registered) else { return Err(none) };
    let texts = entries.flatten().filter_map(|entry| fs::read_to_string(entry.path()).ok());
    let mut not_fixed = None;
    for interpreter in texts.filter_map(|text| Interpreter::parse(&text)) {
        if !interpreter.takes(&header) {
            continue;
        }
        if interpreter.fixed {
            return Ok(());
        }
        let machine = machine.to_owned();
        not_fixed = Some(CannotRun::NotFixed { interpreter: interpreter.path, machine });
    }
    Err(not_fixed.unwrap_or(none))
}

/// An entry of binfmt_misc that is enabled, and goes by the first bytes of a program.
struct Interpreter {
    path: String,
    /// Opened when it was registered (flag `F`), so that it need not be in the tree.
    fixed: bool,
    offset: usize,
    magic: Vec<u8>,
    /// As long as the magic.
    mask: Vec<u8>,
}

impl Interpreter {
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        if lines.next() != Some("enabled") {
            return None;
        }
        let said = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        let magic = bytes(said("magic ")?)?;
        let mask = said("mask ").map_or_else(|| Some(vec![0xff; magic.len()]), bytes)?;
        (mask.len() == magic.len()).then_some(())?;
        Some(Self {
            path: said("interpreter ")?.to_owned(),
            fixed: said("flags:").is_some_and(|flags| flags.contains('F')),
            offset: said("offset ").and_then(|offset| offset.parse().ok()).unwrap_or(0),
            magic,
            mask,
        })
    }

    fn takes(&self, header: &[u8]) -> bool {
        let wanted = self.magic.iter().zip(&self.mask);
        wanted.enumerate().all(|(at, (magic, mask))| {
            header.get(self.offset + at).is_some_and(|byte| byte & mask == magic & mask)
        })
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let pairs = digits.chunks(2).map(|pair| {
        std::str::from_utf8(pair)
            .ok()
            .filter(|p| p.len() == 2)
            .and_then(|p| u8::from_str_radix(p, 16).ok())
    });
    pairs.collect()
}

/// The first bytes of an executable file of a machine: ELF's class, byte order, kind and machine.
fn header(machine: &str) -> Option<[u8; 20]> {
    const SMALL: (u8, u8) = (1, 1);
    const WIDE: (u8, u8) = (2, 1);
    const WIDE_BIG: (u8, u8) = (2, 2);
    let ((class, order), number): (_, u16) = match machine {
        "amd64" => (WIDE, 62),
        "arm64" => (WIDE, 183),
        "armel" | "armhf" => (SMALL, 40),
        "i386" => (SMALL, 3),
        "loong64" => (WIDE, 258),
        "mips64el" => (WIDE, 8),
        "ppc64el" => (WIDE, 21),
        "riscv64" => (WIDE, 243),
        "s390x" => (WIDE_BIG, 22),
        _ => return None,
    };
    const EXECUTABLE: u16 = 2;
    let two = |value: u16| if order == 2 { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut header = [0; 20];
    header[..7].copy_from_slice(&[0x7f, b'E', b'L', b'F', class, order, 1]);
    header[16..18].copy_from_slice(&two(EXECUTABLE));
    header[18..20].copy_from_slice(&two(number));
    Some(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Debian's `qemu-user-static` registers.
    const AARCH64: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P\nflags: POCF\noffset 0\nmagic 7f454c460201010000000000000000000200b700\nmask ffffffffffffff00fffffffffffffffffeffffff\n";
    const S390X: &str = "enabled\ninterpreter /usr/libexec/qemu-binfmt/s390x-binfmt-P\nflags: POCF\noffset 0\nmagic 7f454c4602020100000000000000000000020016\nmask ffffffffffffff00fffffffffffffffffffeffff\n";

    fn registered(entries: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("status"), "enabled\n").unwrap();
        fs::write(folder.path().join("register"), "").unwrap();
        for (name, text) in entries {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn an_interpreter_runs_the_machine_whose_programs_begin_so() {
        let both = registered(&[("qemu-aarch64", AARCH64), ("qemu-s390x", S390X)]);
        for (machine, runs) in [
            ("amd64", true),
            ("i386", true),
            ("arm64", true),
            ("s390x", true),
            ("armhf", false),
            ("riscv64", false),
            ("unheard-of", false),
        ] {
            assert_eq!(can_run_by("amd64", machine, both.path()).is_ok(), runs, "{machine}");
        }
    }

    #[test]
    fn one_that_is_off_or_not_fixed_or_not_there_runs_nothing() {
        let off = AARCH64.replace("enabled", "disabled");
        let refused = |folder: &tempfile::TempDir| {
            can_run_by("amd64", "arm64", folder.path()).unwrap_err().to_string()
        };
        let none = "the kernel of this machine (amd64) has no interpreter for programs of `arm64`";
        assert_eq!(refused(&registered(&[("qemu-aarch64", &off)])), none);
        assert_eq!(refused(&registered(&[])), none);
        assert_eq!(refused(&registered(&[("qemu-aarch64", "enabled\nmagic 7\nmask\n")])), none);
        let here = AARCH64.replace("POCF", "");
        assert!(refused(&registered(&[("qemu-aarch64", &here)])).contains("aarch64-binfmt-P"));
        let missing = tempfile::tempdir().unwrap().path().join("none");
        assert!(can_run_by("amd64", "arm64", &missing).is_err());
    }

    #[test]
    fn this_machine_runs_itself() {
        can_run(own_machine()).unwrap();
        // Its own program begins as it is said here that it does.
        let own = fs::read("/proc/self/exe").unwrap();
        let said = header(own_machine()).unwrap();
        assert_eq!((&own[..7], &own[18..20]), (&said[..7], &said[18..20]));
    }
}
