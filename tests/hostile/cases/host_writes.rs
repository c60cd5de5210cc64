//! What the host itself writes into the tree, led elsewhere by a link that an element put there.

use dibhost_check::Check;
use serde_json::{Value, json};

use super::rootfs::{apply, folder, plain, write};
use super::wishes::{drop_in, wished_user};
use crate::case::{Case, call, loot};

/// A tree with a user in it, made before the attack.
fn with_user(check: Check, name: &'static str, more: &[Value]) -> Case {
    let passwd = "eve:x:1234:1234::/home/eve:/bin/sh\n";
    let tree = [folder("/etc"), write("/etc/passwd", passwd), folder("/home/eve")];
    Case::on(check, name).after_victim([call("Open", "/"), apply(&[&tree[..], more].concat())])
}

fn link(path: &str, to: &str) -> Value {
    json!({"Symlink": {"path": path, "to": to, "extensions": []}})
}

/// A wish for her with a key, which is carried out after what was done in `root`.
fn keys(case: Case) -> Case {
    let user = wished_user(|wish| wish["authorized_keys"] = json!([loot::KEY]));
    case.may("accounts", "eve")
        .plans_quietly_in("Install", [call("User", user)])
        .runs_in("Install", [])
}

pub(crate) fn all() -> Vec<Case> {
    let mut others = folder("/home/eve/.ssh");
    others["MakeDirectory"]["attributes"] = plain();
    others["MakeDirectory"]["attributes"]["owner"] = json!("99");
    let units = "/etc/systemd/system";
    let own = format!("{units}/mine.service.d");
    vec![
        keys(
            with_user(Check::HostLinks, "keys_for_a_user_along_a_link_of_its_home", &[])
                .may("rootfs", "write /home/eve")
                .runs_quietly([
                    call("Open", "/home/eve"),
                    apply(&[link("/home/eve/.ssh", "/etc")]),
                ]),
        )
        .says("`/home/eve/.ssh` is a symbolic link to `/etc` in the image")
        .says("making the user `eve`, which `hostile` wishes for"),
        Case::on(Check::HostLinks, "a_drop_in_along_a_link")
            .after_victim([call("Open", "/"), apply(&[folder(units), folder("/secret")])])
            .may("rootfs", &format!("write {own}"))
            .may("services-define", "mine.service")
            .runs_quietly([call("Open", own.as_str()), apply(&[link(&own, "/secret")])])
            .plans_quietly_in("Install", [drop_in("mine.service", "evil", "[Service]\n")])
            .runs_in("Install", [])
            .says("`/etc/systemd/system/mine.service.d` is a symbolic link to `/secret`"),
        Case::on(Check::HostLinks, "a_home_along_a_link")
            .after_victim([call("Open", "/"), apply(&[folder("/home"), folder("/secret")])])
            .may("rootfs", "write /home/eve")
            .may("accounts", "eve")
            .runs_quietly([call("Open", "/home/eve"), apply(&[link("/home/eve", "/secret/hers")])])
            .plans_quietly_in("Install", [call("User", wished_user(|_| {}))])
            .runs_in("Install", [])
            .says("`/home/eve` is a symbolic link to `/secret/hers` in the image")
            // It would be made then, had the tree a `useradd`.
            .second_wall("`useradd` does not exist"),
        keys(with_user(Check::HostOwns, "keys_in_the_folder_of_another", &[others]))
            .says("`/home/eve/.ssh` is in the image already and belongs to the user 99"),
    ]
}
