//! Programs of the builder that were taken over by what they read: here others lie in their place.

use std::path::Path;

use dibhost_check::Check;
use dibhost_tests::Outcome;
use serde_json::{Value, json};

use crate::case::{Case, call};
use crate::cases::exec::{PROGRAM, exec, installed};
use crate::cases::rootfs::{apply, folder, write};
use crate::script::attacker;

/// What is found on the path before all others.
const FIRST: &str = "/usr/local/sbin";

/// A disk that a program makes which reads the tree.
const BTRFS: &str = "[[block-device]]\nname = \"disk\"\ntype = \"disk\"\n\
                     [[block-device]]\nname = \"root\"\ntype = \"filesystem\"\non = \"disk\"\n\
                     format = \"btrfs\"\nlabel = \"r\"\nmount = \"/\"\n";

/// One whose times begin in 1970.
const SQUASHFS: &str = "[[block-device]]\nname = \"disk\"\ntype = \"disk\"\n\
                        [[block-device]]\nname = \"root\"\ntype = \"filesystem\"\n\
                        on = \"disk\"\nformat = \"squashfs\"\nmount = \"/\"\n";

/// One with a header that a program makes which sees no tree.
const LUKS: &str = "[secrets]\nkey = { file = \"secret\" }\n\
                    [[block-device]]\nname = \"disk\"\ntype = \"disk\"\n\
                    [[block-device]]\nname = \"crypt\"\ntype = \"luks\"\non = \"disk\"\n\
                    secrets = [\"key\"]\n\
                    [[block-device]]\nname = \"root\"\ntype = \"filesystem\"\non = \"crypt\"\n\
                    format = \"ext4\"\nmount = \"/\"\n";

/// A build of a disk for which this script of `bash` runs instead of `mkfs.btrfs`, and fails in the end. The
/// attacker's program is at hand as `hostile`.
fn instead(check: Check, name: &'static str, script: &'static str) -> Case {
    instead_of("mkfs.btrfs", check, name, script).defines(BTRFS)
}

/// The same of a program that is held by itself.
fn instead_of_cryptsetup(check: Check, name: &'static str, script: &'static str) -> Case {
    instead_of("cryptsetup", check, name, script)
        .defines(LUKS)
        .says("`cryptsetup` failed (exit status: 1)")
}

fn instead_of(
    program: &'static str,
    check: Check,
    name: &'static str,
    script: &'static str,
) -> Case {
    Case::on(check, name)
        .runs_quietly([])
        .arranged(move |dibhost| {
            dibhost.write("stand-in", &format!("#!/bin/bash\nexec >&2\n{script}\nexit 1\n"))?;
            dibhost.write("secret", "of the disk").map(drop)
        })
        .after_script_of(move || {
            let hostile = attacker()?.display();
            Ok(format!(
                "mount -t tmpfs -o mode=0755 none {FIRST}
cp stand-in {FIRST}/{program}
cp {hostile} {FIRST}/hostile
chmod 0755 {FIRST}/{program} {FIRST}/hostile
ip link set lo up
{FIRST}/hostile greet 47012 >/dev/null 2>&1 &"
            ))
        })
        .nameless()
}

/// It gets this answer, and the build ends with its name.
fn gets(case: Case, answer: &'static str) -> Case {
    case.says("`mkfs.btrfs` failed (exit status: 1)").says(answer)
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = taken_over();
    all.extend(held());
    all.extend(beyond_them());
    all
}

/// What they cannot take is refused before they are started.
fn beyond_them() -> Vec<Case> {
    let makes = |check, name, changes: &[Value]| {
        Case::on(check, name)
            .may("rootfs", "write /")
            .runs_quietly([call("Open", "/"), apply(changes)])
            .says("; `hostile` made it in `run(root)`")
            .otherwise()
    };
    let name = format!("/{}", "a".repeat(209));
    let deep: Vec<_> = (1..=10).map(|folders| folder(&name.repeat(folders))).collect();
    let attribute = json!([["user.x", vec![b'x'; 60_000]]]);
    let attributes =
        json!({"mode": null, "owner": null, "group": null, "xattrs": attribute, "extensions": []});
    let with = json!({"SetAttributes": {"path": "/f", "attributes": attributes}});
    vec![
        makes(Check::TreePaths, "a_path_so_long_that_mkfs_btrfs_ends_by_a_signal", &deep)
            .defines(BTRFS)
            .says("is a path of 2100 bytes, and what makes btrfs takes 2000"),
        makes(
            Check::TreeAttributes,
            "an_attribute_so_long_that_mkfs_btrfs_aborts",
            &[write("/f", "x"), with],
        )
        .defines(BTRFS)
        .says("has 60006 bytes of one extended attribute, and btrfs takes 16000"),
        Case::on(Check::TreeTimes, "a_file_of_before_all_times_in_a_squashfs")
            .may("rootfs", "write /")
            .may("exec", PROGRAM)
            .armed()
            .runs_quietly([installed(), vec![exec(PROGRAM, &["before", "/mine"])]].concat())
            .otherwise()
            .defines(SQUASHFS)
            .says("`/mine` was changed -1 s after the beginning of 1970, and squashfs takes 0 to")
            .says("; `hostile` made it in `run(root)`"),
    ]
}

