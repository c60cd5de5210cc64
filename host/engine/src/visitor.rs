//! Whoever looks into the tree while it is made, in the box that programs of it run in.

use dibhost_plan::action::{Action, Work};
use dibhost_tree::Programs;

use crate::failure::BuildFailure;
use crate::layers::is_called;

/// Why somebody is let in.
#[derive(Debug)]
pub enum Occasion<'a> {
    /// The build is where it was to stop, and ends afterwards without an output.
    Reached,
    /// An action failed, and the tree is as it left it.
    Failed(&'a BuildFailure),
}

/// Somebody who looks into the tree.
pub trait Visitor {
    /// How many of the plan's actions are done when the build is to stop; none: it goes on to its end.
    fn stops_at(&self) -> Option<usize>;

    /// Looks; a build that failed may have nothing there to run.
    ///
    /// # Errors
    /// It could not.
    fn enter(
        &mut self,
        tree: &mut dyn Programs,
        occasion: Occasion<'_>,
    ) -> Result<(), BuildFailure>;
}

/// How many actions are done before an action that is called so, and behind it. Steps of one phase run
/// side by side, and are one action here. None: no action is called so.
#[must_use]
pub fn around(actions: &[Action], name: &str) -> Option<(usize, usize)> {
    let at = actions.iter().position(|action| is_called(action, name))?;
    let of_its_phase = |action: &&Action| match (&actions[at].work, &action.work) {
        (Work::Step { phase: one, .. }, Work::Step { phase: other, .. }) => one == other,
        _ => false,
    };
    let before = actions[..at].iter().rev().take_while(of_its_phase).count();
    let behind = actions[at + 1..].iter().take_while(of_its_phase).count();
    Some((at - before, at + behind + 1))
}
