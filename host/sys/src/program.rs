//! Programs of the host, run in one way: a process group of their own, no standard input,
//! a clean environment, what they say kept for the error, ended when the build is, by SIGKILL too.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Read};
use std::os::fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rustix::io::{Errno, FdFlags};
use rustix::pipe::PipeFlags;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getppid, kill_process_group,
    set_parent_process_death_signal, waitid,
};

use crate::hold::{Hold, Why};
use crate::process::close_on_exec;
use crate::{Cancel, held};

/// How long a program may run of which nothing else was said.
const PATIENCE: Duration = Duration::from_secs(6 * 3600);

/// How much of a program's standard error its error shows.
const SHOWN: usize = 2000;

/// A program of the host, with its arguments.
#[derive(Debug, Clone)]
pub struct Program {
    name: OsString,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    /// What the program inherits beside its standard streams.
    descriptors: Vec<Arc<OwnedFd>>,
    /// Bytes of what it says, each way; none: as many as it likes.
    most: Option<usize>,
    /// How long it may run.
    patience: Duration,
    /// What holds it; none: nothing.
    hold: Option<Hold>,
}

/// What a program that ended well said.
#[derive(Debug, Clone)]
pub struct ProgramOutput {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl ProgramOutput {
    /// Standard output as text, bytes that are none replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A program could not be started, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed, or cannot be executed.
    #[error("starting `{program}`: {source}")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It ended with a status that is not 0, or by a signal.
    #[error("`{program}` failed ({status}){}", tail(.stderr))]
    Failed {
        /// The program.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// How it ended.
        status: ExitStatus,
        /// What it said, the end of it.
        stderr: String,
    },
    /// It was ended for what it had too much of: a sentence that names it.
    #[error("{0}")]
    Limit(String),
    /// The build was cancelled while it ran.
    #[error("`{0}` was cancelled")]
    Cancelled(String),
}

fn tail(stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() {
        return String::new();
    }
    let mut start = stderr.len().saturating_sub(SHOWN);
    while !stderr.is_char_boundary(start) {
        start += 1;
    }
    format!(":\n{}", &stderr[start..])
}

impl Program {
    /// A program by name, found on a fixed path that does not depend on the caller's.
    #[must_use]
    pub fn new(name: impl AsRef<OsStr>) -> Self {
        let env = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
        ];
        Self {
            name: name.as_ref().to_owned(),
            args: Vec::new(),
            env: env.map(|(k, v)| (k.into(), v.into())).to_vec(),
            folder: None,
            descriptors: Vec::new(),
            most: None,
            patience: PATIENCE,
            hold: None,
        }
    }

    /// Adds one argument. A [held folder](crate::HeldFolder) that it names is inherited.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Adds an argument that names `descriptor` (`/dev/fd/NUMBER`), which this program alone
    /// inherits: how secrets are handed over (`SecretBytes::pipe`). A pipe serves one run.
    #[must_use]
    pub fn arg_descriptor(mut self, descriptor: OwnedFd) -> Self {
        self.args.push(format!("/dev/fd/{}", descriptor.as_raw_fd()).into());
        self.descriptors.push(Arc::new(descriptor));
        self
    }

    /// Sets one variable on top of the small clean environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Takes at most so many bytes of what it says: one that says more on standard output is ended,
    /// and of its standard error the last ones stay. For what hands on what others say.
    #[must_use]
    pub fn says_at_most(mut self, bytes: usize) -> Self {
        self.most = Some(bytes);
        self
    }

    /// Ends it when it has run for so long, instead of six hours.
    #[must_use]
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Holds it: it sees and does what this says, nothing else. Held folders that its arguments name
    /// it has as well.
    #[must_use]
    pub fn held(mut self, hold: Hold) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Runs in this folder.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// The name, the arguments and the environment, for who runs it elsewhere, where no
    /// descriptor goes along.
    #[must_use]
    pub fn parts(&self) -> (&OsStr, &[OsString], &[(OsString, OsString)]) {
        (&self.name, &self.args, &self.env)
    }

    /// The folder it runs in, if one was set.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    fn name(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }

