//! What a call put beside the image.

use std::sync::Arc;

/// What was put beside the image.
#[derive(Debug, Default)]
pub(crate) struct Outputs(pub(crate) Vec<(String, Arc<[u8]>)>);

impl Outputs {
    pub(crate) fn emitted(&mut self) -> Vec<(String, Arc<[u8]>)> {
        std::mem::take(&mut self.0)
    }
}
