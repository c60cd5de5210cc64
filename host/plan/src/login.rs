//! Who can log in to a machine of the image, as far as the plan knows: by what was wished for, not by
//! what a package brings.

use std::collections::BTreeMap;

use crate::plan::{Plan, PlanFinding};
use crate::wish::{Sudo, UnitState, User};

/// Packages that have a server of SSH in them, on one distribution or the other.
const SERVERS: [&str; 3] = ["openssh-server", "openssh", "dropbear"];

/// Packages that give users and keys to a machine when it first starts.
const AT_BOOT: [&str; 4] = ["cloud-init", "afterburn", "ignition", "waagent"];

/// The unit of the element `dynamic-login`, which lets root in at every boot.
const BY_COMMAND_LINE: &str = "dibhost-dynamic-login.service";

/// Who starts a machine has a boot loader in the image; a container has none.
const LOADER: &str = "dib:boot/loader@1";

/// Someone who can log in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// How, the end of a sentence that begins with the user: `by SSH with 2 keys`.
    pub how: String,
}

impl Plan {
    /// Who can log in, by name; whoever is let in at the first boot at the end. Nobody: what is built is a
    /// machine that only a console without a password, or a mounted disk, lets in.
    #[must_use]
    pub fn logins(&self) -> Vec<Login> {
        // The last is what was wished for in all phases.
        let users: BTreeMap<&str, &User> =
            self.users.iter().map(|user| (user.user.name.as_str(), &user.user)).collect();
        let mut names: Vec<&str> = users.keys().copied().collect();
        names.extend(self.passwords.iter().map(|password| password.user.as_str()));
        names.sort_unstable();
        names.dedup();
        let mut logins: Vec<Login> =
            names.iter().filter_map(|name| self.login(name, users.get(name).copied())).collect();
        logins.extend(self.at_first_boot());
        logins.extend(self.by_command_line());
        logins
    }

    /// A machine that nobody can log in to.
    pub(crate) fn nobody_logs_in(&self) -> Option<PlanFinding> {
        let starts = self.facts_of(LOADER).next().is_some();
        (starts && self.logins().is_empty()).then(|| PlanFinding {
            element: None,
            phase: None,
            location: None,
            message: "nobody can log in to a machine of this image: no user has a key or a \
                      password, and nothing makes one while it boots"
                .to_owned(),
            help: Some(
                "add `[[users]]` with `authorized-keys`, `local-config`, which gives your own key \
                 to the default user, or `cloud-init`"
                    .to_owned(),
            ),
        })
    }

    /// Users who may be root and cannot log in: a key was forgotten.
    pub(crate) fn locked_out(&self) -> Vec<PlanFinding> {
        let users: BTreeMap<&str, &User> =
            self.users.iter().map(|user| (user.user.name.as_str(), &user.user)).collect();
        let given = self.at_first_boot().map(|login| login.user);
        let locked_out = users.iter().filter(|(name, user)| {
            matches!(user.sudo, Some(Sudo::Nopasswd | Sudo::Password))
                && self.login(name, Some(user)).is_none()
                && given.as_deref() != Some(**name)
        });
        locked_out
            .map(|(name, _)| PlanFinding {
                element: None,
                phase: None,
                location: None,
                message: format!("`{name}` may be root by `sudo` and has neither key nor password"),
                help: Some("add `authorized-keys` or `password` to its `[[users]]`".to_owned()),
            })
            .collect()
    }

    fn login(&self, name: &str, user: Option<&User>) -> Option<Login> {
        let mut ways = Vec::new();
        let keys = user.map_or(0, |user| user.authorized_keys.len());
        if keys > 0 {
            let keys = format!("by SSH with {keys} {}", if keys == 1 { "key" } else { "keys" });
            let server = if self.has_ssh() { "" } else { ", if a package brings a server of it" };
            ways.push(keys + server);
        }
        if let Some(password) = self.passwords.iter().find(|p| p.user == name) {
            ways.push(format!("with the password that the secret `{}` is", password.secret));
        } else if user.is_some_and(|user| user.password_hash.is_some()) {
            ways.push("with the password whose hash is given".to_owned());
        }
        if ways.is_empty() {
            return None;
        }
        let mut how = ways.join(" or ");
        match user.and_then(|user| user.sudo) {
            Some(Sudo::Nopasswd) => how.push_str("; is root by `sudo`, without a password"),
            Some(Sudo::Password) => how.push_str("; is root by `sudo`, with the password"),
            Some(Sudo::None) | None => {}
        }
        Some(Login { user: name.to_owned(), how })
    }

    fn at_first_boot(&self) -> Option<Login> {
        let by = AT_BOOT.into_iter().find(|name| self.installs(&[name]))?;
        let system = self.facts_of("dib:os/distribution@1").next();
        let user = system.and_then(|fact| fact.value["default-user"].as_str()).unwrap_or("root");
        let how =
            format!("with the keys or the password that {by} is given where the machine runs");
        Some(Login { user: user.to_owned(), how })
    }

    fn by_command_line(&self) -> Option<Login> {
        let mut states = self.unit_states.iter();
        let read =
            states.any(|unit| unit.state == UnitState::Enabled && unit.unit == BY_COMMAND_LINE);
        read.then(|| Login {
            user: "root".to_owned(),
            how: "with the key or the password that the kernel's command line names".to_owned(),
        })
    }

    fn has_ssh(&self) -> bool {
        let enabled = |unit: &str| matches!(unit, "ssh.service" | "sshd.service" | "ssh.socket");
        let mut states = self.unit_states.iter();
        self.installs(&SERVERS)
            || states.any(|unit| unit.state == UnitState::Enabled && enabled(&unit.unit))
    }

    fn installs(&self, names: &[&str]) -> bool {
        let mut packages = self.transactions.iter().flat_map(|t| &t.install);
        packages.any(|package| names.contains(&package.name.as_str()))
    }
}
