//! Rules of `sudo`: a file for each user that a rule makes root, in the words of the host.

use dibhost_plan::wish::{Sudo, User};
use dibhost_tree::{Attributes, Change, Command, Scope, Target, TargetError, TargetPath};

use crate::accounts::expect_success;

/// What `sudo` reads at its end, by the order of names: the last rule that fits holds. So ours
/// comes after those of numbered files, as cloud-init has one, and after that of the group `sudo`.
const FOLDER: &str = "/etc/sudoers.d";

/// Writes the rule of a user, where it has one, and has `visudo` of the image look at it. Where
/// there is no `sudo` the build fails: a rule that nothing reads would be a user who only seems to
/// be root.
pub(crate) fn ensure_rule(target: &mut dyn Target, user: &User) -> Result<(), TargetError> {
    let what = match user.sudo {
        None | Some(Sudo::None) => return Ok(()),
        Some(Sudo::Password) => "ALL",
        Some(Sudo::Nopasswd) => "NOPASSWD: ALL",
    };
    let path = |text: &str| TargetPath::new(text).map_err(|e| TargetError::Invalid(e.to_string()));
    let folder = path(FOLDER)?;
    if target.stat(&Scope::all(), &folder)?.is_none() {
        return Err(no_sudo(&user.name));
    }
    // A name with a dot in it would be passed by; names of users have none.
    let file = folder
        .join(&format!("dibhost-{}", user.name))
        .map_err(|e| TargetError::Invalid(e.to_string()))?;
    let content = format!("{} ALL=(ALL:ALL) {what}\n", user.name).into_bytes();
    // What others may write, `sudo` does not read.
    let attributes = Attributes { mode: Some(0o440), ..Attributes::default() };
    let write = Change::Write { path: file.clone(), content, attributes };
    target.apply(&Scope::own(), &[write])?;
    let command = Command {
        program: "visudo".to_owned(),
        args: vec!["-c".to_owned(), "-f".to_owned(), file.to_string()],
        ..Command::default()
    };
    expect_success(target, &command, &mut |_| {}).map_err(|error| match error {
        TargetError::NotFound(_) => no_sudo(&user.name),
        error => error,
    })
}

fn no_sudo(user: &str) -> TargetError {
    TargetError::Conflict(format!(
        "`{user}` is to be root by `sudo`, which is not in the image; wish for the package `sudo` in this phase or an earlier one, or for the user in a later one"
    ))
}
