//! Opens a disk as the back-end `device` does before it writes, and lets it go: `open-device PATH`.
//! The tests' virtual machine asks by it for what its kernel holds.

use std::io::{self, Write as _};
use std::process::ExitCode;

use dibhost_block_device::Device;

fn main() -> ExitCode {
    let said = match std::env::args().nth(1) {
        Some(path) => Device::open(&path, true).err().map(|error| error.to_string()),
        None => Some("write `open-device PATH`".to_owned()),
    };
    let Some(said) = said else { return ExitCode::SUCCESS };
    // Nothing is left to do where even that cannot be written.
    let _ = writeln!(io::stderr(), "open-device: {said}");
    ExitCode::FAILURE
}
