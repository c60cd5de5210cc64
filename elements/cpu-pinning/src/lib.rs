//! CPUs that the kernel keeps for what is put there: nothing is scheduled on them by itself.

mod list;

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

use crate::list::CpuList;

/// The element.
#[derive(Parameters)]
pub struct CpuPinning {
    /// CPUs that are kept free, as the kernel lists them: `2-7,9`; `N` is the machine's last one.
    isolated: String,
    /// CPUs that interrupts go to; none: as the kernel has it.
    interrupts: Option<String>,
    /// No tick where one task alone runs, and no callbacks of RCU there.
    #[parameter(default = true)]
    tickless: bool,
}

impl Element for CpuPinning {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install).provides::<KernelArgument>())
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let list = |parameter: &str, text: &str| match CpuList::parse(text) {
            Ok(list) => Some(list),
            Err(problem) => {
                let help = "Write CPUs as the kernel does: `1`, `2-7`, `1-3,8-N`.";
                plan.find(Finding::refusal(problem).about(parameter).help(help));
                None
            }
        };
        let interrupts = self.interrupts.as_deref().map(|text| list("interrupts", text));
        let Some(isolated) = list("isolated", &self.isolated) else { return Ok(()) };
        if isolated.has_first() {
            plan.find(
                Finding::refusal("CPU 0 starts the machine and cannot be kept free.")
                    .about("isolated")
                    .help("Begin with CPU 1: `1-N` keeps all others free."),
            );
            return Ok(());
        }
        let mut arguments = vec![format!("isolcpus=managed_irq,domain,{}", self.isolated)];
        if self.tickless {
            arguments.push(format!("nohz_full={}", self.isolated));
            arguments.push(format!("rcu_nocbs={}", self.isolated));
        }
        match interrupts {
            None => {}
            Some(None) => return Ok(()),
            Some(Some(interrupts)) => {
                if let Some(both) = interrupts.first_of(&isolated) {
                    let message = format!("CPU {both} is kept free, and interrupts go to it.");
                    let help = "Name CPUs that are not in `isolated`: `0`.";
                    plan.find(Finding::warning(message).about("interrupts").help(help));
                }
                let cpus = self.interrupts.as_deref().unwrap_or_default();
                arguments.push(format!("irqaffinity={cpus}"));
            }
        }
        for (place, argument) in arguments.into_iter().enumerate() {
            let argument = KernelArgument::new(argument, "CPUs are kept for what is put there");
            plan.provide(&format!("{place}"), &argument)?;
        }
        Ok(())
    }
}

export_element!(CpuPinning);
