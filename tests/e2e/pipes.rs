//! Whoever reads what the program says may stop early: `dibhost plan … | head`.

use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{dibhost, repository};

/// Runs a command whose standard output and error are pipes that nobody reads from any more.
fn unread(mut command: Command) -> Result<ExitStatus> {
    let (reader, writer) = std::io::pipe().context("making a pipe")?;
    drop(reader);
    command.stdout(Stdio::from(writer.try_clone()?)).stderr(Stdio::from(writer));
    Ok(command.status()?)
}

#[test]
fn a_pipe_that_closes_early_changes_no_exit_code() -> Result<()> {
    let dibhost = dibhost()?;
    let example = repository().join("examples/debian-vm.toml");
    let example = example.to_str().context("the repository's path is text")?;
    let layout = repository().join("tests/layouts/gpt.toml");
    let layout = layout.to_str().context("the repository's path is text")?;
    let wrong = dibhost.write("wrong.toml", "[image]\nnme = \"x\"\n")?;
    let wrong = wrong.to_str().context("a path in UTF-8")?;
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["plan", "--help"], 0),
        (&["plan", example], 0),
        (&["plan", "--format", "json", example], 0),
        (&["plan", "--format", "svg", example], 0),
        (&["plan", "--why", "element:vm", example], 0),
        (&["plan", "--diff", example, example], 0),
        (&["grant", example], 0),
        (&["element", "list"], 0),
        (&["element", "inspect", "vm"], 0),
        (&["block-device", "plan", layout], 0),
        // What is wrong is said on standard error, which is closed too.
        (&["plan", wrong], 2),
        (&["plan", "--no-such-option"], 2),
        (&["no-such-verb"], 2),
    ] {
        let status = unread(dibhost.command(arguments)?)?;
        ensure!(status.code() == Some(code), "{arguments:?} ended with {status}, not with {code}");
    }
    Ok(())
}

#[test]
fn a_build_that_nobody_listens_to_makes_its_image() -> Result<()> {
    let dibhost = dibhost()?;
    let text = "[image]\nname = \"quiet\"\nelements = [\"fake-os\"]\nformats = [\"raw\"]\n\
                [grants.fake-os]\nrootfs = [\"write /\"]\nfacts = [\"dib:os/distribution@1\"]\n";
    let definition = dibhost.write("quiet.toml", text)?;
    let definition = definition.to_str().context("a path in UTF-8")?;
    for more in [&[][..], &["--verbose"], &["--log-format", "json"]] {
        let mut command = dibhost.command(&["build", definition, "-o", "quiet"])?;
        let status = unread({
            command.args(more);
            command
        })?;
        ensure!(status.success(), "{more:?} ended with {status}");
        let image = dibhost.folder().join("quiet.raw");
        ensure!(image.is_file(), "{more:?} made no {}", image.display());
        std::fs::remove_file(image)?;
    }
    Ok(())
}
