//! GRUB for BIOS and for UEFI's removable path.
//!
//! `grub-install` and `grub-mkconfig` look at the devices of the machine they run on; here there
//! are none. The images are made by `grub-mkimage` from what the plan says of the disk, the menu is
//! written from facts, and the host patches the BIOS images' block lists when it writes the disk.

mod disks;
mod images;
mod menu;
mod place;

use dibhost_element_sdk::block_device::{Node, NodeKind};
use dibhost_element_sdk::slots::{Distribution, Kernel, KernelArgument, Layout, Loader};
use dibhost_element_sdk::{
    Change, Condition, Description, Element, Finding, Outcome, Parameters, Phase, Plan, Provided,
    Result, Run, Step, description, export_element,
};

use crate::images::Platform;
use crate::menu::Menu;
use crate::place::Place;

/// The element.
#[derive(Parameters)]
pub struct Bootloader {
    /// Seconds that the menu waits for a key.
    #[parameter(default = 1, alias = "DIB_GRUB_TIMEOUT")]
    timeout: u16,
}

/// Where GRUB's own files are.
pub(crate) const GRUB: &str = "/boot/grub";

impl Element for Bootloader {
    fn describe() -> Description {
        description!()
            .requires("kernel")
            // What the initramfs needs to find the root filesystem.
            .requires("volumes")
            // The nodes of the layout come first, whoever's it is.
            .step(Step::planning(Phase::BlockDevice).after("layout"))
            .step(
                Step::new(Phase::Install)
                    .consumes::<Distribution>()
                    .consumes::<KernelArgument>()
                    .consumes::<Layout>()
                    .provides::<Loader>(),
            )
            .step(
                Step::new(Phase::Finalise)
                    .consumes::<Distribution>()
                    .consumes::<KernelArgument>()
                    .consumes::<Layout>()
                    .needs::<Kernel>(),
            )
            .request("block-device", "", "GRUB's boot sector and core image")
            .request_when([debian()], "packages", "grub-*-bin", "GRUB's images")
            .request_when([debian()], "packages", "grub-common", "`grub-mkimage`")
            .request_when(
                [debian()],
                "packages",
                "grub2-common",
                "`update-grub` when a kernel is updated later",
            )
            .request_when([debian()], "exec", "grub-mkimage", "to make GRUB's images")
            .request_when([fedora()], "packages", "grub2-*-modules", "GRUB's images")
            .request_when([fedora()], "packages", "grub2-tools", "`grub2-mkimage`")
            .request_when([fedora()], "exec", "grub2-mkimage", "to make GRUB's images")
            .request("rootfs", "write /boot/grub", "the menu and GRUB's images")
            .request("rootfs", "write /boot/efi", "where UEFI looks for a boot loader")
            .request("rootfs", "write /etc/default/grub", "what `update-grub` makes the menu from")
            .request("rootfs", "read /usr/lib/grub", "to copy GRUB's boot sector")
    }

