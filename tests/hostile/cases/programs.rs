//! Programs in the target that want out of their box, or more than it has.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, HOSTILE, call, loot};
use crate::cases::exec::{PROGRAM, armed, exec};
use crate::cases::rootfs::{apply, folder, write};
use crate::script::{SCENE, attacker};

/// A start of the program; the attack is stopped when it says `answer`.
fn start(words: &str, answer: &str) -> Value {
    let args: Vec<_> = words.split(' ').collect();
    call("Exec", json!({"program": PROGRAM, "args": args, "refused": answer}))
}

/// The program is stopped when the kernel gives it this answer.
fn boxed(check: Check, name: &'static str, words: &str, answer: &str) -> Case {
    armed(check, name, &[start(words, answer)]).says("the program got `").says(answer)
}

/// The element has a limit of its own.
fn limited(check: Check, name: &'static str, limit: &str, words: &str) -> Case {
    let args: Vec<_> = words.split(' ').collect();
    armed(check, name, &[exec(PROGRAM, &args)])
        .defines(&format!("[limits.elements.{HOSTILE}]\n{limit}\n"))
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = host();
    all.extend(kernel());
    all.extend(without_end());
    all.extend(network());
    all.extend(by_programs());
    all
}

/// What is the builder's: its processes, files, environment.
fn host() -> Vec<Case> {
    let own = std::process::id().to_string();
    vec![
        boxed(
            Check::ProgramPids,
            "a_process_of_the_host_is_killed",
            &format!("kill {own}"),
            "kill: ESRCH",
        ),
        boxed(
            Check::ProgramPids,
            "the_processes_of_the_host_are_seen",
            &format!("see /proc/{own}/status"),
            "see: ENOENT",
        ),
        boxed(
            Check::ProgramRoot,
            "out_of_the_root_by_a_kept_descriptor",
            "climb /etc/machine-id",
            "climb: ENOENT",
        ),
        boxed(
            Check::ProgramRoot,
            "a_program_reads_the_builder_s_home",
            &format!("climb {SCENE}/home/canary"),
            "climb: ENOENT",
        ),
        boxed(
            Check::ProgramEnvironment,
            "a_program_reads_the_builder_s_environment",
            &format!("environment {}", loot::VARIABLE),
            "environment: none, besides: nothing",
        )
        // The worker's own, which it would have then, has nothing of the builder's.
        .second_wall("environment: none, besides: DIBHOST_TAKE_OUT"),
        boxed(
            Check::ProgramCapabilities,
            "a_capability_of_the_host",
            "capabilities",
            "hostname: EPERM",
        ),
        boxed(Check::ProgramIds, "root_of_the_machine", "ids", "ids: nobody's"),
        boxed(Check::ProgramCore, "a_core_with_all_that_it_read", "core", "core: EPERM"),
        boxed(
            Check::ProgramHandles,
            "a_file_by_its_handle_whatever_the_root_is",
            "handles",
            "open: EPERM",
        )
        // Where ids are mapped, the kernel refuses it in the same words.
        .args(&["--backend", "loop"])
        .needs_root("that back-end is root's"),
    ]
}

/// What is the kernel's.
fn kernel() -> Vec<Case> {
    vec![
        // Of those that belong to the box's own namespaces: all others are root's of the machine.
        boxed(
            Check::ProgramSwitches,
            "a_switch_of_the_kernel",
            "switch /proc/sys/kernel/shmmax",
            "switch: EROFS",
        ),
        boxed(Check::ProgramKernel, "another_domain_of_execution", "kernel", "personality: EPERM"),
        boxed(Check::ProgramKeys, "the_builder_s_keyring", "keys", "session: EPERM"),
        boxed(
            Check::ProgramLandlock,
            "a_device_is_asked_for_what_it_knows",
            "landlock",
            "ioctl: EACCES",
        ),
        boxed(
            Check::ProgramMachinery,
            "a_ring_of_system_calls",
            "machinery",
            "io_uring_setup: ENOSYS",
        ),
        boxed(Check::ProgramMounts, "a_filesystem_is_mounted", "mount", "mount: EPERM")
            .says("mount: EPERM; fsconfig: EPERM")
            // The filter lets it through then, the capabilities do not.
            .second_wall("mount: EPERM; fsconfig: EINVAL"),
        boxed(Check::ProgramNamespaces, "a_namespace_of_its_own", "namespaces", "user: EPERM"),
        boxed(Check::ProgramTracing, "a_process_is_traced", "trace", "seize: EPERM"),
        boxed(Check::ProgramTerminal, "words_are_typed_into_a_terminal", "terminal", "type: EPERM"),
        boxed(
            Check::ProgramYoungCalls,
            "a_system_call_that_nobody_judged",
            "young",
            "file_setattr: ENOSYS",
        ),
    ]
}

