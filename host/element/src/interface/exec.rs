//! `exec`: programs inside the target.

use dibhost_plan::grant::{Right, Start};
use std::sync::Arc;

use dibhost_check::Check;
use dibhost_definition::Limit;
use dibhost_plan::Taint;
use dibhost_tree::{Command, Line, Output, Over, ProgramLimits, TargetError, TargetPath};
use wasmtime::component::{Linker, Resource};
use zeroize::Zeroize as _;

use super::hook::{Own, hooked};
use crate::bindings::dib::element::exec;
use crate::bindings::dib::element::types::ErrorCode;
use crate::held::handles::Secret;
use crate::limits::{CALL_BYTES, Exceeded, LOG_LINE_BYTES, spoken_bytes};
use crate::refusal::Refusal;
use crate::state::State;
use dibhost_text::harmless;

/// Lines of standard error that the message of a failure shows.
const SHOWN_LINES: usize = 5;

pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    exec::add_to_linker::<_, Own>(linker, hooked)
}

impl exec::Host for State {
    fn run(&mut self, command: exec::Command) -> Result<exec::Output, Refusal> {
        self.start(command, None)
    }

    fn run_with_secret(
        &mut self,
        command: exec::Command,
        secret: Resource<Secret>,
    ) -> Result<exec::Output, Refusal> {
        self.start(command, Some(&secret))
    }
}

impl State {
    fn start(
        &mut self,
        command: exec::Command,
        secret: Option<&Resource<Secret>>,
    ) -> Result<exec::Output, Refusal> {
        let effects = self.running("no program can be started")?.clone();
        let program = || format!("the program `{}`", harmless(&command.program, 200));
        self.extensions(&command.extensions, program)?;
        self.may_start(&command)?;
        let secret = secret.map(|secret| self.placed(secret)).transpose()?;
        if secret.is_some() && command.stdin.is_some() {
            return Err(Refusal::invalid("a program has one standard input, and the secret is it"));
        }
        let allow_failure = command.settings.contains(exec::Settings::ALLOW_FAILURE);
        let left = self.deadline.saturating_duration_since(std::time::Instant::now());
        let mut command = to_target(command, left.as_secs())?;
        let limits = &self.call.limits;
        command.limits = Some(ProgramLimits {
            programs: limits.get(Limit::Programs),
            program_memory: limits.get(Limit::ProgramMemory),
        });
        if command.network {
            self.tainted.insert(Taint::Network);
        }
        let program = harmless(&command.program, 200);
        let timeout = command.timeout_seconds;
        let name = program.clone();
        let log = std::sync::Arc::clone(&self.log);
        let secrets = Arc::clone(&self.secrets);
        let output = effects.ask(move |target, observer| {
            command.stdin = command.stdin.or_else(|| secret.map(|s| s.expose().to_vec()));
            let args: Vec<_> = command.args.iter().map(|a| harmless(a, 1000)).collect();
            observer.program_started(&name, &args);
            let mut line = |line: Line| {
                // What is too much is not told any more; the step is stopped when this ended.
                if log.count(0).is_err() {
                    return;
                }
                let text = harmless(&secrets.redact(line.text), LOG_LINE_BYTES);
                observer.program_line(&name, line.error, &text);
            };
            let output = target.exec(&command, &mut line);
            command.stdin.zeroize();
            let status = output.as_ref().ok().filter(|o| o.signal.is_none()).map(|o| o.status);
            observer.program_ended(&name, status);
            output
        });
        let output = match output.ok_or_else(Refusal::cancelled)? {
            Err(TargetError::Limit { over, said }) => return Err(self.too_much(over, said)),
            output => output?,
        };
        self.log.counted()?;
        judge(&program, output, allow_failure, timeout)
    }

    /// A program that was ended for what it used, with the lines that allow more.
    fn too_much(&self, over: Over, said: String) -> Refusal {
        let limit = match over {
            Over::Memory => Limit::ProgramMemory,
            Over::Processes => Limit::Programs,
            Over::Tree | Over::Time => return Refusal::limit(said),
        };
        Refusal::limit(said).with_help(Exceeded(limit).help(&self.call.limits, &self.call.element))
    }

    fn may_start(&self, command: &exec::Command) -> Result<(), Refusal> {
        let program = command.program.as_str();
        // Every process of the machine can read the arguments of every other one.
        let words = [&command.program].into_iter().chain(&command.args);
        for word in words.chain(command.env.iter().map(|(_, value)| value)) {
            self.without_secrets(&format!("an argument of `{}`", harmless(program, 200)), word)?;
        }
        self.grant(Right::Exec(Start::Program(program.into())))?;
        if command.settings.contains(exec::Settings::NETWORK) {
            self.grant(Right::Exec(Start::Network))?;
        }
        Ok(())
    }
}

