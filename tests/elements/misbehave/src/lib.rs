//! Does what no element should, in the phase and in the way that its parameters say.

use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Plan, Result, Run, Step, description,
    export_element,
};

#[derive(Parameters)]
struct Misbehave {
    /// `trap`, `loop`, `memory` (asks for 1 GiB) or `nothing`.
    #[parameter(default = "nothing")]
    how: String,
    /// The phase it does so in.
    #[parameter(default = "install")]
    phase: String,
    /// While planning, and not while building.
    #[parameter(default = false)]
    planning: bool,
}

const PHASES: [Phase; 10] = [
    Phase::Root,
    Phase::ExtraData,
    Phase::PreInstall,
    Phase::Install,
    Phase::PostInstall,
    Phase::PostRoot,
    Phase::BlockDevice,
    Phase::PreFinalise,
    Phase::Finalise,
    Phase::Cleanup,
];

impl Element for Misbehave {
    fn describe() -> Description {
        PHASES.into_iter().fold(description!(), |description, phase| description.step(Step::new(phase)))
    }

    fn plan(&self, plan: &Plan<'_>) -> Result<()> {
        if self.planning && plan.phase().to_string() == self.phase {
            self.misbehave();
        }
        Ok(())
    }

    fn run(&self, run: &Run<'_>) -> Result<Outcome> {
        let phase = run.phase();
        if !self.planning && phase.to_string() == self.phase {
            run.log(format!("misbehaves in {phase}"));
            self.misbehave();
        }
        Ok(Outcome::Done)
    }
}

impl Misbehave {
    fn misbehave(&self) {
        match self.how.as_str() {
            "trap" => panic!("this element gives up"),
            "loop" => loop {
                std::hint::black_box(());
            },
            "memory" => {
                std::hint::black_box(vec![1_u8; 1 << 30]);
            }
            _ => {}
        }
    }
}

export_element!(Misbehave);
