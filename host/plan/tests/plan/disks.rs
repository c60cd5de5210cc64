//! A block device that the definition states.

use dibhost_block_device::{Node, NodeKind};
use dibhost_plan::Phase;
use dibhost_plan::description::ParameterKind;
use dibhost_plan::planner::StepAnswer;
use dibhost_plan::wish::Wish;

use crate::elements::{debian, element, plan_text, refused_text};

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
    assert!(told.contains("image.toml:23:1"), "{told}");
    let told = refused("on = \"root\"", "on = \"roots\"");
    assert!(told.contains("image.toml:23:1") && told.contains("`crypt`"), "{told}");
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
