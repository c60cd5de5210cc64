//! Pictures: everything is in them, and no string of an element is anything but text there.

use dibhost_plan::wish::UnitState;
use dibhost_plan::{Phase, Plan};
use roxmltree::Document;
use serde_json::json;

use crate::elements::*;

const ARGUMENT: &str = "dib:boot/kernel-argument@1";

/// A label that would be markup in SVG, and an end of a string in dot.
const HOSTILE: &str = "\"\\</text><script>x</script>&x;\u{202e}\u{1b}]]>";

fn plan() -> Plan {
    let giver = |name: &str, value: &str| {
        element(name).provides(Phase::Install, ARGUMENT).gives(&[(
            ARGUMENT,
            "k",
            json!({"argument": value}),
        )])
    };
    let vm = giver("vm", "quiet");
    let console = giver("serial-console", "console=ttyS0")
        .plan_only(Phase::Install)
        .wishes(Phase::Install, &[service("x.service", UnitState::Masked), install("curl")]);
    let loader = element("bootloader")
        .reads(Phase::Install, ARGUMENT)
        .reads(Phase::Finalise, "dib:block-device/layout@1")
        .provides(Phase::Install, "dib:boot/loader@1")
        .after(Phase::Install, "vm");
    let mut plan = plan_of(&[debian(), vm, console, loader]).unwrap();
    // Checks of wishes would refuse most of it, and how long a label may be; a picture trusts
    // none of them.
    plan.block_device.nodes[1].name = HOSTILE.to_owned();
    plan.image.name = HOSTILE.to_owned();
    plan
}

#[test]
fn a_picture_is_xml_that_shows_every_phase_step_wish_and_edge() {
    let plan = plan();
    let svg = plan.to_svg();
    let document = Document::parse(&svg).unwrap();
    let texts: Vec<String> = document
        .descendants()
        .filter(|n| n.has_tag_name("text"))
        .map(|n| n.descendants().filter_map(|d| d.text()).collect::<String>())
        .collect();
    let has =
        |wanted: &str| assert!(texts.iter().any(|t| t.contains(wanted)), "{wanted}: {texts:#?}");
    for step in &plan.steps {
        has(step.phase.name());
        has(&step.element);
    }
    for wanted in
        ["x.service", "curl", "planned only", "after vm", "boot/loader (to nobody)", HOSTILE_SHOWN]
    {
        has(wanted);
    }
    let titles: Vec<&str> = document
        .descendants()
        .filter(|n| n.has_tag_name("title"))
        .filter_map(|n| n.text())
        .collect();
    for edge in &plan.edges {
        assert!(titles.contains(&edge.slot.as_str()), "no wire for {}", edge.slot);
    }
    // Each who gives has a dot of its own, each who reads an arrow.
    let circles = |r: &str| {
        document
            .descendants()
            .filter(|n| n.has_tag_name("circle") && n.attribute("r") == Some(r))
            .count()
    };
    assert_eq!((circles("4"), circles("2")), (3, 2));
    assert!(document.descendants().all(|n| !n.has_tag_name("script")));
    assert!(!svg.contains('\u{202e}'));
}

/// The same as it is shown: as text.
const HOSTILE_SHOWN: &str = "\"\\</text><script>x</script>&x;\u{fffd}\u{fffd}]]>";

#[test]
fn nothing_leaves_the_picture() {
    let plan = plan();
    let svg = plan.to_svg();
    let document = Document::parse(&svg).unwrap();
    let number = |n: roxmltree::Node<'_, '_>, a: &str| {
        n.attribute(a).and_then(|v| v.parse::<usize>().ok()).unwrap_or_default()
    };
    let (width, height) =
        (number(document.root_element(), "width"), number(document.root_element(), "height"));
    for n in document.descendants() {
        // A letter is 5.5 wide at the least, in any face.
        let letters: usize = n
            .descendants()
            .filter(|d| d.is_text())
            .filter_map(|d| d.text())
            .map(|t| t.chars().count())
            .sum();
        let text = if n.has_tag_name("text") { letters * 11 / 2 } else { 0 };
        assert!(number(n, "x") + text <= width, "{n:?}");
        assert!(number(n, "x") + number(n, "width") <= width, "{n:?}");
        assert!(number(n, "y") + number(n, "height") <= height, "{n:?}");
        assert!(number(n, "cx") < width && number(n, "cy") < height, "{n:?}");
    }
}

#[test]
fn the_form_for_graphviz() {
    insta::assert_snapshot!(plan().to_dot(), @r##"
    digraph "\"\\</text><script>x</script>&x;\\u{202e}\\u{1b}]]>" {
      rankdir=LR; compound=true; node [shape=box, style=rounded, fontname="sans-serif"]; edge [fontname="sans-serif", fontsize=10];
      subgraph "cluster root" {
        label="root"; style=filled; color="#eef1f5";
        "root/(wishes)" [label="first tree: apt bookworm main\linstall: curl\l", style=filled, fillcolor="#fff6df"];
        "root/debian-minimal" [label="debian-minimal"];
      }
      subgraph "cluster install" {
        label="install"; style=filled; color="#eef1f5";
        "install/(wishes)" [label="masked: x.service\l", style=filled, fillcolor="#fff6df"];
        "install/serial-console" [label="serial-console", style="rounded,dashed"];
        "install/vm" [label="vm"];
        "install/bootloader" [label="bootloader"];
      }
      subgraph "cluster block-device" {
        label="block-device"; style=filled; color="#eef1f5";
        "block-device/(wishes)" [label="disk: disk: disk as large as its content, sectors of 512 B, \"\\</text><script>x</script>&x;\\u{202e}\\u{1b}]]> on disk: ext4 labelled c\l", style=filled, fillcolor="#fff6df"];
        "block-device/host" [label="host", style=filled, fillcolor="#fff6df"];
      }
      subgraph "cluster finalise" {
        label="finalise"; style=filled; color="#eef1f5";
        "finalise/(wishes)" [label="run once: update-initramfs\l", style=filled, fillcolor="#fff6df"];
        "finalise/bootloader" [label="bootloader"];
      }
      "install/serial-console" -> "install/bootloader" [label="boot/kernel-argument"];
      "install/vm" -> "install/bootloader" [label="boot/kernel-argument"];
      "block-device/host" -> "finalise/bootloader" [label="block-device/layout"];
      "install/vm" -> "install/bootloader" [label="after", style=dotted];
    }
    "##);
}
