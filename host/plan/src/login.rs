//! Whether anybody can log in to a machine of the image.

use crate::plan::{Plan, PlanFinding};

/// Who starts a machine has a boot loader in the image; a container has none.
const LOADER: &str = "dib:boot/loader@1";
const KEY: &str = "dib:users/authorized-key@1";

/// Packages that make an account of what a machine is given where it starts.
const AT_BOOT: [&str; 4] = ["afterburn", "cloud-init", "ignition", "waagent"];

/// A machine that nobody can log in to, as far as the plan tells.
pub(crate) fn nobody(plan: &Plan) -> Option<PlanFinding> {
    let given = |slot: &str| plan.facts.iter().any(|fact| fact.slot == slot);
    let by_user = plan
        .users
        .iter()
        .any(|user| !user.user.authorized_keys.is_empty() || user.user.password_hash.is_some());
    let at_boot = plan.transactions.iter().flat_map(|transaction| &transaction.install);
    let at_boot = at_boot.into_iter().any(|package| AT_BOOT.contains(&package.name.as_str()));
    if !given(LOADER) || given(KEY) || by_user || at_boot || !plan.passwords.is_empty() {
        return None;
    }
    Some(PlanFinding {
        element: None,
        phase: None,
        location: None,
        message: "nobody can log in to a machine of this image: no user has a key or a password, and \
                  nothing makes one while it boots"
            .to_owned(),
        help: Some(
            "add `local-config`, which gives your own key to the default user, `cloud-init`, or an \
             element that makes a user"
                .to_owned(),
        ),
    })
}
