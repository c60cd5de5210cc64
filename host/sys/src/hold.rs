//! What holds a program of the builder that reads what others made, or talks to others: it sees
//! programs and what it is shown, writes where it is told, and has no capability.
//!
//! It lives in namespaces of its own: of mounts, processes, queues, host name, network unless it is to
//! reach one, and ids, in which nobody is there but who builds. Where the kernel gives none of them (in
//! some containers), it is held by its system calls and limits alone.

use std::ffi::CString;
use std::io::{self, Read as _};
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use dibhost_check::Check;
use nix::sched::{CloneFlags, unshare};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::calls::{Sockets, SystemCalls};
use crate::held::inside;
use crate::process::First;
use crate::sight::{Sight, Unseen};

/// Bytes of memory of its own that such a program may have.
const MEMORY: u64 = 4 << 30;

/// What reads all of a tree (`trusted.…` by the second), and makes a filesystem on a device.
const WHOLE: CapabilitySet = CapabilitySet::DAC_READ_SEARCH.union(CapabilitySet::SYS_ADMIN);

/// What finds names and proves who a server is.
const NETWORK: [&str; 18] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    // Not what lies beside: keys.
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/pki/ca-trust",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/gnutls",
];

/// What a program may see and do.
#[derive(Debug, Clone)]
pub struct Hold {
    reads: Vec<PathBuf>,
    writes: Vec<PathBuf>,
    sockets: Sockets,
    memory: u64,
    whole: bool,
}

impl Default for Hold {
    fn default() -> Self {
        Self::new()
    }
}

impl Hold {
    /// Nothing but the builder's programs.
    #[must_use]
    pub fn new() -> Self {
        Self {
            reads: Vec::new(),
            writes: Vec::new(),
            sockets: Sockets::None,
            memory: MEMORY,
            whole: false,
        }
    }

    /// It reads this, and what lies below it. What is not there, or is not for who builds, is left out.
    #[must_use]
    pub fn read(mut self, path: impl AsRef<Path>) -> Self {
        if !path.as_ref().starts_with("/proc") {
            self.reads.push(path.as_ref().to_owned());
        }
        self
    }

    /// It writes this, and what lies below it. [Held folders](crate::HeldFolder) that its arguments and
    /// variables name it has anyway.
    #[must_use]
    pub fn write(mut self, path: impl AsRef<Path>) -> Self {
        if !path.as_ref().starts_with("/proc") {
            self.writes.push(path.as_ref().to_owned());
        }
        self
    }

    /// It reads what it is shown though nobody else might, sees whose it is, and makes filesystems on
    /// devices: it has the machine's ids and, of root's capabilities, those. Root alone makes namespaces
    /// then.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    /// It may have so many bytes of memory of its own, instead of 4 GiB.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// It talks to others by the machine's network.
    #[must_use]
    pub fn network(mut self) -> Self {
        self.sockets = Sockets::Outside;
        self.reads.extend(NETWORK.map(PathBuf::from));
        self
    }

    /// It has the kernel encrypt.
    #[must_use]
    pub fn ciphers(mut self) -> Self {
        self.sockets = Sockets::Ciphers;
        self
    }

    /// Whether such programs get namespaces of their own on this machine.
    #[must_use]
    pub fn is_alone() -> bool {
        own_spaces(false) != Spaces::None
    }

    /// Makes all ready; the second reads why it was not carried out.
    pub(crate) fn prepare(&self, folder: Option<&Path>, open: &[RawFd]) -> io::Result<(Held, Why)> {
        self.prepare_as(own_spaces(self.whole), folder, open)
    }

    fn prepare_as(
        &self,
        spaces: Spaces,
        folder: Option<&Path>,
        open: &[RawFd],
    ) -> io::Result<(Held, Why)> {
        let sight = match Check::HeldSight.holds() && spaces != Spaces::None {
            true => {
                let sight = Sight::new(&self.reads, &self.writes)?;
                let show =
                    |sight: Sight, number: &RawFd| sight.with_folder(*number, &inside(*number));
                Some(open.iter().try_fold(sight, show)?)
            }
            false => None,
        };
        let sockets = if Check::HeldNetwork.holds() { self.sockets } else { Sockets::Own };
        let calls = SystemCalls::refused(sockets).map_err(io::Error::other)?;
        let own_network = self.sockets != Sockets::Outside && Check::HeldNetwork.holds();
        let of = |id: u32| format!("{id} {id} 1");
        let user = of(rustix::process::geteuid().as_raw());
        let group = of(rustix::process::getegid().as_raw());
        let folder = folder.unwrap_or_else(|| Path::new("/")).as_os_str().as_bytes();
        let (why, report) = pipe_with(PipeFlags::CLOEXEC)?;
        let names = sight.as_ref().map(Sight::places).unwrap_or_default();
        let held = Held {
            spaces,
            sight,
            calls,
            own_network,
            maps: [
                ("/proc/self/setgroups", "deny".to_owned()),
                ("/proc/self/uid_map", user),
                ("/proc/self/gid_map", group),
            ],
            memory: self.memory,
            capabilities: if self.whole { WHOLE } else { CapabilitySet::empty() },
            folder: CString::new(folder)?,
            parent: rustix::process::getpid(),
            report,
        };
        Ok((held, Why { pipe: why, names }))
    }
}

