//! What programs of a Debian tree are run with, whoever starts them.

use dibhost_tree::{Command, StandIn, StandInPlace, TargetPath};

use crate::error::PackageError;
use crate::manager::Surroundings;

/// Asked by `invoke-rc.d` before it starts a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";
const POLICY_SCRIPT: &str =
    "#!/bin/sh\n# dibhost: no service starts while an image is built.\nexit 101\n";

/// Called by init scripts of packages that do not ask `invoke-rc.d`.
const START_STOP_DAEMON: &str = "start-stop-daemon";
const START_STOP_DAEMON_SCRIPT: &str =
    "#!/bin/sh\n# dibhost: no service starts while an image is built.\nexit 0\n";

/// What programs of a Debian tree are run with.
pub(super) fn surroundings() -> Result<Surroundings, PackageError> {
    let policy = path(POLICY)?;
    let stand_in = |at, script: &str| StandIn { at, script: script.to_owned() };
    let start = StandInPlace::Path(START_STOP_DAEMON.to_owned());
    Ok(Surroundings {
        stand_ins: vec![
            stand_in(StandInPlace::Tree(policy), POLICY_SCRIPT),
            stand_in(start, START_STOP_DAEMON_SCRIPT),
        ],
        env: [("DEBIAN_FRONTEND".to_owned(), "noninteractive".to_owned())].into(),
    })
}

pub(super) fn path(text: &str) -> Result<TargetPath, PackageError> {
    TargetPath::new(text).map_err(|e| PackageError::Invalid(e.to_string()))
}

/// A program of the tree, as all of them are run.
pub(super) fn command(program: &str, args: &[&str]) -> Result<Command, PackageError> {
    let Surroundings { stand_ins, env } = surroundings()?;
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    Ok(Command { program: program.to_owned(), args, stand_ins, env, ..Command::default() })
}
