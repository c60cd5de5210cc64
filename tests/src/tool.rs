//! Other people's programs, run for what they say.

use std::ffi::OsStr;
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

/// A command that finds the tools of the system administrator and speaks English.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).env("LC_ALL", "C.UTF-8");
    command
}

/// Runs a program to its end, whatever its exit status is.
///
/// # Errors
/// When it cannot be started.
pub fn output<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<Output> {
    command(program).args(args).output().with_context(|| {
        format!("starting `{program}` (`scripts/install-dependencies test` installs it)")
    })
}

/// Runs a program that has to end well and returns its standard output.
///
/// # Errors
/// When it cannot be started or its exit status is not 0; the error shows all it said.
pub fn run<S: AsRef<OsStr>>(program: &str, args: &[S]) -> Result<String> {
    let output = output(program, args)?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let args: Vec<_> = args.iter().map(|arg| arg.as_ref().to_string_lossy()).collect();
        bail!(
            "`{program} {}` failed ({}):\n{stdout}{}",
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(stdout)
}
