//! A component that does to its host whatever a script says.
//!
//! A test copies the built component, writes a description and a list of calls into [`SCRIPT`],
//! and so has a hostile component of its own for each attack, without compiling one. A call that
//! the host refuses ends the step with the host's own words; a script that gets to its end says
//! so: then no check stopped it.

mod attack;
mod bindings;
mod script;

use bindings::dib::element::host::Build;
use bindings::dib::element::types::{Error, ErrorCode};
use bindings::exports::dib::element::lifecycle::{self, Finding, Outcome};
use bindings::exports::dib::element::metadata::{self, Description};

use script::{End, Script, When};

/// What the end of an attack that nothing stopped begins with.
const SUCCEEDED: &str = "the attack succeeded";

struct Hostile;

impl metadata::Guest for Hostile {
    fn describe() -> Description {
        script::read().description
    }
}

impl lifecycle::Guest for Hostile {
    fn plan(step: String, build: &Build) -> Result<Vec<Finding>, Error> {
        act(When::Plan, &step, build).map(|()| Vec::new())
    }

    fn run(step: String, build: &Build) -> Result<Outcome, Error> {
        act(When::Run, &step, build).map(|()| Outcome::Done)
    }
}

fn act(when: When, step: &str, build: &Build) -> Result<(), Error> {
    let Script { description, parts, program } = script::read();
    let phase = description.steps.iter().find(|s| s.name == step).map(|s| s.phase);
    for part in parts.into_iter().filter(|p| p.when == when && Some(p.phase) == phase) {
        let mut attack = attack::Attack::new(build, &program);
        for call in &part.calls {
            attack.make(call)?;
        }
        if part.end == End::Loudly {
            return Err(refused(format!("{SUCCEEDED}: {}", attack.booty())));
        }
    }
    Ok(())
}

fn refused(message: String) -> Error {
    Error {
        code: ErrorCode::Other(None),
        message,
        context: Vec::new(),
        help: None,
        extensions: Vec::new(),
    }
}

bindings::export!(Hostile with_types_in bindings);
