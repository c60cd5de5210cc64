//! Versions of the builder's programs that shape an image. No plan knows them, for it is the same
//! on every machine; the keys of a build have them.

use std::collections::BTreeMap;
use std::time::Duration;

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
    Program::new(program).arg(question).within(PATIENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibhost_plan::Work;

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
