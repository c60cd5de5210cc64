//! The formats of other hypervisors, each written in order from the raw disk: the same bytes give the same
//! file. What they have of times is zero, and identifiers come of the disk's content.
//!
//! ```text
//! Source::each ─► blocks that are not all zeros ─► vhd             as they are, where they belong
//!                                                  vhdx, vdi       as they are, one after the other
//!                                                  vmdk            the same, compressed
//! ```

mod source;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;

use std::fs::File;
use std::path::Path;

pub(crate) use source::Source;

use self::source::Target;
use crate::{Format, ImageError};

/// Writes a disk into an empty file, in one of these formats.
pub(crate) fn write(
    format: Format,
    source: &Source<'_>,
    (file, path): (&File, &Path),
) -> Result<(), ImageError> {
    let to = Target { file, path };
    match format {
        Format::Vhd => vhd::write(source, &to),
        Format::Vhdx => vhdx::write(source, &to),
        Format::Vdi => vdi::write(source, &to),
        Format::Vmdk => vmdk::write(source, &to),
        other => Err(ImageError::output(
            path,
            &format!("is a {other}, which is made elsewhere"),
            "say so as a mistake of dibhost",
        )),
    }
}
