//! Which datasources cloud-init asks, and no others, with what some of them need said besides.

use dibhost_element_sdk::{
    Description, Element, Finding, Parameters, Phase, Plan, Result, Step, description,
    export_element, names,
};

/// The element.
#[derive(Parameters)]
pub struct CloudInitDatasources {
    /// Where cloud-init looks for its data, in this order. `None`, behind which nothing is asked, is
    /// added: a machine without a cloud comes up then, too.
    #[parameter(alias = "DIB_CLOUD_INIT_DATASOURCES")]
    datasources: Vec<String>,
}

/// After `91-dibhost-datasources.cfg` of the element `cloud-init`: of two lists the later counts.
const FILE: &str = "/etc/cloud/cloud.cfg.d/92-dibhost-cloud-init-datasources.cfg";

impl Element for CloudInitDatasources {
    fn describe() -> Description {
        description!().requires("cloud-init").step(Step::planning(Phase::Install)).request(
            "rootfs",
            format!("write {FILE}"),
            "which datasources are asked",
        )
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        let mut all: Vec<&str> = Vec::new();
        for name in &self.datasources {
            if !names::is_word(name, "") {
                plan.find(
                    Finding::refusal(format!("`{}` is no datasource.", name.escape_debug()))
                        .about("datasources")
                        .help("Name them as cloud-init does: `NoCloud`, `ConfigDrive`, `Ec2`."),
                );
                return Ok(());
            }
            if name != "None" && !all.contains(&&**name) {
                all.push(name);
            }
        }
        if all.is_empty() {
            plan.find(
                Finding::refusal("cloud-init would ask nobody.")
                    .about("datasources")
                    .help("Name one, or leave `cloud-init` out."),
            );
            return Ok(());
        }
        let mut text = format!(
            "# Written by the dibhost element `cloud-init-datasources`.\n\
             datasource_list: [ {}, None ]\n",
            all.join(", ")
        );
        let settings = [
            // A cloud that speaks as Ec2 does, and is not Amazon's.
            ("Ec2", "  Ec2:\n    strict_id: false\n"),
        ];
        let said: String =
            settings.iter().filter(|(of, _)| all.contains(of)).map(|(_, said)| *said).collect();
        if !said.is_empty() {
            text.push_str(&format!("datasource:\n{said}"));
        }
        plan.file(FILE, text)
    }
}

export_element!(CloudInitDatasources);
