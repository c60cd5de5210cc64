//! Programs in the target: those that nobody granted, and those that want out of their box.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, call};
use crate::cases::rootfs::{apply, folder};

const PROGRAM: &str = "/usr/bin/attacker";

fn exec(program: &str, args: &[&str]) -> Value {
    call("Exec", json!({"program": program, "args": args}))
}

/// Its program is in the tree, and it may start it.
fn armed(check: Check, name: &'static str, calls: &[Value]) -> Case {
    let placed = [
        call("Open", "/"),
        apply(&[folder("/usr/bin"), folder("/mine")]),
        call("WriteProgram", PROGRAM),
    ];
    Case::on(check, name)
        .may("rootfs", "write /")
        .may("exec", PROGRAM)
        .armed()
        .runs([&placed, calls].concat())
}

/// The program is stopped when the kernel gives it this answer.
fn boxed(check: Check, name: &'static str, word: &str, about: &str, answer: &str) -> Case {
    let start = json!({"program": PROGRAM, "args": [word, about], "refused": answer});
    armed(check, name, &[call("Exec", start)]).says(&format!("the program got `{answer}`"))
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = without_grants();
    all.extend(boxes());
    all
}

fn without_grants() -> Vec<Case> {
    vec![
        Case::on(Check::ExecGrant, "a_program_that_nobody_granted")
            .runs([exec("sh", &["-c", "id"])])
            .says("`exec` of `sh` is not granted: `hostile` requests no `exec`")
            .says("exec = [\"sh\"]")
            .second_wall("`sh` does not exist"),
        armed(Check::ExecGrant, "a_program_beside_the_granted_one", &[exec("/usr/bin/attacker2", &[])])
            .says("`exec` of `/usr/bin/attacker2` is not granted: `hostile` requests only `/usr/bin/attacker`")
            .second_wall("`/usr/bin/attacker2` does not exist"),
        Case::on(Check::ExecNetworkGrant, "the_network_with_all_programs_granted")
            .may("exec", "*")
            .runs([call("Exec", json!({"program": "sh", "args": [], "network": true}))])
            .says("`exec` of `network` is not granted")
            // What follows is a program that is not there, or a machine without the network's program.
            .otherwise(),
        Case::on(Check::ExecName, "a_program_by_a_path_that_climbs")
            .may("exec", "*")
            .runs([exec("../../../bin/sh", &[])])
            .says("`../../../bin/sh` is no program: give a name, or an absolute path in the target")
            .second_wall("`../../../bin/sh` does not exist"),
        Case::on(Check::ExecNul, "an_argument_with_a_nul")
            .may("exec", "*")
            .runs([exec("sh", &["-c\0x"])])
            .says("an argument of `sh` has a NUL in it")
            .second_wall("nul byte"),
        Case::on(Check::ExecVariable, "a_variable_whose_name_has_a_value")
            .may("exec", "*")
            .runs([call("Exec", json!({"program": "sh", "args": [], "env": [["LD_PRELOAD=/evil", "x"]]}))])
            .says("the name of a variable for `sh` is empty or has a `=` in it")
            .second_wall("is no name of a variable"),
    ]
}

fn boxes() -> Vec<Case> {
    let own = std::process::id().to_string();
    let socket = format!("dibhost-hostile-{own}");
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
    vec![
        boxed(Check::ProgramPids, "a_process_of_the_host_is_killed", "kill", &own, "kill: ESRCH"),
        boxed(
            Check::ProgramPids,
            "the_processes_of_the_host_are_seen",
            "see",
            &format!("/proc/{own}/status"),
            "see: ENOENT",
        ),
        boxed(
            Check::ProgramNetwork,
            "an_abstract_socket_of_the_host",
            "abstract",
            &socket,
            "connect: ECONNREFUSED",
        )
        .arranged(move |_| listen()),
        boxed(
            Check::ProgramRoot,
            "out_of_the_root_by_a_kept_descriptor",
            "escape",
            "/etc/machine-id",
            "escape: ENOENT",
        ),
        boxed(
            Check::ProgramSwitches,
            "a_switch_of_the_kernel",
            "switch",
            "/proc/sys/kernel/core_pattern",
            "switch: EROFS",
        ),
        boxed(
            Check::ProgramCapabilities,
            "a_capability_of_the_host",
            "hostname",
            "evil",
            "sethostname: EPERM",
        ),
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
        // What is told of a build has no escape in it in any case.
        .second_wall("\u{fffd}[2Jall is well"),
    ]
}
