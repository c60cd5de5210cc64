//! Files that are wished for beyond what was granted, and strings of them that say more.

use dibhost_check::Check;
use serde_json::{Value, json};

use super::rootfs::{apply, folder, plain, write};
use crate::case::{Case, call};

/// A file as a wish.
fn file(path: &str, attributes: Value) -> Value {
    json!({"File": {"path": path, "content": b"evil", "attributes": attributes}})
}

fn files(wishes: &[Value]) -> Value {
    call("Files", wishes)
}

/// It may write below `/mine`.
fn mine(check: Check, name: &'static str, wish: Value) -> Case {
    Case::on(check, name).may("rootfs", "write /mine").plans([files(&[wish])])
}

fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut attributes = plain();
    change(&mut attributes);
    file("/mine/file", attributes)
}

pub(crate) fn all() -> Vec<Case> {
    let link = json!({"Symlink": {"path": "/mine/out", "to": "../secret", "extensions": []}});
    vec![
        mine(
            Check::RootfsScope,
            "a_file_that_nobody_granted_is_wished_for",
            file("/etc/passwd", plain()),
        )
        .says("`rootfs` of `write /etc/passwd` is not granted"),
        mine(Check::RootfsScope, "a_folder_of_another_is_to_go", json!({"Removed": "/minefield"}))
            .says("`rootfs` of `write /minefield` is not granted"),
        Case::on(Check::RootfsScope, "a_blob_is_placed_where_nobody_granted")
            .may("rootfs", "write /mine")
            .plans([call("Blob", json!(b"evil")), call("PlaceFile", "/etc/passwd")])
            .says("`rootfs` of `write /etc/passwd` is not granted"),
        // No check of a text can see it: the link is there only when the tree is.
        Case::on(Check::RootfsScope, "a_file_that_is_wished_for_goes_through_the_link_of_another")
            .after_victim([
                call("Open", "/"),
                apply(&[
                    folder("/mine"),
                    folder("/secret"),
                    write("/secret/file", "the other's own"),
                    link,
                ]),
            ])
            .may("rootfs", "write /mine")
            .plans_quietly_in("Install", [files(&[file("/mine/out/file", plain())])])
            .says("`/secret/file` is outside of what it may write, and a link of the tree"),
        mine(
            Check::FilePath,
            "a_file_whose_path_climbs_out_of_its_grant",
            file("/mine/../etc/passwd", plain()),
        )
        .says("the path of a file \"/mine/../etc/passwd\" has an empty part, `.` or `..` in it"),
        mine(
            Check::RootfsMode,
            "a_file_that_is_wished_for_with_more_than_permission_bits",
            with(|attributes| attributes["mode"] = json!(0o140_755)),
        )
        .says("the mode of a file \"140755\" is no mode"),
        mine(
            Check::Owner,
            "a_file_that_is_wished_for_of_nobody",
            with(|attributes| attributes["owner"] = json!("4294967295")),
        )
        .says("the owner of a file \"4294967295\" means"),
        mine(
            Check::FileAttribute,
            "a_file_with_an_attribute_of_no_namespace",
            with(|attributes| attributes["xattrs"] = json!([["evil", b"x"]])),
        )
        .says("the extended attribute \"evil\" is in no namespace"),
        Case::on(Check::WishInRun, "a_file_that_no_plan_showed")
            .may("rootfs", "write /mine")
            .runs([files(&[file("/mine/file", plain())])])
            .says("wishes are made in `plan`, so that the plan shows them"),
        Case::on(Check::BlobBytes, "files_of_more_than_the_host_holds_for_a_step")
            .may("rootfs", "write /mine")
            .plans([
                call("BlobOf", 16 << 20),
                call("Repeat", json!({"times": 33, "call": call("PlaceFile", "/mine/{n}")})),
            ])
            .says("had the host hold more than 384 MiB of blobs in `plan(root)`"),
    ]
}
