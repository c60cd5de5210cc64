//! `scripts/apt-get`: whoever else is installing is waited for.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use dibhost_tests::{repository, work_folder};

/// Locks a file as apt and dpkg do, says so, and lets go after some seconds.
const HOLD: &str = "import fcntl, sys, time\n\
                    file = open(sys.argv[1], 'w')\n\
                    fcntl.lockf(file, fcntl.LOCK_EX)\n\
                    print('held', flush=True)\n\
                    time.sleep(float(sys.argv[2]))\n";

fn hold(lock: &Path, seconds: u64) -> Result<Child> {
    let mut holder = Command::new("python3")
        .args(["-c", HOLD])
        .arg(lock)
        .arg(seconds.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting python3")?;
    let mut said = String::new();
    let out = holder.stdout.take().context("its standard output is a pipe")?;
    BufReader::new(out).read_line(&mut said)?;
    ensure!(said == "held\n", "`{}` could not be locked", lock.display());
    Ok(holder)
}

/// apt's files in a folder of the test's: nobody's real installation waits for a test.
fn own_apt(folder: &Path) -> Result<()> {
    for made in ["state/lists/partial", "cache/archives/partial", "dpkg", "parts"] {
        std::fs::create_dir_all(folder.join(made))?;
    }
    for made in ["dpkg/status", "sources.list"] {
        std::fs::write(folder.join(made), "")?;
    }
    let at = folder.display();
    let configuration = format!(
        "Dir::State \"{at}/state\";\nDir::State::status \"{at}/dpkg/status\";\n\
         Dir::Cache \"{at}/cache\";\nDir::Etc::SourceList \"{at}/sources.list\";\n\
         Dir::Etc::SourceParts \"{at}/parts\";\nDir::Log \"{at}\";\n"
    );
    Ok(std::fs::write(folder.join("apt.conf"), configuration)?)
}

fn run(program: &Path, arguments: &[&str], folder: &Path, patience: &str) -> Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).env("APT_CONFIG", folder.join("apt.conf"));
    command.env("DIBHOST_APT_WAIT", patience).env("LC_ALL", "C.UTF-8");
    command.output().with_context(|| format!("starting {}", program.display()))
}

#[test]
fn every_lock_that_somebody_else_holds_is_waited_for() -> Result<()> {
    let folder = work_folder()?;
    own_apt(folder.path())?;
    let ours = repository().join("scripts/apt-get");
    for (lock, arguments) in [
        ("state/lists/lock", &["update"][..]),
        ("cache/archives/lock", &["clean"]),
        ("dpkg/lock-frontend", &["-y", "autoremove"]),
    ] {
        let seconds = 3;
        let begun = Instant::now();
        let mut holder = hold(&folder.path().join(lock), seconds)?;
        let theirs = run(Path::new("apt-get"), arguments, folder.path(), "")?;
        ensure!(!theirs.status.success(), "apt-get waits for {lock} by itself");
        let waited = run(&ours, arguments, folder.path(), "60")?;
        let took = begun.elapsed();
        holder.wait()?;
        let said = String::from_utf8_lossy(&waited.stderr).into_owned();
        ensure!(waited.status.success(), "{lock}: {said}");
        ensure!(took >= Duration::from_secs(seconds), "{lock} was not held: {took:?}");
    }
    Ok(())
}

#[test]
fn it_gives_up_after_a_while_and_says_who_has_the_lock() -> Result<()> {
    let folder = work_folder()?;
    own_apt(folder.path())?;
    let ours = repository().join("scripts/apt-get");
    let mut holder = hold(&folder.path().join("state/lists/lock"), 30)?;
    let gave_up = run(&ours, &["update"], folder.path(), "1");
    holder.kill()?;
    holder.wait()?;
    let gave_up = gave_up?;
    let said = String::from_utf8_lossy(&gave_up.stderr).into_owned();
    ensure!(gave_up.status.code() == Some(100), "{said}");
    ensure!(said.contains("state/lists/lock") && said.contains("for 1 seconds"), "{said}");
    // What fails for another reason is not tried again.
    let wrong = run(&ours, &["no-such-verb"], folder.path(), "600")?;
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    ensure!(wrong.status.code() == Some(100) && said.contains("no-such-verb"), "{said}");
    Ok(())
}

#[test]
fn every_script_that_installs_waits() -> Result<()> {
    for script in ["install-dependencies", "install-backport"] {
        let text = std::fs::read_to_string(repository().join("scripts").join(script))?;
        ensure!(text.contains("apt=(\"$here/apt-get\""), "{script} starts apt-get by itself");
        ensure!(!text.lines().any(|line| line.trim().starts_with("apt-get ")), "{script}");
    }
    Ok(())
}
