//! What an author writes.

use crate::description::Description;
use crate::error::Result;
use crate::outcome::Outcome;
use crate::parameters::Parameters;
use crate::phase::Phase;
use crate::plan::Plan;
use crate::run::Run;

/// The methods of the phases: by default nothing is planned and nothing is done.
macro_rules! phases {
    ($($name:literal: $plan:ident, $run:ident;)*) => {
        $(
            #[doc = concat!("Plans the steps of `", $name, "`.")]
            ///
            /// # Errors
            /// Stops the build before it begins.
            fn $plan(&self, plan: &Plan<'_>) -> Result<()> {
                let _ = plan;
                Ok(())
            }

            #[doc = concat!("Runs the steps of `", $name, "`.")]
            ///
            /// # Errors
            /// Stops the build.
            fn $run(&self, run: &Run<'_>) -> Result<Outcome> {
                let _ = run;
                Ok(Outcome::Done)
            }
        )*
    };
}

/// An element: a struct of typed parameters, a description, and a method for each phase it takes
/// part in. See the [crate's page](crate).
///
/// `plan_…` is called for every declared step before anything is built: it provides planned facts
/// and makes wishes. `run_…` is called when the wishes of its phase have been carried out.
pub trait Element: Parameters {
    /// What it is and what it asks for; a pure function. The parameters are added from the
    /// type's own fields.
    fn describe() -> Description;

    /// Plans a step. Calls the method of its phase; of several steps in a phase, that method (or
    /// this one) asks [`Plan::step`] which one it is.
    ///
    /// # Errors
    /// Stops the build before it begins.
    fn plan(&self, plan: &Plan<'_>) -> Result<()> {
        match plan.phase() {
            Phase::Root => self.plan_root(plan),
            Phase::ExtraData => self.plan_extra_data(plan),
            Phase::PreInstall => self.plan_pre_install(plan),
            Phase::Install => self.plan_install(plan),
            Phase::PostInstall => self.plan_post_install(plan),
            Phase::PostRoot => self.plan_post_root(plan),
            Phase::BlockDevice => self.plan_block_device(plan),
            Phase::PreFinalise => self.plan_pre_finalise(plan),
            Phase::Finalise => self.plan_finalise(plan),
            Phase::Cleanup => self.plan_cleanup(plan),
        }
    }

    /// Runs a step. Calls the method of its phase, as [`Self::plan`] does.
    ///
    /// # Errors
    /// Stops the build.
    fn run(&self, run: &Run<'_>) -> Result<Outcome> {
        match run.phase() {
            Phase::Root => self.run_root(run),
            Phase::ExtraData => self.run_extra_data(run),
            Phase::PreInstall => self.run_pre_install(run),
            Phase::Install => self.run_install(run),
            Phase::PostInstall => self.run_post_install(run),
            Phase::PostRoot => self.run_post_root(run),
            Phase::BlockDevice => self.run_block_device(run),
            Phase::PreFinalise => self.run_pre_finalise(run),
            Phase::Finalise => self.run_finalise(run),
            Phase::Cleanup => self.run_cleanup(run),
        }
    }

    phases! {
        "root": plan_root, run_root;
        "extra-data": plan_extra_data, run_extra_data;
        "pre-install": plan_pre_install, run_pre_install;
        "install": plan_install, run_install;
        "post-install": plan_post_install, run_post_install;
        "post-root": plan_post_root, run_post_root;
        "block-device": plan_block_device, run_block_device;
        "pre-finalise": plan_pre_finalise, run_pre_finalise;
        "finalise": plan_finalise, run_finalise;
        "cleanup": plan_cleanup, run_cleanup;
    }
}
