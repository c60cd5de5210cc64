//! Symbolic links of the tree, where what the host makes is to go through none.

use dibhost_tree::{Scope, Target, TargetError, TargetPath};

/// The first symbolic link on the way to a path of the tree, itself included, and what it says.
pub(crate) fn link_on_the_way(
    tree: &mut dyn Target,
    path: &str,
) -> Result<Option<(TargetPath, String)>, TargetError> {
    let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
    for end in ends.chain([path.len()]) {
        let part =
            TargetPath::new(&path[..end]).map_err(|e| TargetError::Invalid(e.to_string()))?;
        let stat = tree.stat(&Scope::all(), &part)?;
        if let Some(to) = stat.and_then(|stat| stat.link_target) {
            return Ok(Some((part, to)));
        }
    }
    Ok(None)
}
