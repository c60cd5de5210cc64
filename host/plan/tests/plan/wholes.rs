//! Whole plans: the text, the block device, findings.

use dibhost_plan::Phase;
use dibhost_plan::description::Extension;
use dibhost_plan::description::ParameterKind;
use dibhost_plan::wish::{UnitState, User, Wish};
use serde_json::json;

use crate::elements::*;

const ARGUMENT: &str = "dib:boot/kernel-argument@1";

fn everything() -> Vec<Element> {
    let console = element("serial-console")
        .parameter("device", ParameterKind::Text, Some(json!("ttyS0")))
        .provides(Phase::Install, ARGUMENT)
        .gives(&[(
            ARGUMENT,
            "console",
            json!({"argument": "console=ttyS0,115200", "reason": "to see the boot"}),
        )])
        .wishes(Phase::Install, &[service("serial-getty@ttyS0.service", UnitState::Enabled)]);
    let loader = element("bootloader")
        .requires("kernel", "^1")
        .reads(Phase::Install, ARGUMENT)
        .reads(Phase::Install, "dib:block-device/layout@1")
        .wishes(Phase::PreInstall, &[install("grub-pc-bin")])
        .requests("rootfs", "write /boot");
    let kernel = element("kernel")
        .reads(Phase::PreInstall, "dib:os/distribution@1")
        .wishes(Phase::PreInstall, &[install("linux-image-amd64")])
        .provides(Phase::PostInstall, "dib:boot/kernel@1");
    let motd = element("motd")
        .third_party()
        .requests("rootfs", "write /etc/motd")
        .after(Phase::Install, "operating-system")
        .wishes(
            Phase::Install,
            &[Wish::User(User { uid: Some(1000), groups: vec!["sudo".to_owned()], ..user("me") })],
        );
    vec![debian(), console, loader, kernel, motd]
}

const DEFINITION: &str = r#"[image]
name = "debian-vm"
elements = ["debian-minimal", "serial-console", "bootloader", "./elements/motd.wasm"]
formats = ["qcow2", "raw"]

[root-filesystem]
label = "root"
max-online-resize = "1PiB"
free-space = "64MiB"

[parameters.serial-console]
device = "ttyS1"

[grants.motd]
rootfs = ["write /etc", "read /usr"]
accounts = ["*"]

[grants.kernel]
exec = ["*"]
"#;

