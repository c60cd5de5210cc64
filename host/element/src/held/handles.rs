//! What the handles of a call stand for.

use std::sync::Arc;

use dibhost_inputs::Input;
use dibhost_tree::Scope;

/// The handle lent for one call. All it stands for is in the store's state.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Build;

/// A secret: which one it is, never what it says.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Secret {
    /// The parameter that names it, which is what a grant names too.
    pub(crate) parameter: String,
    /// What the definition calls it.
    pub(crate) name: String,
}

/// An input of the definition.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct GivenInput {
    pub(crate) input: Arc<Input>,
}

/// A part of the tree.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "what `bindgen!` re-exports has to be `pub`")]
pub struct Tree {
    pub(crate) scope: Scope,
}
