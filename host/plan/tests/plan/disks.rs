//! A block device that the definition states.

use dibhost_block_device::{Backend, Node, NodeKind, Optimise};
use dibhost_plan::Phase;
use dibhost_plan::description::ParameterKind;
use dibhost_plan::diff::Difference;
use dibhost_plan::planner::StepAnswer;
use dibhost_plan::wish::{User, Wish};
use serde_json::json;

use crate::elements::{Element, debian, element, install, plan_text, refused_text, user};

const LUKS: &str = r#"
[secrets]
passphrase = { file = "keys/disk" }

[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "root"
type = "partition"
on = "table"
size = "content"

[[block-device]]
name = "crypt"
type = "luks"
on = "root"
secrets = "passphrase"

[[block-device]]
name = "filesystem"
type = "filesystem"
on = "crypt"
format = "ext4"
mount = "/"
"#;

fn disk(name: &str) -> Wish {
    let kind = NodeKind::Disk { size: None, sector_size: 512 };
    Wish::Nodes(vec![Node { name: name.to_owned(), on: Vec::new(), kind }])
}

#[test]
fn it_is_there_before_any_elements_nodes_and_says_who_stated_it() {
    let plan = plan_text(LUKS, &[debian()]).unwrap();
    assert!(!plan.block_device.is_default);
    let names: Vec<&str> = plan.block_device.nodes.iter().map(|n| n.name.as_str()).collect();
    assert_eq!(names, ["disk", "table", "root", "crypt", "filesystem", "filesystem-mount"]);
    let secret = &plan.secrets[0];
    assert_eq!((&*secret.name, &*secret.given_to), ("passphrase", &["node:crypt".to_owned()][..]));
    let why = plan.why("node:crypt").unwrap().to_text();
    assert!(why.contains("the image definition states it"), "{why}");
    let other =
        plan_text(&LUKS.replace("\"content\"", "\"content + 1 MiB\""), &[debian()]).unwrap();
    assert_ne!(other.block_device.seed, plan.block_device.seed);
}

#[test]
fn elements_see_it_and_do_not_change_it() {
    let seeing = element("a").step(Phase::BlockDevice).answers(|call| {
        assert_eq!(call.nodes.len(), 6);
        Ok(StepAnswer::default())
    });
    plan_text(LUKS, &[debian(), seeing]).unwrap();
    let twice = element("a").wishes(Phase::BlockDevice, &[disk("disk")]);
    let refused = refused_text(LUKS, &[debian(), twice]);
    assert!(refused.contains("which the image definition states already"), "{refused}");
}

#[test]
fn what_is_wrong_with_it_has_its_place() {
    let refused = |from: &str, to: &str| refused_text(&LUKS.replacen(from, to, 1), &[debian()]);
    let told = refused("secrets = \"passphrase\"", "secrets = \"other\"");
    assert!(told.contains("is opened by the secret `other`"), "{told}");
    assert!(told.contains("image.toml:27:11"), "{told}");
    let told = refused("on = \"root\"", "on = \"roots\"");
    assert!(told.contains("image.toml:26:6") && told.contains("`crypt`"), "{told}");
    let told = refused("format = ", "formt = ");
    assert!(told.contains("the key `formt` is unknown"), "{told}");
}

#[test]
fn an_elements_node_is_opened_by_the_secret_that_its_parameter_names() {
    let node = |name: &str, on: &[&str], kind: NodeKind| Node {
        name: name.to_owned(),
        on: on.iter().map(|n| (*n).to_owned()).collect(),
        kind,
    };
    let filesystem = NodeKind::Filesystem {
        kind: "ext4".to_owned(),
        label: None,
        uuid: None,
        tuning: Vec::new(),
    };
    let mount = NodeKind::Mount { at: "/".to_owned(), options: Vec::new(), in_fstab: true };
    let nodes = vec![
        node("disk", &[], NodeKind::Disk { size: None, sector_size: 512 }),
        node(
            "crypt",
            &["disk"],
            NodeKind::Encryption { secrets: vec!["key".to_owned()], label: None },
        ),
        node("filesystem", &["crypt"], filesystem),
        node("mount", &["filesystem"], mount),
    ];
    let encrypting = element("a")
        .parameter("key", ParameterKind::Secret, None)
        .wishes(Phase::BlockDevice, &[Wish::Nodes(nodes)])
        .requests("secret", "place key");
    let text = "[secrets]\npassphrase = { file = \"k\" }\n[parameters.a]\nkey = \"passphrase\"\n";
    let plan = plan_text(text, &[debian(), encrypting]).unwrap();
    let crypt = plan.block_device.nodes.iter().find(|n| n.name == "crypt").unwrap();
    let NodeKind::Encryption { secrets, .. } = &crypt.kind else { panic!() };
    assert_eq!(*secrets, ["passphrase"]);
}

const SUBVOLUME: &str = r#"
[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "filesystem"
type = "filesystem"
on = "disk"
format = "btrfs"

[[block-device]]
name = "system"
type = "subvolume"
on = "filesystem"
path = "@"
mount = "/"
"#;

#[test]
fn what_the_back_end_cannot_make_is_refused_with_the_one_that_can() {
    let refused = refused_text(&format!("[disks]\nbackend = \"file\"\n{SUBVOLUME}"), &[debian()]);
    for told in [
        "image.toml:17:1",
        "the block-device node `system` cannot be made: the back-end `file`",
        "use the back-end `loop`",
        "[disks]",
        "backend = \"loop\"",
    ] {
        assert!(refused.contains(told), "no `{told}` in {refused}");
    }
    let text = format!("[disks]\nbackend = \"loop\"\n{SUBVOLUME}");
    let plan = plan_text(&text, &[debian()]).unwrap();
    assert_eq!(plan.block_device.backend, Backend::Loop);
    let said = plan.to_text();
    assert!(said.contains("made by the back-end loop: the kernel mounts"), "{said}");
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["block-device"]["backend"], "loop");
}

/// `/tmp` has the sticky bit in every tree, which no prototype of xfs can say: it was found when all
/// packages were in.
#[test]
fn the_back_end_that_can_is_taken_where_nobody_says_which() {
    let xfs = LUKS.replace("\"ext4\"", "\"xfs\"");
    for (text, node, line) in [(SUBVOLUME, "system", 15), (&xfs, "filesystem", 0)] {
        let plan = plan_text(text, &[debian()]).unwrap();
        assert_eq!(plan.block_device.backend, Backend::Loop);
        let about = format!(
            "by the back-end `loop`, as root and with loop devices, for the block-device node `{node}`"
        );
        let finding = plan.findings.iter().find(|f| f.message.contains(&about));
        let finding = finding.unwrap_or_else(|| panic!("no {about} in {:?}", plan.findings));
        assert!(line == 0 || finding.location.as_deref() == Some("image.toml:15:1"), "{finding:?}");
        assert!(finding.help.as_deref().unwrap().contains("--backend loop"));
    }
    let refused = refused_text(&format!("[disks]\nbackend = \"file\"\n{xfs}"), &[debian()]);
    assert!(refused.contains("fills no xfs that holds `/tmp`"), "{refused}");
    assert!(refused.contains("use the back-end `loop`"), "{refused}");
    let usual = plan_text(LUKS, &[debian()]).unwrap();
    assert_eq!(usual.block_device.backend, Backend::File);
}

#[test]
fn how_disks_are_made_is_part_of_the_plan() {
    let planned = |text: &str| plan_text(text, &[debian()]).unwrap();
    let usual = planned(LUKS);
    let small = planned(&format!("[disks]\noptimise = \"size\"\n{LUKS}"));
    let by_loop = planned(&format!("[disks]\nbackend = \"loop\"\n{LUKS}"));
    assert_eq!(usual.block_device.backend, Backend::File);
    assert_eq!(small.block_device.optimise, Some(Optimise::Size));
    assert!(small.to_text().contains("laid out for size"), "{}", small.to_text());
    for other in [&small, &by_loop] {
        assert_ne!(other.digest, usual.digest);
        // What a disk is called does not depend on how it is made.
        assert_eq!(other.block_device.seed, usual.block_device.seed);
        let differences = Difference::between(&usual, other).to_text();
        assert!(differences.contains("how they are made"), "{differences}");
    }
    let read: dibhost_plan::Plan =
        serde_json::from_value(serde_json::to_value(&small).unwrap()).unwrap();
    assert_eq!(read, small);
    let wrong = refused_text("[disks]\noptimise = \"speedy\"\n", &[debian()]);
    assert!(
        wrong.contains("did you mean `speed`?") && wrong.contains("image.toml:5:12"),
        "{wrong}"
    );
}

#[test]
fn settings_of_the_root_filesystem_reach_it_below_a_subvolume() {
    let text =
        format!("[disks]\nbackend = \"loop\"\n[root-filesystem]\nlabel = \"mine\"\n{SUBVOLUME}");
    let plan = plan_text(&text, &[debian()]).unwrap();
    let root = plan.block_device.nodes.iter().find(|node| node.name == "filesystem").unwrap();
    let NodeKind::Filesystem { label, .. } = &root.kind else { panic!() };
    assert_eq!(label.as_deref(), Some("mine"));
}

#[test]
fn what_the_back_end_may_be_unable_to_make_is_said_before() {
    let text = format!(
        "{LUKS}{}",
        r#"
[[block-device]]
name = "data-disk"
type = "disk"

[[block-device]]
name = "data"
type = "filesystem"
on = "data-disk"
format = "xfs"
mount = "/srv"
"#
    );
    let said = |text: &str| plan_text(text, &[debian()]).unwrap().to_text();
    let by_file = said(&text);
    assert!(by_file.contains("the block-device node `data` may be refused"), "{by_file}");
    assert!(by_file.contains("--backend loop"), "{by_file}");
    let by_loop = said(&format!("[disks]\nbackend = \"loop\"\n{text}"));
    assert!(!by_loop.contains("may be refused"), "{by_loop}");
}

#[test]
fn what_is_hardly_meant_is_said_at_its_place() {
    let text = r#"
[[block-device]]
name = "disk"
type = "disk"

[[block-device]]
name = "table"
type = "gpt"
on = "disk"

[[block-device]]
name = "bios"
type = "partition"
on = "table"
partition-type = "bios-boot"
size = "64 MiB"

[[block-device]]
name = "root"
type = "filesystem"
on = "bios"
format = "ext4"
mount = "/"
"#;
    let plan = plan_text(text, &[debian()]).unwrap();
    let finding =
        plan.findings.iter().find(|f| f.message.contains("`bios` is a BIOS boot partition"));
    assert_eq!(finding.unwrap().location.as_deref(), Some("image.toml:21:1"));
}

/// A layout that gives way to another one had its parameters, and nobody said that they did nothing.
#[test]
fn settings_of_a_layout_that_is_not_taken_are_told() {
    let vm = || {
        let layout = element("vm")
            .parameter("esp-size", ParameterKind::Integer, Some(json!(64)))
            .stands_in_for("layout");
        layout.plan_only(Phase::BlockDevice)
    };
    let text = format!("[parameters.vm]\nesp-size = 100\n{LUKS}");
    let plan = plan_text(&text, &[debian(), vm()]).unwrap();
    let finding = plan.findings.iter().find(|f| f.message.contains("it has no effect on the disk"));
    let finding = finding.unwrap_or_else(|| panic!("{:?}", plan.findings));
    assert!(finding.message.contains("`vm`, of its parameter `esp-size`"), "{finding:?}");
    assert!(finding.message.contains("`[[block-device]]` of the definition says"), "{finding:?}");
    assert_eq!(finding.location.as_deref(), Some("image.toml:5:12"));
}

/// Of a machine, which has a boot loader: nobody logs in to a container.
#[test]
fn a_machine_that_nobody_can_log_in_to_is_told() {
    const LOADER: &str = "dib:boot/loader@1";
    let loader = || {
        element("loader").provides(Phase::Install, LOADER).plan_only(Phase::Install).gives(&[(
            LOADER,
            "",
            json!({"name": "grub", "firmware": ["bios"]}),
        )])
    };
    let told = |elements: &[Element]| {
        let plan = plan_text("", elements).unwrap();
        plan.findings.iter().any(|f| f.message.contains("nobody can log in"))
    };
    let with = |wish: Wish| element("a").wishes(Phase::Install, &[wish]);
    let keyed = User {
        authorized_keys: vec![
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEfnq3ksTDgrQmE1TSgEzWL0nXhBMZsYCUNHVTjPqPpP"
                .to_owned(),
        ],
        ..user("deploy")
    };
    assert!(told(&[debian(), loader()]));
    assert!(told(&[debian(), loader(), with(Wish::User(user("deploy")))]));
    assert!(!told(&[debian()]));
    assert!(!told(&[debian(), loader(), with(Wish::User(keyed))]));
    assert!(!told(&[debian(), loader(), with(install("cloud-init"))]));
}
