//! SELinux tells what it would refuse, and refuses nothing.

use dibhost_element_sdk::{
    Change, Description, Element, Outcome, Parameters, Phase, Result, Run, Step, description,
    export_element,
};

/// The element.
#[derive(Parameters)]
pub struct SelinuxPermissive;

const CONFIG: &str = "/etc/selinux/config";

impl Element for SelinuxPermissive {
    fn describe() -> Description {
        description!()
            // After the packages that have the file.
            .step(Step::new(Phase::PostInstall))
            .request("rootfs", format!("write {CONFIG}"), "the mode that SELinux starts in")
    }

    fn run_post_install(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        let Some(stat) = tree.stat(CONFIG)? else {
            run.log(format!("there is no `{CONFIG}`: the image has no SELinux"));
            return Ok(Outcome::Done);
        };
        let before = tree.read_text(CONFIG)?;
        let after = permissive(&before);
        if after != before {
            let change = Change::write(CONFIG, after)
                .mode(stat.mode)
                .owner(stat.uid.to_string(), stat.gid.to_string());
            tree.apply([change])?;
        }
        Ok(Outcome::Done)
    }
}

/// The file with this mode, in the place of what it says, else at its end.
fn permissive(text: &str) -> String {
    const LINE: &str = "SELINUX=permissive\n";
    let says = |line: &str| line.trim_start().starts_with("SELINUX=");
    let mut told: String =
        text.split_inclusive('\n').map(|line| if says(line) { LINE } else { line }).collect();
    if !text.lines().any(says) {
        if !told.is_empty() && !told.ends_with('\n') {
            told.push('\n');
        }
        told.push_str(LINE);
    }
    told
}

export_element!(SelinuxPermissive);
