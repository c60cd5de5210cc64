//! The tree in one file. A program in the tree's box made an archive of it, or a filesystem; here it is
//! compressed, or becomes the layer of a container's image. The same archive gives the same file.

mod container;
mod oci;
mod source;

use std::fs::File;
use std::path::Path;

pub use container::Container;
pub(crate) use source::Source;

use self::source::Failed;
use crate::{Format, ImageError};

/// Writes an archive into an empty file, in one of those formats.
pub(crate) fn write(
    format: Format,
    source: &Source<'_>,
    (file, path): (&File, &Path),
) -> Result<(), ImageError> {
    let written = match format {
        Format::TarZst => source.zstd(file),
        Format::Oci => oci::write(source, file),
        Format::Tgz => source.gzip(file, &mut |_| ()),
        other => {
            let problem = format!("is a {other}, which is made elsewhere");
            return Err(ImageError::output(path, &problem, "say so as a mistake of dibhost"));
        }
    };
    written.map_err(|failed| match failed {
        Failed::Cancelled(cancelled) => ImageError::Cancelled(cancelled),
        Failed::Read(error) => ImageError::io("reading", source.path)(error),
        Failed::Write(error) => ImageError::io("writing", path)(error),
    })
}
