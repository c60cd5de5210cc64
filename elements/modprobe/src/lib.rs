//! Kernel modules that are loaded, kept out, or given options.

mod option;

use std::collections::BTreeMap;

use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct Modprobe {
    /// Modules that nothing loads by itself; one that is asked for by its name is loaded.
    #[parameter(default = [])]
    blacklist: Vec<String>,
    /// Modules that cannot be loaded at all.
    #[parameter(default = [])]
    disabled: Vec<String>,
    /// Options by module: `{ nbd = "max_part=16" }`.
    #[parameter(json, default = {})]
    options: BTreeMap<String, String>,
    /// Modules that are loaded at boot.
    #[parameter(default = [])]
    load: Vec<String>,
}

/// After what packages ship. The initramfs is made of it too.
const SETTINGS: &str = "/etc/modprobe.d/60-dibhost-modprobe.conf";
const LOADED: &str = "/etc/modules-load.d/60-dibhost-modprobe.conf";

const HEAD: &str = "# Written by the dibhost element `modprobe`.\n";

impl Element for Modprobe {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("rootfs", "write /etc/modprobe.d", "modules kept out, and options")
            .request("rootfs", "write /etc/modules-load.d", "modules that are loaded at boot")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let problems = self.problems();
        if !problems.is_empty() {
            problems.into_iter().for_each(|problem| plan.find(problem));
            return Ok(());
        }
        let mut settings = String::new();
        for module in &self.blacklist {
            settings.push_str(&format!("blacklist {module}\n"));
        }
        for module in &self.disabled {
            settings.push_str(&format!("blacklist {module}\ninstall {module} /bin/false\n"));
        }
        for (module, options) in &self.options {
            settings.push_str(&format!("options {module} {}\n", options.trim()));
        }
        if !settings.is_empty() {
            plan.file(SETTINGS, format!("{HEAD}{settings}"))?;
        }
        if !self.load.is_empty() {
            plan.file(LOADED, format!("{HEAD}{}\n", self.load.join("\n")))?;
        }
        if settings.is_empty() && self.load.is_empty() {
            plan.find(
                Finding::warning("`modprobe` changes nothing: none of its parameters is set.")
                    .help("Set `blacklist`, `disabled`, `options` or `load`, or leave it out."),
            );
        }
        Ok(())
    }
}

impl Modprobe {
    fn problems(&self) -> Vec<Finding> {
        let modules = [
            ("blacklist", self.blacklist.iter().collect::<Vec<_>>()),
            ("disabled", self.disabled.iter().collect()),
            ("options", self.options.keys().collect()),
            ("load", self.load.iter().collect()),
        ];
        let named = modules.into_iter().flat_map(|(parameter, modules)| {
            modules.into_iter().filter(|module| !names::is_module(module)).map(move |module| {
                Finding::refusal(format!("`{}` is no kernel module.", module.escape_debug()))
                    .about(parameter)
                    .help("Name modules as `lsmod` does: `nouveau`, `snd_hda_intel`.")
            })
        });
        let options = self.options.values().filter_map(|options| option::problem(options));
        let both = self.load.iter().filter(|module| self.disabled.contains(module)).map(|module| {
            Finding::refusal(format!("`{module}` cannot be loaded: it is disabled."))
                .about("load")
                .help("Take it out of `load` or out of `disabled`.")
        });
        named.chain(options).chain(both).collect()
    }
}

export_element!(Modprobe);
