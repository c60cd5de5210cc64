//! The journal on the console as well, for machines that nobody else can be asked on.

use dibhost_element_sdk::{
    Choice, Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct JournalToConsole {
    /// The terminal, without `/dev/`; none: the console, which the last `console=` of the kernel's
    /// command line is.
    device: Option<String>,
    /// The least that is written there.
    #[parameter(default = "info")]
    level: Level,
}

/// What journald calls how much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Level {
    /// The system is unusable.
    Emerg,
    /// Something has to be done at once.
    Alert,
    /// Critical.
    Crit,
    /// Errors.
    Err,
    /// Warnings.
    Warning,
    /// What is normal and matters.
    Notice,
    /// What happens.
    Info,
    /// All of it.
    Debug,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Err => "err",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// After what packages ship, before what an administrator adds.
const FILE: &str = "/etc/systemd/journald.conf.d/60-dibhost-console.conf";

impl Element for JournalToConsole {
    fn describe() -> Description {
        description!().step(Step::planning(Phase::Install)).request(
            "rootfs",
            "write /etc/systemd/journald.conf.d",
            "journald's setting",
        )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let device = self.device.as_deref().unwrap_or("console");
        if !names::is_word(device, "") {
            let message = format!("`{}` is no terminal.", device.escape_debug());
            let help = "Name it without `/dev/`: `ttyS0`, `tty12`.";
            plan.find(Finding::refusal(message).about("device").help(help));
            return Ok(());
        }
        let level = self.level.word();
        plan.file(
            FILE,
            format!(
                "# Written by the dibhost element `journal-to-console`.\n[Journal]\n\
                 ForwardToConsole=yes\nTTYPath=/dev/{device}\nMaxLevelConsole={level}\n"
            ),
        )
    }
}

export_element!(JournalToConsole);
