//! What all virtual machines of the tests share, whatever runs in them.
//!
//! QEMU runs without KVM: plain emulation works on every machine, nested ones too.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Error, Result};

/// A fault of QEMU 10's own, seen once in a while on a busy host: it aborts, whatever runs in it.
const FAULT_OF_QEMU: &str = "iotlb_to_section: Assertion";
/// How often a machine is started anew after it.
const AGAIN: usize = 2;

/// QEMU with two processors, no display and no devices but what is added. It dies with the test
/// that started it, when that is killed too.
#[must_use]
pub fn qemu() -> Command {
    let mut command = Command::new("setpriv");
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null());
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    command.args(["-nodefaults", "-no-user-config", "-machine", "q35"]);
    // Without virtualisation in the guest, for loading KVM's module takes ten seconds, and with four
    // levels of page tables, for walking five is dearer in emulation.
    command.args(["-accel", "tcg,thread=multi", "-cpu", "max,svm=off,la57=off", "-smp", "2"]);
    command.args(["-display", "none"]);
    command
}

/// The lock of all tests that run a machine, beside their work folder `folder`: two at once on two
/// cores only make both slower. It is held until the file is dropped.
///
/// # Errors
/// When the lock cannot be made.
pub fn turn(folder: &Path) -> Result<File> {
    let path = folder.with_file_name("dibhost-test-machine.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.with_context(|| format!("opening {}", path.display()))?;
    file.lock().with_context(|| format!("locking {}", path.display()))?;
    Ok(file)
}

/// Runs a machine, and anew when QEMU fails by its own known fault: its message is in the error then.
///
/// # Errors
/// What `run` says at last.
pub fn again<T>(mut run: impl FnMut() -> Result<T>) -> Result<T> {
    let faulty = |error: &Error| format!("{error:#}").contains(FAULT_OF_QEMU);
    for _ in 0..AGAIN {
        match run() {
            Err(error) if faulty(&error) => {}
            done => return done,
        }
    }
    run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_qemus_own_fault_is_tried_again() {
        let runs = |says: &'static str, works_at: usize| {
            let mut run = 0;
            let done = again(|| {
                run += 1;
                if run == works_at { Ok(()) } else { Err(Error::msg(says).context("booting")) }
            });
            (run, done.is_ok())
        };
        let fault = "../accel: iotlb_to_section: Assertion `section_index' failed.";
        assert_eq!(runs(fault, 1), (1, true));
        assert_eq!(runs(fault, 3), (3, true));
        assert_eq!(runs(fault, 9), (3, false));
        assert_eq!(runs("Kernel panic", 2), (1, false));
    }
}
