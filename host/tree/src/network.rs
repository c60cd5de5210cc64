//! A network for a program: user-mode networking by pasta.
//!
//! ```text
//! of a worker with ids of its own:
//! pasta, as root of the worker's user namespace ── a network namespace that the worker made
//!   ▲ plain sockets of the host                       ▲ the program's box enters it
//!
//! of one with the machine's:
//! pasta, as `nobody` ── its user and network namespaces ── a holder that waits
//!   ▲ plain sockets of the host       ▲ the program's box enters the network one
//! ```
//!
//! The program reaches what an unprivileged program of the host reaches from its outside
//! addresses: never the host's loopback, nor its abstract sockets, which belong to the host's own
//! namespace. It holds no capability over its namespace: of those that its box has left, none is of the
//! network's.

use std::io::Read as _;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command, Stdio};

use dibhost_check::Check;
use dibhost_sys::{Cancel, Forked, Guard, Namespaces, fork, inherit};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::error::{TargetError, os};
use crate::files::{receive_file, send_file};

/// The host's resolvers; then those behind the one of systemd, which listens on the loopback.
const RESOLVERS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// Who pasta runs as.
const NOBODY: u32 = 65534;

/// Nothing is forwarded into the namespace, and nothing of its loopback to the host's; the
/// gateway's address is the gateway's, not another name of the host.
const SEPARATE: [&str; 9] = ["--no-map-gw", "-t", "none", "-u", "none", "-T", "none", "-U", "none"];

/// Says that it runs, which it does when the network is set up, and ends when the engine does.
const HOLDER: &str = "echo ready; exec cat >/dev/null";

/// The same with a namespace that is there: pasta goes into the background when the network is set up.
/// This is the first process of a namespace of processes, and takes pasta with it.
const JOINER: &str =
    "pasta \"$@\" </dev/null >/dev/null || exit 1; echo ready; exec cat >/dev/null";

/// pasta sets up a network in well below a second; a machine may be busy.
const PATIENCE: Timespec = Timespec { tv_sec: 30, tv_nsec: 0 };

/// An empty network namespace, of this process's user namespace.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn empty() -> Result<OwnedFd, TargetError> {
    let doing = |e: std::io::Error| os("making a network for a program", e);
    let (ours, theirs) = UnixStream::pair().map_err(doing)?;
    // By a process of its own: this one stays where it is.
    match fork(Namespaces { network: true, ..Namespaces::default() }).map_err(doing)? {
        Forked::Child => {
            let own = std::fs::File::open("/proc/self/ns/net");
            let _ = own.and_then(|own| send_file(&theirs, own.as_fd()));
            end()
        }
        Forked::Parent(child) => {
            drop(theirs);
            let namespace = receive_file(&ours).map_err(doing);
            let _ = waitpid(Some(child), WaitOptions::empty());
            namespace
        }
    }
}

#[expect(clippy::exit, reason = "a forked process must not return into its parent's code")]
fn end() -> ! {
    std::process::exit(0)
}

/// A network namespace that is connected. Gone when dropped.
#[derive(Debug)]
pub(crate) struct Network {
    pasta: Child,
    /// Closed when the holder is to end.
    stdin: Option<ChildStdin>,
    guard: Option<Guard>,
    /// The namespace.
    pub(crate) namespace: OwnedFd,
}

/// What a box needs to be connected.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) namespace: OwnedFd,
    /// Who resolves names.
    pub(crate) nameservers: Vec<IpAddr>,
}

/// Resolvers of the host that can be reached from elsewhere.
pub(crate) fn nameservers() -> Vec<IpAddr> {
    let of = |file: &&str| parse(&std::fs::read_to_string(file).unwrap_or_default());
    RESOLVERS.iter().map(of).find(|found| !found.is_empty()).unwrap_or_default()
}

fn parse(resolv: &str) -> Vec<IpAddr> {
    let addresses = resolv.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|word| *word == "nameserver")?;
        words.next()?.parse::<IpAddr>().ok()
    });
    addresses.filter(|a| !a.is_loopback() && !a.is_unspecified()).collect()
}

/// Where pasta and the shell are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn no_pasta() -> TargetError {
    TargetError::Unsupported(
        "programs in the target get their network by `pasta`, which is not installed: \
         `apt-get install passt`"
            .to_owned(),
    )
}

/// Whether there is what gives programs a network, before one of them needs it.
///
/// # Errors
/// `pasta` is not installed.
pub fn can_give_network() -> Result<(), TargetError> {
    if is_in(PATH, "pasta") { Ok(()) } else { Err(no_pasta()) }
}

fn is_in(path: &str, program: &str) -> bool {
    path.split(':').any(|folder| std::path::Path::new(folder).join(program).is_file())
}

impl Network {
    /// Sets one up, in namespaces of its own.
    ///
    /// # Errors
    /// There is no pasta, or it says why it cannot.
    pub(crate) fn start(cancel: &Cancel) -> Result<Self, TargetError> {
        let mut command = Command::new("pasta");
        command
            .arg("--foreground")
            .args(options())
            .args(["--", "/bin/sh", "-c", HOLDER])
            .uid(NOBODY)
            .gid(NOBODY);
        Self::hold(command, cancel, |pasta| namespace(Pid::from_child(pasta)))
    }

