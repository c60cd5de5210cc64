//! QEMU's monitor (QMP), as far as a power button needs it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::MachineError;

/// How long QEMU may take to answer; its monitor has a thread that the guest does not slow down.
const ANSWER: Duration = Duration::from_secs(10);

/// Presses the machine's power button, by the monitor at `socket`.
pub(crate) fn press_power_button(socket: &Path) -> Result<(), MachineError> {
    let mut monitor =
        UnixStream::connect(socket).map_err(MachineError::io("connecting to QEMU's monitor"))?;
    monitor.set_read_timeout(Some(ANSWER)).map_err(MachineError::io("limiting the monitor"))?;
    let reading = monitor.try_clone().map_err(MachineError::io("reading the monitor"))?;
    let mut answers = BufReader::new(reading);
    let mut answer = String::new();
    answers.read_line(&mut answer).map_err(MachineError::io("reading the monitor's greeting"))?;
    for order in ["qmp_capabilities", "system_powerdown"] {
        writeln!(monitor, "{{\"execute\":\"{order}\"}}")
            .map_err(MachineError::io("writing to the monitor"))?;
        answer.clear();
        answers
            .read_line(&mut answer)
            .map_err(MachineError::io(format!("reading after `{order}`")))?;
        if answer.contains("\"error\"") {
            return Err(MachineError::Monitor { order, answer });
        }
    }
    Ok(())
}
