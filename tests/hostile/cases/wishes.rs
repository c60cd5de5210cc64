//! Wishes without a grant, and strings that want to be more than a string.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, bare, call};

/// Somebody's key.
const KEY: &str = include_str!("../../../host/packages/tests/other-key.asc");

/// A wish for a package, as the contract's record.
pub(crate) fn package(name: &str) -> Value {
    json!({
        "name": name, "version": null, "want": "install", "reason": "", "answers": [],
        "extensions": [],
    })
}

fn packages(check: Check, name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut wish = package("sudo");
    change(&mut wish);
    Case::on(check, name).may("packages", "*").plans([call("Packages", json!([wish]))])
}

fn repository(check: Check, name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut wish = json!({
        "name": "mine", "url": "https://packages.invalid/", "suites": ["stable"],
        "components": ["main"], "priority": null, "key": KEY, "extensions": [],
    });
    change(&mut wish);
    Case::on(check, name).may("repositories", "* key:*").plans([call("Repository", wish)])
}

fn user(check: Check, name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut wish = json!({
        "name": "eve", "uid": null, "gid": null, "home": null, "shell": null, "groups": [],
        "system": false, "authorized_keys": [], "extensions": [],
    });
    change(&mut wish);
    Case::on(check, name).may("accounts", "*").plans([call("User", wish)])
}

fn node(name: &str, on: &[&str], kind: Value) -> Value {
    json!({"name": name, "on": on, "kind": kind, "extensions": []})
}

fn filesystem(label: Option<&str>, tuning: Value) -> Value {
    json!({"Filesystem": {"kind": "ext4", "label": label, "uuid": null, "tuning": tuning}})
}

fn disk(check: Check, name: &'static str, nodes: &[Value]) -> Case {
    Case::on(check, name).may("block-device", "").plans_in("BlockDevice", [call("Nodes", nodes)])
}

pub(crate) fn all() -> Vec<Case> {
    let mut all = without_grants();
    all.extend(strings());
    all.extend(nodes());
    all
}

fn without_grants() -> Vec<Case> {
    vec![
        Case::on(Check::PackagesGrant, "a_package_that_nobody_granted")
            .plans([call("Packages", json!([package("sudo")]))])
            .says("`packages` of `sudo` is not granted")
            .says("packages = [\"sudo\"]"),
        Case::on(Check::PackagesGrant, "a_package_beside_the_granted_one")
            .may("packages", "vim-*")
            .plans([call("Packages", json!([package("vim-tiny"), package("openssh-server")]))])
            .says("`packages` of `openssh-server` is not granted: `hostile` requests only `vim-*`"),
        Case::on(Check::PackagesGrant, "all_packages_are_to_change_and_some_are_granted")
            .may("packages", "vim-*")
            .plans([bare("UpgradeAll")])
            .says("`packages` of `*` is not granted"),
        repository(Check::RepositoriesGrant, "a_repository_that_nobody_granted", |_| {})
            .with(|script| script.description["requests"] = json!([]))
            .says("`repositories` of `https://packages.invalid/ key:"),
        Case::on(Check::ServicesGrant, "a_unit_that_nobody_granted")
            .plans([call("UnitState", "evil.service")])
            .says("`services` of `evil.service` is not granted"),
        Case::on(Check::ServicesDefineGrant, "the_text_of_a_unit_whose_state_is_granted")
            .may("services", "*")
            .plans([call(
                "Unit",
                json!({"name": "evil.service", "content": "[Service]\nExecStart=/evil\n"}),
            )])
            .says("`services-define` of `evil.service` is not granted"),
        user(Check::AccountsGrant, "a_user_that_nobody_granted", |wish| wish["uid"] = json!(0))
            .with(|script| script.description["requests"] = json!([]))
            .says("`accounts` of `eve` is not granted"),
        disk(Check::BlockDeviceGrant, "a_disk_that_nobody_granted", &[])
            .with(|script| script.description["requests"] = json!([]))
            .says("`block-device` is not granted"),
        Case::on(Check::BootstrapGrant, "a_first_tree_that_nobody_granted")
            .plans([call("Bootstrap", json!({"Container": "evil.invalid/tree:1"}))])
            .says("`bootstrap` is not granted"),
        Case::on(Check::BuilderGrant, "the_keys_of_the_person_who_builds")
            .plans([bare("Keys")])
            .says("`builder` of `authorized-keys` is not granted")
            .gets_out(|_, outcome| outcome.stderr.contains(crate::case::loot::KEY)),
        Case::on(Check::BuilderGrant, "the_proxies_of_the_builder_with_its_keys_granted")
            .may("builder", "authorized-keys")
            .plans([bare("Proxies")])
            .says("`builder` of `proxies` is not granted")
            .gets_out(|_, outcome| outcome.stderr.contains(crate::case::loot::PROXY)),
        Case::on(Check::WishInRun, "a_wish_that_no_plan_showed")
            .may("packages", "*")
            .runs([call("Packages", json!([package("sudo")]))])
            .says("wishes are made in `plan`, so that the plan shows them"),
        Case::on(Check::Wishes, "five_thousand_wishes")
            .may("packages", "*")
            .plans([call(
                "Repeat",
                json!({"times": 5000, "call": call("Packages", json!([package("p{n}")]))}),
            )])
            .says("made more than 4096 wishes in `plan(root)`"),
    ]
}

