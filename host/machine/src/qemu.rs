//! How QEMU is started, whose turn it is, and its own faults: what all machines share, whatever
//! runs in them.

use std::fmt::Display;
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::OFlags;

use crate::MachineError;

/// What a kernel says at whose start QEMU has lost a timer of a processor, as it does once in a while
/// on a busy host: nothing goes on from there.
pub(crate) const LOST_TIMER: &str = "rcu_preempt kthread timer wakeup didn't happen";

/// Faults of QEMU 10's own, seen once in a while on a busy host, whatever runs in it: it aborts, or
/// loses a timer.
const FAULTS_OF_QEMU: [&str; 2] = ["iotlb_to_section: Assertion", LOST_TIMER];
/// How often a machine is started anew after one.
const AGAIN: usize = 2;

/// QEMU with two processors, no display and no devices but what is added. It dies with the
/// thread that started it, when that is killed too.
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

/// The lock of all machines that take turns, beside their work folder `folder`: two at once on two
/// cores only make both slower. It is held until the file is dropped.
///
/// # Errors
/// When the lock cannot be made.
pub fn turn(folder: &Path) -> Result<File, MachineError> {
    let path = folder.with_file_name("dibhost-machine.lock");
    // Everyone may write to such folders: a link there is somebody else's.
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    let mut options = File::options();
    let file = options.create(true).truncate(false).write(true).custom_flags(no_link).open(&path);
    file.and_then(|file| file.lock().map(|()| file))
        .map_err(MachineError::io(format!("locking {}", path.display())))
}

/// Runs a machine, and anew when QEMU fails by a known fault of its own: its message is in the error then.
///
/// # Errors
/// What `run` says at last.
pub fn again<T, E: Display>(mut run: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    for _ in 0..AGAIN {
        match run() {
            // All of it: an error's alternate form has its causes.
            Err(error) if is_qemus_own(&format!("{error:#}")) => {}
            done => return done,
        }
    }
    run()
}

fn is_qemus_own(said: &str) -> bool {
    FAULTS_OF_QEMU.iter().any(|fault| said.contains(fault))
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
                if run == works_at { Ok(()) } else { Err(format!("booting: {says}")) }
            });
            (run, done.is_ok())
        };
        let fault = "../accel: iotlb_to_section: Assertion `section_index' failed.";
        assert_eq!(runs(fault, 1), (1, true));
        assert_eq!(runs(fault, 3), (3, true));
        assert_eq!(runs(fault, 9), (3, false));
        assert_eq!(runs(LOST_TIMER, 2), (2, true));
        assert_eq!(runs("Kernel panic", 2), (1, false));
    }
}