#[test]
fn the_text_names_every_step_edge_wish_and_grant() {
    let plan = plan_text(DEFINITION, &everything()).unwrap();
    insta::assert_snapshot!(plan.to_text().replace(&plan.digest, "sha256:…"), @r#"
    image debian-vm for amd64
      system             debian 12 (bookworm), by apt from the builder's own mirror
      outputs            debian-vm.qcow2 (compression: zstd), debian-vm.raw
      disk               as large as its content, without partitions
                         /  ext4, the whole disk
      boots              not by itself: no element is a boot loader
      packages           2 by their names, and what those depend on, which is known when they are resolved
      log in             nobody: no user is given a key or a password, and no element brings cloud-init
      source date epoch  1704067200

    elements
      bootloader (1.0.0; shipped): The element bootloader
        from /shelf/bootloader.wasm sha256:c7cd49ace2b3a0447818fde2eaf7858c9f5c7fd7a697bdb074d82ef8429c6b58
        grant packages *          for packages
        grant rootfs write /boot  for rootfs
      debian-minimal (1.0.0; shipped): The element debian-minimal
        from /shelf/debian-minimal.wasm sha256:67ba384d1961282e1a2992452a4a54eecd9711d86c7118e680f0321cf02340da
        grant bootstrap                    for bootstrap
        grant facts dib:os/distribution@1  it provides this slot in `root`
      kernel (1.0.0; shipped; required by bootloader): The element kernel
        from /shelf/kernel.wasm sha256:35e6b3197aa4ad26179c4b4de911c6dc7cad21220075be6f55aae157dff8c345
        grant facts dib:boot/kernel@1  it provides this slot in `post-install`
        grant packages *               for packages
      motd (1.0.0; not shipped with dibhost): The element motd
        from /shelf/motd.wasm sha256:fd098b953279e6569cb9d330fd2eee82cfbf7528e092ffb6a084bd19af6ef227
        grant accounts *              for accounts
        grant rootfs write /etc/motd  for rootfs
      serial-console (1.0.0; shipped): The element serial-console
        from /shelf/serial-console.wasm sha256:08024dec476fd5706d661e28db7600a70912b5eb614b323471f8f95d7848febe
        parameter device  "ttyS1"
        grant facts dib:boot/kernel-argument@1  it provides this slot in `install`
        grant services *                        for services

    phases
      root
        transaction for root, pre-install
          first tree: apt bookworm main from the builder's own mirror (the image's package source too) with dbus, by debian-minimal
          install grub-pc-bin        bootloader (pre-install)  grub-pc-bin is needed
          install linux-image-amd64  kernel (pre-install)      linux-image-amd64 is needed
        step debian-minimal
          gives dib:os/distribution@1  to kernel (pre-install)
          wishes for the first tree: apt bookworm main from the builder's own mirror (the image's package source too) with dbus
      pre-install
        step bootloader
          wishes for the package grub-pc-bin
        step kernel
          reads dib:os/distribution@1  from debian-minimal (root)
          wishes for the package linux-image-amd64
      install
        user me uid 1000 in sudo, by motd
        unit serial-getty@ttyS0.service enabled, by serial-console
        step motd
          wishes for the user me uid 1000 in sudo
        step serial-console
          gives dib:boot/kernel-argument@1  to bootloader
          wishes for the unit serial-getty@ttyS0.service enabled
        step bootloader
          reads dib:block-device/layout@1   from host (block-device)
          reads dib:boot/kernel-argument@1  from serial-console
      post-install
        step kernel
          gives dib:boot/kernel@1  to nobody
      finalise
        run once: update-initramfs

    facts
      dib:block-device/layout@1 (one, planned)
        host (block-device)  {"grub-bios":[],"mounts":[{"at":"/","filesystem":"ext4","label":"root","on":"disk","options":[],"source":"LABEL=root","uuid":"4d334770-554a-5289-a34e-7589a5212…
      dib:boot/kernel-argument@1 (many, planned)
        serial-console (install)  console: {"argument":"console=ttyS0,115200","reason":"to see the boot"}
      dib:boot/kernel@1 (many, observed)
      dib:os/distribution@1 (one, planned)
        debian-minimal (root)  {"codename":"bookworm","default-user":"debian","family":"debian","id":"debian","init":"systemd","package-manager":"apt","version-id":"12"}

    block device (default)
      disk: disk as large as its content, sectors of 512 B
      root on disk: ext4 labelled root, max-online-resize 1 PiB, free-space 64 MiB
      mount-root on root: mounted at /

    actions
      de9e83f11062  make an empty tree
      40956c16b894  make the first tree in `root`
      d0bc8dfd82ee  run `debian-minimal` in `root`
      c7e6b82accda  run `bootloader` in `pre-install`
      f1ca8ecb59e1  run `kernel` in `pre-install`
      1b4a4a2c0851  make accounts in `install`
      cf6112ca0650  set units in `install`
      bedd087a4d95  run `motd` in `install`
      b23480dbdf43  run `serial-console` in `install`
      6370bda5beca  run `bootloader` in `install`
      b1474bd3f96c  run `kernel` in `post-install`
      d66674e5a17a  write `/etc/fstab`
      fe86997ba277  run `update-initramfs` once in `finalise`
      4d666daffcf3  write the disk
      5cc50b1c7027  make the qcow2 image
      49ea86a5dbcf  make the raw image

    findings
      image.toml:18:9: `[grants.kernel]` changes nothing: elements shipped with this host hold what they request
        help: take it away, or set `first-party = "explicit"` in `[trust]`
      image.toml:15:25: `motd` is granted `rootfs` `read /usr` and never asks for it
        help: take the grant away: an element can do no more than it asks for

    summary
      made of    5 elements, 1 of them not shipped with dibhost
      asked for  2 packages, 1 user, 1 unit, 7 steps
      done by    16 actions
      findings   2 remarks, above
      plan       sha256:…
    "#);
    assert!(plan.to_text().lines().all(|line| line.trim_end() == line));
}

#[test]
fn an_element_that_is_required_is_there_and_one_that_stands_in_is_enough() {
    let needs_os = element("needs").requires("operating-system", "").requires("kernel", "");
    let text = "[image]\nname = \"x\"\nelements = [\"needs\", \"debian-minimal\"]\n";
    let plan = plan_text(text, &[needs_os, debian(), element("kernel")]).unwrap();
    let names: Vec<&str> = plan.elements.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(names, ["debian-minimal", "kernel", "needs"]);
    let kernel = plan.element("kernel").unwrap();
    assert_eq!((kernel.listed, kernel.required_by.join(" ")), (false, "needs".to_owned()));
}

#[test]
fn a_name_that_cannot_be_found_may_be_stood_in_for_later() {
    // `an-os` sorts before `debian-minimal`, which only then is taken in.
    let mut os = debian();
    os.description.stands_in_for.push("an-os".to_owned());
    let needs = element("needs").requires("an-os", "").requires("debian-minimal", "");
    plan_text("[image]\nname = \"x\"\nelements = [\"needs\"]\n", &[needs, os]).unwrap();
}

#[test]
fn the_settings_of_the_root_filesystem_reach_its_node() {
    let plan = plan_text(
        "[root-filesystem]\nlabel = \"root\"\nmax-online-resize = \"1PiB\"\n",
        &[element("a")],
    )
    .unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&plan.block_device.nodes).unwrap(), @r#"
    [
      {
        "name": "disk",
        "on": [],
        "kind": {
          "disk": {
            "size": null,
            "sector_size": 512
          }
        }
      },
      {
        "name": "root",
        "on": [
          "disk"
        ],
        "kind": {
          "filesystem": {
            "kind": "ext4",
            "label": "root",
            "uuid": null,
            "tuning": [
              [
                "max-online-resize",
                "1125899906842624"
              ]
            ]
          }
        }
      },
      {
        "name": "mount-root",
        "on": [
          "root"
        ],
        "kind": {
          "mount": {
            "at": "/",
            "options": [],
            "in_fstab": true
          }
        }
      }
    ]
    "#);
    let wrong = refused_text("[root-filesystem]\nfree-space = \"16000PiB\"\n", &[element("a")]);
    insta::assert_snapshot!(wrong, @r#"
    image.toml:5:14: the block-device node `root` makes no sense: `free-space` is `18014398509481984000`
      5 | free-space = "16000PiB"
        |              ^^^^^^^^^^
      help: write bytes from 0 to 1125899906842624, such as `65536` or `16MiB`
    "#);
}

#[test]
fn the_identity_is_of_the_definition_and_the_digest_of_the_whole() {
    let plain = plan_text("", &[element("a")]).unwrap();
    let wishing = plan_text(
        "",
        &[element("a").wishes(Phase::Install, &[service("x.timer", UnitState::Masked)])],
    )
    .unwrap();
    assert_eq!(plain.block_device.seed, wishing.block_device.seed);
    assert_ne!(plain.digest, wishing.digest);
    // What a boot loader is told stays the same whatever else changes.
    let newer = plan_text("", &[element("a").version("1.0.1")]).unwrap();
    assert_eq!(plain.block_device.seed, newer.block_device.seed);
    assert_ne!(plain.digest, newer.digest);
    let labelled = plan_text("[root-filesystem]\nlabel = \"x\"\n", &[element("a")]).unwrap();
    assert_ne!(plain.block_device.seed, labelled.block_device.seed);
    let hex: String = plain.block_device.seed_bytes().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, plain.block_device.seed);
    assert!(plain.digest.starts_with("sha256:") && plain.digest.len() == 71);
}

#[test]
fn where_elements_were_found_is_no_part_of_the_digest() {
    let by_name = "[image]\nname = \"x\"\nelements = [\"a\"]\n";
    let by_path = "[image]\nname = \"x\"\nelements = [\"./elements/a.wasm\"]\n";
    let plans = [by_name, by_path].map(|text| plan_text(text, &[element("a")]).unwrap());
    assert_ne!(plans[0].elements[0].reference, plans[1].elements[0].reference);
    assert_eq!(plans[0].digest, plans[1].digest);
}

#[test]
fn what_an_element_says_beyond_the_contract_is_a_finding() {
    let mut new = element("new").step(Phase::Install);
    let beyond = |of: &str, key: &str| Extension {
        of: of.to_owned(),
        key: key.to_owned(),
        value: "1".to_owned(),
    };
    new.description.extensions = vec![beyond("", "colour"), beyond("its step `install`", "speed")];
    let plan = plan_of(&[new]).unwrap();
    let told: Vec<&str> = plan
        .findings
        .iter()
        .filter(|f| f.element.as_deref() == Some("new"))
        .map(|f| f.message.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "`new` says `colour` of itself, which this host does not know and does without",
            "`new` says `speed` of its step `install`, which this host does not know and does without",
        ]
    );
}
