//! Cryptography as FIPS 140 has it, where the distribution has such a mode: the kernel is told, and so are
//! the libraries. It makes no system certified: that is a matter of versions, of hardware and of papers.

use dibhost_element_sdk::slots::{Distribution, KernelArgument, Layout};
use dibhost_element_sdk::{
    Condition, Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Fips;

/// What `update-crypto-policies --set FIPS` leaves, which the libraries read.
const POLICY: &str = "/etc/crypto-policies/config";
const DRACUT: &str = "/etc/dracut.conf.d/60-dibhost-fips.conf";

impl Element for Fips {
    fn describe() -> Description {
        let red_hat = || [Condition::family(["fedora", "rhel"])];
        description!()
            .step(
                Step::planning(Phase::Install)
                    .consumes::<Distribution>()
                    .consumes::<Layout>()
                    .provides::<KernelArgument>(),
            )
            .request_when(red_hat(), "packages", "crypto-policies-scripts", "it sets the policy")
            .request_when(red_hat(), "rootfs", format!("write {POLICY}"), "the libraries' policy")
            .request_when(
                red_hat(),
                "rootfs",
                format!("write {DRACUT}"),
                "the initramfs checks the kernel",
            )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let system: Distribution = plan.consume_one()?;
        if let Some(refusal) = refusal(&system) {
            plan.find(refusal);
            return Ok(());
        }
        let why = "cryptography as FIPS 140 has it";
        // The initramfs looks for the kernel's own checksum, and has to know where `/boot` is.
        let layout: Layout = plan.consume_one()?;
        if let Some(boot) = layout.mount("/boot") {
            let Some(source) = boot.source.as_deref().filter(|source| is_plain(source)) else {
                plan.find(
                    Finding::refusal("`/boot` has a filesystem of its own, without a name.")
                        .help("Give its filesystem a label or a UUID."),
                );
                return Ok(());
            };
            plan.provide("2-boot", &KernelArgument::new(format!("boot={source}"), why))?;
        }
        plan.provide("1-fips", &KernelArgument::new("fips=1", why))?;
        plan.package("crypto-policies-scripts", "it sets the libraries' policy")?;
        plan.file(POLICY, "FIPS\n")?;
        plan.file(DRACUT, "add_dracutmodules+=\" fips \"\n")
    }
}

/// Why a system has no such mode; none: it has.
fn refusal(system: &Distribution) -> Option<Finding> {
    let (message, help) = match (&*system.family, &*system.id) {
        ("fedora" | "rhel", _) => return None,
        (_, "ubuntu") => (
            "Ubuntu's FIPS mode is in packages of Ubuntu Pro, which no archive gives without a \
             subscription."
                .to_owned(),
            "Attach the machine at its first boot, and enable `fips-updates` there.",
        ),
        (_, "debian") => (
            "Debian has no FIPS mode: neither its kernel nor its libraries are built for one."
                .to_owned(),
            "Leave `fips` out, or take a base that has one: RHEL and what is made of it.",
        ),
        (family, _) => (
            format!(
                "The FIPS mode of a system of the family `{}` is not known here.",
                family.escape_debug()
            ),
            "Leave `fips` out, and set it up by `[[files]]` and `kernel.arguments`.",
        ),
    };
    Some(Finding::refusal(message).help(help))
}

/// What a boot loader's configuration takes as one word.
fn is_plain(source: &str) -> bool {
    !source.is_empty() && source.chars().all(|c| c.is_ascii_alphanumeric() || "=/._-".contains(c))
}

export_element!(Fips);
