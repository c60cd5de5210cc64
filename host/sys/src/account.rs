//! Who runs the program, and whose home is where.

use std::path::PathBuf;

/// Whether the effective user is root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The home folder of a user, as the builder's account database has it.
#[must_use]
pub fn home_of(user: &str) -> Option<PathBuf> {
    nix::unistd::User::from_name(user).ok().flatten().map(|user| user.dir)
}

/// The name of whoever runs this, as the builder's account database has it.
#[must_use]
pub fn own_name() -> Option<String> {
    let id = nix::unistd::Uid::effective();
    nix::unistd::User::from_uid(id).ok().flatten().map(|user| user.name)
}