    fn plan_block_device(&self, plan: &Plan<'_>) -> Result<()> {
        let nodes = plan.nodes()?;
        let mut grub = Vec::new();
        for (number, on) in disks::with_room(&nodes, &plan.machine().arch).into_iter().enumerate() {
            let kind = NodeKind::GrubBios {
                boot_image: images::bios_file("boot.img"),
                core_image: images::bios_file("core.img"),
            };
            let name = if number == 0 { "grub".to_owned() } else { format!("grub{number}") };
            grub.push(Node::new(name, on, kind));
        }
        // Whoever states the whole block device states this too.
        let stated = nodes.iter().any(|node| matches!(node.kind, NodeKind::GrubBios { .. }));
        if stated || grub.is_empty() {
            return Ok(());
        }
        plan.add_nodes(grub)
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let distribution: Distribution = plan.consume_one()?;
        let family = distribution.family.as_str();
        if !["debian", "fedora"].contains(&family) {
            let message = format!("GRUB's packages of `{}` are not known.", distribution.id);
            plan.find(Finding::refusal(message).help("Leave the element `bootloader` out."));
            return Ok(());
        }
        let layout: Layout = plan.consume_one()?;
        let platforms = images::platforms(&plan.machine().arch, &layout);
        if platforms.is_empty() {
            plan
                .find(Finding::warning("The disk has no place for GRUB: it is not installed.").help(
                "Give the disk an MBR or a BIOS boot partition, with sectors of 512 bytes, or an \
                     EFI system partition mounted at `/boot/efi`.",
            ));
            return Ok(());
        }
        if let Err(error) = Place::of(&layout) {
            plan.find(Finding::refusal(error.message));
            return Ok(());
        }
        for fact in plan.consume::<KernelArgument>()? {
            let argument = &fact.value.argument;
            if let Err(problem) = menu::quoted(argument) {
                let provider = &fact.provider;
                let message =
                    format!("The kernel argument `{argument}` of `{provider}` {problem}.");
                plan.find(Finding::refusal(message));
            }
        }
        if family == "fedora" {
            plan.package("grub2-tools", "`grub2-mkimage` makes GRUB's images")?;
        } else {
            plan.package("grub-common", "`grub-mkimage` makes GRUB's images")?;
            plan.package("grub2-common", "`update-grub` when a kernel is updated later")?;
        }
        let mut firmware: Vec<String> = Vec::new();
        for platform in &platforms {
            let Some(package) = platform.package(family) else {
                let message = format!("`{}` has no GRUB for {}.", distribution.id, platform.name);
                plan.find(Finding::refusal(message).help("Leave the element `bootloader` out."));
                return Ok(());
            };
            plan.package(package, platform.reason)?;
            firmware.push(platform.firmware.to_owned());
        }
        plan.provide("", &Loader { name: "grub".to_owned(), firmware })
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let layout: Layout = run.consume_one()?;
        if images::platforms(&run.machine().arch, &layout).is_empty() {
            return Ok(Outcome::skipped("the disk has no place for GRUB"));
        }
        let place = Place::of(&layout)?;
        let arguments = arguments(run.consume::<KernelArgument>()?);
        let distribution: Distribution = run.consume_one()?;
        menu::sound(&distribution, &arguments)?;
        let settings = menu::settings(&distribution, &arguments, &place, self.timeout);
        run.rootfs()?.write("/etc/default/grub", settings)?;
        Ok(Outcome::Done)
    }

    fn run_finalise(&self, run: &Run<'_>) -> Result<Outcome> {
        let layout: Layout = run.consume_one()?;
        let platforms = images::platforms(&run.machine().arch, &layout);
        if platforms.is_empty() {
            return Ok(Outcome::skipped("the disk has no place for GRUB"));
        }
        let place = Place::of(&layout)?;
        let distribution: Distribution = run.consume_one()?;
        for platform in &platforms {
            make_image(run, platform, &place, &layout, program(&distribution.family))?;
        }
        let kernels = run.consume::<Kernel>()?.into_iter().map(|k| k.value);
        let arguments = arguments(run.consume::<KernelArgument>()?);
        menu::sound(&distribution, &arguments)?;
        let menu = Menu {
            distribution: &distribution,
            kernels: Kernel::newest_first(kernels),
            arguments: &arguments,
            place: &place,
            timeout: self.timeout,
        };
        run.rootfs()?.write(&format!("{GRUB}/grub.cfg"), menu.text()?)?;
        Ok(Outcome::Done)
    }
}

fn debian() -> Condition {
    Condition::family(["debian"])
}

fn fedora() -> Condition {
    Condition::family(["fedora"])
}

/// What makes images, as the family calls it.
fn program(family: &str) -> &'static str {
    if family == "fedora" { "grub2-mkimage" } else { "grub-mkimage" }
}

/// Makes one image, and for BIOS puts the boot sector beside it.
fn make_image(
    run: &Run<'_>,
    platform: &Platform,
    place: &Place,
    layout: &Layout,
    program: &str,
) -> Result<()> {
    let tree = run.rootfs()?;
    let folder = format!("{GRUB}/{}", platform.name);
    // As grub-install does: what the image runs before it reads the menu.
    let load = format!("{folder}/load.cfg");
    tree.apply([
        Change::directory(&folder),
        Change::directory(platform.image_folder()),
        Change::write(&load, place.early()),
    ])?;
    run.exec(program)
        .args(["-O", platform.name, "-o", &platform.image(), "-c", &load])
        .args(["-p", &place.prefix])
        .args(platform.modules(place, layout))
        .run()?;
    if platform.firmware == "bios" {
        let sector = format!("/usr/lib/grub/{}/boot.img", platform.name);
        tree.apply([Change::copy(sector, images::bios_file("boot.img"))])?;
    }
    Ok(())
}

/// The arguments in the order of their providers and keys, each once: of two `console=` the last
/// counts, so the order is not for this element to change.
fn arguments(facts: Vec<Provided<KernelArgument>>) -> Vec<String> {
    let mut arguments: Vec<String> = Vec::new();
    for fact in facts {
        if !arguments.contains(&fact.value.argument) {
            arguments.push(fact.value.argument);
        }
    }
    arguments
}

export_element!(Bootloader);
