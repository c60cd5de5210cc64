//! The built program, started as a person starts it but kept from that person's files.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use dibhost_machine::console::tail;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// The built program in surroundings of its own: an empty home, a work folder that goes with
/// it, and a download cache that all tests share.
///
/// Found by the environment: `DIBHOST` (the program; default `out/bin/dibhost`),
/// `DIBHOST_ELEMENTS` (default `out/elements`), `DIBHOST_TEST_CACHE` (the shared cache; default
/// `$XDG_CACHE_HOME/dibhost/test`).
#[derive(Debug)]
pub struct Dibhost {
    program: PathBuf,
    elements: PathBuf,
    cache: PathBuf,
    folder: TempDir,
    environment: Vec<(String, String)>,
    layers: bool,
}

/// The built program in surroundings of its own.
///
/// # Errors
/// When it has not been built.
pub fn dibhost() -> Result<Dibhost> {
    let from = |variable: &str, default: PathBuf| {
        std::env::var_os(variable).map_or(default, PathBuf::from)
    };
    let out = crate::repository().join("out");
    let program = from("DIBHOST", out.join("bin/dibhost"));
    ensure!(
        program.is_file(),
        "{} is not there: run `make build`, or say where it is in `DIBHOST`",
        program.display()
    );
    let home = from("HOME", "/root".into());
    let caches = from("XDG_CACHE_HOME", home.join(".cache"));
    Ok(Dibhost {
        program,
        elements: from("DIBHOST_ELEMENTS", out.join("elements")),
        cache: from("DIBHOST_TEST_CACHE", caches.join("dibhost/test")),
        folder: crate::work_folder()?,
        environment: Vec::new(),
        layers: false,
    })
}

impl Dibhost {
    /// The work folder: the program's current folder, its `TMPDIR` is below.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the work folder (an image definition, say) and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.folder().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).context("making a folder in the work folder")?;
        }
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Sets a variable of the program's environment, which is else nearly empty.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref().to_string_lossy().into_owned();
        self.environment.push((name.to_owned(), value));
        self
    }

    /// Runs another program than the one that was found: one built in another way.
    #[must_use]
    pub fn program(mut self, program: &Path) -> Self {
        self.program = program.to_owned();
        self
    }

    /// Where the program is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// Where the elements are.
    #[must_use]
    pub fn elements(&self) -> &Path {
        &self.elements
    }

    /// Uses a cache of its own: nothing has been downloaded or compiled yet.
    #[must_use]
    pub fn empty_cache(mut self) -> Self {
        self.cache = self.folder().join("cache");
        self
    }

    /// Builds begin with the layers that are in the cache, and leave some there.
    #[must_use]
    pub fn with_layers(mut self) -> Self {
        self.layers = true;
        self
    }

    /// The command with its surroundings, to be run by other means than [`run`](Self::run).
    ///
    /// # Errors
    /// When the surroundings cannot be made.
    pub fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Command> {
        let folder = self.folder();
        let (home, temporary) = (folder.join("home"), folder.join("tmp"));
        for made in [&home, &temporary, &self.cache] {
            std::fs::create_dir_all(made).with_context(|| format!("making {}", made.display()))?;
        }
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(folder).stdin(Stdio::null()).env_clear();
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("HOME", home).env("TMPDIR", temporary).env("LC_ALL", "C.UTF-8");
        // The examples are in no list; a test may name them all the same.
        let elements = std::env::join_paths([&self.elements, &self.elements.join("examples")])?;
        command.env("DIBHOST_CACHE", &self.cache).env("DIBHOST_ELEMENTS", elements);
        // What a test sees done is to be done; one that is about layers has them.
        if !self.layers {
            command.env("DIBHOST_NO_CACHE", "1");
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs the program to its end, whatever its exit status is.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Outcome> {
        // No build takes an hour; a test that hangs for ever tells nothing.
        self.spawn(args)?.wait(Duration::from_secs(3600))
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Running> {
        let mut command = self.command(args)?;
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(command)
    }
}

/// What a run said and how it ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// How it ended.
    pub status: ExitStatus,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Outcome {
    /// The exit code; -1 when a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Itself, when the exit code is this one.
    ///
    /// # Errors
    /// When it is another; the error shows the end of what the program said.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        ensure!(
            self.code() == code,
            "dibhost ended with {} instead of {code} after {:.1} s:\n{}\n{}",
            self.status,
            self.took.as_secs_f32(),
            tail(&self.stdout, 40),
            tail(&self.stderr, 80)
        );
        Ok(self)
    }
}

