//! The layers of a container's image, of which a first tree is made.

use std::path::Path;

use dibhost_registry::oci::{
    ContainerLayer, ContainerReference, Containers, Packing, Pointer, RegistryError,
};
use dibhost_sys::{Cancel, Program};
use dibhost_text::oci_platform;

use crate::failure::BuildFailure;

/// The image that a reference names by its digest, which is the same tomorrow. Of another one the
/// failure says which it is today, where that can be had.
pub(crate) fn pinned(
    reference: &str,
    containers: &dyn Fn() -> Result<Containers, BuildFailure>,
) -> Result<ContainerReference, BuildFailure> {
    let read: ContainerReference = reference.parse().map_err(|why: String| {
        BuildFailure::new(format!("the image of a container `{reference}` is no reference: {why}"))
            .with_help("write `HOST/REPOSITORY@sha256:…`")
    })?;
    if matches!(read.pointer, Pointer::Digest(_)) {
        return Ok(read);
    }
    let said = BuildFailure::new(format!(
        "the image of a container `{read}` is named by its tag, which may be another image tomorrow"
    ));
    let repository = &read.repository;
    let today = containers().and_then(|containers| containers.digest(&read).map_err(failure));
    Err(match today {
        Ok(digest) => said.with_help(format!("today it is `{repository}@{digest}`: write that")),
        Err(_) => said.with_help(format!("write `{repository}@sha256:…`")),
    })
}

/// Puts the layers into a folder, which is made, and says what unpacks each, the lowest first.
pub(crate) fn layers(
    containers: &Containers,
    reference: &ContainerReference,
    arch: &str,
    into: &Path,
    cancel: &Cancel,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Vec<Program>, BuildFailure> {
    let layers = containers.layers(reference, oci_platform(arch)).map_err(failure)?;
    let making = |e| BuildFailure::new(e).doing(format!("making `{}`", into.display()));
    std::fs::create_dir(into).map_err(making)?;
    let all: u64 = layers.iter().map(|layer| layer.size).sum();
    let mut before = 0;
    let mut programs = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        cancel.check().map_err(BuildFailure::new)?;
        let path = into.join(format!("{at:03}"));
        let mut progress = |done| progress(before + done, all);
        let written =
            containers.write_layer(&reference.repository, layer, &path, cancel, &mut progress);
        if let Err(error) = written {
            // What ended it may have been the person.
            cancel.check().map_err(BuildFailure::new)?;
            return Err(failure(error));
        }
        before += layer.size;
        programs.push(unpacking(layer, &path));
    }
    Ok(programs)
}

/// What says the archive that a layer is.
fn unpacking(layer: &ContainerLayer, path: &Path) -> Program {
    let program = match layer.packing {
        Packing::Plain => Program::new("cat"),
        Packing::Gzip => Program::new("gzip").args(["--decompress", "--stdout"]),
        Packing::Zstd => Program::new("zstd").args(["--decompress", "--stdout", "--quiet"]),
    };
    program.arg("--").arg(path)
}

/// What went wrong with a registry, with what to do.
pub(crate) fn failure(error: RegistryError) -> BuildFailure {
    let failure = BuildFailure::new(&error).doing("getting the image of a container");
    match error.help() {
        Some(help) => failure.with_help(help),
        None => failure,
    }
}