/// Why a program was not started.
pub(crate) struct Why {
    pipe: OwnedFd,
    names: Vec<String>,
}

impl Why {
    /// What was being done, where it was the holding that failed. The other end must be closed.
    pub(crate) fn read(self) -> Option<String> {
        let mut at = [0; 4];
        std::fs::File::from(self.pipe).read_exact(&mut at).ok()?;
        let at = usize::try_from(u32::from_le_bytes(at)).ok()?;
        let general = || "holding it in namespaces of its own".to_owned();
        Some(self.names.get(at).map_or_else(general, |name| format!("showing it `{name}`")))
    }
}

/// Which namespaces a program gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// All, of ids too.
    All,
    /// All but that of ids, for root.
    WithoutIds,
    None,
}

/// What the kernel gives, asked once; with the machine's ids or not.
fn own_spaces(machine: bool) -> Spaces {
    static FOUND: [OnceLock<Spaces>; 2] = [OnceLock::new(), OnceLock::new()];
    *FOUND[usize::from(machine)].get_or_init(|| {
        let works = |spaces: &Spaces| {
            let Ok((held, _)) = Hold::new().prepare_as(*spaces, None, &[]) else { return true };
            let mut command = Command::new("/bin/true");
            command.env_clear();
            held.hold(&mut command);
            let refused = [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::NOSPC, Errno::INVAL];
            // What else goes wrong will go wrong, and be told, when a program is to run.
            !command.status().is_err_and(|error| {
                Errno::from_io_error(&error).is_some_and(|errno| refused.contains(&errno))
            })
        };
        let tried =
            if machine { &[Spaces::WithoutIds][..] } else { &[Spaces::All, Spaces::WithoutIds] };
        tried.iter().copied().find(works).unwrap_or(Spaces::None)
    })
}

/// A hold that was made ready.
pub(crate) struct Held {
    spaces: Spaces,
    sight: Option<Sight>,
    calls: SystemCalls,
    own_network: bool,
    /// Files, and what is written to each.
    maps: [(&'static str, String); 3],
    memory: u64,
    capabilities: CapabilitySet,
    folder: CString,
    /// Who starts it.
    parent: Pid,
    report: OwnedFd,
}

impl Held {
    /// Whether it sees held folders at [places of their own](inside) alone.
    pub(crate) fn sees_alone(&self) -> bool {
        self.sight.is_some()
    }

    /// Has what `command` starts be held.
    #[expect(unsafe_code, reason = "what runs between fork and exec has no safe interface")]
    pub(crate) fn hold(mut self, command: &mut Command) {
        use std::os::unix::process::CommandExt as _;
        // SAFETY: the closure only makes system calls on what was made ready before; it neither allocates
        // nor takes a lock.
        unsafe {
            command.pre_exec(move || {
                self.enter().map_err(|unseen| {
                    let at = unseen.at.and_then(|at| u32::try_from(at).ok()).unwrap_or(u32::MAX);
                    let _ = rustix::io::write(&self.report, &at.to_le_bytes());
                    io::Error::from(unseen.errno)
                })
            });
        }
    }

    fn enter(&mut self) -> Result<(), Unseen> {
        if self.spaces != Spaces::None {
            let first = self.separate()?;
            if let Some(sight) = &mut self.sight {
                sight.enter()?;
            }
            first.begin()?;
        }
        rustix::process::chdir(self.folder.as_c_str())?;
        if Check::HeldMemory.holds() {
            lower(Resource::Data, self.memory)?;
        }
        lower(Resource::Core, 1)?;
        give_up_capabilities(self.capabilities)?;
        // Who gets capabilities or loses them forgets it.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let refused = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        Ok(self.calls.refuse().map_err(refused)?)
    }

    /// Makes the namespaces and the first process in them, which goes on.
    fn separate(&self) -> Result<First, Errno> {
        let mut flags = CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS;
        flags.set(CloneFlags::CLONE_NEWUSER, self.spaces == Spaces::All);
        flags.set(CloneFlags::CLONE_NEWNET, self.own_network);
        unshare(flags).map_err(|errno| Errno::from_raw_os_error(errno as i32))?;
        if self.spaces == Spaces::All {
            for (path, text) in &self.maps {
                let flags = OFlags::WRONLY | OFlags::CLOEXEC;
                let file = rustix::fs::openat(CWD, *path, flags, Mode::empty())?;
                rustix::io::write(&file, text.as_bytes())?;
            }
        }
        let first = First::become_it(self.parent)?;
        mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        Ok(first)
    }
}

/// Sets a limit that is not above the one there is.
fn lower(resource: Resource, most: u64) -> Result<(), Errno> {
    let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}

/// All but those of these that there are.
fn give_up_capabilities(kept: CapabilitySet) -> Result<(), Errno> {
    if !Check::HeldCapabilities.holds() {
        return Ok(());
    }
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        if kept.contains(capability) {
            continue;
        }
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            // INVAL: beyond what this kernel knows. PERM: who has none to begin with.
            Ok(()) | Err(Errno::INVAL | Errno::PERM) => (),
            Err(error) => return Err(error),
        }
    }
    let kept = rustix::thread::capabilities(None)?.permitted & kept;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets)?;
    rustix::thread::set_no_new_privs(true)
}

#[cfg(test)]
mod tests;