/// What brings the machine down.
fn without_end() -> Vec<Case> {
    vec![
        armed(Check::RunTime, "a_program_that_never_ends", &[exec(PROGRAM, &["endless"])])
            .args(&["--step-timeout", "2"])
            .says("ran longer than 2 s in `run(root)`")
            .goes_on(),
        limited(Check::Programs, "a_fork_bomb", "programs = 50", "forks")
            .needs_root("a user's processes are counted each by itself")
            .says("after it had started 50 processes and threads"),
        limited(
            Check::ProgramMemory,
            "a_memory_bomb_of_a_program",
            "program-memory = \"64MiB\"",
            "memory",
        )
        .needs_root("a user's processes are counted each by itself")
        // With the tree in memory a program may have as much more as fits into the tree.
        .args(&["--no-tmpfs"])
        .says("was ended because it used more than 64 MiB of memory"),
        armed(
            Check::ProgramLines,
            "a_flood_of_lines_of_a_program",
            &[exec(PROGRAM, &["flood", "200007"]), call("Fail", "after the flood")],
        )
        .defines(&format!("[limits.elements.{HOSTILE}]\nlog-lines = 1000000\n"))
        .args(&["--verbose"])
        .says("… and 7 lines more, which are not told.")
        .gets_out(|_, outcome| outcome.stderr.matches("flood").count() > 200_003),
        armed(
            Check::ProgramUnlimited,
            "a_program_on_a_machine_without_control_groups",
            &[exec(PROGRAM, &["say", "unbounded"])],
        )
        .after_script("mount -t tmpfs none /sys/fs/cgroup")
        .says("`hostile` may start programs in the target, but this machine cannot limit"),
    ]
}

/// A machine whose way out leads nowhere, with somebody on its loopback.
fn connected() -> anyhow::Result<String> {
    Ok(format!(
        "ip link set lo up
ip link add v0 type veth peer name v1
ip addr add 198.51.100.1/24 dev v0
ip link set v0 up
ip link set v1 up
ip route add default via 198.51.100.2
{} greet 47011 >/dev/null 2>&1 &",
        attacker()?.display()
    ))
}

fn network() -> Vec<Case> {
    let socket = format!("dibhost-hostile-{}", std::process::id());
    let listen = {
        let socket = socket.clone();
        move || -> anyhow::Result<()> {
            use std::os::linux::net::SocketAddrExt as _;
            use std::os::unix::net::{SocketAddr, UnixListener};
            let address = SocketAddr::from_abstract_name(&socket)?;
            // As long as this process: the attack comes later.
            if let Ok(listener) = UnixListener::bind_addr(&address) {
                std::mem::forget(listener);
            }
            Ok(())
        }
    };
    let reach = json!({
        "program": PROGRAM, "args": ["reach", "47011"], "network": true, "refused": "reach: nobody",
    });
    vec![
        boxed(
            Check::ProgramNetwork,
            "an_abstract_socket_of_the_host",
            &format!("abstract {socket}"),
            "abstract: ECONNREFUSED",
        )
        .arranged(move |_| listen()),
        boxed(
            Check::ProgramSockets,
            "a_socket_of_the_hypervisor",
            "sockets",
            "vsock: EAFNOSUPPORT",
        ),
        boxed(
            Check::ProgramSockets,
            "a_pair_of_sockets_of_another_family",
            "pairs",
            "inet: EAFNOSUPPORT",
        ),
        boxed(
            Check::ProgramSockets,
            "a_socket_of_a_protocol_that_nobody_uses",
            "pairs",
            "mptcp: EPROTONOSUPPORT",
        ),
        boxed(Check::ProgramCapabilities, "a_raw_socket", "sockets", "raw: EPERM"),
        armed(Check::ProgramLoopback, "the_builder_s_loopback", &[call("Exec", reach)])
            .may("exec", "network")
            .after_script_of(connected)
            .says("the program got `reach: nobody`"),
    ]
}

/// What a program does to the host's own calls, or says.
fn by_programs() -> Vec<Case> {
    const MINE: &str = "/mine/hostile";
    let start = |word: &str, answer: &str| {
        let args = [word, "/mine/d"];
        call("Exec", json!({"program": MINE, "args": args, "refused": answer}))
    };
    let before = [call("Open", "/"), apply(&[folder("/mine"), folder("/secret")])];
    vec![
        // It dies with the program that left it: without that, its link is seen for what it is.
        Case::on(Check::ProgramPids, "a_link_that_a_program_left_running_swaps")
            .after_victim(before)
            .may("rootfs", "write /mine")
            .may("exec", MINE)
            .armed()
            .runs([
                call("Open", "/mine"),
                call("WriteProgram", MINE),
                start("swap", "swap: EAGAIN"),
                start("watch", "watch: nobody swaps it"),
                call(
                    "Repeat",
                    json!({"times": 20_000, "call": apply(&[write("/mine/d/file", "evil")])}),
                ),
            ])
            .says("the program got `watch: nobody swaps it`")
            .second_wall("`/secret/file` is outside of what it may write"),
        armed(
            Check::RegularFile,
            "a_pipe_that_is_read_as_a_file",
            &[exec(PROGRAM, &["fifo", "/mine/pipe"]), call("Read", "/mine/pipe")],
        )
        .says("`/mine/pipe` is no regular file"),
        armed(
            Check::TerminalCodes,
            "an_escape_code_of_a_program",
            &[exec(PROGRAM, &["say", "\u{1b}[2Jall is well"]), call("Fail", "after the program")],
        )
        .args(&["--verbose"])
        .says("\\u{1b}[2Jall is well")
        .gets_out(|_, outcome| outcome.stderr.contains('\u{1b}')),
    ]
}