/// A running program, killed when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    started: Instant,
    stdout: Arc<Mutex<String>>,
    stderr: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a command whose standard output and error are pipes.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(mut command: Command) -> Result<Self> {
        let started = Instant::now();
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", Path::new(command.get_program()).display()))?;
        let (stdout, stderr) = (Arc::default(), Arc::default());
        let mut readers = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            readers.push(collect(pipe, Arc::clone(&stdout)));
        }
        if let Some(pipe) = child.stderr.take() {
            readers.push(collect(pipe, Arc::clone(&stderr)));
        }
        Ok(Self { child, started, stdout, stderr, readers })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to standard output and then to standard error until now.
    #[must_use]
    pub fn said(&self) -> String {
        format!("{}{}", *lock(&self.stdout), *lock(&self.stderr))
    }

    /// Waits until it has said a text on either stream.
    ///
    /// # Errors
    /// When it ended before, or has not said it within `timeout`.
    pub fn wait_for(&mut self, text: &str, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        loop {
            let ended = self.child.try_wait().context("waiting for dibhost")?;
            if self.said().contains(text) {
                return Ok(());
            }
            if let Some(status) = ended {
                // Its last words may still be in the pipes.
                self.join();
                if self.said().contains(text) {
                    return Ok(());
                }
                bail!("dibhost ended ({status}) and never said `{text}`:\n{}", self.said());
            }
            if Instant::now() > deadline {
                let seconds = timeout.as_secs();
                bail!("dibhost did not say `{text}` in {seconds} s:\n{}", self.said());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When it is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("a process id beyond 31 bits")?;
        let pid = Pid::from_raw(id).context("a process id of 0")?;
        kill_process(pid, signal).with_context(|| format!("sending a signal to process {id}"))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended within `timeout`; it is killed then.
    pub fn wait(mut self, timeout: Duration) -> Result<Outcome> {
        let deadline = Instant::now() + timeout;
        let status = loop {
            if let Some(status) = self.child.try_wait().context("waiting for dibhost")? {
                break status;
            }
            if Instant::now() > deadline {
                bail!("dibhost did not end in {} s:\n{}", timeout.as_secs(), self.said());
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let took = self.started.elapsed();
        self.join();
        let (stdout, stderr) = (lock(&self.stdout).clone(), lock(&self.stderr).clone());
        Ok(Outcome { status, stdout, stderr, took })
    }

    /// Waits for the ends of the pipes: not for ever, for a process left behind may hold them.
    fn join(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        for reader in self.readers.drain(..) {
            while !reader.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Only this child, by its own id; it may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lock(text: &Arc<Mutex<String>>) -> MutexGuard<'_, String> {
    text.lock().unwrap_or_else(PoisonError::into_inner)
}

fn collect(pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            lock(&into).push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Running {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::piped()).stderr(Stdio::piped());
        Running::start(command).unwrap()
    }

    #[test]
    fn a_run_is_waited_for_signalled_and_told() {
        let mut running =
            shell("trap 'echo stopping >&2; exit 7' INT; echo ready; while :; do sleep 0.05; done");
        running.wait_for("ready", Duration::from_secs(20)).unwrap();
        running.signal(Signal::INT).unwrap();
        let outcome = running.wait(Duration::from_secs(20)).unwrap();
        assert_eq!((outcome.code(), outcome.stderr.as_str()), (7, "stopping\n"));
        assert!(outcome.expect_code(0).unwrap_err().to_string().contains("stopping"));
    }

    #[test]
    fn what_never_comes_is_an_error_that_shows_what_came() {
        let error = shell("echo other").wait_for("ready", Duration::from_secs(20)).unwrap_err();
        assert!(error.to_string().contains("other"), "{error}");
        let error =
            shell("echo early; exec sleep 30").wait(Duration::from_millis(300)).unwrap_err();
        assert!(error.to_string().contains("early"), "{error}");
    }
}
