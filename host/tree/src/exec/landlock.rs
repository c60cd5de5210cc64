//! Landlock, where the kernel has it: a second lock on paths, for what a descriptor of elsewhere or
//! a hole in the namespaces would let through.
//!
//! Files are reached below the tree's root only, whatever descriptor they are asked for by. No
//! node of a device is made: dpkg makes none, and in a tree or an image none is looked for. Devices
//! take no requests but terminals. Sockets without a name in the filesystem and signals stay
//! within the box.

use dibhost_check::Check;
use landlock::{
    ABI, Access as _, AccessFs, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope, make_bitflags,
};

use crate::error::TargetError;

/// Linux 6.12: what is asked for. Older kernels give what they have.
const WANTED: ABI = ABI::V6;

/// Devices that answer questions (`isatty`).
const TERMINALS: [&str; 2] = ["/dev/pts", "/dev/tty"];

/// Restricts this process and all that come of it; its root is the tree.
pub(super) fn restrict() -> Result<(), TargetError> {
    if !Check::ProgramLandlock.holds() {
        return Ok(());
    }
    rules().map_err(|message| TargetError::Os {
        doing: "restricting a program by Landlock".to_owned(),
        name: "landlock".to_owned(),
        message,
    })
}

fn rules() -> Result<(), String> {
    let open = |path: &str| PathFd::new(path).map_err(|e| e.to_string());
    let (root, terminals) = (open("/")?, TERMINALS.map(open));
    ruleset(root, terminals.into_iter().collect::<Result<_, _>>()?).map_err(|e| e.to_string())
}

fn ruleset(root: PathFd, terminals: Vec<PathFd>) -> Result<(), RulesetError> {
    let all = AccessFs::from_all(WANTED);
    let never: BitFlags<AccessFs> = make_bitflags!(AccessFs::{MakeChar | MakeBlock | IoctlDev});
    let mut rules = Ruleset::default()
        .handle_access(all)?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rule(PathBeneath::new(root, all & !never))?;
    for terminal in terminals {
        rules = rules.add_rule(PathBeneath::new(terminal, AccessFs::IoctlDev))?;
    }
    rules.restrict_self().map(|_| ())
}

/// What this kernel's Landlock does not hold; none when it holds all.
pub(crate) fn missing() -> Option<&'static str> {
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    if strict().handle_access(AccessFs::from_all(ABI::V1)).is_err() {
        Some(
            "this kernel has no Landlock, or it is not switched on (`lsm=landlock,…`): programs in \
             the target are held without it",
        )
    } else if strict().scope(Scope::from_all(WANTED)).is_err() {
        Some(
            "this kernel's Landlock is older than Linux 6.12: programs in the target are held \
             without the rest of it",
        )
    } else {
        None
    }
}