    /// Runs it and waits.
    ///
    /// # Errors
    /// When it cannot be started, does not end with status 0, or the build is cancelled.
    pub fn run(&self, cancel: &Cancel) -> Result<ProgramOutput, ProgramError> {
        let cancelled = |_| ProgramError::Cancelled(self.name());
        cancel.check().map_err(cancelled)?;
        let start = |source| ProgramError::Start { program: self.name(), source };
        let words = self.args.iter().chain(self.env.iter().map(|(_, value)| value));
        let numbers = held::named(words.clone());
        let hold = self.hold.as_ref().map(|hold| hold.prepare(self.folder.as_deref(), &numbers));
        let hold = hold.transpose().map_err(start)?;
        // What sees them at places of their own is not given them open: by a descriptor it would get out.
        let alone = hold.as_ref().is_some_and(|(held, _)| held.sees_alone());
        let word = |word: &OsString| if alone { held::for_inside(word) } else { word.clone() };
        let mut command = Command::new(&self.name);
        command.args(self.args.iter().map(word)).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, word(value))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        prepare(&mut command, &self.descriptors, if alone { Vec::new() } else { numbers });
        let mut why = None;
        if let Some((held, told)) = hold {
            // Nothing, and not by a node of the machine's, which whoever owns it could change.
            let (nothing, _) =
                rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|e| start(e.into()))?;
            command.stdin(nothing);
            held.hold(&mut command);
            why = Some(told);
        }
        let spawned = command.spawn();
        // With its end of the pipe.
        drop(command);
        let mut child = spawned.map_err(|error| {
            start(match why.and_then(Why::read) {
                Some(doing) => io::Error::new(error.kind(), format!("{doing}: {error}")),
                None => error,
            })
        })?;
        let id = Pid::from_child(&child);
        let guard = cancel.hold_group(id);
        let timer = Timer::start(id, self.patience);
        let errors = child.stderr.take();
        let most = self.most.unwrap_or(usize::MAX);
        let reader = std::thread::spawn(move || {
            errors.map(|mut errors| last_of(&mut errors, most)).unwrap_or_default()
        });
        let mut stdout = Vec::new();
        if let Some(out) = &mut child.stdout {
            let _ = out.take((most as u64).saturating_add(1)).read_to_end(&mut stdout);
        }
        let too_much = stdout.len() > most;
        if too_much {
            // Not reaped yet: its number is nobody else's.
            let _ = kill_process_group(id, Signal::KILL);
        }
        let mut stderr = reader.join().unwrap_or_default();
        if alone {
            stderr = held::from_inside(&stderr);
        }
        if too_much {
            stderr.extend_from_slice(format!("\nit said more than {most} bytes").as_bytes());
        }
        // It has ended, and its number is its own until it is waited for.
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while matches!(waitid(WaitId::Pid(id), ended), Err(Errno::INTR)) {}
        let too_long = timer.stop();
        drop(guard);
        let status = child.wait().map_err(start)?;
        cancel.check().map_err(cancelled)?;
        if too_long {
            let seconds = self.patience.as_secs();
            let said =
                format!("`{}` was ended because it ran longer than {seconds} s", self.name());
            return Err(ProgramError::Limit(said));
        }
        if status.success() {
            return Ok(ProgramOutput { stdout, stderr });
        }
        Err(ProgramError::Failed {
            program: self.name(),
            args: self.args.iter().map(|a| a.to_string_lossy().into_owned()).collect(),
            status,
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
        })
    }
}

/// Ends a group of processes when its time is over.
struct Timer {
    stop: mpsc::SyncSender<()>,
    thread: std::thread::JoinHandle<bool>,
}

impl Timer {
    fn start(group: Pid, patience: Duration) -> Self {
        let (stop, stopped) = mpsc::sync_channel::<()>(1);
        let thread = std::thread::spawn(move || {
            let late = stopped.recv_timeout(patience) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                let _ = kill_process_group(group, Signal::KILL);
            }
            late
        });
        Self { stop, thread }
    }

    /// Whether its time was over. The group's first process must not have been waited for.
    fn stop(self) -> bool {
        drop(self.stop);
        self.thread.join().unwrap_or(false)
    }
}

/// Has what `command` starts inherit these descriptors under their numbers, and nobody else, and end
/// with the thread that starts it unless its ids change.
pub fn inherit(command: &mut Command, descriptors: Vec<OwnedFd>) {
    let descriptors: Vec<_> = descriptors.into_iter().map(Arc::new).collect();
    prepare(command, &descriptors, Vec::new());
}

