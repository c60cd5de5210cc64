//! Groups and users.

use std::collections::BTreeMap;

use dibhost_text::shell_word;

use super::script::{Script, names};
use crate::plan::{Plan, PlannedUser};
use crate::wish::Sudo;

const FUNCTIONS: &str = r#"
home() { field passwd "$1" 6; }
keys() { grep -qxF -e "$2" "$(home "$1")/.ssh/authorized_keys"; }
member() { id -nG "$1" | tr ' ' '\n' | grep -qx -e "$2"; }
# A password: a hash, and neither none nor locked.
password() { field shadow "$1" 2 | grep -q '^[$]'; }
"#;

/// Those that were wished for.
pub(super) fn groups(plan: &Plan, script: &mut Script) {
    script.functions(FUNCTIONS);
    for group in &plan.groups {
        let (what, name) = (format!("group {}", group.name), shell_word(&group.name));
        let by = names(&group.wanted_by);
        match group.gid {
            Some(gid) => {
                script.line("look", &what, &by, &format!("{gid} \"$(field group {name} 3)\""));
            }
            None => script.line("has", &what, &by, &format!("getent group {name}")),
        }
    }
}

/// Those that were wished for; what a later phase says of one holds.
pub(super) fn users(plan: &Plan, script: &mut Script) {
    let users: BTreeMap<_, _> =
        plan.users.iter().map(|user| (user.user.name.as_str(), user)).collect();
    for user in users.into_values() {
        one(user, script);
    }
    for password in &plan.passwords {
        let rest = format!("password {}", shell_word(&password.user));
        let what = format!("password of {}", password.user);
        script.line("has", &what, &names(&password.wanted_by), &rest);
    }
}

fn one(planned: &PlannedUser, script: &mut Script) {
    let (user, by) = (&planned.user, names(&planned.wanted_by));
    let (name, word) = (&user.name, shell_word(&user.name));
    script.line("has", &format!("user {name}"), &by, &format!("getent passwd {word}"));
    let fields = [
        ("number", 3, user.uid.map(|uid| uid.to_string())),
        ("group", 4, user.gid.map(|gid| gid.to_string())),
        ("home", 6, user.home.clone()),
        ("shell", 7, user.shell.clone()),
    ];
    for (what, field, wanted) in fields {
        if let Some(wanted) = wanted {
            let rest = format!("{} \"$(field passwd {word} {field})\"", shell_word(&wanted));
            script.line("look", &format!("{what} of {name}"), &by, &rest);
        }
    }
    if let Some(comment) = &user.comment {
        let rest = format!("{} \"$(field passwd {word} 5 | cut -d, -f1)\"", shell_word(comment));
        script.line("look", &format!("comment of {name}"), &by, &rest);
    }
    for group in &user.groups {
        let rest = format!("member {word} {}", shell_word(group));
        script.line("has", &format!("{name} in group {group}"), &by, &rest);
    }
    for key in &user.authorized_keys {
        let rest = format!("keys {word} {}", shell_word(key));
        script.line("has", &format!("key of {name}"), &by, &rest);
    }
    if user.password_hash.is_some() {
        script.line("has", &format!("password of {name}"), &by, &format!("password {word}"));
    }
    let rule = format!("[ -e /etc/sudoers.d/dibhost-{word} ]");
    match user.sudo {
        Some(Sudo::Password | Sudo::Nopasswd) => {
            script.line("has", &format!("sudo of {name}"), &by, &rule);
        }
        Some(Sudo::None) => script.line("lacks", &format!("sudo of {name}"), &by, &rule),
        None => (),
    }
    if let Some(day) = &user.expires {
        let rest = format!(
            "\"$(($(date -ud {} +%s) / 86400))\" \"$(field shadow {word} 8)\"",
            shell_word(day)
        );
        script.line("look", &format!("last day of {name}"), &by, &rest);
    }
}
