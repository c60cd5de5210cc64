//! Programs of the author's machine: compilers, package managers, test runners. What they say is
//! told line by line, and the end of it is in the error.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::error::AuthorError;

/// Who hears what tools say.
pub(crate) type Ear<'a> = &'a mut dyn FnMut(&str);

/// Lines of a tool that its error shows: a compiler's message, not all of its warnings.
const SHOWN: usize = 60;

/// The longest line that is told whole.
const WIDE: usize = 2000;

/// How long a tool may run: the first build of a Rust element compiles the standard library.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A tool, with its arguments. It has the author's own environment: that is where compilers are
/// found, and registries configured.
#[derive(Debug)]
pub(crate) struct Tool {
    command: Command,
    called: String,
}

impl Tool {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let called = Path::new(program.as_ref()).file_name().unwrap_or_default();
        let called = called.to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, called }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end, and answers its standard output.
    pub(crate) fn run(mut self, ear: Ear<'_>) -> Result<String, AuthorError> {
        let mut child = self
            .command
            .spawn()
            .map_err(|e| AuthorError::failed(format!("starting `{}`: {e}", self.called)))?;
        let (sender, lines) = mpsc::channel();
        let mut readers = Vec::new();
        let out = child.stdout.take().map(|pipe| (true, Box::new(pipe) as Box<dyn Read + Send>));
        let err = child.stderr.take().map(|pipe| (false, Box::new(pipe) as Box<dyn Read + Send>));
        for (is_out, pipe) in [out, err].into_iter().flatten() {
            let sender = sender.clone();
            readers.push(std::thread::spawn(move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    if sender.send((is_out, text)).is_err() {
                        return;
                    }
                }
            }));
        }
        drop(sender);
        let started = Instant::now();
        let mut stdout = String::new();
        let mut last = VecDeque::new();
        loop {
            match lines.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                Ok((is_out, line)) => {
                    let shown: String = line.chars().take(WIDE).collect();
                    ear(&shown);
                    if is_out {
                        stdout += &line;
                        stdout.push('\n');
                    }
                    last.push_back(shown);
                    if last.len() > SHOWN {
                        last.pop_front();
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(AuthorError::failed(format!(
                        "`{}` did not come to its end within an hour",
                        self.called
                    )));
                }
            }
        }
        let status = child
            .wait()
            .map_err(|e| AuthorError::failed(format!("waiting for `{}`: {e}", self.called)))?;
        if status.success() {
            return Ok(stdout);
        }
        let said: Vec<String> = last.into();
        let said = said.join("\n");
        Err(AuthorError::failed(format!("`{}` failed ({status}):\n{}", self.called, said.trim())))
    }

    /// Its standard output where it ends well, else nothing.
    pub(crate) fn answer(self) -> Option<String> {
        self.run(&mut |_| {}).ok()
    }
}

/// Where a program is on the `PATH`.
pub(crate) fn found(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|f| f.join(program)).find(|p| is_program(p))
}

/// Whether a file can be run.
pub(crate) fn is_program(path: &Path) -> bool {
    path.is_file() && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Holds a folder of the cache until it is dropped: one build at a time changes it.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "it is held, and never read")] std::fs::File);

/// Waits until nobody else holds the folder.
pub(crate) fn hold(folder: &Path) -> Result<Held, AuthorError> {
    std::fs::create_dir_all(folder).map_err(|e| AuthorError::io("making", folder, &e))?;
    let path = folder.join(".lock");
    let open = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = open.map_err(|e| AuthorError::io("opening", &path, &e))?;
    file.lock().map_err(|e| AuthorError::io("locking", &path, &e))?;
    Ok(Held(file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_a_tool_said_is_in_its_error() {
        let mut heard = Vec::new();
        let tool = Tool::new("/bin/sh")
            .args(["-c", "{ for i in $(seq 100); do echo line $i; done; echo why; } >&2; exit 3"]);
        let error = tool.run(&mut |line| heard.push(line.to_owned())).unwrap_err();
        assert_eq!(heard.len(), 101);
        assert!(error.message.starts_with("`sh` failed (exit status: 3):\n"), "{error}");
        assert!(error.message.contains("line 100") && error.message.contains("why"), "{error}");
        assert!(!error.message.contains("line 30\n"), "{error}");
    }

    #[test]
    fn standard_output_is_answered_alone() {
        let tool = Tool::new("/bin/sh").args(["-c", "echo out; echo err >&2"]);
        assert_eq!(tool.run(&mut |_| {}).unwrap(), "out\n");
    }
}
