//! Writes the message of the day.

use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Result, Run, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Motd {
    /// What people read when they log in.
    text: String,
}

impl Element for Motd {
    fn describe() -> Description {
        description!().step(Step::new(Phase::Install)).request(
            "rootfs",
            "write /etc/motd",
            "to write the message",
        )
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        run.rootfs()?.write("/etc/motd", format!("{}\n", self.text.trim_end()))?;
        Ok(Outcome::Done)
    }
}

export_element!(Motd);
