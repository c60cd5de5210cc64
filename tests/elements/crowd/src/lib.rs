//! One of a crowd. `tests/bench/plan.py` makes a hundred of it, by writing other names of the
//! same length over its own.

use dibhost_element_sdk::{
    Description, Element, Fact, Parameters, Phase, Plan, Result, Step, description, export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that one of the crowd says.
#[derive(Debug, Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "crowd:chatter/saying@1", arity = "many", timing = "planned")]
struct Saying {
    /// What is said.
    text: String,
    /// How often.
    times: u32,
    /// To whom.
    to: Option<Vec<String>>,
}

#[derive(Parameters)]
struct Crowd {
    /// How many things it says.
    #[parameter(default = 10)]
    sayings: i64,
}

impl Element for Crowd {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install).provides::<Saying>())
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        for i in 0..self.sayings {
            let to = Some(vec!["whoever reads".to_owned(), format!("number {i}")]);
            let saying = Saying { text: format!("this is saying {i}"), times: 3, to };
            plan.provide(&format!("{i:03}"), &saying)?;
        }
        Ok(())
    }
}

export_element!(Crowd);
