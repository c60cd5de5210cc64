//! Settings of the image's own apt: single ones, or a file beside the definition.

use std::collections::BTreeMap;

use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct AptConf {
    /// Settings: `{ "APT::Install-Recommends" = "false" }`; a list is several values of one.
    #[parameter(json, default = {})]
    settings: BTreeMap<String, Values>,
    /// An input that is a file of apt.conf(5).
    source: Option<String>,
}

/// One value, or several.
#[derive(Debug, Clone, serde::Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

/// After what packages ship, before an administrator's `99…`.
const SETTINGS: &str = "/etc/apt/apt.conf.d/90-dibhost-apt-conf";
const FILE: &str = "/etc/apt/apt.conf.d/91-dibhost-apt-conf-file";

/// Settings that would have apt take packages that nobody signed.
const UNSIGNED: [&str; 5] = [
    "APT::Get::AllowUnauthenticated",
    "Acquire::AllowInsecureRepositories",
    "Acquire::AllowWeakRepositories",
    "Acquire::AllowDowngradeToInsecureRepositories",
    "Acquire::https::Verify-Peer",
];

impl Element for AptConf {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("inputs", "parameter source", "the file that it places")
            .request("rootfs", format!("write {SETTINGS}"), "settings of the image's apt")
            .request("rootfs", format!("write {FILE}"), "settings of the image's apt")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let mut text = "// Written by the dibhost element `apt-conf`.\n".to_owned();
        let mut refused = false;
        for (name, values) in &self.settings {
            if let Some(problem) = problem(name, values) {
                let help = "Write it as apt.conf(5) does: `\"Acquire::Retries\" = \"3\"`.";
                plan.find(Finding::refusal(problem).about("settings").help(help));
                refused = true;
                continue;
            }
            match values {
                Values::One(value) => text.push_str(&format!("{name} \"{value}\";\n")),
                Values::Several(values) => {
                    // What packages say of it is gone, or they would come on top.
                    text.push_str(&format!("#clear {name};\n"));
                    let lines = values.iter().map(|value| format!("{name}:: \"{value}\";\n"));
                    text.extend(lines);
                }
            }
            warn_of_unsigned(plan, name);
        }
        let Some(source) = &self.source else {
            if self.settings.is_empty() {
                plan.find(
                    Finding::warning("`apt-conf` changes nothing: none of its parameters is set.")
                        .help("Set `settings` or `source`, or leave it out."),
                );
            }
            return self.place(plan, text, None, refused);
        };
        let file = plan.input(source)?.read_text("")?;
        UNSIGNED.iter().filter(|name| mentions(&file, name)).for_each(|name| {
            warn_of_unsigned(plan, name);
        });
        self.place(plan, text, Some(file), refused)
    }
}

impl AptConf {
    fn place(
        &self,
        plan: &Plan<'_>,
        settings: String,
        file: Option<String>,
        refused: bool,
    ) -> Result<()> {
        if refused {
            return Ok(());
        }
        if !self.settings.is_empty() {
            plan.file(SETTINGS, settings)?;
        }
        file.map_or(Ok(()), |file| plan.file(FILE, file))
    }
}

/// What is wrong with a setting: what would end its quotes, or its line.
fn problem(name: &str, values: &Values) -> Option<String> {
    let words = || name.split("::").all(|word| names::is_word(word, "._-/"));
    if !name.contains("::") || !words() {
        return Some(format!("`{}` is no setting of apt.", name.escape_debug()));
    }
    let values = match values {
        Values::One(value) => std::slice::from_ref(value),
        Values::Several(values) => values,
    };
    let odd = |value: &&String| value.contains(['"', '\\']) || value.chars().any(char::is_control);
    values
        .iter()
        .find(odd)
        .map(|value| format!("`{}` is no value of `{name}`.", value.escape_debug()))
}

/// apt knows names in any case.
fn mentions(text: &str, name: &str) -> bool {
    text.to_ascii_lowercase().contains(&name.to_ascii_lowercase())
}

fn warn_of_unsigned(plan: &Plan<'_>, name: &str) {
    if UNSIGNED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        plan.find(
            Finding::warning(format!(
                "With `{name}` the machine's apt may take packages that nobody signed."
            ))
            .help("Give the repository's key instead: `[[repositories]]`."),
        );
    }
}

export_element!(AptConf);
