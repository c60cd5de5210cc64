//! What programs of a tree of RPM packages are run with, whoever starts them.

use std::collections::BTreeMap;

use dibhost_tree::{Command, TargetPath};

use crate::error::PackageError;
use crate::manager::Surroundings;

/// What the programs of such a tree are run with. `systemctl` starts nothing with the first of these, but
/// enables what it is told to; dracut makes no device nodes, which nobody may here. Debian's rpm, which the
/// trees of tests have, would ask not to be used.
pub(crate) fn surroundings() -> Surroundings {
    let own = [("SYSTEMD_OFFLINE", "1"), ("DRACUT_NO_MKNOD", "1"), ("RPM_FORCE_DEBIAN", "1")];
    let env: BTreeMap<_, _> = own.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    Surroundings { stand_ins: Vec::new(), env }
}

pub(crate) fn path(text: &str) -> Result<TargetPath, PackageError> {
    TargetPath::new(text).map_err(|e| PackageError::Invalid(e.to_string()))
}

/// A program of the tree, as all of them are run.
pub(crate) fn command(program: &str, args: &[&str]) -> Command {
    let Surroundings { stand_ins, env } = surroundings();
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    Command { program: program.to_owned(), args, stand_ins, env, ..Command::default() }
}
