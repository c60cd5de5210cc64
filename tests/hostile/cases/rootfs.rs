//! Ways out of what was granted of the tree, and out of the tree.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, call};

/// Attributes as they usually are.
pub(crate) fn plain() -> Value {
    json!({"mode": null, "owner": null, "group": null, "xattrs": [], "extensions": []})
}

pub(crate) fn write(path: &str, text: &str) -> Value {
    json!({"Write": {"path": path, "content": text.as_bytes(), "attributes": plain()}})
}

pub(crate) fn folder(path: &str) -> Value {
    json!({"MakeDirectory": {"path": path, "attributes": plain()}})
}

fn link(path: &str, to: &str) -> Value {
    json!({"Symlink": {"path": path, "to": to, "extensions": []}})
}

fn change(kind: &str, source: &str, destination: &str) -> Value {
    call(kind, json!({"source": source, "destination": destination, "extensions": []}))
}

pub(crate) fn apply(changes: &[Value]) -> Value {
    call("Apply", changes)
}

/// It may write below `/mine`; `/secret/file` is another's.
fn mine(check: Check, name: &'static str, calls: &[Value]) -> Case {
    let before = [
        call("Open", "/"),
        apply(&[folder("/mine"), folder("/secret"), write("/secret/file", "the other's own")]),
    ];
    let all = [&[call("Open", "/mine")], calls].concat();
    Case::on(check, name).after_victim(before).may("rootfs", "write /mine").runs(all)
}

fn out(name: &'static str, calls: &[Value]) -> Case {
    mine(Check::RootfsScope, name, calls).says("is outside of what it may")
}

/// It may write everywhere in the tree.
fn all_of_it(check: Check, name: &'static str, calls: &[Value]) -> Case {
    let all = [&[call("Open", "/"), apply(&[folder("/mine")])], calls].concat();
    Case::on(check, name).may("rootfs", "write /").runs(all)
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = out_of_the_grant();
    all.extend(out_of_the_tree());
    all.extend(odd_names());
    all
}

fn out_of_the_grant() -> Vec<Case> {
    vec![
        Case::on(Check::RootfsScope, "the_tree_is_opened_without_a_grant")
            .runs([call("Open", "/")])
            .says("`rootfs` of `read /` is not granted: `hostile` requests no `rootfs`")
            .says("rootfs = [\"read /\"]"),
        out("a_file_beside_the_granted_folder", &[call("Read", "/secret/file")])
            .says("`/secret/file`"),
        out("a_name_that_begins_as_the_granted_folder", &[apply(&[folder("/mine-too")])]),
        out("a_climb_out_of_the_granted_folder", &[call("Read", "/mine/../secret/file")])
            .says("`/secret/file`"),
        out(
            "an_absolute_link_out_of_the_granted_folder",
            &[apply(&[link("/mine/l", "/secret")]), call("Read", "/mine/l/file")],
        ),
        out(
            "a_relative_link_out_of_the_granted_folder",
            &[apply(&[link("/mine/l", "../secret/file")]), call("Read", "/mine/l")],
        ),
        out(
            "a_file_written_through_a_link",
            &[apply(&[link("/mine/l", "/secret")]), apply(&[write("/mine/l/file", "evil")])],
        ),
        out(
            "a_folder_swapped_for_a_link_in_the_same_call",
            &[apply(&[
                folder("/mine/d"),
                write("/mine/d/file", "x"),
                change("Rename", "/mine/d", "/mine/e"),
                link("/mine/d", "/secret"),
                write("/mine/d/file", "evil"),
            ])],
        ),
        out(
            "a_file_moved_into_the_granted_folder",
            &[apply(&[change("Rename", "/secret/file", "/mine/f")])],
        ),
        out(
            "a_file_moved_out_of_the_granted_folder",
            &[apply(&[write("/mine/f", "x"), change("Rename", "/mine/f", "/secret/g")])],
        ),
        out(
            "a_file_copied_into_the_granted_folder",
            &[apply(&[change("Copy", "/secret/file", "/mine/f")])],
        ),
        out("another_s_file_removed", &[apply(&[json!({"Remove": "/secret/file"})])]),
        out(
            "another_s_file_added_to",
            &[apply(&[
                json!({"Append": {"path": "/secret/file", "content": [120], "extensions": []}}),
            ])],
        ),
        out(
            "another_s_file_made_a_root_shell",
            &[apply(&[
                json!({"SetAttributes": {"path": "/secret/file", "attributes": {"mode": 0o4755, "owner": null, "group": null, "xattrs": [], "extensions": []}}}),
            ])],
        ),
        out("another_s_folder_walked", &[call("Walk", "/secret")]),
        out("another_s_folder_captured", &[call("Capture", "/secret")]),
        out("a_handle_to_more_than_there_was", &[call("Narrow", "/secret")]),
        mine(
            Check::RootfsOpen,
            "a_path_to_open_that_climbs",
            &[call("Open", "/mine/../secret"), call("Read", "/secret/file")],
        )
        .says("`/mine/../secret` has `..` in it; open a plain path")
        .second_wall("`/secret/file` is outside of what it may read"),
        mine(
            Check::HardLinkSource,
            "a_hard_link_to_what_may_only_be_read",
            &[
                call("Open", "/"),
                apply(&[call(
                    "HardLink",
                    json!({"path": "/mine/f", "existing": "/secret/file", "extensions": []}),
                )]),
            ],
        )
        .may("rootfs", "read /secret")
        .says("`/secret/file` is outside of what it may write"),
    ]
}

