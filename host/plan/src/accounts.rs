//! Remarks on accounts that will not do what somebody may expect of them.

use crate::plan::{PlanFinding, PlannedPassword, PlannedUser};
use crate::transaction::Transaction;
use crate::wish::{Bootstrap, Sudo};

/// The program that reads rules, and the package that has it, in every distribution.
const SUDO: &str = "sudo";

/// A rule that nothing may read, and a password that is to be changed and that nobody has.
pub(crate) fn remarks(
    users: &[PlannedUser],
    passwords: &[PlannedPassword],
    transactions: &[Transaction],
) -> Vec<PlanFinding> {
    let rule = users.iter().filter(|user| user.user.sudo.is_some_and(Sudo::is_root));
    let unread = rule.filter(|user| !sudo_comes_by(user, transactions)).map(|user| {
        let (name, phase) = (&user.user.name, user.phase);
        remark(
            user,
            format!("`{name}` is to be root by `sudo`, and nobody wishes for the package `sudo` in `{phase}` or before it: the build fails there, unless another package brings it"),
            format!("have an element wish for the package `sudo`, or for `{name}` in a later phase"),
        )
    });
    let has_password = |user: &PlannedUser| {
        users.iter().any(|u| u.user.name == user.user.name && u.user.password_hash.is_some())
            || passwords.iter().any(|password| password.user == user.user.name)
    };
    let to_change = users.iter().filter(|user| user.user.change_password && !has_password(user));
    let stuck = to_change.map(|user| {
        let name = &user.user.name;
        remark(
            user,
            format!("the password of `{name}` is to be changed at the first login, and nobody gives it one: nobody can log in with it, not by a key either"),
            format!("give `{name}` a password or the hash of one, or have nothing to be changed"),
        )
    });
    unread.chain(stuck).collect()
}

fn sudo_comes_by(user: &PlannedUser, transactions: &[Transaction]) -> bool {
    transactions.iter().filter(|transaction| transaction.before <= user.phase).any(|transaction| {
        let first = transaction.bootstrap.as_ref().map(|first| &first.source);
        let in_first_tree = matches!(first, Some(Bootstrap::Distribution(first))
            if first.packages.iter().any(|name| name == SUDO));
        in_first_tree || transaction.install.iter().any(|package| package.name == SUDO)
    })
}

fn remark(user: &PlannedUser, message: String, help: String) -> PlanFinding {
    PlanFinding {
        element: user.wanted_by.first().cloned(),
        phase: Some(user.phase),
        location: None,
        message,
        help: Some(help),
    }
}
