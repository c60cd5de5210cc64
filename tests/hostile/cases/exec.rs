//! Programs in the target that nobody granted, and what they are started with.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, call};
use crate::cases::rootfs::{apply, folder};

/// Where the hostile program is put.
pub(crate) const PROGRAM: &str = "/usr/bin/hostile";

pub(crate) fn exec(program: &str, args: &[&str]) -> Value {
    call("Exec", json!({"program": program, "args": args}))
}

/// What puts it there.
pub(crate) fn installed() -> Vec<Value> {
    vec![
        call("Open", "/"),
        apply(&[folder("/usr/bin"), folder("/mine")]),
        call("WriteProgram", PROGRAM),
    ]
}

/// Its program is in the tree, and it may start it.
pub(crate) fn armed(check: Check, name: &'static str, calls: &[Value]) -> Case {
    Case::on(check, name)
        .may("rootfs", "write /")
        .may("exec", PROGRAM)
        .armed()
        .runs([installed().as_slice(), calls].concat())
}

pub(crate) fn all() -> Vec<Case> {
    vec![
        Case::on(Check::ExecGrant, "a_program_that_nobody_granted")
            .runs([exec("sh", &["-c", "id"])])
            .says("`exec` of `sh` is not granted: `hostile` requests no `exec`")
            .says("exec = [\"sh\"]")
            .second_wall("`sh` does not exist"),
        armed(Check::ExecGrant, "a_program_beside_the_granted_one", &[exec("/usr/bin/hostile2", &[])])
            .says("`exec` of `/usr/bin/hostile2` is not granted: `hostile` requests only `/usr/bin/hostile`")
            .second_wall("`/usr/bin/hostile2` does not exist"),
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
        Case::on(Check::ExecName, "a_program_beside_the_granted_folder")
            .after_victim([call("Open", "/"), apply(&[folder("/usr/bin"), folder("/mine")])])
            .may("rootfs", "write /mine")
            .may("exec", "/usr/bin/*")
            .armed()
            .runs([
                call("Open", "/mine"),
                call("WriteProgram", "/mine/hostile"),
                exec("/usr/bin/../../mine/hostile", &["say", "mine"]),
            ])
            .says("`/usr/bin/../../mine/hostile` is no program: give a name, or an absolute path"),
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
