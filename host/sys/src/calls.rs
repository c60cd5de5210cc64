//! System calls that no program of a target or of the builder needs, and that would help one to get out.
//!
//! A filter of refusals, not of permissions: a maintainer script may run whatever userland the
//! image has. What is refused is refused with an error that callers expect of a kernel without
//! the feature, for package scripts probe; only another architecture's calls end the caller. A
//! call younger than [`YOUNGEST`] nobody has judged yet, so it is not there.

use std::collections::BTreeMap;
use std::io;

use dibhost_check::Check;
use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};

/// `mseal` of Linux 6.10: the last one that was looked at. Numbers are the same everywhere since
/// Linux 5.1, and calls of x32 carry bit 30, so that they are greater too.
const YOUNGEST: u32 = 462;

/// Calls that are refused whatever their arguments are.
struct Group {
    check: Check,
    answer: i32,
    calls: &'static [libc::c_long],
}

const GROUPS: &[Group] = &[
    // What the program sees was mounted for it. It holds no CAP_SYS_ADMIN; but code that only
    // root of a namespace reaches is where many holes were.
    Group {
        check: Check::ProgramMounts,
        answer: libc::EPERM,
        calls: &[
            libc::SYS_mount,
            libc::SYS_umount2,
            libc::SYS_pivot_root,
            libc::SYS_open_tree,
            libc::SYS_move_mount,
            libc::SYS_fsopen,
            libc::SYS_fsconfig,
            libc::SYS_fsmount,
            libc::SYS_fspick,
            libc::SYS_mount_setattr,
        ],
    },
    Group { check: Check::ProgramNamespaces, answer: libc::EPERM, calls: &[libc::SYS_setns] },
    // Its flags lie in memory, where no filter can look: glibc takes `clone` instead.
    Group { check: Check::ProgramNamespaces, answer: libc::ENOSYS, calls: &[libc::SYS_clone3] },
    // Another process's memory and descriptors: the first process of the box is the host's code.
    Group {
        check: Check::ProgramTracing,
        answer: libc::EPERM,
        calls: &[
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_process_madvise,
            libc::SYS_pidfd_getfd,
            libc::SYS_kcmp,
        ],
    },
    // The kernel is the host's: its code, its power switch, its disks' swap, quotas and
    // accounting, its I/O ports.
    Group {
        check: Check::ProgramKernel,
        answer: libc::EPERM,
        calls: &[
            libc::SYS_init_module,
            libc::SYS_finit_module,
            libc::SYS_delete_module,
            libc::SYS_kexec_load,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_kexec_file_load,
            #[cfg(target_arch = "aarch64")]
            AARCH64_KEXEC_FILE_LOAD,
            libc::SYS_reboot,
            libc::SYS_swapon,
            libc::SYS_swapoff,
            libc::SYS_acct,
            libc::SYS_quotactl,
            libc::SYS_quotactl_fd,
            libc::SYS_syslog,
            libc::SYS_settimeofday,
            libc::SYS_clock_settime,
            libc::SYS_nfsservctl,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_iopl,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_ioperm,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_modify_ldt,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_uselib,
        ],
    },
    // Machinery of the kernel with a long record of holes, that nothing needs to install a
    // package. ENOSYS: programs then do it in another way.
    Group {
        check: Check::ProgramMachinery,
        answer: libc::ENOSYS,
        calls: &[
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_userfaultfd,
            libc::SYS_io_uring_setup,
            libc::SYS_io_uring_enter,
            libc::SYS_io_uring_register,
            libc::SYS_fanotify_init,
            libc::SYS_fanotify_mark,
        ],
    },
    // Keyrings belong to users of the host, not to a namespace.
    Group {
        check: Check::ProgramKeys,
        answer: libc::EPERM,
        calls: &[libc::SYS_keyctl, libc::SYS_add_key, libc::SYS_request_key],
    },
    // With CAP_DAC_READ_SEARCH, which dpkg needs, it opens any inode of the filesystem that the
    // tree lies on, whatever the root is.
    Group {
        check: Check::ProgramHandles,
        answer: libc::EPERM,
        calls: &[libc::SYS_open_by_handle_at],
    },
];

/// libc has no name for it there.
#[cfg(target_arch = "aarch64")]
const AARCH64_KEXEC_FILE_LOAD: libc::c_long = 294;

/// Each of these makes a namespace, in which the program would be root with all capabilities.
const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// For `unshare` alone: in `clone` these bits are the signal's.
const NEW_TIME: libc::c_int = 0x80;

