//! The element on a host in memory.

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{Phase, TestHost};
use disable_nouveau::DisableNouveau;

#[test]
fn nouveau_is_kept_out_by_the_kernel_and_by_modprobe() {
    let mut host = TestHost::new();
    let planned = host.plan::<DisableNouveau>(Phase::Install).unwrap();
    let arguments = planned.provided::<KernelArgument>();
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.argument.as_str()).collect();
    assert_eq!(arguments, ["modprobe.blacklist=nouveau", "nouveau.modeset=0"]);
    let text = host.text("/etc/modprobe.d/60-dibhost-disable-nouveau.conf");
    assert!(text.ends_with("\nblacklist nouveau\noptions nouveau modeset=0\n"), "{text}");
}
