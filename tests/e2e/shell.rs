//! A shell in the tree of an image, while it is made.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::leftovers::Snapshot;
use dibhost_tests::{Dibhost, Running, dibhost};

const DEFINITION: &str = r#"[image]
name = "looked-at"
elements = ["debian-minimal"]
formats = ["raw"]

[[files]]
path = "/srv/wished"
content = "wished\n"

[[commands]]
phase = "post-install"
run = ["sh", "-c", "echo said > /srv/said"]

[[commands]]
phase = "finalise"
run = ["sh", "-c", "test -e /srv/never || exit 7"]
"#;

fn looked_at(text: &str) -> Result<Dibhost> {
    let dibhost = dibhost()?.with_layers();
    dibhost.write("image.toml", text)?;
    Ok(dibhost)
}

#[test]
fn a_command_sees_the_tree_before_and_behind_an_action() -> Result<()> {
    let dibhost = looked_at(DEFINITION)?;
    // The program's home and its folder for temporary files are there.
    dibhost.run(&["plan", "image.toml"])?.expect_code(0)?;
    let before = Snapshot::take(&[dibhost.folder()])?;
    let command = "cat /srv/said; id -u; touch /srv/mine";
    let at = |more: &[&str]| {
        let words =
            ["shell", "image.toml", "--at", "run `definition/run-post-install` in `post-install`"];
        let words = [&words[..], more, &["--command", command]].concat();
        dibhost.run(&words)
    };
    let behind = at(&[])?.expect_code(0)?.stdout;
    ensure!(behind.starts_with("said\n0\n"), "{behind}");
    let earlier = at(&["--before"])?.expect_code(0)?;
    ensure!(!earlier.stdout.contains("said\n"), "{}", earlier.stdout);
    // The build goes on to the end only where nobody has it stop; and its status is the command's.
    let five = ["shell", "image.toml", "--at", "write `/etc/fstab`", "--command", "exit 5"];
    dibhost.run(&five)?.expect_code(5)?;
    let left = before.left_but(&[dibhost.folder().join("dib.lock")])?;
    ensure!(left.is_empty(), "{left:?}");
    Ok(())
}

/// Types lines at a terminal; all that was shown there, and the exit code.
fn typed(dibhost: &Dibhost, words: &str, lines: &[&str]) -> Result<(String, i32)> {
    let own = dibhost.command(&[""; 0])?;
    let program = own.get_program().to_str().context("a path in UTF-8")?;
    let mut command = Command::new("script");
    command.args(["-qec", &format!("{program} {words}"), "/dev/null"]);
    command.env_clear().current_dir(dibhost.folder());
    command.envs(own.get_envs().filter_map(|(name, value)| Some((name, value?))));
    // Held open: the end of what is typed would end the shell, too.
    let (keys, mut hand) = std::io::pipe()?;
    for line in lines {
        hand.write_all(format!("{line}\r").as_bytes())?;
    }
    command.stdin(keys).stdout(Stdio::piped()).stderr(Stdio::piped());
    let outcome = Running::start(command)?.wait(Duration::from_secs(600))?;
    Ok((outcome.stdout.clone(), outcome.code()))
}

#[test]
fn a_person_has_a_terminal_there_also_after_a_failure() -> Result<()> {
    let dibhost = looked_at(DEFINITION)?;
    let refused = dibhost.run(&["shell", "image.toml"])?.expect_code(2)?.stderr;
    ensure!(refused.contains("no terminal"), "{refused}");
    let at = "shell image.toml --at 'run `definition/run-post-install` in `post-install`'";
    let keys = ["echo a$(cat /srv/said)b; test -t 0 && echo is-a-t''ty", "exit 4"];
    let (shown, code) = typed(&dibhost, at, &keys)?;
    ensure!(shown.contains("asaidb") && shown.contains("is-a-tty"), "{shown}");
    ensure!(code == 4, "{code}: {shown}");
    let keys = ["echo c$(cat /srv/wished)d", "exit 0"];
    let (shown, code) = typed(&dibhost, "build image.toml --on-failure shell", &keys)?;
    ensure!(shown.contains("cwishedd"), "{shown}");
    ensure!(shown.contains("A shell in the tree follows"), "{shown}");
    ensure!(code == 1 && shown.contains("7"), "{code}: {shown}");
    Ok(())
}
