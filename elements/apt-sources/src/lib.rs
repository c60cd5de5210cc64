//! Sources of packages for the image's own apt, of a file beside the definition, in place of those that it
//! would have.

use dibhost_element_sdk::{
    Description, Element, File, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct AptSources {
    /// An input that is a file of sources.list(5): stanzas (deb822) or lines.
    source: String,
    /// The sources that the image has from its base are taken out; false: these come on top.
    #[parameter(default = true)]
    replace: bool,
}

const FOLDER: &str = "/etc/apt/sources.list.d";

/// Those that bases of dibhost's give an image.
const OF_BASES: [&str; 3] = [
    "/etc/apt/sources.list",
    "/etc/apt/sources.list.d/debian.sources",
    "/etc/apt/sources.list.d/ubuntu.sources",
];

impl Element for AptSources {
    fn describe() -> Description {
        let described = description!()
            // Bases write theirs in `install`.
            .step(Step::planning(Phase::PostInstall))
            .request("inputs", "parameter source", "the file that it places");
        let own = ["sources", "list"].map(path);
        own.iter().map(String::as_str).chain(OF_BASES).fold(described, |described, path| {
            described.request("rootfs", format!("write {path}"), "sources of the image's apt")
        })
    }

    fn plan_post_install(&self, plan: &Plan<'_>) -> Result<()> {
        let text = plan.input(&self.source)?.read_text("")?;
        let form = if is_deb822(&text) { "sources" } else { "list" };
        let problems = problems(&text, form == "sources");
        if !problems.is_empty() {
            for problem in problems {
                plan.find(Finding::refusal(problem).about("source").help(
                    "Every source has to be signed: name its key with `Signed-By`, which \
                     `install-static` or `[[files]]` puts into the image.",
                ));
            }
            return Ok(());
        }
        if self.replace {
            plan.files(OF_BASES.map(File::removed))?;
        }
        plan.file(path(form), text)
    }
}

fn path(ending: &str) -> String {
    format!("{FOLDER}/dibhost-apt-sources.{ending}")
}

/// Whether a text has stanzas; apt tells by the file's name.
fn is_deb822(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim).filter(|line| is_said(line));
    lines.any(|line| line.to_ascii_lowercase().starts_with("types:"))
}

fn is_said(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// What is wrong with a file: no source at all, or one that need not be signed.
fn problems(text: &str, deb822: bool) -> Vec<String> {
    let mut problems = Vec::new();
    let mut any = false;
    for (number, line) in text.lines().enumerate() {
        let (number, line) = (number + 1, line.trim().to_ascii_lowercase());
        if !is_said(&line) {
            continue;
        }
        let squeezed: String = line.split_whitespace().collect();
        let said = |option: &str, sign: char| {
            let yes = ["yes", "true", "on", "1", "with", "enable"];
            yes.iter().any(|yes| squeezed.contains(&format!("{option}{sign}{yes}")))
        };
        let sign = if deb822 { ':' } else { '=' };
        for option in ["trusted", "allow-insecure", "allow-weak"] {
            if said(option, sign) {
                problems.push(format!("Line {number} has a source that need not be signed."));
            }
        }
        let begins = if deb822 {
            line.starts_with("uris:")
        } else {
            let is = line.starts_with("deb ") || line.starts_with("deb-src ");
            let is = is || line.starts_with("deb[") || line.starts_with("deb-src[");
            if !is {
                problems.push(format!("Line {number} is no source of sources.list(5)."));
            }
            is
        };
        any |= begins;
    }
    if !any && problems.is_empty() {
        problems.push("The file names no source.".to_owned());
    }
    problems
}

export_element!(AptSources);
