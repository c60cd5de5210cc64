//! An SSH server that takes keys only; the machine makes its host keys at first boot.

use std::collections::BTreeMap;

use dibhost_element_sdk::slots::{AuthorizedKey, Distribution};
use dibhost_element_sdk::{
    Condition, Description, Element, Parameters, Phase, Plan, Result, Step, UnitState, User,
    description, export_element,
};

/// The element.
#[derive(Parameters)]
pub struct OpensshServer {
    /// Passwords are taken too.
    #[parameter(default = false)]
    password_authentication: bool,
}

/// Families of distributions that call the unit `ssh.service`, and those that call it `sshd.service`.
const DEBIAN: &[&str] = &["debian"];
const OTHERS: &[&str] = &["fedora", "rhel", "suse"];

impl Element for OpensshServer {
    fn describe() -> Description {
        let family = |names: &[&str]| Condition::family(names.iter().copied());
        description!()
            // No host key is in the image.
            .requires("runtime-ssh-host-keys")
            .step(
                Step::planning(Phase::Install)
                    .may_consume::<Distribution>()
                    .consumes::<AuthorizedKey>(),
            )
            .request("packages", "openssh-server", "the server")
            .request_when([family(DEBIAN)], "services", "ssh.service", "the server is started")
            .request_when([family(OTHERS)], "services", "sshd.service", "the server is started")
            .request("accounts", "*", "to write the keys that other elements authorize, whosever")
            .request("rootfs", "write /etc/ssh/sshd_config.d", "its settings")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        plan.package("openssh-server", "the server")?;
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

        // Whoever is in it may work as root.
        let administrators = match &distribution {
            Some(distribution) if OTHERS.contains(&&*distribution.family) => "wheel",
            _ => "sudo",
        };
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
                Some(user) if *user == name => vec![administrators.to_owned()],
                _ => Vec::new(),
            };
            plan.user(User { name, groups, authorized_keys, ..User::default() })?;
        }
        Ok(())
    }
}

export_element!(OpensshServer);
