//! Settings of the kernel, when it runs and when it boots.

use std::collections::BTreeMap;

use dibhost_element_sdk::slots::KernelArgument;
use dibhost_element_sdk::{Plan, Result};

/// After what packages and most elements set, before `99-sysctl.conf`, which is the administrator's.
const SYSCTL: &str = "/etc/sysctl.d/90-dibhost.conf";

/// Wishes for the file of settings.
pub(crate) fn plan_sysctl(plan: &Plan<'_>, settings: &BTreeMap<String, String>) -> Result<()> {
    if settings.is_empty() {
        return Ok(());
    }
    let mut text = "# Written by dibhost: `[sysctl]` of the image definition.\n".to_owned();
    for (name, value) in settings {
        text.push_str(&format!("{name} = {value}\n"));
    }
    plan.file(SYSCTL, text)
}

/// Provides arguments of the kernel's command line, in their order.
pub(crate) fn plan_arguments(plan: &Plan<'_>, arguments: &[String]) -> Result<()> {
    for (place, argument) in arguments.iter().enumerate() {
        let argument = KernelArgument::new(argument, "the definition lists it");
        plan.provide(&format!("{place:03}"), &argument)?;
    }
    Ok(())
}
