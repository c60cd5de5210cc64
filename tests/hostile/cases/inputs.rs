//! Inputs of the definition that are another element's.

use dibhost_check::Check;

use crate::case::{Case, call, loot};

/// It may read one input, and the definition has another one, which is the builder's home.
fn home(name: &'static str) -> Case {
    Case::on(Check::InputsGrant, name)
        .may("inputs", "mine")
        .defines("[inputs.mine]\npath = \"image.toml\"\n[inputs.home]\npath = \"home\"\n")
        .says("`inputs` of `home` is not granted: `hostile` requests only `mine`")
        .gets_out(|_, outcome| outcome.stderr.contains(loot::CANARY))
}

fn pipe(path: &std::path::Path) -> anyhow::Result<()> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from(0o600), 0)?;
    Ok(())
}

pub(crate) fn all() -> Vec<Case> {
    vec![
        home("an_input_beside_the_granted_one").runs([call("Input", "home")]),
        home("an_input_beside_the_granted_one_while_planning").plans([call("Input", "home")]),
        Case::on(Check::InputKind, "a_pipe_in_an_input")
            .may("inputs", "mine")
            .defines("[inputs.mine]\npath = \"mine\"\n")
            .runs([call("Input", "mine")])
            .arranged(|dibhost| {
                dibhost.write("mine/file", "mine")?;
                pipe(&dibhost.folder().join("mine/pipe"))
            })
            .says("has `pipe` in it, which is a pipe")
            .nameless(),
    ]
}