    /// Connects this namespace, which belongs to `owner`. pasta runs there, as nobody of this machine,
    /// among the host's sockets.
    ///
    /// # Errors
    /// There is no pasta, or it says why it cannot.
    pub(crate) fn join(
        namespace: OwnedFd,
        owner: OwnedFd,
        cancel: &Cancel,
    ) -> Result<Self, TargetError> {
        can_give_network()?;
        let through = |fd: &OwnedFd| format!("/proc/self/fd/{}", fd.as_raw_fd());
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--user={}", through(&owner)))
            .args(["--setuid=0", "--setgid=0", "--"])
            // However this ends, by SIGKILL too, its child does.
            .args(["unshare", "--pid", "--fork", "--kill-child", "--"])
            .args(["/bin/sh", "-c", JOINER, "sh"])
            .args(options())
            .args(["--netns-only", "--no-netns-quit", "--netns", &through(&namespace)]);
        let kept = namespace.try_clone().map_err(|e| os("handing over a network", e))?;
        inherit(&mut command, vec![namespace, owner]);
        Self::hold(command, cancel, |_| Ok(kept))
    }

    fn hold(
        mut command: Command,
        cancel: &Cancel,
        namespace: impl FnOnce(&Child) -> Result<OwnedFd, String>,
    ) -> Result<Self, TargetError> {
        command
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut pasta = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => no_pasta(),
            _ => os("starting `pasta`", error),
        })?;
        let guard = Some(cancel.hold_process(Pid::from_child(&pasta)));
        let stdin = pasta.stdin.take();
        match ready(&mut pasta).and_then(|()| namespace(&pasta)) {
            Ok(namespace) => Ok(Self { pasta, stdin, guard, namespace }),
            Err(why) => {
                drop(stdin);
                let _ = pasta.kill();
                let mut said = String::new();
                if let Some(errors) = &mut pasta.stderr {
                    let _ = errors.take(4096).read_to_string(&mut said);
                }
                drop(guard);
                let _ = pasta.wait();
                cancel.check().map_err(|_| TargetError::Cancelled)?;
                let said = said.lines().filter(|l| !l.contains("to syslog")).collect::<Vec<_>>();
                Err(TargetError::Unsupported(format!(
                    "`pasta` could not make a network for a program ({why}): {}",
                    said.join("; ")
                )))
            }
        }
    }
}

/// What pasta is told either way.
fn options() -> Vec<&'static str> {
    let mut options = vec!["--quiet", "--config-net"];
    if Check::ProgramLoopback.holds() {
        options.extend(SEPARATE);
    }
    options
}

impl Drop for Network {
    fn drop(&mut self) {
        // The holder ends, and pasta with it; not without being made to when it is stuck.
        drop(self.stdin.take());
        let _ = self.pasta.kill();
        self.guard = None;
        let _ = self.pasta.wait();
    }
}

/// Waits for the holder's word.
fn ready(pasta: &mut Child) -> Result<(), String> {
    let stdout = pasta.stdout.as_mut().ok_or("it has no output")?;
    let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::IN)];
    match poll(&mut fds, Some(&PATIENCE)) {
        Ok(0) => return Err("it took too long".to_owned()),
        Ok(_) => (),
        Err(error) => return Err(error.to_string()),
    }
    let mut word = [0; 6];
    stdout.read_exact(&mut word).map_err(|_| "it ended".to_owned())
}

/// The network namespace of pasta's child.
fn namespace(pasta: Pid) -> Result<OwnedFd, String> {
    let parent = format!("PPid:\t{}", pasta.as_raw_nonzero());
    for entry in std::fs::read_dir("/proc").map_err(|e| e.to_string())?.flatten() {
        let status = std::fs::read_to_string(entry.path().join("status")).unwrap_or_default();
        if status.lines().any(|line| line == parent) {
            let namespace = std::fs::File::open(entry.path().join("ns/net"));
            return namespace.map(OwnedFd::from).map_err(|e| e.to_string());
        }
    }
    Err("its namespace was not found".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_on_the_loopback_are_of_no_use_elsewhere() {
        let text = "# by hand\nsearch example.org\nnameserver 127.0.0.53\n\
                    nameserver 192.0.2.1\nnameserver 2001:db8::1 \nnameserver fe80::1%eth0\n";
        let expected: Vec<IpAddr> =
            ["192.0.2.1", "2001:db8::1"].iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(parse(text), expected);
        assert_eq!(parse("nameserver 127.0.0.1\n"), Vec::<IpAddr>::new());
    }

    #[test]
    fn a_program_is_looked_for_in_each_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("/nowhere:{}", folder.path().display());
        assert!(!is_in(&path, "pasta"));
        std::fs::write(folder.path().join("pasta"), "").unwrap();
        assert!(is_in(&path, "pasta") && !is_in("/nowhere", "pasta"));
        assert!(no_pasta().to_string().contains("`apt-get install passt`"));
    }
}
