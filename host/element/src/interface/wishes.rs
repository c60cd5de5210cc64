//! The wishes of one call, whichever interface they came by.

use dibhost_block_device::Node;
use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::planner::BuilderSurroundings;
use dibhost_plan::wish::Wish;

use crate::refusal::Refusal;
use crate::state::State;

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

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Wish> {
        self.made.iter()
    }
}

impl State {
    /// Keeps wishes that are within the grants and sound: all of them or none.
    pub(crate) fn wish(&mut self, wishes: Vec<Wish>) -> Result<(), Refusal> {
        self.within(Limit::Wishes, (self.wishes.made.len() + wishes.len()) as u64)?;
        for wish in &wishes {
            crate::schema::validate(wish)?;
            dibhost_plan::grant::permits(&self.call.grants, wish)
                .map_err(|missing| self.not_granted(missing.capability, &missing.subject))?;
        }
        self.wishes.made.extend(wishes);
        Ok(())
    }
}

/// Keys that a newer contract may have added: one with `!` must be understood.
pub(crate) fn known_extensions(extensions: &[(String, String)]) -> Result<(), Refusal> {
    let insisted = |key: &str| Check::InsistedExtension.holds() && key.starts_with('!');
    match extensions.iter().find(|(key, _)| insisted(key)) {
        Some((key, _)) => Err(Refusal::unsupported(format!(
            "this host does not know `{}`, which the element insists on",
            dibhost_text::harmless(key, 100)
        ))),
        None => Ok(()),
    }
}