fn strings() -> Vec<Case> {
    vec![
        packages(Check::PackageName, "an_option_of_apt_as_a_package", |wish| {
            wish["name"] = "--option=Dir::Etc=/evil".into();
        })
        .says("the package name \"--option=Dir::Etc=/evil\""),
        packages(Check::PackageVersion, "an_option_of_apt_as_a_version", |wish| {
            wish["version"] = "1 --allow-unauthenticated".into();
        })
        .says("the package version \"1 --allow-unauthenticated\" has ' ' in it"),
        packages(Check::DebconfAnswer, "an_answer_that_answers_for_another_package", |wish| {
            wish["answers"] =
                json!([["sudo/x", "string", "x\npasswd passwd/root-password password evil"]]);
        })
        .says("the debconf answer"),
        repository(Check::RepositoryName, "a_repository_whose_name_climbs", |wish| {
            wish["name"] = "../../../etc/cron.d/evil".into();
        })
        .says("the repository name \"../../../etc/cron.d/evil\" has '.' in it"),
        repository(Check::RepositoryUrl, "a_repository_of_the_builders_files", |wish| {
            wish["url"] = "file:///srv/packages".into();
        })
        .says("starts with neither `http://` nor `https://`"),
        repository(Check::RepositoryUrl, "a_repository_by_a_program_of_the_builder", |wish| {
            wish["url"] = "ssh://root@127.0.0.1/".into();
        })
        .says("starts with neither `http://` nor `https://`"),
        repository(Check::RepositoryUrl, "a_url_with_a_second_line", |wish| {
            wish["url"] = "https://packages.invalid/\nTrusted: yes".into();
        })
        .says("the URL"),
        repository(Check::RepositorySuite, "a_suite_that_is_trusted", |wish| {
            wish["suites"] = json!(["[trusted=yes] stable"]);
        })
        .says("the suite \"[trusted=yes] stable\" has '[' in it"),
        repository(Check::RepositorySuite, "a_component_that_is_trusted", |wish| {
            wish["components"] = json!(["main\nTrusted: yes"]);
        })
        .says("the component \"main\\nTrusted: yes\""),
        repository(Check::RepositoryKey, "a_repository_without_a_key", |wish| {
            wish["key"] = "[trusted=yes]".into();
        })
        .says("the key \"[trusted=yes]\" is no armoured public key"),
        Case::on(Check::UnitName, "a_unit_whose_name_climbs")
            .may("services-define", "*")
            .plans([call("Unit", json!({"name": "../../cron.d/evil.service", "content": "x"}))])
            .says("the unit name \"../../cron.d/evil.service\""),
        Case::on(Check::UnitName, "a_unit_that_is_an_option_of_systemctl")
            .may("services", "*")
            .plans([call("UnitState", "--root=evil.service")])
            .says("the unit name \"--root=evil.service\""),
        Case::on(Check::UnitText, "a_unit_whose_text_writes_to_the_terminal")
            .may("services-define", "*")
            .plans([call("Unit", json!({"name": "evil.service", "content": "\u{1b}[2J"}))])
            .says("the text of a unit"),
        user(Check::AccountName, "a_user_whose_name_is_a_line_of_passwd", |wish| {
            wish["name"] = "eve:x:0:0::/:/bin/sh".into();
        })
        .says("the user name \"eve:x:0:0::/:/bin/sh\" has ':' in it"),
        user(Check::AccountPath, "a_home_that_ends_its_field", |wish| {
            wish["home"] = "/home/eve:/evil".into();
        })
        .says("the home folder \"/home/eve:/evil\" has ':' in it"),
        user(Check::AccountPath, "a_shell_that_climbs", |wish| {
            wish["shell"] = "/bin/../evil".into();
        })
        .says("the shell \"/bin/../evil\""),
        user(Check::AccountId, "a_user_whose_number_is_none", |wish| wish["uid"] = json!(u32::MAX))
            .says("the user id"),
        user(Check::AuthorizedKey, "a_key_with_another_key_behind_it", |wish| {
            let key = crate::case::loot::KEY;
            wish["authorized_keys"] = json!([format!("{key}\n{key}")]);
        })
        .says("the authorized key"),
        Case::on(Check::ContainerReference, "an_option_as_a_container")
            .may("bootstrap", "")
            .plans([call("Bootstrap", json!({"Container": "--privileged"}))])
            .says("the container reference \"--privileged\""),
        Case::on(Check::InsistedExtension, "an_extension_of_a_wish_that_must_be_obeyed")
            .may("packages", "*")
            .plans([call(
                "Packages",
                json!([{
                    "name": "sudo", "version": null, "want": "install", "reason": "", "answers": [],
                    "extensions": [["!allow-unauthenticated", "true"]],
                }]),
            )])
            .says("`!allow-unauthenticated`, which the element insists on"),
    ]
}

