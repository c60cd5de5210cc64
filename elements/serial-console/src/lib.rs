//! The kernel's messages and a login on the serial port.

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, UnitState, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct SerialConsole {
    /// The port, without `/dev/`; none: the first one of the architecture (`ttyS0`).
    device: Option<String>,
    /// Bits a second.
    #[parameter(default = 115200)]
    speed: u32,
    /// The kernel's messages on the screen too.
    #[parameter(default = true)]
    screen: bool,
}

impl Element for SerialConsole {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install).provides::<KernelArgument>()).request(
            "services",
            "serial-getty@*.service",
            "a login on the serial port",
        )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let arch = plan.machine().arch;
        let device = self.device.as_deref().unwrap_or(match &*arch {
            "arm64" | "armhf" => "ttyAMA0",
            "ppc64el" => "hvc0",
            "s390x" => "ttysclp0",
            _ => "ttyS0",
        });
        if device.is_empty() || !device.chars().all(|c| c.is_ascii_alphanumeric()) {
            let message = format!("`{}` is no serial port.", device.escape_debug());
            plan.find(
                Finding::refusal(message).about("device").help("Name it without `/dev/`: `ttyS0`."),
            );
            return Ok(());
        }
        // The last `console=` is /dev/console, and keys are in the order of their text.
        if self.screen {
            let screen = KernelArgument::new("console=tty0", "the kernel's messages on the screen");
            plan.provide("console-1-screen", &screen)?;
        }
        let serial = KernelArgument::new(
            format!("console={device},{}", self.speed),
            "the kernel's messages and a login on the serial port",
        );
        plan.provide("console-2-serial", &serial)?;
        plan.service(&format!("serial-getty@{device}.service"), UnitState::Enabled)
    }
}

export_element!(SerialConsole);
