//! Whether this machine can do what the back-end `loop` asks of it.

use std::fs::File;
use std::io;

use rustix::io::Errno;
use rustix::mount::{FsOpenFlags, fsopen};

use super::fill::kept_by_kernel;
use crate::graph::Graph;

/// A machine on which the back-end `loop` cannot work.
#[derive(Debug, thiserror::Error)]
#[error("the back-end `loop` cannot work here: {problem}: {help}")]
pub struct Unable {
    problem: String,
    help: &'static str,
}

/// Looks for loop devices, and for each kind of filesystem in the kernel. Leaves nothing.
pub(crate) fn able(graph: &Graph) -> Result<(), Unable> {
    let unable = |problem: String, help| Unable { problem, help };
    if !dibhost_sys::is_root() {
        let help = "run it with `sudo`, or use the back-end `file`";
        return Err(unable("it needs root".to_owned(), help));
    }
    let control = "/dev/loop-control";
    File::options().read(true).write(true).open(control).map_err(|error| {
        let help = "load the kernel's module `loop`, let a container have the device, or use the \
                    back-end `file`";
        unable(format!("opening {control}: {error}"), help)
    })?;
    for filesystem in graph.filesystems().iter().filter(|f| kept_by_kernel(f.kind)) {
        let name = filesystem.kind.name();
        // It loads the module, if there is one.
        fsopen(name, FsOpenFlags::FSOPEN_CLOEXEC).map_err(|error| {
            let node = &filesystem.node;
            let help = "use another kind of filesystem, or the back-end `file`";
            match error {
                Errno::NODEV => {
                    unable(format!("this kernel knows no {name}, which `{node}` is"), help)
                }
                error => unable(
                    format!("the kernel gives no {name} to mount: {}", io::Error::from(error)),
                    "Linux 5.2 or later is needed, and the right to mount; else use the back-end `file`",
                ),
            }
        })?;
    }
    Ok(())
}
