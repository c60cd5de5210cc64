//! Places the files of a site into the image.

use dibhost_element_sdk::{
    Description, Element, Outcome, Parameters, Phase, Placement, Plan, Result, Run, Step,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct Site {
    /// The input of the definition that has the site's files.
    source: String,
    /// The user and the group that they belong to, by name or number.
    #[parameter(default = "root")]
    owner: String,
}

const FOLDER: &str = "/srv/site";

impl Element for Site {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Install))
            .request("inputs", "parameter source", "the site's files")
            .request("rootfs", "write /srv/site", "where they are served from")
            .request("rootfs", "write /etc/site.list", "to list them")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let nodes = plan.input(&self.source)?.nodes()?;
        let list: String = nodes.iter().map(|node| format!("{}\n", node.path)).collect();
        plan.file("/etc/site.list", list)
    }

    fn run_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let placement = Placement {
            owner: Some(self.owner.clone()),
            group: Some(self.owner.clone()),
            ..Placement::default()
        };
        run.rootfs()?.place_input_as(&run.input(&self.source)?, FOLDER, placement)?;
        Ok(Outcome::Done)
    }
}

export_element!(Site);
