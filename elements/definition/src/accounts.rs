//! Users.

use dibhost_element_sdk::{Plan, Result, SecretParameter, Sudo, User};
use schemars::JsonSchema;
use serde::Deserialize;

/// An entry of `[[users]]`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Account {
    name: String,
    #[serde(default)]
    authorized_keys: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    sudo: Option<Rule>,
    /// The parameter that names the secret.
    #[serde(default)]
    password: Option<String>,
    #[serde(default)]
    shell: Option<String>,
    #[serde(default)]
    home: Option<String>,
    #[serde(default)]
    uid: Option<u32>,
    #[serde(default)]
    gid: Option<u32>,
    #[serde(default)]
    system: bool,
    #[serde(default)]
    comment: Option<String>,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    change_password: bool,
}

/// A rule of `sudo`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Rule {
    Nopasswd,
    Password,
    None,
}

/// Wishes for them.
pub(crate) fn plan(plan: &Plan<'_>, accounts: &[Account]) -> Result<()> {
    for account in accounts {
        plan.user(User {
            name: account.name.clone(),
            uid: account.uid,
            gid: account.gid,
            home: account.home.clone(),
            shell: account.shell.clone(),
            groups: account.groups.clone(),
            system: account.system,
            authorized_keys: account.authorized_keys.clone(),
            comment: account.comment.clone(),
            sudo: account.sudo.map(|rule| match rule {
                Rule::Nopasswd => Sudo::Nopasswd,
                Rule::Password => Sudo::Password,
                Rule::None => Sudo::None,
            }),
            expires: account.expires.clone(),
            change_password: account.change_password,
            ..User::default()
        })?;
        if let Some(parameter) = &account.password {
            let password = plan.secret(&SecretParameter::named(parameter))?;
            plan.set_password(&account.name, &password)?;
        }
    }
    Ok(())
}
