//! An SSH server that takes keys only and makes its own host keys at first boot.

use std::collections::BTreeMap;

use dibhost_element_sdk::slots::{AuthorizedKey, Distribution};
use dibhost_element_sdk::{
    Change, Condition, Description, Element, Outcome, Parameters, Phase, Plan, Result, Run, Step,
    UnitState, User, description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct OpensshServer {
    /// Passwords are taken too.
    #[parameter(default = false)]
    password_authentication: bool,
}

const HOST_KEYS: &str = "dibhost-ssh-host-keys.service";

/// Makes what is missing. cloud-init makes keys too, after deleting those it finds: this waits for
/// it, finds them all there then, and orders nothing where there is no cloud-init.
const HOST_KEYS_UNIT: &str = "\
[Unit]
Description=Make the SSH host keys that this machine lacks
Documentation=man:ssh-keygen(1)
After=cloud-init.service cloud-init-network.service
Before=ssh.service ssh.socket sshd.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
ConditionPathIsReadWrite=/etc/ssh

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=ssh.service
";

/// Families of distributions that call the unit `ssh.service`, and those that call it `sshd.service`.
const DEBIAN: &[&str] = &["debian"];
const OTHERS: &[&str] = &["fedora", "rhel", "suse"];

fn family(names: &[&str]) -> Condition {
    Condition::of::<Distribution>("family", names.iter().copied())
}

impl Element for OpensshServer {
    fn describe() -> Description {
        description!()
            .step(
                Step::planning(Phase::Install)
                    .may_consume::<Distribution>()
                    .consumes::<AuthorizedKey>(),
            )
            .step(Step::new(Phase::Cleanup))
            .request("packages", "openssh-server", "the server")
            .request_when([family(DEBIAN)], "services", "ssh.service", "the server is started")
            .request_when([family(OTHERS)], "services", "sshd.service", "the server is started")
            .request("services", HOST_KEYS, "host keys are made at first boot")
            .request("services-define", HOST_KEYS, "host keys are made at first boot")
            .request("accounts", "*", "to write the keys that other elements authorize, whosever")
            .request("rootfs", "write /etc/ssh", "its settings, and no host key in the image")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.package("openssh-server", "the server")?;
        plan.define_unit(HOST_KEYS, HOST_KEYS_UNIT)?;
        plan.service(HOST_KEYS, UnitState::Enabled)?;
        let distribution = plan.consume_optional::<Distribution>()?;
        match distribution.as_ref().map(|distribution| distribution.family.as_str()) {
            Some(family) if DEBIAN.contains(&family) => {
                plan.service("ssh.service", UnitState::Enabled)?;
            }
            Some(family) if OTHERS.contains(&family) => {
                plan.service("sshd.service", UnitState::Enabled)?;
            }
            _ => plan.warn(
                "The server is installed and not started: no element says that the system is one \
                 whose unit is known.",
            ),
        }

        let default_user = distribution.map(|distribution| distribution.default_user);
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for fact in plan.consume::<AuthorizedKey>()? {
            let Some(user) = fact.value.user.clone().or_else(|| default_user.clone()) else {
                plan.warn(format!(
                    "A key that `{}` authorizes for the default user is left out: no element \
                     says who that is.",
                    fact.provider
                ));
                continue;
            };
            let lines = keys.entry(user).or_default();
            if !lines.contains(&fact.value.key) {
                lines.push(fact.value.key);
            }
        }
        let answer = if self.password_authentication { "yes" } else { "no" };
        plan.file(
            "/etc/ssh/sshd_config.d/60-dibhost.conf",
            format!(
                "# Written by the dibhost element `openssh-server`. The first value counts, so a \
                 file\n# that sorts before this one (cloud-init's `50-cloud-init.conf`) decides.\n\
                 PasswordAuthentication {answer}\nKbdInteractiveAuthentication {answer}\n"
            ),
        )?;
        for (name, authorized_keys) in keys {
            // The default user works as root, as cloud-init would have it.
            let groups = match &default_user {
                Some(user) if *user == name => vec!["sudo".to_owned()],
                _ => Vec::new(),
            };
            plan.user(User { name, groups, authorized_keys, ..User::default() })?;
        }
        Ok(())
    }

    fn run_cleanup(&self, run: &Run<'_>) -> Result<Outcome> {
        let tree = run.rootfs()?;
        let entries = tree.list("/etc/ssh")?;
        let keys = entries.iter().filter(|e| e.name().starts_with("ssh_host_"));
        tree.apply(keys.map(|entry| Change::remove(&entry.path)))?;
        Ok(Outcome::Done)
    }
}

export_element!(OpensshServer);
