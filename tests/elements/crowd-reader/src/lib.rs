//! Reads all that the crowd gives, in the same phase.

use dibhost_element_sdk::{
    Description, Element, Fact, Parameters, Phase, Plan, Result, Step, description, export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that one of the crowd says.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "crowd:chatter/saying@1", arity = "many", timing = "planned")]
struct Saying {
    text: String,
    times: u32,
    to: Option<Vec<String>>,
}

/// How much was said.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "crowd:chatter/sum@1", arity = "many", timing = "planned")]
struct Sum {
    sayings: usize,
    letters: usize,
}

#[derive(Parameters)]
struct CrowdReader {}

impl Element for CrowdReader {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install).consumes::<Saying>().provides::<Sum>())
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let heard = plan.consume::<Saying>()?;
        let letters = heard.iter().map(|s| s.value.text.len()).sum();
        for key in 0..10 {
            plan.provide(&key.to_string(), &Sum { sayings: heard.len(), letters })?;
        }
        Ok(())
    }
}

export_element!(CrowdReader);