fn nodes() -> Vec<Case> {
    let disk_node = || node("d", &[], json!({"Disk": {"size": 67_108_864, "sector_size": 512}}));
    vec![
        disk(
            Check::Tuning,
            "a_tuning_that_copies_the_builders_files",
            &[disk_node(), node("f", &["d"], filesystem(None, json!([["-d", "/etc/apt"]])))],
        )
        .says("the tuning \"-d\""),
        disk(
            Check::Tuning,
            "a_value_of_a_tuning_that_is_a_path",
            &[disk_node(), node("f", &["d"], filesystem(None, json!([["inode-ratio", "/etc/apt"]])))],
        )
        .says("the value of a tuning \"/etc/apt\""),
        disk(
            Check::DiskLabel,
            "a_label_that_is_an_option",
            &[disk_node(), node("f", &["d"], filesystem(Some("-d/etc/apt"), json!([])))],
        )
        .says("the label \"-d/etc/apt\" starts with '-'"),
        disk(Check::NodeName, "a_node_whose_name_climbs", &[node("../../evil", &[], json!({"Disk": {"size": null, "sector_size": 512}}))])
            .says("the node name \"../../evil\""),
        disk(
            Check::MountPoint,
            "a_mount_point_with_a_line_of_fstab",
            &[node("m", &[], json!({"Mount": {"at": "/a b", "options": [], "in_fstab": true}}))],
        )
        .says("the mount point \"/a b\" has ' ' in it"),
        disk(
            Check::MountOption,
            "a_mount_option_with_a_line_of_fstab",
            &[node("m", &[], json!({"Mount": {"at": "/", "options": ["ro 0 0\n/dev/sda1 /"], "in_fstab": true}}))],
        )
        .says("the mount option"),
        disk(
            Check::BootPath,
            "a_boot_image_that_climbs",
            &[node("g", &[], json!({"Driver": ["grub-bios", "{\"boot-image\": \"/boot/../../etc/shadow\", \"core-image\": \"/boot/core.img\"}"]}))],
        )
        .says("the path of the boot image \"/boot/../../etc/shadow\""),
    ]
}
