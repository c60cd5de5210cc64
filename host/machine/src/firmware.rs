//! The firmware that starts a machine.

use std::fs;
use std::path::Path;

use crate::MachineError;

/// Which firmware starts the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// A BIOS: QEMU's own.
    SeaBios,
    /// UEFI: Debian's `ovmf`, with variables of its own that are new at each start.
    Ovmf,
}

const CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/// QEMU's drives for OVMF's code, and for a copy of its empty variables in `folder`.
pub(crate) fn ovmf(folder: &Path) -> Result<[String; 2], MachineError> {
    if !Path::new(CODE).exists() {
        let said = format!("{CODE} is not there: install Debian's package ovmf, or boot by BIOS");
        return Err(MachineError::Refused(said));
    }
    let variables = folder.join("OVMF_VARS.fd");
    fs::copy(VARIABLES, &variables).map_err(MachineError::io("copying OVMF's variables"))?;
    Ok([
        format!("if=pflash,unit=0,format=raw,readonly=on,file={CODE}"),
        format!("if=pflash,unit=1,format=raw,file={}", crate::disk::in_option(&variables)),
    ])
}
