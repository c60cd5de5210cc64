//! A virtual machine that looks at disks with Debian's own kernel and tools.
//!
//! ```text
//! graph + tree ─► Case ─► disks ─────────────┐
//!                  │  └─► script (job disk) ─┤ one boot for many cases ─► archive on a disk
//!                  └───► what it should hold ──────────── compared ◄──────┘
//! ```
//!
//! A boot costs ten seconds and more in emulation, so one machine looks at many disks. It is
//! made of the host's tools: what they need is in the list `test` of `scripts/install-dependencies`.

mod case;
mod cpio;
mod initramfs;
mod kernel;
mod luks;
mod machine;
mod prove;
mod script;
mod trees;
mod work;

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

pub(crate) use case::{Case, CaseDisk, EPOCH, KERNEL, KEYS};
pub(crate) use prove::{Boots, Proof, prove, prove_inside};
pub(crate) use trees::noise;
pub(crate) use work::WorkFolder;

/// A program of the host, where tests look for them.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C.UTF-8");
    command.stdin(std::process::Stdio::null());
    command
}

/// Runs a program to its end; answers what it wrote.
pub(crate) fn succeeds(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| {
        format!("starting {command:?} (`scripts/install-dependencies test` installs it)")
    })?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let wrong = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ({}): {said}{wrong}", output.status);
    Ok(said)
}

pub(crate) fn output(program: &str, args: &[&str]) -> Result<String> {
    succeeds(command(program).args(args))
}

pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not UTF-8", path.display()))
}
