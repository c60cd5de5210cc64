//! Runs a program of the image: the linker's cache is made anew.

use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Result, Run, Step, description,
    export_element,
};

/// What an image definition may set.
#[derive(Parameters)]
pub struct {{type}} {
    /// Whether the program says what it does.
    #[parameter(default = false)]
    verbose: bool,
}

impl Element for {{type}} {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::PostInstall))
            .request("exec", "ldconfig", "to make the linker's cache")
    }

    fn run_post_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let command = run.exec("ldconfig");
        let command = if self.verbose { command.arg("-v") } else { command };
        command.run()?;
        Ok(Outcome::Done)
    }
}

export_element!({{type}});
