//! The state of a tree, kept in layers and made again of them.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;

use dibhost_layers::layer::{self, Chain, Limits, Manifest, RestoreError, Survey};
use dibhost_sys::empty_folder;

use crate::error::{TargetError, os};
use crate::rooted::Rooted;
use crate::tree::LayerFiles;

/// How a tree stood when it was last looked at, and the layers that make it that.
#[derive(Debug, Default)]
pub(crate) struct Standing(Option<(Survey, Chain)>);

impl Standing {
    pub(crate) fn mark(&mut self, tree: &Rooted) -> Result<(), TargetError> {
        let survey = layer::survey(tree.whole()?.as_fd());
        let survey = survey.map_err(|e| failed("looking at the tree", &e))?;
        self.0 = Some((survey, Chain::empty()));
        Ok(())
    }

    pub(crate) fn pack(&mut self, tree: &Rooted, into: LayerFiles) -> Result<(), TargetError> {
        let doing = "packing what became of the tree";
        let Some((before, mut chain)) = self.0.take() else {
            return Err(TargetError::Invalid("the tree was never marked".to_owned()));
        };
        let LayerFiles { mut manifest, mut pack } = into;
        let packed = layer::pack(tree.whole()?.as_fd(), &before, &chain, &mut pack);
        let (made, after) = packed.map_err(|e| failed(doing, &e))?;
        let bytes = made.encode().map_err(|e| failed(doing, &e))?;
        manifest.write_all(&bytes).map_err(|e| os(doing, e))?;
        chain.push(&made).map_err(|e| failed(doing, &e))?;
        self.0 = Some((after, chain));
        Ok(())
    }

    pub(crate) fn restore(
        &mut self,
        tree: &Rooted,
        layers: Vec<LayerFiles>,
    ) -> Result<(), TargetError> {
        self.0 = None;
        let folder = tree.whole()?;
        match restored(&folder, layers) {
            Ok(standing) => {
                self.0 = Some(standing);
                Ok(())
            }
            Err(error) => {
                empty_folder(&folder).map_err(|e| os("emptying the tree", e))?;
                Err(error)
            }
        }
    }
}

fn restored(folder: &impl AsFd, layers: Vec<LayerFiles>) -> Result<(Survey, Chain), TargetError> {
    let corrupt = |error: RestoreError| match error {
        RestoreError::Corrupt { .. } => TargetError::Corrupt(error.to_string()),
        error => failed("making the tree of its layers", &error),
    };
    let layers: Vec<(Manifest, File)> = layers
        .into_iter()
        .map(|LayerFiles { manifest, pack }| Ok((read(manifest)?, pack)))
        .collect::<Result<_, TargetError>>()?;
    let survey = layer::restore(folder.as_fd(), &layers).map_err(corrupt)?;
    let chain = Chain::of(layers.iter().map(|(manifest, _)| manifest)).map_err(corrupt)?;
    Ok((survey, chain))
}

fn read(manifest: File) -> Result<Manifest, TargetError> {
    let limits = Limits::default();
    let mut bytes = Vec::new();
    manifest
        .take(limits.manifest.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|e| os("reading a layer", e))?;
    Manifest::decode(&bytes, &limits).map_err(|e| TargetError::Corrupt(e.to_string()))
}

/// An error of the kernel as one, so that a full disk is known for it.
fn failed(doing: &str, error: &(dyn std::error::Error + 'static)) -> TargetError {
    let mut below = Some(error);
    while let Some(error) = below {
        if let Some(code) = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return os(doing, io::Error::from_raw_os_error(code));
        }
        below = error.source();
    }
    TargetError::Conflict(format!("{doing}: {error}"))
}