/// All that is read, or the last bytes of it.
fn last_of(from: &mut impl Read, most: usize) -> Vec<u8> {
    let (mut said, mut part) = (Vec::new(), [0; 8 << 10]);
    loop {
        match from.read(&mut part) {
            Ok(0) => break,
            Ok(read) => said.extend_from_slice(&part[..read]),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        if said.len() > most.saturating_mul(2) {
            said.drain(..said.len() - most);
        }
    }
    said.drain(..said.len().saturating_sub(most));
    said
}

/// Has what `command` starts inherit `descriptors` and `held` under their numbers, and end when the thread
/// that starts it does: [`Program::run`] waits for it on that thread, which only the end of this
/// process ends before. Descriptors stay close-on-exec here: a program that another thread starts
/// meanwhile gets none of them.
#[expect(unsafe_code, reason = "what runs between fork and exec has no safe interface")]
fn prepare(command: &mut Command, descriptors: &[Arc<OwnedFd>], held: Vec<RawFd>) {
    let descriptors = descriptors.to_vec();
    let parent = rustix::process::getpid();
    let prepare = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before the kernel knew of the wish.
        if getppid() != Some(parent) {
            return Err(Errno::SRCH.into());
        }
        // What who started this process left open is for nobody.
        close_on_exec()?;
        for descriptor in &descriptors {
            rustix::io::fcntl_setfd(descriptor, FdFlags::empty())?;
        }
        for number in &held {
            // SAFETY: nothing but the flags of whatever has this number in the child is touched; where
            // it is closed, that is the answer, and the program will say what it misses.
            let held = unsafe { BorrowedFd::borrow_raw(*number) };
            let _ = rustix::io::fcntl_setfd(held, FdFlags::empty());
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls, on descriptors that it owns or are held; it neither
    // allocates nor takes a lock.
    unsafe {
        command.pre_exec(prepare);
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.to_string_lossy())?;
        self.args.iter().try_for_each(|a| write!(f, " {}", a.to_string_lossy()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_program_and_shows_what_it_said() {
        let error = Program::new("sh")
            .args(["-c", "echo no such luck >&2; exit 3"])
            .run(&Cancel::new())
            .unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed (exit status: 3):\nno such luck");
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Program::new("no-such-program-at-all").run(&Cancel::new()).unwrap_err();
        assert!(error.to_string().starts_with("starting `no-such-program-at-all`: "));
    }

    #[test]
    fn one_that_says_more_than_it_may_is_ended() {
        let say = |script: &str| {
            Program::new("sh").args(["-c", script]).says_at_most(1000).run(&Cancel::new())
        };
        let error = say("yes").unwrap_err();
        assert!(error.to_string().ends_with("it said more than 1000 bytes"), "{error}");
        let output = say("seq 100000 >&2; printf %01000d 7").unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (1000, 1000));
        assert!(output.stderr.ends_with(b"99999\n100000\n"));
    }

    #[test]
    fn one_that_runs_longer_than_it_may_is_ended_with_its_children() {
        let second = Duration::from_secs(1);
        for script in ["sleep 1000 | cat", "exec >&- 2>&-; sleep 1000"] {
            let program = Program::new("sh").args(["-c", script]).within(second);
            let error = program.run(&Cancel::new()).unwrap_err().to_string();
            assert_eq!(error, "`sh` was ended because it ran longer than 1 s");
        }
        Program::new("true").within(second).run(&Cancel::new()).unwrap();
    }

    #[test]
    fn cancelling_ends_the_program_and_its_children() {
        let cancel = Cancel::new();
        let thrown = cancel.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            thrown.cancel();
        });
        let error = Program::new("sh").args(["-c", "sleep 1000 | cat"]).run(&cancel).unwrap_err();
        assert!(matches!(error, ProgramError::Cancelled(_)));
        thread.join().unwrap();
    }

    #[test]
    fn what_was_left_open_reaches_no_program() {
        let (read, _write) = rustix::pipe::pipe().unwrap();
        let number = read.as_raw_fd();
        let other = Program::new("test").args(["!", "-e", &format!("/proc/self/fd/{number}")]);
        other.run(&Cancel::new()).unwrap();
        // `inherit` alone hands it on.
        let mut command = Command::new("test");
        command.args(["-e", &format!("/proc/self/fd/{number}")]);
        inherit(&mut command, vec![read]);
        assert!(command.status().unwrap().success());
    }

    #[test]
    fn a_descriptor_reaches_its_program_and_no_other() {
        let secret = crate::SecretBytes::read_from(&mut &b"hunter2"[..], 64).unwrap();
        let pipe = secret.pipe().unwrap();
        let number = pipe.as_raw_fd();
        let other = Program::new("test").args(["!", "-e", &format!("/proc/self/fd/{number}")]);
        other.run(&Cancel::new()).unwrap();
        let program = Program::new("cat").arg_descriptor(pipe);
        other.run(&Cancel::new()).unwrap();
        assert_eq!(program.run(&Cancel::new()).unwrap().stdout, b"hunter2");
        assert_eq!(program.to_string(), format!("cat /dev/fd/{number}"));
    }

    /// Not a test of its own: what the next one starts, and kills.
    #[test]
    fn runs_a_program_when_told_to() {
        let Ok(file) = std::env::var("DIBHOST_TEST_RUN") else { return };
        let script = r#"echo $$ > "$0.new"; mv "$0.new" "$0"; exec sleep 1000"#;
        let _ = Program::new("sh").args(["-c", script, &file]).run(&Cancel::new());
    }

    #[test]
    fn a_program_ends_with_this_process_by_sigkill_too() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("started");
        let mut starter = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "program::tests::runs_a_program_when_told_to"])
            .env("DIBHOST_TEST_RUN", &file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !file.exists() {
            assert!(starter.try_wait().unwrap().is_none(), "it did not start the program");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let id = std::fs::read_to_string(&file).unwrap();
        // What nobody waits for is gone as well, though its number is taken.
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", id.trim()));
            stat.is_ok_and(|stat| !stat.contains(") Z ") && !stat.contains(") X "))
        };
        assert!(runs());
        starter.kill().unwrap();
        starter.wait().unwrap();
        // By the kernel, a moment later at most.
        let begun = std::time::Instant::now();
        while runs() {
            if begun.elapsed() > std::time::Duration::from_secs(60) {
                let pid = Pid::from_raw(id.trim().parse().unwrap()).unwrap();
                rustix::process::kill_process(pid, Signal::KILL).unwrap();
                panic!("the program outlives who started it");
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    #[test]
    fn the_callers_environment_stays_out() {
        let output = Program::new("env").run(&Cancel::new()).unwrap();
        assert!(!output.text().contains("HOME="));
    }
}