/// Which sockets a program may make. Those of no other families: they are not of a network namespace
/// (`AF_VSOCK` reaches the hypervisor), or are hardly ever used and as hardly ever looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sockets {
    /// In a network of its own: those of the machine, and IP.
    Own,
    /// IP, on the machine's network: of the machine itself there is nobody to talk to.
    Outside,
    /// The kernel's ciphers.
    Ciphers,
    /// Pairs alone.
    None,
}

impl Sockets {
    fn families(self) -> &'static [libc::c_int] {
        match self {
            Self::Own => &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
            Self::Outside => &[libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK],
            Self::Ciphers => &[libc::AF_ALG],
            // Nobody gets one of these.
            Self::None => &[libc::AF_UNSPEC],
        }
    }
}

/// Of IP: whichever fits the type, and those that programs use.
const PROTOCOLS: [libc::c_int; 5] =
    [0, libc::IPPROTO_ICMP, libc::IPPROTO_TCP, libc::IPPROTO_UDP, libc::IPPROTO_ICMPV6];

/// `FIFREEZE`, `FS_IOC_SHUTDOWN`, `XFS_IOC_OPEN_BY_HANDLE`.
const WHOLE_FILESYSTEM: [u32; 3] = [0xc004_5877, 0x8004_587d, 0x8038_586b];

/// The bits of a socket's type that are the type, and no flags.
const TYPE: u64 = 0xf;
/// `SOCK_DCCP`, which libc has no name for.
const DCCP: u32 = 6;

/// Execution domains that `setarch` gives, and the question for the present one; others switch
/// off what protects a process's memory.
const PERSONALITIES: [u32; 5] = [0, 8, 0x2_0000, 0x2_0008, u32::MAX];

fn compare(argument: u8, operator: SeccompCmpOp, value: u32) -> Result<SeccompCondition, String> {
    // The kernel looks at the lower half only: what is in the upper one must not matter here.
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value.into())
        .map_err(|e| e.to_string())
}

