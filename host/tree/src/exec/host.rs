//! Programs of the builder that work on the tree, held as programs of the tree are: no network, few
//! capabilities, the same system calls. They see the builder's files, and the tree in its parts.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::CommandExt as _;

use dibhost_sys::{HeldFolder, Namespaces};
use rustix::io::{FdFlags, fcntl_setfd};

use super::mounts::own_proc;
use super::{boxed, calls};
use crate::command::Output;
use crate::error::{TargetError, os};
use crate::rooted::Rooted;
use crate::rooted::split::View;

/// What a program of the builder may do beside reading the tree and writing where it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// What a program of the tree may.
    Boxed,
    /// It is dibhost's own code, and mounts what it made.
    Mounting,
}

/// What there is around such a program.
pub(crate) struct Outside<'a> {
    pub(crate) rooted: &'a Rooted,
    /// How the tree is seen; none: as it is.
    pub(crate) view: Option<&'a View>,
    /// Folders that it inherits, under their numbers: it is given paths through them.
    pub(crate) held: &'a [HeldFolder],
    /// Hung up when the engine is gone.
    pub(crate) control: BorrowedFd<'a>,
}

/// Runs one; all that it says is kept. [`TargetError::NotFound`]: there is no such program.
pub(crate) fn run(
    command: std::process::Command,
    bounds: Bounds,
    outside: &Outside<'_>,
) -> Result<Output, TargetError> {
    let Outside { rooted, view, held, control } = *outside;
    let watch = boxed::Watch { stdin: None, timeout: None, capture: true, control };
    // The network is the worker's, which has none.
    let namespaces = Namespaces { mount: true, pid: true, ..Namespaces::default() };
    let enter = || {
        own_proc()?;
        if let Some(view) = view {
            view.enter(rooted)?;
        }
        match bounds {
            Bounds::Boxed => boxed::drop_privileges().and_then(|()| calls::restrict()),
            Bounds::Mounting => boxed::end_with_parent(),
        }
    };
    boxed::run(namespaces, &watch, &mut |_| (), enter, |ends| execute(command, held, ends))
}

fn execute(
    mut command: std::process::Command,
    held: &[HeldFolder],
    ends: &boxed::Ends,
) -> TargetError {
    if let Err(error) = ends.connect() {
        return error;
    }
    // In this process alone, which becomes the program; all else that is open ends here.
    if let Err(error) = held.iter().try_for_each(|f| fcntl_setfd(f, FdFlags::empty())) {
        return os("handing an open folder to a program", error);
    }
    let shown = command.get_program().to_string_lossy().into_owned();
    let error = command.exec();
    if error.kind() == io::ErrorKind::NotFound {
        return TargetError::NotFound(shown);
    }
    os(format!("executing `{shown}`"), error)
}
