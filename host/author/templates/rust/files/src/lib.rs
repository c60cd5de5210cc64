//! Greets every guest in a file of the image, and is a guest itself.
//!
//! It provides a fact in its first step and reads all of them in the second: those of other elements
//! too, in whatever language they are written.

use std::fmt::Write as _;

use dibhost_element_sdk::{
    Change, Description, Element, Fact, Outcome, Parameters, Phase, Plan, Result, Run, Step,
    description, export_element,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Somebody who is greeted. A slot is a name and a schema: put your own publisher before the `:`.
#[derive(Serialize, Deserialize, JsonSchema, Fact)]
#[fact(slot = "example:guests/guest@1", arity = "many", timing = "planned")]
pub struct Guest {
    /// What it is called.
    pub name: String,
    /// How many seats it wants.
    pub seats: u32,
}

/// What an image definition may set.
#[derive(Parameters)]
pub struct {{type}} {
    /// What every guest is told.
    #[parameter(default = "Welcome")]
    greeting: String,
    /// Whether the package `hello` is installed as well.
    #[parameter(default = false)]
    hello: bool,
}

const FOLDER: &str = "/etc/guests";

impl Element for {{type}} {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install).named("arrive").provides::<Guest>())
            .step(Step::new(Phase::Install).named("greet").consumes::<Guest>())
            .request("packages", "hello", "where it is asked for")
            .request("rootfs", "write /etc/guests", "to write the greetings")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if plan.step() == "arrive" {
            plan.provide("me", &Guest { name: "{{name}}".to_owned(), seats: 1 })?;
            if self.hello {
                plan.package("hello", "it greets too")?;
            }
        }
        Ok(())
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let mut text = String::new();
        for guest in run.consume::<Guest>()? {
            let _ = writeln!(text, "{}, {} ({})", self.greeting, guest.value.name, guest.value.seats);
        }
        run.rootfs()?.apply([
            Change::directory(FOLDER),
            Change::write(format!("{FOLDER}/{{name}}"), text),
        ])?;
        Ok(Outcome::Done)
    }
}

export_element!({{type}});