/// The command as the target takes it; its time ends with the step's, `left` seconds from now.
fn to_target(command: exec::Command, left: u64) -> Result<Command, Refusal> {
    let shown = harmless(&command.program, 200);
    let relative = command.program.contains('/') && !command.program.starts_with('/');
    // A pattern that is granted is compared with the text, and the kernel goes where it leads.
    let climbs = command.program.split('/').any(|part| matches!(part, "." | ".."));
    if Check::ExecName.holds() && (command.program.is_empty() || relative || climbs) {
        return Err(Refusal::invalid(format!(
            "`{shown}` is no program: give a name, or an absolute path in the target without `.` and `..`"
        )));
    }
    let texts = std::iter::once(&command.program).chain(&command.args);
    let nul = texts.chain(command.env.iter().flat_map(|(k, v)| [k, v])).any(|t| t.contains('\0'));
    if Check::ExecNul.holds() && nul {
        return Err(Refusal::invalid(format!("an argument of `{shown}` has a NUL in it")));
    }
    let odd = command.env.iter().any(|(name, _)| name.is_empty() || name.contains('='));
    if Check::ExecVariable.holds() && odd {
        return Err(Refusal::invalid(format!(
            "the name of a variable for `{shown}` is empty or has a `=` in it"
        )));
    }
    if command.stdin.as_ref().is_some_and(|s| s.len() > CALL_BYTES) {
        return Err(Refusal::limit(format!(
            "standard input of `{shown}` is larger than {}",
            spoken_bytes(CALL_BYTES as u64)
        )));
    }
    let workdir = command.workdir.map(|w| TargetPath::new(&w)).transpose()?;
    let left = u32::try_from(left.saturating_add(1)).unwrap_or(u32::MAX);
    Ok(Command {
        program: command.program,
        args: command.args,
        env: command.env.into_iter().collect(),
        workdir: workdir.map(String::from),
        stdin: command.stdin,
        timeout_seconds: Some(command.timeout_seconds.map_or(left, |t| t.min(left))),
        capture: command.settings.contains(exec::Settings::CAPTURE),
        network: command.settings.contains(exec::Settings::NETWORK),
        // Folders of the host, stand-ins and what is put off are the host's own to say.
        ..Command::default()
    })
}

/// A status that is not 0 is an error, with what the program said last.
fn judge(
    program: &str,
    output: Output,
    allow_failure: bool,
    timeout: Option<u32>,
) -> Result<exec::Output, Refusal> {
    let said = last_lines(&output.stderr);
    if output.timed_out {
        let limit = timeout.unwrap_or_default();
        return Err(Refusal::new(
            ErrorCode::Killed(9),
            format!("`{program}` ran longer than {limit} s and was ended{said}"),
        ));
    }
    if let Some(signal) = output.signal {
        return Err(Refusal::new(
            ErrorCode::Killed(signal),
            format!("`{program}` was ended by signal {signal}{said}"),
        ));
    }
    if output.status != 0 && !allow_failure {
        return Err(Refusal::new(
            ErrorCode::ExitStatus(output.status),
            format!("`{program}` ended with status {}{said}", output.status),
        ));
    }
    let end = |mut bytes: Vec<u8>| bytes.split_off(bytes.len().saturating_sub(CALL_BYTES));
    Ok(exec::Output {
        status: output.status,
        stdout: end(output.stdout),
        stderr: end(output.stderr),
        extensions: Vec::new(),
    })
}

/// `: ` and the last lines of standard error, as one sentence can hold them.
fn last_lines(stderr: &[u8]) -> String {
    let from = stderr.len().saturating_sub(LOG_LINE_BYTES);
    let text = String::from_utf8_lossy(&stderr[from..]).into_owned();
    let lines: Vec<_> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let shown: Vec<_> = lines[lines.len().saturating_sub(SHOWN_LINES)..]
        .iter()
        .map(|l| harmless(l.trim(), 400))
        .collect();
    if shown.is_empty() { String::new() } else { format!(": {}", shown.join("; ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(status: i32, stderr: &str) -> Output {
        Output { status, stderr: stderr.into(), ..Output::default() }
    }

    #[test]
    fn a_failure_says_what_the_program_said() {
        let said = "one\n\nno space left\x1b[2J\n";
        let Err(Refusal::Answer(error)) = judge("mkfs", output(1, said), false, None) else {
            panic!("status 1 is an error");
        };
        assert_eq!(error.message, "`mkfs` ended with status 1: one; no space left\\u{1b}[2J");
        assert!(matches!(error.code, ErrorCode::ExitStatus(1)));
        assert_eq!(judge("mkfs", output(1, said), true, None).unwrap().status, 1);
    }

    #[test]
    fn a_program_is_a_name_or_an_absolute_path() {
        let command = |program: &str| exec::Command {
            program: program.to_owned(),
            args: vec!["--version".to_owned()],
            env: Vec::new(),
            workdir: None,
            stdin: None,
            settings: exec::Settings::empty(),
            timeout_seconds: Some(900),
            extensions: Vec::new(),
        };
        for bad in ["", "../sh", "bin/sh", "a\0b", "/usr/bin/../../srv/sh", "/./bin/sh", ".."] {
            assert!(to_target(command(bad), 10).is_err(), "{bad}");
        }
        assert_eq!(to_target(command("/bin/sh"), 10).unwrap().timeout_seconds, Some(11));
    }
}
