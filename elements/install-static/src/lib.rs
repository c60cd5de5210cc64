//! Files of a folder beside the definition, at their paths: `etc/motd` of it is `/etc/motd`.

use dibhost_element_sdk::{
    Description, Element, File, Finding, Kind, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct InstallStatic {
    /// Inputs that are folders. What is at a path of two of them has to be the same.
    #[parameter(default = [])]
    sources: Vec<String>,
}

/// More would be a plan that nobody reads, and `[[files]]` places them.
const MOST_FILES: u64 = 2000;
const MOST_BYTES: u64 = 64 << 20;

/// Made anew at every boot.
const NOT_KEPT: [&str; 4] = ["/dev", "/proc", "/run", "/sys"];

impl Element for InstallStatic {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("inputs", "parameter sources", "the files that it places")
            .request("rootfs", "write /", "the folders of the definition say where")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if self.sources.is_empty() {
            plan.find(
                Finding::warning("`install-static` places nothing: `sources` names no input.")
                    .about("sources")
                    .help("Name inputs of the definition: `[inputs.site] path = \"static\"`."),
            );
        }
        for source in &self.sources {
            let refuse = |message: String, help: &str| {
                plan.find(Finding::refusal(message).about("sources").help(help));
            };
            let input = plan.input(source)?;
            let about = input.about()?;
            if about.kind != Kind::Directory {
                refuse(
                    format!("The input `{source}` is a file and not a folder."),
                    "Name the folder that stands for `/` of the image.",
                );
                continue;
            }
            if about.nodes > MOST_FILES || about.size > MOST_BYTES {
                refuse(
                    format!("The input `{source}` has more than {MOST_FILES} files or 64 MiB."),
                    "Place it by `[[files]]` with a folder as `source`.",
                );
                continue;
            }
            let files = input.files("/")?;
            let odd =
                files.iter().find(|file| NOT_KEPT.iter().any(|top| is_below(&file.path, top)));
            if let Some(odd) = odd {
                refuse(
                    format!("`{}` of the input `{source}` is gone when the image boots.", odd.path),
                    "Take it out of the folder; `/etc/tmpfiles.d` makes what is below `/run`.",
                );
                continue;
            }
            plan.files(files.into_iter().filter(|file| !is_of_version_control(file)))?;
        }
        Ok(())
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What keeps the folder, and is nothing of it. Back-up copies of editors too.
fn is_of_version_control(file: &File) -> bool {
    let names = [".git", ".gitignore", ".gitkeep", ".hg", ".svn", "CVS"];
    file.path.split('/').any(|name| names.contains(&name) || name.ends_with('~'))
}

export_element!(InstallStatic);
