//! Programs of a folder beside the definition, in `/usr/local/bin`.

use dibhost_element_sdk::{
    Description, Element, Finding, Kind, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct InstallBin {
    /// Inputs that are folders of programs, or programs.
    #[parameter(default = [])]
    sources: Vec<String>,
}

const FOLDER: &str = "/usr/local/bin";

impl Element for InstallBin {
    fn describe() -> Description {
        description!()
            // Before the steps of `pre-install`, as DIB has it.
            .step(Step::planning(Phase::PreInstall))
            .request("inputs", "parameter sources", "the programs that it places")
            .request("rootfs", format!("write {FOLDER}"), "where it places them")
    }

    fn plan_pre_install(&self, plan: &Plan<'_>) -> Result<()> {
        if self.sources.is_empty() {
            plan.find(
                Finding::warning("`install-bin` places nothing: `sources` names no input.")
                    .about("sources")
                    .help("Name inputs of the definition: `[inputs.tools] path = \"bin\"`."),
            );
        }
        for source in &self.sources {
            let input = plan.input(source)?;
            if input.about()?.kind != Kind::Directory {
                plan.files(
                    input.files(&format!("{FOLDER}/{source}"))?.into_iter().map(executable),
                )?;
                continue;
            }
            if let Some(folder) = input.nodes()?.iter().find(|node| node.kind == Kind::Directory) {
                let message = format!("`{}` of the input `{source}` is a folder.", folder.path);
                let help = "Programs lie side by side; `install-static` places trees.";
                plan.find(Finding::refusal(message).about("sources").help(help));
                continue;
            }
            plan.files(input.files(FOLDER)?.into_iter().map(executable))?;
        }
        Ok(())
    }
}

/// Whatever it was on the builder.
fn executable(file: dibhost_element_sdk::File) -> dibhost_element_sdk::File {
    file.mode(0o755)
}

export_element!(InstallBin);