fn out_of_the_tree() -> Vec<Case> {
    vec![
        all_of_it(
            Check::RootfsResolve,
            "a_climb_out_of_the_tree",
            &[
                call("Stat", "/mine/../../../../../../../../../../../../etc/passwd/.."),
                call("Read", "/../../../../../../../../../../../../../../etc/passwd"),
            ],
        )
        .says("`/../../../../../../../../../../../../../../etc/passwd` does not exist")
        .second_wall("is outside of the tree"),
        all_of_it(
            Check::RootfsResolve,
            "an_absolute_link_out_of_the_tree",
            &[apply(&[link("/mine/l", "/etc/passwd")]), call("Read", "/mine/l")],
        )
        .says("`/mine/l` does not exist")
        .second_wall("is outside of the tree"),
        all_of_it(
            Check::RootfsResolve,
            "a_magic_link_out_of_the_tree",
            &[apply(&[link("/mine/l", "/proc/1/cwd/etc/passwd")]), call("Read", "/mine/l")],
        )
        .says("`/mine/l` does not exist")
        .second_wall("leads through too many symbolic links"),
        all_of_it(
            Check::RootfsResolve,
            "a_file_written_to_the_host_through_a_link",
            &[
                apply(&[link("/mine/l", "/var/tmp")]),
                apply(&[write("/mine/l/dibhost-hostile", "evil")]),
            ],
        )
        .says("`/mine/l` does not exist")
        .second_wall("is outside of the tree"),
        all_of_it(
            Check::RootfsResolve,
            "a_link_to_the_worker_s_own_descriptors",
            &[apply(&[link("/mine/l", "/proc/self/fd")]), call("Walk", "/mine/l")],
        )
        .says("`/mine/l` does not exist")
        .second_wall("is outside of the tree"),
    ]
}

fn odd_names() -> Vec<Case> {
    let mode = |mode: u32, owner: Option<&str>| json!({"SetAttributes": {"path": "/mine", "attributes": {"mode": mode, "owner": owner, "group": null, "xattrs": [], "extensions": []}}});
    vec![
        all_of_it(Check::PathAbsolute, "a_path_without_a_beginning", &[call("Stat", "etc/passwd")])
            .says("it does not begin with `/`"),
        all_of_it(Check::PathNul, "a_name_with_a_nul", &[call("Stat", "/mine/a\0b")])
            .says("it has a NUL in it")
            .second_wall("Invalid argument"),
        all_of_it(
            Check::PathBytes,
            "a_path_of_five_thousand_bytes",
            &[call("Read", format!("{}x", "/a".repeat(2500)))],
        )
        .says("it is longer than 4095 bytes")
        .second_wall("looking up `/a/a/a/"),
        all_of_it(
            Check::PathNameBytes,
            "a_name_of_256_bytes",
            &[apply(&[folder(&format!("/mine/{}", "n".repeat(256)))])],
        )
        .says("one of its components is longer than 255 bytes")
        .second_wall("File name too long"),
        all_of_it(
            Check::TerminalCodes,
            "a_name_with_a_newline_and_an_escape_code",
            &[call("Read", "/mine/\n\u{1b}[2Jerror: all is well")],
        )
        .says("\\u{a}\\u{1b}[2Jerror: all is well")
        .gets_out(|_, outcome| outcome.stderr.contains("\u{1b}[2J")),
        all_of_it(
            Check::RootfsMode,
            "a_mode_that_makes_a_device",
            &[apply(&[mode(0o060_666, None)])],
        )
        .says("`60666` is no mode"),
        all_of_it(
            Check::Owner,
            "an_owner_that_leaves_the_owner",
            &[apply(&[mode(0o755, Some("4294967295"))])],
        )
        .says("`4294967295` is no number of a user")
        // In a build with debug assertions, rustix stops at that number.
        .otherwise(),
        all_of_it(
            Check::Changes,
            "a_hundred_thousand_changes_in_one_call",
            &[call("ApplyMany", 100_000)],
        )
        .says("one call applies at most 65536 changes"),
    ]
}
