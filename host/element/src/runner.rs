//! Whoever runs the steps of elements, wherever those come from.

use dibhost_plan::planner::ElementFailure;

use crate::invoke::RunCall;
use crate::side_by_side::ReadyStep;

/// Beside [`Planner`](dibhost_plan::planner::Planner): runs what was planned.
pub trait Runner: Sync {
    /// Makes a call of `run(phase)` ready for [`run_side_by_side`](crate::run_side_by_side).
    ///
    /// # Errors
    /// When the element is not known, has nothing to run in the phase, or cannot be loaded.
    fn prepare(&self, call: &RunCall<'_>) -> Result<Box<dyn ReadyStep>, ElementFailure>;
}
