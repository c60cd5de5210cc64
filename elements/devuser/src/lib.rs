//! A user to work with, whom the person who builds logs in as: keys, groups, a password, and root by
//! `sudo`.

use dibhost_element_sdk::{
    Choice, Description, Element, Finding, Parameters, Phase, Plan, Result, SecretParameter, Step,
    Sudo, User, description, export_element, names,
};

/// Whether the user may run anything as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Choice)]
pub enum Root {
    /// No.
    None,
    /// Once it typed its password.
    Password,
    /// Without one.
    Nopasswd,
}

/// The element.
#[derive(Parameters)]
pub struct Devuser {
    /// The user's name.
    #[parameter(default = "devuser")]
    username: String,
    /// Who may log in: lines of `authorized_keys`. None: the person who builds.
    #[parameter(default = [])]
    authorized_keys: Vec<String>,
    /// Groups it is in besides its own.
    #[parameter(default = [])]
    groups: Vec<String>,
    /// What it works with; none: the distribution's own.
    shell: Option<String>,
    /// Whether it may run anything as root: `none`, `password`, `nopasswd`.
    #[parameter(default = "none")]
    sudo: Root,
    /// Its password; none: it has none, and logs in by key alone.
    password: Option<SecretParameter>,
}

impl Element for Devuser {
    fn describe() -> Description {
        description!()
            .step(Step::planning(Phase::Install))
            .request("accounts", "*", "the definition says who")
            .request("accounts-sudo", "*", "where `sudo` says so")
            .request("packages", "sudo", "where `sudo` says so")
            .request("builder", "authorized-keys", "the person who builds may log in")
            .request("secret", "place password", "the user's password")
    }

    fn plan_install(&self, plan: &Plan<'_>) -> Result<()> {
        if let Some(shell) = self.shell.as_deref().filter(|shell| !names::is_plain_path(shell)) {
            plan.find(
                Finding::refusal(format!("`{}` is no shell.", shell.escape_debug()))
                    .about("shell")
                    .help("Write its path: `/bin/bash`."),
            );
            return Ok(());
        }
        let authorized_keys = match &self.authorized_keys {
            keys if keys.is_empty() => plan.builder_keys()?,
            keys => keys.clone(),
        };
        if authorized_keys.is_empty() && self.password.is_none() {
            plan.find(
                Finding::warning(format!("Nobody can log in as `{}`.", self.username))
                    .about("authorized-keys")
                    .help("Name a key or a password, or make a key with `ssh-keygen`."),
            );
        }
        let sudo = match self.sudo {
            Root::None => None,
            Root::Password => Some(Sudo::Password),
            Root::Nopasswd => Some(Sudo::Nopasswd),
        };
        if sudo.is_some() {
            plan.package("sudo", "the user is root by it")?;
        }
        plan.user(User {
            name: self.username.clone(),
            groups: self.groups.clone(),
            shell: self.shell.clone(),
            authorized_keys,
            sudo,
            ..User::default()
        })?;
        match &self.password {
            Some(password) => plan.set_password(&self.username, &plan.secret(password)?),
            None => Ok(()),
        }
    }
}

export_element!(Devuser);
