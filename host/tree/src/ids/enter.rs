//! A process in a user namespace, whose ids are given to it from outside.
//!
//! ```text
//! outer ── clone ──► inner: nobody, waits
//!   │ writes /proc/INNER/uid_map, gid_map            (root; else newuidmap, newgidmap)
//!   └── a byte through a pipe ──► inner: root of its namespaces
//! ```

use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use dibhost_sys::{Forked, Namespaces, fork};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Gid, Pid, Signal, Uid, WaitOptions, kill_process, waitpid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use super::refused::Switches;
use super::{IdMap, Run};
use crate::error::{TargetError, os};

/// Debian's package has both.
const HELPERS: [&str; 2] = ["newuidmap", "newgidmap"];

/// Forks into new namespaces that belong to a user namespace with this map. The new process has all
/// rights in them, and ids by [`take_root`] alone. This process must be dumpable: `newuidmap` looks
/// whose the new one is.
///
/// # Errors
/// The kernel or a helper refuses, with what to do about it.
pub(crate) fn fork_mapped(map: &IdMap, namespaces: Namespaces) -> Result<Forked, TargetError> {
    let (gate, opener) = pipe_with(PipeFlags::CLOEXEC).map_err(|e| os("making a pipe", e))?;
    let forked =
        fork(Namespaces { user: true, ..namespaces }).map_err(
            |error| match Errno::from_io_error(&error) {
                Some(errno) => TargetError::Unsupported(Switches::of_this_machine().why(errno)),
                None => os("making the namespaces of the target", error),
            },
        )?;
    match forked {
        Forked::Child => {
            drop(opener);
            if !opened(&gate) {
                // The other process says why, or is gone.
                end();
            }
            Ok(Forked::Child)
        }
        Forked::Parent(inner) => {
            drop(gate);
            let written = write(map, inner).and_then(|()| {
                rustix::io::write(&opener, b"m").map_err(|e| os("writing to a pipe", e))
            });
            if let Err(error) = written {
                let _ = kill_process(inner, Signal::KILL);
                let _ = waitpid(Some(inner), WaitOptions::empty());
                return Err(error);
            }
            Ok(Forked::Parent(inner))
        }
    }
}

/// Whether the map is written.
fn opened(gate: &OwnedFd) -> bool {
    loop {
        match rustix::io::read(gate, &mut [0_u8; 1]) {
            Err(Errno::INTR) => (),
            read => return matches!(read, Ok(1)),
        }
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end() -> ! {
    std::process::exit(1)
}

/// Becomes root of the namespace.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn take_root() -> Result<(), TargetError> {
    set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT))
        .and_then(|()| set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT))
        .map_err(|e| os("becoming root of the worker's user namespace", e))
}

/// What was refused for want of rights in a user namespace of a user's, told with what gave none.
pub(crate) fn explained(error: TargetError) -> TargetError {
    match &error {
        TargetError::Os { doing, name, .. } if name == "EPERM" || name == "EACCES" => {
            let errno = if name == "EPERM" { Errno::PERM } else { Errno::ACCESS };
            let why = Switches::of_this_machine().why(errno);
            TargetError::Unsupported(format!("{doing} was refused: {why}"))
        }
        _ => error,
    }
}

fn write(map: &IdMap, inner: Pid) -> Result<(), TargetError> {
    let inner = inner.as_raw_nonzero();
    for (runs, file, helper) in
        [(&map.users, "uid_map", HELPERS[0]), (&map.groups, "gid_map", HELPERS[1])]
    {
        let extents = extents(runs);
        if rustix::process::geteuid().is_root() {
            let text = extents.iter().fold(String::new(), |mut text, [inside, outside, count]| {
                let _ = writeln!(text, "{inside} {outside} {count}");
                text
            });
            let path = format!("/proc/{inner}/{file}");
            std::fs::write(&path, text)
                .map_err(|e| explained(os(format!("writing `{path}`"), e)))?;
        } else {
            let numbers = extents.iter().flatten().map(ToString::to_string);
            by_helper(helper, inner.to_string(), numbers)?;
        }
    }
    Ok(())
}

/// First id inside, first outside, how many.
fn extents(runs: &[Run]) -> Vec<[u32; 3]> {
    let mut inside = 0_u32;
    runs.iter()
        .map(|run| {
            let extent = [inside, run.first, run.count];
            inside = inside.saturating_add(run.count);
            extent
        })
        .collect()
}

fn by_helper(
    helper: &str,
    inner: String,
    numbers: impl Iterator<Item = String>,
) -> Result<(), TargetError> {
    let ran = Command::new(helper).arg(inner).args(numbers).stdin(Stdio::null()).output();
    let ran = match ran {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(no_helper(helper));
        }
        ran => ran.map_err(|e| os(format!("starting `{helper}`"), e))?,
    };
    if ran.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ran.stderr);
    let said = said.trim().lines().next().unwrap_or("without a word").to_owned();
    let help = if said.contains("not allowed") {
        "its own list of ids is another than `/etc/subuid` and `/etc/subgid` say: look at both, and \
         at `subid:` in `/etc/nsswitch.conf`".to_owned()
    } else {
        Switches::of_this_machine().why(Errno::PERM)
    };
    Err(TargetError::Unsupported(format!(
        "`{helper}` could not give the build its ids ({said}): {help}"
    )))
}

fn no_helper(helper: &str) -> TargetError {
    TargetError::Unsupported(format!(
        "without root, a build gets its ids by `{helper}`, which is not installed: \
         `sudo apt-get install uidmap`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_follow_each_other_inside() {
        let run = |first, count| Run { first, count };
        let runs = [run(100_000, 65_536), run(300_000, 10)];
        assert_eq!(extents(&runs), [[0, 100_000, 65_536], [65_536, 300_000, 10]]);
    }

    #[test]
    fn a_helper_that_is_not_there_is_named_with_its_package() {
        let none = std::iter::empty();
        let error = by_helper("no-such-newuidmap", "1".to_owned(), none).unwrap_err().to_string();
        assert!(error.contains("`no-such-newuidmap`, which is not installed"), "{error}");
        assert!(error.contains("`sudo apt-get install uidmap`"), "{error}");
    }

    #[test]
    fn what_a_helper_refuses_is_told_in_its_words() {
        let none = std::iter::empty();
        let error = by_helper("false", "1".to_owned(), none).unwrap_err().to_string();
        assert!(
            error.starts_with("`false` could not give the build its ids (without a word): "),
            "{error}"
        );
    }

    #[test]
    fn a_refusal_for_want_of_rights_is_explained_and_others_stay() {
        let said = explained(os("mounting `/proc`", Errno::PERM)).to_string();
        assert!(said.starts_with("mounting `/proc` was refused: this machine gives"), "{said}");
        let full = os("mounting a tmpfs", Errno::NOMEM);
        assert_eq!(explained(full.clone()), full);
    }
}