/// Whether a stand-in told that it had what it wanted.
fn told(words: &'static str) -> impl Fn(&Path, &Outcome) -> bool + Send + Sync + 'static {
    move |_, outcome| outcome.stderr.contains(words)
}

/// What sees no tree is held by itself.
fn held() -> Vec<Case> {
    vec![
        instead_of_cryptsetup(
            Check::HeldSight,
            "a_taken_over_cryptsetup_reads_accounts",
            "cat /etc/passwd",
        )
        .says("/etc/passwd: No such file or directory")
        .gets_out(told("root:x:0:0")),
        instead_of_cryptsetup(
            Check::HeldNetwork,
            "a_taken_over_cryptsetup_reaches_the_builder",
            "exec 3<>/dev/tcp/127.0.0.1/47012 && echo it-is-connected",
        )
        .says("Address family not supported by protocol")
        .gets_out(told("it-is-connected")),
        instead_of_cryptsetup(
            Check::HeldCapabilities,
            "a_taken_over_cryptsetup_changes_its_root",
            "chroot / /bin/echo it-is-rooted",
        )
        .says("Operation not permitted")
        .gets_out(told("it-is-rooted")),
        instead_of_cryptsetup(
            Check::HeldMemory,
            "a_taken_over_cryptsetup_takes_all_memory",
            "python3 -c 'x = bytearray(6 << 30); print(\"it-has-them\")'",
        )
        .says("MemoryError")
        .gets_out(told("it-has-them")),
        instead_of_cryptsetup(
            Check::ProgramTracing,
            "a_taken_over_cryptsetup_traces",
            "hostile trace",
        )
        .says("seize: EPERM")
        .gets_out(told("seize: done")),
        instead_of_cryptsetup(
            Check::ProgramNamespaces,
            "a_taken_over_cryptsetup_has_namespaces",
            "hostile namespaces",
        )
        .says("user: EPERM")
        .gets_out(told("user: done")),
    ]
}

fn taken_over() -> Vec<Case> {
    vec![
        gets(
            instead(Check::HostSight, "a_taken_over_mkfs_btrfs_reads_accounts", "cat /etc/passwd"),
            "/etc/passwd: No such file or directory",
        )
        .gets_out(told("root:x:0:0")),
        gets(
            instead(
                Check::HostSight,
                "a_taken_over_mkfs_btrfs_sees_other_builds",
                "ls -d /var /root /home /tmp || exit 1",
            ),
            "cannot access '/var': No such file or directory",
        )
        .gets_out(told("/var\n")),
        gets(
            instead(
                Check::HostTree,
                "a_taken_over_mkfs_btrfs_changes_the_tree",
                "for a; do [ ! -d \"$a\" ] || { echo it-was-here > \"$a/x\"; cat \"$a/x\"; }; done",
            ),
            "Read-only file system",
        )
        .gets_out(told("it-was-here")),
        gets(
            instead(
                Check::HostCapabilities,
                "a_taken_over_mkfs_btrfs_changes_its_root",
                "chroot / /bin/echo it-is-rooted",
            ),
            "Operation not permitted",
        )
        .gets_out(told("it-is-rooted")),
        instead(Check::HostTime, "a_taken_over_mkfs_btrfs_never_ends", "exec sleep 1000")
            .args(&["--host-timeout", "2"])
            .says("`mkfs.btrfs` was ended because it ran longer than 2 s")
            .goes_on(),
        gets(
            instead(
                Check::ProgramNetwork,
                "a_taken_over_mkfs_btrfs_reaches_the_builder",
                "exec 3<>/dev/tcp/127.0.0.1/47012 && echo it-is-connected",
            ),
            "Network is unreachable",
        )
        .gets_out(told("it-is-connected")),
        gets(
            instead(Check::ProgramTracing, "a_taken_over_mkfs_btrfs_traces", "hostile trace"),
            "seize: EPERM",
        )
        .gets_out(told("seize: done")),
        gets(
            instead(
                Check::ProgramNamespaces,
                "a_taken_over_mkfs_btrfs_has_namespaces",
                "hostile namespaces",
            ),
            "user: EPERM",
        )
        .gets_out(told("user: done")),
        gets(
            instead(Check::ProgramIds, "a_taken_over_mkfs_btrfs_is_root", "hostile ids"),
            "ids: nobody's",
        )
        .gets_out(told("ids: the machine's")),
        instead(Check::ProgramMemory, "a_taken_over_mkfs_btrfs_takes_all_memory", "hostile hoard")
            .says("`mkfs.btrfs` was ended because it used more than")
            .otherwise(),
    ]
}
