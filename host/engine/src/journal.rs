//! What changed the tree from when on: so that what cannot be in an image is told with who made it.
//!
//! A node says when it was born, and the journal what was under way then. A tree that an earlier build
//! made is born when it is laid down, before all of this: then nothing is known but who may write.

use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use dibhost_plan::grant::{Access, Right};
use dibhost_plan::{Plan, Step};
use dibhost_text::quoted_list;
use dibhost_tree::{Scope, TargetPath, Tree};

/// How much earlier than it was a node may say that it was born: the kernel looks at the clock a hundred
/// times a second.
const TICK: Duration = Duration::from_millis(10);

/// What began to change the tree, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    begun: Vec<(SystemTime, String)>,
}

impl Journal {
    /// A step that may write the tree begins.
    pub(crate) fn step(&mut self, step: &Step) {
        let name = step.name.as_deref().unwrap_or(step.phase.name());
        self.begins(format!("`{}` made it in `run({name})`", step.element));
    }

    /// Another action of the plan begins.
    pub(crate) fn action(&mut self, name: &str) {
        self.begins(format!("it is there since the action `{name}`"));
    }

    fn begins(&mut self, what: String) {
        self.begun.push((SystemTime::now(), what));
    }

    /// Who made what is at a path of the tree, as the end of a sentence; none: nobody knows.
    pub(crate) fn maker(&self, tree: &mut dyn Tree, plan: &Plan, path: &Path) -> Option<String> {
        let path = known(path)?;
        let born = tree.stat(&Scope::all(), &path).ok().flatten().and_then(|stat| stat.born);
        let then = born.map(|born| self.then(SystemTime::UNIX_EPOCH + born)).unwrap_or_default();
        if then.is_empty() { may_write(plan, path.as_str()) } else { Some(then.join(", or ")) }
    }

    /// What was under way at a time: two where it is not clear which.
    fn then(&self, born: SystemTime) -> Vec<&str> {
        let ended = |at: usize| self.begun.get(at + 1).map(|(next, _)| *next);
        let all = self.begun.iter().enumerate();
        all.filter(|(at, (begun, _))| {
            *begun <= born + TICK && ended(*at).is_none_or(|ended| born <= ended)
        })
        .map(|(_, (_, what))| what.as_str())
        .collect()
    }
}

/// The path, or that of the nearest folder above that can be asked for.
fn known(path: &Path) -> Option<TargetPath> {
    let plain =
        path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    path.ancestors().filter(|_| plain).find_map(|path| TargetPath::new(path.to_str()?).ok())
}

/// Who may write there in its own steps.
fn may_write(plan: &Plan, path: &str) -> Option<String> {
    let asked = Right::Rootfs(Access::Write, path.to_owned());
    let may = |right: &Right| matches!(right, Right::Exec(_)) || right.covers(&asked);
    let elements = plan.elements.iter().filter(|e| e.grants.iter().any(|g| may(&g.right)));
    let names: Vec<String> = elements.map(|element| element.name.clone()).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("of the elements only `{one}` may make it")),
        several => Some(format!("of the elements {} may make it", quoted_list(several))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    #[test]
    fn what_was_under_way_made_it_and_two_where_it_is_not_clear() {
        let begun = [(1000, "packages"), (2000, "one"), (3000, "two")];
        let begun = begun.map(|(millis, what)| (at(millis), what.to_owned())).to_vec();
        let journal = Journal { begun };
        for (born, made) in [
            (500, &[][..]),
            (995, &["packages"]),
            (1500, &["packages"]),
            (1995, &["packages", "one"]),
            (2005, &["one"]),
            (2989, &["one"]),
            (9000, &["two"]),
        ] {
            assert_eq!(journal.then(at(born)), made, "{born}");
        }
        assert!(Journal::default().then(at(1)).is_empty());
    }

    #[test]
    fn a_path_that_cannot_be_asked_for_is_known_by_a_folder_above() {
        let text = |path: &str| known(Path::new(path)).map(|path| path.as_str().to_owned());
        assert_eq!(text("/a/b").as_deref(), Some("/a/b"));
        let long = format!("/{}", ["d"; 3000].join("/"));
        assert!(long.starts_with(&text(&long).unwrap()));
        assert_eq!(text("/a/../b"), None);
    }
}