fn all_of(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, String> {
    SeccompRule::new(conditions).map_err(|e| e.to_string())
}

fn bit(argument: u8, bit: libc::c_int) -> Result<SeccompRule, String> {
    let bit = bit.cast_unsigned();
    all_of(vec![compare(argument, SeccompCmpOp::MaskedEq(bit.into()), bit)?])
}

fn none_of(argument: u8, values: &[u32]) -> Result<SeccompRule, String> {
    let differs = |value: &u32| compare(argument, SeccompCmpOp::Ne, *value);
    all_of(values.iter().map(differs).collect::<Result<_, _>>()?)
}

/// What is refused, by the error that answers it; a call without rules whatever its arguments.
type Refused = BTreeMap<i32, BTreeMap<i64, Vec<SeccompRule>>>;

fn refused(sockets: Sockets) -> Result<Refused, String> {
    let mut refused = Refused::new();
    for group in GROUPS.iter().filter(|g| g.check.holds()) {
        let calls = refused.entry(group.answer).or_default();
        calls.extend(group.calls.iter().map(|call| (*call, Vec::new())));
    }
    let mut when = |check: Check, answer: i32, call: libc::c_long, rules: Vec<SeccompRule>| {
        if check.holds() {
            refused.entry(answer).or_default().insert(call, rules);
        }
    };
    let namespaces = || NAMESPACE_FLAGS.iter().map(|flag| bit(0, *flag));
    let clone = namespaces().collect::<Result<_, _>>()?;
    let unshare = namespaces().chain([bit(0, NEW_TIME)]).collect::<Result<_, _>>()?;
    when(Check::ProgramNamespaces, libc::EPERM, libc::SYS_clone, clone);
    when(Check::ProgramNamespaces, libc::EPERM, libc::SYS_unshare, unshare);

    // Answered as by a kernel without the family: libaudit, in every tool of `passwd`, goes on.
    let families = vec![
        none_of(0, &sockets.families().iter().map(|f| f.cast_unsigned()).collect::<Vec<_>>())?,
        // Links, addresses and routes; no audit, no firewall, no generic one.
        all_of(vec![
            compare(0, SeccompCmpOp::Eq, libc::AF_NETLINK.cast_unsigned())?,
            compare(2, SeccompCmpOp::Ne, libc::NETLINK_ROUTE.cast_unsigned())?,
        ])?,
    ];
    when(Check::ProgramSockets, libc::EAFNOSUPPORT, libc::SYS_socket, families);
    // Nobody has a pair of any other family; the kernel looks for the family all the same, and
    // would load it.
    let pairs = vec![none_of(0, &[libc::AF_UNIX.cast_unsigned()])?];
    when(Check::ProgramSockets, libc::EAFNOSUPPORT, libc::SYS_socketpair, pairs);
    // Of IP what is not TCP, UDP or ping: each is code of the kernel's own, loaded when it is asked
    // for. DCCP has a type of its own, beside which the protocol may be none.
    let mut protocols = vec![all_of(vec![compare(1, SeccompCmpOp::MaskedEq(TYPE), DCCP)?])?];
    for family in [libc::AF_INET, libc::AF_INET6] {
        let odd = PROTOCOLS.iter().map(|known| compare(2, SeccompCmpOp::Ne, known.cast_unsigned()));
        let mut conditions = vec![compare(0, SeccompCmpOp::Eq, family.cast_unsigned())?];
        conditions.extend(odd.collect::<Result<Vec<_>, _>>()?);
        protocols.push(all_of(conditions)?);
    }
    when(Check::ProgramSockets, libc::EPROTONOSUPPORT, libc::SYS_socket, protocols);

    // Both put words into the terminal of whoever looks on.
    let typing = [libc::TIOCSTI, libc::TIOCLINUX]
        .into_iter()
        .map(|request| {
            let request = u32::try_from(request).map_err(|e| e.to_string())?;
            all_of(vec![compare(1, SeccompCmpOp::Eq, request)?])
        })
        .collect::<Result<_, String>>()?;
    when(Check::ProgramTerminal, libc::EPERM, libc::SYS_ioctl, typing);

    // What stops a filesystem that everybody uses, or opens whatever file lies on it, for who has
    // CAP_SYS_ADMIN.
    let whole =
        WHOLE_FILESYSTEM.map(|request| all_of(vec![compare(1, SeccompCmpOp::Eq, request)?]));
    let whole = whole.into_iter().collect::<Result<_, String>>()?;
    when(Check::ProgramKernel, libc::ENOTTY, libc::SYS_ioctl, whole);

    let personality = vec![none_of(0, &PERSONALITIES)?];
    when(Check::ProgramKernel, libc::EPERM, libc::SYS_personality, personality);
    Ok(refused)
}

/// `seccomp_data.nr > YOUNGEST` is answered ENOSYS. (The architecture is looked at by the other
/// filters.)
fn young() -> BpfProgram {
    let statement = |code: u32, jt, jf, k| sock_filter {
        code: u16::try_from(code).unwrap_or_default(),
        jt,
        jf,
        k,
    };
    let returns = libc::BPF_RET | libc::BPF_K;
    vec![
        // The number is the first field.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, 0, 1, YOUNGEST),
        statement(returns, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned()),
        statement(returns, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// What a program is refused by the kernel, made ready before it is there.
#[derive(Debug, Clone)]
pub struct SystemCalls(Vec<BpfProgram>);

impl SystemCalls {
    /// All that no program needs, and sockets but these.
    ///
    /// # Errors
    /// There is no table of the system calls of this machine's architecture.
    pub fn refused(sockets: Sockets) -> Result<Self, String> {
        let arch = std::env::consts::ARCH;
        let arch: seccompiler::TargetArch = arch
            .try_into()
            .map_err(|_| format!("there is no table of system calls for `{arch}`"))?;
        let mut filters = Vec::new();
        if Check::ProgramYoungCalls.holds() {
            filters.push(young());
        }
        for (answer, calls) in refused(sockets)? {
            let answer = SeccompAction::Errno(answer.cast_unsigned());
            let filter = SeccompFilter::new(calls, SeccompAction::Allow, answer, arch)
                .and_then(BpfProgram::try_from)
                .map_err(|e| e.to_string())?;
            filters.push(filter);
        }
        Ok(Self(filters))
    }

    /// Refuses them to this process and all that come of it. Takes no memory.
    ///
    /// # Errors
    /// The kernel takes no filter.
    pub fn refuse(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|filter| match seccompiler::apply_filter(filter) {
            Ok(()) => Ok(()),
            Err(seccompiler::Error::Prctl(error) | seccompiler::Error::Seccomp(error)) => {
                Err(error)
            }
            Err(_) => Err(io::ErrorKind::InvalidInput.into()),
        })
    }
}
