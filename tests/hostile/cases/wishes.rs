//! Wishes without a grant, and strings that want to be more than a string.

use dibhost_check::Check;
use serde_json::{Value, json};

use crate::case::{Case, HOSTILE, bare, call};

/// Somebody's key.
const KEY: &str = include_str!("../../../host/packages/tests/other-key.asc");

/// A wish for a package, as the contract's record.
pub(crate) fn package(name: &str) -> Value {
    json!({
        "name": name, "version": null, "want": "install", "reason": "", "extensions": [],
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
        "components": ["main"], "priority": null, "key": KEY, "build_only": false,
        "extensions": [],
    });
    change(&mut wish);
    Case::on(check, name).may("repositories", "* key:*").plans([call("Repository", wish)])
}

fn rpm_repository(check: Check, name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    let mut wish = json!({
        "name": "mine", "url": "https://packages.invalid/", "location": "metalink", "keys": [KEY],
        "priority": null, "cost": null, "module_hotfixes": false, "build_only": true,
        "extensions": [],
    });
    change(&mut wish);
    Case::on(check, name).may("repositories", "* key:*").plans([call("RpmRepository", wish)])
}

fn answer(package: &str, value: &str) -> Value {
    let answer = json!({
        "package": package, "question": "passwd/x", "kind": "string", "value": value,
        "extensions": [],
    });
    call("Answers", json!([answer]))
}

fn module(name: &str, stream: &str) -> Value {
    call("Module", json!({"name": name, "stream": stream, "reason": "", "extensions": []}))
}

fn package_group(id: &str) -> Value {
    call("PackageGroup", json!({"id": id, "reason": "", "extensions": []}))
}

pub(super) fn drop_in(unit: &str, name: &str, content: &str) -> Value {
    call("DropIn", json!({"unit": unit, "name": name, "content": content, "extensions": []}))
}

fn preset(unit: &str) -> Value {
    call("Preset", json!({"number": 0, "unit": unit, "action": "enable", "extensions": []}))
}

/// A wish for the user `eve`.
pub(super) fn wished_user(change: impl FnOnce(&mut Value)) -> Value {
    let mut wish = json!({
        "name": "eve", "uid": null, "gid": null, "home": null, "shell": null, "groups": [],
        "system": false, "authorized_keys": [], "comment": null, "sudo": null,
        "password_hash": null, "expires": null, "change_password": false, "extensions": [],
    });
    change(&mut wish);
    wish
}

/// The same of who may make her and no other.
fn wish_of(check: Check, name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    Case::on(check, name).may("accounts", "eve").plans([call("User", wished_user(change))])
}

