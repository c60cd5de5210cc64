//! The element on a host in memory.

use cpu_pinning::CpuPinning;
use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{Phase, Planned, TestHost};

fn plan(host: TestHost) -> (Vec<String>, Planned) {
    let mut host = host;
    let planned = host.plan::<CpuPinning>(Phase::Install).unwrap();
    let arguments = planned.provided::<KernelArgument>();
    (arguments.into_iter().map(|argument| argument.argument).collect(), planned)
}

#[test]
fn cpus_are_kept_free_and_without_ticks() {
    let (arguments, planned) = plan(TestHost::new().parameter("isolated", "1-N"));
    assert_eq!(arguments, ["isolcpus=managed_irq,domain,1-N", "nohz_full=1-N", "rcu_nocbs=1-N"]);
    assert!(planned.findings.is_empty());
    let host = TestHost::new().parameter("isolated", "2-3").parameter("interrupts", "0-1");
    let (arguments, planned) = plan(host.parameter("tickless", false));
    assert_eq!(arguments, ["isolcpus=managed_irq,domain,2-3", "irqaffinity=0-1"]);
    assert!(planned.findings.is_empty());
}

#[test]
fn interrupts_where_nothing_else_is_are_remarked_on() {
    let host = TestHost::new().parameter("isolated", "2-3").parameter("interrupts", "0-2");
    let (_, planned) = plan(host);
    assert_eq!(planned.findings[0].message, "CPU 2 is kept free, and interrupts go to it.");
    assert!(!planned.findings[0].fatal);
}

#[test]
fn what_is_no_list_is_refused() {
    for (isolated, interrupts) in
        [("0-3", None), ("all", None), ("1 quiet", None), ("1", Some("x")), ("1", Some(""))]
    {
        let mut host = TestHost::new().parameter("isolated", isolated);
        if let Some(interrupts) = interrupts {
            host = host.parameter("interrupts", interrupts);
        }
        let (arguments, planned) = plan(host);
        assert!(arguments.is_empty(), "{isolated} {interrupts:?}");
        assert!(planned.findings[0].fatal && planned.findings[0].help.is_some());
    }
}
