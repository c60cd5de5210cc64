//! Plays an operating system: a few files and no package, so that an image is built in a moment and
//! without a mirror.

use dibhost_element_sdk::slots::Distribution;
use dibhost_element_sdk::{
    Change, Description, Element, Outcome, Parameters, Phase, Plan, Result, Run, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct FakeOs {}

/// Folders that other elements may count on.
const FOLDERS: [&str; 7] = ["/etc", "/home", "/srv", "/tmp", "/usr/bin", "/usr/lib", "/var/lib"];

const OS_RELEASE: &str = "ID=fake\nVERSION_ID=1\nVERSION_CODENAME=none\nNAME=\"Fake OS\"\n";

impl Element for FakeOs {
    fn describe() -> Description {
        description!()
            .stands_in_for("operating-system")
            .step(Step::new(Phase::Root).provides::<Distribution>())
            .request("rootfs", "write /", "the tree begins empty")
    }

    fn run_root(&self, run: &Run<'_>) -> Result<Outcome> {
        let mut changes: Vec<_> = FOLDERS.map(Change::directory).into();
        changes.push(Change::write("/usr/lib/os-release", OS_RELEASE));
        changes.push(Change::symlink("/etc/os-release", "../usr/lib/os-release"));
        run.rootfs()?.apply(changes)?;
        Ok(Outcome::Done)
    }

    fn plan_root(&self, plan: &Plan<'_>) -> Result<()> {
        plan.provide(
            "",
            &Distribution {
                id: "fake".to_owned(),
                version_id: "1".to_owned(),
                codename: "none".to_owned(),
                family: "fake".to_owned(),
                package_manager: "none".to_owned(),
                init: "none".to_owned(),
                default_user: "root".to_owned(),
            },
        )
    }
}

export_element!(FakeOs);
