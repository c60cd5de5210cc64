//! What cloud-init is told lies in the image itself (NoCloud): a machine that has no cloud is set up by it
//! at its first boot, all the same.

use dibhost_element_sdk::{
    Description, Element, File, Finding, Kind, Parameters, Phase, Plan, Result, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct CloudInitNocloud {
    /// An input that is a folder with `user-data`, and if wanted `meta-data`, `network-config` and
    /// `vendor-data`; or a file, which is `user-data`. None: all are empty.
    seed: Option<String>,
}

const FOLDER: &str = "/var/lib/cloud/seed/nocloud";
const DATASOURCES: &str = "/etc/cloud/cloud.cfg.d/92-dibhost-cloud-init-nocloud.cfg";
const NAMES: [&str; 4] = ["meta-data", "network-config", "user-data", "vendor-data"];

/// cloud-init takes nothing for user data that does not begin as one of these.
const BEGUN: [&str; 5] = ["#cloud-config", "#!", "#include", "#cloud-boothook", "Content-Type:"];

impl Element for CloudInitNocloud {
    fn describe() -> Description {
        description!()
            .requires("cloud-init")
            .conflicts_with("cloud-init-datasources")
            .step(Step::planning(Phase::Install))
            .request("inputs", "parameter seed", "what cloud-init is told")
            .request("rootfs", "write /var/lib/cloud", "what cloud-init is told")
            .request("rootfs", format!("write {DATASOURCES}"), "it asks nobody else")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let mut files: Vec<(String, String)> = Vec::new();
        if let Some(seed) = &self.seed {
            let input = plan.input(seed)?;
            if input.about()?.kind == Kind::Directory {
                for node in input.nodes()?.into_iter().filter(|node| node.kind == Kind::File) {
                    if !NAMES.contains(&&*node.path) {
                        let odd = node.path.escape_debug();
                        plan.find(
                            Finding::refusal(format!("cloud-init knows no `{odd}` of a seed."))
                                .about("seed")
                                .help(format!("It reads {}.", NAMES.join(", "))),
                        );
                        return Ok(());
                    }
                    let text = input.read_text(&node.path)?;
                    files.push((node.path, text));
                }
            } else {
                files.push(("user-data".to_owned(), input.read_text("")?));
            }
        }
        let user = files.iter().find(|(name, _)| name == "user-data");
        if let Some((_, text)) = user
            && !text.trim().is_empty()
            && !BEGUN.iter().any(|begun| text.starts_with(begun))
        {
            plan.find(
                Finding::refusal(
                    "cloud-init would pass `user-data` over: it does not say what it is.",
                )
                .about("seed")
                .help("Begin it with `#cloud-config`, or with `#!` where it is a script."),
            );
            return Ok(());
        }
        for name in ["meta-data", "user-data"] {
            if !files.iter().any(|(known, _)| known == name) {
                // Without both it is no seed; an instance has a name, so that this is done once.
                let text = if name == "meta-data" { "instance-id: nocloud\n" } else { "" };
                files.push((name.to_owned(), text.to_owned()));
            }
        }
        plan.file(
            DATASOURCES,
            "# Written by the dibhost element `cloud-init-nocloud`.\n\
             datasource_list: [ NoCloud, None ]\n",
        )?;
        // What is told may hold passwords: it is root's alone.
        let placed = files
            .into_iter()
            .map(|(name, text)| File::new(format!("{FOLDER}/{name}"), text).mode(0o600));
        plan.files(placed.collect::<Vec<_>>())
    }
}

export_element!(CloudInitNocloud);
