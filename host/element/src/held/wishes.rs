//! The wishes of a call, and what wishing may look at.

use dibhost_block_device::Node;
use dibhost_plan::planner::BuilderSurroundings;
use dibhost_plan::wish::Wish;

/// What was wished, and what wishing may look at.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    made: Vec<Wish>,
    /// Nodes wished so far, those of this call included.
    pub(crate) nodes: Vec<Node>,
    pub(crate) builder: BuilderSurroundings,
}

impl Wishes {
    pub(crate) fn new(nodes: Vec<Node>, builder: BuilderSurroundings) -> Self {
        Self { made: Vec::new(), nodes, builder }
    }

    pub(crate) fn made(&mut self) -> Vec<Wish> {
        std::mem::take(&mut self.made)
    }

    pub(crate) fn add(&mut self, wishes: Vec<Wish>) {
        self.made.extend(wishes);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Wish> {
        self.made.iter()
    }
}
