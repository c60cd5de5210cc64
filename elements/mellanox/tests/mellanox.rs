//! The element on a host in memory.

use dibhost_element_sdk::slots::InitramfsModule;
use dibhost_element_sdk::{Phase, TestHost};
use mellanox::Mellanox;

const RULES: &str = "/etc/udev/rules.d/60-dibhost-mellanox.rules";
const HOOK: &str = "/etc/initramfs-tools/hooks/dibhost-mellanox";
const DRACUT: &str = "/etc/dracut.conf.d/60-dibhost-mellanox.conf";

#[test]
fn drivers_and_rules_are_in_the_image_and_in_the_initramfs() {
    let mut host = TestHost::new().debian("bookworm");
    let planned = host.plan::<Mellanox>(Phase::Install).unwrap();
    for package in ["rdma-core", "ibverbs-providers", "mstflint"] {
        assert!(planned.package_names().contains(&package), "{package}");
    }
    let modules: Vec<String> =
        planned.provided::<InitramfsModule>().into_iter().map(|module| module.name).collect();
    for module in ["mlx4_core", "mlx4_en", "mlx5_core"] {
        assert!(modules.iter().any(|known| known == module), "{modules:?}");
    }
    assert!(host.text(RULES).contains("ATTR{vendor}==\"0x15b3\""));
    let hook = host.text(HOOK);
    assert!(hook.contains(RULES) && host.stat(HOOK).unwrap().mode & 0o777 == 0o755, "{hook}");
    assert!(!host.exists(DRACUT));
}

#[test]
fn what_is_not_wanted_is_left_out() {
    let mut host =
        TestHost::new().debian("trixie").parameter("tools", false).parameter("initramfs", false);
    let planned = host.plan::<Mellanox>(Phase::Install).unwrap();
    assert_eq!(planned.package_names(), ["ibverbs-providers", "rdma-core"]);
    assert!(planned.provided::<InitramfsModule>().is_empty() && !host.exists(HOOK));
    assert!(host.exists(RULES));
}

#[test]
fn dracut_is_told_in_its_own_way() {
    let mut host = TestHost::new().system("rhel", "9");
    host.plan::<Mellanox>(Phase::Install).unwrap();
    let told = host.text(DRACUT);
    assert!(told.contains("mlx5_core") && told.contains(RULES), "{told}");
    assert!(!host.exists(HOOK));
    let mut unknown = TestHost::new().system("gentoo", "1");
    let planned = unknown.plan::<Mellanox>(Phase::Install).unwrap();
    assert!(planned.findings[0].fatal);
}

/// The initramfs's own hook, run as `mkinitramfs` runs it.
#[test]
fn the_hook_places_the_rules() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/hook.sh");
    let said = std::process::Command::new("sh").args([script, "prereqs"]).status().unwrap();
    assert!(said.success());
    // Without a place to put them it says so.
    let said = std::process::Command::new("sh").arg(script).env_remove("DESTDIR").output().unwrap();
    assert!(!said.status.success());
}
