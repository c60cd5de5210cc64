//! `--diff`: what another definition would change, by name.

use dibhost_plan::description::ParameterKind;
use dibhost_plan::diff::Difference;
use dibhost_plan::wish::{UnitState, Wish};
use dibhost_plan::{Phase, Plan};
use serde_json::json;

use crate::elements::*;

const ARGUMENT: &str = "dib:boot/kernel-argument@1";

fn plan(text: &str, device: &str, more: bool) -> Plan {
    let console = element("serial-console")
        .parameter("device", ParameterKind::Text, Some(json!("ttyS0")))
        .provides(Phase::Install, ARGUMENT)
        .gives(&[(ARGUMENT, "console", json!({"argument": format!("console={device}")}))])
        .wishes(
            Phase::Install,
            &[service(&format!("serial-getty@{device}.service"), UnitState::Enabled)],
        );
    let loader = element("bootloader")
        .reads(Phase::Install, ARGUMENT)
        .reads(Phase::Install, "dib:block-device/layout@1")
        .wishes(Phase::Install, &[install("grub-pc-bin")]);
    let loader = if more {
        loader
            .version("1.1.0")
            .wishes(Phase::Install, &[install("grub-common"), Wish::User(user("me"))])
    } else {
        loader.step(Phase::Finalise)
    };
    plan_text(text, &[debian(), console, loader, element("motd")]).unwrap()
}

const BEFORE: &str = "[image]\nname = \"x\"\nformats = [\"raw\"]\nelements = [\"debian-minimal\", \"serial-console\", \"bootloader\", \"motd\"]\n";
const AFTER: &str = "[image]\nname = \"x\"\nformats = [\"raw\", \"qcow2\"]\nelements = [\"bootloader\", \"serial-console\", \"debian-minimal\"]\n[parameters.serial-console]\ndevice = \"ttyS1\"\n[root-filesystem]\nlabel = \"root\"\n";

#[test]
fn what_differs_is_told_by_its_name() {
    let difference =
        Difference::between(&plan(BEFORE, "ttyS0", false), &plan(AFTER, "ttyS1", true));
    insta::assert_snapshot!(difference.to_text(), @r#"
    outputs
      + qcow2: "zstd"

    elements
      ~ bootloader
          digest: "sha256:c7cd49ace2b3a0447818fde2eaf7858c9f5c7fd7a697bdb074d82ef8429c6b58" → "sha256:eaa394834347c81be194f0128a902b259fd35c6703cb3375e7e1b2fd14269bd6"
          version: "1.0.0" → "1.1.0"
      - motd: {"digest":"sha256:fd098b953279e6569cb9d330fd2eee82cfbf7528e092ffb6a084bd19af6ef227","first-party":true,"listed":true,"required-by":[],"version":"1.0.0"}

    parameters
      ~ serial-console.device
          "ttyS0" → "ttyS1"

    grants
      + bootloader: accounts *

    steps
      - finalise bootloader: {"after":[],"needs":[],"plan-only":false,"reads":[],"writes":[]}

    facts
      ~ dib:block-device/layout@1 host block-device
          mounts: [{"at":"/","filesystem":"ext4","label":"cloudimg-rootfs","on":"disk","options":[],"source":"LABEL=cloudimg-rootfs","uuid":"derived"}] → [{"at":"/","filesystem":"ext4","label":"root","on":"disk","options":[],"source":"LABEL=root","uuid":"derived"}]
      ~ dib:boot/kernel-argument@1 serial-console install console
          argument: "console=ttyS0" → "console=ttyS1"

    wishes
      + bootloader install package grub-common: {"name":"grub-common","reason":"grub-common is needed","version":null,"want":"install"}
      + bootloader install user me: {"authorized_keys":[],"gid":null,"groups":[],"home":null,"name":"me","shell":null,"system":false,"uid":null}
      - serial-console install unit serial-getty@ttyS0.service: "enabled"
      + serial-console install unit serial-getty@ttyS1.service: "enabled"

    transactions
      ~ before root
          install.grub-common: nothing → "the newest"

    accounts and units
      - install serial-getty@ttyS0.service: "enabled"
      + install serial-getty@ttyS1.service: "enabled"
      + install user me: {"authorized_keys":[],"gid":null,"groups":[],"home":null,"name":"me","shell":null,"system":false,"uid":null}

    nodes
      ~ root
          is.filesystem.label: "cloudimg-rootfs" → "root"

    actions
      ~ make the first tree in `root`: its package grub-common
      + make accounts in `install`
      ~ set units in `install`: its unit state serial-getty@ttyS0.service
      ~ run `serial-console` in `install`: its parameter device
      ~ run `bootloader` in `install`: its component
      ~ write `/etc/fstab`: its fstab /etc/fstab
      ~ write the disk: its node root
      + make the qcow2 image
      and 3 that come of what is before them
    "#);
    assert!(!difference.equal);
    let json = serde_json::to_value(&difference).unwrap();
    assert_eq!(
        json["items"][0],
        json!({"section": "outputs", "name": "qcow2", "change": "added", "after": "zstd"})
    );
}

#[test]
fn a_plan_is_equal_to_itself_in_another_order() {
    let swapped = "[image]\nname = \"x\"\nformats = [\"raw\"]\nelements = [\"motd\", \"bootloader\", \"serial-console\", \"debian-minimal\"]\n";
    let (one, other) = (plan(BEFORE, "ttyS0", false), plan(swapped, "ttyS0", false));
    let difference = Difference::between(&one, &other);
    assert_eq!((difference.equal, difference.to_text().as_str()), (true, "the plans are equal\n"));
    assert_eq!(one.digest, other.digest);
}
