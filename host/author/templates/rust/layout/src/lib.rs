//! What is on the disk: a GPT with one filesystem.

use dibhost_element_sdk::block_device::{Filesystem, Mount, Node, Partition, Size, TableKind};
use dibhost_element_sdk::{
    Description, Element, Parameters, Phase, Plan, Result, Step, description, export_element,
};

/// What an image definition may set.
#[derive(Parameters)]
pub struct {{type}} {
    /// The label of the root filesystem.
    #[parameter(default = "root")]
    label: String,
}

impl Element for {{type}} {
    fn describe() -> Description {
        description!()
            .stands_in_for("layout")
            .step(Step::planning(Phase::BlockDevice))
            .request("block-device", "", "it is what this element is for")
    }

    fn plan_block_device(&self, plan: &Plan<'_>) -> Result<()> {
        plan.add_nodes([
            Node::disk("disk"),
            Node::table("table", "disk", TableKind::Gpt),
            Node::partition("root", "table", Partition::new("root-x86-64", Size::Content(64 << 20))),
            Node::filesystem("root-fs", "root", Filesystem::new("ext4").label(&self.label)),
            Node::mount("root-mount", "root-fs", Mount::new("/")),
        ])
    }
}

export_element!({{type}});