fn user(check: Check, name: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    Case::on(check, name).may("accounts", "*").plans([call("User", wished_user(change))])
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
        rpm_repository(Check::RepositoriesGrant, "an_rpm_repository_that_nobody_granted", |_| {})
            .with(|script| script.description["requests"] = json!([]))
            .says("`repositories` of `https://packages.invalid/ key:"),
        Case::on(Check::PackagesGrant, "an_answer_for_a_package_that_nobody_granted")
            .may("packages", "vim-*")
            .plans([answer("passwd", "evil")])
            .says("`packages` of `passwd` is not granted"),
        Case::on(Check::PackagesGrant, "an_answer_to_the_question_of_another_package")
            .may("packages", "hello")
            .plans([answer("hello", "evil")])
            .says("`packages` of `passwd` is not granted"),
        wish_of(Check::AccountsGrant, "the_group_of_root_s_helpers_by_its_number", |wish| {
            wish["gid"] = json!(27);
        })
        .says("`accounts` of `27` is not granted"),
        wish_of(Check::RootfsScope, "a_home_that_is_a_folder_of_a_unit", |wish| {
            wish["home"] = "/etc/systemd/system/ssh.service.d".into();
        })
        .says("`rootfs` of `write /etc/systemd/system/ssh.service.d` is not granted"),
        wish_of(Check::RootfsScope, "a_home_in_the_home_of_another", |wish| {
            wish["home"] = "/home/bob/.config".into();
        })
        .says("`rootfs` of `write /home/bob/.config` is not granted"),
        Case::on(Check::PackagesGrant, "a_module_by_the_grant_of_a_package")
            .may("packages", "nodejs*")
            .plans([module("nodejs", "20")])
            .says("`packages` of `@nodejs:20` is not granted"),
        Case::on(Check::PackagesGrant, "a_group_of_packages_that_nobody_granted")
            .may("packages", "core")
            .plans([package_group("core")])
            .says("`packages` of `@core` is not granted"),
        Case::on(Check::ServicesDefineGrant, "a_drop_in_of_a_unit_whose_state_is_granted")
            .may("services", "*")
            .plans([drop_in("ssh.service", "evil", "[Service]\nExecStartPre=/evil\n")])
            .says("`services-define` of `ssh.service` is not granted"),
        Case::on(Check::ServicesGrant, "a_preset_for_all_units_with_one_granted")
            .may("services", "mine.service")
            .plans([preset("*")])
            .says("`services` of `*` is not granted"),
        user(Check::AccountsSudoGrant, "a_user_who_is_root_by_sudo", |wish| {
            wish["sudo"] = "nopasswd".into();
        })
        .says("`accounts-sudo` of `eve` is not granted"),
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
        Case::on(Check::ProxyPassword, "the_password_of_a_proxy_that_may_be_known")
            .may("builder", "proxies")
            .plans([bare("Proxies")])
            .after_script("export https_proxy=http://me:hunter2-and-more@proxy.invalid:3128")
            .harmless()
            .gets_out(|_, outcome| outcome.stderr.contains(crate::case::loot::SECRET)),
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
        Case::on(Check::DebconfAnswer, "an_answer_that_answers_for_another_package")
            .may("packages", "*")
            .plans([answer("sudo", "x\npasswd passwd/root-password password evil")])
            .says("the debconf answer"),
        Case::on(Check::PackageGroup, "an_option_of_dnf_as_a_group")
            .may("packages", "*")
            .plans([package_group("--nogpgcheck")])
            .says("the group of packages \"--nogpgcheck\" starts with '-'"),
        Case::on(Check::PackageGroup, "a_stream_with_another_module_behind_it")
            .may("packages", "*")
            .plans([module("nodejs", "20 evil:1")])
            .says("the stream of a module \"20 evil:1\" has ' ' in it"),
        rpm_repository(Check::RepositoryUrl, "an_rpm_repository_with_a_second_line", |wish| {
            wish["url"] = "https://packages.invalid/\ngpgcheck=0".into();
        })
        .says("the URL"),
        rpm_repository(Check::RepositoryName, "an_rpm_repository_that_ends_its_section", |wish| {
            wish["name"] = "x]\n[evil".into();
        })
        .says("the repository name \"x]\\n[evil\" has ']' in it"),
        rpm_repository(
            Check::RepositoryKey,
            "an_rpm_repository_whose_second_key_is_none",
            |wish| {
                wish["keys"] = json!([KEY, "none"]);
            },
        )
        .says("the key \"none\" is no armoured public key"),
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
        Case::on(Check::UnitText, "a_drop_in_that_writes_to_the_terminal")
            .may("services-define", "*")
            .plans([drop_in("evil.service", "a", "\u{1b}[2J")])
            .says("the text of a drop-in"),
        Case::on(Check::DropInName, "a_drop_in_whose_name_climbs")
            .may("services-define", "*")
            .plans([drop_in("evil.service", "../../../cron.d/evil", "x")])
            .says("the name of a drop-in \"../../../cron.d/evil\""),
        Case::on(Check::PresetUnit, "a_preset_with_a_second_line")
            .may("services", "*")
            .plans([preset("a.service\nenable evil.service")])
            .says("the unit of a preset \"a.service\\nenable evil.service\""),
        user(Check::AccountComment, "a_comment_with_a_home_and_a_shell_behind_it", |wish| {
            wish["comment"] = "Eve:/:/evil".into();
        })
        .says("the comment of a user \"Eve:/:/evil\" has ':' in it"),
        user(Check::AccountExpiry, "an_expiry_that_is_an_option_of_chage", |wish| {
            wish["expires"] = "--root=/evil".into();
        })
        .says("the expiry of a user \"--root=/evil\" is no day"),
        user(Check::PasswordHash, "a_hash_with_another_user_behind_it", |wish| {
            wish["password_hash"] = "$6$x$y\nroot:$6$x$y".into();
        })
        .says("the password hash \"sha512crypt\" is no whole hash of sha512crypt"),
        user(Check::AccountName, "a_user_whose_name_is_a_line_of_passwd", |wish| {
            wish["name"] = "eve:x:0:0::/:/bin/sh".into();
        })
        .says("the user name \"eve:x:0:0::/:/bin/sh\" has ':' in it"),
        user(Check::AccountPath, "a_home_that_ends_its_field", |wish| {
            wish["home"] = "/home/eve:/evil".into();
        })
        .says("the home folder \"/home/eve:/evil\" has ':' in it")
        .second_wall("`rootfs` of `write /home/eve:/evil` is not granted"),
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
                    "name": "sudo", "version": null, "want": "install", "reason": "",
                    "extensions": [["!allow-unauthenticated", "true"]],
                }]),
            )])
            .says("`!allow-unauthenticated`, which the element insists on"),
    ]
}

