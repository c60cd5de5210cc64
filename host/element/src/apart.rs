//! Compiling in a process of its own, with limits: a component of a few hundred bytes can make a
//! compiler take all the memory that there is, and nothing ends a thread.
//!
//! ```text
//! library ── component (a file in memory) ──► dibhost, as a compiler ── native code ──► library
//!            limits of memory and of time       parses what strangers made
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use dibhost_plan::planner::ElementFailure;
use dibhost_sys::{Cancel, Program, ProgramError, leave_no_core};
use rustix::fs::MemfdFlags;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::engine::{Compiler, engine};
use crate::limits::{CODE_BYTES, LoadLimits, spoken_bytes};

/// What the compiler's process ends with where the component is not sound, or nothing for this
/// compiler: what it says is why.
const REFUSED: u8 = 3;

const TANGLED: &str = "an element is compiled once and kept; one that is so hard to compile is \
                       larger or more tangled than any known one";

/// How compiling ended that did not fail for a reason of the machine's.
pub(crate) enum Compiled {
    /// Native code, as wasmtime serialises it.
    Code(Vec<u8>),
    /// It is not sound, or the compiler does not know all of it.
    Refused(String),
}

/// Compiles `bytes` by `program`, whose process calls [`compile_component`].
pub(crate) fn compile(
    program: &Program,
    (compiler, metered): (Compiler, bool),
    bytes: &[u8],
    limits: &LoadLimits,
    shown: &str,
) -> Result<Compiled, ElementFailure> {
    let failed = |e: std::io::Error| ElementFailure::new(format!("compiling `{shown}`: {e}"));
    let memory = limits.compile_memory(bytes.len() as u64);
    let component = in_memory(bytes).map_err(failed)?;
    let program = program
        .clone()
        .args([compiler.name(), if metered { "metered" } else { "plain" }, &memory.to_string()])
        .arg_descriptor(component.into())
        .says_at_most(CODE_BYTES)
        .within(limits.compile);
    match program.run(&Cancel::new()) {
        Ok(said) => Ok(Compiled::Code(said.stdout)),
        Err(ProgramError::Failed { status, stderr, .. }) => ended(status, stderr, memory, shown),
        Err(ProgramError::Limit(_)) => Err(too_long(limits.compile, shown)),
        Err(error) => Err(ElementFailure::new(format!("compiling `{shown}`: {error}"))),
    }
}

/// What the end of a compiler's process says of the component.
fn ended(
    status: ExitStatus,
    said: String,
    memory: u64,
    shown: &str,
) -> Result<Compiled, ElementFailure> {
    if status.code() == Some(i32::from(REFUSED)) {
        return Ok(Compiled::Refused(said));
    }
    // An allocation that fails aborts, and a thread that has no room for its stack panics.
    let aborted = status.signal() == Some(rustix::process::Signal::ABORT.as_raw());
    let memory = spoken_bytes(memory);
    let message = match aborted || said.contains("alloc") {
        true => format!("`{shown}` needs more than {memory} of memory to be compiled"),
        false => format!("`{shown}` makes the compiler fail ({status})"),
    };
    Err(ElementFailure::new(message).with_help(TANGLED))
}

pub(crate) fn too_long(patience: Duration, shown: &str) -> ElementFailure {
    let patience = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
    let patience = dibhost_text::format_duration(patience);
    ElementFailure::new(format!("`{shown}` takes longer than {patience} to compile"))
        .with_help(TANGLED)
}

/// A file that is in no folder.
fn in_memory(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("component", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

/// What the compiler's process does: compiler, `metered` or `plain`, bytes of memory, the component's
/// file. Native code goes to standard output.
#[must_use]
pub fn compile_component(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    match compiled(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            let _ = std::io::stderr().write_all(format!("{why:#}").as_bytes());
            ExitCode::from(REFUSED)
        }
    }
}

fn compiled(arguments: &[OsString]) -> wasmtime::Result<()> {
    let [compiler, metered, memory, file] = arguments else {
        return Err(wasmtime::Error::msg("it is started by dibhost itself"));
    };
    let text = |argument: &OsString| argument.to_string_lossy().into_owned();
    let compiler: Compiler = text(compiler).parse().map_err(wasmtime::Error::msg)?;
    let mut bytes = Vec::new();
    File::open(Path::new(file))?.read_to_end(&mut bytes)?;
    let memory = Some(text(memory).parse()?);
    // What is written to, threads' stacks too, and not what is only set apart.
    setrlimit(Resource::Data, Rlimit { current: memory, maximum: memory })?;
    setrlimit(Resource::Fsize, Rlimit { current: Some(0), maximum: Some(0) })?;
    leave_no_core()?;
    let engine = engine(compiler, text(metered) == "metered")?;
    let code = engine.precompile_component(&bytes)?;
    std::io::stdout().write_all(&code)?;
    Ok(())
}
