//! Disks of a machine: copy-on-write overlays, so that the image itself is never written.

use std::path::{Path, PathBuf};

use dibhost_sys::{Cancel, Program};
use serde_json::Value;

use crate::MachineError;

/// Makes an overlay of an image (qcow2 or raw) in `folder`.
pub(crate) fn overlay(
    image: &Path,
    folder: &Path,
    disk_gib: Option<u32>,
) -> Result<PathBuf, MachineError> {
    let opening = MachineError::io(format!("opening {}", image.display()));
    let image = image.canonicalize().map_err(opening)?;
    let information = Program::new("qemu-img").args(["info", "--output=json"]).arg(&image);
    let text = information.run(&Cancel::new())?.text();
    let information: Value = serde_json::from_str(&text).unwrap_or_default();
    let unknown = || {
        let said = format!("`qemu-img info` names no format of {}", image.display());
        MachineError::Refused(said)
    };
    let format = information["format"].as_str().ok_or_else(unknown)?;
    let overlay = folder.join("overlay.qcow2");
    let create = Program::new("qemu-img").args(["create", "-q", "-f", "qcow2", "-F", format]);
    let mut create = create.arg("-b").arg(&image).arg(&overlay);
    if let Some(gib) = disk_gib {
        let size = information["virtual-size"].as_u64().unwrap_or(0);
        if u64::from(gib) << 30 < size {
            return Err(MachineError::Refused(format!(
                "a disk of {gib} GiB cannot hold {}, which has {size} bytes",
                image.display()
            )));
        }
        create = create.arg(format!("{gib}G"));
    }
    create.run(&Cancel::new())?;
    Ok(overlay)
}

/// A path as it is written in an option of QEMU's, where a comma ends a value and two are one.
pub(crate) fn in_option(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}
