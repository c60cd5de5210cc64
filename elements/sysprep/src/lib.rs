//! Takes out of the tree what must be each machine's own, and what the build left behind.

mod shadow;
mod sweep;

use dibhost_element_sdk::{
    Change, Description, Element, Outcome, Parameters, Phase, Result, Run, Step, Tree, description,
    export_element,
};

use crate::sweep::Sweep;

/// The element.
#[derive(Parameters)]
pub struct Sysprep;

impl Element for Sysprep {
    fn describe() -> Description {
        description!()
            .step(Step::new(Phase::Cleanup))
            .request("rootfs", "write /etc", "identities, back-up copies, days of passwords")
            .request("rootfs", "write /var", "logs, caches, package lists, random seeds")
            .request("rootfs", "write /root", "what shells remember")
            .request("rootfs", "write /home", "what shells remember")
            .request("rootfs", "write /tmp", "what programs left there")
            .request("rootfs", "write /run", "what programs left there")
            .request("rootfs", "read /usr/lib/systemd", "to tell who resolves names")
    }

    fn run_cleanup(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        let mut changes = sweep::RULES.iter().try_fold(Vec::new(), |mut changes, rule| {
            changes.extend(Sweep::new(&tree, rule).changes()?);
            Ok::<_, dibhost_element_sdk::Error>(changes)
        })?;
        let removed = changes.len();
        changes.extend(identity(&tree)?);
        changes.extend(resolver(&tree)?);
        changes.extend(shadow::changes(&tree, run.machine().source_date_epoch)?);
        // The host takes a limited number of changes at once.
        let mut changes = changes.into_iter().peekable();
        while changes.peek().is_some() {
            tree.apply(changes.by_ref().take(BATCH))?;
        }
        run.log(format!("{removed} files and folders removed"));
        Ok(Outcome::Done)
    }
}

/// Changes in one call.
const BATCH: usize = 500;

/// An empty machine-id is filled in at the first boot. `uninitialized` would make that boot
/// systemd's "first boot" besides: `systemd-firstboot` would ask on the console for what is not
/// set, and every unit without a preset (Debian ships nearly none) would be enabled.
fn identity(tree: &Tree) -> Result<Vec<Change>> {
    let mut changes = vec![Change::write("/etc/machine-id", "").mode(0o444)];
    if tree.exists("/var/lib/dbus")? {
        changes.push(Change::symlink("/var/lib/dbus/machine-id", "/etc/machine-id"));
    }
    Ok(changes)
}

/// Whatever resolved names during the build is not there when the machine boots.
fn resolver(tree: &Tree) -> Result<Vec<Change>> {
    let stub = "../run/systemd/resolve/stub-resolv.conf";
    Ok(if tree.exists("/usr/lib/systemd/systemd-resolved")? {
        vec![Change::symlink("/etc/resolv.conf", stub)]
    } else {
        match tree.stat("/etc/resolv.conf")? {
            // Somebody's choice.
            Some(stat) if stat.link_target.is_some() => Vec::new(),
            _ => vec![Change::write("/etc/resolv.conf", "")],
        }
    })
}

export_element!(Sysprep);
