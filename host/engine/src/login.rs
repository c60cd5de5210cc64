//! By what and until when an account can be logged in with: `/etc/shadow`, changed by the tree's own
//! tools.

use dibhost_definition::date::days_of;
use dibhost_plan::PasswordHash;
use dibhost_plan::wish::User;
use dibhost_tree::{Command, Target, TargetError};
use zeroize::Zeroize as _;

use crate::accounts::expect_success;

/// Sets the hash of a user's password and the day on which it expires, as far as they are wished
/// for.
pub(crate) fn ensure_login(target: &mut dyn Target, user: &User) -> Result<(), TargetError> {
    if let Some(hash) = &user.password_hash {
        set_hash(target, &user.name, hash)?;
    }
    if let Some(day) = &user.expires {
        // Counted here: a date would be taken as that of the image's time zone.
        let days = days_of(day).map_err(|why| {
            TargetError::Invalid(format!("the expiry `{day}` of `{}` {why}", user.name))
        })?;
        chage(target, &["--expiredate", &days.to_string()], &user.name)?;
    }
    Ok(())
}

/// Says that a password has to be changed when it is used first. It says so by the day on which it
/// was changed last, so it comes after whatever sets one.
pub(crate) fn expire_password(target: &mut dyn Target, user: &str) -> Result<(), TargetError> {
    chage(target, &["--lastday", "0"], user)
}

/// The hash goes by standard input, where no other process sees it.
fn set_hash(target: &mut dyn Target, user: &str, hash: &PasswordHash) -> Result<(), TargetError> {
    let Some(hash) = hash.expose() else {
        return Err(TargetError::Invalid(format!(
            "the plan does not have the hash of the password of `{user}`: it was read from its JSON form, which shows none"
        )));
    };
    let mut command = Command {
        program: "chpasswd".to_owned(),
        args: vec!["--encrypted".to_owned()],
        stdin: Some(format!("{user}:{hash}\n").into_bytes()),
        ..Command::default()
    };
    let done = expect_success(target, &command, &mut |_| {});
    command.stdin.zeroize();
    done
}

fn chage(target: &mut dyn Target, words: &[&str], user: &str) -> Result<(), TargetError> {
    let args = words.iter().chain(&["--", user]).map(|word| (*word).to_owned()).collect();
    let command = Command { program: "chage".to_owned(), args, ..Command::default() };
    expect_success(target, &command, &mut |_| {})
}
