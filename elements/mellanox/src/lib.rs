//! Cards of Mellanox (NVIDIA's ConnectX and BlueField): the kernel's own drivers, the rules that load
//! them, and the tools of InfiniBand, in the image and in its initramfs, where a deploy or a root by
//! the network needs them.

use dibhost_element_sdk::slots::{Distribution, InitramfsModule};
use dibhost_element_sdk::{
    ByFamily, Condition, Description, Element, File, Parameters, Phase, Plan, Result, Step,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Mellanox {
    /// The tools of InfiniBand, and `mstflint`, which looks after the cards' firmware.
    #[parameter(default = true)]
    tools: bool,
    /// The drivers are in the initramfs too.
    #[parameter(default = true)]
    initramfs: bool,
}

/// What every card needs in userspace.
const RDMA: ByFamily = ByFamily(&[
    ("debian", &["ibverbs-providers", "rdma-core"]),
    ("fedora", &["libibverbs", "rdma-core"]),
    ("rhel", &["libibverbs", "rdma-core"]),
    ("suse", &["libibverbs1", "rdma-core"]),
]);

const TOOLS: ByFamily = ByFamily(&[
    ("debian", &["ethtool", "ibverbs-utils", "infiniband-diags", "mstflint"]),
    ("fedora", &["ethtool", "infiniband-diags", "libibverbs-utils", "mstflint"]),
    ("rhel", &["ethtool", "infiniband-diags", "libibverbs-utils", "mstflint"]),
    ("suse", &["ethtool", "infiniband-diags", "libibverbs-utils", "mstflint"]),
]);

/// ConnectX-3 and before, and ConnectX-4 and later; of each the card's and Ethernet's.
const EARLY: [&str; 5] = ["mlx4_core", "mlx4_en", "mlx5_core", "mlx5_ib", "ib_ipoib"];

const RULES: &str = "/etc/udev/rules.d/60-dibhost-mellanox.rules";
const HOOK: &str = "/etc/initramfs-tools/hooks/dibhost-mellanox";
const DRACUT: &str = "/etc/dracut.conf.d/60-dibhost-mellanox.conf";

impl Element for Mellanox {
    fn describe() -> Description {
        let described = description!()
            .step(
                Step::planning(Phase::Install)
                    .consumes::<Distribution>()
                    .provides::<InitramfsModule>(),
            )
            .request("rootfs", format!("write {RULES}"), "the drivers are loaded with a card");
        let debian = [Condition::family(["debian"])];
        let others = [Condition::family(["fedora", "rhel", "suse"])];
        let why = "the rules are in the initramfs too";
        let described = described
            .request_when(debian, "rootfs", "write /etc/initramfs-tools", why)
            .request_when(others, "rootfs", format!("write {DRACUT}"), why);
        TOOLS.requests(
            RDMA.requests(described, "what speaks to the cards"),
            "tools of InfiniBand and of the cards' firmware",
        )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        RDMA.plan(plan, "what speaks to the cards")?;
        if self.tools {
            TOOLS.plan(plan, "tools of InfiniBand and of the cards' firmware")?;
        }
        plan.file(RULES, include_str!("60-dibhost-mellanox.rules"))?;
        if !self.initramfs {
            return Ok(());
        }
        for module in EARLY {
            plan.provide(module, &InitramfsModule { name: module.to_owned() })?;
        }
        match &*plan.consume_one::<Distribution>()?.family {
            "debian" => plan.files([File::new(HOOK, include_str!("hook.sh")).mode(0o755)]),
            "fedora" | "rhel" | "suse" => plan.file(
                DRACUT,
                format!("add_drivers+=\" {} \"\ninstall_items+=\" {RULES} \"\n", EARLY.join(" ")),
            ),
            // It was refused for its packages.
            _ => Ok(()),
        }
    }
}

export_element!(Mellanox);
