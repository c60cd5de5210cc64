//! Programs that run in the image's box while it is built.

use std::collections::BTreeMap;

use dibhost_element_sdk::{Change, Context as _, Error, ErrorCode, Placement, Result, Run};
use schemars::JsonSchema;
use serde::Deserialize;

/// Where scripts lie while they run. The box has a `/tmp` and a `/run` of its own.
const SCRIPTS: &str = "/var/tmp/dibhost-definition";

/// An entry of `[[commands]]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Program {
    phase: String,
    /// The program and its arguments; of a script its interpreter and what its first line says.
    run: Vec<String>,
    /// An input that is a script.
    #[serde(default)]
    script: Option<String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    network: bool,
}

/// Runs those of the phase, in their order.
pub(crate) fn run(run: &Run<'_>, programs: &[Program]) -> Result<()> {
    let phase = run.phase();
    programs.iter().filter(|p| p.phase == phase.name()).try_for_each(|program| program.run(run))
}

impl Program {
    fn run(&self, run: &Run<'_>) -> Result<()> {
        let Some((program, args)) = self.run.split_first() else {
            let message = "a command names no program";
            return Err(Error::with_code(ErrorCode::InvalidArgument, message));
        };
        let mut exec = run.exec(program).args(args.iter().map(String::as_str));
        for (name, value) in &self.environment {
            exec = exec.env(name, value);
        }
        if self.network {
            exec = exec.network();
        }
        let Some(script) = &self.script else {
            let doing = || format!("running `{}`", self.run.join(" "));
            return exec.run().map(drop).with_context(doing);
        };
        let tree = run.rootfs()?;
        let name = script.strip_prefix("definition.").unwrap_or(script);
        let path = format!("{SCRIPTS}/{name}");
        tree.apply([Change::directory(SCRIPTS).mode(0o700)])?;
        let placement = Placement { file_mode: Some(0o700), ..Placement::default() };
        tree.place_input_as(&run.input(script)?, &path, placement)?;
        exec.arg(&path).run().map(drop).with_context(|| format!("running the script `{name}`"))?;
        tree.remove(SCRIPTS)
    }
}