/// Three encryptions, each opened by as many secrets as one may be.
fn key_slots() -> Case {
    const EACH: usize = 32;
    let names: Vec<String> = (0..EACH).map(|n| format!("s{n}")).collect();
    let mut nodes = Vec::new();
    for n in 0..3 {
        let (disk, crypt, root) = (format!("d{n}"), format!("c{n}"), format!("f{n}"));
        nodes.push(node(&disk, &[], json!({"Disk": {"size": 268_435_456, "sector_size": 512}})));
        let encryption = json!({"Encryption": {"secrets": names, "label": null}});
        nodes.push(node(&crypt, &[disk.as_str()], encryption));
        nodes.push(node(&root, &[crypt.as_str()], filesystem(None, json!([]))));
        let at = if n == 0 { "/".to_owned() } else { format!("/{n}") };
        let mount = json!({"Mount": {"at": at, "options": [], "in_fstab": true}});
        nodes.push(node(&format!("m{n}"), &[root.as_str()], mount));
    }
    let mut case = Case::on(Check::KeySlots, "ninety_six_key_slots")
        .may("block-device", "")
        .plans_quietly_in("BlockDevice", [call("Nodes", nodes)])
        .says("with it, 96 secrets open encryptions of this block device")
        .nameless()
        .goes_on();
    let mut text = "[secrets]\n".to_owned();
    for name in &names {
        case = case.may("secret", &format!("place {name}")).with(|script| {
            let parameter = json!({
                "name": name, "kind": "Secret", "default": null, "doc": "", "aliases": [],
                "extensions": [],
            });
            if let Some(parameters) = script.description["parameters"].as_array_mut() {
                parameters.push(parameter);
            }
        });
        text += &format!("{name} = {{ file = \"{name}\" }}\n");
    }
    text += &format!("[parameters.{HOSTILE}]\n");
    for name in &names {
        text += &format!("{name} = \"{name}\"\n");
    }
    case.defines(&text).arranged(move |dibhost| {
        names.iter().try_for_each(|name| dibhost.write(name, &format!("of {name}")).map(drop))
    })
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
        key_slots(),
        disk(
            Check::BootPath,
            "a_boot_image_that_climbs",
            &[node("g", &[], json!({"Driver": ["grub-bios", "{\"boot-image\": \"/boot/../../etc/shadow\", \"core-image\": \"/boot/core.img\"}"]}))],
        )
        .says("the path of the boot image \"/boot/../../etc/shadow\""),
    ]
}
